"""Losses that treat yes and no differently, as where many labels are asked for and few are right."""

from math import log, log1p
from typing import Annotated, NamedTuple, Unpack

from annotated_types import Ge, Lt

from .._compensated import difference, exponential, over, plus, times
from .._elementary import weighted, widened
from .._loss import loss
from ..typing import Array, Logit, Namespace, NonNegative, Options, Probability
from .focal import Size, focal_curvature, focal_slope, focal_value, powers, size_of

__all__ = ["asymmetric_loss"]

Clip = Annotated[float, Ge(0.0), Lt(1.0)]

FAR = 800.0
"""Where an exponential is 0 in every dtype."""


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
    :math:`z_m` of `clip` and :math:`e = \exp(z_m - z)` it is :math:`p - m = m (1 - m) (1 - e) / (m + (1 - m) e)`, which loses
    none. The power would multiply its rounding error, so it is computed with twice the digits. The logarithm is
    :math:`\mathrm{log1p}(-p_m)` for small, :math:`\log(1 - p + m)` for large :math:`p_m`.

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
    """What is left of it, something where nothing is."""
    error: Array
    """What rounding took from that, as a share of it."""
    nothing: Array
    """Where nothing is left."""
    surprise: Array
    """-log(1 - rest)"""
    inverse: Array
    """1 / (1 - rest), its derivative"""
    slope: tuple[Array, Array, Array]
    """The derivative of the probability with respect to the logit is the product of these: none of them is subnormal."""
    balance: Array
    """The probability of no minus that of yes, by which the slope is multiplied when it is differentiated."""

    def sloped(self, amount: Array) -> Array:
        """Multiply by the slope; the result is rounded to a subnormal number at the end only."""
        first, second, third = self.slope
        return amount * first * second * third

    def per_rest(self, amount: Array) -> Array:
        """Divide by what is left."""
        ratio = amount / self.rest
        return ratio - ratio * self.error

    def power(self, xp: Namespace, gamma: float) -> Array:
        """Give a power of what is left, 0 where nothing is."""
        power = self.rest**gamma
        return xp.where(self.nothing, 0.0, power + power * (gamma * self.error))


def _shift(xp: Namespace, pred: Array, clip: float) -> Shifted:
    """Take `clip` from the sigmoid, with twice the digits: errors of what is left are multiplied by the power."""
    first, second, third = _logit(clip)
    gap, lack = difference(xp, widened(xp, pred), first)
    gap, error = difference(xp, gap, second)
    nothing, far = gap <= 0, gap > FAR
    gap = xp.where(far, FAR, xp.where(nothing, 1.0, gap))
    near, scales = exponential(xp, (-gap, xp.where(nothing | far, 0.0, third - error - lack)))
    scale = scales[0] * scales[1]
    decay = near[0] * scale, near[1] * scale
    grown = difference(xp, xp.ones_like(gap), decay[0])
    grown = difference(xp, grown[0], decay[1] - grown[1])

    taken = xp.full_like(gap, clip), 0.0
    kept = xp.full_like(gap, 1 - clip), (1 - (1 - clip)) - clip
    whole = plus(xp, taken, times(xp, kept, decay))
    rest, error = over(xp, times(xp, times(xp, taken, kept), grown), whole)
    no = over(xp, times(xp, kept, near), whole)
    opposite, lack = plus(xp, taken, (no[0] * scale, no[1] * scale))
    inverse, small = 1 / opposite, rest < 0.5
    surprise = xp.where(small, xp.log1p(-xp.where(small, rest, 0.0)), xp.log(xp.where(small, 1.0, opposite)))
    slope = sum(over(xp, times(xp, taken, no), whole))
    return Shifted(
        rest,
        error / rest,
        nothing,
        xp.where(small, error, -lack) * inverse - surprise,
        inverse - inverse * (lack * inverse),
        (slope, *scales),
        (no[0] * scale - clip / whole[0]) + no[1] * scale,
    )


def _logit(clip: float) -> tuple[float, float, float]:
    """Give log(clip / (1 - clip)) in three parts: next to it the rounding error of the first would be all that is left.

    The others are what it lacks: the logarithm of the exponential, of minus the first, times the odds, which is nearly 1. That is
    computed with whole numbers of as many digits as it takes, which compilers trace.
    """
    yes, total = clip.as_integer_ratio()
    first = log(clip) - log1p(-clip)
    numerator, denominator = first.as_integer_ratio()
    halvings, one = 12, 2**1400
    part = -numerator * one // (denominator * 2**halvings)
    term = exponential = one
    for k in range(1, 40):
        term = term * part // (one * k)
        exponential += term
    for _ in range(halvings):
        exponential = exponential * exponential // one
    excess = yes * exponential // (total - yes) - one
    lack = excess - excess * excess // (2 * one)
    second = lack / one
    numerator, denominator = second.as_integer_ratio()
    return first, second, (lack - numerator * one // denominator) / one


def _slope_of_yes(xp: Namespace, pred: Array, size: Size, gamma: float) -> Array:
    """Give the derivative of what a yes costs; with one power of a higher order it has fewer roundings than the focal loss's."""
    near, far = powers(xp, size, gamma + 1)
    gone = size.decay == 0
    wrong = near * (1 + gamma * size.decay * (size.bounded + size.tail))
    right = far * (1 + gamma * xp.where(gone, 1.0, size.tail / xp.where(gone, 1.0, size.decay)))
    return -_of_yes(xp, pred, wrong, right)


def _slope_of_no(xp: Namespace, pred: Array, size: Size, gamma: float, clip: float) -> Array:
    if clip == 0:
        wrong, right = focal_slope(size, *powers(xp, size, gamma), gamma)
        return _of_no(xp, pred, wrong, -right)
    shifted = _shift(xp, pred, clip)
    return shifted.sloped(shifted.power(xp, gamma) * (gamma * shifted.per_rest(shifted.surprise) + shifted.inverse))


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
    size = size_of(xp, pred)
    yes, no = _slope_of_yes(xp, pred, size, gamma_positive), _slope_of_no(xp, pred, size, gamma_negative, clip)
    return _mixed(xp, pred, target, yes, no)


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
    gamma, ratio, inverse = gamma_negative, shifted.per_rest(shifted.surprise), shifted.inverse
    first = gamma * ratio + inverse
    second = shifted.per_rest(gamma * (gamma - 1) * ratio + 2 * gamma * inverse) + inverse * inverse
    no = shifted.sloped(shifted.power(xp, gamma) * (shifted.balance * first + shifted.sloped(second)))
    return _mixed(xp, pred, target, yes, no)
