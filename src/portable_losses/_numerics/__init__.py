"""The building blocks of formulas: one definition of each, over the array API standard.

Formulas use them like functions of the standard: ``xp.softplus(x)``. A backend may override any of
them, and any function of the standard. No module here depends on a library.

=================  ==================================================================
module             functions
=================  ==================================================================
`elementwise`      sigmoids, log1p and expm1 with their quotients, guarded divisions
`logarithms`       logarithms of ratios and complements, and their products with numbers
`gamma`            the gamma function's logarithm, the remainder of Stirling's formula
`rows`             the softmax and its parts, entries of rows, orders of rows
`sums`             sums with their rounding errors
`loops`            steps along an axis, all pairs of entries in pieces
`logits`           logits with a bound and a temperature
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
