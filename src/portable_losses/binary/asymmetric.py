"""Losses that treat yes and no differently, as where many labels are asked for and few are right."""

from math import log, log1p
from typing import Annotated, NamedTuple, Unpack

from annotated_types import Ge, Lt

from .._compensated import Pair, difference, exponential, over, plus, times
from .._elementary import weighted, widened
from .._loss import loss
from ..typing import Array, Logit, Namespace, NonNegative, Options, Probability
from .focal import Size, focal_curvature, focal_slope, focal_value, powers, size_of

__all__ = ["asymmetric_loss"]

Clip = Annotated[float, Ge(0.0), Lt(1.0)]

FAR = 800.0
"""Where an exponential is 0 in every dtype."""


@loss(temporaries=64)
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
        Predicted logits of yes, log(p / (1 - p)), of any shape: real numbers, -inf and inf
        included.
    target : array or number
        What was observed, of the shape of `pred`: 1 for yes, 0 for no, or probabilities in [0, 1].
    gamma_negative : float, default 4.0
        How fast the weight of a no falls with its probability: not negative.
    gamma_positive : float, default 1.0
        The same of a yes.
    clip : float, default 0.05
        How much is taken from the probability of yes where no was observed, in [0, 1): a no costs
        nothing below it.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    sigmoid_focal_loss : This loss with one power, and a `clip` of 0.

    Notes ----- With :math:`p = \sigma(z)` and :math:`p_m = \max(p - m, 0)`, in which `m` is `clip`,
    the loss of an element is

    .. math:: \ell = -y\, (1 - p)^{\gamma_+} \log p - (1 - y)\, p_m^{\gamma_-} \log(1 - p_m).

    The first part is that of the focal loss. In the second the difference would lose its digits
    next to `clip`; with the logit :math:`z_m` of `clip` and :math:`e = \exp(z_m - z)` it is
    :math:`p - m = m (1 - m) (1 - e) / (m + (1 - m) e)`, which loses none. The power would multiply
    its rounding error, so it is computed with twice the digits. The logarithm is
    :math:`\mathrm{log1p}(-p_m)` for small, :math:`\log(1 - p + m)` for large :math:`p_m`.

    With a `gamma_negative` of 0 the derivative of the second part jumps where :math:`p = m`; there
    it is 0. Otherwise it is smooth, and the second derivative jumps where `gamma_negative` is 1,
    and is 0 up to :math:`m`. A no of an infinite logit costs :math:`-(1 - m)^{\gamma_-} \log m`,
    which is finite for every `clip` but 0.

    The authors of the loss, and timm with them, add 1e-8 under the logarithms, add up the labels of
    a sample, and stop the gradient of the powers; here nothing is added, all losses count alike,
    and the gradient is that of the loss.

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
    """
    no = _no(xp, pred, clip, gamma_negative)
    return _value(xp, pred, target, size_of(xp, pred), no, (gamma_negative, gamma_positive))


def _of_yes(xp: Namespace, pred: Array, wrong: Array, right: Array) -> Array:
    """Choose what a yes costs: a negative logit is on the wrong side."""
    return xp.where(pred >= 0, right, wrong)


def _of_no(xp: Namespace, pred: Array, wrong: Array, right: Array) -> Array:
    return xp.where(pred >= 0, wrong, right)


def _mixed(xp: Namespace, pred: Array, target: Array, yes: Array, no: Array) -> Array:
    yes, no = xp.astype(yes, pred.dtype, copy=False), xp.astype(no, pred.dtype, copy=False)
    return weighted(xp, target, yes) + weighted(xp, 1 - target, no)


class Shifted(NamedTuple):
    """A probability of yes, the sigmoid of a logit, from which a part is taken."""

    nothing: Array
    """Where nothing is left: there the others are those of some larger logit."""
    rest: Array
    """What is left."""
    error: Array | float
    """What rounding took from that."""
    opposite: Array
    """1 - rest"""
    lack: Array | float
    """What rounding took from that."""
    slope: tuple[Array | float, ...]
    """The derivative of the sigmoid is the product of these: none of them is subnormal."""
    balance: Array
    """The probability of no minus that of yes, by which the slope is multiplied when it is differentiated."""

    def sloped(self, amount: Array) -> Array:
        """Multiply by the slope; the result is rounded to a subnormal number at the end only."""
        for factor in self.slope:
            amount = amount * factor
        return amount

    def per_rest(self, amount: Array) -> Array:
        """Divide by what is left."""
        ratio = amount / self.rest
        return ratio - ratio * (self.error / self.rest)

    def inverse(self) -> Array:
        """Return 1 / (1 - rest)."""
        inverse = 1 / self.opposite
        return inverse - inverse * (self.lack * inverse)


class No(NamedTuple):
    """What a no costs."""

    shifted: Shifted
    gamma: float
    power: Array
    """What is left of the probability, to the power of gamma: 0 where nothing is."""
    surprise: Array
    """-log(1 - rest), whose derivative is the inverse of 1 - rest."""

    def value(self) -> Array:
        """Return the loss."""
        return self.power * self.surprise

    def derivative(self) -> Array:
        """Return its derivative with respect to the logit."""
        shifted = self.shifted
        return shifted.sloped(
            self.power * (self.gamma * shifted.per_rest(self.surprise) + shifted.inverse())
        )

    def second_derivative(self) -> Array:
        """Return its second derivative."""
        shifted, gamma = self.shifted, self.gamma
        ratio, inverse = shifted.per_rest(self.surprise), shifted.inverse()
        first = gamma * ratio + inverse
        second = (
            shifted.per_rest(gamma * (gamma - 1) * ratio + 2 * gamma * inverse) + inverse * inverse
        )
        return shifted.sloped(self.power * (shifted.balance * first + shifted.sloped(second)))


def _no(xp: Namespace, pred: Array, clip: float, gamma: float) -> No | None:
    """Return what a no costs where something is taken from its probability; nothing is by a `clip` of 0."""
    if clip == 0:
        return None
    shifted = _shift(xp, pred, clip)
    rest, error, opposite = shifted.rest, shifted.error, shifted.opposite
    power = rest**gamma
    small = rest < 0.5
    surprise = xp.where(
        small, xp.log1p(-xp.where(small, rest, 0.0)), xp.log(xp.where(small, 1.0, opposite))
    )
    return No(
        shifted,
        gamma,
        xp.where(shifted.nothing, 0.0, power + power * (gamma * (error / rest))),
        xp.where(small, error, -shifted.lack) / opposite - surprise,
    )


def _shift(xp: Namespace, pred: Array, clip: float) -> Shifted:
    """Take `clip` from the sigmoid: a function of how far the logit is beyond that of `clip`."""
    first, second, third = _logit(clip)
    logit = widened(xp, pred)
    gap, lack = difference(xp, logit, first)
    gap, error = difference(xp, gap, second)
    nothing, far = gap <= 0, gap > FAR
    gap = xp.where(far, FAR, xp.where(nothing, 1.0, gap))
    if logit.dtype != pred.dtype:  # which has digits to spare
        decay = xp.exp(-gap)
        whole = clip + (1 - clip) * decay
        yes, no = clip / whole, (1 - clip) * decay / whole
        return Shifted(
            nothing, yes * (1 - clip) * -xp.expm1(-gap), 0.0, clip + no, 0.0, (yes, no), no - yes
        )
    return _shift_precisely(
        xp, nothing, (gap, xp.where(nothing | far, 0.0, lack + error - third)), clip
    )


def _shift_precisely(xp: Namespace, nothing: Array, gap: Pair, clip: float) -> Shifted:
    """Do so with twice the digits: the power multiplies the error of what is left."""
    near, scales = exponential(xp, (-gap[0], -gap[1]))
    scale = scales[0] * scales[1]
    decay = near[0] * scale, near[1] * scale
    grown = difference(xp, xp.ones_like(scale), decay[0])
    grown = difference(xp, grown[0], decay[1] - grown[1])
    taken = xp.full_like(scale, clip), 0.0
    kept = xp.full_like(scale, 1 - clip), (1 - (1 - clip)) - clip
    whole = plus(xp, taken, times(xp, kept, decay))
    rest = over(xp, times(xp, times(xp, taken, kept), grown), whole)
    no = over(xp, times(xp, kept, near), whole)
    opposite = plus(xp, taken, (no[0] * scale, no[1] * scale))
    slope = sum(over(xp, times(xp, taken, no), whole))
    balance = (no[0] * scale - clip / whole[0]) + no[1] * scale
    return Shifted(nothing, *rest, *opposite, (slope, *scales), balance)


def _logit(clip: float) -> tuple[float, float, float]:
    """Return log(clip / (1 - clip)) in three parts: next to it the rounding error of the first would be all that is left.

    The others are what it lacks: the logarithm of the exponential, of minus the first, times the
    odds, which is nearly 1. That is computed with whole numbers of as many digits as it takes,
    which compilers trace.
    """
    yes, total = clip.as_integer_ratio()
    first = log(clip) - log1p(-clip)
    numerator, denominator = first.as_integer_ratio()
    halvings, one = 12, 2**320
    part = -numerator * one // (denominator * 2**halvings)
    term = exponential = one
    for k in range(1, 32):
        term = term * part // (one * k)
        exponential += term
    for _ in range(halvings):
        exponential = exponential * exponential // one
    excess = yes * exponential // (total - yes) - one
    lack = excess - excess * excess // (2 * one)
    second = lack / one
    numerator, denominator = second.as_integer_ratio()
    return first, second, (lack - numerator * one // denominator) / one


Powers = tuple[float, float]
"""`gamma_negative` and `gamma_positive`."""


def _value(
    xp: Namespace, pred: Array, target: Array, size: Size, no: No | None, gamma: Powers
) -> Array:
    yes = _of_yes(xp, pred, *focal_value(size, *powers(xp, size, gamma[1])))
    if no is None:
        return _mixed(
            xp, pred, target, yes, _of_no(xp, pred, *focal_value(size, *powers(xp, size, gamma[0])))
        )
    return _mixed(xp, pred, target, yes, no.value())


def _slope(
    xp: Namespace, pred: Array, target: Array, size: Size, no: No | None, gamma: Powers
) -> Array:
    yes = _slope_of_yes(xp, pred, size, gamma[1])
    if no is None:
        wrong, right = focal_slope(size, *powers(xp, size, gamma[0]), gamma[0])
        return _mixed(xp, pred, target, yes, _of_no(xp, pred, wrong, -right))
    return _mixed(xp, pred, target, yes, no.derivative())


def _slope_of_yes(xp: Namespace, pred: Array, size: Size, gamma: float) -> Array:
    """Return the derivative of what a yes costs; with one power of a higher order it has fewer roundings than the focal loss's."""
    near, far = powers(xp, size, gamma + 1)
    gone = size.decay == 0
    wrong = near * (1 + gamma * size.decay * (size.bounded + size.tail))
    right = far * (1 + gamma * xp.where(gone, 1.0, size.tail / xp.where(gone, 1.0, size.decay)))
    return -_of_yes(xp, pred, wrong, right)


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
) -> tuple[Array, Array]:
    shared = (
        xp,
        pred,
        target,
        size_of(xp, pred),
        _no(xp, pred, clip, gamma_negative),
        (gamma_negative, gamma_positive),
    )
    return _value(*shared), _slope(*shared)


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
    no = _no(xp, pred, clip, gamma_negative)
    return _slope(xp, pred, target, size_of(xp, pred), no, (gamma_negative, gamma_positive))


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
    size, no = size_of(xp, pred), _no(xp, pred, clip, gamma_negative)
    yes = _of_yes(
        xp, pred, *focal_curvature(xp, size, *powers(xp, size, gamma_positive), gamma_positive)
    )
    if no is None:
        wrong, right = focal_curvature(xp, size, *powers(xp, size, gamma_negative), gamma_negative)
        return _mixed(xp, pred, target, yes, _of_no(xp, pred, wrong, right))
    return _mixed(xp, pred, target, yes, no.second_derivative())
