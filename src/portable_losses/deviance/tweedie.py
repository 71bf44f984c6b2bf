"""Deviances of amounts whose variance is a power of their mean: gamma, and Tweedie's family."""

from collections.abc import Callable
from math import inf
from typing import Annotated, Any, Unpack

from annotated_types import Gt, Interval, Lt

from .._loss import loss
from .._numerics.standard import is_array, select
from ..typing import Array, DependentDomain, Domain, Gap, Namespace, Number, Options
from ._half_deviance import combined, half_deviance, half_deviance_of_logarithm
from ._log_mean import LOG_MEAN, half_gamma, half_poisson, over_mean, relative_excess
from .poisson import poisson_deviance_loss

__all__ = ["gamma_deviance_loss", "tweedie_deviance_loss"]

_POSITIVE = Domain(
    "positive numbers",
    safe=1.0,
    interval=Interval(gt=0.0),
    hint="amounts that may be 0 go with `tweedie_deviance_loss` and a power from 1 to below 2",
)
_NOT_NEGATIVE = Domain(
    "amounts, numbers from 0",
    safe=1.0,
    interval=Interval(ge=0.0),
    sharp=True,
    hint="amounts that may be negative go with a power of 0 or below",
)
_MEAN = Domain(
    "means, positive numbers",
    safe=1.0,
    interval=Interval(gt=0.0),
    hint="for logarithms pass `log_input=True`",
)
_REAL = Domain("real numbers", safe=1.0)

Positive = Annotated[Array, _POSITIVE]
PositiveOrLog = Annotated[
    Array, DependentDomain(lambda log_input: LOG_MEAN if log_input else _MEAN)
]
Power = Annotated[Number, Gt(-inf), Lt(inf), Gap(0.0, 1.0)]


def _domain_of_mean(power: float, log_input: bool) -> Domain:
    if log_input:
        return LOG_MEAN
    return _REAL if power == 0 else _MEAN


def _domain_of_target(power: float, **_: bool) -> Domain:
    if power <= 0:
        return _REAL
    return _NOT_NEGATIVE if power < 2 else _POSITIVE


Mean = Annotated[Array, DependentDomain(_domain_of_mean, {"power": (0.0,)})]
Amount = Annotated[Array, DependentDomain(_domain_of_target, {"power": (0.0, 2.0)})]


@loss
def gamma_deviance_loss(
    xp: Namespace,
    pred: PositiveOrLog,
    target: Positive,
    /,
    *,
    log_input: bool = False,
    **options: Unpack[Options],
) -> Array:
    r"""Deviance of a gamma distribution: an error relative to the prediction.

    Parameters
    ----------
    pred : array
        Predicted means, of any shape: positive numbers. If `log_input` is True, their logarithms:
        real numbers, -inf and inf included.
    target : array or number
        Observed amounts, of the shape of `pred`: positive numbers.
    log_input : bool, default False
        Whether `pred` holds logarithms of means, which a model can predict without a bound.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats; not negative.

    See Also
    --------
    poisson_deviance_loss : For counts, whose variance is their mean, not its square.
    tweedie_deviance_loss : The family of deviances; this loss has the power 2.

    Notes
    -----
    The loss of an element is

    .. math:: \ell = 2 \left( \frac{y}{\mu} - 1 - \log \frac{y}{\mu} \right).

    It depends on the ratio alone. Its three terms cancel where :math:`\mu` is near `y`. So it is
    computed as :math:`2 (\delta - \mathrm{log1p}(\delta))` with :math:`\delta = (y - \mu) / \mu`,
    by a series in which nothing cancels. Far from the mean the logarithm is that of :math:`y /
    \mu`. The derivative is :math:`2 (\mu - y) / \mu^2`, the second one :math:`2 (2 y - \mu) /
    \mu^3`. It is negative for means above twice the target: the loss is not convex.

    In the logarithm :math:`z = \log \mu` it is: with :math:`w = \log y - z` the loss is :math:`2
    (e^w - 1 - w)`, its derivative :math:`-2 (e^w - 1)`, and the second one :math:`2 e^w`.

    scikit-learn's ``mean_gamma_deviance`` is the mean of this loss. The negative log-likelihood of
    a gamma distribution of known shape is proportional to half of it, apart from a term of the
    target alone.

    References
    ----------
    .. [1] P. McCullagh and J. A. Nelder, "Generalized Linear Models", Chapman & Hall, 1989.
       :doi:`10.1007/978-1-4899-3242-6`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.gamma_deviance_loss([2.0, 3.0], [3.0, 3.0], reduction="none")
    array([0.18906978, 0.        ])
    >>> pl.gamma_deviance_loss.grad([2.0, 3.0], [3.0, 3.0], reduction="sum")
    array([-0.5,  0. ])
    >>> pl.gamma_deviance_loss.grad([0.0, 800.0], [2.0, 3.0], reduction="sum", log_input=True)
    array([-2.,  2.])
    """
    if log_input:
        return 2 * half_gamma(xp, pred, target)
    return 2 * (xp.i_divergence(pred, target, target - pred) / pred)


