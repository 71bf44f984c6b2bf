"""Negative log-likelihoods with a predicted location and a predicted scale."""

import math
from typing import Annotated, Any, Unpack

from annotated_types import Interval

from .._loss import loss
from .._numerics.standard import is_array, may_be
from ..typing import Array, Domain, Floor, Namespace, Number, Options, Positive, Real
from ._scale import Scale

__all__ = ["gaussian_nll_loss", "laplace_nll_loss", "student_t_nll_loss"]

_HALF_LOG_TWO_PI = 0.9189385332046728

Variance = Annotated[
    Array,
    Domain(
        "variances, numbers from 0",
        safe=1.0,
        interval=Interval(ge=0.0),
        shared=True,
        hint="apply `special.softplus` or an exponential to the output of a model",
    ),
]


@loss(predicted=2, temporaries=8)
def gaussian_nll_loss(
    xp: Namespace,
    mean: Real,
    variance: Variance,
    target: Real,
    /,
    *,
    full: bool = False,
    eps: Floor = 1e-6,
    **options: Unpack[Options],
) -> Array:
    r"""Negative log-likelihood of a normal distribution.

    Mean and variance are predicted.

    Parameters
    ----------
    mean : array
        Predicted means, of any shape: real numbers.
    variance : array or number
        Predicted variances, not standard deviations: from 0, of a shape that broadcasts to that of
        `mean`.
    target : array or number
        Observations, of the shape of `mean`: real numbers.
    full : bool, default False
        Whether to add the constant :math:`\frac{1}{2} \log 2 \pi`.
    eps : float or array, default 1e-6
        Floor of the variance, not negative, in its unit. Without it the best variance of a perfect
        mean would be 0.

    Returns
    -------
    array
        The reduced loss, in the dtype of `mean` and `variance`, in nats.

    See Also
    --------
    mse_loss : Twice this loss, plus a constant, where the variance is 1.
    crps_gaussian_loss : Grows with the distance, not with its square.
    student_t_nll_loss : For outliers.

    Notes
    -----
    With the residual :math:`r = \mu - y` and :math:`v = \max(\sigma^2, \varepsilon)` the loss of an
    element is

    .. math::

        \ell = \frac{1}{2} \left( \log v + \frac{r^2}{v} \right) \; [+ \tfrac{1}{2} \log 2 \pi].

    The square is computed as :math:`r \cdot (r / v)`, which neither overflows nor underflows where
    the residual fits the variance. The derivatives are :math:`r / v` with respect to the mean and
    :math:`(1 - r^2 / v) / 2 v` with respect to the variance, 0 below `eps`. The second derivatives
    are :math:`1 / v` and :math:`(r^2 / v - \frac{1}{2}) / v^2`.

    With an `eps` of 0 a variance of 0 is allowed: the loss is -inf where the mean is right, inf
    elsewhere.

    torch has the same floor, but below it its gradient is the one at `eps`: 5e11 for a residual of
    1. MLX has the same form. scoringrules takes the standard deviation, and includes the constant.
    A negative variance raises an error on NumPy. On other libraries it is replaced by `eps`.

    References
    ----------
    .. [1] D. A. Nix and A. S. Weigend, "Estimating the Mean and Variance of the Target Probability
       Distribution", ICNN, 1994. :doi:`10.1109/ICNN.1994.374138`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.gaussian_nll_loss([0.0, 0.0], [4.0, 1.0], [1.0, 0.0], reduction="none")
    array([0.81814718, 0.        ])
    >>> pl.gaussian_nll_loss.grad([0.0, 0.0], [4.0, 1e-9], [1.0, 1.0], reduction="sum")
    (array([-2.5e-01, -1.0e+06]), array([0.09375, 0.     ]))
    """
    variance = xp.maximum(variance, eps)
    residual = mean - target
    divide = xp.safe_divide if may_be(eps, 0) else xp.divide  # without a floor: 0 / 0
    square = residual * divide(residual, variance)
    value = 0.5 * (xp.log(variance) + square)
    if may_be(eps, 0):  # for a variance of 0 the loss of a wrong mean is inf, not NaN
        value = xp.where(xp.isinf(square), square, value)
    return value + _HALF_LOG_TWO_PI if full else value


