"""Losses of several classes of which any number may be right."""

from collections.abc import Sequence
from typing import Any

from mpmath import mp, mpf

from . import binary
from .arithmetic import Difference, Exact

Row = Sequence[Exact]


def multilabel_soft_margin_loss(pred: Row, target: Row, label_smoothing: Exact) -> tuple[Any, ...]:
    classes = len(pred)
    each = [
        binary.binary_cross_entropy_with_logits(z, y, mpf(1), label_smoothing)
        for z, y in zip(pred, target, strict=True)
    ]
    values, firsts, seconds = zip(*each, strict=True)
    first = [Difference(part.exact / classes, part.term / classes) for part in firsts]
    return sum(values) / classes, first, [part / classes for part in seconds]


def multilabel_margin_loss(pred: Row, target: Row) -> tuple[Any, ...]:
    classes = len(pred)
    value, first = mpf(0), [mpf(0)] * classes
    with mp.extraprec(2400):  # which holds any difference of scores
        for i in range(classes):
            for j in range(classes):
                shortfall = 1 - (pred[i] - pred[j])
                if target[i] == 1 and target[j] == 0 and shortfall > 0:
                    value += shortfall / classes
                    first[i] -= mpf(1) / classes
                    first[j] += mpf(1) / classes
    return value, first, [mpf(0)] * classes


def zlpr_loss(pred: Row, target: Row) -> tuple[Any, ...]:
    value, first, second = mpf(0), [mpf(0)] * len(pred), [mpf(0)] * len(pred)
    for observed, sign in ((0, 1), (1, -1)):
        scores = {
            k: sign * z for k, (z, y) in enumerate(zip(pred, target, strict=True)) if y == observed
        }
        infinite = [k for k, score in scores.items() if score == mp.inf]
        if infinite:
            weights, rest = {k: mpf(k in infinite) for k in scores}, mpf(0)
            value = mp.inf
        else:
            weights, rest = {k: mp.exp(score) for k, score in scores.items()}, mpf(1)
            value += mp.log1p(sum(weights.values()))
        total = sum(weights.values()) + rest
        for k, weight in weights.items():
            others = rest + sum(other for j, other in weights.items() if j != k)
            first[k] = sign * weight / total
            second[k] = weight * others / total**2
    return value, first, second
