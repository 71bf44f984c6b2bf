"""Robust losses that are not convex: their derivative goes back to 0 where the residual is large."""

from math import pi
from typing import Unpack

from .._elementary import widened
from .._loss import loss
from ..typing import Array, Namespace, Options, Positive, Real
from ._gaussian import gaussian
from ._scaled import one_plus, per_argument, scaled

__all__ = ["arctan_loss", "cauchy_loss", "geman_mcclure_loss", "tukey_biweight_loss", "welsch_loss"]


@loss
def cauchy_loss(
    xp: Namespace, pred: Real, target: Real, /, *, scale: Positive = 1.0, **options: Unpack[Options]
) -> Array:
    r"""Cauchy loss, also named after Lorentz: logarithmic for large residuals.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    scale : float, default 1.0
        The residual of the largest derivative: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    geman_mcclure_loss : Bounded: outliers count even less.
    barron_loss : With ``alpha=0``, half the square of this scale and no unit.
    student_t_nll_loss : The negative log-likelihood of this kind.

    Notes ----- With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the
    loss of an element is

    .. math:: \ell = \frac{c^2}{2} \log(1 + x^2),

    about :math:`r^2 / 2` for small residuals. It is computed as :math:`r^2 / 2` times
    :math:`\mathrm{log1p}(x^2) / x^2` up to the scale, and as :math:`c^2 (\log x + \mathrm{log1p}(1
    / x^2) / 2)` beyond, where :math:`x^2` may overflow.

    The derivative is :math:`r / (1 + x^2)`, which is largest at the scale, the second :math:`(1 -
    x^2) / (1 + x^2)^2`, negative beyond the scale. At infinite residuals the loss is inf and its
    derivatives are 0.

    ``scipy.optimize.least_squares`` has the same factor in its cost, where `scale` is ``f_scale``.
    kornia's is ``log1p(r ** 2 / 2)``: the scale is the root of 2 and the factor 1 / 2 is missing.

    References
    ----------
    .. [1] M. J. Black and P. Anandan, "The Robust Estimation of Multiple Motions", Computer Vision
       and Image Understanding 63, 1996. :doi:`10.1006/cviu.1996.0006`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.cauchy_loss([0.5, 3.0, -100.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.11157178, 1.15129255, 4.60522018])
    >>> pl.cauchy_loss.grad([0.5, 3.0, -100.0], [0.0, 0.0, 0.0], reduction="sum")
    array([ 0.4     ,  0.3     , -0.009999])
    """
    x = scaled(xp, pred, target, scale)
    inside = x.inside(xp)
    near = 0.5 * inside * (inside * per_argument(xp, xp.log1p, x.square))
    far = scale * (scale * (0.5 * xp.log1p(x.square) + x.logarithm(xp)))
    return xp.where(x.beyond, far, near)


@cauchy_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = scaled(xp, pred, target, scale)
    return x.folded(xp) / (1 + x.square)


@cauchy_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = scaled(xp, pred, target, scale, precisely=True)
    whole, lack = one_plus(x.square)
    near, far = x.square_shares(xp, whole)
    difference = xp.where(x.beyond, x.square - 1, 1 - x.square) / whole
    return near * (difference - 2 * (difference * lack + x.error * (far * (3 - 4 * far))))


@loss
def geman_mcclure_loss(
    xp: Namespace, pred: Real, target: Real, /, *, scale: Positive = 1.0, **options: Unpack[Options]
) -> Array:
    r"""Geman-McClure loss: bounded, and all but flat for large residuals.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    scale : float, default 1.0
        The residual at which the loss is half its bound: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also -------- cauchy_loss : Not bounded. welsch_loss : Comes to its bound faster.
    barron_loss : With ``alpha=-2``, a quarter of the square of its `scale`, which is half of this,
    and no unit.

    Notes ----- With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the
    loss of an element is

    .. math:: \ell = \frac{r^2 / 2}{1 + x^2},

    about :math:`r^2 / 2` for small residuals and at most :math:`c^2 / 2`. Where :math:`x > 1` it is
    computed from :math:`1 / x`, so that no square overflows.

    The derivative is :math:`r / (1 + x^2)^2`, the second :math:`(1 - 3 x^2) / (1 + x^2)^3`. Both
    multiply the rounding error of :math:`x`, which is recovered, on NumPy, and put back in. At
    infinite residuals they are 0.

    kornia's is :math:`2 r^2 / (r^2 + 4)`, which is this loss with ``scale=2``.

    References
    ----------
    .. [1] S. Geman and D. E. McClure, "Statistical methods for tomographic image reconstruction",
       Bulletin of the International Statistical Institute 52, 1987.
    .. [2] M. J. Black and P. Anandan, "The Robust Estimation of Multiple Motions", Computer Vision
       and Image Understanding 63, 1996. :doi:`10.1006/cviu.1996.0006`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.geman_mcclure_loss([0.5, 3.0, -100.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.1    , 0.45   , 0.49995])
    >>> pl.geman_mcclure_loss.grad([0.5, 3.0, -100.0], [0.0, 0.0, 0.0], reduction="sum")
    array([ 3.2000000e-01,  3.0000000e-02, -9.9980003e-07])
    """
    x = scaled(xp, pred, target, scale)
    size = x.size(xp)
    return 0.5 * size * (size / (1 + x.square))


