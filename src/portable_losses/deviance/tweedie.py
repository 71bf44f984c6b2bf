"""Deviances of amounts whose variance is a power of their mean: gamma, and the whole family after Tweedie."""

from collections.abc import Sequence
from math import factorial, frexp, inf
from typing import Annotated, Any, NamedTuple, Unpack

from annotated_types import Gt, Interval, Lt

from .._compensated import difference
from .._elementary import weighted, widened
from .._loss import loss
from ..typing import Array, DependentDomain, Domain, Gap, Namespace, Options
from . import poisson
from ._ratio import excess_of_ratio, rest_of_log_ratio

__all__ = ["gamma_deviance_loss", "tweedie_deviance_loss"]

_POSITIVE = Domain(
    "positive numbers",
    safe=1.0,
    interval=Interval(gt=0.0),
    hint="amounts that may be 0 go with a power from 1 to below 2",
)
_NOT_NEGATIVE = Domain(
    "amounts, numbers from 0",
    safe=1.0,
    interval=Interval(ge=0.0),
    hint="amounts that may be negative go with a power of 0 or below",
)
_REAL = Domain("real numbers", safe=1.0)

Positive = Annotated[Array, _POSITIVE]
Power = Annotated[float, Gt(-inf), Lt(inf), Gap(0.0, 1.0)]


def _domain_of_mean(power: float) -> Domain:
    return _REAL if power == 0 else _POSITIVE


def _domain_of_target(power: float) -> Domain:
    if power <= 0:
        return _REAL
    return _NOT_NEGATIVE if power < 2 else _POSITIVE


Mean = Annotated[Array, DependentDomain(_domain_of_mean)]
Amount = Annotated[Array, DependentDomain(_domain_of_target)]


@loss
def gamma_deviance_loss(
    xp: Namespace, pred: Positive, target: Positive, /, **options: Unpack[Options]
) -> Array:
    r"""Deviance of a gamma distribution: an error relative to the prediction.

    Parameters
    ----------
    pred : array
        Predicted means, of any shape: positive numbers.
    target : array or number
        Observed amounts, of the shape of `pred`: positive numbers.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats; not negative.

    See Also
    --------
    poisson_deviance_loss : For counts, whose variance is their mean, not its square.
    tweedie_deviance_loss : The family of deviances, of which this has the power 2.

    Notes
    -----
    The loss of an element is

    .. math:: \ell = 2 \left( \frac{y}{\mu} - 1 - \log \frac{y}{\mu} \right).

    It depends on the ratio alone. Its three terms cancel where :math:`\mu` is near `y`: up to a
    factor of 2 it is computed by a series in :math:`(y - \mu) / (y + \mu)`, which has no such
    terms. The derivative is :math:`2 (\mu - y) / \mu^2`, the second one :math:`2 (2 y - \mu) /
    \mu^3`, negative for means above twice the target: the loss is not convex.

    scikit-learn's ``mean_gamma_deviance`` is the mean of this loss. The negative log-likelihood of
    a gamma distribution of known shape is proportional to half of it, but for what depends on the
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
    """
    return 2 * excess_of_ratio(xp, widened(xp, target), widened(xp, pred))


@gamma_deviance_loss.derivative
def _(xp: Namespace, pred: Positive, target: Positive, /) -> Array:
    return 2 * (poisson.relative(xp, pred, target) / pred)


@gamma_deviance_loss.second_derivative
def _gamma_second(xp: Namespace, pred: Positive, target: Positive, /) -> Array:
    return 4 * ((target / pred - 0.5) / pred / pred)


