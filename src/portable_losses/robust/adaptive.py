"""A loss with a shape parameter, which includes most other robust losses."""

from collections.abc import Callable
from math import inf
from typing import Annotated, Unpack

from annotated_types import Lt

from .._loss import loss
from .._numerics.standard import is_array, select
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
    x, shape = (pred - target) / scale, _Shape(xp, alpha)
    return shape.chosen(
        gaussian=lambda: 0.5 * x * x,
        flat=lambda: shape.limit(x),
        usual=lambda: (
            0.5 * shape.width * xp.expm1_over(0.5 * shape.usual, xp.log1p(shape.ratio(x)))
        ),
    )


@barron_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, alpha: Shape, scale: Positive) -> Array:
    x, shape = (pred - target) / scale, _Shape(xp, alpha)
    slope = shape.chosen(
        gaussian=lambda: x,
        flat=lambda: shape.curve(x, x),
        usual=lambda: shape.slope(x) * shape.power(x, 1),
    )
    return slope / scale


@barron_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, alpha: Shape, scale: Positive) -> Array:
    x, shape = (pred - target) / scale, _Shape(xp, alpha)
    bend = shape.chosen(
        gaussian=lambda: xp.ones_like(x),
        flat=lambda: shape.curve(x, 1 + shape.side * x * x),
        usual=lambda: shape.bend(x) * shape.power(x, 2),
    )
    return bend / scale / scale


class _Shape:
    """A shape, or an array of them, with the factors of the loss and of its derivatives.

    Where one of the limits is selected, the other factors are those of the shape 0.
    """

    def __init__(self, xp: Namespace, alpha: Number) -> None:
        self.xp = xp
        self.gaussian, self.flat = alpha == 2, abs(alpha) > _FLAT
        one = xp.ones_like(alpha) if is_array(alpha) else 1.0
        self.side = select(xp, alpha < 0, -one, one)
        """The sign of the shape."""
        self.usual = select(xp, self.gaussian | self.flat, 0.0, alpha)
        self.width = abs(self.usual - 2)

    def chosen(
        self,
        *,
        gaussian: Callable[[], Array],
        flat: Callable[[], Array],
        usual: Callable[[], Array],
    ) -> Array:
        """Return the result of each shape; a number computes no other."""
        found: Array = select(
            self.xp, self.gaussian, gaussian, lambda: select(self.xp, self.flat, flat, usual)
        )
        return found

    def ratio(self, x: Array) -> Array:
        """Return x**2 / width."""
        return x * x * (1 / self.width)

    def limit(self, x: Array) -> Array:
        """Return the loss of flat shapes, 0 for others: it might overflow, also for autodiff."""
        x = select(self.xp, self.flat, x, 0.0)
        return self.side * self.xp.expm1(0.5 * self.side * x * x)

    def curve(self, x: Array, factor: Array) -> Array:
        """Return factor * exp(side * x**2 / 2), by a root that does not underflow before it."""
        root = self.xp.exp(0.25 * self.side * x * x)
        product: Array = self.xp.weighted(root, factor) * root
        return product

    def slope(self, x: Array) -> Array:
        """Return x / sqrt(1 + x**2 / width), which is bounded: the slope of the shape 1."""
        x = within_far(self.xp, x)
        return x / self.xp.sqrt(1 + self.ratio(x))

    def bend(self, x: Array) -> Array:
        """Return the second derivative of the shape, over the power of order 2."""
        slope = self.slope(x)
        return 1 / (1 + self.ratio(x)) + (self.usual - 1) / self.width * slope * slope

    def power(self, x: Array, order: int) -> Array:
        """Return w ** ((shape - order) / 2) for w = 1 + x**2 / width."""
        xp, ratio, exponent = self.xp, self.ratio(x), (self.usual - order) / 2
        high = abs(exponent) > _HIGH
        shape = select(xp, high, 0.0, self.usual)

        def low() -> Array:
            # shape - order may be rounded: a power of a large number would show it
            rising = shape > 0
            raised = xp.power(1 + ratio, select(xp, rising, (shape - order) / 2, shape / 2))
            rest = xp.sqrt if order == 1 else lambda w: w
            return select(xp, rising, raised, lambda: raised / rest(1 + ratio))

        found: Array = select(xp, high, lambda: xp.exp(exponent * xp.log1p(ratio)), low)
        return found
