"""Arithmetic that gives, beside a rounded result, what rounding took from it."""

from math import frexp, ldexp
from typing import TypeAlias

from ._namespace import device_of, places
from .typing import Array, Axis, Namespace

Halves: TypeAlias = tuple[Array, Array]
"""Numbers as sums of two, of half as many digits each."""


def difference(xp: Namespace, left: Array, right: Array) -> tuple[Array, Array]:
    """Give left - right, rounded, and what rounding took from it (Knuth's two-sum): nothing where it is infinite or NaN."""
    result = left - right
    virtual = result - left
    error = (left - (result - virtual)) - (right + virtual)
    return result, xp.where(xp.isnan(error), 0.0, error)


def halves(xp: Namespace, x: Array) -> Halves:
    """Split numbers into two of half as many digits, whose products are exact (Veltkamp); not the largest numbers."""
    scaled = x * (2.0**12 + 1 if x.dtype == xp.float32 else 2.0**27 + 1)
    high = scaled - (scaled - x)
    return high, x - high


def lost(result: Array, left: Halves, right: Halves) -> Array:
    """Give what rounding took from a product, of the halves of its factors (Dekker)."""
    return ((left[0] * right[0] - result) + left[0] * right[1] + left[1] * right[0]) + left[1] * right[1]


def product(xp: Namespace, left: Array, right: Array) -> tuple[Array, Array]:
    """Give left * right, rounded, and what rounding took from it; not of the largest numbers."""
    result = left * right
    return result, lost(result, halves(xp, left), halves(xp, right))


def running_sum(xp: Namespace, axis: Axis, x: Array, rest: Array) -> tuple[Array, Array]:
    """Add up, along an axis, numbers and what is missing from them: give the sums, rounded, and what rounding took from them.

    A library may add in any order. What each step lacks is found from the sum before it.
    """
    total = xp.cumulative_sum(x, axis=axis)
    place = xp.arange(x.shape[axis], device=device_of(x))
    before = xp.take(total, xp.where(place == 0, place, place - 1), axis=axis)
    step, error = difference(xp, xp.where(places(xp, axis, x) == 0, 0.0, before), total)
    return total, xp.cumulative_sum((step + x) + (error + rest), axis=axis)


def exp_of_product(xp: Namespace, factor: float, x: Array) -> Array:
    """Give exp(factor * x) without the rounding error of the product, which the exponential multiplies by its size.

    The upper halves of the digits have an exact product, and what it lacks is known. `x` is finite and far from the largest
    number.
    """
    if frexp(factor)[0] in (0.5, -0.5, 0.0):  # the product is exact
        return xp.exp(factor * x)
    half = 27 if x.dtype == xp.float64 else 12
    mantissa, exponent = frexp(factor)
    factor_upper = ldexp(round(ldexp(mantissa, half - 1)), exponent - half + 1)
    scaled = (2.0**half + 1) * x
    upper = scaled - (scaled - x)
    product = factor_upper * upper
    rest = factor_upper * (x - upper) + (factor - factor_upper) * x
    total = product + rest
    exponential = xp.exp(total)
    return exponential + exponential * (rest - (total - product))
