"""Losses that compare regions."""

import functools
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from mpmath import mp, mpf

from .arithmetic import Difference, Exact, difference, odds

Row = Sequence[Exact]
Rows = tuple[Exact, list[Any], list[Any]]
"""The value, and for each element the derivative and the diagonal of the second."""

Classes = Sequence[Row]

EXACT_SUMS = 2400
"""This number of bits holds sums of probabilities and most products of two without rounding."""


def _side(p: Exact, y: Exact) -> Exact:
    """Return the derivative of |p - y|; at the ends of [0, 1] that of the side inside."""
    return mpf(1) if y == 0 else mpf(-1) if y == 1 else mp.sign(p - y)


def _intersection(pred: Row, target: Row) -> Exact:
    return (
        sum(pred) + sum(target) - sum(abs(p - y) for p, y in zip(pred, target, strict=True))
    ) / 2


def _each(pred: Row, target: Row, function: Callable[[Exact], Any]) -> list[Any]:
    """Return for each element a function of the derivative of the intersection."""
    return [function((1 - _side(p, y)) / 2) for p, y in zip(pred, target, strict=True)]


def _of_logits(function: Callable[..., Rows]) -> Callable[..., Rows]:
    """Return a loss of probabilities, or of logits by the chain rule of the sigmoid."""

    @functools.wraps(function)
    def exactly(pred: Row, target: Row, *, from_logits: bool, **parameters: Any) -> Rows:
        if not from_logits:
            return function(pred, target, **parameters)
        with mp.extraprec(EXACT_SUMS):
            prob = [1 / (1 + mp.exp(-z)) for z in pred]
            value, first, second = function(prob, target, **parameters)
            slopes, bends = [], []
            for z, p, f, s in zip(pred, prob, first, second, strict=True):
                rate = p / (1 + mp.exp(z))
                turn = rate * (1 - 2 * p)
                (f, f_term), (s, s_term) = (
                    x if isinstance(x, Difference) else (x, abs(x)) for x in (f, s)
                )
                slopes.append(Difference(f * rate, f_term * rate))
                term = max(s_term * rate**2, f_term * abs(turn))
                bends.append(Difference(s * rate**2 + f * turn, term))
            return value, slopes, bends

    return exactly


@_of_logits
def dice_loss(pred: Row, target: Row, smooth: Exact) -> Rows:
    with mp.extraprec(EXACT_SUMS):
        numerator, whole = (
            2 * _intersection(pred, target) + smooth,
            sum(pred) + sum(target) + smooth,
        )
        if whole == 0:
            return _nothing(pred)
        return (
            1 - numerator / whole,
            _each(pred, target, lambda rate: numerator / whole**2 - 2 * rate / whole),
            _each(pred, target, lambda rate: 4 * rate / whole**2 - 2 * numerator / whole**3),
        )


@_of_logits
def jaccard_loss(pred: Row, target: Row, smooth: Exact) -> Rows:
    with mp.extraprec(EXACT_SUMS):
        common = _intersection(pred, target)
        numerator, union = common + smooth, sum(pred) + sum(target) - common + smooth
        if union == 0:
            return _nothing(pred)
        return (
            1 - numerator / union,
            _each(pred, target, lambda rate: numerator * (1 - rate) / union**2 - rate / union),
            _each(
                pred,
                target,
                lambda rate: (
                    2 * (rate / union - numerator * (1 - rate) / union**2) * (1 - rate) / union
                ),
            ),
        )


def _nothing(pred: Row) -> Rows:
    return mpf(0), [mpf(0)] * len(pred), [mpf(0)] * len(pred)


