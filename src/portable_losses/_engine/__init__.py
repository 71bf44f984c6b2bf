"""The engine: from a call to a result, the same for every loss and every array library.

==============  ==================================================================
module          content
==============  ==================================================================
`signature`     core dimensions, domains and parameters of a formula
`parameters`    types and ranges of Python parameters
`formulas`      value and derivatives of a loss, and autodiff for missing ones
`docstrings`    the common options and errors in the docstring of each loss
`arrays`        one library, one device, real numbers, dtypes
`names`         what other libraries call options, arguments and losses
`cures`         the option or expression that was meant where shapes do not agree
`shapes`        the signature that fits, core axes, shapes that agree
`plan`          all that follows from libraries, dtypes, ranks and options
`layout`        a plan with checked shapes
`call`          a layout with arrays
`weights`       weights, masks, labels, and elements that are left out
`reduction`     losses and gradients of a part, and the reduction of the whole
`evaluate`      the path of a call through all of these
==============  ==================================================================
"""