@gaussian_nll_loss.derivative
def _(
    xp: Namespace, mean: Real, variance: Variance, target: Real, /, *, full: bool, eps: Floor
) -> tuple[Array, Array]:
    floored, residual = xp.maximum(variance, eps), mean - target
    divide = xp.safe_divide if may_be(eps, 0) else xp.divide
    slope = divide(residual, floored)
    by_variance = 0.5 * (1 - residual * slope) / floored
    return slope, xp.where(variance < eps, 0.0, by_variance)


@gaussian_nll_loss.second_derivative
def _(
    xp: Namespace, mean: Real, variance: Variance, target: Real, /, *, full: bool, eps: Floor
) -> tuple[Array, Array]:
    floored, residual = xp.maximum(variance, eps), mean - target
    square = residual * xp.safe_divide(residual, floored)
    by_variance = xp.over_square(square - 0.5, floored)
    return 1 / floored, xp.where(variance < eps, 0.0, by_variance)


@gaussian_nll_loss.second_derivative_along
def _(
    xp: Namespace,
    mean: Real,
    variance: Variance,
    target: Real,
    of_mean: Array,
    of_variance: Array,
    /,
    *,
    full: bool,
    eps: Floor,
) -> tuple[Array, Array]:
    floored, residual = xp.maximum(variance, eps), mean - target
    of_variance = xp.where(variance < eps, 0.0, of_variance)
    ratio = xp.safe_divide(residual, floored)
    step = xp.safe_divide(of_variance, floored)
    both = (0.5 * step - ratio * (of_mean - ratio * of_variance)) / floored
    by_variance = both - xp.over_square(of_variance, floored)
    return xp.safe_divide(of_mean, floored) - ratio * step, xp.where(
        variance < eps, 0.0, by_variance
    )


@loss(predicted=2, temporaries=8)
def laplace_nll_loss(
    xp: Namespace, loc: Real, scale: Scale, target: Real, /, **options: Unpack[Options]
) -> Array:
    r"""Negative log-likelihood of a Laplace distribution.

    Location and scale are predicted.

    Parameters
    ----------
    loc : array
        Predicted locations, the medians, of any shape: real numbers.
    scale : array or number
        Predicted scales, the mean absolute deviations: positive, of a shape that broadcasts to that
        of `loc`.
    target : array or number
        Observations, of the shape of `loc`: real numbers.

    Returns
    -------
    array
        The reduced loss, in the dtype of `loc` and `scale`, in nats.

    See Also
    --------
    l1_loss : This loss up to a constant, if the scale is 1.
    gaussian_nll_loss : The same for a normal distribution.

    Notes
    -----
    With the residual :math:`r = \mu - y` and the scale :math:`b` the loss of an element is

    .. math:: \ell = \log 2 b + \frac{|r|}{b}.

    The derivatives are :math:`\mathrm{sign}(r) / b` with respect to the location, 0 at :math:`r =
    0`, and :math:`(1 - |r| / b) / b` with respect to the scale. The second derivatives are 0, which
    leaves out the kink, and :math:`(2 |r| / b - 1) / b^2`. The scale is not squared, because the
    square might overflow or underflow.

    A scale that is not positive raises an error on NumPy. On other libraries the loss is NaN.

    References
    ----------
    .. [1] S. M. Stigler, "Laplace's 1774 Memoir on Inverse Probability", Statistical Science 1,
       1986. :doi:`10.1214/ss/1177013620`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.laplace_nll_loss([0.0, 1.0], [0.5, 0.5], [0.0, 3.0], reduction="none")
    array([0., 4.])
    >>> pl.laplace_nll_loss.grad([0.0, 1.0], [0.5, 0.5], [0.0, 3.0], reduction="sum")
    (array([ 0., -2.]), array([ 2., -6.]))
    """
    return xp.log(2 * scale) + xp.abs(loc - target) / scale


