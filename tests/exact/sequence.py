"""Losses of sequences, by the probabilities of all alignments: mpmath underflows nowhere."""

from collections.abc import Sequence
from typing import Any

from mpmath import mp, mpf

from .arithmetic import Difference, Exact

Row = Sequence[Exact]


def ctc_loss(
    log_prob: Sequence[Row],
    labels: Row,
    input_lengths: Exact | None = None,
    label_lengths: Exact | None = None,
    *,
    blank: Exact,
    zero_infinity: bool,
) -> tuple[Any, ...]:
    """Sum over the paper's forward and backward variables, with blanks around all labels.

    A number that depends on sums of logarithms is known as precisely as these: their size
    multiplies its relative error.
    """
    times = len(log_prob) if input_lengths is None else int(input_lengths)
    some = [int(label) for label in labels][: None if label_lengths is None else int(label_lengths)]
    extended = [int(blank)] + [entry for label in some for entry in (label, int(blank))]
    slopes = [[mpf(0)] * len(row) for row in log_prob]
    ahead = _forward([[mp.exp(x) for x in row] for row in log_prob[:times]], extended)
    behind = _forward(
        [[mp.exp(x) for x in row] for row in reversed(log_prob[:times])], extended[::-1]
    )[::-1]
    total = sum(ahead[times][-2:])
    if total == 0:
        return mpf(0) if zero_infinity else mpf("inf"), slopes
    best = _best(log_prob[:times], extended)
    for t in range(times):
        # What is ahead[t + 1] has emitted at time t, what is behind[t] as well
        for state, label in enumerate(extended):
            emitted = mp.exp(log_prob[t][label])
            if emitted:
                slopes[t][label] -= (
                    ahead[t + 1][state] * behind[t][len(extended) - 1 - state] / emitted / total
                )
    shaky = [
        [Difference(x, abs(x) * (1 + best - mp.log(-x))) if x else x for x in row] for row in slopes
    ]
    return Difference(-mp.log(total), best), shaky


def _arrivals(extended: Sequence[int], state: int) -> range:
    """Return the states before one: itself, the previous one, and the label before if different."""
    skips = state > 1 and extended[state] != extended[state - 2]
    return range(max(0, state - 1 - skips), state + 1)


def _forward(prob: Sequence[Row], extended: Sequence[int]) -> list[Row]:
    """Return before the first time, and after each, the probability to be in each state."""
    number = len(extended)
    found: list[Row] = [[mpf(state == 0) for state in range(number)]]
    for t, row in enumerate(prob):
        before = found[-1]
        reached = [
            sum(before[i] for i in _arrivals(extended, state)) if t else mpf(state < 2)
            for state in range(number)
        ]
        found.append([x * row[label] for x, label in zip(reached, extended, strict=True)])
    return found


def _best(log_prob: Sequence[Row], extended: Sequence[int]) -> Exact:
    """Return minus the logarithm of the likeliest alignment."""
    number, never = len(extended), mpf("inf")
    costs = [mpf(0) if state == 0 else never for state in range(number)]
    for t, row in enumerate(log_prob):
        reached = [
            min(costs[i] for i in _arrivals(extended, s)) if t else (never if s > 1 else mpf(0))
            for s in range(number)
        ]
        costs = [cost - row[label] for cost, label in zip(reached, extended, strict=True)]
    return min(costs[-2:])


def soft_dtw_loss(pred: Sequence[Row], target: Sequence[Row], *, gamma: Exact) -> tuple[Any, ...]:
    """Sum the weights of all alignments up to each pair of times, and from each pair on."""
    cost = [[sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in target] for x in pred]
    ahead = _weights(cost, gamma)
    behind = [row[::-1] for row in _weights([row[::-1] for row in cost[::-1]], gamma)[::-1]]
    total, best = ahead[-1][-1], _cheapest(cost)
    slopes = []
    for i, x in enumerate(pred):
        share = [
            ahead[i][j] * behind[i][j] * mp.exp(cost[i][j] / gamma) / total
            for j in range(len(target))
        ]
        terms = [
            [2 * e * (a - y[k]) for e, y in zip(share, target, strict=True)]
            for k, a in enumerate(x)
        ]
        shaky = [1 + best / gamma - mp.log(e) for e in share]
        slopes.append(
            [
                Difference(sum(row), sum(abs(x) * s for x, s in zip(row, shaky, strict=True)))
                for row in terms
            ]
        )
    return Difference(-gamma * mp.log(total), best + gamma), slopes


def _weights(cost: Sequence[Row], gamma: Exact) -> list[Row]:
    found: dict[tuple[int, int], Exact] = {(-1, -1): mpf(1)}
    for i, row in enumerate(cost):
        for j, x in enumerate(row):
            before = sum(
                found.get(place, mpf(0)) for place in ((i - 1, j - 1), (i - 1, j), (i, j - 1))
            )
            found[i, j] = before * mp.exp(-x / gamma)
    return [[found[i, j] for j in range(len(row))] for i, row in enumerate(cost)]


def _cheapest(cost: Sequence[Row]) -> Exact:
    found: dict[tuple[int, int], Exact] = {(-1, -1): mpf(0)}
    for i, row in enumerate(cost):
        for j, x in enumerate(row):
            found[i, j] = x + min(
                found.get(place, mpf("inf")) for place in ((i - 1, j - 1), (i - 1, j), (i, j - 1))
            )
    return found[len(cost) - 1, len(cost[0]) - 1]
