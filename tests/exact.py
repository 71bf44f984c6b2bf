"""Losses and special functions by their textbook formulas, in exact arithmetic: mpmath at 50 digits.

Nothing here is written for speed or against overflow, as it is in the library: mpmath has no largest number. Each function
gives the value, the derivative and the second derivative. Where that is a difference of two terms which may cancel, a
`Difference` keeps the larger of them: no formula can know the result more precisely than the terms it is made of.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from mpmath import mp, mpf

DIGITS = 50

Exact = Any
"""An mpmath number. mpmath has no types."""


class Difference(NamedTuple):
    """A number, and the larger of the two terms of which it is the difference."""

    exact: Exact
    term: Exact


def difference(left: Exact, right: Exact) -> Difference:
    return Difference(left - right, max(abs(left), abs(right)))


def ulps(computed: Any, exact: Exact | Difference, dtype: np.dtype) -> float:
    """Give the error of a computed number, in units of the spacing of floating-point numbers at the exact result, rounded.

    Infinity is right where the exact number rounds to it, and wrong everywhere else.
    """
    exact, term = exact if isinstance(exact, Difference) else (exact, None)
    if mp.isnan(exact) or np.isnan(computed):
        return 0.0 if mp.isnan(exact) and np.isnan(computed) else np.inf
    rounded = nearest(exact, dtype)
    if mp.isinf(rounded) or np.isinf(computed):
        return 0.0 if rounded == mpf(float(computed)) else np.inf
    return float(abs(mpf(float(computed)) - exact) / spacing(rounded if term is None else nearest(term, dtype), dtype))


def nearest(exact: Exact, dtype: np.dtype) -> Exact:
    """Round to the nearest number of a dtype, ties to even, infinities and subnormals included."""
    if exact == 0 or mp.isinf(exact):
        return exact
    unit = spacing(exact, dtype)
    rounded = mp.nint(exact / unit) * unit
    return mp.sign(rounded) * mp.inf if abs(rounded) > mpf(float(np.finfo(dtype).max)) else rounded


def spacing(exact: Exact, dtype: np.dtype) -> Exact:
    """Give the distance between the numbers of a dtype around a number."""
    limits = np.finfo(dtype)
    exponent = max(mp.frexp(exact)[1] - 1, limits.minexp) if exact else limits.minexp
    return mp.ldexp(1, int(min(exponent, limits.maxexp - 1)) - limits.nmant)


# Losses of a residual


def mse_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    return (pred - target) ** 2, 2 * (pred - target), mpf(2)


def l1_loss(pred: Exact, target: Exact) -> tuple[Exact, ...]:
    return abs(pred - target), mp.sign(pred - target), mpf(0)


def huber_loss(pred: Exact, target: Exact, delta: Exact) -> tuple[Exact, ...]:
    residual = pred - target
    if abs(residual) <= delta:
        return residual**2 / 2, residual, mpf(1)
    return delta * (abs(residual) - delta / 2), delta * mp.sign(residual), mpf(0)


# Losses of a yes or no


def binary_cross_entropy(pred: Exact, target: Exact, eps: Exact) -> tuple[Exact, ...]:
    yes, no = max(pred, eps), max(1 - pred, eps)
    log_no = mp.log1p(-pred) if 1 - pred >= eps and pred < 1 else mp.log(no)
    value = -_product(target, mp.log(yes)) - _product(1 - target, log_no)
    if pred == target and yes * no == 0:
        first = 1 - 2 * target  # the limit, as pred goes to 0 or 1
    else:
        first = _ratio(pred - target, yes * no)
    return value, first, _ratio(target, yes**2) + _ratio(1 - target, no**2)


def _product(left: Exact, right: Exact) -> Exact:
    return left * right if left else mpf(0)  # 0 * inf is 0


def _ratio(numerator: Exact, denominator: Exact) -> Exact:
    if denominator == 0:
        return mp.sign(numerator) * mp.inf if numerator else mpf(0)
    return numerator / denominator


def binary_cross_entropy_with_logits(pred: Exact, target: Exact, pos_weight: Exact) -> tuple[Exact, ...]:
    yes, no = 1 / (1 + mp.exp(-pred)), 1 / (1 + mp.exp(pred))
    value = _product(pos_weight * target, mp.log1p(mp.exp(-pred))) + _product(1 - target, mp.log1p(mp.exp(pred)))
    first = difference((1 - target) * yes, pos_weight * target * no)
    return value, first, (pos_weight * target + 1 - target) * yes * no


# Special functions of one number


def sigmoid(x: Exact) -> tuple[Exact, ...]:
    return 1 / (1 + mp.exp(-x)), 1 / ((1 + mp.exp(-x)) * (1 + mp.exp(x)))


def softplus(x: Exact) -> tuple[Exact, ...]:
    return mp.log1p(mp.exp(x)), 1 / (1 + mp.exp(-x))


def log_sigmoid(x: Exact) -> tuple[Exact, ...]:
    return -mp.log1p(mp.exp(-x)), 1 / (1 + mp.exp(x))


# Rows of logits


@cache
def odds(logits: tuple[Exact, ...]) -> list[Exact]:
    """Give for each entry of a row the sum of the exponentials of the others, divided by its own."""
    exponentials = [mp.exp(z - max(logits)) if z > -mp.inf else mpf(0) for z in logits]
    before = accumulate(exponentials[:-1], initial=mpf(0))
    after = [*accumulate(exponentials[:0:-1], initial=mpf(0))][::-1]
    return [(left + right) / own if own else mp.inf for left, right, own in zip(before, after, exponentials, strict=True)]


def log_softmax(logits: tuple[Exact, ...]) -> Iterator[Exact]:
    return (-mp.log1p(other) if other < mp.inf else -mp.inf for other in odds(logits))


def softmax(logits: tuple[Exact, ...]) -> Iterator[Exact]:
    return (1 / (1 + other) for other in odds(logits))


def logsumexp(logits: tuple[Exact, ...]) -> Iterator[Difference]:
    largest = max(logits)
    yield difference(largest, -mp.log1p(odds(logits)[logits.index(largest)]))


def cross_entropy(logits: tuple[Exact, ...], target: Sequence[Exact]) -> tuple[Exact, list[Exact], list[Exact]]:
    """Give the value, and for each logit the derivative and the diagonal of the second; the target is a row as well."""
    others = odds(logits)
    mass = sum(target)
    value = sum((y * mp.log1p(other) if other < mp.inf else mp.inf) for y, other in zip(target, others, strict=True) if y)
    first, second = [], []
    for y, other in zip(target, others, strict=True):
        share = 1 / (1 + other)
        complement = other * share if other < mp.inf else mpf(1)
        if y == mass:  # a label: the derivative is one product, and so is right to its last digit
            first.append(-y * complement)
        elif y == 0:
            first.append(mass * share)
        else:
            first.append(difference(mass * share, y))
        second.append(mass * share * complement)
    return value, first, second
