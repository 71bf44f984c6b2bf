"""Losses of logits with less weight for easy examples, or for examples with a wrong label."""

from dataclasses import dataclass
from typing import Annotated, Unpack

from .._loss import loss
from ..typing import (
    Array,
    Axis,
    ClassLogit,
    ClassOptions,
    LabelsOrProbability,
    Namespace,
    NonNegative,
    Number,
    OneOfSeveral,
    UnitInterval,
)
from ._surprise import Surprise, along, diagonal, value, value_and_gradient

__all__ = ["generalized_cross_entropy", "softmax_focal_loss"]


@dataclass(frozen=True)
class Focal:
    """(1 - p)**gamma * s; its derivatives have the ratio r = p * s / (1 - p)."""

    gamma: Number

    def weight(self, seen: Surprise) -> Array:
        """Return (1 - p)**gamma."""
        return seen.xp.power(seen.complement, self.gamma)

    def value(self, seen: Surprise) -> Array:
        """Return f."""
        return self.weight(seen) * seen.nats

    def slope(self, seen: Surprise) -> Array:
        """Return (1 - p)**gamma * (1 + gamma * r)."""
        return self.weight(seen) * (1 + self.gamma * _ratio(seen))

    def bend(self, seen: Surprise) -> Array:
        """Return gamma * (1 - p)**gamma * p * (2 - s + (gamma - 1) * r)."""
        curvature = 2 + (self.gamma - 1) * _ratio(seen) - seen.nats
        return self.gamma * self.weight(seen) * seen.xp.weighted(seen.prob, curvature)

    def own(self, seen: Surprise) -> Array:
        """Return (1 - p)**gamma * p * (1 + 2 * gamma + gamma**2 * r - gamma * s)."""
        growth = 1 + 2 * self.gamma + self.gamma**2 * _ratio(seen)
        curvature = seen.xp.weighted(seen.prob, growth - seen.xp.weighted(self.gamma, seen.nats))
        return self.weight(seen) * curvature


def _ratio(seen: Surprise) -> Array:
    """Return p * s / (1 - p), which tends to 1 as p does."""
    sure = seen.complement == 0
    part = seen.xp.weighted(seen.prob, seen.nats)
    return seen.xp.where(sure, 1.0, part / seen.xp.where(sure, 1.0, seen.complement))


