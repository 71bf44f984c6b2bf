"""Cross-entropy of a yes or no: from the probability of yes, or from its logit."""

from math import inf, log
from typing import Annotated, Unpack

from annotated_types import Ge, Lt

from .._elementary import floored, magnitude, weighted, widened
from .._loss import loss
from ..typing import Array, Logit, Namespace, NonNegative, Options, Probability

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]

Floor = Annotated[float, Ge(0.0), Lt(0.5)]


@loss(temporaries=8)
def binary_cross_entropy(
    xp: Namespace,
    pred: Probability,
    target: Probability,
    /,
    *,
    eps: Floor = 1e-15,
    **options: Unpack[Options],
) -> Array:
    r"""Binary cross-entropy of probabilities.

    Parameters
    ----------
    pred : array
        Predicted probabilities of yes, of any shape: in [0, 1].
    target : array or number
        What was observed, of the shape of `pred`: 1 for yes, 0 for no, or probabilities in [0, 1].
    eps : float, default 1e-15
        Floor of the probabilities under the logarithms, in [0, 0.5): it makes the loss of a certain
        and wrong prediction finite, ``-log(eps)``, 34.54 by default. With 0 that loss is inf.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also -------- binary_cross_entropy_with_logits : From logits, which lose nothing near 0 and
    1: prefer it where there are logits. cross_entropy : For more than two classes.

    Notes
    -----
    The loss of an element is

    .. math:: \ell = -y \log \max(p, \varepsilon) - (1 - y) \log \max(1 - p, \varepsilon),

    where the second logarithm is :math:`\mathrm{log1p}(-p)`, which keeps the digits of a small `p`.
    Both terms are positive, so that nothing cancels. Its derivative is :math:`(p - y) / (\max(p,
    \varepsilon) \max(1 - p, \varepsilon))`, finite and pointing away from a wrong certainty; the
    autodiff of the formula agrees for `p` in [eps, 1 - eps]. The second derivative is :math:`y /
    \max(p, \varepsilon)^2 + (1 - y) / \max(1 - p, \varepsilon)^2`.

    The floor is on each probability, where others add `eps` to it (a perfect prediction then has a
    negative loss), clip `p` to [eps, 1 - eps] (Keras, 1e-7; scikit-learn, the eps of the dtype) or
    stop at 100 (torch, MLX).

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
    """
    floor = log(eps) if eps else -inf
    log_yes = floored(xp, xp.log, pred, 0.0, floor)
    log_no = floored(xp, xp.log1p, -pred, -1.0, floor)
    if eps:  # both logarithms are finite
        return -(target * log_yes) - (1 - target) * log_no  # in this order what is 0 has no sign
    return -weighted(xp, target, log_yes) - weighted(xp, 1 - target, log_no)


@binary_cross_entropy.derivative
def _(xp: Namespace, pred: Probability, target: Probability, /, *, eps: Floor) -> Array:
    error = pred - target
    scale = xp.maximum(pred, eps) * xp.maximum(1 - pred, eps)
    # certain, right, and without a floor: 0 / 0, whose limit is 1 at 0 and -1 at 1
    corner = (error == 0) & (scale == 0)
    return xp.where(corner, 1 - 2 * target, error) / xp.where(corner, xp.ones_like(scale), scale)


@binary_cross_entropy.second_derivative
def _(xp: Namespace, pred: Probability, target: Probability, /, *, eps: Floor) -> Array:
    yes, no = xp.maximum(pred, eps), xp.maximum(1 - pred, eps)
    return _over_square(xp, target, yes) + _over_square(xp, 1 - target, no)


def _over_square(xp: Namespace, numerator: Array, denominator: Array) -> Array:
    """Divide twice, which does not underflow as the square would, with 0 / 0 = 0."""
    divisor = xp.where(numerator == 0, xp.ones_like(denominator), denominator)
    return numerator / divisor / divisor


