"""The overlap of regions with weights for false positives and false negatives."""

from typing import Unpack

from .._loss import loss
from .._numerics.standard import is_exactly
from ..typing import Array, Axis, Namespace, NonNegative, Number, Positive
from ._fraction import Fraction
from ._region import (
    LabelRegionOptions,
    Membership,
    Parts,
    Prediction,
    bend_of_logit,
    compared,
    sigmoids,
    slope_of_logit,
)

__all__ = ["tversky_loss"]


@loss("(region),(region)->()", absent=(0.0, 0.0), sums="region", temporaries=8)
def tversky_loss(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    *,
    alpha: NonNegative = 0.5,
    beta: NonNegative = 0.5,
    gamma: Positive = 1.0,
    smooth: NonNegative = 0.0,
    from_logits: bool = False,
    **options: Unpack[LabelRegionOptions],
) -> Array:
    r"""(Focal) Tversky loss: an overlap with weights for false positives and false negatives.

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
    alpha : float or array, default 0.5
        The weight of false positives: not negative.
    beta : float or array, default 0.5
        The weight of false negatives: not negative.
    gamma : float or array, default 1
        The power to which the loss is raised: positive. Above 1 regions that are mostly wrong have
        more weight, below 1 those that are nearly right.
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
    parts = compared(xp, axis, sigmoids(xp, pred, from_logits), target)
    base = _tversky(parts, alpha, beta, smooth).value(xp)
    return xp.squeeze(xp.power(base, gamma), axis=axis)


def _tversky(parts: Parts, alpha: Number, beta: Number, smooth: Number) -> Fraction:
    wrong = alpha * parts.excess + beta * parts.lacking
    return Fraction(wrong, parts.common + smooth, alpha, beta, 1.0)


def _rate_of_power(xp: Namespace, base: Array, gamma: Number) -> Array:
    """Return the derivative of base**gamma, 0 where the base is 0 unless `gamma` is 1."""
    if is_exactly(gamma, 1):
        return xp.ones_like(base)
    zero = base == 0
    return xp.where(zero, 0.0, gamma * xp.where(zero, 1.0, base) ** (gamma - 1))


@tversky_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    *,
    alpha: NonNegative,
    beta: NonNegative,
    gamma: Positive,
    smooth: NonNegative,
    from_logits: bool,
) -> tuple[Array, Array]:
    chances = sigmoids(xp, pred, from_logits)
    fraction = _tversky(compared(xp, axis, chances, target), alpha, beta, smooth)
    base = fraction.value(xp)
    rate, value = _rate_of_power(xp, base, gamma), xp.squeeze(xp.power(base, gamma), axis=axis)
    slopes = (rate * slope for slope in fraction.slopes(xp))
    return value, slope_of_logit(chances, xp.by_side(chances[0], target, *slopes))


@tversky_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    *,
    alpha: NonNegative,
    beta: NonNegative,
    gamma: Positive,
    smooth: NonNegative,
    from_logits: bool,
) -> Array:
    chances = sigmoids(xp, pred, from_logits)
    fraction = _tversky(compared(xp, axis, chances, target), alpha, beta, smooth)
    base = fraction.value(xp)
    rate, nonzero = _rate_of_power(xp, base, gamma), xp.where(base == 0, 1.0, base)
    bends = (
        rate * (bend + (gamma - 1) * slope * slope / nonzero)
        for slope, bend in zip(fraction.slopes(xp), fraction.bends(xp), strict=True)
    )
    bend = xp.by_side(chances[0], target, *bends)
    if not from_logits:
        return bend
    slope = rate * xp.by_side(chances[0], target, *fraction.slopes(xp))
    return bend_of_logit(chances, slope, bend)
