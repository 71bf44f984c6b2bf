"""Losses that divide the wrong part of a region by the sum of the wrong and the right part."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Axis, Namespace, NonNegative, Positive
from ._fraction import Fraction
from ._region import Membership, Parts, RegionOptions, compared, overlap

__all__ = ["dice_loss", "jaccard_loss", "tversky_loss"]


@loss("(region),(region)->()")
def dice_loss(
    xp: Namespace,
    axis: Axis,
    pred: Membership,
    target: Membership,
    /,
    *,
    smooth: NonNegative = 0.0,
    **options: Unpack[RegionOptions],
) -> Array:
    r"""Dice loss: 1 minus the F1 score of a region.

    Parameters
    ----------
    pred : array
        Predicted probabilities that the elements along `region_axis` belong to the region: in [0,
        1].
    target : array
        The observed region, of the shape of `pred`: 1 for the elements of the region, 0 for the
        others, or probabilities in [0, 1].
    smooth : float, default 0
        A number added to the numerator and the denominator of the score: not negative.

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
    """
    return xp.squeeze(_dice(xp, axis, pred, target, smooth).value(xp), axis=axis)


def _dice(xp: Namespace, axis: Axis, pred: Array, target: Array, smooth: float) -> Fraction:
    wrong, common = overlap(xp, axis, pred, target)
    return Fraction(wrong, 2 * common + smooth, 1.0, 1.0, 2.0)


@dice_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, pred: Membership, target: Membership, /, *, smooth: NonNegative
) -> tuple[Array, Array]:
    fraction = _dice(xp, axis, pred, target, smooth)
    value = xp.squeeze(fraction.value(xp), axis=axis)
    return value, xp.by_side(pred, target, *fraction.slopes(xp))


@dice_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, pred: Membership, target: Membership, /, *, smooth: NonNegative
) -> Array:
    fraction = _dice(xp, axis, pred, target, smooth)
    return xp.by_side(pred, target, *fraction.bends(xp))


@loss("(region),(region)->()")
def jaccard_loss(
    xp: Namespace,
    axis: Axis,
    pred: Membership,
    target: Membership,
    /,
    *,
    smooth: NonNegative = 0.0,
    **options: Unpack[RegionOptions],
) -> Array:
    r"""Jaccard loss: 1 minus the intersection over the union of two regions.

    Parameters
    ----------
    pred : array
        Predicted probabilities that the elements along `region_axis` belong to the region: in [0,
        1].
    target : array
        The observed region, of the shape of `pred`: 1 for the elements of the region, 0 for the
        others, or probabilities in [0, 1].
    smooth : float, default 0
        A number added to the numerator and the denominator: not negative.

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
    return xp.squeeze(_jaccard(xp, axis, pred, target, smooth).value(xp), axis=axis)


def _jaccard(xp: Namespace, axis: Axis, pred: Array, target: Array, smooth: float) -> Fraction:
    wrong, common = overlap(xp, axis, pred, target)
    return Fraction(wrong, common + smooth, 1.0, 1.0, 1.0)


@jaccard_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, pred: Membership, target: Membership, /, *, smooth: NonNegative
) -> tuple[Array, Array]:
    fraction = _jaccard(xp, axis, pred, target, smooth)
    value = xp.squeeze(fraction.value(xp), axis=axis)
    return value, xp.by_side(pred, target, *fraction.slopes(xp))


@jaccard_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, pred: Membership, target: Membership, /, *, smooth: NonNegative
) -> Array:
    fraction = _jaccard(xp, axis, pred, target, smooth)
    return xp.by_side(pred, target, *fraction.bends(xp))


