"""Cases and sweeps of the losses of scores, the largest of which decides."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import Batch, Case, Sweep
from .multiclass import INF, draw_labels, labelled, of_row

MARGINS = ({}, {"p": 2}, {"margin": 0.25}, {"margin": 0.0}, {"p": 2, "margin": 3.0})

SCORES = (
    [
        [0.0, 0.0, 0.0],
        [1.0, 0.0, 0.5],
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 1.0],
        [0.5, 0.0, 0.0],
        [2.0, -INF, 2.0],
        [-INF, 0.0, -INF],
        [1e8, 1e8, 0.0],
        [0.0, -INF, 4.0],
    ],
    [0, 0, 0, 0, 1, 2, 1, 1, 0],
)
"""Ties, scores at the margin, at the end of a support, and masked classes."""

CASES = (
    Case("multi_margin_loss", draw_labels, MARGINS, kinks=SCORES, row=True),
    Case("crammer_singer_loss", draw_labels, kinks=SCORES, row=True),
    Case("multiclass_perceptron_loss", draw_labels, kinks=SCORES, row=True),
    Case("sparsemax_loss", draw_labels, kinks=SCORES, row=True),
)


def _neighbours(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return numbers in a dtype, the five around each, and some more that come nearer."""
    limits = finfo(dtype)
    steps = np.concatenate(
        [np.arange(-2, 3) * float(limits.eps), np.geomspace(float(limits.eps), 0.3, 8), [0.0]]
    )
    return (x[..., None] * (1 + steps)).astype(dtype)


def scores(dtype: np.dtype, margin: float) -> Iterator[Batch]:
    """Return scores of all sizes, some where the label leads by about the margin."""
    yield from labelled(dtype)
    random = np.random.default_rng(11)
    base = np.concatenate(
        [random.normal(0, 1, 30), random.normal(0, 1e-3, 20), random.normal(0, 1e4, 20)]
    ).astype(dtype)
    lead = _neighbours(base.astype(np.float64) + margin, dtype)
    other = np.broadcast_to(base[:, None], lead.shape)
    # Excluded is a lead that equals the margin only after rounding: there the derivative jumps
    short = margin - (lead.astype(np.longdouble) - other)
    sizes = margin + np.abs(lead) + np.abs(other)
    fair = (short == 0) | (np.abs(short) > 4 * float(finfo(dtype).eps) * sizes)
    rows = np.stack([other, lead, other - np.abs(other) / 2], axis=-1)[fair]
    yield rows, np.ones(len(rows), dtype=int)
    yield rows, np.arange(len(rows)) % 3


def projected(dtype: np.dtype) -> Iterator[Batch]:
    """Return scores of all sizes, some with few positive probabilities or one close to 0."""
    yield from labelled(dtype)
    random = np.random.default_rng(12)
    for classes, count in ((3, 60), (12, 4)):
        shown = random.normal(0, 1 / classes, (count, classes - 1)) + random.choice(
            [0, 0, 0, 30, -1e4], (count, 1)
        )
        shown = shown.astype(dtype).astype(np.float64)
        last = (shown.sum(axis=1) - 1) / (classes - 1)
        edge = _neighbours(last, dtype)
        rows = np.concatenate(
            [
                np.broadcast_to(shown[:, None, :], (*edge.shape, classes - 1)),
                edge[..., None].astype(np.float64),
            ],
            axis=-1,
        )
        rows = rows.reshape(-1, classes).astype(dtype)
        yield rows, random.integers(0, classes, len(rows))
        yield rows, np.full(len(rows), classes - 1)
        several = random.normal(0, 2.0 / classes, (count, classes)).astype(dtype)
        yield several, random.integers(0, classes, count)


def _margins(**parameters: Any) -> Sweep:
    margin = parameters.get("margin", 1.0)
    return of_row(pl.multi_margin_loss, "labels", lambda dtype: scores(dtype, margin), **parameters)


SWEEPS = (
    *(
        _margins(**parameters)
        for parameters in (*MARGINS, {"margin": 0.3}, {"p": 2, "margin": 1e-3})
    ),
    of_row(pl.crammer_singer_loss, "labels", lambda dtype: scores(dtype, 1.0)),
    of_row(pl.multiclass_perceptron_loss, "labels", lambda dtype: scores(dtype, 0.0)),
    of_row(pl.sparsemax_loss, "labels", projected),
)