@loss
def tweedie_deviance_loss(
    xp: Namespace, pred: Mean, target: Amount, /, *, power: Power = 1.5, **options: Unpack[Options]
) -> Array:
    r"""Deviance of a Tweedie distribution: the variance of the target is a power of its mean.

    Parameters
    ----------
    pred : array
        Predicted means, of any shape: positive numbers. For `power` 0 any real number.
    target : array or number
        Observed amounts, of the shape of `pred`: numbers from 0 for a `power` from 1 to below 2,
        positive from 2 on, and any real number for 0 and below.
    power : float, default 1.5
        The power of the mean that the variance is proportional to: no number between 0 and 1, for
        which there is no distribution. It is 0 for a normal distribution, 1 for Poisson's, 2 for a
        gamma and 3 for an inverse Gaussian distribution; between 1 and 2 many targets are 0, and
        the others are spread as sums of gamma variables.

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

        \ell = 2 \left( \frac{\max(y, 0)^{2 - p}}{(1 - p)(2 - p)} - \frac{y \mu^{1 - p}}{1 - p} + \frac{\mu^{2 - p}}{2 - p}
        \right) = 2 \int_y^\mu \frac{m - y}{m^p} \, dm,

    where the integral is that for positive `y`, and the limits at the powers 1 and 2 are those of
    the integral. The three terms cancel where :math:`\mu` is near `y`, and where `p` is near 1 or
    2. With :math:`w = \log(\mu / y)` the integral is :math:`y^{2 - p}` times the difference of
    :math:`\mathrm{expm1}((2 - p) w) / (2 - p)` and :math:`\mathrm{expm1}((1 - p) w) / (1 - p)`,
    which is right next to the powers 1 and 2. For small `w` it is a second divided difference of
    the exponential: the smallest of the three terms, times :math:`w^2`, times a series whose terms
    are all positive. The powers 3/2 and 3 have closed forms without cancelling terms, :math:`4
    (\sqrt\mu - \sqrt{y})^2 / \sqrt\mu` and :math:`(\mu - y)^2 / (\mu^2 y)`.

    The derivative is :math:`2 (\mu - y) / \mu^p`, the second one :math:`2 ((1 - p) \mu + p y) /
    \mu^{p + 1}`. Between the powers 1 and 2 a target of 0 has the loss :math:`2 \mu^{2 - p} / (2 -
    p)`. For negative powers the loss of a target of 0 or below lacks its first term: it is that of
    0 in the limit, and grows with the size of a negative target.

    scikit-learn's ``mean_tweedie_deviance`` is the mean of this loss, with 0 for its default power;
    next to the powers 1 and 2 it loses all digits, 0.5000 instead of 0.4328 at 1 + 1e-14.

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
    if power == 0:
        return (pred - target) ** 2
    if power == 1:
        return poisson.poisson_deviance_loss.formula(xp, pred, target)
    if power == 2:
        return gamma_deviance_loss.formula(xp, pred, target)
    mean, target = widened(xp, pred), widened(xp, target)
    if power == 1.5:
        return _of_power_three_halves(xp, mean, target)
    if power == 3:
        return _of_power_three(xp, mean, target)
    if power > 2:
        return 2 * _half_deviance(xp, mean, target, power)
    nothing = target <= 0
    of_nothing = _of_nothing(xp, mean, xp.where(nothing, target, 0.0), power)
    return 2 * xp.where(
        nothing, of_nothing, _half_deviance(xp, mean, xp.where(nothing, 1.0, target), power)
    )


def _of_power_three_halves(xp: Namespace, mean: Array, target: Array) -> Array:
    """Return 4 * (sqrt(mean) - sqrt(target))**2 / sqrt(mean), from the exact difference of mean and target."""
    # their sum may overflow
    large = xp.maximum(mean, target) > float(xp.finfo(mean.dtype).max) / 16
    # their product may be subnormal
    small = xp.maximum(mean, target) < float(xp.finfo(mean.dtype).smallest_normal)
    unit = xp.where(large, 0.5, xp.where(small, 2.0**52, xp.ones_like(mean)))
    mean, target = mean * unit * unit, target * unit * unit
    root, (gap, error) = xp.sqrt(mean), difference(xp, mean, target)
    quotient = gap / (mean + target + 2 * (root * xp.sqrt(target))) / root
    rest = xp.where(xp.isfinite(quotient), 2 * error * quotient, 0.0)
    return 4 * (gap * quotient + rest) / unit


def _of_power_three(xp: Namespace, mean: Array, target: Array) -> Array:
    """Return (mean - target)**2 / (mean**2 * target), in an order in which nothing overflows before the result does."""
    relative, small = (mean - target) / mean, target < 1
    return xp.where(small, relative * relative, relative) / target * xp.where(small, 1.0, relative)


def _of_nothing(xp: Namespace, mean: Array, target: Array, power: float) -> Array:
    """Return half the deviance of a target that is 0, or below, for powers below 2."""
    if power > 1:
        return mean ** (2 - power) / (2 - power)
    root = mean ** (-0.5 * power)
    return mean * (mean / (2 - power) - target / (1 - power)) * root * root


class Terms(NamedTuple):
    """The powers of the deviance, each as two factors, since a power may overflow where the deviance does not."""

    of_target: tuple[Array, Array]
    """target**(2 - power)"""
    mixed: tuple[Array, Array]
    """target * mean**(1 - power)"""
    of_mean: tuple[Array, Array]
    """mean**(2 - power)"""
    slope: tuple[Array, Array]
    """mean**(1 - power)"""


def _terms(xp: Namespace, mean: Array, target: Array, power: float) -> Terms:
    """Return the powers, with exponents that are exact."""
    if -8 < power < 0:
        slope, other = mean**-power, target * target**-power
        return Terms((other, target), (slope * target, mean), (slope * mean, mean), (slope, mean))
    if power < 0:
        root, other = mean ** (-0.5 * power), target * target ** (-0.5 * power)
        return Terms(
            (other, other),
            (root * target, root * mean),
            (root * mean, root * mean),
            (root, root * mean),
        )
    if power < 1.9:
        ones, slope = xp.ones_like(mean), mean ** (1 - power)
        return Terms(
            (target ** (2 - power), ones),
            (slope * target, ones),
            (mean ** (2 - power), ones),
            (slope, ones),
        )
    root, other = mean ** (1 - 0.5 * power), target ** (1 - 0.5 * power)
    slope = mean ** (0.5 - 0.5 * power)
    return Terms((other, other), (slope, slope * target), (root, root), (slope, slope))


_REACH = 3.0
"""Up to this size of the exponents the series; beyond, the terms cancel no more than they do there."""


def _half_deviance(xp: Namespace, mean: Array, target: Array, power: float) -> Array:
    """Return half the deviance of a positive target, for powers other than 0, 1 and 2."""
    terms = _terms(xp, mean, target, power)
    log_ratio = xp.log_ratio(mean, target)
    near = xp.abs(log_ratio) < _REACH / max(1.0, abs(1 - power), abs(2 - power))
    series = _series(xp, terms, xp.where(near, log_ratio, 0.0), power)
    rest = (mean - target) * xp.where(near, rest_of_log_ratio(xp, mean, target), 0.0)
    nothing = (rest == 0) | (series == inf)
    series = series + xp.where(nothing, 0.0, terms.slope[0] * (terms.slope[1] * rest))
    if 1 < power < 4:
        # Terms that may be large are divided by 8: then none overflows where the sum does not.
        eighth = (
            xp.where((mean < 1) | (target < 1), 0.125, xp.ones_like(mean)) if power > 2 else 1.0
        )
        rest = _sum_next_to_one_and_two(
            xp, target, terms, xp.where(near, 0.0, log_ratio), power, eighth
        )
        return xp.where(near, series, rest / eighth)
    return xp.where(near, series, _sum(xp, mean, target, terms, power))


def _series(xp: Namespace, terms: Terms, log_ratio: Array, power: float) -> Array:
    """Return the half deviance as the smallest term, the square of the logarithm, and a series whose terms are positive."""
    size, above = xp.abs(log_ratio), log_ratio > 0
    exponents = (0.0, 1 - power, 2 - power)  # of the three terms, relative to that of the target
    up, series_up = _from_the_smallest(xp, size, exponents)
    down, series_down = _from_the_smallest(xp, size, tuple(-x for x in exponents))
    first, second = (
        xp.where(above, one, other) for one, other in zip(terms[up], terms[down], strict=True)
    )
    return (
        weighted(xp, size, first)
        * weighted(xp, size, second)
        * xp.where(above, series_up, series_down)
    )


def _from_the_smallest(xp: Namespace, size: Array, exponents: Sequence[float]) -> tuple[int, Array]:
    """Return which exponent is smallest, and a divided difference: that of the exponential at 0 and at both distances from it.

    It is the sum of h[k] / (k + 2)!, where h[k] is the sum of all products of k of the two
    arguments.
    """
    smallest = exponents.index(min(exponents))
    one, other = (x - exponents[smallest] for i, x in enumerate(exponents) if i != smallest)
    scale = max(one, other)
    one, other = one / scale, other / scale
    coefficients, products, power = [0.5], 1.0, 1.0
    for k in range(1, 30):
        power *= one
        products = products * other + power
        coefficients.append(products / factorial(k + 2))
    x = scale * size
    series = xp.full_like(x, coefficients.pop())
    for coefficient in reversed(coefficients):
        series = series * x + coefficient
    return smallest, series


def _sum(xp: Namespace, mean: Array, target: Array, terms: Terms, power: float) -> Array:
    """Return the half deviance from the difference of mean and target, for powers not next to 1 and 2: its terms hardly cancel."""
    scale = (1 - power) * (2 - power)
    of_target = terms.of_target[0] * (terms.of_target[1] / scale)
    rest = (mean - target) / (2 - power) - target / scale
    return xp.where(of_target == inf, inf, of_target + terms.slope[0] * (terms.slope[1] * rest))


def _sum_next_to_one_and_two(
    xp: Namespace, target: Array, terms: Terms, log_ratio: Array, power: float, scale: Any
) -> Array:
    """Return a multiple of the half deviance where its terms hardly cancel, as two quotients that are right next to 1 and 2."""
    of_target, of_mean = (
        first * scale * second for first, second in (terms.of_target, terms.of_mean)
    )
    mixed = scale * terms.slope[0] * target * terms.slope[1]

    def quotient(term: Array, exponent: float) -> Array:
        """Return (term - of_target) / exponent, where the term is of_target * exp(exponent * log_ratio)."""
        small = xp.abs(exponent * log_ratio) < 1
        argument = xp.where(small, exponent * log_ratio, 0.0)
        return xp.where(
            small, of_target * (xp.expm1(argument) / exponent), (term - of_target) / exponent
        )

    total = quotient(of_mean, 2 - power) - quotient(mixed, 1 - power)
    return xp.where((of_target == inf) | (mixed == inf), inf, total)


@tweedie_deviance_loss.derivative
def _(xp: Namespace, pred: Mean, target: Amount, /, *, power: Power) -> Array:
    if power == 0:
        return 2 * (pred - target)
    mean, target = widened(xp, pred), widened(xp, target)
    if power < 0:
        gap, root = mean - target, mean ** (-0.5 * power)
    else:
        gap, root = poisson.relative(xp, mean, target), mean ** (0.5 - 0.5 * power)
    root = xp.where((gap == 0) & (root == inf), 1.0, root)
    return 2 * (gap * root * root)


@tweedie_deviance_loss.second_derivative
def _(xp: Namespace, pred: Mean, target: Amount, /, *, power: Power) -> Array:
    if power == 0:
        return xp.full_like(pred, 2.0)
    if power == 1:
        return 2 * poisson.over_square(xp, widened(xp, target), widened(xp, pred))
    if power == 2:
        return _gamma_second(xp, widened(xp, pred), widened(xp, target))
    mean, target = widened(xp, pred), widened(xp, target)
    ratio = (1 - power) / power
    if 1 < power < 2:
        return 2 * power * ((ratio + target / mean) / mean * mean ** (1 - power))
    if power == 3:
        return 6 * ((target / mean - 2 / 3) / mean / mean / mean)
    # The factor in front goes into both roots, so that nothing overflows or underflows before the
    # result does.
    factor = 2.0 ** ((frexp(2 * power)[1] + 1) // 2)
    rest = 2 * power / factor**2
    if power <= -1:
        root = factor * mean ** (-0.5 - 0.5 * power)
        return (mean / power + (target - mean)) * rest * root * root
    root = factor * mean ** (-0.5 * power)
    if power > 0:
        return rest * (ratio + target / mean) * root * root
    other = root / xp.sqrt(mean)
    return rest * ratio * root * root + target * (rest * other) * other
