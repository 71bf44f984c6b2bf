"""Losses of counts: of a Poisson and of a negative binomial distribution."""

from math import exp
from typing import Annotated, Unpack

from annotated_types import Interval

from .._loss import loss
from .._numerics.standard import log_of
from ..typing import Array, Count, DependentDomain, Domain, Namespace, Number, Options, Positive
from ._log_mean import LOG_MEAN

__all__ = ["negative_binomial_nll_loss", "poisson_deviance_loss", "poisson_nll_loss"]

_RATE = Domain(
    "rates, numbers from 0",
    safe=1.0,
    interval=Interval(ge=0.0),
    sharp=True,
    hint="logarithms of rates (any real numbers) go to `poisson_nll_loss` with `log_input=True`",
)
_LOG_RATE = Domain("logarithms of rates, real numbers, -inf and inf included")

Rate = Annotated[Array, _RATE]
RateOrLogRate = Annotated[
    Array, DependentDomain(lambda log_input, **_: _LOG_RATE if log_input else _RATE)
]
Amount = Annotated[
    Array,
    Domain(
        "amounts, numbers from 0",
        safe=1.0,
        interval=Interval(ge=0.0),
        sharp=True,
        hint="counts and amounts are not negative",
    ),
]
_MEAN = Domain(
    "means, positive numbers",
    safe=1.0,
    interval=Interval(gt=0.0),
    hint="for logarithms pass `log_input=True`",
)
Mean = Annotated[Array, DependentDomain(lambda log_input, **_: LOG_MEAN if log_input else _MEAN)]


@loss(temporaries=8)
def poisson_nll_loss(
    xp: Namespace,
    pred: RateOrLogRate,
    target: Amount,
    /,
    *,
    log_input: bool = True,
    full: bool = False,
    **options: Unpack[Options],
) -> Array:
    r"""Negative log-likelihood of a Poisson distribution.

    Parameters
    ----------
    pred : array
        Predicted logarithms of rates, of any shape: real numbers, -inf and inf included. If
        `log_input` is False, the rates themselves: numbers from 0.
    target : array or number
        Observed counts, of the shape of `pred`: numbers from 0, which need not be whole.
    log_input : bool, default True
        Whether `pred` holds logarithms of rates.
    full : bool, default False
        Whether to add the logarithm of the factorial of the target. It does not depend on the
        prediction.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats. Without `full` it may be negative.

    See Also
    --------
    poisson_deviance_loss : Twice the difference between this loss and its minimum, so 0 for a
        perfect prediction.
    negative_binomial_nll_loss : For counts whose variance exceeds their mean.

    Notes
    -----
    With the rate :math:`\mu` and :math:`z = \log \mu` the loss of an element is

    .. math:: \ell = e^z - y z = \mu - y \log \mu \qquad [{} + \log y!].

    The derivative with respect to `z` is :math:`e^z - y`, the second one :math:`e^z`; with respect
    to :math:`\mu` they are :math:`(\mu - y) / \mu` and :math:`y / \mu^2`. A count of 0 has the loss
    :math:`\mu`, also at the rate 0. A positive count has the loss inf at the rate 0. Every count
    has the loss inf at a rate beyond the largest number.

    With `full` the terms would cancel for large counts. The loss is then computed as the sum of
    half the deviance and :math:`\log y! - y \log y + y`. Both are non-negative.

    In torch `full` adds Stirling's approximation, which is 0.652 instead of 0.693 for a count of 2,
    and adds nothing for counts up to 1. Without `log_input` torch adds 1e-8 to the rate under the
    logarithm, and only there. Keras takes rates and adds 1e-7 in the same place.

    References
    ----------
    .. [1] A. C. Cameron and P. K. Trivedi, "Regression Analysis of Count Data", Cambridge
       University Press, 2013. :doi:`10.1017/CBO9781139013567`
    .. [2] C. Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000.

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.poisson_nll_loss([0.0, 1.0, -800.0], [0.0, 2.0, 3.0], reduction="none")
    array([1.00000000e+00, 7.18281828e-01, 2.40000000e+03])
    >>> float(pl.poisson_nll_loss([2.0], [3.0], log_input=False, full=True))
    1.7123179275482...
    >>> pl.poisson_nll_loss.grad([0.0, 1.0], [0.0, 2.0], reduction="sum")
    array([1.        , 0.71828183])
    """
    rate, log_rate = (xp.exp(pred), pred) if log_input else (pred, xp.log(pred))
    if not full:
        # The bound is beyond every finite logarithm; inf - inf would be NaN.
        return rate - xp.weighted(target, xp.minimum(log_rate, 1e4))
    half_deviance = xp.i_divergence(target, xp.maximum(rate, _SMALL_RATE), rate - target)
    missing = xp.weighted(target, xp.minimum(log_rate - _LOG_SMALL_RATE, 0.0))
    return half_deviance - missing + xp.log_factorial_excess(target)


