"""Special functions."""

from collections.abc import Iterator

from mpmath import mp, mpf

from .arithmetic import Difference, Exact, difference, odds, product, ratio


def sigmoid(x: Exact) -> tuple[Exact, ...]:
    return 1 / (1 + mp.exp(-x)), 1 / ((1 + mp.exp(-x)) * (1 + mp.exp(x)))


def softplus(x: Exact) -> tuple[Exact, ...]:
    return mp.log1p(mp.exp(x)), 1 / (1 + mp.exp(-x))


def log_sigmoid(x: Exact) -> tuple[Exact, ...]:
    return -mp.log1p(mp.exp(-x)), 1 / (1 + mp.exp(x))


def logit(p: Exact) -> tuple[Exact, ...]:
    if not 0 <= p <= 1:
        return mp.nan, mp.nan
    return (mp.log(p) - mp.log1p(-p) if p < 1 else mp.inf), ratio(mpf(1), p * (1 - p))


def log1mexp(x: Exact) -> tuple[Exact, ...]:
    if x < 0:
        return mp.nan, mp.nan
    if x == 0:
        return -mp.inf, mp.inf
    return mp.log1p(-mp.exp(-x)) if x > 1 else mp.log(-mp.expm1(-x)), mp.exp(-x) / -mp.expm1(-x)


def lgamma(x: Exact) -> tuple[Exact | Difference, ...]:
    if x > 0:
        return mp.loggamma(x), mp.digamma(1 + x) - 1 / x if x < 1 else mp.digamma(x)
    if x == 0:
        return mp.inf, -mp.inf
    if x == mp.floor(x):
        return mp.inf, mp.nan
    sine, cosine = mp.sinpi(x), mp.cospi(x)
    return difference(mp.log(mp.pi / abs(sine)), mp.loggamma(1 - x)), difference(
        mp.digamma(1 - x), mp.pi * cosine / sine
    )


# Of two numbers


def xlogy(x: Exact, y: Exact) -> tuple[Exact, tuple[Exact, Exact]]:
    if y < 0:
        return (mpf(0) if x == 0 else mp.nan), (mp.nan, mpf(0) if x == 0 else mp.nan)
    return product(x, mp.log(y) if y else -mp.inf), (mp.log(y) if y else -mp.inf, ratio(x, y))


def xlog1py(x: Exact, y: Exact) -> tuple[Exact, tuple[Exact, Exact]]:
    if y < -1:
        return (mpf(0) if x == 0 else mp.nan), (mp.nan, mpf(0) if x == 0 else mp.nan)
    logarithm = mp.log1p(y) if y > -1 else -mp.inf
    return product(x, logarithm), (logarithm, ratio(x, 1 + y))


def rel_entr(x: Exact, y: Exact) -> tuple[Exact, tuple[Exact | Difference, Exact]]:
    if x < 0 or y < 0:
        return mp.inf, (mp.nan, mp.nan)
    if x == 0 or y == 0:
        return (mpf(0) if x == 0 else mp.inf), (mp.inf if y == 0 else -mp.inf, -ratio(x, y))
    logarithm = mp.log1p((x - y) / y) if abs(x - y) < y / 2 else mp.log(x / y)
    return x * logarithm, (difference(logarithm, mpf(-1)), -x / y)


# Of rows


def log_softmax(logits: tuple[Exact, ...]) -> Iterator[Exact]:
    return (-mp.log1p(other) if other < mp.inf else -mp.inf for other in odds(logits))


def softmax(logits: tuple[Exact, ...]) -> Iterator[Exact]:
    return (1 / (1 + other) for other in odds(logits))


def logsumexp(logits: tuple[Exact, ...]) -> Iterator[Difference]:
    largest = max(logits)
    yield difference(largest, -mp.log1p(odds(logits)[logits.index(largest)]))
