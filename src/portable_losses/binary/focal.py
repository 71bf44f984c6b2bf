"""Losses of a logit that weight easy and hard examples differently."""

from collections.abc import Sequence
from math import inf
from typing import Annotated, Any, NamedTuple, Unpack

from annotated_types import Ge, Gt, Le, Lt

from .._loss import loss
from .._numerics.standard import is_array
from ..typing import (
    Array,
    Logit,
    Namespace,
    NonNegative,
    Number,
    Options,
    PerLabel,
    Probability,
    UnitInterval,
)

__all__ = ["poly_binary_cross_entropy", "sigmoid_focal_loss"]

Finite = Annotated[Number, Gt(-inf), Lt(inf)]
Balance = Annotated[Number | Sequence[float], Ge(0.0), Le(1.0), PerLabel()]


class Focal(NamedTuple):
    """The focal loss of a class, and its derivatives with respect to the logit of that class."""

    surprise: Array
    """Minus the logarithm of the probability p of the class."""
    opposite: Array
    """Minus the logarithm of 1 - p."""
    gamma: Number
    weight: Array
    """(1 - p)**gamma"""

    def value(self) -> Array:
        """Return the loss."""
        return self.weight * self.surprise

    def derivative(self, xp: Namespace) -> Array:
        """Return its derivative."""
        prob, missed = xp.exp(-self.surprise), xp.exp(-self.opposite)
        return -self.weight * (missed + self.gamma * xp.weighted(prob, self.surprise))

    def second_derivative(self, xp: Namespace) -> Array:
        """Return its second derivative; a product of roots avoids underflow."""
        root, missed, gamma = xp.exp(-0.5 * self.surprise), xp.exp(-self.opposite), self.gamma
        bend = gamma * xp.weighted(root, self.surprise) * (gamma * root * root - missed)
        return self.weight * root * ((2 * gamma + 1) * root * missed + bend)


def focal(xp: Namespace, surprise: Array, opposite: Array, gamma: Number) -> Focal:
    """Return the focal loss of a class; no probability is rounded to 0 before the power."""
    return Focal(surprise, opposite, gamma, xp.exp_of_minus(gamma, opposite))


def surprises(xp: Namespace, pred: Array) -> tuple[Array, Array]:
    """Return minus the logarithms of the probabilities of the positive and the negative class."""
    tail = xp.log1p(xp.decay(pred))
    return xp.where(pred >= 0, 0.0, -pred) + tail, xp.relu(pred) + tail


def _both(xp: Namespace, pred: Array, gamma: Number) -> tuple[Focal, Focal]:
    """Return the focal losses of the positive and the negative class."""
    positive, negative = surprises(xp, pred)
    return focal(xp, positive, negative, gamma), focal(xp, negative, positive, gamma)


def shares(
    xp: Namespace, target: Array, alpha: Any, label_smoothing: Number
) -> tuple[Array, Array]:
    """Return the weights of the two classes; `alpha` is a number, an array or None."""
    positive, negative = (xp.smoothed(x, label_smoothing) for x in (target, 1 - target))
    if alpha is None:
        return positive, negative
    rest = 1 - alpha
    if is_array(alpha):
        alpha, rest = (xp.astype(x, target.dtype) for x in (alpha, rest))
    return alpha * positive, rest * negative


