"""Cases and sweeps of the losses of sets of embeddings."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import exact
import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import Batch, Case, Sweep, of_loss, with_parameters

SAMPLES, FEATURES = 4, 3

SHARP = 16
"""The factor by which the temperature multiplies a rounded cosine."""


def _two_sets(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return tuple(rng.normal(0, 1, (2, *shape, SAMPLES, FEATURES)))


def _labelled_set(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Of two or three vectors with one label, and one or two with another."""
    return rng.normal(0, 1, (*shape, SAMPLES, FEATURES)), rng.permuted(
        rng.integers(0, 2, (*shape, 1)) * [0, 0, 0, 1] + np.asarray([3, 3, 7, 7]), axis=-1
    )


# Zero vectors, equal ones and opposite ones, a set that belongs together, and one of which no two
# do
SET = (
    [[1.0, 0.0], [0.0, 0.0], [2.0, 2.0], [2.0, 2.0]],
    [[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [0.5, 0.0]],
)
SETS = [[SET[0]] * 4 + [SET[1]] * 4, [[0, 0, 1, 1], [0, 1, 0, 1], [5, 5, 5, 5], [0, 1, 2, 3]] * 2]

# Constant features, equal ones, opposite ones, and one of deviation 1
VIEWS = [[[1.0, 0.0], [1.0, 2.0], [1.0, 4.0]], [[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]]]
VIEWS = [[*VIEWS, VIEWS[0]], [*VIEWS[::-1], VIEWS[0]]]

CASES = (
    Case(
        "info_nce_loss",
        _two_sets,
        ({}, {"temperature": 1.0}),
        kinks=([*SET, SET[0]], [*SET[::-1], SET[0]]),
        row=True,
        slack=SHARP,
    ),
    Case(
        "ntxent_loss", _labelled_set, ({}, {"temperature": 1.0}), kinks=SETS, row=True, slack=SHARP
    ),
    Case(
        "circle_loss",
        _labelled_set,
        (
            {},
            {"margin": 0.25, "gamma": 4.0},
            {"margin": -0.25, "gamma": 4.0},
            {"margin": 0.0, "gamma": 1.0},
        ),
        kinks=SETS,
        row=True,
        slack=160,  # gamma, and a square
    ),
    Case("barlow_twins_loss", _two_sets, ({}, {"redundancy": 0.5}), kinks=VIEWS, row=True, slack=4),
    Case(
        "vicreg_loss",
        _two_sets,
        ({}, {"eps": 0.0, "covariance": 10.0}),
        kinks=VIEWS,
        row=True,
        slack=4,
    ),
    Case(
        "supcon_loss", _labelled_set, ({}, {"temperature": 1.0}), kinks=SETS, row=True, slack=SHARP
    ),
)


def sets(dtype: np.dtype) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return sets of 2 to 6 vectors with neighbours: of all sizes, with zero and equal vectors."""
    for samples, features, count in ((2, 2, 4), (3, 2, 2)):
        random = np.random.default_rng(samples)
        left, right = random.normal(0, 1, (2, count, samples, features))
        size = np.exp2(
            random.uniform(-0.1, 0.1, (2, count, samples, 1)) * float(finfo(dtype).maxexp)
        )
        gaps = random.choice([0, 0.5], (count, samples, 1))
        for one, other in (
            (left, right),
            (left, left + 0.05 * right),
            (left, left),
            (left * gaps, right),
            (left, -left),
        ):
            yield (one * size[0]).astype(dtype), (other * size[1]).astype(dtype)


def labelled_sets(dtype: np.dtype) -> Iterator[Batch]:
    """Return these as one set, with labels: pairs, groups, no positives, and all positives."""
    for left, right in sets(dtype):
        embedding = np.concatenate([left, right], axis=1)
        samples = np.arange(embedding.shape[1])
        half = embedding.shape[1] // 2
        for labels in (samples % half, samples // 3, samples):
            yield embedding[:1], np.broadcast_to(labels, (1, len(labels)))


def views(dtype: np.dtype) -> Iterator[Batch]:
    """Return two views: alike and not, small and large, far from 0, with constant features.

    Not of two vectors, where every correlation is 1 or -1, and a derivative nothing but rounding.
    """
    for samples, features, count in ((1, 2, 1), (3, 2, 2), (4, 2, 1)):
        random = np.random.default_rng(samples)
        left, right = random.normal(0, 1, (2, count, samples, features))
        size = np.exp2(random.uniform(-4, 4, (2, count, 1, features)))
        still = np.where(np.arange(features) == 0, 0.7, left)
        for one, other in (
            (left, right),
            (left, left + 0.05 * right),
            (size[0] * left, size[1] * right),
            (still, right),
            (left, left),
        ):
            yield one.astype(dtype), other.astype(dtype)
            yield (one + 8).astype(dtype), other.astype(dtype)


def _by_set(loss: Any, batches: Callable[..., Iterator[Batch]], **parameters: Any) -> Sweep:
    name = " ".join((loss.__name__, *(f"{key}={value}" for key, value in parameters.items())))
    reference = with_parameters(exact.of(loss.__name__), parameters)
    return Sweep(
        name, of_loss(loss, **parameters), reference, partial(batches), orders=2, factor=16.0
    )


SWEEPS = (
    *(
        _by_set(loss, batches, temperature=temperature)
        for loss, batches in (
            (pl.info_nce_loss, sets),
            (pl.ntxent_loss, labelled_sets),
            (pl.supcon_loss, labelled_sets),
        )
        for temperature in (0.1, 1.0)
    ),
    *(
        _by_set(pl.circle_loss, labelled_sets, margin=margin, gamma=gamma)
        for margin, gamma in ((0.4, 80.0), (0.25, 1.0), (-0.25, 4.0))
    ),
    _by_set(pl.barlow_twins_loss, views, redundancy=0.005),
    _by_set(pl.vicreg_loss, views, invariance=25.0, variance=25.0, covariance=1.0, eps=1e-4),
)
