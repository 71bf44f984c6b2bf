"""Losses of counts and rates."""

from typing import Any

from mpmath import mp, mpf

from .arithmetic import Difference, Exact, difference, product, ratio


def poisson_nll_loss(pred: Exact, target: Exact, log_input: bool, full: bool) -> tuple[Any, ...]:
    """Return the loss as the sum of its terms, which may cancel, but for `full` from a rate."""
    rate = mp.exp(pred) if log_input else pred
    with mp.extradps(_digits(target)):
        logarithm = pred if log_input else mp.log(rate) if rate else -mp.inf
        terms = [rate, -product(target, logarithm), mp.loggamma(target + 1) if full else mpf(0)]
        value: Any = sum(terms) if rate < mp.inf else mp.inf
    if log_input or not full:
        value = Difference(value, max(map(abs, terms)))
    if log_input:
        return value, difference(rate, target), rate
    return value, _relative(rate, target), ratio(target, rate**2)


def _digits(*numbers: Exact) -> int:
    """Return the number of digits before the point: sums of such terms need as many more."""
    return max(0, int(mp.log10(max(1, *numbers)))) + 5


def _relative(rate: Exact, target: Exact) -> Exact:
    return ratio(rate - target, rate) if target else mpf(1)


def poisson_deviance_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    with mp.extradps(50):
        value = 2 * (
            product(target, mp.log(target / pred) if target and pred else mp.inf) - target + pred
        )
    return value, 2 * _relative(pred, target), 2 * ratio(target, pred**2)


def negative_binomial_nll_loss(
    pred: Exact, target: Exact, dispersion: Exact, log_input: bool
) -> tuple[Any, ...]:
    size = 1 / dispersion
    if log_input:
        return _negative_binomial_from_logarithm(pred, target, size)
    with mp.extradps(_digits(target, pred, size)):
        value = (
            mp.loggamma(target + 1)
            + mp.loggamma(size)
            - mp.loggamma(target + size)
            + size * mp.log1p(pred / size)
            + target * mp.log1p(size / pred)
        )
    first = (pred - target) / (pred * (1 + pred / size))
    scale = size / (pred * (size + pred)) ** 2
    return value, first, difference(scale * target * (size + 2 * pred), scale * pred**2)


def _negative_binomial_from_logarithm(pred: Exact, target: Exact, size: Exact) -> tuple[Any, ...]:
    """Return minus the logarithm of the mass, whose terms cancel, and its derivatives."""
    if mp.isinf(pred):
        rising = pred > 0
        value = mp.inf if rising or target else mpf(0)
        return value, size if rising else -target, mpf(0)
    mean = mp.exp(pred)
    with mp.extradps(_digits(target, mean, 1 / mean, size, 1 / size)):
        value = (
            mp.loggamma(target + 1)
            + mp.loggamma(size)
            - mp.loggamma(target + size)
            + size * mp.log1p(mean / size)
            + target * mp.log1p(size / mean)
        )
    share = size / (size + mean)
    second = (target + size) * share * mean / (size + mean)
    return value, difference(mean * share, target * share), second


def gamma_deviance_loss(pred: Exact, target: Exact, log_input: bool) -> tuple[Any, ...]:
    if log_input:
        ratio_to_mean = target * mp.exp(-pred)
        with mp.extradps(50):
            value = 2 * (pred - mp.log(target) + target * mp.exp(-pred) - 1)
        return value, difference(mpf(2), 2 * ratio_to_mean), 2 * ratio_to_mean
    with mp.extradps(50):
        value = 2 * (mp.log(pred / target) + target / pred - 1)
    return value, 2 * (pred - target) / pred**2, difference(4 * target / pred**3, 2 / pred**2)


def tweedie_deviance_loss(
    pred: Exact, target: Exact, power: Exact, log_input: bool
) -> tuple[Any, ...]:
    """Return the loss by its three terms, which may be 1e17 times as large as their sum."""
    if log_input:
        with mp.extradps(100):
            value = tweedie_deviance_loss(mp.exp(pred), target, power, False)[0]
        of_mean = mp.exp((2 - power) * pred)
        of_target = target * mp.exp((1 - power) * pred)
        return (
            value,
            difference(2 * of_mean, 2 * of_target),
            difference(2 * (2 - power) * of_mean, 2 * (1 - power) * of_target),
        )
    if power == 1:
        return poisson_deviance_loss(pred, target)
    if power == 2:
        return gamma_deviance_loss(pred, target, False)
    with mp.extradps(100):
        if power == 0:
            value = (pred - target) ** 2
        elif pred == target:
            value = mpf(0)
        else:
            of_target = (
                target ** (2 - power) / ((1 - power) * (2 - power)) if target > 0 else mpf(0)
            )
            value = 2 * (
                of_target
                - target * pred ** (1 - power) / (1 - power)
                + pred ** (2 - power) / (2 - power)
            )
    if power == 0:
        return value, 2 * (pred - target), mpf(2)
    scale = 2 * pred ** (-power - 1)
    second = difference(scale * power * target, scale * (power - 1) * pred)
    return value, 2 * (pred - target) * pred**-power, second
