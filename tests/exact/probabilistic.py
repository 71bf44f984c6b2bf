"""Losses of quantiles and distributions."""

from mpmath import mp, mpf

from .arithmetic import Exact


def pinball_loss(pred: Exact, target: Exact, quantile: Exact) -> tuple[Exact, ...]:
    slope = 1 - quantile if pred > target else -quantile if pred < target else mpf(0)
    return slope * (pred - target), slope, mpf(0)


def expectile_loss(pred: Exact, target: Exact, expectile: Exact) -> tuple[Exact, ...]:
    weight = 1 - expectile if pred > target else expectile
    return weight * (pred - target) ** 2, 2 * weight * (pred - target), 2 * weight


def interval_loss(lower: Exact, upper: Exact, target: Exact, alpha: Exact) -> tuple[Exact, ...]:
    value = (upper - lower) + 2 / alpha * (max(lower - target, 0) + max(target - upper, 0))
    first = 2 / alpha * (target < lower) - 1, 1 - 2 / alpha * (target > upper)
    return value, first, (mpf(0), mpf(0))
