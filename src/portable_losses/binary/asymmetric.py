"""Losses that treat yes and no differently, as where many labels are asked for and few are right."""

from math import log, log1p
from typing import Annotated, NamedTuple, Unpack

from annotated_types import Ge, Lt

from .._elementary import weighted, widened
from .._loss import loss
from ..typing import Array, Logit, Namespace, NonNegative, Options, Probability
from .focal import Size, focal_curvature, focal_slope, focal_value, powers, size_of

__all__ = ["asymmetric_loss"]

Clip = Annotated[float, Ge(0.0), Lt(1.0)]


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
    **options: Unpack[Options],
) -> Array:
    r"""Asymmetric loss of logits: focal loss with a power each for yes and no, and nothing for a no that is clear enough.

    Parameters
    ----------
    pred : array
        Predicted logits of yes, log(p / (1 - p)), of any shape: real numbers, -inf and inf included.
    target : array or number
        What was observed, of the shape of `pred`: 1 for yes, 0 for no, or probabilities in [0, 1].
    gamma_negative : float, default 4.0
        How fast the weight of a no falls with its probability: not negative.
    gamma_positive : float, default 1.0
        The same of a yes.
    clip : float, default 0.05
        How much is taken from the probability of yes where no was observed, in [0, 1): a no costs nothing below it.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    sigmoid_focal_loss : This loss with one power, and a `clip` of 0.

    Notes
    -----
    With :math:`p = \sigma(z)` and :math:`p_m = \max(p - m, 0)`, in which `m` is `clip`, the loss of an element is

    .. math:: \ell = -y\, (1 - p)^{\gamma_+} \log p - (1 - y)\, p_m^{\gamma_-} \log(1 - p_m).

    The first part is that of the focal loss. In the second the difference would lose its digits next to `clip`; with the logit
    :math:`z_m` of `clip` it is :math:`p - m = -p\, (1 - m)\, \mathrm{expm1}(z_m - z)`, which loses none. The logarithm is
    :math:`\mathrm{log1p}(-p_m)` for small, :math:`\log(1 - p + m)` for large :math:`p_m`. The errors of :math:`p_m`, of an ulp or
    two, are multiplied by the power: in float64 by 4 as a default.

    With a `gamma_negative` of 0 the derivative of the second part jumps where :math:`p = m`; there it is 0. Otherwise it is
    smooth, and the second derivative jumps where `gamma_negative` is 1, and is 0 up to :math:`m`. A no of an infinite logit costs
    :math:`-(1 - m)^{\gamma_-} \log m`, which is finite for every `clip` but 0.

    The authors of the loss, and timm with them, add 1e-8 under the logarithms, add up the labels of a sample, and stop the
    gradient of the powers; here nothing is added, all losses count alike, and the gradient is that of the loss.

    References
    ----------
    .. [1] T. Ridnik, E. Ben-Baruch, N. Zamir, A. Noy, I. Friedman, M. Protter and L. Zelnik-Manor, "Asymmetric Loss For
       Multi-Label Classification", ICCV, 2021. :doi:`10.1109/ICCV48922.2021.00015`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.asymmetric_loss([2.0, 2.0, -4.0], [1.0, 0.0, 0.0], reduction="none")
    array([0.01513..., 0.84641..., 0.        ])
    >>> pl.asymmetric_loss.grad([2.0, 2.0, -4.0], [1.0, 0.0, 0.0], reduction="sum")
    array([-0.02753596,  0.72348993,  0.        ])
    """
    size = size_of(xp, pred)
    yes = _of_yes(xp, pred, *focal_value(size, *powers(xp, size, gamma_positive)))
    if clip == 0:
        return _mixed(xp, pred, target, yes, _of_no(xp, pred, *focal_value(size, *powers(xp, size, gamma_negative))))
    shifted = _shift(xp, pred, clip)
    return _mixed(xp, pred, target, yes, shifted.power(xp, gamma_negative) * shifted.surprise)


def _of_yes(xp: Namespace, pred: Array, wrong: Array, right: Array) -> Array:
    """Choose what a yes costs: a negative logit is on the wrong side."""
    return xp.where(pred >= 0, right, wrong)


def _of_no(xp: Namespace, pred: Array, wrong: Array, right: Array) -> Array:
    return xp.where(pred >= 0, wrong, right)


def _mixed(xp: Namespace, pred: Array, target: Array, yes: Array, no: Array) -> Array:
    yes, no = xp.astype(yes, pred.dtype, copy=False), xp.astype(no, pred.dtype, copy=False)
    return weighted(xp, target, yes) + weighted(xp, 1 - target, no)


