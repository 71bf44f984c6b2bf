"""Contests of the items of a list, each against each: the logistic loss of the pairs that differ in relevance."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from .._compensated import difference
from .._elementary import row_sum, weighted
from .._pairs import against, piece_sum, pieces
from ..typing import Array, Axis, Namespace
from ._list import same_infinity

Weigh = Callable[[slice], Array]
"""From a piece of the items to the weights of its pairs."""


class Contests(NamedTuple):
    """Some pairs of items."""

    piece: slice
    """The first items of the pairs; the second are all."""
    sign: Array
    """1 where the first is the more relevant one, -1 where the second is, and 0 where neither."""
    lead: Array
    """How far the less relevant item is ahead; 0 in pairs that do not count."""
    decay: Array
    """exp(-abs(lead))"""


def _contests(xp: Namespace, axis: Axis, pred: Array, target: Array) -> Iterator[Contests]:
    for piece in pieces(xp, axis, pred):
        here, there = against(axis, target, piece)
        sign = xp.astype(here > there, pred.dtype) - xp.astype(here < there, pred.dtype)
        first, second = against(axis, pred, piece)
        gap, error = difference(xp, second, first)
        lead = sign * xp.where((sign == 0) | same_infinity(xp, first, second), 0.0, gap)
        ahead = lead >= 0
        decay = xp.exp(xp.where(ahead, -lead, lead))
        decay = decay - decay * sign * xp.where(ahead, error, -error)
        yield Contests(piece, sign, lead, decay)


def cost(xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None) -> Array:
    """Add up softplus(lead) over the pairs of each list."""
    total = _nothing(xp, pred)
    for piece, sign, lead, decay in _contests(xp, axis, pred, target):
        each = xp.where(lead >= 0, lead, 0.0) + xp.log1p(decay)
        count = 0.5 * xp.abs(sign)  # each pair is there twice
        total = total + piece_sum(xp, axis, weighted(xp, count if weigh is None else count * weigh(piece), each))
    return xp.squeeze(row_sum(xp, axis, total), axis=axis)


def push(xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None) -> Array:
    """Give the derivative: the probabilities of the wrong outcomes, minus those of the contests in which an item should win."""
    total = _nothing(xp, pred)
    for piece, sign, lead, decay in _contests(xp, axis, pred, target):
        each = sign * (xp.where(lead >= 0, 1.0, decay) / (1 + decay))
        total = total + piece_sum(xp, axis, each if weigh is None else weigh(piece) * each)
    return total


def bend(xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None) -> Array:
    """Give the second derivative: the products of the probabilities of both outcomes."""
    total = _nothing(xp, pred)
    for piece, sign, _, decay in _contests(xp, axis, pred, target):
        each = xp.abs(sign) * (decay / (1 + decay * (2 + decay)))
        total = total + piece_sum(xp, axis, each if weigh is None else weigh(piece) * each)
    return total


def _nothing(xp: Namespace, pred: Array) -> Array:
    """Give zeros to add to; a NaN counts even where there is no pair."""
    return xp.where(pred == pred, 0.0, pred)
