"""Discounted cumulative gain: what an item is worth, and what its rank leaves of that."""

from math import log
from typing import NamedTuple

from .._numerics.loops import against
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
    best = -xp.sort(-gain, axis=axis)
    ideal = xp.row_sum(best * discount(xp, 1 + xp.places(gain, axis, gain.dtype)), axis)
    return Gains(gain, power, xp.where(ideal == 0, 1.0, ideal))


def discount(xp: Namespace, rank: Array) -> Array:
    """Return 1 / log2(1 + rank)."""
    return _LOG_TWO / xp.log1p(rank)


def exchanged(
    xp: Namespace, axis: Axis, gains: Gains, relevance: Array, rank: Array, piece: slice
) -> Array:
    """Return what the exchange of the items of pairs does to the normalized gain, in size.

    Neither the difference of the gains nor that of the discounts cancels.
    """
    first, second = against(rank, piece, axis)
    lower = xp.where(first < second, first, second)
    product = discount(xp, first) * discount(xp, second)
    apart = xp.log1p(xp.abs(first - second) / (1 + lower)) / _LOG_TWO
    share = gains.power / gains.ideal
    return _gap(xp, against(relevance, piece, axis), against(share, piece, axis)) * apart * product


def _gap(xp: Namespace, relevances: tuple[Array, Array], powers: tuple[Array, Array]) -> Array:
    """Return the differences of powers of 2, in size."""
    apart = xp.abs(relevances[0] - relevances[1])
    close = apart < 1
    lower = xp.where(relevances[0] < relevances[1], *powers)
    near = lower * xp.expm1(_LOG_TWO * xp.where(close, apart, 0.0))
    return xp.where(close, near, xp.abs(powers[0] - powers[1]))