@loss("(region),(region)->()")
def tversky_loss(
    xp: Namespace,
    axis: Axis,
    pred: Membership,
    target: Membership,
    /,
    *,
    alpha: NonNegative = 0.5,
    beta: NonNegative = 0.5,
    gamma: Positive = 1.0,
    smooth: NonNegative = 0.0,
    **options: Unpack[RegionOptions],
) -> Array:
    r"""(Focal) Tversky loss: an overlap with weights for false positives and false negatives.

    Parameters
    ----------
    pred : array
        Predicted probabilities that the elements along `region_axis` belong to the region: in [0,
        1].
    target : array
        The observed region, of the shape of `pred`: 1 for the elements of the region, 0 for the
        others, or probabilities in [0, 1].
    alpha : float, default 0.5
        The weight of false positives: not negative.
    beta : float, default 0.5
        The weight of false negatives: not negative.
    gamma : float, default 1
        The power to which the loss is raised: positive. Above 1 regions that are mostly wrong have
        more weight, below 1 those that are nearly right.
    smooth : float, default 0
        A number added to the numerator and the denominator: not negative.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to 1.

    See Also
    --------
    dice_loss : With both weights 1/2.
    jaccard_loss : With both weights 1.

    Notes
    -----
    With :math:`I = \sum_i \min(p_i, y_i)`, the false positives :math:`F = \sum_i \max(p_i - y_i,
    0)` and the false negatives :math:`M = \sum_i \max(y_i - p_i, 0)` the loss of a region and the
    computed form are

    .. math:: \ell = \left( 1 - \frac{I + s}{I + \alpha F + \beta M + s} \right)^\gamma
              = \left( \frac{\alpha F + \beta M}{I + \alpha F + \beta M + s} \right)^\gamma.

    No terms cancel in the second form. A perfect prediction has loss 0, also with soft targets. So
    has an empty prediction of an empty region, and a region with errors of weight 0 only. The power
    multiplies the rounding error by `gamma`.

    With :math:`T` for the denominator and :math:`\gamma = 1` the derivative is
    :math:`\alpha (I + s) / T^2` above the target and
    :math:`-(\beta (I + s) + \alpha F + \beta M) / T^2` below it; for its value at the target see
    `dice_loss`. The second derivative is minus twice the first, times
    :math:`\alpha` above and :math:`1 - \beta` below, divided by :math:`T`. At a perfect prediction
    the derivative of the power would be 0 or infinite: both derivatives are 0 there if `gamma` is
    not 1.

    Segmentation Models has the same power, but raises the mean of the losses to it. In the paper on
    the focal loss the power is :math:`1 / \gamma`. MONAI adds 1e-5 by default. Keras 3.15 exchanges
    `alpha` and `beta`; Segmentation Models, MONAI and optax do not.

    References
    ----------
    .. [1] A. Tversky, "Features of Similarity", Psychological Review 84, 1977.
       :doi:`10.1037/0033-295X.84.4.327`
    .. [2] S. S. M. Salehi, D. Erdogmus and A. Gholipour, "Tversky Loss Function for Image
       Segmentation Using 3D Fully Convolutional Deep Networks", MLMI 2017.
       :doi:`10.1007/978-3-319-67389-9_44`
    .. [3] N. Abraham and N. M. Khan, "A Novel Focal Tversky Loss Function with Improved Attention
       U-Net for Lesion Segmentation", ISBI 2019. :doi:`10.1109/ISBI.2019.8759329`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.tversky_loss([0.5, 1.0, 0.0, 0.5], [1.0, 1.0, 0.0, 0.0], alpha=0.25, beta=0.75))
    0.25
    >>> pl.tversky_loss.grad([0.5, 1.0, 0.0, 0.5], [1.0, 1.0, 0.0, 0.0], alpha=0.25, beta=0.75)
    array([-0.40625, -0.40625,  0.09375,  0.09375])
    >>> float(pl.tversky_loss([0.5, 1.0, 0.0, 0.5], [1.0, 1.0, 0.0, 0.0], smooth=0.5))
    0.2
    """
    base = _tversky(compared(xp, axis, pred, target), alpha, beta, smooth).value(xp)
    return xp.squeeze(xp.power(base, gamma), axis=axis)


def _tversky(parts: Parts, alpha: float, beta: float, smooth: float) -> Fraction:
    wrong = alpha * parts.excess + beta * parts.lacking
    return Fraction(wrong, parts.common + smooth, alpha, beta, 1.0)


def _rate_of_power(xp: Namespace, base: Array, gamma: float) -> Array:
    """Return the derivative of base**gamma, 0 where the base is 0 unless `gamma` is 1."""
    if gamma == 1:
        return xp.ones_like(base)
    zero = base == 0
    return xp.where(zero, 0.0, gamma * xp.where(zero, 1.0, base) ** (gamma - 1))


@tversky_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Membership,
    target: Membership,
    /,
    *,
    alpha: NonNegative,
    beta: NonNegative,
    gamma: Positive,
    smooth: NonNegative,
) -> tuple[Array, Array]:
    fraction = _tversky(compared(xp, axis, pred, target), alpha, beta, smooth)
    base = fraction.value(xp)
    rate, value = _rate_of_power(xp, base, gamma), xp.squeeze(xp.power(base, gamma), axis=axis)
    return value, xp.by_side(pred, target, *(rate * slope for slope in fraction.slopes(xp)))


@tversky_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Membership,
    target: Membership,
    /,
    *,
    alpha: NonNegative,
    beta: NonNegative,
    gamma: Positive,
    smooth: NonNegative,
) -> Array:
    fraction = _tversky(compared(xp, axis, pred, target), alpha, beta, smooth)
    base = fraction.value(xp)
    rate, nonzero = _rate_of_power(xp, base, gamma), xp.where(base == 0, 1.0, base)
    bends = (
        rate * (bend + (gamma - 1) * slope * slope / nonzero)
        for slope, bend in zip(fraction.slopes(xp), fraction.bends(xp), strict=True)
    )
    return xp.by_side(pred, target, *bends)
