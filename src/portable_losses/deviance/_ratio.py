"""How far a ratio is from 1: what deviances are made of."""

from .._compensated import product
from .._elementary import atanh_series, excess_near_zero, quotient
from ..typing import Array, Namespace


def excess_of_ratio(xp: Namespace, x: Array, y: Array) -> Array:
    """Return x / y - 1 - log(x / y) of positive numbers, to the last digits: next to its minimum 0, and where x / y underflows.

    Up to a factor of 2 it is a series in t = (x - y) / (x + y), where the difference is exact: the
    logarithm is 2 * atanh(t), and (x - y) / y - 2 * t is (x - y) / y * t.
    """
    ratio = quotient(xp, x, y)
    near = (ratio > 0.5) & (ratio < 2)
    difference = xp.where(near, x - y, 0.0)
    relative, t = quotient(xp, difference, y), 0.5 * difference / (y + 0.5 * difference)
    square = t * t
    series = t * (relative - 2 * square * atanh_series(xp, square))
    tiny = ratio < float(xp.finfo(x.dtype).smallest_normal)
    # A logarithm of more than 1e30 hardly counts; that of inf would leave NaN.
    log = xp.log(xp.where(near, 1.0, xp.where(tiny, x, xp.minimum(ratio, 1e30)))) - xp.log(
        xp.where(tiny, y, 1.0)
    )
    return series + _far(xp, xp.where(near, 1.0, ratio), log)


def excess_of_known_ratio(xp: Namespace, relative: Array, ratio: Array, log_ratio: Array) -> Array:
    """Return relative - log(ratio), where `ratio` is 1 + `relative`, and each is known to its last digits."""
    near = (relative > -0.5) & (relative < 1)
    far = _far(xp, xp.where(near, 1.0, ratio), xp.where(near, 0.0, log_ratio))
    return excess_near_zero(xp, xp.where(near, relative, 0.0)) + far


def _far(xp: Namespace, ratio: Array, log: Array) -> Array:
    """Return ratio - 1 - log, in the order in which the first step rounds nothing next to 1/2 and to 2."""
    return xp.where(ratio < 1, (-log - 1) + ratio, (ratio - 1) - log)


def rest_of_log_ratio(xp: Namespace, x: Array, y: Array) -> Array:
    """Return what the rounding of the quotient takes from log(x / y), computed as in `special`; 0 for ratios over 100."""
    ratio = x / y
    moderate = (ratio > 0.01) & (ratio < 100)
    tiny = float(xp.finfo(x.dtype).smallest_normal) ** 0.5
    # Products must not overflow, nor be subnormal.
    scale = xp.where(moderate, xp.where(y > 1, tiny, xp.full_like(y, 1 / tiny)), 0.0)
    x, y = x * scale, xp.where(moderate, y * scale, 1.0)
    near = (ratio > 0.5) & (ratio < 2)
    numerator = xp.where(near, x - y, x)
    rounded = numerator / y
    whole, error = product(xp, rounded, y)
    return ((numerator - whole) - error) / (
        y * xp.where(near, 1 + rounded, xp.where(moderate, rounded, 1.0))
    )
