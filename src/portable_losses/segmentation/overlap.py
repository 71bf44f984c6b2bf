"""Losses that divide the wrong part of a region by the sum of the wrong and the right part."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Axis, Namespace, NonNegative, Number
from ._fraction import Fraction
from ._region import (
    Chances,
    LabelRegionOptions,
    Membership,
    Prediction,
    bend_of_logit,
    overlap,
    sigmoids,
    slope_of_logit,
)

__all__ = ["dice_loss", "jaccard_loss"]


@loss("(region),(region)->()", absent=(0.0, 0.0), sums="region", temporaries=8)
def dice_loss(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    *,
    smooth: NonNegative = 0.0,
    from_logits: bool = False,
    **options: Unpack[LabelRegionOptions],
) -> Array:
    r"""Dice loss: 1 minus the F1 score of a region.

    The last axis is one region by default: images of shape (N, C, H, W) need ``region_axis=(2,
    3)``. Predictions are probabilities, unless ``from_logits=True``.

    Parameters
    ----------
    pred : array
        Predicted probabilities that the elements along `region_axis` belong to the region: in [0,
        1]. Logits, -inf and inf included, if `from_logits` is set.
    target : array
        The observed region, of the shape of `pred`: 1 for the elements of the region, 0 for the
        others, or probabilities in [0, 1]. Or class labels, if `class_axis` is given, of that shape
        without the class axis: integers of any dtype from 0 to K - 1.
    smooth : float or array, default 0
        A number added to the numerator and the denominator of the score: not negative.
    from_logits : bool, default False
        Whether `pred` holds logits, of which the sigmoid is the probability.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to 1.

    See Also
    --------
    generalized_dice_loss : For several classes together, with equal weight for rare ones.
    jaccard_loss : Weights errors twice as much.
    tversky_loss : Weights false positives and false negatives.
    matthews_loss : Counts true negatives as well.

    Notes
    -----
    With the intersection :math:`I = \sum_i \min(p_i, y_i)`, which is :math:`\sum_i p_i y_i` for
    targets of 0 and 1, the loss of a region and the computed form are

    .. math::

        \ell = 1 - \frac{2 I + s}{\sum_i p_i + \sum_i y_i + s}
             = \frac{\sum_i |p_i - y_i|}{2 I + s + \sum_i |p_i - y_i|}.

    No terms cancel in the second form, and a perfect prediction has loss 0, also with soft targets.
    An empty prediction of an empty region has loss 0 and derivative 0. Any other prediction of an
    empty region has loss 1 if `smooth` is 0.

    With :math:`S` for the denominator the derivative is :math:`(1 - \ell) / S` above the target and
    :math:`-(1 + \ell) / S` below it. No prediction is below a target of 0 or above a target of 1,
    so at these targets the derivative is that of the other side, as for the product. At any other
    target it is the mean of the two sides. The second derivative is minus twice the first, divided
    by :math:`S`.

    From logits both :math:`p` and :math:`1 - p` are computed without cancellation, so a certain and
    right prediction has a small loss and not 0. The derivatives follow from those above by the
    chain rule of the sigmoid. For a softmax of classes that exclude each other, apply
    `special.softmax` first; `generalized_dice_loss` takes their logits.

    If `region_axis` names the axes of the pixels, there is one loss for each image and class. If it
    names the axis of the batch as well, there is one loss for each class.

    Segmentation Models 0.6, and MONAI 1.6 with ``soft_label=True``, have this intersection; without
    smoothing their losses are equal up to rounding. optax, Keras and otherwise MONAI use the
    product, with which a perfect prediction of soft targets has a loss. By default optax adds 1 and
    MONAI 1e-5. Segmentation Models leaves out regions with an empty target, and in Keras an empty
    prediction of them is wrong.

    References
    ----------
    .. [1] L. R. Dice, "Measures of the Amount of Ecologic Association Between Species", Ecology 26,
       1945. :doi:`10.2307/1932409`
    .. [2] F. Milletari, N. Navab and S.-A. Ahmadi, "V-Net: Fully Convolutional Neural Networks for
       Volumetric Medical Image Segmentation", 3DV 2016. :doi:`10.1109/3DV.2016.79`
    .. [3] Z. Wang, T. Popordanoska, J. Bertels, R. Lemmens and M. B. Blaschko, "Dice Semimetric
       Losses: Optimizing the Dice Score with Soft Labels", MICCAI 2023.
       :doi:`10.1007/978-3-031-43898-1_46`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.dice_loss([0.5, 1.0, 0.0, 0.5], [1.0, 1.0, 0.0, 0.0]))
    0.25
    >>> pl.dice_loss.grad([0.5, 1.0, 0.0, 0.5], [1.0, 1.0, 0.0, 0.0])
    array([-0.3125, -0.3125,  0.1875,  0.1875])
    >>> import numpy as np
    >>> images = np.zeros((10, 3, 64, 64))
    >>> pl.dice_loss(images, images, region_axis=(2, 3), reduction="none").shape
    (10, 3)
    >>> logits, labels = [[2.0, 2.0, -1.0], [-2.0, 0.0, 1.0]], [0, 0, 1]
    >>> pl.dice_loss(logits, labels, from_logits=True, class_axis=0, reduction="none")
    array([0.12587..., 0.37789...])
    """
    fraction = _dice(xp, axis, sigmoids(xp, pred, from_logits), target, smooth)
    return xp.squeeze(fraction.value(xp), axis=axis)


def _dice(xp: Namespace, axis: Axis, chances: Chances, target: Array, smooth: Number) -> Fraction:
    wrong, common = overlap(xp, axis, chances, target)
    return Fraction(wrong, 2 * common + smooth, 1.0, 1.0, 2.0)


@dice_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    *,
    smooth: NonNegative,
    from_logits: bool,
) -> tuple[Array, Array]:
    chances = sigmoids(xp, pred, from_logits)
    fraction = _dice(xp, axis, chances, target, smooth)
    value = xp.squeeze(fraction.value(xp), axis=axis)
    slope = xp.by_side(chances[0], target, *fraction.slopes(xp))
    return value, slope_of_logit(chances, slope)


@dice_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    *,
    smooth: NonNegative,
    from_logits: bool,
) -> Array:
    chances = sigmoids(xp, pred, from_logits)
    fraction = _dice(xp, axis, chances, target, smooth)
    bend = xp.by_side(chances[0], target, *fraction.bends(xp))
    if not from_logits:
        return bend
    return bend_of_logit(chances, xp.by_side(chances[0], target, *fraction.slopes(xp)), bend)


@loss("(region),(region)->()", absent=(0.0, 0.0), sums="region", temporaries=8)
def jaccard_loss(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    *,
    smooth: NonNegative = 0.0,
    from_logits: bool = False,
    **options: Unpack[LabelRegionOptions],
) -> Array:
    r"""Jaccard loss: 1 minus the intersection over the union of two regions.

    The last axis is one region by default: images of shape (N, C, H, W) need ``region_axis=(2,
    3)``. Predictions are probabilities, unless ``from_logits=True``.

    Parameters
    ----------
    pred : array
        Predicted probabilities that the elements along `region_axis` belong to the region: in [0,
        1]. Logits, -inf and inf included, if `from_logits` is set.
    target : array
        The observed region, of the shape of `pred`: 1 for the elements of the region, 0 for the
        others, or probabilities in [0, 1]. Or class labels, if `class_axis` is given, of that shape
        without the class axis: integers of any dtype from 0 to K - 1.
    smooth : float or array, default 0
        A number added to the numerator and the denominator: not negative.
    from_logits : bool, default False
        Whether `pred` holds logits, of which the sigmoid is the probability.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to 1.

    See Also
    --------
    dice_loss : Between half of this loss and this loss.
    lovasz_hinge_loss : Another extension of the same score of two sets.
    tversky_loss : Weights false positives and false negatives.

    Notes
    -----
    With the intersection :math:`I = \sum_i \min(p_i, y_i)`, as in `dice_loss`, the loss of a region
    and the computed form are

    .. math::

        \ell = 1 - \frac{I + s}{\sum_i p_i + \sum_i y_i - I + s}
             = \frac{\sum_i |p_i - y_i|}{I + s + \sum_i |p_i - y_i|}.

    No terms cancel in the second form. A perfect prediction has loss 0, also with soft targets, and
    so has an empty prediction of an empty region. With :math:`U` for the denominator, the union,
    the derivative is :math:`(1 - \ell) / U` above the target and :math:`-1 / U` below it; for its
    value at the target see `dice_loss`. The second derivative is :math:`-2 (1 - \ell) / U^2` above
    and 0 below.

    Segmentation Models 0.6 and MONAI 1.6 have the same loss, with the exceptions named in
    `dice_loss`.

    References
    ----------
    .. [1] P. Jaccard, "The Distribution of the Flora in the Alpine Zone", New Phytologist 11, 1912.
       :doi:`10.1111/j.1469-8137.1912.tb05611.x`
    .. [2] Z. Wang, X. Ning and M. B. Blaschko, "Jaccard Metric Losses: Optimizing the Jaccard Index
       with Soft Labels", NeurIPS 2023. :doi:`10.48550/arXiv.2302.05666`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.jaccard_loss([0.5, 1.0, 0.0, 0.5], [1.0, 1.0, 0.0, 0.0]))
    0.4
    >>> pl.jaccard_loss.grad([0.5, 1.0, 0.0, 0.5], [1.0, 1.0, 0.0, 0.0])
    array([-0.4 , -0.4 ,  0.24,  0.24])
    """
    fraction = _jaccard(xp, axis, sigmoids(xp, pred, from_logits), target, smooth)
    return xp.squeeze(fraction.value(xp), axis=axis)


def _jaccard(
    xp: Namespace, axis: Axis, chances: Chances, target: Array, smooth: Number
) -> Fraction:
    wrong, common = overlap(xp, axis, chances, target)
    return Fraction(wrong, common + smooth, 1.0, 1.0, 1.0)


@jaccard_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    *,
    smooth: NonNegative,
    from_logits: bool,
) -> tuple[Array, Array]:
    chances = sigmoids(xp, pred, from_logits)
    fraction = _jaccard(xp, axis, chances, target, smooth)
    value = xp.squeeze(fraction.value(xp), axis=axis)
    slope = xp.by_side(chances[0], target, *fraction.slopes(xp))
    return value, slope_of_logit(chances, slope)


@jaccard_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    *,
    smooth: NonNegative,
    from_logits: bool,
) -> Array:
    chances = sigmoids(xp, pred, from_logits)
    fraction = _jaccard(xp, axis, chances, target, smooth)
    bend = xp.by_side(chances[0], target, *fraction.bends(xp))
    if not from_logits:
        return bend
    return bend_of_logit(chances, xp.by_side(chances[0], target, *fraction.slopes(xp)), bend)
