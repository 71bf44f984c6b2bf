"""Discounted cumulative gain: the gain of an item, divided by the logarithm of its rank."""

from math import log
from typing import NamedTuple

from .._numerics.loops import against
from ..typing import Array, Axis, Namespace

_LOG_TWO = log(2)
_LARGE = 60
"""Larger relevances are scaled down: their gains might overflow, and only ratios count."""


class Gains(NamedTuple):
    """The gains of lists as shares of the ideal: the discounted cumulative gain of the best order.

    The ideal counts as 1 where no gain is positive.
    """

    gain: Array
    """2**y - 1"""
    power: Array
    """2**y"""


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
    ideal = xp.where(ideal == 0, 1.0, ideal)
    return Gains(gain / ideal, power / ideal)


def discount(xp: Namespace, rank: Array) -> Array:
    """Return 1 / log2(1 + rank)."""
    return _LOG_TWO / xp.log1p(rank)


def exchanged(
    xp: Namespace, axis: Axis, gains: Gains, relevance: Array, rank: Array, piece: slice
) -> Array:
    """Return how much the normalized gain changes if two items change places, for all pairs.

    Neither the difference of the gains nor that of the discounts cancels.
    """
    first, second = against(rank, piece, axis)
    lower = xp.where(first < second, first, second)
    product = discount(xp, first) * discount(xp, second)
    apart = xp.log1p(xp.abs(first - second) / (1 + lower)) / _LOG_TWO
    return (
        _gap(xp, against(relevance, piece, axis), against(gains.power, piece, axis))
        * apart
        * product
    )


def _gap(xp: Namespace, relevances: tuple[Array, Array], powers: tuple[Array, Array]) -> Array:
    """Return the absolute differences of powers of 2."""
    apart = xp.abs(relevances[0] - relevances[1])
    close = apart < 1
    lower = xp.where(relevances[0] < relevances[1], *powers)
    near = lower * xp.expm1(_LOG_TWO * xp.where(close, apart, 0.0))
    return xp.where(close, near, xp.abs(powers[0] - powers[1]))
