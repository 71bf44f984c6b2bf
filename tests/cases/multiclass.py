"""Cases and sweeps of the losses of a row of logits."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import exact
import numpy as np
from exact.arithmetic import finfo
from mpmath import mpf

import portable_losses as pl

from .case import CLASSES, Batch, Case, Sweep, of_loss, with_parameters
from .draws import real
from .points import rows

INF = np.inf


def draw_labels(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, (*shape, CLASSES)), rng.integers(0, CLASSES, shape)


def _distributions(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, (*shape, CLASSES)), rng.dirichlet(np.ones(CLASSES), shape)


def _probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return rng.dirichlet(np.ones(CLASSES), shape).clip(0.02), rng.integers(0, CLASSES, shape)


def _two_distributions(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return _probabilities(rng, shape)[0], rng.dirichlet(np.ones(CLASSES), shape)


def _logarithms(draw: Callable[..., Batch]) -> Callable[..., Batch]:
    def drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
        prob, target = draw(rng, shape)
        return np.log(prob), target

    return drawn


def _exactly(
    row: Sequence[Any], target: Any, label_smoothing: Any, **parameters: Any
) -> tuple[Any, ...]:
    """Return the exact cross-entropy of labels or rows, smoothed or not."""
    rows_given = isinstance(target, tuple)
    target = target if rows_given else [mpf(int(i == target)) for i in range(len(row))]
    smoothed = [(1 - label_smoothing) * y + label_smoothing / len(row) for y in target]
    return exact.multiclass.scaled_cross_entropy(tuple(row), smoothed, **parameters)


SMOOTHED = ({}, {"label_smoothing": 0.1})
SCALED = (
    *SMOOTHED,
    {"softcap": 2.0},
    {"temperature": 0.25},
    {"z_loss": 0.125},
    {"softcap": 30.0, "temperature": 2.0, "z_loss": 0.5, "label_smoothing": 0.25},
)
LOGITS = (
    [
        [0.0, 0.0, 0.0],
        [1.0, 1.0, 0.0],
        [5.0, -INF, 5.0],
        [-INF, 0.0, -INF],
        [200.0, 0.0, 0.0],
        [1e8, 1e8, 0.0],
    ],
    [0, 1, 2, 1, 0, 1],
)
SURPRISES = (
    [*LOGITS[0], [1.0, 1.0, 0.0], [0.0, 2000.0, 0.0], [0.0, -INF, 1.0], [0.0, 0.5, 0.0]],
    [*LOGITS[1], 2, 0, 1, 1],
)
"""And at labels that are a surprise, a masked one among them."""
MIXED = (
    [
        [0.0, 0.0, 0.0],
        [1.0, 1.0, 0.0],
        [5.0, -INF, 5.0],
        [-INF, 0.0, -INF],
        [200.0, 0.0, 0.0],
        [2000.0, 0.0, 0.5],
    ],
    [
        [0.25, 0.75, 0.0],
        [0.5, 0.25, 0.25],
        [0.25, 0.0, 0.75],
        [0.0, 1.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.0, 0.5, 0.5],
    ],
)
CURVES: dict[str, tuple[dict[str, float], ...]] = {
    "softmax_focal_loss": (
        {},
        {"gamma": 0.5},
        {"gamma": 0.0},
        {"gamma": 3.0},
        {"label_smoothing": 0.1},
    ),
    "generalized_cross_entropy": (
        {},
        {"q": 0.0},
        {"q": 1e-6},
        {"q": 1.0},
        {"label_smoothing": 0.1},
    ),
    "poly_cross_entropy": (
        {},
        {"epsilon": 0.0},
        {"epsilon": -1.0},
        {"epsilon": 2.5},
        {"label_smoothing": 0.1},
    ),
}

CASES = (
    Case(
        "cross_entropy",
        draw_labels,
        SCALED,
        kinks=LOGITS,
        kind="labels",
        row=True,
        exact=_exactly,
    ),
    Case("cross_entropy", _distributions, SCALED, kind="probabilities", row=True, exact=_exactly),
    *(
        Case(name, draw_labels, settings, kinks=SURPRISES, kind="labels", row=True)
        for name, settings in CURVES.items()
    ),
    *(
        Case(name, _distributions, settings, kinks=MIXED, kind="probabilities", row=True)
        for name, settings in CURVES.items()
    ),
    Case(
        "nll_loss",
        _logarithms(_probabilities),
        SMOOTHED,
        kinks=([[0.0, -INF], [-INF, 0.0], [-1.0, -1.0], [-0.0, -2.0]], [0, 1, 1, 0]),
        kind="labels",
        row=True,
    ),
    Case(
        "nll_loss",
        _logarithms(_two_distributions),
        SMOOTHED,
        kinks=([[0.0, -INF], [-INF, 0.0], [-1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0], [0.5, 0.25]]),
        kind="probabilities",
        row=True,
    ),
    Case(
        "categorical_cross_entropy",
        _probabilities,
        ({}, {"eps": 0.0}, {"eps": 1e-2}, {"label_smoothing": 0.1}),
        kinks=([[1.0, 0.0], [0.25, 0.75], [0.5, 0.5]], [0, 1, 1]),
        kind="labels",
        row=True,
    ),
    Case(
        "categorical_cross_entropy",
        _two_distributions,
        ({}, {"eps": 0.0}, {"eps": 1e-2}, {"label_smoothing": 0.1}),
        kinks=([[1.0, 0.0], [0.25, 0.75], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0], [0.5, 0.25]]),
        kind="probabilities",
        row=True,
    ),
)


def labelled(dtype: np.dtype) -> Iterator[Batch]:
    """Return logits and labels, half of them that of the largest logit."""
    for x in rows(dtype):
        random = np.random.default_rng(2)
        yield (
            x,
            np.where(
                random.uniform(size=len(x)) < 0.5,
                x.argmax(axis=1),
                random.integers(0, x.shape[1], len(x)),
            ),
        )


def spread_out(dtype: np.dtype) -> Iterator[Batch]:
    """Return logits and rows of probabilities, none of them on a masked class."""
    for x in rows(dtype):
        target = np.random.default_rng(3).dirichlet(np.full(x.shape[1], 0.5), len(x)) * (
            x > -np.inf
        )
        yield x, target.astype(dtype)


def _sweep(kind: str, batches: Any, **parameters: float) -> Sweep:
    reference = with_parameters(_exactly, {**pl.cross_entropy.signature.defaults, **parameters})
    return Sweep(
        " ".join(("cross_entropy", kind, *(f"{key}={value}" for key, value in parameters.items()))),
        of_loss(pl.cross_entropy, **parameters),
        reference,
        batches,
    )


def of_row(loss: Any, kind: str, batches: Any, **parameters: Any) -> Sweep:
    """Sweep a loss of rows; the second array is the target of its exact function."""
    name = " ".join((loss.__name__, kind, *(f"{key}={value}" for key, value in parameters.items())))
    reference = with_parameters(exact.of(loss.__name__), {**loss.signature.defaults, **parameters})
    factor = 8.0 if "gamma" in loss.signature.defaults else 4.0  # a power
    return Sweep(name, of_loss(loss, **parameters), reference, batches, factor=factor)


def surprising(dtype: np.dtype) -> Iterator[Batch]:
    """Return logits with labels, some masked, and those where the surprise is 0 or largest."""
    yield from labelled(dtype)
    far = np.concatenate(
        [np.linspace(-800, 800, 201), np.linspace(-1, 1, 200), np.geomspace(1e-12, 1e-2, 50)]
    )
    yield np.stack([far, np.zeros_like(far)], axis=1).astype(dtype), np.arange(far.size) % 2
    masked = np.asarray([[0, -np.inf, 1], [-np.inf, 0.5, -np.inf], [2, -np.inf, -np.inf]], dtype)
    yield masked, np.asarray([1, 2, 0])


def probable(dtype: np.dtype, size: int = 4) -> np.ndarray:
    """Return rows of probabilities from 0 to 1 of every size, with any sum."""
    limits, random = finfo(dtype), np.random.default_rng(8)
    tiny = np.geomspace(float(limits.smallest_normal), 1, 200)
    below = 1 - np.geomspace(float(limits.epsneg), 0.5, 100)
    around = [x * (1 + float(limits.eps) * np.arange(-3, 4)) for x in (1e-15, 1e-3, 0.5, 0.79)]
    ends = np.asarray([0, 1, limits.smallest_normal])
    spread = np.concatenate([tiny, below, *around, ends, ends, random.uniform(0, 1, 300)])
    return random.choice(spread, (700, size)).clip(0, 1).astype(dtype)


def with_probabilities(dtype: np.dtype) -> Iterator[Batch]:
    prob = probable(dtype)
    yield prob, np.random.default_rng(9).integers(0, 4, len(prob))


def with_rows(dtype: np.dtype) -> Iterator[Batch]:
    """Return probabilities, with rows of probabilities of which some are 0 and 1."""
    prob = probable(dtype)
    random = np.random.default_rng(10)
    target = random.dirichlet(np.full(4, 0.5), len(prob))
    target[::3] = np.eye(4)[random.integers(0, 4, len(prob))][::3]
    yield prob, (target * (random.uniform(size=target.shape) < 0.8)).astype(dtype)


def logarithms(
    batches: Callable[[np.dtype], Iterator[Batch]],
) -> Callable[[np.dtype], Iterator[Batch]]:
    def of_them(dtype: np.dtype) -> Iterator[Batch]:
        for prob, target in batches(dtype):
            with np.errstate(divide="ignore"):
                yield np.log(prob.astype(np.float64)).astype(dtype), target

    return of_them


SWEEPS = (
    _sweep("labels", labelled),
    _sweep("probabilities", spread_out),
    _sweep("probabilities", spread_out, label_smoothing=0.1),
    _sweep("labels", labelled, temperature=0.3),
    _sweep("labels", labelled, z_loss=0.125),
    _sweep("probabilities", spread_out, z_loss=0.125),
    *(
        of_row(getattr(pl, name), "labels", surprising, **parameters)
        for name, settings in CURVES.items()
        for parameters in settings
    ),
    *(
        of_row(getattr(pl, name), "probabilities", spread_out, **parameters)
        for name, settings in CURVES.items()
        for parameters in settings
    ),
    of_row(pl.nll_loss, "labels", logarithms(with_probabilities)),
    of_row(pl.nll_loss, "probabilities", logarithms(with_rows)),
    *(
        of_row(pl.categorical_cross_entropy, "labels", with_probabilities, eps=eps)
        for eps in (1e-15, 0.0, 1e-3)
    ),
    *(
        of_row(pl.categorical_cross_entropy, "probabilities", with_rows, eps=eps)
        for eps in (1e-15, 0.0, 1e-3)
    ),
)
