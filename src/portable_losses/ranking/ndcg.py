"""Smooth approximations of the measures of a ranking."""

from collections.abc import Iterator
from math import log
from typing import NamedTuple, Unpack

from .._loss import loss
from .._numerics.loops import against
from ..typing import Array, Axis, Namespace, Number, Positive
from ._gain import Gains, discount, gains_of
from ._list import ABSENT, Gain, ListOptions, Score, read, same_infinity

__all__ = ["approx_ndcg_loss"]

_LOG_TWO = log(2)


@loss("(item),(item)->()", absent=ABSENT)
def approx_ndcg_loss(
    xp: Namespace,
    axis: Axis,
    pred: Score,
    target: Gain,
    /,
    *,
    temperature: Positive = 1.0,
    **options: Unpack[ListOptions],
) -> Array:
    r"""ApproxNDCG: normalised discounted cumulative gain with smooth ranks, times -1.

    Parameters
    ----------
    pred : array
        Predicted scores of the items of a list, which lie along `item_axis`: real numbers; -inf
        marks a place that holds no item.
    target : array
        Relevances of the shape of `pred`: from 0 upwards, often grades from 0 to 4.
    temperature : float or array, default 1.0
        The distance at which the order of two scores counts: positive. A smaller temperature comes
        closer to the true NDCG, and more scores have a gradient of 0.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from -1 for the best order to 0.

    See Also
    --------
    lambdarank_loss : For pairs, with weights from the NDCG.
    listnet_loss : Convex, and without a parameter.

    Notes
    -----
    With scores s, relevances y and the temperature T the loss of a list is

    .. math::

        \ell = -\frac{1}{\mathrm{IDCG}} \sum_i \frac{2^{y_i} - 1}{\log_2(1 + r_i)}, \qquad
        r_i = 1 + \sum_{j \ne i} \sigma \left( \frac{s_j - s_i}{T} \right),

    where IDCG is the same sum with the items in falling order of relevance, and ranks from 1. As T
    tends to 0 the smooth ranks tend to the ranks, and the loss tends to minus the NDCG. For long
    lists only a part of the pairs is in memory at a time.

    With :math:`c_i = -(2^{y_i} - 1)\, D'(r_i)`, the gain that an item loses per rank, where
    :math:`D(r) = 1 / \log_2(1 + r)`, and :math:`\sigma'_{ik} = \sigma'((s_i - s_k) / T)` the
    derivative is

    .. math:: \frac{1}{T\, \mathrm{IDCG}} \sum_i (c_i - c_k)\, \sigma'_{ik}.

    The second derivative is computed from pieces of the pairs as well. The loss is not convex.

    Ties: equal scores share the mean of their ranks, and the order of the list does not matter. A
    list without a relevant item costs 0, not -1. A score of -inf with a relevance of 0 changes
    nothing, so that lists of different lengths can be padded.

    rax has the same loss as ``approx_t12n(ndcg_metric)``; TF-Ranking's T is 0.1 by default.

    References
    ----------
    .. [1] T. Qin, T.-Y. Liu and H. Li, "A General Approximation Framework for Direct Optimization
       of Information Retrieval Measures", Information Retrieval 13, 2010.
       :doi:`10.1007/s10791-009-9124-x`
    .. [2] S. Bruch, M. Zoghi, M. Bendersky and M. Najork, "Revisiting Approximate Metric
       Optimization in the Age of Deep Neural Networks", SIGIR 2019. :doi:`10.1145/3331184.3331347`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.approx_ndcg_loss([2.0, 0.0, 3.0], [1.0, 0.0, 0.0], temperature=0.01))
    -0.63092975...
    >>> pl.approx_ndcg_loss.grad([-1.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    array([ 0.03763788,  0.03763788, -0.07527576])
    """
    pred, target = read(xp, pred, target)
    return _value(xp, axis, gains_of(xp, axis, target), _ranks(xp, axis, pred, temperature))


def _value(xp: Namespace, axis: Axis, gains: Gains, rank: Array) -> Array:
    return xp.squeeze(-xp.row_sum(gains.gain * discount(xp, rank), axis), axis=axis)


def _ranks(xp: Namespace, axis: Axis, pred: Array, temperature: Number) -> Array:
    """Return the smooth ranks; each item counts itself as an equal, with 1/2."""
    rank = xp.where(pred == pred, 0.5, pred)
    for piece in xp.pieces(pred, axis):
        rank = rank + xp.piece_sum(xp.sigmoid(-_apart(xp, axis, pred, piece, temperature)), axis)
    return rank


def _apart(xp: Namespace, axis: Axis, pred: Array, piece: slice, temperature: Number) -> Array:
    """Return the lead of all items over those of a piece, in temperatures."""
    here, there = against(pred, piece, axis)
    return xp.where(same_infinity(xp, here, there), 0.0, there - here) / temperature


class Steps(NamedTuple):
    """The slopes of the ranks of a piece of the items, against all items."""

    piece: slice
    others: Array
    """Whether the two items differ."""
    slope: Array
    """The derivative of the sigmoid of their distance, in temperatures."""
    apart: Array
    """This distance: the lead of the second item."""


def _steps(xp: Namespace, axis: Axis, pred: Array, temperature: Number) -> Iterator[Steps]:
    place = xp.places(pred, axis)
    for piece in xp.pieces(pred, axis):
        here, there = against(place, piece, axis)
        apart = _apart(xp, axis, pred, piece, temperature)
        yield Steps(piece, here != there, xp.logistic_density(apart), apart)


def _slope_of_discount(xp: Namespace, rank: Array) -> Array:
    """Return minus the derivative of the discount."""
    logarithm = xp.log1p(rank)
    return _LOG_TWO / ((1 + rank) * logarithm * logarithm)


def _slope(
    xp: Namespace, axis: Axis, pred: Array, gains: Gains, rank: Array, temperature: Number
) -> Array:
    loss_per_rank = gains.gain * _slope_of_discount(xp, rank)
    total = xp.where(pred == pred, 0.0, pred)
    for piece, _, slope, _ in _steps(xp, axis, pred, temperature):
        here, there = against(loss_per_rank, piece, axis)
        total = total + xp.piece_sum((here - there) * slope, axis)
    return total / temperature


@approx_ndcg_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, pred: Score, target: Gain, /, *, temperature: Positive
) -> tuple[Array, Array]:
    pred, target = read(xp, pred, target)
    gains, rank = gains_of(xp, axis, target), _ranks(xp, axis, pred, temperature)
    return _value(xp, axis, gains, rank), _slope(xp, axis, pred, gains, rank, temperature)


@approx_ndcg_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Score, target: Gain, /, *, temperature: Positive) -> Array:
    pred, target = read(xp, pred, target)
    gains, rank = gains_of(xp, axis, target), _ranks(xp, axis, pred, temperature)
    loss_per_rank = gains.gain * _slope_of_discount(xp, rank)
    curvature = loss_per_rank * (2 + xp.log1p(rank)) / ((1 + rank) * xp.log1p(rank))
    total = xp.where(pred == pred, 0.0, pred)
    own = total
    for piece, others, slope, apart in _steps(xp, axis, pred, temperature):
        here, there = against(loss_per_rank, piece, axis)
        bent, _ = against(curvature, piece, axis)
        slope = xp.where(others, slope, 0.0)
        turn = (there - here) * xp.tanh(0.5 * apart)
        total = total + xp.piece_sum(slope * (turn - bent * slope), axis)
        own = own + xp.piece_sum(slope, axis)
    return (total - curvature * (own * own)) / temperature**2
