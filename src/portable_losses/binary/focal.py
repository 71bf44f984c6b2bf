"""Losses of a logit that shift the weight of cross-entropy between what is easy and what is hard.

Each is a mixture of two functions of the size of the logit: the loss on the wrong side, and that on
the right side. The target says how much of each.
"""

from math import inf
from typing import Annotated, NamedTuple, Unpack

from annotated_types import Gt, Lt

from .._compensated import exp_of_product
from .._elementary import atanh_series, magnitude, weighted, widened
from .._loss import loss
from ..typing import Array, Logit, Namespace, NonNegative, Options, Probability, UnitInterval

__all__ = ["poly_binary_cross_entropy", "sigmoid_focal_loss"]

Finite = Annotated[float, Gt(-inf), Lt(inf)]

SATURATED = 1000.0
"""Logits of this size have a sigmoid of 0 or 1 in every dtype."""


class Size(NamedTuple):
    """The size of a logit, and what follows from it."""

    bounded: Array
    """The size, up to `SATURATED`: finite."""
    beyond: Array
    """What is left of the size, mostly 0."""
    decay: Array
    """exp(-size)"""
    tail: Array
    """log(1 + exp(-size)): the cross-entropy on the right side. On the wrong side it is that much more than the size."""
    spare: bool
    """Whether these have more digits than the result."""


def size_of(xp: Namespace, pred: Array) -> Size:
    """Take a logit apart, float32 on NumPy in float64: losses are made of up to three powers of the exponential."""
    size = widened(xp, magnitude(xp, pred))
    bounded = xp.minimum(size, SATURATED)
    decay = xp.exp(-bounded)
    return Size(bounded, size - bounded, decay, xp.log1p(decay), spare=size.dtype != pred.dtype)


def mixed(
    xp: Namespace, pred: Array, target: Array, alpha: float | None, wrong: Array, right: Array
) -> Array:
    """Mix what a logit costs on the wrong side, which may be inf, and on the right side, which is less."""
    wrong, right = (
        xp.astype(wrong, pred.dtype, copy=False),
        xp.astype(right, pred.dtype, copy=False),
    )
    if alpha is None:  # without selections
        positive = xp.astype(pred >= 0, pred.dtype)
        against = positive + (1 - 2 * positive) * target
        return weighted(xp, against, wrong) + (1 - against) * right
    yes, no = alpha * target, (1 - alpha) * (1 - target)
    return weighted(xp, xp.where(pred >= 0, no, yes), wrong) + xp.where(pred >= 0, yes, no) * right


def slope(
    xp: Namespace, pred: Array, target: Array, alpha: float | None, wrong: Array, right: Array
) -> Array:
    """Mix derivatives with respect to the size into that with respect to the logit."""
    mixture = mixed(xp, pred, target, alpha, wrong, right)
    return xp.where(pred >= 0, mixture, -mixture)


@loss
def sigmoid_focal_loss(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma: NonNegative = 2.0,
    alpha: UnitInterval | None = None,
    **options: Unpack[Options],
) -> Array:
    r"""Focal loss of logits: cross-entropy that counts less where the prediction is right.

    Parameters
    ----------
    pred : array
        Predicted logits of yes, log(p / (1 - p)), of any shape: real numbers, -inf and inf
        included.
    target : array or number
        What was observed, of the shape of `pred`: 1 for yes, 0 for no, or probabilities in [0, 1].
    gamma : float, default 2.0
        How fast the weight falls with the probability of what was observed: not negative. With 0
        the loss is the binary cross-entropy.
    alpha : float, optional
        How much a yes counts, in [0, 1]; a no counts ``1 - alpha``. By default both count 1.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    binary_cross_entropy_with_logits : This loss with `gamma` 0.
    asymmetric_loss : With different powers for yes and no.
    poly_binary_cross_entropy : Counts more where the prediction is right.

    Notes
    -----
    The loss of an element is

    .. math:: \ell = \alpha\, y\, \sigma(-z)^\gamma \mathrm{softplus}(-z)
        + (1 - \alpha)(1 - y)\, \sigma(z)^\gamma \mathrm{softplus}(z),

    which for a target of 0 or 1 is :math:`-\alpha_t (1 - p_t)^\gamma \log p_t`. With :math:`s =
    |z|` and :math:`t = \mathrm{log1p}(e^{-s})` the powers are :math:`e^{-\gamma t}` and
    :math:`e^{-\gamma (s + t)}`, where the rounding error of the product is put back in. There is no
    probability to clamp, and no power of 0: value and derivative are right for every `gamma` at
    every logit, -inf and inf included. The error of the exponential itself is multiplied by `gamma`
    near 0, and comes to more than 4 ulp from about 4 on.

    On the wrong side, where :math:`z` and the target disagree, the derivative with respect to `s`
    is :math:`\sigma(s)^{\gamma + 1} (1 + \gamma e^{-s} (s + t))`, on the right side
    :math:`-\sigma(s) \sigma(-s)^\gamma (e^{-s} + \gamma t)`; the target mixes them. The second
    derivative is negative where a logit is far on the wrong side: the loss is not convex.

    `alpha` is 1/4 by default in torchvision and kornia, and left out in optax and Keras. For soft
    targets others raise the mixture :math:`y\,(1 - p) + (1 - y)\,p`, or :math:`|y - p|`, to the
    power, each with another result.

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
    """
    size = size_of(xp, pred)
    return mixed(xp, pred, target, alpha, *focal_value(size, *powers(xp, size, gamma)))


