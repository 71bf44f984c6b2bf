"""Losses of quantiles and distributions."""

from functools import cache

from mpmath import mp, mpf

from .arithmetic import Exact, difference, ratio


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


def gaussian_nll_loss(
    mean: Exact, variance: Exact, target: Exact, full: bool, eps: Exact
) -> tuple[Exact, ...]:
    v, below = max(variance, eps), variance < eps
    with mp.workdps(1400):  # of a residual, of its square, and of what that leaves of the variance
        residual = mean - target
        square = residual**2
        rest, bend = v - square, 2 * square - v
    if v == 0:
        sign = mp.inf if residual else -mp.inf
        return sign, (ratio(residual, v), -sign), (mp.inf, sign)
    value = difference(square / (2 * v) + (mp.log(2 * mp.pi) / 2 if full else 0), -mp.log(v) / 2)
    first = residual / v, mpf(0) if below else rest / (2 * v**2)
    return value, first, (1 / v, mpf(0) if below else bend / (2 * v**3))


def laplace_nll_loss(loc: Exact, scale: Exact, target: Exact) -> tuple[Exact, ...]:
    with mp.workdps(700):  # of what a residual leaves of the scale
        size, sign = abs(loc - target), mp.sign(loc - target)
        rest, bend = scale - size, 2 * size - scale
    return (
        difference(size / scale, -mp.log(2 * scale)),
        (sign / scale, rest / scale**2),
        (mpf(0), bend / scale**3),
    )


def student_t_nll_loss(loc: Exact, scale: Exact, target: Exact, df: Exact) -> tuple[Exact, ...]:
    with mp.workdps(700):  # of what a residual leaves of the scale
        z = (loc - target) / scale
        rest = 1 - z**2
    value = difference((df + 1) / 2 * mp.log1p(z**2 / df) + _student_t_constant(df), -mp.log(scale))
    total = df + z**2
    first = (df + 1) * z / (scale * total), df * rest / (scale * total)
    location = difference(
        (df + 1) * df / (scale * total) ** 2, (df + 1) * z**2 / (scale * total) ** 2
    )
    spread = difference(
        df * (z**4 + (1 + 3 * df) * z**2) / (scale * total) ** 2, (df / (scale * total)) ** 2
    )
    return value, first, (location, spread)


@cache
def _student_t_constant(df: Exact) -> Exact:
    # lgamma grows with df, the difference does not
    with mp.workdps(100 + max(0, int(mp.log10(df)))):
        return mp.loggamma(df / 2) - mp.loggamma((df + 1) / 2) + mp.log(df * mp.pi) / 2


def crps_gaussian_loss(mean: Exact, scale: Exact, target: Exact) -> tuple[Exact, ...]:
    with mp.workdps(150):
        w = (target - mean) / scale
        density, skill = mp.npdf(w), mp.erf(w / mp.sqrt(2))
        value = scale * (w * skill + 2 * density - 1 / mp.sqrt(mp.pi))
        return (
            value,
            (-skill, 2 * density - 1 / mp.sqrt(mp.pi)),
            (2 * density / scale, 2 * w**2 * density / scale),
        )


def crps_ensemble_loss(members: tuple[Exact, ...], target: Exact, fair: bool) -> tuple[Exact, ...]:
    count = len(members)
    pairs = count * (count - 1) if fair and count > 1 else count**2
    with mp.workdps(700):  # the two terms cancel, to what the smallest number leaves of the largest
        distance = sum(abs(x - target) for x in members) / count
        value = distance - sum(abs(x - other) for x in members for other in members) / (2 * pairs)
    first = []
    for x in members:
        side = mp.sign(x - target)
        slope = mpf(1) / count - side * sum(mp.sign(x - other) for other in members) / pairs
        first.append(side * slope)
    return value, first, [mpf(0)] * count


def brier_loss(pred: tuple[Exact, ...], target: Exact) -> tuple[Exact, ...]:
    if not isinstance(pred, tuple):
        return (pred - target) ** 2, 2 * (pred - target), mpf(2)
    with mp.workdps(700):
        error = [p - y for p, y in zip(pred, as_row(target, len(pred)), strict=True)]
        return sum(e**2 for e in error), [2 * e for e in error], [mpf(2)] * len(pred)


def ranked_probability_loss(pred: tuple[Exact, ...], target: Exact) -> tuple[Exact, ...]:
    if not isinstance(pred, tuple):
        return brier_loss(pred, target)
    count = len(pred)
    with mp.workdps(700):
        observed = as_row(target, count)
        error = [sum(pred[: k + 1]) - sum(observed[: k + 1]) for k in range(count)]
        first = [2 * sum(error[k:]) for k in range(count)]
        return sum(e**2 for e in error), first, [mpf(2 * (count - k)) for k in range(count)]


def as_row(target: Exact, count: int) -> list[Exact]:
    return (
        list(target) if isinstance(target, tuple) else [mpf(int(k == target)) for k in range(count)]
    )
