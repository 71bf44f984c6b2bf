"""Robust losses that are not convex: their derivative goes back to 0 for large residuals."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Namespace, Options, Positive, Real
from ._far import within_far

__all__ = ["arctan_loss", "cauchy_loss", "geman_mcclure_loss", "tukey_biweight_loss", "welsch_loss"]


@loss(temporaries=8)
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
    scale : float or array, default 1.0
        The residual of the largest derivative: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    geman_mcclure_loss : Bounded: outliers count even less.
    barron_loss : With ``alpha=0``, half the square of this scale and no unit.
    student_t_nll_loss : A negative log-likelihood of this form.

    Notes
    -----
    With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the loss of an
    element is

    .. math:: \ell = \frac{c^2}{2} \log(1 + x^2),

    about :math:`r^2 / 2` for small residuals, computed with :math:`\mathrm{log1p}(x^2)`.

    With the weight :math:`q = 1 / (1 + x^2)` of a residual the derivative is :math:`q\, r`, which
    is largest at the scale. The second is :math:`(1 - x^2) / (1 + x^2)^2 = q (2 q - 1)`, negative
    beyond the scale. At infinite residuals the loss is inf and its derivatives are 0.

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
    x = (pred - target) / scale
    return 0.5 * scale * scale * xp.log1p(x * x)


@cauchy_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    residual = pred - target
    x = residual / scale
    return xp.weighted(1 / (1 + x * x), residual)


@cauchy_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = (pred - target) / scale
    q = 1 / (1 + x * x)
    return q * (2 * q - 1)


@loss(temporaries=8)
def geman_mcclure_loss(
    xp: Namespace, pred: Real, target: Real, /, *, scale: Positive = 1.0, **options: Unpack[Options]
) -> Array:
    r"""Geman-McClure loss: bounded, and nearly flat for large residuals.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    scale : float or array, default 1.0
        The residual at which the loss is half its bound: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    cauchy_loss : Not bounded.
    welsch_loss : Approaches its bound faster.
    barron_loss : With ``alpha=-2``, a quarter of the square of its `scale`, which is half of this,
        and no unit.

    Notes
    -----
    With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the loss of an
    element is

    .. math:: \ell = \frac{r^2 / 2}{1 + x^2} = \frac{c^2}{2} \frac{x^2}{1 + x^2},

    about :math:`r^2 / 2` for small residuals and at most :math:`c^2 / 2`. From :math:`x = 10^{18}`
    on it equals that bound in every dtype.

    With :math:`q = 1 / (1 + x^2)` the derivative is :math:`q^2 r`, the second :math:`(1 - 3 x^2) /
    (1 + x^2)^3 = q^2 (4 q - 3)`. At infinite residuals they are 0.

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
    x = within_far(xp, (pred - target) / scale)
    square = x * x
    return 0.5 * scale * scale * (square / (1 + square))


@geman_mcclure_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    residual = pred - target
    x = residual / scale
    q = 1 / (1 + x * x)
    return q * xp.weighted(q, residual)


@geman_mcclure_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = (pred - target) / scale
    q = 1 / (1 + x * x)
    return q * q * (4 * q - 3)


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
    scale : float or array, default 1.0
        The width of the bell curve: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    geman_mcclure_loss : Approaches its bound more slowly.
    tukey_biweight_loss : Reaches its bound.
    barron_loss : With ``alpha=-inf``, a scale smaller by the root of 2, and no unit.

    Notes
    -----
    With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the loss of an
    element is

    .. math:: \ell = \frac{c^2}{2} \left( 1 - \exp(-x^2) \right),

    about :math:`r^2 / 2` for small residuals and at most :math:`c^2 / 2`, computed with
    :math:`\mathrm{expm1}(-x^2)`, in which nothing cancels.

    The derivative is :math:`r \exp(-x^2)`, the second :math:`(1 - 2 x^2) \exp(-x^2)`. Both are
    computed with two factors :math:`\exp(-x^2 / 2)`, because :math:`\exp(-x^2)` may underflow where
    the product does not. The exponential multiplies the rounding error of the residual by
    :math:`2 x^2`. At infinite residuals the derivatives are 0.

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
    x = (pred - target) / scale
    return -0.5 * scale * scale * xp.expm1(-x * x)