@_of_logits
def tversky_loss(
    pred: Row, target: Row, alpha: Exact, beta: Exact, gamma: Exact, smooth: Exact
) -> Rows:
    with mp.extraprec(EXACT_SUMS):
        common = _intersection(pred, target)
        whole = common + alpha * (sum(pred) - common) + beta * (sum(target) - common) + smooth
        if whole == 0:
            return _nothing(pred)
        numerator = common + smooth
        base = 1 - numerator / whole

        def first(rate: Exact) -> Exact:
            return numerator * (alpha + (1 - alpha - beta) * rate) / whole**2 - rate / whole

        def second(rate: Exact) -> Exact:
            return -2 * first(rate) * (alpha + (1 - alpha - beta) * rate) / whole

        # Where the two are equal the derivative is the mean of both sides, of different signs.
        term = first(mpf(0)) if alpha != beta else mpf(0)

        def with_term(number: Exact, rate: Exact, factor: Exact) -> Any:
            return Difference(number, abs(factor * term)) if rate == mpf(1) / 2 else number

        if gamma == 1:
            return (
                base,
                _each(pred, target, lambda rate: with_term(first(rate), rate, mpf(1))),
                _each(
                    pred,
                    target,
                    lambda rate: with_term(
                        second(rate), rate, second(rate) / first(rate) if first(rate) else 0
                    ),
                ),
            )
        if base == 0:
            return _nothing(pred)
        power = base**gamma
        return (
            power,
            _each(
                pred,
                target,
                lambda rate: with_term(
                    gamma * power / base * first(rate), rate, gamma * power / base
                ),
            ),
            _each(
                pred,
                target,
                lambda rate: difference(
                    gamma * (gamma - 1) * power / base**2 * first(rate) ** 2,
                    -gamma * power / base * second(rate),
                ),
            ),
        )


@_of_logits
def matthews_loss(pred: Row, target: Row) -> Rows:
    with mp.extraprec(EXACT_SUMS):
        size, common, predicted, observed = (
            len(pred),
            _intersection(pred, target),
            sum(pred),
            sum(target),
        )
        left, other = size - predicted, size - observed
        if 0 in (predicted, observed, left, other):
            _, first, second = _nothing(pred)
            return mpf(pred != target), first, second
        covariance = common * size - predicted * observed
        product = predicted * observed * left * other
        slope, curvature = (left - predicted) * observed * other, -2 * observed * other
        root = mp.sqrt(product)
        slope, curvature = slope / (2 * root), curvature / (2 * root) - slope**2 / (4 * root**3)
        scale = size / (4 * root)
        precision, omission = common / predicted, (observed - common) / left
        above = scale * max(
            (3 * omission + precision) / left, (3 * precision + omission) / predicted
        )
        below = scale * max(
            (4 - 3 * precision - omission) / predicted, (4 - 3 * omission - precision) / left
        )

        def first_of(rate: Exact) -> Any:
            rising = rate * size - observed
            found = covariance * slope / root**2 - rising / root
            at = scale * max(precision + omission, 2 - precision - omission)
            return Difference(found, at) if rate == mpf(1) / 2 else found

        def second_of(rate: Exact) -> Any:
            rising = rate * size - observed
            found = 2 * rising * slope / root**2 + covariance * (
                curvature / root**2 - 2 * slope**2 / root**3
            )
            return Difference(found, max(above if rate < 1 else 0, below if rate > 0 else 0))

        return (
            difference(mpf(1), covariance / root),
            _each(pred, target, first_of),
            _each(pred, target, second_of),
        )


