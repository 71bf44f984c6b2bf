"""Cases and sweeps of the losses of ranked lists."""

from collections.abc import Iterator
from typing import Any

import exact
import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import CLASSES, Batch, Case, Sweep, of_loss, with_parameters
from .draws import real
from .points import rows

INF = np.inf


def _graded(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    grades = rng.integers(0, 4, (*shape, CLASSES)) + rng.choice([0, 0, 0.25], (*shape, CLASSES))
    return real(rng, (*shape, CLASSES)), grades


def _ordered(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, (*shape, CLASSES)), rng.integers(-2, 3, (*shape, CLASSES)) / 2


SCORES = [
    [0.0, 0.0, 0.0],
    [0.0, 0.0, 1.0],
    [1.0, 1.0, 2.0],
    [200.0, -800.0, 2.0],
    [800.0, 800.0, -800.0],
    [0.5, -0.5, 1.0],
    [2.0, 1.0, -INF],
    [2.0, -INF, -INF],
    [-INF, -INF, -INF],
    [1.0, -INF, 1.0],
]
GRADES = [
    [0.0, 1.0, 2.0],
    [1.0, 0.0, 3.0],
    [0.0, 0.0, 0.0],
    [2.0, 0.0, 1.0],
    [1.0, 4.0, 0.5],
    [1.0, 1.0, 2.0],
    [0.0, 1.0, 0.0],
    [1.0, 0.0, 0.0],
    [0.0, 0.0, 0.0],
    [0.0, 1.0, 1.0],
]
KINKS = (SCORES, GRADES)

CASES = (
    Case(
        "listnet_loss",
        _graded,
        kinks=(SCORES[:-2] + SCORES[-1:], GRADES[:-2] + GRADES[-1:]),
        row=True,
    ),
    Case("listmle_loss", _ordered, kinks=KINKS, row=True),
    Case("ranknet_loss", _ordered, kinks=KINKS, row=True),
    Case("lambdarank_loss", _graded, kinks=KINKS, row=True),
    Case(
        "approx_ndcg_loss",
        _graded,
        ({}, {"temperature": 0.1}, {"temperature": 3.0}),
        kinks=KINKS,
        row=True,
    ),
)


def _some(dtype: np.dtype) -> Iterator[tuple[np.random.Generator, np.ndarray]]:
    for x in rows(dtype):
        yield np.random.default_rng(x.shape[1]), x[::2]


def graded(dtype: np.dtype) -> Iterator[Batch]:
    """Return lists of 2 to 50 scores of all sizes, close and far apart, with grades."""
    for random, x in _some(dtype):
        grades = random.integers(0, 5, x.shape) * random.choice([0, 1], x.shape)
        close = random.choice([0, 1, 1.5], x.shape) + random.choice([0, 1e-3, 1e-6], x.shape)
        size = random.choice([1e-6, 1e-3, 1, 10], (len(x), 1)) if dtype != np.float16 else 1
        spread = random.uniform(0, 4, x.shape) * size
        kind = random.integers(0, 4, (len(x), 1))
        yield x, np.where(kind == 0, close, np.where(kind == 1, spread, grades)).astype(dtype)


def ordered(dtype: np.dtype) -> Iterator[Batch]:
    """Return such lists with many equal relevances, and with relevances ordered as the scores."""
    for random, x in _some(dtype):
        in_order = random.uniform(size=(len(x), 1)) < 0.3
        lowest = -float(finfo(dtype).max)
        yield (
            x,
            np.where(in_order, np.maximum(x, lowest), random.integers(-2, 3, x.shape)).astype(
                dtype
            ),
        )


def _by_list(loss: Any, batches: Any, **parameters: Any) -> Sweep:
    name = " ".join((loss.__name__, *(f"{key}={value}" for key, value in parameters.items())))
    reference = with_parameters(exact.of(loss.__name__), {**loss.signature.defaults, **parameters})
    return Sweep(name, of_loss(loss, **parameters), reference, batches)


SWEEPS = (
    _by_list(pl.listnet_loss, graded),
    _by_list(pl.listmle_loss, ordered),
    _by_list(pl.ranknet_loss, ordered),
    _by_list(pl.lambdarank_loss, graded),
    _by_list(pl.approx_ndcg_loss, graded),
    _by_list(pl.approx_ndcg_loss, graded, temperature=0.3),
)
