"""The terms of a relative entropy, none of them negative: what is lost where one number stands for another."""

from math import inf

from .._elementary import atanh_series, excess_near_zero, quotient
from ..typing import Array, Namespace


def surplus(xp: Namespace, true: Array, given: Array, step: Array) -> Array:
    """Return true * log(true / given) - true + given, of numbers that are not negative, without a difference that cancels.

    `step` is given - true, which the caller may know to more digits than `given` has. With x = step
    / true the surplus is true * (x - log1p(x)), for which there is a series near 0.
    """
    near = (step > -0.5 * true) & (step < true)
    far = ~(near | (true == 0))
    close = _close(xp, xp.where(near, true, 1.0), xp.where(near, step, 0.0))
    away = _away(xp, xp.where(far, true, 1.0), xp.where(far, given, 2.0), xp.where(far, step, 0.0))
    return xp.where(near, close, xp.where(far, away, given))


def _close(xp: Namespace, true: Array, step: Array) -> Array:
    return true * excess_near_zero(xp, step / true)


def _away(xp: Namespace, true: Array, given: Array, step: Array) -> Array:
    fewer = given < true
    logarithm = log_of_quotient(xp, xp.maximum(true, given), xp.minimum(true, given))
    # To take 1 from the logarithm first keeps the larger terms from an overflow that the result has
    # not.
    return xp.where(fewer, true * (logarithm - 1) + given, step - true * logarithm)


def log_of_quotient(xp: Namespace, larger: Array, smaller: Array) -> Array:
    """Return log(larger / smaller), where the quotient may overflow; where the smaller is 0, inf with the derivative -inf."""
    gone = smaller == 0
    infinite = (1 - xp.where(gone, smaller, 0.5)) * inf
    smaller = xp.where(gone, 1.0, smaller)
    beyond = smaller < larger * (2.0**-120 if larger.dtype == xp.float32 else 2.0**-1000)
    ratio = quotient(xp, xp.where(beyond, 1.0, larger), xp.where(beyond, 1.0, smaller))
    return xp.where(
        gone, infinite, xp.where(beyond, xp.log(larger) - xp.log(smaller), xp.log(ratio))
    )


def log1p_near_zero(xp: Namespace, x: Array) -> Array:
    """Return log1p(x) for x from -1/2 to 1, by its series: that of JAX loses digits near 0."""
    ratio = x / (2 + x)
    square = ratio * ratio
    return 2 * ratio * (1 + square * atanh_series(xp, square))
