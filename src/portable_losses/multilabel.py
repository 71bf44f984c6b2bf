"""Losses of multilabel classification: any number of classes may be positive at once."""

from math import inf, nan
from typing import Annotated, Unpack

from annotated_types import Interval

from ._loss import loss
from ._numerics.loops import against
from ._numerics.rows import SoftmaxParts
from .typing import (
    Array,
    Axis,
    Domain,
    Kept,
    Logit,
    MeanOfClasses,
    Namespace,
    Options,
    Probability,
    Real,
    UnitInterval,
)

__all__ = ["multilabel_margin_loss", "multilabel_soft_margin_loss", "zlpr_loss"]

ClassSet = Annotated[
    Array,
    Domain(
        "0 or 1 for each class",
        interval=Interval(ge=0.0, le=1.0),
        members=(0.0, 1.0),
        hint="compare class labels with the numbers of all classes; convert signs by "
        "`(1 + target) / 2`",
    ),
]


class RowOptions(Options, total=False):
    """The options of the losses that compare two rows."""

    class_axis: int


class MeanOptions(RowOptions, total=False):
    """Those of the losses that are means over the classes."""

    class_weights: Array


@loss("(class),(class),(class)->()", absent=(0.0, 0.0, 1.0), diagonal=True)
def multilabel_soft_margin_loss(
    xp: Namespace,
    axis: Axis,
    pred: Annotated[Logit, MeanOfClasses()],
    target: Probability,
    /,
    keep: Kept | None = None,
    *,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[MeanOptions],
) -> Array:
    r"""Mean binary cross-entropy of the classes of a row.

    Parameters
    ----------
    pred : array
        Predicted logits of the K classes along `class_axis`: real numbers, -inf and inf included.
    target : array
        Observations, of the shape of `pred`: 1 for the classes that are right, 0 for the others, or
        probabilities in [0, 1].
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over positive and negative, in [0, 1]:
        targets become (1 - s) * target + s / 2.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    binary_cross_entropy_with_logits : One loss per class. Its mean is equal if weights do not
        differ within a row, and no class is left out.
    multilabel_margin_loss : Compares the positive classes with the others.
    zlpr_loss : Compares the classes with each other as well.

    Notes
    -----
    The loss of a row is

    .. math::

        \ell = \frac{1}{K} \sum_k y_k\, \mathrm{softplus}(-z_k)
        + (1 - y_k)\, \mathrm{softplus}(z_k).

    The two share the tail :math:`\log(1 + \exp(-|z|))`. The rest is :math:`(1 - y) z` for positive
    and :math:`-y z` for negative logits, which is never negative. At infinite logits the loss is
    exact: 0 where the target agrees, inf where it does not. The derivative is :math:`((1 - y)
    \sigma(z) - y \sigma(-z)) / K`, the second :math:`\sigma(z) \sigma(-z) / K`.

    torch has the same loss, always along the last axis. Its `weight` is `class_weights`: "none" and
    "sum" are those of torch. The mean is divided by the mean weight as well, as every mean here;
    it is that of `binary_cross_entropy_with_logits` with these weights.

    References
    ----------
    .. [1] D. R. Cox, "The Regression Analysis of Binary Sequences", Journal of the Royal
       Statistical Society B 20, 1958. :doi:`10.1111/j.2517-6161.1958.tb00292.x`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.multilabel_soft_margin_loss([2.0, -1.0, 0.5], [1.0, 0.0, 1.0]))
    0.30475556...
    >>> pl.multilabel_soft_margin_loss.grad([0.0, 800.0], [1.0, 0.0])
    array([-0.25,  0.5 ])
    >>> pl.multilabel_soft_margin_loss.grad([0.0, 800.0], [1.0, 0.0], label_smoothing=0.25)
    array([-0.1875,  0.4375])
    >>> logits, target = [[2.0, -1.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]
    >>> pl.multilabel_soft_margin_loss(logits, target, class_weights=[3.0, 1.0], reduction="none")
    array([0.34702..., 1.19635...])
    """
    slope = xp.logistic_slope(pred, target, label_smoothing)
    return _mean(xp, xp.weighted(slope, pred) + xp.log1p(xp.decay(pred)), axis, keep)


def _mean(xp: Namespace, x: Array, axis: Axis, keep: Array | None) -> Array:
    """Return the mean of rows. Each entry is divided, because their sum might overflow."""
    return xp.squeeze(xp.row_sum(_part(xp, x, axis, keep), axis), axis=axis)


def _part(xp: Namespace, x: Array, axis: Axis, keep: Array | None) -> Array:
    """Return the part of each class in the mean of a row: 0 for those that are left out."""
    return x / x.shape[axis] if keep is None else keep * x / xp.row_sum(keep, axis)