def _of_class_logits(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a loss of the probabilities of classes, or of logits through their softmax."""

    @functools.wraps(function)
    def exactly(pred: Classes, target: Classes, *, from_logits: bool, **parameters: Any) -> Any:
        if not from_logits:
            return function(pred, target, **parameters)
        with mp.extraprec(EXACT_SUMS):
            value, first, *second = function(_softmax(pred), target, **parameters)
            slopes, found = _through_softmax(pred, first), []
            if second:
                found.append([[mpf(0)] * len(row) for row in pred])
                for k, row in enumerate(pred):
                    for i in range(len(row)):

                        def moved(z: Exact, k: int = k, i: int = i) -> Exact:
                            rows = [list(each) for each in pred]
                            rows[k][i] = z
                            return function(_softmax(rows), target, **parameters)[0]

                        bend = mp.diff(moved, row[i], 2) if row[i] > -mp.inf else mpf(0)
                        found[0][k][i] = Difference(bend, abs(slopes[k][i].term))
            return value, slopes, *found

    return exactly


def _softmax(logits: Classes) -> list[list[Exact]]:
    columns = [odds(tuple(column)) for column in zip(*logits, strict=True)]
    shares = [[1 / (1 + other) if other < mp.inf else mpf(0) for other in row] for row in columns]
    return [list(row) for row in zip(*shares, strict=True)]


def _through_softmax(logits: Classes, slopes: Any) -> list[list[Difference]]:
    prob = _softmax(logits)
    total = [
        sum(p[i] * g[i] for p, g in zip(prob, slopes, strict=True)) for i in range(len(prob[0]))
    ]
    return [
        [
            Difference(q * (h - mean), q * (1 - q) * max(abs(s[i]) for s in slopes))
            for i, (q, h, mean) in enumerate(zip(p, g, total, strict=True))
        ]
        for p, g in zip(prob, slopes, strict=True)
    ]


@_of_class_logits
def generalized_dice_loss(pred: Classes, target: Classes, smooth: Exact) -> Rows:
    with mp.extraprec(EXACT_SUMS):
        sizes = [sum(row) for row in target]
        rarest = min((size for size in sizes if size), default=mpf(1))
        weights = [1 / (size or rarest) ** 2 for size in sizes]
        commons = [_intersection(p, y) for p, y in zip(pred, target, strict=True)]
        numerator = 2 * sum(w * common for w, common in zip(weights, commons, strict=True)) + smooth
        whole = smooth + sum(
            w * (sum(p) + size) for w, p, size in zip(weights, pred, sizes, strict=True)
        )
        if whole == 0:
            nothing = [[mpf(0)] * len(row) for row in pred]
            return mpf(0), nothing, nothing

        def of_class(weight: Exact, order: int) -> Callable[[Exact], Exact]:
            if order == 1:
                return lambda rate: weight * (numerator / whole**2 - 2 * rate / whole)
            return lambda rate: weight**2 * (4 * rate / whole**2 - 2 * numerator / whole**3)

        rows = list(zip(pred, target, weights, strict=True))
        return (
            1 - numerator / whole,
            [_each(p, y, of_class(w, 1)) for p, y, w in rows],
            [_each(p, y, of_class(w, 2)) for p, y, w in rows],
        )


def _extension(errors: Row, target: Row) -> tuple[Exact, list[Exact]]:
    """Return the Lovász extension of the Jaccard loss of the wrong elements, and its derivative."""
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    inside = [*accumulate((int(target[i]) for i in order), initial=0)]
    size = inside[-1]
    losses = [
        1 - mpf(size - found) / (size + k - found) if size + k - found else mpf(0)
        for k, found in enumerate(inside)
    ]
    slopes = [mpf(0)] * len(errors)
    for k, i in enumerate(order):
        slopes[i] = losses[k + 1] - losses[k]
    return sum(_term(slope, error) for slope, error in zip(slopes, errors, strict=True)), slopes


def _term(slope: Exact, error: Exact) -> Exact:
    return slope * error if slope else mpf(0)  # 0 * inf is 0


def lovasz_hinge_loss(pred: Row, target: Row) -> tuple[Exact, list[Exact]]:
    with mp.extraprec(EXACT_SUMS):
        signs = [2 * y - 1 for y in target]
        errors = [1 - s * z for s, z in zip(signs, pred, strict=True)]
        _, slopes = _extension(errors, target)
        value = sum(
            _term(slope, max(error, 0)) for slope, error in zip(slopes, errors, strict=True)
        )
        return value, [
            -s * slope if error > 0 else mpf(0)
            for s, slope, error in zip(signs, slopes, errors, strict=True)
        ]


@_of_class_logits
def lovasz_softmax_loss(
    pred: Classes, target: Classes, classes: str
) -> tuple[Exact, list[list[Exact]]]:
    with mp.extraprec(EXACT_SUMS):
        counted = [classes == "all" or 1 in row for row in target]
        number = max(sum(counted), 1)
        value, first = mpf(0), []
        for p, y, counts in zip(pred, target, counted, strict=True):
            loss, slopes = _extension([abs(a - b) for a, b in zip(p, y, strict=True)], y)
            value += loss / number if counts else 0
            share = mpf(counts) / number
            first.append([(1 - 2 * b) * slope * share for b, slope in zip(y, slopes, strict=True)])
        return value, first
