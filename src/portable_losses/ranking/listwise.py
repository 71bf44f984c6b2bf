"""Losses of the order of a list as a whole."""

from typing import Unpack

from .._loss import loss
from .._numerics.rows import SoftmaxParts
from ..typing import Array, Axis, Namespace
from ._choices import Choices, choices, curvature, slope
from ._list import ABSENT, LEAST, Gain, ListOptions, Relevance, Score, read

__all__ = ["listmle_loss", "listnet_loss"]


@loss("(item),(item)->()", absent=ABSENT)
def listnet_loss(
    xp: Namespace, axis: Axis, pred: Score, target: Gain, /, **options: Unpack[ListOptions]
) -> Array:
    r"""ListNet: cross-entropy of the softmax of the scores of a list.

    Parameters
    ----------
    pred : array
        Predicted scores of the items of a list, which lie along `item_axis`: real numbers; -inf
        marks a place that holds no item.
    target : array
        Relevances of the shape of `pred`: from 0 upwards, not necessarily probabilities.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`: nats times the relevance of a list.

    See Also
    --------
    listmle_loss : Considers all places of the order, not only the first.
    ranknet_loss : Compares items in pairs.
    approx_ndcg_loss : Approximates the usual measure of a ranking.
    cross_entropy : The same for targets that are probabilities.

    Notes
    -----
    With relevances :math:`y` and scores :math:`s` the loss of a list is

    .. math:: \ell = -\sum_i y_i \log \frac{e^{s_i}}{\sum_j e^{s_j}},

    which compares the probability of each item to be the first with its share of the relevance. It
    is computed as in `cross_entropy`, so it is accurate where one score dominates.

    The derivative is :math:`Y p_i - y_i` with the softmax :math:`p` and the sum :math:`Y` of the
    relevances, computed as :math:`p_i \sum_{j \ne i} y_j - y_i \sum_{j \ne i} p_j`; the second is
    :math:`Y p_i (1 - p_i)`.

    Ties need no rule: equal scores and equal relevances are treated alike, and the order of the
    list does not matter. A score of -inf costs nothing if its relevance is 0, so that lists of
    different lengths can be padded; otherwise it costs inf. A list without a relevant item costs 0.

    optax has this loss as ``ranking_softmax_loss``, rax as ``softmax_loss``; both leave lists
    without an item out of the mean. The paper turns relevances into probabilities by another
    softmax: for that pass ``special.softmax(target)``.

    References
    ----------
    .. [1] Z. Cao, T. Qin, T.-Y. Liu, M.-F. Tsai and H. Li, "Learning to Rank: From Pairwise
       Approach to Listwise Approach", ICML 2007. :doi:`10.1145/1273496.1273513`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.listnet_loss([2.0, 1.0, 3.0], [1.0, 0.0, 0.0]))
    1.40760596...
    >>> pl.listnet_loss.grad([0.0, 0.0, 0.0, -float("inf")], [2.0, 1.0, 0.0, 0.0])
    array([-1.,  0.,  1.,  0.])
    """
    return _surprise(xp, axis, xp.softmax_parts(pred, axis), target)


def _surprise(xp: Namespace, axis: Axis, parts: SoftmaxParts, target: Array) -> Array:
    each = xp.weighted(target, xp.log1p(parts.rest) + parts.gap)
    return xp.squeeze(xp.row_sum(each, axis), axis=axis)


def _pull(xp: Namespace, axis: Axis, parts: SoftmaxParts, target: Array) -> Array:
    return parts.prob * xp.sum_of_others(target, axis) - target * parts.complement


@listnet_loss.value_and_derivative
def _(xp: Namespace, axis: Axis, pred: Score, target: Gain, /) -> tuple[Array, Array]:
    parts = xp.softmax_parts(pred, axis)
    return _surprise(xp, axis, parts, target), _pull(xp, axis, parts, target)


@listnet_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Score, target: Gain, /) -> Array:
    parts = xp.softmax_parts(pred, axis)
    return parts.prob * parts.complement * xp.row_sum(target, axis)


