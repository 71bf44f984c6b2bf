"""Arithmetic that gives, beside a rounded result, what rounding took from it."""

from math import factorial, frexp, ldexp, log
from typing import TypeAlias

from ._namespace import neighbours
from .typing import Array, Axis, Namespace

Halves: TypeAlias = tuple[Array, Array]
"""Numbers as sums of two, of half as many digits each."""


def difference(xp: Namespace, left: Array, right: Array) -> tuple[Array, Array]:
    """Return left - right, rounded, and what rounding took from it: nothing where it is infinite or NaN."""
    result, error = _two_sum(left, right)
    return result, xp.where(xp.isnan(error), 0.0, error)


def _two_sum(left: Array, right: Array) -> tuple[Array, Array]:
    """Return left - right, rounded, and what rounding took from it (Knuth's two-sum): NaN where one is infinite."""
    result = left - right
    virtual = result - left
    return result, (left - (result - virtual)) - (right + virtual)


def exp_of_difference(xp: Namespace, left: Array, right: Array) -> Array:
    """Return exp(left - right) without what rounding takes from the difference d: exp(d + error) is exp(d) * (1 + error).

    `left` may be -inf, and is not greater than `right`.
    """
    # What is so far below, also where 1000 is lost in the rounding of a large number, has an
    # exponential of 0 in every dtype. So nothing is infinite, and no selection has to be made,
    # which XLA is slow at.
    near = xp.maximum(left, right - (1000 + xp.abs(right) / 1024))
    result, error = _two_sum(near, right)
    return increased(xp, xp.exp(result), error)


def increased(xp: Namespace, x: Array, share: Array) -> Array:
    """Return x * (1 + share), of a share that would lose its digits in 1 + share.

    torch is told in one operation: its compiler for CPUs keeps exponentials in memory that two
    operations use (2.13, ``should_realize_on_reuse`` in torch/_inductor/ir.py).
    """
    return xp.addcmul(x, x, share) if xp.__name__ == "torch" else x + x * share


def halves(xp: Namespace, x: Array) -> Halves:
    """Split numbers into two of half as many digits, whose products are exact (Veltkamp); not the largest numbers."""
    scaled = x * (2.0**12 + 1 if x.dtype == xp.float32 else 2.0**27 + 1)
    high = scaled - (scaled - x)
    return high, x - high


def lost(result: Array, left: Halves, right: Halves) -> Array:
    """Return what rounding took from a product, of the halves of its factors (Dekker)."""
    return ((left[0] * right[0] - result) + left[0] * right[1] + left[1] * right[0]) + left[
        1
    ] * right[1]


def product(xp: Namespace, left: Array, right: Array) -> tuple[Array, Array]:
    """Return left * right, rounded, and what rounding took from it; not of the largest numbers."""
    result = left * right
    return result, lost(result, halves(xp, left), halves(xp, right))


def running_sum(xp: Namespace, axis: Axis, x: Array, rest: Array) -> tuple[Array, Array]:
    """Add up, along an axis, numbers and what is missing from them: give the sums, rounded, and what rounding took from them.

    A library may add in any order. What each step lacks is found from the sum before it.
    """
    total = xp.cumulative_sum(x, axis=axis)
    step, error = difference(xp, neighbours(xp, axis, total, -1, 0.0), total)
    return total, xp.cumulative_sum((step + x) + (error + rest), axis=axis)


Pair: TypeAlias = tuple[Array, Array]
"""A number with twice the digits: rounded, and what rounding took from it."""


def plus(xp: Namespace, left: Pair, right: Pair) -> Pair:
    """Add numbers of twice the digits, of the same sign."""
    total, error = difference(xp, left[0], -right[0])
    return total, error + left[1] + right[1]


def times(xp: Namespace, left: Pair, right: Pair) -> Pair:
    """Multiply numbers of twice the digits."""
    result, error = product(xp, left[0], right[0])
    return result, error + left[0] * right[1] + left[1] * right[0]


def over(xp: Namespace, left: Pair, right: Pair) -> Pair:
    """Divide numbers of twice the digits."""
    result = left[0] / right[0]
    back, error = product(xp, result, right[0])
    return result, ((left[0] - back) - error + left[1] - result * right[1]) / right[0]


_COEFFICIENTS = tuple(1 / factorial(n) for n in range(13, 1, -1))
_UPPER_LOG = round(log(2) * 2**16) / 2**16
_LOWER_LOG = 1.4286068203094173e-06


def exponential(xp: Namespace, x: Pair) -> tuple[Pair, Pair]:
    """Return exp(x), for x from -800 to 800, as a number of twice the digits, around 1, and two powers of 2 that multiply it.

    There are two, as their product may be less than the smallest number where what it is multiplied
    by is large.

    A library's exponential errs by an ulp, more or less, which a power would multiply. Here the sum
    of the series begins with 1 + x, which is kept with what rounding takes from it; what follows is
    at most 7 % of it.
    """
    turns = xp.floor(x[0] / log(2) + 0.5)
    near, error = difference(xp, x[0] - turns * _UPPER_LOG, turns * _LOWER_LOG)
    series = xp.full_like(near, _COEFFICIENTS[0])
    for coefficient in _COEFFICIENTS[1:]:
        series = series * near + coefficient
    total, taken = plus(xp, difference(xp, near, -xp.ones_like(near)), (series * near * near, 0.0))
    two, half = xp.full_like(near, 2.0), xp.floor(0.5 * turns)
    return difference(xp, total, -taken - total * (error + x[1])), (
        two**half,
        two ** (turns - half),
    )


def exp_of_product(xp: Namespace, factor: float, x: Array) -> Array:
    """Return exp(factor * x) without the rounding error of the product, which the exponential multiplies by its size.

    The upper halves of the digits have an exact product, and what it lacks is known. `x` is finite
    and far from the largest number.
    """
    if frexp(factor)[0] in (0.5, -0.5, 0.0):  # the product is exact
        return xp.exp(factor * x)
    half = 27 if x.dtype == xp.float64 else 12
    mantissa, exponent = frexp(factor)
    factor_upper = ldexp(round(ldexp(mantissa, half - 1)), exponent - half + 1)
    upper, lower = halves(xp, x)
    exact = factor_upper * upper
    rest = factor_upper * lower + (factor - factor_upper) * x
    total = exact + rest
    return increased(xp, xp.exp(total), rest - (total - exact))