_LOG_SMALL_RATE = -80.0
_SMALL_RATE = exp(_LOG_SMALL_RATE)
"""A smaller rate may underflow where its logarithm does not."""


@poisson_nll_loss.derivative
def _(
    xp: Namespace, pred: RateOrLogRate, target: Amount, /, *, log_input: bool, full: bool
) -> Array:
    return xp.exp(pred) - target if log_input else xp.relative_difference(pred, target)


@poisson_nll_loss.second_derivative
def _(
    xp: Namespace, pred: RateOrLogRate, target: Amount, /, *, log_input: bool, full: bool
) -> Array:
    return xp.exp(pred) if log_input else xp.over_square(target, pred)


@loss
def poisson_deviance_loss(
    xp: Namespace, pred: Rate, target: Amount, /, **options: Unpack[Options]
) -> Array:
    r"""Deviance of a Poisson distribution.

    Parameters
    ----------
    pred : array
        Predicted rates, of any shape: numbers from 0.
    target : array or number
        Observed counts, of the shape of `pred`: numbers from 0, which need not be whole.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats; not negative.

    See Also
    --------
    poisson_nll_loss : Half of this loss, up to a term of the target alone; from logarithms of rates
        as well.
    tweedie_deviance_loss : The family of deviances; this loss has the power 1.

    Notes
    -----
    The loss of an element is

    .. math:: \ell = 2 \left( y \log \frac{y}{\mu} - y + \mu \right).

    Its three terms cancel where :math:`\mu` is near `y`. There it is computed as :math:`2 y (\delta
    - \mathrm{log1p}(\delta))` with :math:`\delta = (\mu - y) / y`, by a series in which nothing
    cancels. The derivative is :math:`2 (\mu - y) / \mu`, the second one :math:`2 y / \mu^2`.

    A target of 0 has the loss :math:`2 \mu`; a positive target has the loss inf at the rate 0.
    scikit-learn's ``mean_poisson_deviance`` is the mean of this loss; it refuses a rate of 0.
    ``scipy.special.kl_div(y, mu)`` is half of it.

    References
    ----------
    .. [1] P. McCullagh and J. A. Nelder, "Generalized Linear Models", Chapman & Hall, 1989.
       :doi:`10.1007/978-1-4899-3242-6`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.poisson_deviance_loss([2.0, 3.0, 0.5], [3.0, 3.0, 0.0], reduction="none")
    array([0.43279065, 0.        , 1.        ])
    >>> pl.poisson_deviance_loss.grad([2.0, 3.0, 0.5], [3.0, 3.0, 0.0], reduction="sum")
    array([-1.,  0.,  2.])
    """
    return 2 * xp.i_divergence(target, pred, pred - target)


@poisson_deviance_loss.derivative
def _(xp: Namespace, pred: Rate, target: Amount, /) -> Array:
    return 2 * xp.relative_difference(pred, target)


@poisson_deviance_loss.second_derivative
def _(xp: Namespace, pred: Rate, target: Amount, /) -> Array:
    return 2 * xp.over_square(target, pred)


