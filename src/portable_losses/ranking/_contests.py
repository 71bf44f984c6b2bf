"""The logistic loss of all pairs of items of a list that differ in relevance."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from .._numerics.loops import against
from ..typing import Array, Axis, Namespace
from ._list import same_infinity

Weigh = Callable[[slice], Array]
"""A function from a piece of the items to the weights of its pairs."""


class Contests(NamedTuple):
    """Some pairs of items."""

    piece: slice
    """The first items of the pairs; the second items are all."""
    sign: Array
    """1 if the first is more relevant, -1 if the second is, and 0 if they are equally relevant."""
    lead: Array
    """The score of the less relevant item minus that of the other; 0 if they are equal."""


def _contests(xp: Namespace, axis: Axis, pred: Array, target: Array) -> Iterator[Contests]:
    for piece in xp.pieces(pred, axis):
        here, there = against(target, piece, axis)
        sign = xp.astype(here > there, pred.dtype) - xp.astype(here < there, pred.dtype)
        first, second = against(pred, piece, axis)
        level = (sign == 0) | same_infinity(xp, first, second)
        yield Contests(piece, sign, sign * xp.where(level, 0.0, second - first))


Term = Callable[[Namespace, Contests], Array]


def _cost(xp: Namespace, contests: Contests) -> Array:
    return 0.5 * xp.abs(contests.sign) * xp.softplus(contests.lead)  # each pair occurs twice


def _push(xp: Namespace, contests: Contests) -> Array:
    return contests.sign * xp.sigmoid(contests.lead)


def _bend(xp: Namespace, contests: Contests) -> Array:
    return xp.abs(contests.sign) * xp.logistic_density(contests.lead)


def _sums(
    xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None, *terms: Term
) -> list[Array]:
    """Add up terms over the pairs of each item; a NaN score yields NaN even without a pair."""
    sums = [xp.where(pred == pred, 0.0, pred) for _ in terms]
    for contests in _contests(xp, axis, pred, target):
        each = [term(xp, contests) for term in terms]
        if weigh is not None:
            weight = weigh(contests.piece)
            each = [xp.weighted(weight, term) for term in each]
        sums = [total + xp.piece_sum(term, axis) for total, term in zip(sums, each, strict=True)]
    return sums


def cost(
    xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None
) -> Array:
    """Add up softplus(lead) over the pairs of each list."""
    (total,) = _sums(xp, axis, pred, target, weigh, _cost)
    return xp.squeeze(xp.row_sum(total, axis), axis=axis)


def cost_and_push(
    xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None
) -> tuple[Array, Array]:
    """Return the sum, and its derivative: the probabilities of the wrong outcomes."""
    total, slope = _sums(xp, axis, pred, target, weigh, _cost, _push)
    return xp.squeeze(xp.row_sum(total, axis), axis=axis), slope


def bend(
    xp: Namespace, axis: Axis, pred: Array, target: Array, weigh: Weigh | None = None
) -> Array:
    """Return the second derivative: the products of the probabilities of both outcomes."""
    return _sums(xp, axis, pred, target, weigh, _bend)[0]
