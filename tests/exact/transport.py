"""Entropic optimal transport, by the plan itself."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mpmath import mp, mpf

from .arithmetic import Difference, Exact


def with_cost(cost: np.ndarray) -> Callable[..., Any]:
    """Return the loss of a row with a price for each pair of classes."""
    return lambda pred, target, epsilon, iterations: _transport(
        pred, target, [[mpf(float(x)) for x in row] for row in cost], epsilon
    )


def sinkhorn_loss(
    pred: Sequence[Exact], target: Sequence[Exact], epsilon: Exact, iterations: Exact
) -> Any:
    """Return the loss of classes one step apart, and its derivative."""
    classes = range(len(pred))
    return _transport(pred, target, [[mpf(abs(i - j)) for j in classes] for i in classes], epsilon)


def _transport(
    pred: Sequence[Exact], target: Sequence[Exact], cost: Sequence[Sequence[Exact]], epsilon: Exact
) -> tuple[Difference, list[Difference]]:
    """Scale rows and columns of a matrix until the sums fit; return the cost and the entropy."""
    mass, classes = sum(pred), range(len(pred))
    p, q = [x / mass for x in pred], [x / sum(target) for x in target]
    kernel = [[mp.exp(-price / epsilon) for price in row] for row in cost]
    rows, columns = [mpf(1)] * len(p), [mpf(1)] * len(p)
    while True:
        rows = [1 / sum(kernel[i][j] * columns[j] * q[j] for j in classes) for i in classes]
        before, columns = (
            columns,
            [1 / sum(kernel[i][j] * rows[i] * p[i] for i in classes) for j in classes],
        )
        if (
            max(abs(new / old - 1) for new, old in zip(columns, before, strict=True))
            < mp.eps * 2**20
        ):
            break
    plan = {
        (i, j): p[i] * rows[i] * kernel[i][j] * columns[j] * q[j] for i in classes for j in classes
    }
    work = sum(moved * cost[i][j] for (i, j), moved in plan.items())
    entropy = sum(moved * mp.log(moved / (p[i] * q[j])) for (i, j), moved in plan.items() if moved)
    first, second = ([epsilon * mp.log(x) for x in scale] for scale in (rows, columns))
    largest = max(map(abs, (*first, *second)))
    mean = sum(x * share for x, share in zip(first, p, strict=True))
    value = Difference(work + epsilon * entropy, largest)
    return value, [Difference((x - mean) / mass, largest / mass) for x in first]
