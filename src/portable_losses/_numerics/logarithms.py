"""Logarithms in entropies and deviances: of ratios, of complements, and times a number."""

from math import inf, log

from ..typing import Array, Namespace
from .elementwise import log1pmx_near_zero
from .namespace import building_block

_LOG_TWO = log(2)


@building_block
def xlog1py(xp: Namespace, x: Array, y: Array) -> Array:
    """Return x * log1p(y), which is 0 where x is 0; its autodiff is finite there."""
    zero = (x == 0) & ((y <= -1) | (y == inf))
    return x * xp.log1p(xp.where(zero, 0.0, y))


@building_block
def log_quotient(xp: Namespace, x: Array, y: Array) -> Array:
    """Return log(x / y) of numbers >= 0; near 0 its error is that of the rounded x / y.

    Far from 1 it uses the quotient of the roots. Neither that quotient nor its derivative
    overflows or underflows.
    """
    ordinary = (x < 2.0**20 * y) & (y < 2.0**20 * x)
    numerator, divisor = xp.where(ordinary, x, xp.sqrt(x)), xp.where(ordinary, y, xp.sqrt(y))
    logarithm = xp.log(xp.safe_divide(numerator, divisor))
    return xp.where(ordinary, logarithm, 2 * logarithm)


@building_block
def log_ratio(xp: Namespace, x: Array, y: Array) -> Array:
    """Return log(x / y) of numbers that are not negative.

    It is accurate for similar numbers: their difference is exact up to a factor of 2.
    """
    near = (0.5 * x <= y) & (0.5 * y <= x)
    close = xp.log1p(xp.safe_divide(xp.where(near, x - y, 0.0), xp.where(near, y, 1.0)))
    far = xp.log_quotient(xp.where(near, 1.0, x), xp.where(near, 1.0, y))
    return xp.where(near, close, far)


@building_block
def i_divergence(xp: Namespace, true: Array, given: Array, difference: Array) -> Array:
    """Return true * log(true / given) - true + given of numbers >= 0: `given` where true is 0.

    `difference` is given - true, which a caller may know more precisely than `given`. Where the two
    numbers are similar the terms cancel; there it is -true * log1pmx(difference / true).
    """
    near = (difference > -0.5 * true) & (difference < true)
    ratio = xp.safe_divide(xp.where(near, difference, 0.0), xp.where(near, true, 1.0))
    settled = near | (true == 0)
    logarithm = xp.log_quotient(xp.where(settled, 1.0, given), xp.where(settled, 1.0, true))
    # The bound is beyond every finite logarithm; inf - inf would be NaN.
    far = difference - true * xp.minimum(logarithm, 1e4)
    return xp.where(near, -true * log1pmx_near_zero(xp, ratio), far)


@building_block
def relative_difference(xp: Namespace, x: Array, y: Array) -> Array:
    """Return (x - y) / x of numbers that are not negative: 1 where y is 0 or x is infinite."""
    one = (y == 0) | xp.isinf(x)
    return xp.safe_divide(xp.where(one, 1.0, x - y), xp.where(one, 1.0, x))


@building_block
def rel_entr(xp: Namespace, x: Array, y: Array) -> Array:
    """Return x * log(x / y): 0 where x is 0, inf where y alone is 0 or one of them is negative."""
    outside = (x <= 0) & (y == y) | (y <= 0) & (x == x)
    logarithm = xp.log_ratio(xp.where(outside, 1.0, x), xp.where(outside, 1.0, y))
    return xp.where((x == 0) & (y >= 0), 0.0, xp.where(outside, inf, x * logarithm))


@building_block
def logit(xp: Namespace, p: Array) -> Array:
    """Return log(p / (1 - p)), without cancellation at its zero 1/2."""
    central = (p > 0.25) & (p < 0.75)
    inner, outer = xp.where(central, p, 0.5), xp.where(central, 0.5, p)
    far = xp.log(outer) - xp.log1p(-outer)
    return xp.where(central, xp.log1p((2 * inner - 1) / (1 - inner)), far)


@building_block
def log1mexp(xp: Namespace, x: Array) -> Array:
    """Return log(1 - exp(-x)) for x >= 0, by expm1 or log1p, whichever does not cancel."""
    small = x < _LOG_TWO
    by_expm1 = xp.log(-xp.expm1(-xp.where(small, x, 1.0)))
    by_log1p = xp.log1p(-xp.exp(-xp.where(small, 1.0, x)))
    return xp.where(small, by_expm1, by_log1p)
