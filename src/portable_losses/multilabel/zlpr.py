"""A smooth comparison of the classes with each other and with 0."""

from math import inf, nan
from typing import Unpack

from .._loss import loss
from .._numerics.rows import SoftmaxParts
from ..typing import Array, Axis, Kept, Logit, Namespace
from ._row import ClassSet, RowOptions

__all__ = ["zlpr_loss"]


@loss("(class),(class),(class)->()", absent=(0.0, 0.0, 1.0))
def zlpr_loss(
    xp: Namespace,
    axis: Axis,
    pred: Logit,
    target: ClassSet,
    /,
    keep: Kept | None = None,
    **options: Unpack[RowOptions],
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
    wrong, right = _sides(xp, axis, pred, target, keep)
    return xp.squeeze(xp.logsumexp(wrong, axis) + xp.logsumexp(right, axis), axis=axis)


def _sides(
    xp: Namespace, axis: Axis, pred: Array, target: Array, keep: Array | None
) -> tuple[Array, Array]:
    """Return the scores of the negative classes, and minus those of the positive ones.

    A score of 0 precedes them. The other classes are masked.
    """
    pred = xp.where(xp.isnan(target), nan, pred)
    zero = xp.zeros_like(pred[:1, ...] if axis == 0 else pred[..., :1])
    wrong, right = xp.where(target == 1, -inf, pred), xp.where(target == 0, -inf, -pred)
    if keep is not None:
        wrong, right = (xp.where(keep == 0, -inf, x) for x in (wrong, right))
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
def _(
    xp: Namespace, axis: Axis, pred: Logit, target: ClassSet, /, keep: Kept | None = None
) -> Array:
    wrong, right = (_shares(xp, axis, scores) for scores in _sides(xp, axis, pred, target, keep))
    return wrong[0] - right[0]


@zlpr_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, pred: Logit, target: ClassSet, /, keep: Kept | None = None
) -> Array:
    wrong, right = (_shares(xp, axis, scores) for scores in _sides(xp, axis, pred, target, keep))
    return wrong[0] * wrong[1] + right[0] * right[1]


@zlpr_loss.second_derivative_along
def _(
    xp: Namespace,
    axis: Axis,
    pred: Logit,
    target: ClassSet,
    keep: Kept | None,
    vector: Array,
    /,
) -> Array:
    wrong, right = (_parts(xp, axis, scores) for scores in _sides(xp, axis, pred, target, keep))
    zero = xp.zeros_like(vector[:1, ...] if axis == 0 else vector[..., :1])
    vector = xp.concat([zero, vector], axis=axis)
    moved = [parts.prob * xp.centred(vector, parts, axis) for parts in (wrong, right)]
    return _classes(moved[0] + moved[1], axis)