def powers(xp: Namespace, size: Size, gamma: float) -> tuple[Array, Array]:
    """Return sigmoid(size)**gamma and sigmoid(-size)**gamma."""
    if gamma == 2 and size.spare:  # without exponentials
        near = 1 / (1 + size.decay * (2 + size.decay))
        return near, size.decay * size.decay * near
    near = exp_of_product(xp, -gamma, size.tail)
    return near, near * exp_of_product(xp, -gamma, size.bounded)


def focal_value(size: Size, near: Array, far: Array) -> tuple[Array, Array]:
    """Return the loss on the wrong and on the right side, from the powers of the two sigmoids."""
    return near * (size.bounded + size.tail) + size.beyond, far * size.tail


def focal_slope(size: Size, near: Array, far: Array, gamma: float) -> tuple[Array, Array]:
    """Return the derivative with respect to the size on the wrong and on the right side."""
    opposite = 1 + size.decay
    wrong = near / opposite * (1 + gamma * size.decay * (size.bounded + size.tail))
    return wrong, -far / opposite * (size.decay + gamma * size.tail)


@sigmoid_focal_loss.value_and_derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma: NonNegative,
    alpha: UnitInterval | None,
) -> tuple[Array, Array]:
    size = size_of(xp, pred)
    near, far = powers(xp, size, gamma)
    value = mixed(xp, pred, target, alpha, *focal_value(size, near, far))
    return value, slope(xp, pred, target, alpha, *focal_slope(size, near, far, gamma))


@sigmoid_focal_loss.derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma: NonNegative,
    alpha: UnitInterval | None,
) -> Array:
    size = size_of(xp, pred)
    return slope(xp, pred, target, alpha, *focal_slope(size, *powers(xp, size, gamma), gamma))


def focal_curvature(
    xp: Namespace, size: Size, near: Array, far: Array, gamma: float
) -> tuple[Array, Array]:
    """Return the second derivative on the wrong and on the right side."""
    square = 1 + size.decay * (2 + size.decay)
    wrong = (2 * gamma + 1) - gamma * (size.bounded + size.tail) * (1 - gamma * size.decay)
    right = (2 * gamma + 1) * size.decay + gamma * size.tail * (gamma - size.decay)
    # The exponential in two factors: it may be subnormal where its product with `wrong` is not.
    head = xp.minimum(size.bounded, 80.0)
    return near * xp.exp(-head) / square * wrong * xp.exp(head - size.bounded), far / square * right


@sigmoid_focal_loss.second_derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma: NonNegative,
    alpha: UnitInterval | None,
) -> Array:
    size = size_of(xp, pred)
    return mixed(
        xp, pred, target, alpha, *focal_curvature(xp, size, *powers(xp, size, gamma), gamma)
    )