class Shifted(NamedTuple):
    """A probability of yes from which a part is taken."""

    rest: Array
    """What is left of it, 1 where nothing is."""
    nothing: Array
    """Where nothing is left."""
    surprise: Array
    """-log(1 - rest), 0 where nothing is left."""
    opposite: Array
    """1 - rest"""
    slope: tuple[Array, Array, Array]
    """The derivative of the probability with respect to the logit is the product of these: none of them is subnormal."""
    balance: Array
    """The probability of no minus that of yes, by which the slope is multiplied when it is differentiated."""

    def sloped(self, amount: Array) -> Array:
        """Multiply by the slope; the result is rounded to a subnormal number at the end only."""
        first, second, third = self.slope
        return amount * first * second * third

    def power(self, xp: Namespace, gamma: float) -> Array:
        """Give a power of what is left, 0 where nothing is."""
        return xp.where(self.nothing, 0.0, self.rest**gamma)


def _shift(xp: Namespace, pred: Array, clip: float) -> Shifted:
    size = size_of(xp, pred)
    high, low = _logit(clip)
    gap = (widened(xp, pred) - high) - low
    nothing = gap <= 0
    total = 1 + size.decay
    positive = pred >= 0
    yes, no = xp.where(positive, 1.0, size.decay) / total, xp.where(positive, size.decay, 1.0) / total
    near = -xp.expm1(-xp.where(nothing, 1.0, gap)) * (1 - clip) * yes
    rest = xp.where(nothing, 1.0, xp.where(no < 0.5 * (1 - clip), (1 - clip) - no, near))
    small = rest < 0.5
    opposite = xp.where(nothing, 1.0, xp.where(small, 1 - rest, no + clip))
    surprise = -xp.where(small, xp.log1p(-xp.where(small, rest, 0.0)), xp.log(xp.where(small, 1.0, opposite)))
    head = xp.minimum(size.bounded, 80.0)
    slope = (1 / (total * total), xp.exp(-head), xp.exp(head - size.bounded))
    balance = xp.where(positive, -1.0, xp.ones_like(total)) * (1 - size.decay) / total
    return Shifted(rest, nothing, xp.where(nothing, 0.0, surprise), opposite, slope, balance)


def _logit(clip: float) -> tuple[float, float]:
    """Give log(clip / (1 - clip)) in two parts: next to it the rounding error of one would be all that is left.

    The second is what the first lacks: the exponential, of minus the first, times the odds is nearly 1. It is computed with
    whole numbers of as many digits as it takes, which compilers trace.
    """
    yes, total = clip.as_integer_ratio()
    high = log(clip) - log1p(-clip)
    numerator, denominator = high.as_integer_ratio()
    halvings, one = 12, 2**1400
    part = -numerator * one // (denominator * 2**halvings)
    term = exponential = one
    for k in range(1, 40):
        term = term * part // (one * k)
        exponential += term
    for _ in range(halvings):
        exponential = exponential * exponential // one
    return high, (yes * exponential // (total - yes) - one) / one


def _slope(
    xp: Namespace, pred: Array, size: Size, gamma_negative: float, gamma_positive: float, clip: float
) -> tuple[Array, Array]:
    """Give the derivatives of what a yes and what a no cost."""
    wrong, right = focal_slope(size, *powers(xp, size, gamma_positive), gamma_positive)
    yes = _of_yes(xp, pred, -wrong, right)
    if clip == 0:
        wrong, right = focal_slope(size, *powers(xp, size, gamma_negative), gamma_negative)
        return yes, _of_no(xp, pred, wrong, -right)
    shifted = _shift(xp, pred, clip)
    ratio = shifted.surprise / shifted.rest
    return yes, shifted.sloped(shifted.power(xp, gamma_negative) * (gamma_negative * ratio + 1 / shifted.opposite))


@asymmetric_loss.derivative
def _(
    xp: Namespace,
    pred: Logit,
    target: Probability,
    /,
    *,
    gamma_negative: NonNegative,
    gamma_positive: NonNegative,
    clip: Clip,
) -> Array:
    slopes = _slope(xp, pred, size_of(xp, pred), gamma_negative, gamma_positive, clip)
    return _mixed(xp, pred, target, *slopes)


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
) -> Array:
    size = size_of(xp, pred)
    yes = _of_yes(xp, pred, *focal_curvature(xp, size, *powers(xp, size, gamma_positive), gamma_positive))
    if clip == 0:
        no = _of_no(xp, pred, *focal_curvature(xp, size, *powers(xp, size, gamma_negative), gamma_negative))
        return _mixed(xp, pred, target, yes, no)
    shifted = _shift(xp, pred, clip)
    gamma, ratio, opposite = gamma_negative, shifted.surprise / shifted.rest, shifted.opposite
    first = gamma * ratio + 1 / opposite
    second = (gamma * (gamma - 1) * ratio + 2 * gamma / opposite) / shifted.rest + 1 / opposite / opposite
    no = shifted.sloped(shifted.power(xp, gamma) * (shifted.balance * first + shifted.sloped(second)))
    return _mixed(xp, pred, target, yes, no)
