"""Binary cross-entropy: from the probability of the positive class, or from its logit."""

from typing import Annotated, Unpack

from annotated_types import Ge, Lt

from .._loss import loss
from .._numerics.standard import is_exactly, log_of, may_be, select
from ..typing import (
    Array,
    Logit,
    Namespace,
    NonNegative,
    Number,
    Options,
    Probability,
    UnitInterval,
)

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]

Floor = Annotated[Number, Ge(0.0), Lt(0.5)]


@loss(temporaries=8)
def binary_cross_entropy(
    xp: Namespace,
    pred: Probability,
    target: Probability,
    /,
    *,
    eps: Floor = 1e-15,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Binary cross-entropy of probabilities.

    Parameters
    ----------
    pred : array
        Predicted probabilities of the positive class, of any shape: in [0, 1].
    target : array or number
        Observations, of the shape of `pred`: 1 for positive, 0 for negative, or probabilities in
        [0, 1].
    eps : float or array, default 1e-15
        Floor of the probabilities under the logarithms, in [0, 0.5). It keeps the loss of a
        certain and wrong prediction finite: ``-log(eps)``, 34.54 by default. With 0 that loss is
        inf.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over the two classes, in [0, 1]: targets
        become (1 - s) * target + s / 2.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    binary_cross_entropy_with_logits : From logits, which are more precise near the probabilities 0
        and 1. Prefer it if you have logits.
    cross_entropy : For more than two classes.

    Notes
    -----
    The loss of an element is

    .. math:: \ell = -y \log \max(p, \varepsilon) - (1 - y) \log \max(1 - p, \varepsilon).

    The second logarithm is computed as :math:`\mathrm{log1p}(-p)`, which is accurate for small `p`.
    Both terms are positive, so nothing cancels.

    The derivative is :math:`(p - y) / (\max(p, \varepsilon) \max(1 - p, \varepsilon))`. It is
    finite, and gradient descent leaves a certain but wrong prediction. With an `eps` of 0 it is
    computed as :math:`(1 - y) / (1 - p) - y / p`, where a term whose numerator is 0 is 0. The
    second derivative is :math:`y / \max(p, \varepsilon)^2 + (1 - y) / \max(1 - p,
    \varepsilon)^2`.

    The floor is on each probability. Other libraries add `eps` to it (a perfect prediction then
    has a negative loss), clip `p` to [eps, 1 - eps] (Keras, 1e-7; scikit-learn, the eps of the
    dtype) or stop at 100 (torch, MLX).

    References
    ----------
    .. [1] I. J. Good, "Rational Decisions", Journal of the Royal Statistical Society B 14, 1952.
       :doi:`10.1111/j.2517-6161.1952.tb00104.x`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.binary_cross_entropy([0.9, 0.2, 0.6], [1.0, 0.0, 1.0]))
    0.27977656...
    >>> pl.binary_cross_entropy([0.0, 1.0], [1.0, 1.0], reduction="none")
    array([34.53877639,  0.        ])
    >>> pl.binary_cross_entropy([0.9, 0.2], [1.0, 0.0], label_smoothing=0.1, reduction="none")
    array([0.21522..., 0.29245...])
    """
    floor = log_of(xp, eps)
    log_positive = xp.floored_log(pred, floor)
    log_negative = xp.floored_log1m(pred, floor)
    product = xp.weighted if may_be(eps, 0) else xp.multiply  # without a floor: 0 * inf
    of_positive = -product(xp.smoothed(target, label_smoothing), log_positive)
    return of_positive - product(xp.smoothed(1 - target, label_smoothing), log_negative)


@binary_cross_entropy.derivative
def _(
    xp: Namespace,
    pred: Probability,
    target: Probability,
    /,
    *,
    eps: Floor,
    label_smoothing: UnitInterval,
) -> Array:
    share = xp.smoothed(target, label_smoothing)

    def without_floor() -> Array:
        other = xp.smoothed(1 - target, label_smoothing)
        return xp.safe_divide(other, 1 - pred) - xp.safe_divide(share, pred)

    def floored() -> Array:
        return (pred - share) / (xp.maximum(pred, eps) * xp.maximum(1 - pred, eps))

    slope: Array = select(xp, eps == 0, without_floor, floored)
    return slope


@binary_cross_entropy.second_derivative
def _(
    xp: Namespace,
    pred: Probability,
    target: Probability,
    /,
    *,
    eps: Floor,
    label_smoothing: UnitInterval,
) -> Array:
    positive, negative = xp.maximum(pred, eps), xp.maximum(1 - pred, eps)
    share, other = (xp.smoothed(x, label_smoothing) for x in (target, 1 - target))
    return xp.over_square(share, positive) + xp.over_square(other, negative)


@loss(temporaries=8)
def binary_cross_entropy_with_logits(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    pos_weight: NonNegative = 1.0,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Binary cross-entropy of logits.

    Parameters
    ----------
    pred : array
        Predicted logits of the positive class, log(p / (1 - p)), of any shape: real numbers, -inf
        and inf included.
    target : array or number
        Observations, of the shape of `pred`: 1 for positive, 0 for negative, or probabilities in
        [0, 1].
    pos_weight : float or array, default 1.0
        Weight of the positive class, not negative. The number of negatives divided by the number
        of positives balances the two. Several labels may have a weight each.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over the two classes, in [0, 1]: targets
        become (1 - s) * target + s / 2, before `pos_weight` counts.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    binary_cross_entropy : From probabilities.
    cross_entropy : For more than two classes.

    Notes
    -----
    The loss of an element is

    .. math:: \ell = w_+\, y\, \mathrm{softplus}(-z) + (1 - y)\, \mathrm{softplus}(z).

    Both softplus share the tail :math:`t = \log(1 + \exp(-|z|))`. So the loss is computed as
    :math:`s z + (w_+ y + 1 - y)\, t`, where the slope :math:`s` is :math:`1 - y` for positive and
    :math:`-w_+ y` for negative logits. Nothing overflows, and no two terms cancel. At infinite
    logits the loss is exact: 0 where the target agrees, inf where it does not (torch and optax
    return NaN).

    The derivative is :math:`(1 - y) \sigma(z) - w_+ y \sigma(-z)`, computed as :math:`s + (w_+ y
    + 1 - y)\, t'`. It is accurate where a large logit is right: there it is :math:`-\sigma(-z)`,
    not :math:`\sigma(z) - 1`. The second derivative is :math:`(w_+ y + 1 - y) \sigma(z)
    \sigma(-z)`.

    `pos_weight` differs from `weights`: it does not enter the denominator of the mean, as in torch.

    References
    ----------
    .. [1] D. R. Cox, "The Regression Analysis of Binary Sequences", Journal of the Royal
       Statistical Society B 20, 1958. :doi:`10.1111/j.2517-6161.1958.tb00292.x`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.binary_cross_entropy_with_logits([2.0, -1.0, 3.0, -2.0], [1.0, 0.0, 1.0, 0.0]))
    0.15392626529447...
    >>> pl.binary_cross_entropy_with_logits.grad([0.0, 800.0], [1.0, 0.0], reduction="sum")
    array([-0.5,  1. ])
    >>> pl.binary_cross_entropy_with_logits.grad([0.0, 800.0], [1.0, 1.0], label_smoothing=0.25)
    array([-0.1875,  0.0625])
    """
    slope, total = _weights(xp, pred, target, pos_weight, label_smoothing)
    return xp.weighted(slope, pred) + total * xp.log1p(xp.decay(pred))


def _weights(
    xp: Namespace, pred: Array, target: Array, pos_weight: Number, label_smoothing: Number
) -> tuple[Array, Array | float]:
    """Return the slope of the loss for large logits of this sign, and the weight of the tail."""
    if is_exactly(pos_weight, 1):
        return xp.logistic_slope(pred, target, label_smoothing), 1.0
    share, negative = (xp.smoothed(x, label_smoothing) for x in (target, 1 - target))
    positive = pos_weight * share
    return xp.where(pred < 0, -positive, negative), positive + negative


@binary_cross_entropy_with_logits.value_and_derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    pos_weight: NonNegative,
    label_smoothing: UnitInterval,
) -> tuple[Array, Array]:
    slope, total = _weights(xp, pred, target, pos_weight, label_smoothing)
    tail, slope_of_tail = xp.logistic_tail(pred)
    return xp.weighted(slope, pred) + total * tail, slope + total * slope_of_tail


@binary_cross_entropy_with_logits.second_derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    pos_weight: NonNegative,
    label_smoothing: UnitInterval,
) -> Array:
    return _weights(xp, pred, target, pos_weight, label_smoothing)[1] * xp.logistic_density(pred)