@geman_mcclure_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = scaled(xp, pred, target, scale, precisely=True)
    whole, lack = one_plus(x.square)
    slope = x.folded(xp) * xp.where(x.beyond, x.square, 1.0) / (whole * whole)
    return slope + slope * (
        x.error * (xp.where(x.beyond, x.square - 3, -4 * x.square) / whole) - 2 * lack
    )


@geman_mcclure_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = scaled(xp, pred, target, scale, precisely=True)
    whole, lack = one_plus(x.square)
    near, far = x.square_shares(xp, whole)
    difference = xp.where(x.beyond, x.square - 3, 1 - 3 * x.square) / whole
    return (
        near * near * (difference - 3 * (difference * lack + 4 * x.error * (far * (1 - 2 * far))))
    )


@loss
def welsch_loss(
    xp: Namespace, pred: Real, target: Real, /, *, scale: Positive = 1.0, **options: Unpack[Options]
) -> Array:
    r"""Welsch loss, also named after Leclerc: an upturned bell curve.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    scale : float, default 1.0
        The width of the bell curve: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    geman_mcclure_loss : Comes to its bound more slowly.
    tukey_biweight_loss : Reaches its bound.
    barron_loss : With ``alpha=-inf``, a scale smaller by the root of 2, and no unit.

    Notes ----- With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the
    loss of an element is

    .. math:: \ell = \frac{c^2}{2} \left( 1 - \exp(-x^2) \right),

    about :math:`r^2 / 2` for small residuals and at most :math:`c^2 / 2`. It is computed with
    :math:`\mathrm{expm1}(-x^2)`, as :math:`r^2 / 2` times :math:`-\mathrm{expm1}(-x^2) / x^2` up to
    the scale.

    The derivative is :math:`r \exp(-x^2)`, the second :math:`(1 - 2 x^2) \exp(-x^2)`. The
    exponential multiplies the rounding errors of :math:`x^2` by its size, up to 745: they are
    recovered, and put back in. At infinite residuals the derivatives are 0.

    kornia's is :math:`1 - \exp(-r^2 / 2)`, which is this loss with a scale of the root of 2.

    References
    ----------
    .. [1] J. E. Dennis and R. E. Welsch, "Techniques for nonlinear least squares and robust
       regression", Communications in Statistics: Simulation and Computation 7, 1978.
       :doi:`10.1080/03610917808812083`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.welsch_loss([0.5, 3.0, 100.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.11059961, 0.4999383 , 0.5       ])
    >>> pl.welsch_loss.grad([0.5, 3.0, 100.0], [0.0, 0.0, 0.0], reduction="sum")
    array([3.89400392e-01, 3.70229412e-04, 0.00000000e+00])
    """
    # beyond is only the bound
    residual = xp.clip(widened(xp, pred) - widened(xp, target), -64 * scale, 64 * scale)
    x = residual / scale
    square = x * x
    beyond = square > 1
    inside = xp.where(beyond, 0.0, residual)
    near = 0.5 * inside * (inside * per_argument(xp, lambda t: -xp.expm1(-t), square))
    return xp.where(beyond, 0.5 * scale * (scale * -xp.expm1(-square)), near)


@welsch_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    curve = gaussian(xp, pred, target, scale, -1.0)
    return curve.times(curve.residual)


@welsch_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    curve = gaussian(xp, pred, target, scale, -1.0)
    return curve.times(1 - 2 * curve.square)


@loss
def arctan_loss(
    xp: Namespace, pred: Real, target: Real, /, *, scale: Positive = 1.0, **options: Unpack[Options]
) -> Array:
    r"""Arctangent of the squared residual.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    scale : float, default 1.0
        The residual at which the loss is half its bound: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    geman_mcclure_loss : Leaves the square earlier.
    welsch_loss : Comes to its bound faster.

    Notes ----- With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the
    loss of an element is

    .. math:: \ell = \frac{c^2}{2} \arctan x^2,

    about :math:`r^2 / 2` for small residuals and at most :math:`\pi c^2 / 4`. Where :math:`x > 1`
    the arctangent is computed as :math:`\pi / 2 - \arctan(1 / x^2)`, so that no square overflows.

    The derivative is :math:`r / (1 + x^4)`, the second :math:`(1 - 3 x^4) / (1 + x^4)^2`. Both
    multiply the rounding error of :math:`x`, which is recovered, on NumPy, and put back in. At
    infinite residuals they are 0.

    ``scipy.optimize.least_squares`` has the same factor in its cost, where `scale` is ``f_scale``.

    References
    ----------
    .. [1] B. Triggs, P. F. McLauchlan, R. I. Hartley and A. W. Fitzgibbon, "Bundle Adjustment: A
       Modern Synthesis", Vision Algorithms: Theory and Practice, 2000.
       :doi:`10.1007/3-540-44480-7_21`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.arctan_loss([0.5, 3.0, -100.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.12248933, 0.73006955, 0.78534816])
    >>> pl.arctan_loss.grad([0.5, 3.0, -100.0], [0.0, 0.0, 0.0], reduction="sum")
    array([ 4.70588235e-01,  3.65853659e-02, -9.99999990e-07])
    """
    x = scaled(xp, pred, target, scale)
    inside = x.inside(xp)
    near = 0.5 * inside * (inside * per_argument(xp, xp.atan, x.square))
    far = 0.5 * scale * (scale * (pi / 2 - xp.atan(x.square)))
    return xp.where(x.beyond, far, near)


