"""The overlap of several classes at once."""

from math import inf
from typing import Any, Unpack

from .._loss import loss
from .._numerics.standard import is_exactly
from ..typing import Array, Axis, Kept, Namespace, NonNegative
from ._fraction import Fraction
from ._region import (
    Chances,
    ClassRegionOptions,
    MembershipOrLabels,
    Prediction,
    compared,
    mask,
    slope_of_logits,
    softmaxes,
)

__all__ = ["generalized_dice_loss"]


@loss(
    "(class,region),(class,region),(class,region)->()",
    "(class,region),(region),(class,region)->()",
    absent=(0.0, 0.0, 1.0),
    sums="region",
)
def generalized_dice_loss(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: MembershipOrLabels,
    /,
    keep: Kept | None = None,
    *,
    smooth: NonNegative = 0.0,
    from_logits: bool = False,
    **options: Unpack[ClassRegionOptions],
) -> Array:
    r"""Generalized Dice loss, which weights classes by one over the square of their size.

    The last two axes are classes and elements by default: images of shape (N, C, H, W) need
    ``class_axis=1, region_axis=(2, 3)``. Predictions are probabilities, unless
    ``from_logits=True``.

    Parameters
    ----------
    pred : array
        Predicted probabilities that the elements along `region_axis` belong to the classes along
        `class_axis`: in [0, 1]. Logits, -inf included, if `from_logits` is set.
    target : array
        The observed classes: the label of each element, of the shape of `pred` without the class
        axis: integers of any dtype from 0 to K - 1. Or, of the shape of `pred`, 1 for the class of
        each element, 0 for the others, or probabilities in [0, 1]. The number of axes decides
        between the two.
    smooth : float or array, default 0
        A number added to the numerator and the denominator: not negative. 1 is a lot: a perfect
        prediction of a class of n elements adds 2 / n to each.
    from_logits : bool, default False
        Whether `pred` holds logits, of which the softmax over the classes is the probability.

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
    :math:`w_k`, divided by :math:`S`. From logits, with the softmax :math:`p`, the derivative is
    :math:`g_k = p_k (f_k - \sum_j p_j f_j)`, where :math:`f` is that with respect to :math:`p`. The
    second derivative is :math:`(1 - 2 p_k) g_k - 2 g_k h_k / S`, where :math:`h` is the derivative
    of :math:`S`.

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
    >>> float(pl.generalized_dice_loss(pred, [0, 0, 0, 1]))
    0.53571428...
    >>> float(pl.generalized_dice_loss(pred, target, smooth=0.5))
    0.4...
    >>> import numpy as np
    >>> images = np.zeros((10, 3, 64, 64))
    >>> axes = {"class_axis": 1, "region_axis": (2, 3)}
    >>> pl.generalized_dice_loss(images, images, **axes, reduction="none").shape
    (10,)
    """
    chances, target = _read(xp, axis, pred, target, keep, from_logits)
    return xp.squeeze(_generalized(xp, axis, chances, target, smooth)[0].value(xp), axis=axis)


def _read(
    xp: Namespace, axis: Axis, pred: Array, target: Array, keep: Array | None, from_logits: bool
) -> tuple[Chances, Array]:
    """Return the predicted probabilities, and the observed ones of all classes."""
    return softmaxes(xp, pred, axis[0], from_logits), mask(xp, axis[0], pred, target, keep)


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
    xp: Namespace, axis: Axis, chances: Chances, target: Array, smooth: Any
) -> tuple[Fraction, Array]:
    """Return the fraction of all classes, and their weights."""
    class_axis, region_axis = axis
    parts = compared(xp, region_axis, chances, target)
    weight, rarest = _weights(xp, axis, target)
    wrong = xp.row_sum(weight * (parts.excess + parts.lacking), class_axis)
    right = 2 * xp.row_sum(weight * parts.common, class_axis)
    if not is_exactly(smooth, 0):
        right = right + smooth * xp.where(rarest == inf, 1.0, rarest * rarest)
    return Fraction(wrong, right, 1.0, 1.0, 2.0), weight


@generalized_dice_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: MembershipOrLabels,
    /,
    keep: Kept | None = None,
    *,
    smooth: NonNegative,
    from_logits: bool,
) -> tuple[Array, Array]:
    chances, target = _read(xp, axis, pred, target, keep, from_logits)
    fraction, weight = _generalized(xp, axis, chances, target, smooth)
    slopes = (weight * slope for slope in fraction.slopes(xp))
    slope = xp.by_side(chances[0], target, *slopes)
    value = xp.squeeze(fraction.value(xp), axis=axis)
    return value, slope_of_logits(xp, axis[0], chances, slope)


@generalized_dice_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: MembershipOrLabels,
    /,
    keep: Kept | None = None,
    *,
    smooth: NonNegative,
    from_logits: bool,
) -> Array:
    chances, target = _read(xp, axis, pred, target, keep, from_logits)
    fraction, weight = _generalized(xp, axis, chances, target, smooth)
    prob, rest = chances
    if rest is None:
        bends = (weight * weight * bend for bend in fraction.bends(xp))
        return xp.by_side(prob, target, *bends)
    # Both the loss and its denominator move with all classes of an element.
    sides = fraction.slopes(xp), fraction.rates()
    slope, rate = (
        slope_of_logits(xp, axis[0], chances, xp.by_side(prob, target, *(weight * x for x in each)))
        for each in sides
    )
    whole = fraction.wrong + fraction.right
    return slope * (rest - prob) - 2 * xp.safe_divide(slope * rate, whole)
