"""The asymmetric loss of logits, in which a no that is nearly certain costs nothing."""

from math import frexp, ldexp
from typing import Annotated, NamedTuple, Unpack

from annotated_types import Ge, Lt

from .._elementary import difference, product, weighted, widened
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
    r"""Asymmetric loss of logits: a focal loss with a power of its own for no, and a probability below which a no costs nothing.

    Parameters
    ----------
    pred : array
        Predicted logits of yes, log(p / (1 - p)), of any shape: real numbers, -inf and inf included.
    target : array or number
        What was observed, of the shape of `pred`: 1 for yes, 0 for no, or probabilities in [0, 1].
    gamma_negative : float, default 4.0
        How fast the weight of a no falls with the probability of no: not negative.
    gamma_positive : float, default 1.0
        How fast the weight of a yes falls with the probability of yes: not negative.
    clip : float, default 0.05
        What is subtracted from the probability of yes where no was observed, in [0, 1): up to it a no costs nothing.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    sigmoid_focal_loss : One power for both, and nothing subtracted.
    multilabel_soft_margin_loss : Of several labels, without these weights.

    Notes
    -----
    With :math:`p = \sigma(z)` and :math:`p_m = \max(p - m, 0)`, where `m` is `clip`, the loss of an element is

    .. math:: \ell = -y\, (1 - p)^{\gamma_+} \log p - (1 - y)\, p_m^{\gamma_-} \log(1 - p_m).

    The first term is that of `sigmoid_focal_loss`. In the second the difference :math:`p - m` would cancel. With
    :math:`x = \mathrm{expm1}(z - \mathrm{logit}(m))` it is :math:`m (1 - m) x / (1 + m x)`, with more digits of
    :math:`\mathrm{logit}(m)` than a number holds; what rounding takes from this quotient is put back into the power. The error of the
    exponential itself is multiplied by the power, and comes to up to 8 ulp in float64 for a power of 4.

    Where :math:`p \le m` a no has loss and derivatives 0. For a `gamma_negative` of 0 the derivative jumps from 0 to
    :math:`m (1 - m)` there, and is 0 at the jump itself. With `clip` 0 and equal powers this is `sigmoid_focal_loss`. At infinite logits
    a wrong yes costs inf, and a wrong no :math:`-(1 - m)^{\gamma_-} \log m`.

    The published code, and timm's, adds up the classes instead of averaging them, keeps the logarithms above log(1e-8), and can leave
    the weights out of the gradient.

    References
    ----------
    .. [1] T. Ridnik, E. Ben-Baruch, N. Zamir, A. Noy, I. Friedman, M. Protter and L. Zelnik-Manor, "Asymmetric Loss for Multi-Label
       Classification", ICCV 2021. :doi:`10.1109/ICCV48922.2021.00015`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.asymmetric_loss([2.0, -4.0, 2.0], [1.0, 0.0, 0.0], reduction="none")
    array([0.01512999, 0.        , 0.85...])
    >>> pl.asymmetric_loss.grad([2.0, -4.0, 2.0], [1.0, 0.0, 0.0], reduction="sum")
    array([-0.02..., 0.        , 0.9...])
    """
    size = size_of(xp, pred)
    wrong, right = focal_value(size, *powers(xp, size, gamma_positive))
    yes = xp.where(pred < 0, wrong, right)
    if clip:
        no = _shifted(xp, pred, size, gamma_negative, clip).value(xp)
    else:
        wrong, right = focal_value(size, *powers(xp, size, gamma_negative))
        no = xp.where(pred < 0, right, wrong)
    return _mixed(xp, pred, target, yes, no)


def _mixed(xp: Namespace, pred: Array, target: Array, yes: Array, no: Array) -> Array:
    """Mix what a yes costs and what a no costs, each of which may be inf."""
    yes, no = xp.astype(yes, pred.dtype, copy=False), xp.astype(no, pred.dtype, copy=False)
    return weighted(xp, target, yes) + weighted(xp, 1 - target, no)


class Shifted(NamedTuple):
    """What a no costs, from the probability of yes minus `clip`."""

    inside: Array
    """Where that is positive; elsewhere the others have no meaning."""
    share: Array
    """The probability minus `clip`."""
    rest: Array
    """One minus that."""
    weight: Array
    """The share to the power of gamma."""
    entropy: Array
    """Minus the logarithm of the rest."""
    slope: Array
    """The derivative of the probability."""
    bend: Array
    """The derivative of the logarithm of the slope."""
    gamma: float

    def value(self, xp: Namespace) -> Array:
        return xp.where(self.inside, self.weight * self.entropy, 0.0)

    def derivative(self, xp: Namespace) -> Array:
        derivative = self.weight * self.slope * (self.gamma * (self.entropy / self.share) + 1 / self.rest)
        return xp.where(self.inside, derivative, 0.0)

    def second_derivative(self, xp: Namespace) -> Array:
        entropy, inverse = self.entropy / self.share, 1 / self.rest
        growth = self.gamma * ((self.gamma - 1) * entropy + 2 * inverse) / self.share + inverse * inverse
        second = self.weight * self.slope * (self.slope * growth + self.bend * (self.gamma * entropy + inverse))
        return xp.where(self.inside, second, 0.0)


def _shifted(xp: Namespace, pred: Array, size: Size, gamma: float, clip: float) -> Shifted:
    """Give the parts of what a no costs.

    With x = expm1(z - logit(clip)) the share is clip * (1 - clip) * x / (1 + clip * x).
    """
    logit = widened(xp, pred)
    first, second, third = _logit_in_parts(clip)
    bounded = xp.where(logit >= 0, size.bounded, -size.bounded)
    start, error = difference(xp, bounded, xp.full_like(bounded, first))
    distance, other = difference(xp, start, xp.full_like(bounded, second))
    correction = (error + other) - third
    inside = distance + correction > 0
    limit = 700.0 if logit.dtype == xp.float64 else 85.0  # where the exponential is finite, and the share is 1 - clip
    total = xp.minimum(xp.where(inside, distance + correction, 1.0), limit)
    growth = xp.expm1(total)
    growth_error = (growth + 1) * xp.where(inside & (total < limit), (distance - total) + correction, 0.0)
    # The quotient, and what rounding takes from it
    scale, scale_error = _square_root_free_variance(clip)
    top, top_error = product(xp, xp.full_like(growth, scale), growth)
    part, part_error = product(xp, xp.full_like(growth, clip), growth)
    bottom = 1 + part
    bottom_error = xp.where(part < 1, (1 - bottom) + part, (part - bottom) + 1) + part_error + clip * growth_error
    share = top / bottom
    back, back_error = product(xp, share, bottom)
    missing = ((top - back) - back_error + (top_error + scale_error * growth + scale * growth_error) - share * bottom_error) / top
    rest = (1 + clip * clip * growth) / bottom
    weight = share**gamma
    return Shifted(
        inside=inside,
        share=share,
        rest=rest,
        weight=weight + weight * (gamma * missing),
        entropy=xp.log1p(top / (1 + clip * clip * growth)),
        slope=size.decay / (1 + size.decay * (2 + size.decay)),
        bend=xp.where(logit >= 0, size.decay - 1, 1 - size.decay) / (1 + size.decay),
        gamma=gamma,
    )