@arctan_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = scaled(xp, pred, target, scale, precisely=True)
    fourth = x.square * x.square
    whole, lack = one_plus(fourth)
    slope = x.folded(xp) * xp.where(x.beyond, x.square, 1.0) / whole
    return slope + slope * (x.error * (xp.where(x.beyond, fourth - 3, -4 * fourth) / whole) - lack)


@arctan_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = scaled(xp, pred, target, scale, precisely=True)
    fourth = x.square * x.square
    whole, lack = one_plus(fourth)
    near, far = xp.where(x.beyond, fourth, 1.0) / whole, xp.where(x.beyond, 1.0, fourth) / whole
    difference = xp.where(x.beyond, fourth - 3, 1 - 3 * fourth) / whole
    return near * (difference - 2 * (difference * lack + 2 * x.error * (far * (5 - 8 * far))))


@loss
def tukey_biweight_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    scale: Positive = 4.685,
    **options: Unpack[Options],
) -> Array:
    r"""Biweight, or bisquare, loss of Tukey: outliers have no influence at all.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    scale : float, default 4.685
        The residual beyond which the loss is constant: positive, in the unit of the target. The
        default is that for residuals of standard deviation 1: the estimate then has 95 % of the
        efficiency of least squares.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    welsch_loss : Smooth everywhere: outliers count a little.
    huber_loss : Convex.

    Notes ----- With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the
    loss of an element is

    .. math:: \ell = \frac{c^2}{6} \left( 1 - \max(1 - x^2, 0)^3 \right),

    about :math:`r^2 / 2` for small residuals and :math:`c^2 / 6` from the scale on. Where
    :math:`x^2 < 1/2` it is computed as :math:`r^2 / 2 \cdot (1 - x^2 (1 - x^2 / 3))`, in which
    little cancels.

    The derivative is :math:`r (1 - x^2)^2`, the second :math:`(1 - x^2) (1 - 5 x^2)`; both are 0
    from the scale on. Just below it they keep their digits, on NumPy: the rounding error of
    :math:`x^2` is recovered.

    ``statsmodels.robust.norms.TukeyBiweight`` has the same factor and default.

    References
    ----------
    .. [1] A. E. Beaton and J. W. Tukey, "The Fitting of Power Series, Meaning Polynomials,
       Illustrated on Band-Spectroscopic Data", Technometrics 16, 1974.
       :doi:`10.1080/00401706.1974.10489171`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.tukey_biweight_loss([0.5, 3.0, -100.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.12358166, 2.90702817, 3.65820417])
    >>> pl.tukey_biweight_loss.grad([0.5, 3.0, -100.0], [0.0, 0.0, 0.0], scale=5.0, reduction="sum")
    array([0.49005, 1.2288 , 0.     ])
    """
    x = scaled(xp, pred, target, scale)
    square = xp.where(x.beyond, 1.0, x.square)
    small = square < 0.5
    inside = xp.where(small, x.residual, 0.0)
    near = 0.5 * inside * (inside * (1 - square * (1 - square / 3)))
    weight = 1 - square
    return xp.where(small, near, scale * (scale / 6 * (1 - weight * weight * weight)))


@tukey_biweight_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    residual, _, weight, lack = _biweight(xp, pred, target, scale)
    return residual * (weight * weight + lack * (2 * weight + lack))


@tukey_biweight_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    _, other, weight, lack = _biweight(xp, pred, target, scale)
    return (weight + lack) * other


def _biweight(
    xp: Namespace, pred: Array, target: Array, scale: float
) -> tuple[Array, Array, Array, Array]:
    """Return the residual, 1 - 5 x**2, 1 - x**2, and what the last lacks of the exact one; but 0 from the scale on."""
    x = scaled(xp, pred, target, scale, precisely=True)
    square = xp.where(x.beyond, 1.0, x.square)
    weight = 1 - square
    change = 2 * x.error * square
    lack = 1 - weight - square - change
    inside = ~x.beyond & (weight + lack > 0)
    return (
        x.inside(xp),
        1 - 5 * square - 5 * change,
        xp.where(inside, weight, 0.0),
        xp.where(inside, lack, 0.0),
    )