@loss(temporaries=8)
def binary_cross_entropy_with_logits(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    pos_weight: NonNegative = 1.0,
    **options: Unpack[Options],
) -> Array:
    r"""Binary cross-entropy of logits.

    Parameters
    ----------
    pred : array
        Predicted logits of yes, log(p / (1 - p)), of any shape: real numbers, -inf and inf
        included.
    target : array or number
        What was observed, of the shape of `pred`: 1 for yes, 0 for no, or probabilities in [0, 1].
    pos_weight : float, default 1.0
        How many times a yes counts, not negative: the number of no divided by that of yes balances
        the two.

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

    Both softplus share the tail :math:`t = \mathrm{log1p}(\exp(-|z|))`; what is left of them is
    :math:`(1 - y) z` for positive and :math:`-w_+ y z` for negative logits. Nothing overflows, and
    no two terms cancel. At infinite logits the loss is exact: 0 where the target agrees, inf where
    it does not (torch and optax say NaN).

    The derivative is :math:`(1 - y) \sigma(z) - w_+ y \sigma(-z)`, which keeps its digits where a
    large logit is right: :math:`-\sigma(-z)`, not :math:`\sigma(z) - 1`. The second is :math:`(w_+
    y + 1 - y) \sigma(z) \sigma(-z)`.

    `pos_weight` is no `weights`: it does not enter the denominator of the mean, as in torch.

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
    """
    return _logit_value(xp, *_logit_parts(xp, pred, target, pos_weight), pos_weight)


def _logit_parts(
    xp: Namespace, pred: Array, target: Array, pos_weight: float
) -> tuple[Array, Array, Array]:
    """Return the logits, the targets, and exp(-abs(z)), which value and derivatives share."""
    if pos_weight != 1:  # the weight multiplies their rounding errors, and adds its own
        pred, target = widened(xp, pred), widened(xp, target)
    return pred, target, xp.exp(-magnitude(xp, pred))


def _logit_value(
    xp: Namespace, pred: Array, target: Array, exponential: Array, pos_weight: float
) -> Array:
    tail = xp.log1p(exponential)
    if pos_weight == 1:  # twice as fast as the general case, which it equals
        return tail + weighted(xp, xp.astype(pred >= 0, pred.dtype) - target, pred)
    slope = xp.where(pred >= 0, 1 - target, -pos_weight * target)
    return tail * (pos_weight * target + (1 - target)) + weighted(xp, slope, pred)


def _logit_derivative(
    xp: Namespace, pred: Array, target: Array, exponential: Array, pos_weight: float
) -> Array:
    ones = xp.ones_like(exponential)
    yes = xp.where(pred >= 0, ones, exponential)
    no = xp.where(pred >= 0, exponential, ones)
    return ((1 - target) * yes - pos_weight * target * no) / (1 + exponential)


@binary_cross_entropy_with_logits.value_and_derivative
def _(
    xp: Namespace, pred: Logit, target: Probability, /, *, pos_weight: NonNegative
) -> tuple[Array, Array]:
    parts = _logit_parts(xp, pred, target, pos_weight)
    return _logit_value(xp, *parts, pos_weight), _logit_derivative(xp, *parts, pos_weight)


@binary_cross_entropy_with_logits.derivative
def _(xp: Namespace, pred: Logit, target: Probability, /, *, pos_weight: NonNegative) -> Array:
    return _logit_derivative(xp, *_logit_parts(xp, pred, target, pos_weight), pos_weight)


@binary_cross_entropy_with_logits.second_derivative
def _(xp: Namespace, pred: Logit, target: Probability, /, *, pos_weight: NonNegative) -> Array:
    _, target, exponential = _logit_parts(xp, pred, target, pos_weight)
    curvature = exponential / (1 + exponential * (2 + exponential))
    return curvature if pos_weight == 1 else curvature * (pos_weight * target + (1 - target))
