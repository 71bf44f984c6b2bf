"""The gamma function's logarithm, its derivative, and the remainder of Stirling's formula."""

from math import log, nan, pi

from ..typing import Array, Namespace
from .elementwise import polynomial
from .namespace import building_block

_UP_TO = 2.25
"""From here on asymptotic series are used; below it, quotients of polynomials."""

_HALF_LOG_TWO_PI = 0.5 * log(2 * pi)

# The quotients of polynomials, highest power first, were fitted with mpmath at 50 digits: least
# squares at 150 Chebyshev nodes, linearised in the denominator, and reweighted (Lawson) until the
# largest errors are alike. Relative to the result they are at most 3.1e-17, 3.5e-18, 1.8e-18 and
# 2e-17, in their order. The rounding error of a float64 is up to 1.1e-16.

Quotient = tuple[tuple[float, ...], tuple[float, ...]]

_ZEROS = (
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

_STIRLING = (
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
"""The remainder of Stirling's formula for lgamma(1 + w), times w, of 1 / w**2 for w from 2.25."""

_DIGAMMA = (
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

_DIGAMMA_ZERO = (0.4616321325302124, 1.2438149938918909e-08, 4.341643069426251e-25)
"""The zero, in parts: the first has 24 bits, so that float32 subtracts it without rounding."""

_DIGAMMA_STIRLING = (
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


def _quotient(x: Array, polynomials: Quotient) -> Array:
    """Return the quotient of two polynomials."""
    numerator, denominator = polynomials
    return polynomial(x, numerator) / polynomial(x, denominator)


@building_block
def lgamma(xp: Namespace, x: Array) -> Array:
    """Return log(abs(gamma(x))): inf at the poles 0, -1, -2, ... and at both infinities.

    Below 0 the reflection formula yields it from the value at -x.
    """
    # All of these are infinite. They take the branch of a pole, which has no NaN on the way.
    x = xp.where(xp.isinf(x) | (x < -(2.0**60)), -1.0, x)
    value = _log_factorial(xp, xp.where(x >= 1, x - 1, xp.where(x < 0, -x, x)))
    sine = xp.sin(pi * (x - xp.round(x)))
    # The derivative of this product is NaN at a pole; that of abs may be 0.
    size = sine * xp.sign(sine) / pi
    factor = xp.where(x < 0, size, xp.where(x < 1, x, 1.0))
    # 0 - log(1) is 0, where -log(1) is -0.
    return (0 - xp.log(factor)) + xp.where(x < 0, -value, value)


def _log_factorial(xp: Namespace, w: Array) -> Array:
    """Return lgamma(1 + w) for w >= 0, accurate next to its zeros 0 and 1."""
    large = w > _UP_TO
    near, far = xp.where(large, 1.0, w), xp.where(large, w, _UP_TO)
    # This form overflows only where the result does.
    stirling = (far + 0.5) * (xp.log(far) - 1) + (0.5 + _HALF_LOG_TWO_PI + _remainder(far))
    return xp.where(large, stirling, near * (near - 1) * _quotient(near, _ZEROS))


@building_block
def digamma(xp: Namespace, x: Array) -> Array:
    """Return the derivative of lgamma: NaN at the negative poles, -inf or inf at 0."""
    w = xp.where(x >= 1, x - 1, xp.abs(x))
    large = w > _UP_TO
    near, far = xp.where(large, 1.0, w), xp.where(large, w, _UP_TO)
    inverse = 1 / far
    square = inverse * inverse
    stirling = xp.log(far) + (0.5 * inverse - square * _quotient(square, _DIGAMMA_STIRLING))
    first, second, third = _DIGAMMA_ZERO
    between = (near - first - second - third) * _quotient(near, _DIGAMMA)
    fraction = x - xp.round(x)
    fraction = xp.where(fraction == 0, nan, fraction)
    # The cotangent as a quotient of two sines. Neither argument is near pi, so both are accurate.
    cotangent = xp.sin(pi * (0.5 - xp.abs(fraction))) / xp.sin(pi * fraction)
    shift = xp.where(x < 0, pi * cotangent, xp.where(x < 1, 1 / x, 0.0))
    return xp.where(large, stirling, between) - shift


@building_block
def stirling_remainder(xp: Namespace, x: Array) -> Array:
    """Return log(x!) - ((x + 1/2) * log(x) - x + log(2 * pi) / 2) for x > 0.

    It is about 1 / (12 * x). Loader calls it stirlerr.
    """
    small, large = xp.where(x < _UP_TO, x, 1.0), xp.where(x < _UP_TO, _UP_TO, x)
    near = small * (small - 1) * _quotient(small, _ZEROS) - _leading(small, xp.log(small))
    return xp.where(x < _UP_TO, near, _remainder(large))


def stirling_remainder_of_number(x: float) -> float:
    """Return the remainder of a Python number, as `stirling_remainder` does of an array."""
    if x >= _UP_TO:
        return float(_remainder(x))
    return float(x * (x - 1) * _quotient(x, _ZEROS) - _leading(x, log(x)))


def _leading(x: Array, log_x: Array) -> Array:
    """Return Stirling's formula for log(x!) without its remainder."""
    return (x + 0.5) * log_x - x + _HALF_LOG_TWO_PI


def _remainder(large: Array) -> Array:
    inverse = 1 / large
    return inverse * _quotient(inverse * inverse, _STIRLING)


@building_block
def log_factorial_excess(xp: Namespace, count: Array) -> Array:
    """Return log(y!) - (y * log(y) - y) of a count y >= 0: never negative, and 0 at 0.

    It is the smallest negative log-likelihood of a count, at the rate y.
    """
    small, large = xp.where(count < _UP_TO, count, 1.0), xp.where(count < _UP_TO, _UP_TO, count)
    near = small * (small - 1) * _quotient(small, _ZEROS) + (small - xp.xlogy(small, small))
    far = 0.5 * xp.log(large) + (_HALF_LOG_TWO_PI + _remainder(large))
    return xp.where(count < _UP_TO, near, far)
