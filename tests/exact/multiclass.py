"""Losses of a row of logits."""

import functools
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from mpmath import mp, mpf

from .arithmetic import Difference, Exact, difference, odds, product, ratio, surplus


def cross_entropy(
    logits: tuple[Exact, ...], target: Sequence[Exact]
) -> tuple[Exact, list[Exact], list[Exact]]:
    """Return the value and, for each logit, both derivatives; the target is a row as well."""
    others = odds(logits)
    mass = sum(target)
    value = sum(
        (y * mp.log1p(other) if other < mp.inf else mp.inf)
        for y, other in zip(target, others, strict=True)
        if y
    )
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


def scaled_cross_entropy(
    logits: tuple[Exact, ...],
    target: Sequence[Exact],
    softcap: Exact | None,
    temperature: Exact,
    z_loss: Exact,
) -> tuple[Exact, list[Any], list[Any]]:
    """Return that of bounded logits at a temperature, and a penalty, by the chain rule."""
    if softcap is None and temperature == 1 and not z_loss:
        return cross_entropy(logits, target)
    bounded = [
        (z, mpf(1), mpf(0)) if softcap is None or z == -mp.inf else _bounded(z, softcap)
        for z in logits
    ]
    scaled = tuple(z / temperature for z, _, _ in bounded)
    value, first, second = cross_entropy(scaled, target)
    log_total = max(scaled) + mp.log(sum(mp.exp(z - max(scaled)) for z in scaled))
    slopes, bends = [], []
    for other, given, bend, (_, rate, turn) in zip(
        odds(scaled), first, second, bounded, strict=True
    ):
        slope = given.exact if isinstance(given, Difference) else given
        term = given.term if isinstance(given, Difference) else abs(given)
        p = 1 / (1 + other)
        drift = 2 * z_loss * log_total
        total = slope + drift * p
        curved = bend + drift * p * (1 - p) + 2 * z_loss * p**2
        rate, turn = rate / temperature, turn / temperature
        slopes.append(Difference(total * rate, max(term, abs(drift * p)) * rate))
        terms = curved * rate**2, total * turn
        bends.append(
            Difference(sum(terms), max(*map(abs, terms), abs(drift) * p * rate**2, bend * rate**2))
        )
    return value + z_loss * log_total**2, slopes, bends


def _bounded(z: Exact, bound: Exact) -> tuple[Exact, Exact, Exact]:
    """Return bound * tanh(z / bound), and both derivatives."""
    rate = mp.sech(z / bound) ** 2
    return bound * mp.tanh(z / bound), rate, -2 / bound * mp.tanh(z / bound) * rate


# From probabilities. A target is a label or a row.


def targets(target: Any, classes: int) -> list[Exact]:
    """Return the target of each class."""
    return (
        list(target)
        if isinstance(target, tuple)
        else [mpf(int(k == target)) for k in range(classes)]
    )


def smoothed(target: Any, classes: int, label_smoothing: Exact) -> list[Exact]:
    """Return the target of each class, of which some is spread over all classes."""
    return [y + label_smoothing * (mpf(1) / classes - y) for y in targets(target, classes)]


def nll_loss(log_prob: tuple[Exact, ...], target: Any, label_smoothing: Exact) -> tuple[Any, ...]:
    target = smoothed(target, len(log_prob), label_smoothing)
    value = -sum(product(y, x) for y, x in zip(target, log_prob, strict=True))
    return value, [-y for y in target], [mpf(0)] * len(target)


def categorical_cross_entropy(
    prob: tuple[Exact, ...], target: Any, eps: Exact, label_smoothing: Exact
) -> tuple[Any, ...]:
    target = smoothed(target, len(prob), label_smoothing)
    floored = [max(p, eps) for p in prob]
    pairs = list(zip(target, floored, strict=True))
    value = -sum(product(y, mp.log(p)) for y, p in pairs)
    return value, [-ratio(y, p) for y, p in pairs], [ratio(y, p**2) for y, p in pairs]


