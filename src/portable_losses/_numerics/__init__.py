"""What formulas are made of: one definition of each function, over the array API standard.

Formulas see these functions beside those of the standard, as ``xp.softplus(x)``. A backend may
override any of them, as it may override a function of the standard. Nothing here knows a library.

=================  ==================================================================
module             functions
=================  ==================================================================
`elementwise`      sigmoids, log1p and expm1 with their quotients, guarded divisions
`logarithms`       logarithms of ratios and complements, and their products with numbers
`gamma`            the gamma function's logarithm, the remainder of Stirling's formula
`rows`             softmax and what belongs to it, entries of rows, orders of rows
`sums`             sums that keep what rounding takes
`loops`            steps along an axis, all pairs some at a time
`standard`         dtypes, devices, casts
=================  ==================================================================
"""

from . import elementwise, gamma, logarithms, loops, rows, standard, sums
from .namespace import BLOCKS, ArrayNamespace

__all__ = [
    "BLOCKS",
    "ArrayNamespace",
    "elementwise",
    "gamma",
    "logarithms",
    "loops",
    "rows",
    "standard",
    "sums",
]
