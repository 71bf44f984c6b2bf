"""Losses of a row of logits."""

from collections.abc import Sequence

from mpmath import mp, mpf

from .arithmetic import Exact, difference, odds


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
