"""Cases and sweeps of the losses of sequences."""

from collections.abc import Callable, Iterator
from typing import Any

import exact
import numpy as np

import portable_losses as pl

from .case import Batch, Case, Sweep, of_loss, with_parameters

TIMES, CLASSES, LABELS, FEATURES = 5, 4, 2, 2


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def _labelled(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """With labels that may be the same, and that leave classes 0 and 2 for the blank."""
    return _log_softmax(rng.normal(0, 1, (*shape, TIMES, CLASSES))), rng.choice(
        [1, 3], (*shape, LABELS)
    )


def _with_lengths(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Of any length that leaves an alignment, with labels beyond it that name no class."""
    log_prob, labels = _labelled(rng, shape)
    label_lengths = rng.integers(1, LABELS + 1, shape)
    labels[np.arange(LABELS) >= label_lengths[..., None]] = -1
    return log_prob, labels, rng.integers(3, TIMES + 1, shape), label_lengths


def _two_courses(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return rng.normal(0, 1, (*shape, 4, FEATURES)), rng.normal(0, 1, (*shape, 3, FEATURES))


# Classes that are certain, and that are impossible; labels that no alignment leads to, or that need
# the blank between them.
CERTAIN = [
    [-np.inf, 0.0, -np.inf, -np.inf],
    [0.0, -np.inf, -np.inf, -np.inf],
    [-np.inf, -np.inf, -np.inf, 0.0],
]
LIKELY = [[-0.5, -1.0, -0.5, -np.inf], [-1.0, -0.5, -0.25, -2.0], [-0.25, -1.0, -1.0, -2.0]]
EVEN = [[-1.0] * CLASSES] * 3
SPOKEN = [CERTAIN, CERTAIN, LIKELY, LIKELY, EVEN, EVEN, EVEN, LIKELY]
WORDS = [[1, 3], [1, 1], [1, 3], [1, 1], [1, 3], [1, 1], [3, 3], [3, 1]]

# Equal ones, ties between alignments, and one that stands still
COURSES = (
    [
        [[1.0, 2.0], [3.0, 2.0]],
        [[0.0, 0.0], [1.0, 1.0]],
        [[0.0, 0.0], [0.0, 0.0]],
        [[2.0, 0.0], [0.0, 2.0]],
    ],
    [
        [[1.0, 2.0], [3.0, 2.0]],
        [[1.0, 1.0], [0.0, 0.0]],
        [[0.0, 0.0], [0.0, 0.0]],
        [[1.0, 1.0], [1.0, 1.0]],
    ],
)

CASES = (
    Case(
        "ctc_loss",
        _labelled,
        ({}, {"zero_infinity": True}, {"blank": 2}),
        kinks=(SPOKEN, WORDS),
        row=True,
        slack=4,
    ),
    Case(
        "ctc_loss",
        _with_lengths,
        ({}, {"zero_infinity": True}, {"blank": 2}),
        kinks=(SPOKEN, WORDS, [3, 2, 3, 3, 1, 2, 0, 0], [2, 1, 2, 1, 2, 2, 0, 1]),
        kind="lengths",
        row=True,
        slack=4,
    ),
    Case(
        "soft_dtw_loss",
        _two_courses,
        ({}, {"gamma": 0.125}, {"gamma": 8.0}),
        kinks=COURSES,
        row=True,
        slack=8,
    ),
)


def spoken(dtype: np.dtype) -> Iterator[Batch]:
    """Return sequences of 1 to 8 times: likely, unlikely, certain, impossible, of any lengths."""
    for times, classes, labels, count in ((1, 2, 1, 4), (4, 3, 2, 6), (8, 5, 4, 6)):
        random = np.random.default_rng(times)
        for size in (1e-3, 1.0, 10.0, 300.0):
            log_prob = _log_softmax(random.normal(0, size, (count, times, classes)))
            log_prob[random.random(log_prob.shape) < 0.1] = -np.inf
            given = random.integers(1, classes, (count, labels))
            for lengths in (
                (times, labels),
                (times, labels // 2),
                (random.integers(0, times + 1, count), 0),
            ):
                yield (
                    log_prob.astype(dtype),
                    given,
                    *(np.broadcast_to(length, (count,)) for length in lengths),
                )
        likely = np.full((count, times, classes), -1e-3)
        yield (
            likely.astype(dtype),
            np.ones((count, labels), np.int64),
            *(np.full(count, n) for n in (times, labels)),
        )


def courses(dtype: np.dtype) -> Iterator[Batch]:
    """Return pairs of sequences of 1 to 6 times: alike, equal, far apart, small and large."""
    for rows, columns, features in ((1, 1, 1), (1, 4, 2), (3, 2, 1), (5, 6, 3)):
        random = np.random.default_rng(rows)
        left, right = (
            random.normal(0, 1, (4, rows, features)),
            random.normal(0, 1, (4, columns, features)),
        )
        for size in (1e-3, 1.0, 16.0):
            yield (size * left).astype(dtype), (size * right).astype(dtype)
        yield left.astype(dtype), np.repeat(left, 2, axis=1).astype(dtype)


def _by_sequence(loss: Any, batches: Callable[..., Iterator[Batch]], **parameters: Any) -> Sweep:
    name = " ".join((loss.__name__, *(f"{key}={value}" for key, value in parameters.items())))
    reference = with_parameters(exact.of(loss.__name__), {**loss.signature.defaults, **parameters})
    return Sweep(
        name,
        of_loss(loss, **parameters),
        reference,
        lambda dtype: [*batches(dtype)],
        orders=2,
        factor=8.0,
    )


SWEEPS = (
    _by_sequence(pl.ctc_loss, spoken),
    _by_sequence(pl.ctc_loss, spoken, zero_infinity=True),
    *(_by_sequence(pl.soft_dtw_loss, courses, gamma=gamma) for gamma in (0.01, 1.0, 100.0)),
)