@loss(temporaries=32)
def negative_binomial_nll_loss(
    xp: Namespace,
    pred: Mean,
    target: Count,
    /,
    *,
    dispersion: Positive = 1.0,
    log_input: bool = False,
    **options: Unpack[Options],
) -> Array:
    r"""Negative log-likelihood of a negative binomial distribution.

    Use it for counts whose variance exceeds their mean.

    Parameters
    ----------
    pred : array
        Predicted means, of any shape: positive numbers. If `log_input` is True, their logarithms:
        real numbers, -inf and inf included.
    target : array or number
        Observed counts, of the shape of `pred`: whole numbers from 0.
    dispersion : float or array, default 1.0
        The excess of the variance, positive: it is ``mean + dispersion * mean**2``.
    log_input : bool, default False
        Whether `pred` holds logarithms of means, which a model can predict without a bound.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats; not negative. All constants are included.

    See Also
    --------
    poisson_nll_loss : Its limit for a small `dispersion`.

    Notes
    -----
    With the mean :math:`\mu`, the dispersion :math:`\alpha` and :math:`r = 1 / \alpha` the loss of
    an element is minus the logarithm of

    .. math::

        \frac{\Gamma(y + r)}{\Gamma(r)\, y!}
        \left( \frac{r}{r + \mu} \right)^r \left( \frac{\mu}{r + \mu} \right)^y,

    whose gamma functions cancel for large counts and for a small dispersion. The loss is therefore
    computed as a sum of terms that do not cancel [2]_. With :math:`n = y + r`, Stirling's remainder
    :math:`S(x) = \log x! - (x + \frac12) \log x + x - \frac12 \log 2\pi` and Loader's deviance
    :math:`D(x, m) = x \log (x / m) - x + m` it is

    .. math:: \log y! - y \log y + y + \tfrac12 \mathrm{log1p}(\alpha y) + S(r) - S(n)
        + D\!\left( y, \frac{n \mu}{r + \mu} \right) + D\!\left( r, \frac{n r}{r + \mu} \right).

    In both deviances the difference of the two numbers is :math:`\pm (\mu - y) r / (r + \mu)`. The
    derivative is :math:`(\mu - y) / (\mu (1 + \alpha \mu))`. With :math:`q = 1 / (1 + \alpha \mu)`
    the second one is :math:`q (y (2 - q) / \mu^2 - \alpha q)`.

    With respect to the logarithm :math:`z = \log \mu` they are :math:`r p - y (1 - p)` and
    :math:`(y + r) p (1 - p)`, where :math:`p = \mu / (r + \mu)` is the sigmoid of :math:`z - \log
    r`. The loss is linear in `z` from :math:`\pm 80` on: by `r` for each unit above, and by `y` for
    each unit below.

    SciPy's ``nbinom`` has the parameters :math:`r` and :math:`r / (r + \mu)`. An array of
    dispersions has gradients under autodiff: all constants that depend on them are included.

    References
    ----------
    .. [1] J. M. Hilbe, "Negative Binomial Regression", Cambridge University Press, 2011.
       :doi:`10.1017/CBO9780511973420`
    .. [2] C. Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000.

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.negative_binomial_nll_loss([1.0, 2.0], [0.0, 3.0], reduction="none")
    array([0.69314718, 2.31500761])
    >>> pl.negative_binomial_nll_loss.grad([1.0, 2.0], [0.0, 3.0], reduction="sum", dispersion=0.5)
    array([ 0.66666667, -0.25      ])
    >>> pl.negative_binomial_nll_loss([0.0, 90.0], [0.0, 3.0], reduction="none", log_input=True)
    array([ 0.69314718, 90.        ])
    """
    if log_input:
        # Without a count the loss is the mean, however small.
        inside = xp.minimum(xp.where(target == 0, pred, xp.maximum(pred, -_LINEAR)), _LINEAR)
        above = xp.relu(pred - _LINEAR) / dispersion
        below = xp.weighted(target, xp.relu(-_LINEAR - pred))
        return _negative_binomial(xp, xp.exp(inside), target, dispersion) + above + below
    return _negative_binomial(xp, pred, target, dispersion)


_LINEAR = 80.0
"""Beyond this logarithm of the mean the loss is linear in it; the exponential is finite."""


def _negative_binomial(xp: Namespace, pred: Array, target: Array, dispersion: Number) -> Array:
    """Return the loss from the mean."""
    size = xp.scalar(1 / dispersion, pred.dtype, pred)
    rest = size / (size + pred)  # 1 / (1 + dispersion * pred)
    gap, total = (pred - target) * rest, target + size
    remainders = xp.stirling_remainder(size) - xp.stirling_remainder(total)
    factorials = xp.log_factorial_excess(target) + 0.5 * xp.log1p(dispersion * target)
    of_count = xp.i_divergence(target, total * (pred / (size + pred)), gap)
    of_size = xp.i_divergence(size, total * rest, -gap)
    return factorials + xp.where(target == 0, 0.0, remainders) + of_count + of_size


@negative_binomial_nll_loss.derivative
def _(
    xp: Namespace, pred: Mean, target: Count, /, *, dispersion: Positive, log_input: bool
) -> Array:
    if log_input:
        prob, rest = xp.sigmoids(pred + log_of(xp, dispersion))
        return prob / dispersion - target * rest
    return xp.relative_difference(pred, target) / (1 + dispersion * pred)


@negative_binomial_nll_loss.second_derivative
def _(
    xp: Namespace, pred: Mean, target: Count, /, *, dispersion: Positive, log_input: bool
) -> Array:
    if log_input:
        return (target + 1 / dispersion) * xp.logistic_density(pred + log_of(xp, dispersion))
    rest = 1 / (1 + dispersion * pred)
    return rest * (xp.over_square(target, pred) * (2 - rest) - dispersion * rest)