@loss
def poly_binary_cross_entropy(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    epsilon: Finite = 1.0,
    **options: Unpack[Options],
) -> Array:
    r"""Poly-1 loss of logits: binary cross-entropy and a multiple of the probability of what was not observed.

    Parameters
    ----------
    pred : array
        Predicted logits of yes, log(p / (1 - p)), of any shape: real numbers, -inf and inf
        included.
    target : array or number
        What was observed, of the shape of `pred`: 1 for yes, 0 for no, or probabilities in [0, 1].
    epsilon : float, default 1.0
        How much to add to the first coefficient of the series of the cross-entropy, which is 1.
        From -1 on the loss is not negative.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    binary_cross_entropy_with_logits : This loss with `epsilon` 0.
    sigmoid_focal_loss : Counts less where the prediction is right.
    poly_cross_entropy : For more than two classes.

    Notes ----- Cross-entropy is the series :math:`\sum_k (1 - p_t)^k / k` in the probability
    :math:`p_t` of what was observed. This loss adds :math:`\varepsilon` to its first coefficient:

    .. math:: \ell = y\, (\mathrm{softplus}(-z) + \varepsilon \sigma(-z))
        + (1 - y) (\mathrm{softplus}(z) + \varepsilon \sigma(z)),

    so that :math:`p_t = y p + (1 - y)(1 - p)`, which is linear in a soft target. On the right side,
    where `z` and the target agree, the two terms are computed as :math:`(1 + \varepsilon) q +
    (-\log(1 - q) - q)` with :math:`q = \sigma(-|z|)`: at :math:`\varepsilon = -1` the series begins
    with :math:`q^2 / 2`, and no digit is lost. At infinite logits the loss is 0 where the target
    agrees, inf where it does not.

    With :math:`\kappa = 1 + \varepsilon` and :math:`e = \exp(-|z|)` the derivative with respect to
    :math:`|z|` is :math:`(1 + \kappa e) / (1 + e)^2` on the wrong side and :math:`-e (\kappa + e) /
    (1 + e)^2` on the right one; the target mixes them.

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
    """
    size = size_of(xp, pred)
    return mixed(xp, pred, target, None, *_poly_value(xp, size, epsilon))


def _poly_value(xp: Namespace, size: Size, epsilon: Finite) -> tuple[Array, Array]:
    opposite, rest = 1 + size.decay, _after_the_first(xp, size)
    wrong = size.bounded + (rest + (epsilon + size.decay) / opposite) + size.beyond
    return wrong, (1 + epsilon) * size.decay / opposite + rest


def _after_the_first(xp: Namespace, size: Size) -> Array:
    """Return the cross-entropy on the right side but for the first term of its series: -log(1 - q) - q with q = sigmoid(-size).

    The logarithm is 2 * atanh(t) with t = decay / (2 + decay), and what is common to all terms is
    the exponential's square.
    """
    first, second = 1 + size.decay, 2 + size.decay
    series = atanh_series(xp, (size.decay / second) ** 2)
    return (
        xp.exp(-2 * size.bounded)
        / (first * second)
        * (1 + 2 * size.decay * first / (second * second) * series)
    )


def _poly_slope(size: Size, epsilon: Finite) -> tuple[Array, Array]:
    square = 1 + size.decay * (2 + size.decay)
    return (1 + (1 + epsilon) * size.decay) / square, -size.decay * (
        (1 + epsilon) + size.decay
    ) / square


@poly_binary_cross_entropy.value_and_derivative
def _(
    xp: Namespace, pred: Logit, target: Probability, /, *, epsilon: Finite
) -> tuple[Array, Array]:
    size = size_of(xp, pred)
    value = mixed(xp, pred, target, None, *_poly_value(xp, size, epsilon))
    return value, slope(xp, pred, target, None, *_poly_slope(size, epsilon))


@poly_binary_cross_entropy.derivative
def _(xp: Namespace, pred: Logit, target: Probability, /, *, epsilon: Finite) -> Array:
    return slope(xp, pred, target, None, *_poly_slope(size_of(xp, pred), epsilon))


@poly_binary_cross_entropy.second_derivative
def _(xp: Namespace, pred: Logit, target: Probability, /, *, epsilon: Finite) -> Array:
    decay = size_of(xp, pred).decay
    ratio = decay / (1 + decay * (2 + decay)) / (1 + decay)
    wrong = ratio * ((1 - epsilon) + (1 + epsilon) * decay)
    return mixed(xp, pred, target, None, wrong, ratio * ((1 + epsilon) + (1 - epsilon) * decay))
