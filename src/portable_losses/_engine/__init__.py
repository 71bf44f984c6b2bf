"""The engine: from a call to its result, in any library.

==============  ================================================================================
module          duty
==============  ================================================================================
`signature`     what a formula declares: core dimensions, domains, parameters
`parameters`    the types and ranges of Python parameters
`docstrings`    the options and errors that all losses share
`formulas`      the formulas of a loss, and autodiff for what is not registered
`arrays`        the arrays of a call: one library, one device, dtypes
`plan`          what depends on libraries, dtypes, ranks and options
`shapes`        which way a loss is called, and whether shapes agree
`layout`        a plan with shapes
`call`          a layout with arrays
`weights`       weights, masks and labels, of a part or of the whole
`reduction`     losses and gradients of a part, and their reduction
`evaluate`      the way of a call through all of these to its backend
==============  ================================================================================
"""