@welsch_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    residual = pred - target
    x = residual / scale
    root = xp.exp(-0.5 * x * x)  # of a curve that may underflow before it is multiplied
    return xp.weighted(root, residual) * root


@welsch_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = (pred - target) / scale
    square = x * x
    root = xp.exp(-0.5 * square)
    return xp.weighted(root, 1 - 2 * square) * root


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
    scale : float or array, default 1.0
        The residual at which the loss is half its bound: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    geman_mcclure_loss : Differs from the square already for smaller residuals.
    welsch_loss : Approaches its bound faster.

    Notes
    -----
    With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the loss of an
    element is

    .. math:: \ell = \frac{c^2}{2} \arctan x^2,

    about :math:`r^2 / 2` for small residuals and at most :math:`\pi c^2 / 4`.

    The derivative is :math:`r / (1 + x^4)`. The fourth power may overflow where the derivative is
    not 0. With :math:`q = 1 / (1 + x^2)` it is :math:`q^2 r / (q^2 + (1 - q)^2)`, in which no
    power is higher than the square. The second derivative is :math:`(1 - 3 x^4) / (1 + x^4)^2 =
    w (4 w - 3)` with :math:`w = 1 / (1 + x^4)`. At infinite residuals they are 0.

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
    x = (pred - target) / scale
    return 0.5 * scale * scale * xp.atan(x * x)


@arctan_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    residual = pred - target
    x = residual / scale
    q = 1 / (1 + x * x)
    p = 1 - q
    return xp.weighted(q, residual) * (q / (q * q + p * p))


@arctan_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = (pred - target) / scale
    square = x * x
    w = 1 / (1 + square * square)
    return w * (4 * w - 3)


@loss(temporaries=8)
def tukey_biweight_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    scale: Positive = 4.685,
    **options: Unpack[Options],
) -> Array:
    r"""Biweight (bisquare) loss by Tukey: outliers have no influence.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    scale : float or array, default 4.685
        The residual beyond which the loss is constant: positive, in the unit of the target. The
        default suits residuals of standard deviation 1: the estimate then has 95 % of the
        efficiency of least squares.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    welsch_loss : Smooth everywhere; outliers count a little.
    huber_loss : Convex.

    Notes
    -----
    With :math:`x = r / c`, the residual :math:`r = \hat y - y` over the `scale`, the loss of an
    element is

    .. math:: \ell = \frac{c^2}{6} \left( 1 - \max(1 - x^2, 0)^3 \right),

    about :math:`r^2 / 2` for small residuals and :math:`c^2 / 6` from the scale on. With
    :math:`s = \min(x^2, 1)` it is computed as :math:`c^2 / 6 \cdot s (3 - s (3 - s))`, in which
    little cancels.

    The derivative is :math:`r (1 - x^2)^2`, the second :math:`(1 - x^2) (1 - 5 x^2)`; both are 0
    from the scale on.

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
    >>> pl.tukey_biweight_loss.grad([0.5, 3.0, 100.0], [0.0, 0.0, 0.0], scale=5.0, reduction="sum")
    array([0.49005, 1.2288 , 0.     ])
    """
    x = (pred - target) / scale
    square = xp.minimum(x * x, 1.0)
    return scale * scale / 6 * square * (3 - square * (3 - square))


@tukey_biweight_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    residual = pred - target
    x = residual / scale
    weight = 1 - xp.minimum(x * x, 1.0)
    return xp.weighted(weight * weight, residual)


@tukey_biweight_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, scale: Positive) -> Array:
    x = (pred - target) / scale
    square = xp.minimum(x * x, 1.0)
    return (1 - square) * (1 - 5 * square)
