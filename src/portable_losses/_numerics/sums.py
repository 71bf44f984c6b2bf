"""Sums that keep what rounding takes from them, for rows whose sign or order depends on it."""

from ..typing import Array, Axis, Namespace
from .namespace import building_block


@building_block
def two_sum(xp: Namespace, x: Array, y: Array) -> tuple[Array, Array]:
    """Return x + y, rounded, and what rounding took from it: 0 where it is infinite or NaN (Knuth).

    Compilers must not simplify it: they may not, by the rules of floating-point numbers.
    """
    total = x + y
    virtual = total - x
    error = (x - (total - virtual)) + (y - virtual)
    return total, xp.where(xp.isnan(error), 0.0, error)


@building_block
def running_sum(xp: Namespace, x: Array, rest: Array, axis: Axis) -> tuple[Array, Array]:
    """Add up, along an axis, numbers and what they lack: return the sums, and what those lack.

    A library may add in any order. What each step lacks is found from the sum before it.
    """
    total = xp.cumulative_sum(x, axis=axis)
    step, error = xp.two_sum(xp.neighbours(total, axis, -1, 0.0), -total)
    return total, xp.cumulative_sum((step + x) + (error + rest), axis=axis)