# Of the surprise s = -log p of a class, whose derivative is p_j - 1 by its own logit and p_j by
# that of another class. A curve gives for the odds (1 - p) / p the function and its slope f' in s,
# and the positive and the negative terms of two second derivatives: p (1 - p) f' + (1 - p)^2 f'',
# and f'' alone.

Curve = Callable[[Exact], tuple[Exact, ...]]


def _sums_of_others(numbers: Sequence[Exact]) -> list[Exact]:
    before = accumulate(numbers[:-1], initial=mpf(0))
    after = [*accumulate(numbers[:0:-1], initial=mpf(0))][::-1]
    return [left + right for left, right in zip(before, after, strict=True)]


def _probability(other: Exact) -> tuple[Exact, Exact]:
    """Return a probability and 1 minus it."""
    return (1 / (1 + other), other / (1 + other)) if other < mp.inf else (mpf(0), mpf(1))


def _of_surprise(
    logits: tuple[Exact, ...], target: Any, curve: Curve, label_smoothing: Exact
) -> tuple[Any, ...]:
    target, others = smoothed(target, len(logits), label_smoothing), odds(logits)
    found = [
        [product(y, x) for x in curve(other)] if y else [mpf(0)] * 6
        for y, other in zip(target, others, strict=True)
    ]
    values, slopes, own, own_less, bends, bends_less = map(list, zip(*found, strict=True))
    first, second = [], []
    for j, (slope, bend, less) in enumerate(
        zip(*map(_sums_of_others, (slopes, bends, bends_less)), strict=True)
    ):
        p, rest = _probability(others[j])
        first.append(difference(p * slope, rest * slopes[j]))
        second.append(
            difference(
                own[j] + p * rest * slope + p * product(p, bend), own_less[j] + p * product(p, less)
            )
        )
    return sum(values), first, second


def softmax_focal_loss(
    logits: tuple[Exact, ...], target: Any, gamma: Exact, label_smoothing: Exact
) -> tuple[Any, ...]:
    def curve(other: Exact) -> tuple[Exact, ...]:
        p, rest = _probability(other)
        nats = mp.log1p(other) if other < mp.inf else mp.inf
        surprise = product(p, nats)
        if rest == 0:
            return (mpf(0), mpf(gamma == 0)) + (mpf(0),) * 4
        weight = rest**gamma
        mixed = gamma * (gamma - 1) * rest ** (gamma - 2) * p * surprise
        return (
            weight * nats,
            weight + gamma * weight / rest * surprise,
            p * rest * weight * (1 + 2 * gamma) + gamma**2 * weight * p * surprise,
            gamma * weight * rest * surprise,
            2 * gamma * weight / rest * p + max(mixed, 0),
            gamma * weight / rest * surprise + max(-mixed, 0),
        )

    return _of_surprise(logits, target, curve, label_smoothing)


def generalized_cross_entropy(
    logits: tuple[Exact, ...], target: Any, q: Exact, label_smoothing: Exact
) -> tuple[Any, ...]:
    def curve(other: Exact) -> tuple[Exact, ...]:
        p, rest = _probability(other)
        nats = mp.log1p(other) if other < mp.inf else mp.inf
        power = p**q if q else mpf(1)
        value = -mp.expm1(-q * nats) / q if q else nats
        return value, power, p * rest * power, q * rest**2 * power, mpf(0), q * power

    return _of_surprise(logits, target, curve, label_smoothing)