@gamma_deviance_loss.derivative
def _(xp: Namespace, pred: PositiveOrLog, target: Positive, /, *, log_input: bool) -> Array:
    if log_input:
        return -2 * relative_excess(xp, pred, target)
    return 2 * (xp.relative_difference(pred, target) / pred)


@gamma_deviance_loss.second_derivative
def _(xp: Namespace, pred: PositiveOrLog, target: Positive, /, *, log_input: bool) -> Array:
    if log_input:
        return 2 * over_mean(xp, pred, target)
    return 2 * xp.over_square(2 * (target / pred) - 1, pred)


@loss(temporaries=8)
def tweedie_deviance_loss(
    xp: Namespace,
    pred: Mean,
    target: Amount,
    /,
    *,
    power: Power = 1.5,
    log_input: bool = False,
    **options: Unpack[Options],
) -> Array:
    r"""Deviance of a Tweedie distribution: the variance of the target is a power of its mean.

    Parameters
    ----------
    pred : array
        Predicted means, of any shape: positive numbers. For `power` 0 any real number. If
        `log_input` is True, their logarithms: real numbers, -inf and inf included.
    target : array or number
        Observed amounts, of the shape of `pred`: numbers from 0 for a `power` from 1 to below 2,
        positive from 2 on, and any real number for 0 and below.
    power : float or array, default 1.5
        The power of the mean that the variance is proportional to, one or one for each loss. It is
        0 for a normal distribution, 1 for Poisson's, 2 for a gamma and 3 for an inverse Gaussian
        distribution. Between 1 and 2 many targets are 0, and the others are distributed as sums of
        gamma variables. No distribution has a power between 0 and 1.
    log_input : bool, default False
        Whether `pred` holds logarithms of means, which a model can predict without a bound.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target to the power of ``2 -
        power``; not negative.

    See Also
    --------
    poisson_deviance_loss : This loss with the power 1, where a rate may be 0.
    gamma_deviance_loss : This loss with the power 2.
    mse_loss : This loss with the power 0.

    Notes
    -----
    With the power `p` the loss of an element is

    .. math::

        \ell = 2 \left( \frac{\max(y, 0)^{2 - p}}{(1 - p)(2 - p)} - \frac{y \mu^{1 - p}}{1 - p}
        + \frac{\mu^{2 - p}}{2 - p} \right) = 2 \int_y^\mu \frac{m - y}{m^p} \, dm,

    where the integral is that for positive `y`. Its limits at the powers 1 and 2 are the deviances
    of Poisson and gamma. The three terms cancel where :math:`\mu` is near `y`, and where `p` is
    near 1 or 2. With :math:`w = \log(\mu / y)` and :math:`E(a) = \mathrm{expm1}(a w) / a` the
    integral is :math:`y^{2 - p} (E(2 - p) - E(1 - p))`, which is accurate next to the powers 1 and
    2. For small `w` the difference is :math:`w^2` times a second divided difference of the
    exponential, computed by its Taylor series. The numbers 3/2 and 3 have closed forms in which
    nothing cancels, :math:`4 (\sqrt\mu - \sqrt{y})^2 / \sqrt\mu` and :math:`(\mu - y)^2 / (\mu^2
    y)`.

    An array of powers has gradients under autodiff, also at the powers 1 and 2; at exactly 0 they
    are 0. The deviance alone is no likelihood: to learn the power, add the logarithm of the
    normalising constant, which depends on it.

    The derivative is :math:`2 (\mu - y) / \mu^p`, the second one :math:`2 ((1 - p) \mu + p y) /
    \mu^{p + 1}`. Between the powers 1 and 2 a target of 0 has the loss :math:`2 \mu^{2 - p} / (2 -
    p)`. For negative powers the loss of a target of 0 or below has no first term: it is the limit
    for a target of 0, and grows with the size of a negative target.

    With respect to the logarithm :math:`z = \log \mu` the derivative is :math:`2 (e^{(2 - p) z} - y
    e^{(1 - p) z})`, which is XGBoost's and LightGBM's ``tweedie`` but for the factor 2, and the
    second one :math:`2 ((2 - p) e^{(2 - p) z} - (1 - p) y e^{(1 - p) z})`. Powers of the mean are
    exponentials of multiples of `z`, so the mean itself may be beyond the largest number.

    scikit-learn's ``mean_tweedie_deviance`` is the mean of this loss, with the default power 0.
    Next to the powers 1 and 2 it cancels: it returns 0.5000 instead of 0.4328 at 1 + 1e-14.

    References
    ----------
    .. [1] B. Jørgensen, "Exponential Dispersion Models", Journal of the Royal Statistical Society B
       49, 1987. :doi:`10.1111/j.2517-6161.1987.tb01685.x`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.tweedie_deviance_loss([2.0, 3.0, 0.25], [3.0, 3.0, 0.0], reduction="none")
    array([0.28572...,  0.        , 2.        ])
    >>> float(pl.tweedie_deviance_loss([2.0], [3.0], power=1 + 1e-14))
    0.43279064864898...
    >>> pl.tweedie_deviance_loss.grad([2.0, 3.0, 0.25], [3.0, 3.0, 0.0], reduction="sum")
    array([-0.70710678,  0.        ,  4.        ])
    """
    closed = _OF_LOGARITHM if log_input else _CLOSED_FORMS
    if not is_array(power) and power in closed:
        return closed[power](xp, pred, target)
    normal, others = power == 0, power != 0
    half = half_deviance_of_logarithm if log_input else half_deviance

    def kept(condition: Any, x: Array) -> Array:
        """Return what an array of powers selects, elsewhere a number that is valid for all."""
        return select(xp, condition, x, 1.0)

    return select(
        xp,
        normal,
        lambda: closed[0.0](xp, kept(normal, pred), kept(normal, target)),
        lambda: 2 * half(xp, kept(others, pred), kept(others, target), power),
    )


