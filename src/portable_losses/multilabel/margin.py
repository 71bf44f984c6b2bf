"""Hinges between positive and negative classes."""

from typing import Unpack

from .._loss import loss
from .._numerics.loops import against
from ..typing import Array, Axis, Kept, Namespace, Real
from ._row import ClassSet, RowOptions, mean, part

__all__ = ["multilabel_margin_loss"]


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
    return mean(xp, total, axis, keep)


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
    return part(xp, slope, axis, keep)


@multilabel_margin_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, pred: Real, target: ClassSet, /, keep: Kept | None = None
) -> Array:
    return xp.zeros_like(pred)
