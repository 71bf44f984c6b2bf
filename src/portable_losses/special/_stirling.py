"""Quotients of polynomials that make logarithms of factorials: next to their zeros, and what Stirling's formula lacks."""

from collections.abc import Sequence

from ..typing import Array

# The quotients of polynomials, highest power first, were fitted with mpmath at 50 digits: least
# squares at 150 Chebyshev nodes, linearised in the denominator, and reweighted (Lawson) until the
# largest errors are alike. Relative to the result they are at most 3.1e-17, 3.5e-18, 1.8e-18 and
# 2e-17, in their order. That of a float64 is up to 1.1e-16.

UP_TO = 2.25
"""From here on the asymptotic series, below the quotients between the zeros."""

ZEROS = (
    (
        1.0943413140642157e-06,
        0.0005269965938394532,
        0.01729412944383198,
        0.17712983313852707,
        0.7746979976123708,
        1.6116718461059008,
        1.5720202299986479,
        0.5772156649015329,
    ),
    (
        0.00013471730612492377,
        0.007224634463700888,
        0.11140573766783396,
        0.7272760323914244,
        2.3341202111726966,
        3.8605543697158238,
        3.1483407485679202,
        1.0,
    ),
)
"""lgamma(1 + w) / (w * (w - 1)) for w in [0, 2.25]."""

STIRLING = (
    (
        -0.0016564361891399672,
        0.17397122101049922,
        1.2718515642820059,
        1.8194496618718043,
        0.7523582399188294,
        0.08333333333332689,
    ),
    (2.4622469124879625, 15.920591132850667, 22.125926542257233, 9.061632212337539, 1.0),
)
"""What Stirling's formula for lgamma(1 + w) lacks, times w, of 1 / w**2 for w from 2.25."""

STIRLING_CONSTANT = 1.4189385332046727
"""(1 + log(2 * pi)) / 2"""

DIGAMMA = (
    (
        1.2718696315653692e-05,
        0.0012156977088863365,
        0.02852362168471655,
        0.25975693883662726,
        1.0610187648549452,
        1.9304761320894437,
        1.2503801375034054,
    ),
    (
        2.0573708905176994e-06,
        0.00029706629579160076,
        0.009480910466549409,
        0.11546718708091415,
        0.6481603896725052,
        1.769337309777827,
        2.227458201833157,
        1.0,
    ),
)
"""digamma(1 + w) / (w - zero) for w in [0, 2.25]."""

DIGAMMA_ZERO = (0.4616321325302124, 1.2438149938918909e-08, 4.341643069426251e-25)
"""The zero, in parts: the first has 24 bits, so that it is subtracted exactly in float32 as well."""

DIGAMMA_STIRLING = (
    (
        -0.007050005819121078,
        0.3157762349596023,
        2.0111253113045886,
        2.432591722581847,
        0.8629999308580346,
        0.08333333333327637,
    ),
    (5.454129064035842, 26.70450582628479, 30.189081563589777, 10.455999170087072, 1.0),
)
"""(log(w) + 1 / (2 * w) - digamma(1 + w)) * w**2, of 1 / w**2 for w from 2.25."""


def polynomial_quotient(x: Array, polynomials: tuple[Sequence[float], Sequence[float]]) -> Array:
    """Return the quotient of two polynomials by Horner's rule."""
    values = []
    for first, second, *rest in polynomials:
        value = first * x + second
        for coefficient in rest:
            value = value * x + coefficient
        values.append(value)
    return values[0] / values[1]