@laplace_nll_loss.derivative
def _(xp: Namespace, loc: Real, scale: Scale, target: Real, /) -> tuple[Array, Array]:
    residual = loc - target
    return xp.sign(residual) / scale, (1 - xp.abs(residual) / scale) / scale


@laplace_nll_loss.second_derivative
def _(xp: Namespace, loc: Real, scale: Scale, target: Real, /) -> tuple[Array, Array]:
    ratio = xp.abs(loc - target) / scale
    return xp.zeros_like(loc), xp.over_square(2 * ratio - 1, scale)


@laplace_nll_loss.second_derivative_along
def _(
    xp: Namespace, loc: Real, scale: Scale, target: Real, of_loc: Array, of_scale: Array, /
) -> tuple[Array, Array]:
    residual = loc - target
    cross, ratio = -xp.sign(residual), xp.abs(residual) / scale
    by_scale = xp.over_square(cross * of_loc + (2 * ratio - 1) * of_scale, scale)
    return xp.over_square(cross * of_scale, scale), by_scale


@loss(predicted=2, temporaries=8)
def student_t_nll_loss(
    xp: Namespace,
    loc: Real,
    scale: Scale,
    target: Real,
    /,
    *,
    df: Positive = 4.0,
    **options: Unpack[Options],
) -> Array:
    r"""Negative log-likelihood of Student's t distribution.

    Location and scale are predicted.

    Parameters
    ----------
    loc : array
        Predicted locations, the medians, of any shape: real numbers.
    scale : array or number
        Predicted scales: positive, of a shape that broadcasts to that of `loc`. The variance is
        scale**2 * df / (df - 2).
    target : array or number
        Observations, of the shape of `loc`: real numbers.
    df : float or array, default 4.0
        Degrees of freedom, positive: the fewer, the less an outlier counts.

    Returns
    -------
    array
        The reduced loss, in the dtype of `loc` and `scale`, in nats.

    See Also
    --------
    gaussian_nll_loss : The limit of many degrees of freedom, with ``full=True`` and the square of
        the scale.
    cauchy_loss : The part that depends on the residual, for one degree of freedom.

    Notes
    -----
    With the residual :math:`r = \mu - y`, the scale :math:`s`, :math:`\nu` degrees of freedom and
    :math:`x = r / s \sqrt \nu` the loss of an element is

    .. math:: \ell = \log s + \frac{\nu + 1}{2} \log(1 + x^2)
        + \log\Gamma\left(\frac{\nu}{2}\right) - \log\Gamma\left(\frac{\nu + 1}{2}\right)
        + \frac{1}{2} \log \nu \pi.

    The last three terms nearly cancel for large :math:`\nu`. Their sum goes to :math:`\frac{1}{2}
    \log 2 \pi`, and is taken from its asymptotic series.

    The derivatives are :math:`(\nu + 1) x / \sqrt \nu s (1 + x^2)` with respect to the location and
    :math:`(1 - \nu x^2) / s (1 + x^2)` with respect to the scale. The second derivatives are
    :math:`(\nu + 1) (1 - x^2) / \nu s^2 (1 + x^2)^2` and :math:`(\nu x^4 + (1 + 3 \nu) x^2 - 1) /
    s^2 (1 + x^2)^2`. All are computed from two numbers with the quotient :math:`x`, the larger of
    which is 1, so no square overflows.

    A scale that is not positive raises an error on NumPy. On other libraries the loss is NaN.

    References
    ----------
    .. [1] K. L. Lange, R. J. A. Little and J. M. G. Taylor, "Robust Statistical Modeling Using the
       t Distribution", Journal of the American Statistical Association 84, 1989.
       :doi:`10.1080/01621459.1989.10478852`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.student_t_nll_loss([0.0, 0.0], [1.0, 2.0], [0.0, 4.0], reduction="none")
    array([0.98082925, 3.40684438])
    >>> pl.student_t_nll_loss.grad([0.0, 0.0], [1.0, 2.0], [0.0, 4.0], reduction="sum")
    (array([ 0.   , -0.625]), array([ 1.  , -0.75]))
    """
    sine, cosine = _angle(xp, loc, scale, target, df)
    kernel = 0.5 * xp.log1p((sine * cosine) ** 2) - xp.log(xp.abs(cosine))
    return xp.log(scale) + (df + 1) * kernel + _log_normalizer(xp if is_array(df) else math, df)


