"""Cases and sweeps of the losses of a row of logits."""

from collections.abc import Iterator, Sequence
from typing import Any

import exact.multiclass
import numpy as np
from mpmath import mpf

import portable_losses as pl

from .case import CLASSES, Batch, Case, Sweep, of_loss
from .draws import real
from .points import rows

INF = np.inf


def _labels(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, (*shape, CLASSES)), rng.integers(0, CLASSES, shape)


def _distributions(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, (*shape, CLASSES)), rng.dirichlet(np.ones(CLASSES), shape)


def _exactly(row: Sequence[Any], target: Any, label_smoothing: Any) -> tuple[Any, ...]:
    """Give the exact cross-entropy of labels or rows, smoothed or not."""
    rows_given = isinstance(target, tuple)
    target = target if rows_given else [mpf(int(i == target)) for i in range(len(row))]
    return exact.multiclass.cross_entropy(row, [(1 - label_smoothing) * y + label_smoothing / len(row) for y in target])


SMOOTHED = ({}, {"label_smoothing": 0.1})

CASES = (
    Case(
        "cross_entropy",
        _labels,
        SMOOTHED,
        kinks=(
            [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [5.0, -INF, 5.0], [-INF, 0.0, -INF], [200.0, 0.0, 0.0], [1e8, 1e8, 0.0]],
            [0, 1, 2, 1, 0, 1],
        ),
        kind="labels",
        row=True,
        exact=_exactly,
    ),
    Case("cross_entropy", _distributions, SMOOTHED, kind="probabilities", row=True, exact=_exactly),
)


def labelled(dtype: np.dtype) -> Iterator[Batch]:
    """Give logits and labels, half of them that of the largest logit."""
    for x in rows(dtype):
        random = np.random.default_rng(2)
        yield x, np.where(random.uniform(size=len(x)) < 0.5, x.argmax(axis=1), random.integers(0, x.shape[1], len(x)))


def spread_out(dtype: np.dtype) -> Iterator[Batch]:
    """Give logits and rows of probabilities, none of them on a masked class."""
    for x in rows(dtype):
        target = np.random.default_rng(3).dirichlet(np.full(x.shape[1], 0.5), len(x)) * (x > -np.inf)
        yield x, target.astype(dtype)


def _sweep(kind: str, batches: Any, **parameters: float) -> Sweep:
    smoothing = mpf(parameters.get("label_smoothing", 0))
    return Sweep(
        f"cross_entropy {kind}",
        of_loss(pl.cross_entropy, **parameters),
        lambda row, target: _exactly(row, target, smoothing),
        batches,
    )


SWEEPS = (
    _sweep("labels", labelled),
    _sweep("probabilities", spread_out),
    _sweep("smoothed", spread_out, label_smoothing=0.1),
)
