"""A loss with different exponents for positives and negatives, for labels with few positives."""

from typing import Annotated, NamedTuple, Unpack

from annotated_types import Ge, Lt

from .._loss import loss
from .._numerics.standard import is_exactly
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
from .focal import Focal, focal, surprises

__all__ = ["asymmetric_loss"]

Clip = Annotated[Number, Ge(0.0), Lt(1.0)]


@loss
def asymmetric_loss(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma_negative: NonNegative = 4.0,
    gamma_positive: NonNegative = 1.0,
    clip: Clip = 0.05,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Asymmetric loss: focal loss with separate exponents for positives and negatives.

    Easy negatives have no penalty.

    Parameters
    ----------
    pred : array
        Predicted logits of the positive class, log(p / (1 - p)), of any shape: real numbers, -inf
        and inf included.
    target : array or number
        Observations, of the shape of `pred`: 1 for positive, 0 for negative, or probabilities in
        [0, 1].
    gamma_negative : float or array, default 4.0
        Exponent of the weight of a negative, which falls with its probability: not negative.
    gamma_positive : float or array, default 1.0
        Exponent of the weight of a positive: not negative.
    clip : float or array, default 0.05
        Subtracted from the probability of the positive class if the target is negative, in [0, 1).
        A negative with a smaller probability costs nothing.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over the two classes, in [0, 1]: targets
        become (1 - s) * target + s / 2.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    sigmoid_focal_loss : This loss with one exponent, and a `clip` of 0.

    Notes
    -----
    With :math:`p = \sigma(z)` and :math:`p_m = \max(p - m, 0)`, in which `m` is `clip`, the loss of
    an element is

    .. math:: \ell = -y\, (1 - p)^{\gamma_+} \log p - (1 - y)\, p_m^{\gamma_-} \log(1 - p_m).

    The first part is that of the focal loss. In the second the logarithm is computed as
    :math:`-\mathrm{log1p}(p_m / (1 - p + m))`, which is accurate for small :math:`p_m` and for
    small :math:`1 - p`.

    If `gamma_negative` is 0, the derivative of the second part jumps at :math:`p = m`, where it is
    0. Otherwise it is continuous. The second derivative is 0 up to :math:`p = m`; it jumps there if
    `gamma_negative` is 1. A negative with an infinite logit costs :math:`-(1 - m)^{\gamma_-} \log
    m`, which is finite unless `clip` is 0.

    The authors of the loss, and timm, add 1e-8 under the logarithms, add up the labels of a sample,
    and stop the gradient of the powers. Here nothing is added, all losses have the same weight, and
    the gradient is that of the loss.

    References
    ----------
    .. [1] T. Ridnik, E. Ben-Baruch, N. Zamir, A. Noy, I. Friedman, M. Protter and L. Zelnik-Manor,
       "Asymmetric Loss For Multi-Label Classification", ICCV, 2021.
       :doi:`10.1109/ICCV48922.2021.00015`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.asymmetric_loss([2.0, 2.0, -4.0], [1.0, 0.0, 0.0], reduction="none")
    array([0.01513..., 0.84641..., 0.        ])
    >>> pl.asymmetric_loss.grad([2.0, 2.0, -4.0], [1.0, 0.0, 0.0], reduction="sum")
    array([-0.02753596,  0.72348993,  0.        ])
    >>> pl.asymmetric_loss([2.0, 2.0], [1.0, 0.0], label_smoothing=0.1, reduction="none")
    array([0.05669..., 0.80485...])
    """
    positive, negative = _both(xp, pred, gamma_negative, gamma_positive, clip)
    share = xp.smoothed(target, label_smoothing)
    return xp.weighted(share, positive.value()) + xp.weighted(
        xp.smoothed(1 - target, label_smoothing), negative.value()
    )


class Clipped(NamedTuple):
    """The loss of a negative, whose probability p of the positive class is clipped.

    Derivatives are with respect to the logit of the negative class, as those of `Focal`.
    """

    logit: Array
    """Of the positive class."""
    prob: Array
    """p"""
    missed: Array
    """1 - p"""
    rest: Array
    """The clipped p, max(p - clip, 0); 1 where that is 0."""
    right: Array
    """1 minus the clipped p."""
    gamma: Number
    weight: Array
    """The clipped p to the power of gamma; 0 where the clipped p is 0."""
    surprise: Array
    """Minus the logarithm of `right`."""

    def value(self) -> Array:
        """Return the loss."""
        return self.weight * self.surprise

    def root(self, xp: Namespace) -> Array:
        """Return sqrt(p * (1 - p)), which does not underflow where the product does."""
        return xp.decay(0.5 * self.logit) / (1 + xp.decay(self.logit))

    def derivative(self, xp: Namespace) -> Array:
        """Return its derivative."""
        root, by_prob = self.root(xp), self.gamma * self.surprise / self.rest + 1 / self.right
        return -self.weight * root * by_prob * root

    def second_derivative(self, xp: Namespace) -> Array:
        """Return its second derivative."""
        gamma, root = self.gamma, self.root(xp)
        ratio, inverse = self.surprise / self.rest, 1 / self.right
        first = gamma * ratio + inverse
        second = gamma * ((gamma - 1) * ratio + 2 * inverse) / self.rest + inverse * inverse
        bend = (self.missed - self.prob) * first + root * second * root
        return self.weight * root * bend * root


def _clipped(xp: Namespace, pred: Array, gamma: Number, clip: Number) -> Clipped:
    prob, missed = xp.sigmoids(pred)
    nothing, right = prob <= clip, missed + clip
    rest = xp.where(nothing, 1.0, prob - clip)
    weight = xp.where(nothing, 0.0, xp.power(rest, gamma))
    return Clipped(pred, prob, missed, rest, right, gamma, weight, xp.log1p(rest / right))


def _both(
    xp: Namespace, pred: Array, gamma_negative: Number, gamma_positive: Number, clip: Number
) -> tuple[Focal, Focal | Clipped]:
    """Return the losses of the positive and the negative class."""
    positive, negative = surprises(xp, pred)
    return focal(xp, positive, negative, gamma_positive), (
        focal(xp, negative, positive, gamma_negative)
        if is_exactly(clip, 0)
        else _clipped(xp, pred, gamma_negative, clip)
    )


@asymmetric_loss.value_and_derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma_negative: NonNegative,
    gamma_positive: NonNegative,
    clip: Clip,
    label_smoothing: UnitInterval,
) -> tuple[Array, Array]:
    positive, negative = _both(xp, pred, gamma_negative, gamma_positive, clip)
    share = xp.smoothed(target, label_smoothing)
    value = xp.weighted(share, positive.value()) + xp.weighted(
        xp.smoothed(1 - target, label_smoothing), negative.value()
    )
    return value, share * positive.derivative(xp) - xp.smoothed(
        1 - target, label_smoothing
    ) * negative.derivative(xp)


@asymmetric_loss.second_derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma_negative: NonNegative,
    gamma_positive: NonNegative,
    clip: Clip,
    label_smoothing: UnitInterval,
) -> Array:
    positive, negative = _both(xp, pred, gamma_negative, gamma_positive, clip)
    share = xp.smoothed(target, label_smoothing)
    by_negative = negative.second_derivative(xp)
    return (
        share * positive.second_derivative(xp)
        + xp.smoothed(1 - target, label_smoothing) * by_negative
    )
