"""The mean binary cross-entropy of the classes."""

from typing import Annotated, Unpack

from .._loss import loss
from ..typing import (
    Array,
    Axis,
    Kept,
    Logit,
    MeanOfClasses,
    Namespace,
    Probability,
    UnitInterval,
)
from ._row import RowOptions, mean, part

__all__ = ["multilabel_soft_margin_loss"]


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
    return mean(xp, xp.weighted(slope, pred) + xp.log1p(xp.decay(pred)), axis, keep)


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
    value = mean(xp, xp.weighted(slope, pred) + tail, axis, keep)
    return value, part(xp, slope + slope_of_tail, axis, keep)


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
    return part(xp, xp.logistic_density(pred), axis, keep)