@listnet_loss.second_derivative_along
def _(xp: Namespace, axis: Axis, pred: Score, target: Gain, vector: Array, /) -> Array:
    parts = xp.softmax_parts(pred, axis)
    return parts.prob * xp.centred(vector, parts, axis) * xp.row_sum(target, axis)


@loss("(item),(item)->()", absent=LEAST)
def listmle_loss(
    xp: Namespace, axis: Axis, pred: Score, target: Relevance, /, **options: Unpack[ListOptions]
) -> Array:
    r"""ListMLE: minus the log-likelihood of the right order under the Plackett-Luce model.

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
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    listnet_loss : Considers only the first place of the order.
    ranknet_loss : Treats equal relevances alike.

    Notes
    -----
    With scores :math:`s_1, \dots, s_n` in the falling order of their relevances the loss of a list
    is

    .. math:: \ell = \sum_{i=1}^n \Bigl( \log \sum_{j=i}^n e^{s_j} - s_i \Bigr).

    In this model the order is drawn item by item, each time from the rest, with the probabilities
    of a softmax. The exponentials are added up in pairs of sums, each relative to its largest
    score. So nothing overflows, and the loss of a nearly certain draw is accurate.

    Ties: among equal relevances the order of the list counts as the right one, as in rax without a
    key. So the loss does not change if equal scores are exchanged, but it changes if items of equal
    relevance are exchanged. If their order has no meaning, shuffle lists before each epoch, as
    TF-Ranking does, or use `ranknet_loss`, which leaves such pairs out.

    With :math:`p_{ik}` for the probability of item k at the i-th draw the derivative is
    :math:`\sum_{i \le k} p_{ik} - 1 = \sum_{i < k} p_{ik} - (1 - p_{kk})`, and the second
    :math:`\sum_{i \le k} p_{ik} (1 - p_{ik})`. Both come from recurrences along the list, whose
    steps do not subtract.

    rax has the same values, except for the order of equal relevances if it is given a key. Its
    gradient differs where scores are equal: there it is not that of this formula.

    A score of -inf at the end of a list costs nothing if its relevance is not above that of any
    item before it, so that lists of different lengths can be padded. Before a finite score it costs
    inf.

    References
    ----------
    .. [1] F. Xia, T.-Y. Liu, J. Wang, W. Zhang and H. Li, "Listwise Approach to Learning to Rank:
       Theory and Algorithm", ICML 2008. :doi:`10.1145/1390156.1390306`

    Examples
    --------
    >>> import portable_losses as pl
    >>> scores = [[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    >>> pl.listmle_loss(scores, [[2.0, 1.0, 0.0], [5.0, 1.0, 3.0]], reduction="none")
    array([0.72086765, 1.79175947])
    >>> pl.listmle_loss.grad([0.0, 0.0, -float("inf")], [1.0, 2.0, 0.0])
    array([ 0.5, -0.5,  0. ])
    """
    return xp.squeeze(xp.row_sum(_drawn(xp, axis, pred, target)[1].surprise, axis), axis=axis)


def _drawn(xp: Namespace, axis: Axis, pred: Array, target: Array) -> tuple[Array, Choices]:
    pred, target = read(xp, pred, target)
    order = xp.stable_order(-target, axis)
    return order, choices(xp, axis, xp.take_along_axis(pred, order, axis=axis))


@listmle_loss.value_and_derivative
def _(xp: Namespace, axis: Axis, pred: Score, target: Relevance, /) -> tuple[Array, Array]:
    order, drawn = _drawn(xp, axis, pred, target)
    return xp.squeeze(xp.row_sum(drawn.surprise, axis), axis=axis), xp.put_back(
        slope(xp, axis, drawn), order, axis
    )


@listmle_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Score, target: Relevance, /) -> Array:
    order, drawn = _drawn(xp, axis, pred, target)
    return xp.put_back(curvature(xp, axis, drawn), order, axis)
