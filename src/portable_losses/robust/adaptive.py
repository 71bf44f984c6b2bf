"""A loss with a shape parameter, which includes most other robust losses."""

from math import copysign, inf
from typing import Annotated, Any, Unpack

from annotated_types import Lt

from .._loss import loss
from ..typing import Array, Namespace, Number, Options, Positive, Real
from ._far import within_far

__all__ = ["barron_loss"]

Shape = Annotated[Number, Lt(inf)]

_FLAT = 1e20
"""Beyond this size of the shape the loss equals its Gaussian limit in every dtype."""

_HIGH = 4.0
"""A higher power would multiply the rounding error of its base too much."""


@loss
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
    r"""General and adaptive robust loss by Barron.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    alpha : float or array, default 1.0
        The shape, one or one for each loss: any numbers except inf. The loss of a large residual
        grows with this power of it. The smaller the shape, the less outliers count; below 0 the
        loss is bounded.
    scale : float or array, default 1.0
        Where the loss turns from quadratic to its shape: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`. It has no unit.

    See Also
    --------
    pseudo_huber_loss : The shape 1, times the square of the scale.
    cauchy_loss : The shape 0, for a scale that is larger by the root of 2, times the square of
        `scale`.
    geman_mcclure_loss : The shape -2, for a scale that is twice as large, times the square of
        `scale`.
    welsch_loss : The shape -inf, for a scale that is larger by the root of 2, times the square of
        `scale`.

    Notes
    -----
    With :math:`x = (\hat y - y) / c`, where `c` is the `scale`, the loss of an element is

    .. math::

        \ell = \frac{|\alpha - 2|}{\alpha}
            \left( \left( \frac{x^2}{|\alpha - 2|} + 1 \right)^{\alpha / 2} - 1 \right),

    with the limits :math:`x^2 / 2` at :math:`\alpha = 2`, :math:`\log(x^2 / 2 + 1)` at 0 and
    :math:`1 - \exp(-x^2 / 2)` at :math:`-\infty`. For small residuals it is about :math:`x^2 / 2`
    for every shape.

    With :math:`L = \mathrm{log1p}(x^2 / |\alpha - 2|)` it is computed as
    :math:`|\alpha - 2|\,\mathrm{expm1}(\alpha L / 2) / \alpha`, in which nothing cancels.

    With the base :math:`w = 1 + x^2 / |\alpha - 2|` the derivative is :math:`x\, w^{\alpha/2 - 1} /
    c` and the second :math:`(1 + (\alpha - 1)\, x^2 / |\alpha - 2|)\, w^{\alpha/2 - 2} / c^2`. Both
    are computed from :math:`x / \sqrt w`, which is bounded, so infinite residuals have the limit.
    High powers are computed with :math:`L`, as they would multiply the rounding error of :math:`w`.
    For :math:`\alpha < 1` the second is negative where the residual is large.

    As in the paper, there is no factor :math:`c^2`; the other robust losses of this library have
    it. The normalising constant of the paper's likelihood is missing as well: to learn `alpha` and
    `scale`, add its logarithm. An array of shapes has gradients under autodiff, but at exactly 2,
    where the derivative with respect to the shape is infinite, it is 0.

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
    x = (pred - target) / scale
    if not isinstance(alpha, float):
        shapes = _Shapes(xp, alpha)
        log = xp.log1p(x * x / shapes.width)
        usual = 0.5 * shapes.width * log * xp.exprel(0.5 * shapes.usual * log)
        flat = shapes.side * xp.expm1(shapes.side * 0.5 * x * x)
        return shapes.chosen(0.5 * x * x, flat, usual)
    if alpha == 2:
        return 0.5 * x * x
    if abs(alpha) > _FLAT:
        side = copysign(1.0, alpha)
        return side * xp.expm1(side * 0.5 * x * x)
    width = abs(alpha - 2)
    log = xp.log1p(x * x / width)
    return width / alpha * xp.expm1(alpha / 2 * log) if alpha else log


@barron_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, alpha: Shape, scale: Positive) -> Array:
    x = (pred - target) / scale
    if not isinstance(alpha, float):
        shapes = _Shapes(xp, alpha)
        root = xp.exp(0.25 * shapes.side * x * x)
        slope = _slope(xp, x, shapes.width) * _powers(xp, x, shapes, 1)
        return shapes.chosen(x, xp.weighted(root, x) * root, slope) / scale
    if alpha == 2:
        return x / scale
    if abs(alpha) > _FLAT:
        root = xp.exp(copysign(0.25, alpha) * x * x)  # of a curve that may underflow
        return xp.weighted(root, x) * root / scale
    width = abs(alpha - 2)
    return _slope(xp, x, width) * _power(xp, x, width, alpha, 1) / scale


@barron_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, alpha: Shape, scale: Positive) -> Array:
    x = (pred - target) / scale
    if not isinstance(alpha, float):
        shapes = _Shapes(xp, alpha)
        root, change = xp.exp(0.25 * shapes.side * x * x), shapes.side * x * x
        flat = xp.weighted(root, 1 + change) * root
        slope = _slope(xp, x, shapes.width)
        bend = 1 / (1 + x * x / shapes.width) + (shapes.usual - 1) / shapes.width * slope * slope
        usual = bend * _powers(xp, x, shapes, 2)
        return shapes.chosen(xp.ones_like(x), flat, usual) / scale / scale
    if alpha == 2:
        return xp.full_like(x, 1 / scale / scale)
    if abs(alpha) > _FLAT:
        root, change = xp.exp(copysign(0.25, alpha) * x * x), copysign(1.0, alpha) * x * x
        return xp.weighted(root, 1 + change) * root / scale / scale
    width, slope = abs(alpha - 2), _slope(xp, x, abs(alpha - 2))
    bend = 1 / (1 + x * x / width) + (alpha - 1) / width * slope * slope
    return bend * _power(xp, x, width, alpha, 2) / scale / scale


class _Shapes:
    """Shapes in an array, whose limits are selected; the other results are those of the shape 0."""

    def __init__(self, xp: Namespace, alpha: Any) -> None:
        self.xp, self.side = xp, xp.where(alpha < 0, -xp.ones_like(alpha), 1.0)
        self.gaussian, self.flat = alpha == 2, xp.abs(alpha) > _FLAT
        self.usual = xp.where(self.gaussian | self.flat, 0.0, alpha)
        self.width = xp.abs(self.usual - 2)

    def chosen(self, gaussian: Array, flat: Array, usual: Array) -> Array:
        """Return the result of each shape."""
        found: Array = self.xp.where(self.flat, flat, usual)
        return self.xp.where(self.gaussian, gaussian, found)


def _powers(xp: Namespace, x: Array, shapes: _Shapes, order: int) -> Array:
    """Return `_power` for each shape."""
    ratio, exponent = x * x / shapes.width, (shapes.usual - order) / 2
    divisor = xp.sqrt(1 + ratio) if order == 1 else 1 + ratio
    high = xp.abs(exponent) > _HIGH
    moderate = xp.where(high, 0.0, shapes.usual)
    low = xp.power(1 + ratio, xp.where(moderate > 0, (moderate - order) / 2, moderate / 2))
    low = xp.where(moderate > 0, low, low / divisor)
    return xp.where(high, xp.exp(exponent * xp.log1p(ratio)), low)


def _slope(xp: Namespace, x: Array, width: Any) -> Array:
    """Return x / sqrt(1 + x**2 / width), which is bounded: the slope of the shape 1."""
    x = within_far(xp, x)
    return x / xp.sqrt(1 + x * x / width)


def _power(xp: Namespace, x: Array, width: float, alpha: float, order: int) -> Array:
    """Return w ** ((alpha - order) / 2) for w = 1 + x**2 / width."""
    ratio, exponent = x * x / width, (alpha - order) / 2
    if abs(exponent) > _HIGH:
        return xp.exp(exponent * xp.log1p(ratio))
    if alpha > 0:
        return xp.power(1 + ratio, exponent)
    # alpha - order may be rounded: a power of a large number would show it
    divisor = xp.sqrt(1 + ratio) if order == 1 else 1 + ratio
    return xp.power(1 + ratio, alpha / 2) / divisor
