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


Term = Callable[[Namespace, Contests], Array]


def _cost(xp: Namespace, contests: Contests) -> Array:
    each = xp.where(contests.lead >= 0, contests.lead, 0.0) + xp.log1p(contests.decay)
    return 0.5 * xp.abs(contests.sign) * each  # each pair is there twice


def _push(xp: Namespace, contests: Contests) -> Array:
    return contests.sign * (
        xp.where(contests.lead >= 0, 1.0, contests.decay) / (1 + contests.decay)
    )


def _bend(xp: Namespace, contests: Contests) -> Array:
    return xp.abs(contests.sign) * (contests.decay / (1 + contests.decay * (2 + contests.decay)))


def _sums(
    xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None, *terms: Term
) -> list[Array]:
    """Add up terms over the pairs of each item; a NaN counts even where there is no pair."""
    sums = [xp.where(pred == pred, 0.0, pred) for _ in terms]
    for contests in _contests(xp, axis, pred, target):
        each = [term(xp, contests) for term in terms]
        if weigh is not None:
            weight = weigh(contests.piece)
            each = [weighted(xp, weight, term) for term in each]
        sums = [total + piece_sum(xp, axis, term) for total, term in zip(sums, each, strict=True)]
    return sums


def cost(
    xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None
) -> Array:
    """Add up softplus(lead) over the pairs of each list."""
    (total,) = _sums(xp, axis, pred, target, weigh, _cost)
    return xp.squeeze(row_sum(xp, axis, total), axis=axis)


def push(
    xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None
) -> Array:
    """Return the derivative: the probabilities of the wrong outcomes, minus those of the contests in which an item should win."""
    return _sums(xp, axis, pred, target, weigh, _push)[0]


def cost_and_push(
    xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None
) -> tuple[Array, Array]:
    """Return both, from contests that are held once."""
    total, slope = _sums(xp, axis, pred, target, weigh, _cost, _push)
    return xp.squeeze(row_sum(xp, axis, total), axis=axis), slope


def bend(
    xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None
) -> Array:
    """Return the second derivative: the products of the probabilities of both outcomes."""
    return _sums(xp, axis, pred, target, weigh, _bend)[0]
