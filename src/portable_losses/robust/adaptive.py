"""A loss whose shape is a parameter, with most other robust losses among its members."""

from math import inf, sqrt
from typing import Annotated, Unpack

from annotated_types import Lt

from .._compensated import difference
from .._elementary import excess_near_zero, widened
from .._loss import loss
from ..typing import Array, Namespace, Options, Positive, Real
from ._gaussian import Gaussian, gaussian
from ._power import times_power
from ._scaled import Scaled, per_argument, scaled

__all__ = ["barron_loss"]

Shape = Annotated[float, Lt(inf)]

_FLAT = 1e6
"""Shapes that are further than this from 2 differ so little from the Gaussian shape, -inf, that a factor does for it."""


@loss(temporaries=64)
def barron_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    alpha: Shape = 1.0,
    scale: Positive = 1.0,
    **options: Unpack[Options],
) -> Array:
    r"""General and adaptive robust loss of Barron.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    alpha : float, default 1.0
        The shape, any number but inf: the loss of large residuals grows with this power of them.
        The smaller it is, the less do outliers count; below 0 the loss is bounded.
    scale : float, default 1.0
        Where the loss turns from quadratic to its shape: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`. It has no unit.

    See Also -------- pseudo_huber_loss : The shape 1, times the square of the scale. cauchy_loss :
    The shape 0, for a scale that is larger by the root of 2, times the square of `scale`.
    geman_mcclure_loss : The shape -2, for a scale that is twice as large, times the square of
    `scale`. welsch_loss : The shape -inf, for a scale that is larger by the root of 2, times the
    square of `scale`.

    Notes
    -----
    With :math:`x = (\hat y - y) / c`, where `c` is the `scale`, the loss of an element is

    .. math::

        \ell = \frac{|\alpha - 2|}{\alpha} \left( \left( \frac{x^2}{|\alpha - 2|} + 1 \right)^{\alpha / 2} - 1 \right),

    with the limits :math:`x^2 / 2` at :math:`\alpha = 2`, :math:`\log(x^2 / 2 + 1)` at 0 and
    :math:`1 - \exp(-x^2 / 2)` at :math:`-\infty`. It is about :math:`x^2 / 2` for small residuals,
    whatever the shape.

    With :math:`L = \log(1 + x^2 / |\alpha - 2|)` it is computed as :math:`|\alpha -
    2|\,\mathrm{expm1}(\alpha L / 2) / \alpha`, which does not cancel near the limits; where the
    exponent is above 1.5 as a power, from which 1 is subtracted. The base of a power is rounded,
    and the power multiplies that error: it is recovered, on NumPy, and put back in. Beyond a
    million, on both sides, it is that of the bell curve, times the exponential of what that shape
    lacks.

    The derivative is :math:`x\, w^{\alpha/2 - 1} / c` and the second :math:`(1 + (\alpha - 1)\, x^2
    / |\alpha - 2|)\, w^{\alpha/2 - 2} / c^2`, where :math:`w = 1 + x^2 / |\alpha - 2|`. For
    :math:`\alpha < 1` the second is negative where the residual is large.

    As in the paper, there is no :math:`c^2` in front, which the other robust losses here have; and
    no normalising constant, as the paper's likelihood has, without which `alpha` and `scale` cannot
    be learnt.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", IEEE Conference on Computer
       Vision and Pattern Recognition, 2019. :doi:`10.1109/CVPR.2019.00446`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.barron_loss([0.5, 3.0, 100.0], [0.0, 0.0, 0.0], reduction="none")
    array([ 0.11803399,  2.16227766, 99.00499988])
    >>> pl.barron_loss([0.5, 3.0, 100.0], [0.0, 0.0, 0.0], alpha=-2.0, reduction="none")
    array([0.11764706, 1.38461538, 1.99920032])
    >>> pl.barron_loss.grad([0.5, 3.0, 100.0], [0.0, 0.0, 0.0], alpha=0.0, reduction="sum")
    array([0.44444444, 0.54545455, 0.019996  ])
    """
    width = abs(alpha - 2)
    if width == 0:
        x = _quotient(xp, pred, target, scale)
        return 0.5 * x * x
    if width > _FLAT:
        return _flat_value(xp, pred, target, alpha, scale)
    x = _in_units(xp, pred, target, alpha, scale)
    inner = x.square / (1 + x.square) * x.error
    log, lack = difference(xp, 2 * x.logarithm(xp), -xp.log1p(x.square))
    lack = lack + 2 * xp.where(x.beyond, x.ratio_error - inner, inner)
    if alpha < 0:
        # of an infinite residual: of it times 0 nothing would be left but NaN
        log = xp.minimum(log, 2.0**120)
    exponent = 0.5 * alpha * log
    growing = exponent > 1.5
    moderate = xp.where(growing, 1.0, exponent)
    if alpha == 0:
        value = log + lack
    else:
        near = (
            0.5 * width * log * per_argument(xp, xp.expm1, moderate)
            if abs(alpha) < 0.5
            else width / alpha * xp.expm1(moderate)
        )
        value = near + (alpha * near + width) * (0.5 * lack)
    if alpha > 0:
        power = times_power(xp, xp.full_like(value, width / alpha), 0.0, x, alpha, 0)
        value = xp.where(growing, power - width / alpha, value)
    # Where x**2 is so small that nothing else counts, its quotient by the width may underflow.
    small = ~x.beyond & (x.square < 2.0**-80)
    quadratic = xp.where(small, _quotient(xp, pred, target, scale), 0.0)
    return xp.where(small, 0.5 * quadratic * quadratic, value)


