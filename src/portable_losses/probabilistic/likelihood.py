"""Negative log-likelihoods of a location and a scale: both are predicted."""

from math import inf, log, log1p, sqrt
from typing import Annotated, Unpack

from annotated_types import Interval

from .._compensated import difference, halves, lost
from .._elementary import widened
from .._loss import loss
from ..typing import Array, Domain, Namespace, NonNegative, Options, Positive, Real
from ._scale import Scale, measured, quotient, unit_of

__all__ = ["gaussian_nll_loss", "laplace_nll_loss", "student_t_nll_loss"]

_HALF_LOG_TWO_PI = 0.9189385332046728

Variance = Annotated[
    Array,
    Domain(
        "variances, numbers from 0",
        safe=1.0,
        interval=Interval(ge=0.0),
        shared=True,
        hint="`special.softplus` or an exponential of what a model predicts is positive",
    ),
]


@loss(predicted=2)
def gaussian_nll_loss(
    xp: Namespace,
    mean: Real,
    variance: Variance,
    target: Real,
    /,
    *,
    full: bool = False,
    eps: NonNegative = 1e-6,
    **options: Unpack[Options],
) -> Array:
    r"""Negative log-likelihood of a normal distribution, of which mean and variance are predicted.

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
    eps : float, default 1e-6
        Floor of the variance, not negative, in its unit: without it a perfect mean has no best
        variance but 0.

    Returns
    -------
    array
        The reduced loss, in the dtype of `mean` and `variance`, in nats.

    See Also
    --------
    mse_loss : Twice this loss, plus a constant, where the variance is 1.
    crps_gaussian_loss : Grows with the distance, not with its square.
    student_t_nll_loss : For outliers.

    Notes ----- With the residual :math:`r = \mu - y` and :math:`v = \max(\sigma^2, \varepsilon)`
    the loss of an element is

    .. math::

        \ell = \frac{1}{2} \left( \log v + \frac{r^2}{v} \right) \; [+ \tfrac{1}{2} \log 2 \pi],

    computed with :math:`(r / \sqrt v)^2`, which does not overflow before the loss does. The
    derivatives are :math:`r / v` with respect to the mean and :math:`(v - r^2) / 2 v^2` with
    respect to the variance, 0 below `eps`. The numerator is right to the last digits where the two
    nearly cancel, which is where a fit ends: the rounding errors of the residual and of its square
    are computed and put back. The second derivatives are :math:`1 / v` and :math:`(2 r^2 - v) / 2
    v^3`.

    With an `eps` of 0 a variance of 0 is allowed: the loss is -inf where the mean is right, inf
    elsewhere.

    torch has the same floor, but a gradient below it that it should not have: that of the value at
    `eps`, 5e11 for a residual of 1. MLX has the same form. scoringrules takes the standard
    deviation, and includes the constant. On other libraries than NumPy, which refuses them,
    negative variances are below `eps` as well.

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
    mean, variance, target = widened(xp, mean), _floored(xp, variance, eps), widened(xp, target)
    logarithm = 0.5 * xp.log(variance)
    if eps == 0:
        certain = variance == 0
        variance = xp.where(certain, 1.0, variance)
    ratio = quotient(xp, mean, target, xp.sqrt(variance))
    # inf where the mean is wrong; where it is right the logarithm is -inf, and has an infinite
    # derivative
    if eps == 0:
        wrong = certain & (ratio != 0)
        logarithm = xp.where(wrong, xp.where(ratio == ratio, inf, ratio), logarithm)
    value = logarithm + 0.5 * ratio * ratio
    return value + _HALF_LOG_TWO_PI if full else value


def _floored(xp: Namespace, variance: Array, eps: float) -> Array:
    """Return the variance, eps below that, with the derivative 0 there and 1 at eps; NaN stays."""
    variance = widened(xp, variance)
    return xp.where(variance < eps, eps, variance)


@gaussian_nll_loss.derivative
def _(
    xp: Namespace, mean: Real, variance: Variance, target: Real, /, *, full: bool, eps: NonNegative
) -> tuple[Array, Array]:
    mean, floored, target = widened(xp, mean), _floored(xp, variance, eps), widened(xp, target)
    slope = quotient(xp, mean, target, xp.where(mean == target, 1.0, floored))
    far, excess = _excess(xp, mean, floored, target, 1)
    second = xp.where(far, -0.5 * slope * slope, 0.5 * excess / floored)
    second = xp.where(floored == 0, xp.where(mean == target, inf, -slope * slope), second)
    return slope, xp.where(widened(xp, variance) < eps, 0.0, second)


@gaussian_nll_loss.second_derivative
def _(
    xp: Namespace, mean: Real, variance: Variance, target: Real, /, *, full: bool, eps: NonNegative
) -> tuple[Array, Array]:
    mean, floored, target = widened(xp, mean), _floored(xp, variance, eps), widened(xp, target)
    slope = quotient(xp, mean, target, xp.where(mean == target, 1.0, floored))
    far, excess = _excess(xp, mean, floored, target, 2)
    second = xp.where(far, slope / floored * slope, -0.5 * excess / floored / floored)
    second = xp.where(floored == 0, xp.where(mean == target, -inf, slope * slope), second)
    return 1 / floored, xp.where(widened(xp, variance) < eps, 0.0, second)


def _excess(
    xp: Namespace, mean: Array, variance: Array, target: Array, times: int
) -> tuple[Array, Array]:
    """Return 1 - times * (mean - target)^2 / variance, also where these nearly cancel; and where the 1 is out of sight."""
    unit = unit_of(xp, variance, 2)
    residual, error = (unit * part for part in difference(xp, mean, target))
    square, parts = residual * residual, halves(xp, residual)
    scaled = variance * unit * unit
    rest = lost(square, parts, parts) + 2 * residual * error
    return square > 2.0**60 * scaled, ((scaled - times * square) - times * rest) / scaled


@loss(predicted=2)
def laplace_nll_loss(
    xp: Namespace, loc: Real, scale: Scale, target: Real, /, **options: Unpack[Options]
) -> Array:
    r"""Negative log-likelihood of a Laplace distribution, of which location and scale are predicted.

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
    l1_loss : This loss, but for a constant, where the scale is 1.
    gaussian_nll_loss : The same of a normal distribution.

    Notes
    -----
    With the residual :math:`r = \mu - y` and the scale :math:`b` the loss of an element is

    .. math:: \ell = \log 2 b + \frac{|r|}{b}.

    The derivatives are :math:`\mathrm{sign}(r) / b` with respect to the location, 0 at :math:`r =
    0`, and :math:`(b - |r|) / b^2` with respect to the scale, in which the rounding error of the
    residual is put back: it would be all that is left where the two nearly cancel. The second
    derivatives are 0, as the kink is not in it, and :math:`(2 |r| - b) / b^3`.

    A scale that is not positive is an error on NumPy, and gives NaN on other libraries.

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
    loc, scale, target = widened(xp, loc), widened(xp, scale), widened(xp, target)
    # where twice the scale may overflow; where it does not, its logarithm may be near 0
    large = scale > 1
    log_twice = xp.log(xp.where(large, scale, 2 * scale)) + xp.where(
        large, log(2), xp.zeros_like(scale)
    )
    return log_twice + xp.abs(quotient(xp, loc, target, scale))


