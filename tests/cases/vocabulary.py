"""The case and the sweep of cross-entropy over a vocabulary."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from exact.multiclass import cross_entropy, targets
from exact.vocabulary import layer

import portable_losses as pl
from portable_losses._backends import backend_of, default
from portable_losses._numerics.standard import device_of

from .case import CLASSES, Batch, Case, Sweep

FEATURES = 3
# which every dtype can hold
WEIGHT = np.random.default_rng(11).integers(-24, 25, (CLASSES, FEATURES)) / 16
BIAS = np.random.default_rng(12).integers(-24, 25, CLASSES) / 16


def _labelled(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return rng.normal(size=(*shape, FEATURES)), rng.integers(0, CLASSES, shape)


SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"label_smoothing": 0.2, "z_loss": 0.125},
    {"softcap": 2.0, "temperature": 0.5, "z_loss": 0.5},
)
KINKS = ([[0.0, 0.0, 0.0], [200.0, 0.0, 0.0], [0.0, -200.0, 100.0]], [0, 1, 2])

CASES = (
    Case(
        "linear_cross_entropy",
        _labelled,
        SETTINGS,
        kinks=KINKS,
        row=True,
        exact=layer(WEIGHT),
        shared={"weight": WEIGHT},
        slack=8,
    ),
    Case(
        "linear_cross_entropy",
        _labelled,
        SETTINGS,
        kinks=KINKS,
        kind="bias",
        row=True,
        exact=layer(WEIGHT, BIAS),
        shared={"weight": WEIGHT, "bias": BIAS},
        slack=8,
    ),
)


def _rows(dtype: np.dtype) -> Iterator[Batch]:
    """Return logits themselves, since the weights are the identity; one class may dominate."""
    random = np.random.default_rng(13)
    for classes in (3, 12):
        logits = random.normal(size=(120, classes)) * 2
        labels = random.integers(0, classes, 120)
        logits[60:, 0] += 17
        labels[60:90] = 0
        yield logits.astype(dtype), labels


def _by_identity(order: int, logits: Any, labels: Any) -> Any:
    xp: Any = backend_of(logits).xp
    device = None if xp is default.xp else device_of(logits)
    weight = xp.eye(logits.shape[-1], dtype=logits.dtype, device=device)
    method = pl.linear_cross_entropy.grad if order else pl.linear_cross_entropy
    found = method(logits, weight, labels, reduction="none")
    return found[0] if order else found


def _exactly(logits: Any, label: Any) -> Any:
    return cross_entropy(logits, targets(label, len(logits)))[:2]


# A logit of 20 is rounded when the largest is subtracted, as it was when the matrix product made
# it: a small probability has the digits of that.
SWEEPS = (
    Sweep(
        "linear_cross_entropy",
        _by_identity,
        _exactly,
        lambda dtype: list(_rows(dtype)),
        orders=2,
        factor=8.0,
    ),
)