@barron_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, alpha: Shape, scale: Positive) -> Array:
    width = abs(alpha - 2)
    if width == 0:
        return _quotient(xp, pred, target, scale) / scale
    if width > _FLAT:
        curve, rest = _flat(xp, pred, target, alpha, scale)
        return curve.times(_inverse_square(scale)[0] * curve.residual * rest)
    x = _in_units(xp, pred, target, alpha, scale)
    inverse, inverse_error = _inverse_square(scale)
    slope = inverse * xp.clip(x.residual, -x.scale, x.scale)
    change = slope * (inverse_error + x.scale_error * xp.astype(x.beyond, slope.dtype))
    return times_power(xp, slope, change, x, alpha, 1)


@barron_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, alpha: Shape, scale: Positive) -> Array:
    width = abs(alpha - 2)
    if width == 0:
        return xp.full_like(pred, 1 / scale / scale)
    if width > _FLAT:
        curve, rest = _flat(xp, pred, target, alpha, scale)
        side = 1.0 if alpha > 2 else -1.0
        return curve.times(
            _inverse_square(scale)[0]
            * (1 + side * curve.square / (1 + curve.square / width))
            * rest
        )
    x = _in_units(xp, pred, target, alpha, scale)
    inverse, inverse_error = _inverse_square(scale)
    # of which the larger is 1
    one, square = xp.where(x.beyond, x.square, 1.0), xp.where(x.beyond, 1.0, x.square)
    factor, lack = difference(xp, one, (1 - alpha) * square)
    change = inverse * (
        lack + factor * inverse_error + 2 * (alpha - 2) * x.error * (x.square / (1 + x.square))
    )
    return times_power(xp, inverse * factor, change, x, alpha, 2)


def _quotient(xp: Namespace, pred: Array, target: Array, scale: float) -> Array:
    """Return (pred - target) / scale, where the residual may overflow, but not the quotient."""
    pred, target = widened(xp, pred), widened(xp, target)
    return (pred - target) / scale if scale < 1 else (0.5 * pred - 0.5 * target) / scale * 2


def _in_units(xp: Namespace, pred: Array, target: Array, alpha: float, scale: float) -> Scaled:
    """Measure the residual so that x**2 is what is added to 1."""
    unit = scale * sqrt(abs(alpha - 2))
    (a, b), (c, d), (e, f) = (
        scale.as_integer_ratio(),
        alpha.as_integer_ratio(),
        unit.as_integer_ratio(),
    )
    given = (b * e) ** 2 * d
    error = ((a * f) ** 2 * abs(c - 2 * d) - given) / (2 * given)
    return scaled(xp, pred, target, unit, precisely=True, scale_error=error)


def _inverse_square(scale: float) -> tuple[float, float]:
    """Return 1 / scale**2, and by which share the exact number is larger."""
    inverse = 1 / (scale * scale)
    (a, b), (c, d) = scale.as_integer_ratio(), inverse.as_integer_ratio()
    given = a**2 * c
    return inverse, (b**2 * d - given) / given


def _flat(
    xp: Namespace, pred: Array, target: Array, alpha: float, scale: float
) -> tuple[Gaussian, Array | float]:
    """Return (1 + x**2 / width) ** (alpha / 2 - 1) as the product of a bell curve, exp(-x**2 / 2), and the rest.

    For alpha > 2 the curve grows. The exponent of the rest is width / 2 times x**2 / width -
    log1p(x**2 / width), which is less than 1 where the curve is not 0.
    """
    width, side = abs(alpha - 2), 1.0 if alpha > 2 else -1.0
    curve = gaussian(xp, pred, target, scale, 0.5 * side)
    if width == inf:
        return curve, 1.0
    return curve, xp.exp(-0.5 * side * width * excess_near_zero(xp, curve.square / width))


def _flat_value(xp: Namespace, pred: Array, target: Array, alpha: float, scale: float) -> Array:
    width = abs(alpha - 2)
    slope = alpha / width if alpha > -inf else -1.0
    x = xp.clip(widened(xp, pred) - widened(xp, target), -64 * scale, 64 * scale) / scale
    ratio = x * x / width
    logarithm = 0.5 * x * (x * per_argument(xp, xp.log1p, ratio))
    growing = logarithm > 1.5
    exponent = slope * (xp.where(growing, 1.0, logarithm) if alpha > 2 else logarithm)
    value = logarithm * per_argument(xp, xp.expm1, exponent)
    if alpha < 2:
        return value
    curve, rest = _flat(xp, pred, target, alpha, scale)
    return xp.where(growing, (curve.times(rest * (1 + ratio)) - 1) / slope, value)
