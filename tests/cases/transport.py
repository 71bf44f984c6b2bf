"""Cases and sweeps of optimal transport."""

from collections.abc import Iterator
from typing import Any

import exact
import numpy as np
from exact.transport import with_cost

import portable_losses as pl

from .case import CLASSES, Batch, Case, Sweep, of_loss, with_parameters

# which every dtype can hold
COST = np.random.default_rng(41).integers(0, 33, (CLASSES, CLASSES)) / 16
SETTINGS: tuple[dict[str, Any], ...] = ({}, {"epsilon": 2.0, "iterations": 60})
KINKS = (
    [
        [0.5, 0.5, 0.0, 0.0],
        [0.25, 0.25, 0.25, 0.25],
        [0.0, 1.0, 0.0, 0.0],
        [2.0, 1.0, 3.0, 1.0],
        [0.0, 0.0, 0.0, 1.0],
    ],
    [
        [0.5, 0.5, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.5],
        [0.0, 0.0, 1.0, 0.0],
        [2.0, 1.0, 3.0, 1.0],
        [1.0, 0.0, 0.0, 0.0],
    ],
)


def _masses(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return rng.uniform(0.125, 2, (*shape, CLASSES)), rng.uniform(0.125, 2, (*shape, CLASSES))


CASES = (
    Case("sinkhorn_loss", _masses, SETTINGS, kinks=KINKS, row=True, slack=16),
    Case(
        "sinkhorn_loss",
        _masses,
        SETTINGS,
        kinks=KINKS,
        kind="cost",
        row=True,
        exact=with_cost(COST),
        shared={"cost": COST},
        slack=16,
    ),
)


def _rows(dtype: np.dtype) -> Iterator[Batch]:
    """Ordinary masses, some of every size, and some that are 0."""
    random = np.random.default_rng(42)
    for classes in (2, 5):
        shape = (12, classes)
        ordinary = [random.dirichlet(np.ones(classes), 12) for _ in range(2)]
        uneven = [np.exp2(random.uniform(-12, 4, shape)) for _ in range(2)]
        gaps = [
            x * (random.uniform(size=shape) < 0.7)
            + np.eye(classes)[random.integers(0, classes, 12)]
            for x in ordinary
        ]
        yield from (tuple(x.astype(dtype) for x in pair) for pair in (ordinary, uneven, gaps))


SWEEPS = tuple(
    Sweep(
        " ".join(("sinkhorn_loss", *(f"{key}={value}" for key, value in settings.items()))),
        of_loss(pl.sinkhorn_loss, **settings),
        with_parameters(
            exact.of("sinkhorn_loss"), {**pl.sinkhorn_loss.signature.defaults, **settings}
        ),
        lambda dtype: list(_rows(dtype)),
        orders=2,
        factor=8.0,
    )
    for settings in SETTINGS
)
