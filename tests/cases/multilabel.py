"""Cases and sweeps of the losses of multilabel classification."""

from collections.abc import Iterator
from typing import Any

import exact
import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import CLASSES, Batch, Case, Sweep, of_loss, with_parameters
from .draws import real, soft_or_hard, zero_or_one
from .points import rows

INF = np.inf


def _soft(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, (*shape, CLASSES)), soft_or_hard(rng, (*shape, CLASSES))


def _sets(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, (*shape, CLASSES)), zero_or_one(rng, (*shape, CLASSES))


SETS = [
    [1.0, 0.0, 0.0],
    [1.0, 1.0, 1.0],
    [0.0, 0.0, 0.0],
    [0.0, 1.0, 1.0],
    [1.0, 0.0, 1.0],
    [0.0, 0.0, 1.0],
    [1.0, 0.0, 0.0],
]
SCORES = [
    [0.0, 0.0, 0.0],
    [0.0, 1.0, -1.0],
    [0.0, 1.0, -1.0],
    [1.0, 1.0, 2.0],
    [200.0, -800.0, 2.0],
    [800.0, 800.0, -800.0],
    [0.5, -0.5, 1.0],
]
INFINITE = [
    [INF, -INF, 0.0],
    [INF, 2.0, INF],
    [INF, 1.0, INF],
    [-INF, INF, 0.0],
    [-INF, INF, INF],
    [0.0, -INF, INF],
    [-INF, 1.0, INF],
]

CASES = (
    Case(
        "multilabel_soft_margin_loss",
        _soft,
        ({}, {"label_smoothing": 0.1}),
        kinks=([*SCORES, *INFINITE], [*SETS, *SETS]),
        row=True,
    ),
    Case("multilabel_margin_loss", _sets, kinks=(SCORES, SETS), row=True),
    Case("zlpr_loss", _sets, kinks=([*SCORES, *INFINITE], [*SETS, *SETS]), row=True),
)


def scores(dtype: np.dtype) -> Iterator[Batch]:
    """Return rows of 2 to 50 scores of all sizes; high scores are mostly the right classes."""
    for x in rows(dtype):
        random = np.random.default_rng(4)
        target = (x > 0) ^ (
            random.uniform(size=x.shape) < random.choice([0, 0.1, 0.5, 1], (len(x), 1))
        )
        yield x, target.astype(dtype)


def finite_scores(dtype: np.dtype) -> Iterator[Batch]:
    """Return these without masked classes, and rows with scores about, or exactly, 1 apart."""
    for x, target in scores(dtype):
        x = np.where(np.isinf(x), 0, x)
        random = np.random.default_rng(5)
        yield x, target
        apart = random.choice(
            [0, 1, 0.5, 1 + float(finfo(dtype).eps), 1 - float(finfo(dtype).eps), 2], x.shape
        )
        yield (apart + random.choice([0, 1e-3, 64], (len(x), 1))).astype(dtype), target
        yield (
            (
                apart - random.choice([0, 1], x.shape) * 10.0 ** random.uniform(-12, 0, x.shape)
            ).astype(dtype),
            target,
        )


def soft_scores(dtype: np.dtype) -> Iterator[Batch]:
    """Return those with targets of 0 and 1 and those with probabilities."""
    for x, target in scores(dtype):
        random = np.random.default_rng(6)
        yield x, target
        yield x, random.choice([0, 1e-3, 0.1, 0.5, 0.99, 1], x.shape).astype(dtype)


def _by_row(loss: Any, batches: Any, **parameters: float) -> Sweep:
    name = " ".join((loss.__name__, *(f"{key}={value}" for key, value in parameters.items())))
    exactly = with_parameters(exact.of(loss.__name__), {**loss.signature.defaults, **parameters})
    return Sweep(name, of_loss(loss, **parameters), exactly, batches)


SWEEPS = (
    _by_row(pl.multilabel_soft_margin_loss, soft_scores),
    _by_row(pl.multilabel_soft_margin_loss, soft_scores, label_smoothing=0.1),
    _by_row(pl.multilabel_margin_loss, finite_scores),
    _by_row(pl.zlpr_loss, scores),
)