@multilabel_soft_margin_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Logit,
    target: Probability,
    /,
    keep: Kept | None = None,
    *,
    label_smoothing: UnitInterval,
) -> tuple[Array, Array]:
    slope = xp.logistic_slope(pred, target, label_smoothing)
    tail, slope_of_tail = xp.logistic_tail(pred)
    value = _mean(xp, xp.weighted(slope, pred) + tail, axis, keep)
    return value, _part(xp, slope + slope_of_tail, axis, keep)


@multilabel_soft_margin_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Logit,
    target: Probability,
    /,
    keep: Kept | None = None,
    *,
    label_smoothing: UnitInterval,
) -> Array:
    return _part(xp, xp.logistic_density(pred), axis, keep)


@loss("(class),(class),(class)->()", absent=(0.0, 0.0, 1.0), diagonal=True)
def multilabel_margin_loss(
    xp: Namespace,
    axis: Axis,
    pred: Real,
    target: ClassSet,
    /,
    keep: Kept | None = None,
    **options: Unpack[RowOptions],
) -> Array:
    r"""Hinge loss of each positive class against each negative class.

    Parameters
    ----------
    pred : array
        Predicted scores of the K classes along `class_axis`: real numbers.
    target : array
        Observations, of the shape of `pred`: 1 for positive classes, 0 for the others.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit.

    See Also
    --------
    multi_margin_loss : For one positive class.
    zlpr_loss : A smooth loss of the same comparisons.

    Notes
    -----
    With :math:`P` for the positive classes the loss of a row is

    .. math:: \ell = \frac{1}{K} \sum_{i \in P} \sum_{j \notin P} \max(0, 1 - (z_i - z_j)),

    0 where all classes are positive, or none. If there are many classes, only a part of the pairs
    is in memory at a time.

    The derivative of a positive class is :math:`-1 / K` times the number of negative classes whose
    score is not at least 1 lower. The derivative of a negative class is :math:`1 / K` times the
    number of positive classes whose score is not at least 1 higher. A pair exactly 1 apart does not
    count, as in torch. The second derivative is 0.

    torch takes lists of labels that end with -1. In a row of three classes ``[2, 0, -1]`` is ``[1,
    0, 1]`` here. There a label that is listed twice counts twice as a positive class; here a class
    is positive or not.

    References
    ----------
    .. [1] J. Weston and C. Watkins, "Support Vector Machines for Multi-Class Pattern Recognition",
       ESANN 1999.

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.multilabel_margin_loss([0.1, 0.2, 0.4, 0.8], [1.0, 0.0, 0.0, 1.0]))
    0.85...
    >>> pl.multilabel_margin_loss.grad([0.1, 0.2, 0.4, 0.8], [1.0, 0.0, 0.0, 1.0])
    array([-0.5,  0.5,  0.5, -0.5])
    """
    total, negative = _nan_or_zero(xp, pred), _negative(target, keep)
    for piece in xp.pieces(pred, axis):
        (right, _), (_, wrong) = against(target, piece, axis), against(negative, piece, axis)
        score, rival = against(pred, piece, axis)
        total = total + xp.piece_sum(right * wrong * xp.relu(1 - (score - rival)), axis)
    return _mean(xp, total, axis, keep)


def _nan_or_zero(xp: Namespace, x: Array) -> Array:
    """Return NaN where there is NaN and 0 elsewhere: NaN counts even without a pair."""
    return xp.where(xp.isnan(x), x, 0.0)


def _negative(target: Array, keep: Array | None) -> Array:
    """Return 1 for negative classes, and 0 for positive ones and those that are left out."""
    return (1 if keep is None else keep) - target


@multilabel_margin_loss.derivative
def _(
    xp: Namespace, axis: Axis, pred: Real, target: ClassSet, /, keep: Kept | None = None
) -> Array:
    slope, negative = _nan_or_zero(xp, pred), _negative(target, keep)
    for piece in xp.pieces(pred, axis):
        right, own_right = against(target, piece, axis)
        wrong, own_wrong = against(negative, piece, axis)
        score, own = against(pred, piece, axis)
        below, above = xp.unit_step(score - own - 1), xp.unit_step(own - score - 1)
        pairs = right * own_wrong * (1 - below) - own_right * wrong * (1 - above)
        slope = slope + xp.piece_sum(pairs, axis)
    return _part(xp, slope, axis, keep)


@multilabel_margin_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, pred: Real, target: ClassSet, /, keep: Kept | None = None
) -> Array:
    return xp.zeros_like(pred)