@laplace_nll_loss.derivative
def _(xp: Namespace, loc: Real, scale: Scale, target: Real, /) -> tuple[Array, Array]:
    loc, scale, target = widened(xp, loc), widened(xp, scale), widened(xp, target)
    size, error, unit_scale, _ = measured(xp, loc, target, scale)
    return xp.sign(loc - target) / scale, ((unit_scale - size) - error) / unit_scale / scale


@laplace_nll_loss.second_derivative
def _(xp: Namespace, loc: Real, scale: Scale, target: Real, /) -> tuple[Array, Array]:
    loc, scale, target = widened(xp, loc), widened(xp, scale), widened(xp, target)
    size, error, unit_scale, _ = measured(xp, loc, target, scale)
    return xp.zeros_like(loc), ((2 * size - unit_scale) + 2 * error) / unit_scale / scale / scale


@loss(predicted=2, temporaries=64)
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
    r"""Negative log-likelihood of Student's t distribution, of which location and scale are predicted.

    Parameters
    ----------
    loc : array
        Predicted locations, the medians, of any shape: real numbers.
    scale : array or number
        Predicted scales: positive, of a shape that broadcasts to that of `loc`. The variance is
        scale**2 * df / (df - 2).
    target : array or number
        Observations, of the shape of `loc`: real numbers.
    df : float, default 4.0
        Degrees of freedom, positive: the fewer, the less an outlier counts.

    Returns
    -------
    array
        The reduced loss, in the dtype of `loc` and `scale`, in nats.

    See Also -------- gaussian_nll_loss : The limit of many degrees of freedom, with ``full=True``
    and the square of the scale. cauchy_loss : The residual's part of it, with one degree of
    freedom.

    Notes
    -----
    With :math:`z = (\mu - y) / s` and :math:`\nu` degrees of freedom the loss of an element is

    .. math:: \ell = \log s + \frac{\nu + 1}{2} \log\left(1 + \frac{z^2}{\nu}\right)
        + \log\Gamma\left(\frac{\nu}{2}\right) - \log\Gamma\left(\frac{\nu + 1}{2}\right) + \frac{1}{2} \log \nu \pi.

    The last three terms cancel for large :math:`\nu`: there their sum, which goes to
    :math:`\frac{1}{2} \log 2 \pi`, is taken from its asymptotic series, and is right to the last
    digits for any :math:`\nu`. Where :math:`z^2 / \nu` is huge, its logarithm is taken in parts.

    The derivatives are :math:`(\nu + 1) z / s (\nu + z^2)` with respect to the location, and
    :math:`\nu (1 - z^2) / s (\nu + z^2)` with respect to the scale, in which :math:`s - |r|` has
    the rounding error of the residual put back. The second derivatives are :math:`(\nu + 1) (\nu -
    z^2) / s^2 (\nu + z^2)^2` and :math:`\nu (z^4 + (1 + 3 \nu) z^2 - \nu) / s^2 (\nu + z^2)^2`.
    Powers are those of :math:`z` or of :math:`1 / z`, whichever is below 1.

    A scale that is not positive is an error on NumPy, and gives NaN on other libraries.

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
    loc, scale, target = widened(xp, loc), widened(xp, scale), widened(xp, target)
    infinite = xp.isinf(0.5 * loc - 0.5 * target)
    ratio = quotient(xp, xp.where(infinite, 0.0, loc), xp.where(infinite, 0.0, target), scale)
    log_scale = xp.log(scale)
    largest = (2.0**500 if ratio.dtype == xp.float64 else 2.0**60) * sqrt(df)
    huge = infinite | (xp.abs(ratio) > largest)  # the 1 is out of sight
    ratio = xp.where(huge, 0.0, ratio)
    square = (ratio / df) * ratio
    half = xp.abs(xp.where(huge, 0.5 * loc - 0.5 * target, 1.0))
    in_parts = (xp.log(half) - log_scale) + (log(2) - 0.5 * log(df))
    return (log_scale + _log_constant(df)) + xp.where(
        huge, (df + 1) * in_parts, (0.5 * df + 0.5) * xp.log1p(square)
    )


def _log_constant(df: float) -> float:
    """Return lgamma(df / 2) - lgamma((df + 1) / 2) + log(df * pi) / 2.

    The difference is minus log(x) / 2 and a series in 1 / x, with x = df / 2. Where x is small the
    recurrence of the gamma function leads to where it is not.
    """
    x, rest = 0.5 * df, 0.0
    if x < 10:
        first = (
            log1p(0.5 / x) - 0.5 * log1p(10 / x)
            if x > 1
            else log(x + 0.5) - 0.5 * (log(df) + log(5 + 0.5 * x))
        )
        rest = sum(log1p(0.5 / (x + step)) for step in range(9, 0, -1)) + first
        x += 10
    series, square = 0.0, 1 / x / x
    for coefficient in reversed(_SERIES):
        series = coefficient + square * series
    return _HALF_LOG_TWO_PI + (rest + series / x)


_SERIES = (
    1 / 8,
    -1 / 192,
    1 / 640,
    -17 / 14336,
    31 / 18432,
    -691 / 180224,
    5461 / 425984,
    -929569 / 15728640,
)
"""(1 - 4**-k) * B / (k * (2 * k - 1)) with the Bernoulli numbers B of 2 k, for k from 1: of odd powers of 1 / x."""


def _shares(xp: Namespace, loc: Array, scale: Array, target: Array, df: float) -> tuple[Array, ...]:
    """Return what the derivatives share.

    The smaller of residual and scale over the larger, q, and whether that is the scale; the larger,
    and what it was multiplied by to be finite; 1 - z^2 or, where the residual is the larger, 1 /
    z^2 - 1; and the denominator, which is `weights` of 1 and q^2.
    """
    size, error, scale, unit = measured(xp, loc, target, scale)
    size = xp.minimum(size, float(xp.finfo(size.dtype).max))
    inside = size <= scale
    largest = xp.where(inside, scale, size)
    share = xp.where(inside, size, scale) / largest
    gap = ((scale - size) - error) / largest * (1 + share)
    own, other = _weights(df)
    square = share * share
    return (
        share,
        inside,
        largest,
        unit,
        gap,
        xp.where(inside, own + other * square, own * square + other),
    )


def _weights(df: float) -> tuple[float, float]:
    """Return df and 1 divided by the larger of them."""
    return (1.0, 1 / df) if df >= 1 else (df, 1.0)


@student_t_nll_loss.derivative
def _(
    xp: Namespace, loc: Real, scale: Scale, target: Real, /, *, df: Positive
) -> tuple[Array, Array]:
    loc, scale, target = widened(xp, loc), widened(xp, scale), widened(xp, target)
    share, inside, largest, unit, gap, denominator = _shares(xp, loc, scale, target, df)
    own, other = _weights(df)
    influence = (own + other) / denominator * xp.where(inside, share, 1.0) / largest * unit
    return xp.sign(loc - target) * influence, own * gap / denominator / scale


@student_t_nll_loss.second_derivative
def _(
    xp: Namespace, loc: Real, scale: Scale, target: Real, /, *, df: Positive
) -> tuple[Array, Array]:
    loc, scale, target = widened(xp, loc), widened(xp, scale), widened(xp, target)
    share, inside, largest, unit, _, denominator = _shares(xp, loc, scale, target, df)
    own, other = _weights(df)
    square = share * share
    bend = xp.where(inside, own - other * square, own * square - other)
    first = (own + other) * bend / denominator / denominator / largest * unit / largest * unit
    curvature = xp.where(
        inside,
        square * (other * square + (other + 3 * own)) - own,
        other * (1 + square) + own * square * (3 - square),
    )
    return first, own * curvature / denominator / denominator / scale / scale
