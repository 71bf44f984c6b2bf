"""Half deviances from the logarithm of the mean, which itself may be beyond the largest number."""

from ..typing import Array, Domain, Namespace

LOG_MEAN = Domain("logarithms of means, real numbers, -inf and inf included")

_LARGE = 1e4
"""Beyond every finite logarithm: inf - inf would be NaN."""


def half_gamma(xp: Namespace, log_mean: Array, target: Array) -> Array:
    """Return half the deviance of a gamma distribution."""
    log_ratio, excess = xp.log(target) - log_mean, relative_excess(xp, log_mean, target)
    near = xp.abs(log_ratio) < 0.5
    far = excess - xp.minimum(log_ratio, _LARGE)
    return xp.where(near, -xp.log1pmx(xp.where(near, excess, 0.0)), far)


def half_poisson(xp: Namespace, log_mean: Array, target: Array) -> Array:
    """Return half the deviance of a Poisson distribution."""
    absent = target == 0
    log_ratio = log_mean - xp.log(xp.where(absent, 1.0, target))
    near = (xp.abs(log_ratio) < 0.5) & ~absent
    excess = xp.expm1(xp.where(near, log_ratio, 0.0))
    far = xp.exp(log_mean) - target - xp.weighted(target, xp.minimum(log_ratio, _LARGE))
    return xp.where(near, -target * xp.log1pmx(excess), far)


def relative_excess(xp: Namespace, log_mean: Array, target: Array) -> Array:
    """Return target / mean - 1 for a positive target."""
    log_ratio = xp.log(target) - log_mean
    near = xp.abs(log_ratio) < 0.5
    return xp.where(
        near, xp.expm1(xp.where(near, log_ratio, 0.0)), over_mean(xp, log_mean, target) - 1
    )


def over_mean(xp: Namespace, log_mean: Array, target: Array) -> Array:
    """Return target / mean, by two roots of the mean, which do not overflow where it does not."""
    root = xp.exp(-0.5 * log_mean)
    return target * root * root