def poly_cross_entropy(
    logits: tuple[Exact, ...], target: Any, epsilon: Exact, label_smoothing: Exact
) -> tuple[Any, ...]:
    if label_smoothing:
        target = tuple(smoothed(target, len(logits), label_smoothing))

    def curve(other: Exact) -> tuple[Exact, ...]:
        _, rest = _probability(other)
        value = (
            (1 + epsilon) * rest + surplus(rest) if other < 1 else mp.log1p(other) + epsilon * rest
        )
        return (value, 1 + epsilon - epsilon * rest) + (mpf(0),) * 4

    def turn(p: Exact, rest: Exact) -> tuple[Exact, Exact]:
        """Return the positive and the negative terms of 1 + epsilon * (p - rest)."""
        slope = 2 * epsilon * p if epsilon >= 0 else -2 * epsilon * rest
        level = 1 - abs(epsilon)
        return slope + max(level, 0), max(-level, 0)

    value, first, _ = _of_surprise(logits, target, curve, mpf(0))
    shares = targets(target, len(logits))
    seen = [_probability(other) for other in odds(logits)]
    mass = _sums_of_others(shares)
    likely = _sums_of_others([y * p for y, (p, _) in zip(shares, seen, strict=True)])
    third = _sums_of_others(
        [p if y == 0 else mpf(0) for y, (p, _) in zip(shares, seen, strict=True)]
    )
    second = []
    for j, (p, rest) in enumerate(seen):
        own, cross = turn(p, rest), turn(rest, p)
        more = shares[j] * rest * own[0] + likely[j] * cross[0]
        less = shares[j] * rest * own[1] + likely[j] * cross[1]
        if isinstance(target, tuple):
            more, less = more + rest * mass[j], less + likely[j]
        elif shares[j] == 0:  # of a label there remains what is neither it nor the class
            more += third[j]
        second.append(difference(p * more, p * less) if less else p * more)
    return value, first, second


# Of scores. They are of all sizes, and their sums exact.


def _scores(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def exactly(scores: tuple[Exact, ...], target: Exact, **parameters: Exact) -> Any:
        with mp.extradps(150):
            return function(scores, int(target), **parameters)

    return exactly


@_scores
def multi_margin_loss(
    scores: tuple[Exact, ...], target: int, p: Exact, margin: Exact
) -> tuple[Any, ...]:
    classes = len(scores)
    gaps = [
        margin - scores[target] + z if k != target and z > -mp.inf else mpf(0)
        for k, z in enumerate(scores)
    ]
    active = [max(gap, 0) for gap in gaps]
    first = [(gap > 0 if p == 1 else 2 * gap) / mpf(classes) for gap in active]
    second = [(2 if p == 2 and gap > 0 else 0) / mpf(classes) for gap in active]
    first[target], second[target] = -sum(first), sum(second)
    return sum(gap**p for gap in active) / classes, first, second


@_scores
def crammer_singer_loss(scores: tuple[Exact, ...], target: int) -> tuple[Any, ...]:
    largest = max((z for k, z in enumerate(scores) if k != target), default=-mp.inf)
    value = max(1 + largest - scores[target], 0)
    winners = [k for k, z in enumerate(scores) if k != target and z == largest]
    first = [mpf(k in winners and value > 0) / max(len(winners), 1) for k in range(len(scores))]
    first[target] = mpf(-1 if value > 0 else 0)
    return value, first, [mpf(0)] * len(scores)


@_scores
def multiclass_perceptron_loss(scores: tuple[Exact, ...], target: int) -> tuple[Any, ...]:
    ties = scores.count(max(scores))
    first = [mpf(z == max(scores)) / ties - (k == target) for k, z in enumerate(scores)]
    return max(scores) - scores[target], first, [mpf(0)] * len(scores)


@_scores
def sparsemax_loss(scores: tuple[Exact, ...], target: int) -> tuple[Any, ...]:
    support, threshold = 1, max(scores) - 1
    for count, z in enumerate(sorted(scores, reverse=True), start=1):
        if z > threshold:
            support, threshold = count, (sum(sorted(scores, reverse=True)[:count]) - 1) / count
    prob = [max(z - threshold, 0) for z in scores]
    value = (1 + sum(z**2 - threshold**2 for z in scores if z > threshold)) / 2 - scores[target]
    first = [p - (k == target) for k, p in enumerate(prob)]
    return value, first, [mpf(p > 0) * (support - 1) / support for p in prob]