def _normal(xp: Namespace, pred: Array, target: Array) -> Array:
    return (pred - target) ** 2


def _compound_poisson_gamma(xp: Namespace, pred: Array, target: Array) -> Array:
    root = xp.sqrt(pred)
    relative = (pred - target) / (root + xp.sqrt(target))
    return 4 * relative * (relative / root)


def _inverse_gaussian(xp: Namespace, pred: Array, target: Array) -> Array:
    relative = (pred - target) / pred
    return relative * (relative / target)


_CLOSED_FORMS: dict[float, Callable[[Namespace, Array, Array], Array]] = {
    0.0: _normal,
    1.0: poisson_deviance_loss.formula,
    1.5: _compound_poisson_gamma,
    2.0: lambda xp, pred, target: gamma_deviance_loss.formula(xp, pred, target, log_input=False),
    3.0: _inverse_gaussian,
}
"""The deviances of well-known distributions by power, in forms in which nothing cancels."""


_OF_LOGARITHM: dict[float, Callable[[Namespace, Array, Array], Array]] = {
    0.0: lambda xp, log_mean, target: _normal(xp, xp.exp(log_mean), target),
    1.0: lambda xp, log_mean, target: 2 * half_poisson(xp, log_mean, target),
    2.0: lambda xp, log_mean, target: 2 * half_gamma(xp, log_mean, target),
}
"""The same from logarithms of means."""


@tweedie_deviance_loss.derivative
def _(xp: Namespace, pred: Mean, target: Amount, /, *, power: Power, log_input: bool) -> Array:
    if log_input:
        return 2 * combined(xp, pred, target, power, 1.0, 1.0)
    real = power <= 0  # a target may be negative
    raised = pred ** select(xp, real, -power, 1 - power)
    return 2 * select(
        xp,
        real,
        lambda: (pred - target) * raised,
        lambda: xp.weighted(xp.relative_difference(pred, target), raised),
    )


@tweedie_deviance_loss.second_derivative
def _(xp: Namespace, pred: Mean, target: Amount, /, *, power: Power, log_input: bool) -> Array:
    if log_input:
        return 2 * combined(xp, pred, target, power, 2 - power, 1 - power)
    low = power < -1

    def usual() -> Array:
        factor = select(
            xp,
            low,
            lambda: (1 - power) * pred + power * target,
            lambda: 1 - power + power * (target / pred),
        )
        return factor * pred ** select(xp, low, -1 - power, -power)

    return 2 * select(xp, power == 0, lambda: xp.ones_like(pred), usual)