@loss
def sigmoid_focal_loss(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma: NonNegative = 2.0,
    alpha: Balance | None = None,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Focal loss of logits: cross-entropy with less weight where the prediction is right.

    Parameters
    ----------
    pred : array
        Predicted logits of the positive class, log(p / (1 - p)), of any shape: real numbers, -inf
        and inf included.
    target : array or number
        Observations, of the shape of `pred`: 1 for positive, 0 for negative, or probabilities in
        [0, 1].
    gamma : float or array, default 2.0
        Exponent of the weight, which falls with the probability of the observed class: not
        negative. With 0 the loss is the binary cross-entropy.
    alpha : float, sequence of float or array, optional
        Weight of the positive class, in [0, 1]; that of the negative class is ``1 - alpha``. By
        default both are 1. A sequence has one number for each entry of the last axis of `pred`,
        along which the labels of several binary classifications lie.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over the two classes, in [0, 1]: targets
        become (1 - s) * target + s / 2.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    binary_cross_entropy_with_logits : This loss with `gamma` 0.
    asymmetric_loss : With different exponents for the two classes.
    poly_binary_cross_entropy : Counts more where the prediction is right.

    Notes
    -----
    The loss of an element is

    .. math:: \ell = \alpha\, y\, \sigma(-z)^\gamma \mathrm{softplus}(-z)
        + (1 - \alpha)(1 - y)\, \sigma(z)^\gamma \mathrm{softplus}(z),

    which for a target of 0 or 1 is :math:`-\alpha_t (1 - p_t)^\gamma \log p_t`. The power
    :math:`\sigma(-z)^\gamma` is computed as :math:`\exp(-\gamma\, \mathrm{softplus}(z))`. So no
    probability needs a clamp, and no power has the base 0: value and derivative are right for every
    `gamma` at every logit, -inf and inf included.

    With :math:`p = \sigma(z)` the derivative of the loss of a positive is :math:`-(1 - p)^\gamma (1
    - p - \gamma p \log p)`; that of a negative is its mirror image. The second derivative is
    negative where a logit is far on the wrong side: the loss is not convex.

    `alpha` is 1/4 by default in torchvision and kornia; optax and Keras leave it out by default.
    For soft targets others raise the mixture :math:`y\,(1 - p) + (1 - y)\,p`, or :math:`|y - p|`,
    to the power. The results differ.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal Loss for Dense Object
       Detection", ICCV 2017. :doi:`10.1109/ICCV.2017.324`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.sigmoid_focal_loss([0.5, 4.0, -4.0], [1.0, 1.0, 1.0], reduction="none")
    array([6.75734905e-02, 5.87156972e-06, 3.87490724e+00])
    >>> pl.sigmoid_focal_loss.grad([0.0, 1000.0], [1.0, 0.0], reduction="sum", gamma=0.5)
    array([-0.47608566,  1.        ])
    >>> pl.sigmoid_focal_loss([[0.5, 0.5]], [[1.0, 1.0]], alpha=[0.25, 0.75], reduction="none")
    array([[0.01689337, 0.05068012]])
    >>> pl.sigmoid_focal_loss([0.5, 4.0], [1.0, 1.0], label_smoothing=0.1, reduction="none")
    array([0.08306..., 0.19375...])
    """
    share, other = shares(xp, target, alpha, label_smoothing)
    positive, negative = _both(xp, pred, gamma)
    return xp.weighted(share, positive.value()) + xp.weighted(other, negative.value())


@sigmoid_focal_loss.value_and_derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma: NonNegative,
    alpha: Balance | None,
    label_smoothing: UnitInterval,
) -> tuple[Array, Array]:
    share, other = shares(xp, target, alpha, label_smoothing)
    positive, negative = _both(xp, pred, gamma)
    value = xp.weighted(share, positive.value()) + xp.weighted(other, negative.value())
    return value, share * positive.derivative(xp) - other * negative.derivative(xp)


@sigmoid_focal_loss.second_derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma: NonNegative,
    alpha: Balance | None,
    label_smoothing: UnitInterval,
) -> Array:
    share, other = shares(xp, target, alpha, label_smoothing)
    positive, negative = _both(xp, pred, gamma)
    return share * positive.second_derivative(xp) + other * negative.second_derivative(xp)


@loss
def poly_binary_cross_entropy(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    epsilon: Finite = 1.0,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Poly-1 loss of logits: binary cross-entropy with another first coefficient.

    It adds a multiple of the probability of the class that was not observed.

    Parameters
    ----------
    pred : array
        Predicted logits of the positive class, log(p / (1 - p)), of any shape: real numbers, -inf
        and inf included.
    target : array or number
        Observations, of the shape of `pred`: 1 for positive, 0 for negative, or probabilities in
        [0, 1].
    epsilon : float or array, default 1.0
        Added to the first coefficient of the series of the cross-entropy, which is 1. From -1 on
        the loss is not negative.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over the two classes, in [0, 1]: targets
        become (1 - s) * target + s / 2.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    binary_cross_entropy_with_logits : This loss with `epsilon` 0.
    sigmoid_focal_loss : Counts less where the prediction is right.
    poly_cross_entropy : For more than two classes.

    Notes
    -----
    Cross-entropy is the series :math:`\sum_k (1 - p_t)^k / k` in the probability :math:`p_t` of the
    observed class. This loss adds :math:`\varepsilon` to its first coefficient:

    .. math:: \ell = y\, (\mathrm{softplus}(-z) + \varepsilon \sigma(-z))
        + (1 - y) (\mathrm{softplus}(z) + \varepsilon \sigma(z)),

    so that :math:`p_t = y p + (1 - y)(1 - p)`, which is linear in a soft target. With :math:`q =
    \sigma(-|z|)` the cross-entropy is computed as :math:`q - \mathrm{log1pmx}(-q)`, plus
    :math:`|z|` on the wrong side, where :math:`\mathrm{log1pmx}(x) = \log(1 + x) - x` is a series.
    So the loss is accurate with an `epsilon` of -1, where a small loss begins with :math:`q^2 / 2`.
    At infinite logits the loss is 0 where the target agrees, inf where it does not.

    With :math:`p = \sigma(z)` and :math:`q = \sigma(-z)` the derivative is :math:`-q (q + (1 +
    \varepsilon) p)` for a positive and :math:`p (p + (1 + \varepsilon) q)` for a negative. The
    second derivative is :math:`p q ((1 + \varepsilon) p + (1 - \varepsilon) q)` for a positive and
    :math:`p q ((1 + \varepsilon) q + (1 - \varepsilon) p)` for a negative. The target mixes them.

    The default of `epsilon` is 2 in optax and timm.

    References
    ----------
    .. [1] Z. Leng, M. Tan, C. Liu, E. D. Cubuk, X. Shi, S. Cheng and D. Anguelov, "PolyLoss: A
       Polynomial Expansion Perspective of Classification Loss Functions", ICLR 2022.
       :doi:`10.48550/arXiv.2204.12511`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.poly_binary_cross_entropy([0.0, 800.0], [1.0, 0.0], reduction="none")
    array([  1.19314718, 801.        ])
    >>> pl.poly_binary_cross_entropy.grad([0.0, 800.0], [1.0, 0.0], reduction="sum")
    array([-0.75,  1.  ])
    >>> pl.poly_binary_cross_entropy([0.0, 4.0], [1.0, 1.0], label_smoothing=0.1, reduction="none")
    array([1.19314..., 0.28433...])
    """
    positive, negative = xp.sigmoids(pred)
    less = xp.minimum(positive, negative)
    missed = xp.relu(-pred) + (less + epsilon * negative)
    false_alarm = xp.relu(pred) + (less + epsilon * positive)
    common = -xp.log1pmx(-less)
    share, other = shares(xp, target, None, label_smoothing)
    return common + (xp.weighted(share, missed) + xp.weighted(other, false_alarm))


@poly_binary_cross_entropy.derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    epsilon: Finite,
    label_smoothing: UnitInterval,
) -> Array:
    p, q = xp.sigmoids(pred)
    missed, false_alarm = q * (q + (1 + epsilon) * p), p * (p + (1 + epsilon) * q)
    share, other = shares(xp, target, None, label_smoothing)
    return other * false_alarm - share * missed


@poly_binary_cross_entropy.second_derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    epsilon: Finite,
    label_smoothing: UnitInterval,
) -> Array:
    p, q = xp.sigmoids(pred)
    missed = (1 + epsilon) * p + (1 - epsilon) * q
    false_alarm = (1 + epsilon) * q + (1 - epsilon) * p
    share, other = shares(xp, target, None, label_smoothing)
    return p * q * (share * missed + other * false_alarm)