def _angle(
    xp: Namespace, loc: Array, scale: Array, target: Array, df: Number
) -> tuple[Array, Array]:
    """Return sine and cosine of the angle with tangent x, both divided by the larger one."""
    tangent = (loc - target) / scale / df**0.5
    steep = xp.abs(tangent) > 1
    return xp.where(steep, 1.0, tangent), 1 / xp.where(steep, tangent, 1.0)


def _log_normalizer(functions: Any, df: Any) -> Any:
    """Return lgamma(df / 2) - lgamma((df + 1) / 2) + log(df * pi) / 2.

    With x = df / 2 the difference is -log(x) / 2 plus a series in 1 / x. The recurrence of the
    gamma function leads from any x to one that is large enough for the series.
    """
    x, steps = 0.5 * df, 10
    rest = sum(functions.log1p(0.5 / (x + k)) for k in range(steps))
    rest = rest + 0.5 * functions.log(x / (x + steps))
    inverse, series = 1 / (x + steps), 0.0
    for coefficient in reversed(_SERIES):
        series = coefficient + inverse * inverse * series
    return _HALF_LOG_TWO_PI + (rest + series * inverse)


_SERIES = (1 / 8, -1 / 192, 1 / 640, -17 / 14336, 31 / 18432, -691 / 180224, 5461 / 425984)
"""(1 - 4**-k) * B / (k * (2 * k - 1)) with the Bernoulli number B of 2 k, for k from 1: the
coefficients of the odd powers of 1 / x."""


@student_t_nll_loss.derivative
def _(
    xp: Namespace, loc: Real, scale: Scale, target: Real, /, *, df: Positive
) -> tuple[Array, Array]:
    sine, cosine = _angle(xp, loc, scale, target, df)
    norm = (sine * sine + cosine * cosine) * scale
    by_loc = (df + 1) / df**0.5 * sine * cosine / norm
    return by_loc, (cosine * cosine - df * sine * sine) / norm


@student_t_nll_loss.second_derivative
def _(
    xp: Namespace, loc: Real, scale: Scale, target: Real, /, *, df: Positive
) -> tuple[Array, Array]:
    return _bends(xp, scale, *_angle(xp, loc, scale, target, df), df)


def _bends(
    xp: Namespace, scale: Array, sine: Array, cosine: Array, df: Number
) -> tuple[Array, Array]:
    """Return the second derivative with respect to the location, and to the scale."""
    sine2, cosine2 = sine * sine, cosine * cosine
    norm = sine2 + cosine2
    by_loc = (1 + 1 / df) * (cosine / scale / norm) ** 2 * (cosine2 - sine2)
    by_scale = sine2 * (df * sine2 + (1 + 3 * df) * cosine2) - cosine2 * cosine2
    return by_loc, xp.over_square(by_scale / (norm * norm), scale)


@student_t_nll_loss.second_derivative_along
def _(
    xp: Namespace,
    loc: Real,
    scale: Scale,
    target: Real,
    of_loc: Array,
    of_scale: Array,
    /,
    *,
    df: Positive,
) -> tuple[Array, Array]:
    sine, cosine = _angle(xp, loc, scale, target, df)
    by_loc, by_scale = _bends(xp, scale, sine, cosine, df)
    norm = sine * sine + cosine * cosine
    mixed = (df + 1) / df**0.5 * sine * cosine * (cosine / norm) ** 2
    cross = xp.over_square(-2 * mixed, scale)
    return by_loc * of_loc + cross * of_scale, cross * of_loc + by_scale * of_scale
