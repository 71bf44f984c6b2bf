"""Losses of the order of the pairs of a list."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Axis, Namespace
from ._contests import Weigh, bend, cost, cost_and_push
from ._gain import exchanged, gains_of
from ._list import ABSENT, LEAST, Gain, ListOptions, Relevance, Score, read

__all__ = ["lambdarank_loss", "ranknet_loss"]


@loss("(item),(item)->()", absent=LEAST)
def ranknet_loss(
    xp: Namespace, axis: Axis, pred: Score, target: Relevance, /, **options: Unpack[ListOptions]
) -> Array:
    r"""RankNet: logistic loss of the pairs of a list.

    Parameters
    ----------
    pred : array
        Predicted scores of the items of a list, which lie along `item_axis`: real numbers; -inf
        marks a place that holds no item.
    target : array
        Relevances of the shape of `pred`: real numbers, of which only the order counts.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats: the sum over the pairs of a list.

    See Also
    --------
    lambdarank_loss : Weights pairs by their effect on the top of the list.
    listmle_loss : For the order as a whole.
    multilabel_margin_loss : With hinges, for relevances of 0 and 1.
    margin_ranking_loss : For given pairs.

    Notes
    -----
    With scores :math:`s` and relevances :math:`y` the loss of a list is

    .. math:: \ell = \sum_{y_i > y_j} \mathrm{softplus}(s_j - s_i),

    the cross-entropy of the outcome of each pair, where item i wins with the probability
    :math:`\sigma(s_i - s_j)`. Nothing overflows. For long lists only a part of the pairs is in
    memory at a time. The time grows with the square of the number of items.

    The derivative of item i is the sum of :math:`\sigma(s_i - s_j)` over the more relevant items j,
    minus the sum of :math:`\sigma(s_j - s_i)` over the less relevant ones. The second derivative is
    the sum of :math:`\sigma(s_i - s_j) \sigma(s_j - s_i)` over both.

    Ties: pairs of equal relevance do not count; in the paper they have a loss unless their scores
    are equal. A pair of equal scores costs log 2. The order of the list does not matter. A list
    without a pair that counts costs 0.

    It is a sum over the pairs, not a mean, so that lists can be padded with scores of -inf and the
    lowest relevance. The mean of the reduction is over lists. rax by default takes the mean over
    the pairs of all lists.

    References
    ----------
    .. [1] C. Burges, T. Shaked, E. Renshaw, A. Lazier, M. Deeds, N. Hamilton and G. Hullender,
       "Learning to Rank Using Gradient Descent", ICML 2005. :doi:`10.1145/1102351.1102363`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.ranknet_loss([2.0, 0.0, 3.0], [1.0, 0.0, 0.0]))
    1.44018969...
    >>> pl.ranknet_loss.grad([0.0, 0.0, 800.0], [2.0, 1.0, 1.0])
    array([-1.5,  0.5,  1. ])
    """
    return cost(xp, axis, *read(xp, pred, target))


@ranknet_loss.value_and_derivative
def _(xp: Namespace, axis: Axis, pred: Score, target: Relevance, /) -> tuple[Array, Array]:
    return cost_and_push(xp, axis, *read(xp, pred, target))


@ranknet_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Score, target: Relevance, /) -> Array:
    return bend(xp, axis, *read(xp, pred, target))


@loss("(item),(item)->()", absent=ABSENT)
def lambdarank_loss(
    xp: Namespace, axis: Axis, pred: Score, target: Gain, /, **options: Unpack[ListOptions]
) -> Array:
    r"""LambdaRank: logistic loss of the pairs of a list, weighted by their effect on the NDCG.

    Parameters
    ----------
    pred : array
        Predicted scores of the items of a list, which lie along `item_axis`: real numbers; -inf
        marks a place that holds no item.
    target : array
        Relevances of the shape of `pred`: from 0 upwards, often grades from 0 to 4.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats: the weighted sum over the pairs of a
        list.

    See Also
    --------
    ranknet_loss : All pairs have the same weight.
    approx_ndcg_loss : A smooth approximation of the NDCG itself.

    Notes
    -----
    With the ranks r of the scores, 1 for the largest, the loss of a list is

    .. math::

        \ell = \sum_{y_i > y_j} \Delta_{ij}\, \mathrm{softplus}(s_j - s_i), \qquad
        \Delta_{ij} = \frac{2^{y_i} - 2^{y_j}}{\mathrm{IDCG}}
            \left| \frac{1}{\log_2(1 + r_i)} - \frac{1}{\log_2(1 + r_j)} \right|,

    where IDCG, the discounted cumulative gain of the best order, is the sum of :math:`(2^y - 1) /
    \log_2(1 + r)` with the items in falling order of relevance. A weight is the change of the NDCG
    if the two items changed places. The difference of two discounts is computed from the logarithm
    of the ratio of the ranks, without cancellation.

    For the derivatives the weights are constants. The gradient is the sum of the "lambdas", after
    which the method is named. The loss itself jumps where two scores change places; elsewhere this
    is its gradient. Autodiff has the same result, because it sees no derivative of a rank.

    Ties: pairs of equal relevance do not count. Among equal scores the first in the list has the
    higher rank, as in rax and LightGBM. So learning does not stop where all scores are equal, but
    the loss then depends on the order of the list. A list without a relevant item costs 0. A score
    of -inf with a relevance of 0 changes nothing, so that lists of different lengths can be padded.

    It is rax's ``pairwise_logistic_loss`` with ``dcg_lambdaweight(normalize=True)``, added up over
    the pairs, and divided by the number of items, by which rax multiplies its weights. LightGBM
    uses only pairs with one item among the first 30. By default LightGBM and XGBoost divide a
    weight by the difference of the scores, and the lambdas of a list by a norm.

    References
    ----------
    .. [1] C. J. C. Burges, R. Ragno and Q. V. Le, "Learning to Rank with Nonsmooth Cost Functions",
       NIPS 2006. :doi:`10.7551/mitpress/7503.003.0029`
    .. [2] C. J. C. Burges, "From RankNet to LambdaRank to LambdaMART: An Overview", Microsoft
       Research MSR-TR-2010-82, 2010.

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.lambdarank_loss([2.0, 0.0, 3.0], [1.0, 0.0, 0.0]))
    0.50130446...
    >>> pl.lambdarank_loss.grad([0.0, 0.0], [0.0, 1.0])
    array([ 0.18453512, -0.18453512])
    """
    _, pred, target, weigh = _ranked(xp, axis, pred, target)
    return cost(xp, axis, pred, target, weigh)


def _ranked(
    xp: Namespace, axis: Axis, pred: Array, target: Array
) -> tuple[Array, Array, Array, Weigh]:
    """Sort lists by their scores; return the order, the sorted lists, and the weights of pairs."""
    pred, target = read(xp, pred, target)
    order = xp.stable_order(-pred, axis)
    pred, target = (xp.take_along_axis(x, order, axis=axis) for x in (pred, target))
    gains, rank = gains_of(xp, axis, target), 1 + xp.places(target, axis, target.dtype)

    def weigh(piece: slice) -> Array:
        return exchanged(xp, axis, gains, target, rank, piece)

    return order, pred, target, weigh


@lambdarank_loss.value_and_derivative
def _(xp: Namespace, axis: Axis, pred: Score, target: Gain, /) -> tuple[Array, Array]:
    order, pred, target, weigh = _ranked(xp, axis, pred, target)
    value, slope = cost_and_push(xp, axis, pred, target, weigh)
    return value, xp.put_back(slope, order, axis)


@lambdarank_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Score, target: Gain, /) -> Array:
    order, pred, target, weigh = _ranked(xp, axis, pred, target)
    return xp.put_back(bend(xp, axis, pred, target, weigh), order, axis)
