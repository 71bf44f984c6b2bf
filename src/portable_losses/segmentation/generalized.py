"""The overlap of several classes at once."""

from math import inf
from typing import Unpack

from .._loss import loss
from ..typing import Array, Axis, Namespace, NonNegative
from ._fraction import Fraction
from ._region import ClassRegionOptions, Membership, compared

__all__ = ["generalized_dice_loss"]


@loss("(class,region),(class,region)->()")
def generalized_dice_loss(
    xp: Namespace,
    axis: Axis,
    pred: Membership,
    target: Membership,
    /,
    *,
    smooth: NonNegative = 0.0,
    **options: Unpack[ClassRegionOptions],
) -> Array:
    r"""Generalized Dice loss, which weights classes by one over the square of their size.

    Parameters
    ----------
    pred : array
        Predicted probabilities that the elements along `region_axis` belong to the classes along
        `class_axis`: in [0, 1].
    target : array
        The observed classes, of the shape of `pred`: 1 for the class of each element, 0 for the
        others, or probabilities in [0, 1].
    smooth : float, default 0
        A number added to the numerator and the denominator: not negative. The sums beside it are
        divided by the squares of the sizes, so 1 is a lot: it is all that a perfect prediction of a
        class adds, times its size.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to 1. All classes together
        have one loss.

    See Also
    --------
    dice_loss : One loss for each class.
    lovasz_softmax_loss : For several classes as well.

    Notes
    -----
    With :math:`I_k = \sum_i \min(p_{ki}, y_{ki})`, which for targets of 0 and 1 is
    :math:`\sum_i p_{ki} y_{ki}`, and the weights :math:`w_k = 1 / (\sum_i y_{ki})^2` the loss and
    the computed form are

    .. math:: \ell = 1 - \frac{2 \sum_k w_k I_k + s}{\sum_k w_k \sum_i (p_{ki} + y_{ki}) + s}
              = \frac{\sum_k w_k \sum_i |p_{ki} - y_{ki}|}
                     {\sum_k w_k (2 I_k + \sum_i |p_{ki} - y_{ki}|) + s}.

    No terms cancel in the second form, and a perfect prediction has loss 0, also with soft targets.
    An absent class has the weight of the rarest present class, as in MONAI. If no class is present,
    all have weight 1: the loss is 0 if none is predicted and 1 otherwise. Only the quotients of the
    weights and of `smooth` count: all are multiplied so that the rarest class has weight 1, and
    none overflows.

    With :math:`S` for the denominator the derivative is :math:`w_k (1 - \ell) / S` above the target
    and :math:`-w_k (1 + \ell) / S` below it; for its value at the target see `dice_loss`. The
    weights do not depend on the prediction. The second derivative is minus twice the first, times
    :math:`w_k`, divided by :math:`S`.

    MONAI has the same loss, except that it adds 1e-5 to the numerator and the denominator, and has
    weights in float32. If no class is present, its weights are all 0: its loss is 0 whatever the
    prediction, and NaN without the 1e-5. optax weights the Dice losses of the classes, with weights
    of the whole batch: that is another loss.

    References
    ----------
    .. [1] C. H. Sudre, W. Li, T. Vercauteren, S. Ourselin and M. J. Cardoso, "Generalised Dice
       Overlap as a Deep Learning Loss Function for Highly Unbalanced Segmentations", DLMIA 2017.
       :doi:`10.1007/978-3-319-67558-9_28`
    .. [2] W. R. Crum, O. Camara and D. L. G. Hill, "Generalized Overlap Measures for Evaluation and
       Validation in Medical Image Analysis", IEEE Transactions on Medical Imaging 25, 2006.
       :doi:`10.1109/TMI.2006.880587`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pred = [[0.75, 0.75, 0.5, 0.5], [0.25, 0.25, 0.5, 0.5]]
    >>> target = [[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    >>> float(pl.generalized_dice_loss(pred, target))
    0.53571428...
    >>> float(pl.generalized_dice_loss(pred, target, smooth=0.5))
    0.4...
    >>> import numpy as np
    >>> images = np.zeros((10, 3, 64, 64))
    >>> axes = {"class_axis": 1, "region_axis": (2, 3)}
    >>> pl.generalized_dice_loss(images, images, **axes, reduction="none").shape
    (10,)
    """
    return xp.squeeze(_generalized(xp, axis, pred, target, smooth)[0].value(xp), axis=axis)


def _weights(xp: Namespace, axis: Axis, target: Array) -> tuple[Array, Array]:
    """Return the weights of the classes, 1 for the rarest and for absent ones.

    The size of the rarest comes with them, infinite if no class is present.
    """
    class_axis, region_axis = axis
    size = xp.region_sum(target, region_axis)
    present = size > 0
    rarest = -xp.max(xp.where(present, -size, -inf), axis=class_axis, keepdims=True)
    share = xp.where(present, rarest, 1.0) / xp.where(present, size, 1.0)
    return share * share, rarest


def _generalized(
    xp: Namespace, axis: Axis, pred: Array, target: Array, smooth: float
) -> tuple[Fraction, Array]:
    """Return the fraction of all classes, and their weights."""
    class_axis, region_axis = axis
    parts, (weight, rarest) = compared(xp, region_axis, pred, target), _weights(xp, axis, target)
    wrong = xp.row_sum(weight * (parts.excess + parts.lacking), class_axis)
    right = 2 * xp.row_sum(weight * parts.common, class_axis)
    if smooth:
        right = right + smooth * xp.where(rarest == inf, 1.0, rarest * rarest)
    return Fraction(wrong, right, 1.0, 1.0, 2.0), weight


@generalized_dice_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Membership,
    target: Membership,
    /,
    *,
    smooth: NonNegative,
) -> tuple[Array, Array]:
    fraction, weight = _generalized(xp, axis, pred, target, smooth)
    slopes = (weight * slope for slope in fraction.slopes(xp))
    return xp.squeeze(fraction.value(xp), axis=axis), xp.by_side(pred, target, *slopes)


@generalized_dice_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Membership,
    target: Membership,
    /,
    *,
    smooth: NonNegative,
) -> Array:
    fraction, weight = _generalized(xp, axis, pred, target, smooth)
    bends = (weight * weight * bend for bend in fraction.bends(xp))
    return xp.by_side(pred, target, *bends)
