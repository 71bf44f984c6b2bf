"""Discounted cumulative gain: what an item is worth, and what its rank leaves of that."""

from math import log
from typing import NamedTuple

from .._compensated import difference, running_sum
from .._elementary import row_sum
from .._namespace import places
from ..typing import Array, Axis, Namespace

_LOG_TWO = log(2)
_LARGE = 60
"""Larger relevances are scaled down, as their gains might overflow; in a ratio of gains that makes no difference."""


class Gains(NamedTuple):
    """The gains 2**y - 1 of the relevances of lists, all divided by one power of 2, which is 1 for ordinary relevances."""

    gain: Array
    power: Array
    """2**y"""
    ideal: Array
    """The discounted cumulative gain of the best order, and 1 where no gain is positive. The item axis stays with size 1."""


def gains_of(xp: Namespace, axis: Axis, target: Array) -> Gains:
    """Return the gains of lists of relevances."""
    excess = xp.floor(xp.max(target, axis=axis, keepdims=True)) - _LARGE
    exponent = xp.where(excess > 0, excess, 0.0)
    two = xp.full_like(target, 2.0)
    power, one = two ** (target - exponent), xp.full_like(exponent, 2.0) ** -exponent
    small = target < 1
    gain = xp.where(small, xp.expm1(_LOG_TWO * xp.where(small, target, 0.0)) * one, power - one)
    ideal = row_sum(
        xp, axis, -xp.sort(-gain, axis=axis) * discount(xp, 1 + places(xp, axis, gain, gain.dtype))
    )
    return Gains(gain, power, xp.where(ideal == 0, 1.0, ideal))


def discount(xp: Namespace, rank: Array) -> Array:
    """Return 1 / log2(1 + rank)."""
    return _LOG_TWO / xp.log1p(rank)


def lost_by_rank(xp: Namespace, axis: Axis, like: Array) -> tuple[Array, Array]:
    """Return what the ranks from 1 have lost of the discount of the first, and what rounding took from that.

    The differences of neighbours are known to the last digits, and so with both parts are those of
    any two ranks.
    """
    rank = 1 + places(xp, axis, like, like.dtype)
    before = xp.where(rank == 1, 1.0, rank - 1)
    step = (_LOG_TWO * xp.log1p(1 / rank)) / (xp.log1p(before) * xp.log1p(rank))
    step = xp.where(rank == 1, 0.0, step)
    return running_sum(xp, axis, step, xp.zeros_like(step))


def swapped(xp: Namespace, relevances: tuple[Array, Array], powers: tuple[Array, Array]) -> Array:
    """Return the differences of the gains of pairs, of their relevances and 2**y: the first minus the second."""
    apart, error = difference(xp, *relevances)
    close = xp.abs(apart) < 1
    lower = xp.where(apart > 0, powers[1], powers[0])
    size = xp.expm1(_LOG_TWO * xp.abs(xp.where(close, apart + error, 0.0)))
    return xp.where(close, xp.sign(apart) * lower * size, powers[0] - powers[1])
