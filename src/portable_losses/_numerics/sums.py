"""Sums with their rounding errors, for rows whose sign or order depends on them."""

from ..typing import Array, Axis, Namespace
from .namespace import building_block


@building_block
def two_sum(xp: Namespace, x: Array, y: Array) -> tuple[Array, Array]:
    """Return x + y, rounded, and its rounding error, 0 where the sum is not finite (Knuth).

    Compilers may not simplify it, by the rules of floating-point arithmetic.
    """
    total = x + y
    virtual = total - x
    error = (x - (total - virtual)) + (y - virtual)
    return total, xp.where(xp.isnan(error), 0.0, error)


@building_block
def running_sum(xp: Namespace, x: Array, rest: Array, axis: Axis) -> tuple[Array, Array]:
    """Return cumulative sums along an axis of numbers and their errors, and the sums' errors.

    A library may add in any order. The error of each step follows from the sum before it.
    """
    total = xp.cumulative_sum(x, axis=axis)
    step, error = xp.two_sum(xp.neighbours(total, axis, -1, 0.0), -total)
    return total, xp.cumulative_sum((step + x) + (error + rest), axis=axis)