@loss("(class),(class)->()", absent=(-inf, 0.0))
def zlpr_loss(
    xp: Namespace, axis: Axis, pred: Logit, target: ClassSet, /, **options: Unpack[RowOptions]
) -> Array:
    r"""Zero-bounded log-sum-exp and pairwise rank-based loss of any number of positive classes.

    Parameters
    ----------
    pred : array
        Predicted scores of the K classes along `class_axis`: real numbers, -inf and inf included.
        Classes with a score above 0 are predicted to be positive.
    target : array
        Observations, of the shape of `pred`: 1 for positive classes, 0 for the others.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    multilabel_soft_margin_loss : Treats each class separately.
    cross_entropy : For exactly one positive class.
    multilabel_margin_loss : With hinges.

    Notes
    -----
    With :math:`P` for the positive classes the loss of a row is

    .. math::

        \ell = \log \Bigl( 1 + \sum_{j \notin P} e^{z_j} \Bigr)
        + \log \Bigl( 1 + \sum_{i \in P} e^{-z_i} \Bigr),

    which compares each positive class with 0, and 0 with each negative class. Each logarithm is
    computed as the largest of its scores and 0, plus :math:`\mathrm{log1p}` of the sum of the other
    exponentials. Neither term is negative, nothing overflows, and small losses are accurate. At
    infinite scores the loss is exact: 0 where the sign is right, inf where it is wrong.

    The derivative consists of two softmaxes that include a score of 0: :math:`s_j` for a negative
    class, :math:`-s_i` for a positive class. The second derivative is :math:`s (1 - s)`.

    References
    ----------
    .. [1] J. Su, M. Zhu, A. Murtadha, S. Pan, B. Wen and Y. Liu, "ZLPR: A Novel Loss for
       Multi-label Classification", 2022. :doi:`10.48550/arXiv.2208.02955`

    Examples
    --------
    >>> import portable_losses as pl
    >>> scores = [[2.0, -1.0, 0.5], [800.0, 800.0, -800.0]]
    >>> pl.zlpr_loss(scores, [[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]], reduction="none")
    array([  0.86821861, 800.        ])
    >>> pl.zlpr_loss.grad([0.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    array([-0.5       ,  0.33333333,  0.33333333])
    """
    wrong, right = _sides(xp, axis, pred, target)
    return xp.squeeze(xp.logsumexp(wrong, axis) + xp.logsumexp(right, axis), axis=axis)


def _sides(xp: Namespace, axis: Axis, pred: Array, target: Array) -> tuple[Array, Array]:
    """Return the scores of the negative classes, and minus those of the positive ones.

    A score of 0 precedes them. The other classes are masked.
    """
    pred = xp.where(xp.isnan(target), nan, pred)
    zero = xp.zeros_like(pred[:1, ...] if axis == 0 else pred[..., :1])
    wrong, right = xp.where(target == 1, -inf, pred), xp.where(target == 0, -inf, -pred)
    return xp.concat([zero, wrong], axis=axis), xp.concat([zero, right], axis=axis)


def _parts(xp: Namespace, axis: Axis, scores: Array) -> SoftmaxParts:
    """Return for each score except the first its share in the softmax, and 1 minus that share.

    Beside an infinite score the others have the share 0.
    """
    infinite = xp.max(scores, axis=axis, keepdims=True) == inf
    among = xp.where(scores == inf, xp.zeros_like(scores), -inf)
    parts: SoftmaxParts = xp.softmax_parts(xp.where(infinite, among, scores), axis)
    return parts


def _shares(xp: Namespace, axis: Axis, scores: Array) -> tuple[Array, Array]:
    """Return the softmax of the classes, without the zero, and 1 minus the softmax."""
    parts = _parts(xp, axis, scores)
    return _classes(parts.prob, axis), _classes(parts.complement, axis)


def _classes(x: Array, axis: Axis) -> Array:
    """Leave out the zero before the classes."""
    return x[1:, ...] if axis == 0 else x[..., 1:]


@zlpr_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Logit, target: ClassSet, /) -> Array:
    wrong, right = (_shares(xp, axis, scores) for scores in _sides(xp, axis, pred, target))
    return wrong[0] - right[0]


@zlpr_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Logit, target: ClassSet, /) -> Array:
    wrong, right = (_shares(xp, axis, scores) for scores in _sides(xp, axis, pred, target))
    return wrong[0] * wrong[1] + right[0] * right[1]


@zlpr_loss.second_derivative_along
def _(xp: Namespace, axis: Axis, pred: Logit, target: ClassSet, vector: Array, /) -> Array:
    wrong, right = (_parts(xp, axis, scores) for scores in _sides(xp, axis, pred, target))
    zero = xp.zeros_like(vector[:1, ...] if axis == 0 else vector[..., :1])
    vector = xp.concat([zero, vector], axis=axis)
    moved = [parts.prob * xp.centred(vector, parts, axis) for parts in (wrong, right)]
    return _classes(moved[0] + moved[1], axis)