@loss("(class),()->()", "(class),(class)->()")
def softmax_focal_loss(
    xp: Namespace,
    axis: Axis,
    logits: Annotated[ClassLogit, OneOfSeveral("sigmoid_focal_loss")],
    target: LabelsOrProbability,
    /,
    *,
    gamma: NonNegative = 2.0,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Focal loss of logits with class labels: cross-entropy with less weight for easy examples.

    Parameters
    ----------
    logits : array
        Logits of the K classes along `class_axis`: real numbers; -inf masks a class.
    target : array or int
        Class labels, of the shape of `logits` without the class axis: integers of any dtype from 0
        to K - 1. Or probabilities, of the shape of `logits`: in [0, 1]. The number of axes decides
        between the two.
    gamma : float or array, default 2.0
        Exponent of the weight, which falls with the probability of the observed class: not
        negative. With 0 the loss is the cross-entropy.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over all classes, in [0, 1]: targets become
        (1 - s) * target + s / K.

    Returns
    -------
    array
        The reduced loss, in the dtype of `logits`, in nats.

    See Also
    --------
    cross_entropy : This loss with `gamma` 0.
    sigmoid_focal_loss : For binary labels, or several classes that do not exclude each other.
    poly_cross_entropy : Has more weight where the prediction is right.

    Notes
    -----
    With the softmax `p` of the logits the loss of a row is

    .. math:: \ell = -\sum_k y_k (1 - p_k)^\gamma \log p_k,

    of which a label selects one term. The surprise :math:`s = -\log p_k` is computed as in
    `cross_entropy`, and :math:`1 - p_k` is the softmax of the other classes. Both are accurate
    where a logit dominates. No probability is clamped, and no power has the base 0, so value and
    derivatives are right for every `gamma`. A masked class costs nothing if its target is 0, and
    inf otherwise.

    The slope with respect to `s` is :math:`f' = (1 - p)^\gamma (1 + \gamma r)` with
    :math:`r = s / (e^s - 1)`. For a label y the derivative is :math:`-f' (1 - p_y)` with respect to
    its own logit, and :math:`f' p_j` with respect to another. Targets that are probabilities mix
    them. The second derivative with respect to the label's own logit is
    :math:`p_y (1 - p_y)^{\gamma + 1} (1 + 2 \gamma + \gamma^2 r - \gamma s)`. It is negative where
    the label is very unlikely: the loss is not convex.

    There is no factor alpha: use `class_weights`, which the mean takes into account. Keras
    multiplies by 1/4 by default; kornia and MONAI divide by the number of classes as well. By
    default SMP and MONAI use a sigmoid for each class instead of a softmax.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal Loss for Dense Object
       Detection", ICCV 2017. :doi:`10.1109/ICCV.2017.324`

    Examples
    --------
    >>> import portable_losses as pl
    >>> logits = [[2.0, -1.0, 0.5], [40.0, 0.0, 0.0]]
    >>> pl.softmax_focal_loss(logits, [0, 1], reduction="none")
    array([1.10927...e-02, 4.00000...e+01])
    >>> pl.softmax_focal_loss.grad([0.0, 0.0], 1, gamma=0.5)
    array([ 0.47...,  -0.47...])
    >>> pl.softmax_focal_loss(logits, [0, 1], label_smoothing=0.1, reduction="none")
    array([ 0.14958869, 38.66666667])
    """
    return value(xp, axis, logits, target, Focal(gamma), label_smoothing)


@softmax_focal_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    /,
    *,
    gamma: NonNegative,
    label_smoothing: UnitInterval,
) -> tuple[Array, Array]:
    return value_and_gradient(xp, axis, logits, target, Focal(gamma), label_smoothing)


@softmax_focal_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    /,
    *,
    gamma: NonNegative,
    label_smoothing: UnitInterval,
) -> Array:
    return diagonal(xp, axis, logits, target, Focal(gamma), label_smoothing)


@softmax_focal_loss.second_derivative_along
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    vector: Array,
    /,
    *,
    gamma: NonNegative,
    label_smoothing: UnitInterval,
) -> Array:
    return along(xp, axis, logits, target, vector, Focal(gamma), label_smoothing)


@dataclass(frozen=True)
class Generalized:
    """(1 - p**q) / q, which is s if q is 0."""

    q: Number

    def power(self, seen: Surprise) -> Array:
        """Return p**q, also where p is too small for the dtype."""
        power: Array = seen.xp.exp_of_minus(self.q, seen.nats)
        return power

    def value(self, seen: Surprise) -> Array:
        """Return f."""
        value: Array = seen.xp.expm1_over(-self.q, seen.nats)
        return value

    def slope(self, seen: Surprise) -> Array:
        """Return p**q."""
        return self.power(seen)

    def bend(self, seen: Surprise) -> Array:
        """Return -q * p**q * (1 - p)."""
        return -self.q * self.power(seen) * seen.complement

    def own(self, seen: Surprise) -> Array:
        """Return p**q * (p - q * (1 - p))."""
        return self.power(seen) * (seen.prob - self.q * seen.complement)


@loss("(class),()->()", "(class),(class)->()")
def generalized_cross_entropy(
    xp: Namespace,
    axis: Axis,
    logits: Annotated[ClassLogit, OneOfSeveral("binary_cross_entropy_with_logits")],
    target: LabelsOrProbability,
    /,
    *,
    q: UnitInterval = 0.7,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Generalised cross-entropy of logits with class labels, some of which may be wrong.

    Parameters
    ----------
    logits : array
        Logits of the K classes along `class_axis`: real numbers; -inf masks a class.
    target : array or int
        Class labels, of the shape of `logits` without the class axis: integers of any dtype from 0
        to K - 1. Or probabilities, of the shape of `logits`: in [0, 1]. The number of axes decides
        between the two.
    q : float or array, default 0.7
        From 0, where the loss is the cross-entropy, to 1, where it is ``1 - p``, half the sum of
        the absolute errors.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over all classes, in [0, 1]: targets become
        (1 - s) * target + s / K.

    Returns
    -------
    array
        The reduced loss, in the dtype of `logits`: at most ``1 / q``, a number without a unit.

    See Also
    --------
    cross_entropy : This loss with `q` 0, which is not bounded.

    Notes
    -----
    With the softmax `p` of the logits the loss of a row is

    .. math:: \ell = \sum_k y_k \frac{1 - p_k^q}{q},

    of which a label selects one term. It is the Box-Cox transform of the probability. It is
    bounded: the less likely a label is to the model, the smaller is its gradient, also if it is
    wrong. As a function of the surprise :math:`s = -\log p`, computed as in `cross_entropy`, a term
    is :math:`-\mathrm{expm1}(-q s) / q`, which tends to `s` as `q` tends to 0, without
    cancellation. A masked class costs 0 if its target is 0, and 1 / q otherwise.

    For a label y the derivative is :math:`-p_y^q (1 - p_y)` with respect to its own logit, and
    :math:`p_y^q p_j` with respect to another. The second derivative with respect to the label's own
    logit is :math:`p_y^q (1 - p_y) (p_y - q (1 - p_y))`. It is negative where the label is
    unlikely: the loss is not convex. The power is :math:`e^{-q s}`, which is accurate also where
    `p` itself is too small for the dtype.

    Keras takes probabilities, and its `q` is 1/2 by default.

    References
    ----------
    .. [1] Z. Zhang and M. R. Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural
       Networks with Noisy Labels", NeurIPS 2018. :doi:`10.48550/arXiv.1805.07836`

    Examples
    --------
    >>> import portable_losses as pl
    >>> logits = [[2.0, -1.0, 0.5], [800.0, 0.0, 0.0]]
    >>> pl.generalized_cross_entropy(logits, [0, 1], reduction="none")
    array([0.22203..., 1.42857...])
    >>> pl.generalized_cross_entropy.grad([0.0, 0.0], 1, q=1.0)
    array([ 0.25, -0.25])
    >>> pl.generalized_cross_entropy(logits, [0, 1], label_smoothing=0.1, reduction="none")
    array([0.28346..., 1.38095...])
    """
    return value(xp, axis, logits, target, Generalized(q), label_smoothing)


@generalized_cross_entropy.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    /,
    *,
    q: UnitInterval,
    label_smoothing: UnitInterval,
) -> tuple[Array, Array]:
    return value_and_gradient(xp, axis, logits, target, Generalized(q), label_smoothing)


@generalized_cross_entropy.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    /,
    *,
    q: UnitInterval,
    label_smoothing: UnitInterval,
) -> Array:
    return diagonal(xp, axis, logits, target, Generalized(q), label_smoothing)


@generalized_cross_entropy.second_derivative_along
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: LabelsOrProbability,
    vector: Array,
    /,
    *,
    q: UnitInterval,
    label_smoothing: UnitInterval,
) -> Array:
    return along(xp, axis, logits, target, vector, Generalized(q), label_smoothing)
