"""Cases and sweeps of the losses that compare regions."""

from collections.abc import Callable, Iterator
from typing import Any

import exact
import numpy as np
from exact.arithmetic import finfo
from mpmath import mpf

import portable_losses as pl

from .case import CLASSES, Batch, Case, Sweep, of_loss, with_parameters
from .draws import real, zero_or_one

INF = np.inf
REGION = 5


def _soft(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Draw targets of which about half are sets."""
    pred, target = rng.uniform(0.05, 0.95, (2, *shape, CLASSES))
    return pred, np.where(rng.uniform(size=(*shape, 1)) < 0.5, target.round(), target)


def _both(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Draw targets that are neither all 0 nor all 1."""
    pred, target = rng.uniform(0.05, 0.95, (*shape, CLASSES)), zero_or_one(rng, (*shape, CLASSES))
    target[..., 0], target[..., 1] = 1, 0
    return pred, target


def _scores(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, (*shape, CLASSES)), zero_or_one(rng, (*shape, CLASSES))


def _labelled(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Draw probabilities of classes for each element, and the class that it is of."""
    pred = np.moveaxis(rng.dirichlet(np.ones(CLASSES), (*shape, REGION)), -1, -2).copy()
    labels = rng.integers(0, CLASSES, (*shape, 1, REGION))
    return pred, (labels == np.arange(CLASSES)[:, None]).astype(np.float64)


def _with_labels(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Draw them with the number of the class."""
    pred, target = _labelled(rng, shape)
    return pred, np.argmax(target, axis=-2)


def _exactly(pred: Any, labels: Any, **parameters: Any) -> Any:
    target = [[mpf(int(label == k)) for label in labels] for k in range(len(pred))]
    return exact.segmentation.lovasz_softmax_loss(pred, target, **parameters)


HALVES = [
    [0.5, 0.25, 1.0],
    [0.0, 0.0, 0.0],
    [1.0, 1.0, 1.0],
    [0.0, 1.0, 0.0],
    [0.5, 0.0, 0.0],
    [1.0, 0.5, 0.25],
    [0.25, 0.25, 0.5],
    [0.0, 0.5, 1.0],
]
OTHERS = [
    [0.5, 0.5, 1.0],
    [0.0, 0.0, 0.0],
    [1.0, 1.0, 1.0],
    [0.0, 1.0, 0.0],
    [0.0, 0.0, 0.0],
    [1.0, 1.0, 1.0],
    [0.25, 0.75, 0.5],
    [1.0, 0.5, 0.0],
]
KINKS = ([*HALVES, *OTHERS], [*OTHERS, *HALVES])

CLASS_KINKS = (
    [
        [[0.5, 1.0, 0.25], [0.5, 0.0, 0.75]],
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]],
    ],
    [
        [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]],
    ],
)
MORE_CLASS_KINKS = (
    [*CLASS_KINKS[0], [[1.0, 0.75, 0.5], [0.0, 0.25, 0.5]], [[0.5, 0.5, 0.5], [0.0, 0.0, 0.0]]],
    [*CLASS_KINKS[1], [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]],
)

LOGITS = {"from_logits": True}
"""What a case draws is taken for logits."""

CASES = (
    Case(
        "dice_loss",
        _soft,
        ({}, {"smooth": 1.0}, LOGITS, {"smooth": 1.0, **LOGITS}),
        kinks=KINKS,
        row=True,
    ),
    Case("jaccard_loss", _soft, ({}, {"smooth": 0.5}, LOGITS), kinks=KINKS, row=True),
    Case(
        "tversky_loss",
        _soft,
        (
            {},
            {"alpha": 0.3, "beta": 0.7},
            {"alpha": 0.7, "beta": 0.3, "gamma": 0.75},
            {"alpha": 0.3, "beta": 1.5, "gamma": 2.0},
            {"alpha": 0.3, "beta": 0.7, "smooth": 1.0},
            {"gamma": 2.0, "smooth": 1e-3},
            LOGITS,
            {"alpha": 0.3, "beta": 0.7, "gamma": 2.0, **LOGITS},
        ),
        kinks=KINKS,
        row=True,
    ),
    Case("matthews_loss", _both, ({}, LOGITS), kinks=KINKS, row=True),
    Case(
        "generalized_dice_loss",
        _labelled,
        ({}, {"smooth": 0.125}, LOGITS),
        kinks=MORE_CLASS_KINKS,
        row=True,
    ),
    Case(
        "lovasz_hinge_loss",
        _scores,
        kinks=(
            [
                [0.5, 2.0, -1.0],
                [1.0, -1.0, 1.0],
                [-2.0, -1.0, -3.0],
                [2.0, 2.0, 2.0],
                [INF, -INF, 0.0],
                [INF, -INF, 0.0],
            ],
            [
                [1.0, 0.0, 1.0],
                [1.0, 0.0, 0.0],
                [0.0, 0.0, 0.0],
                [0.0, 0.0, 0.0],
                [1.0, 0.0, 0.0],
                [0.0, 1.0, 1.0],
            ],
        ),
        row=True,
    ),
    Case(
        "lovasz_softmax_loss",
        _labelled,
        ({}, {"classes": "all"}, LOGITS),
        kinks=MORE_CLASS_KINKS,
        row=True,
    ),
    Case(
        "lovasz_softmax_loss",
        _with_labels,
        ({}, {"classes": "all"}, LOGITS),
        kinks=(CLASS_KINKS[0], [[0, 0, 1], [1, 1, 1], [0, 1, 0]]),
        kind="labels",
        row=True,
        exact=_exactly,
    ),
)


def _scattered(random: np.random.Generator, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Draw probabilities in every binade below 1, down to the smallest subnormal."""
    limits = finfo(dtype)
    return np.ldexp(random.uniform(1, 2, shape), random.integers(limits.minexp // 3, 0, shape))


def regions(
    dtype: np.dtype, counts: tuple[tuple[int, int], ...] = ((3, 20), (12, 4))
) -> Iterator[Batch]:
    """Return pairs of regions of 2 to 30 elements: sets, soft, nearly equal, far apart, empty."""
    eps = float(finfo(dtype).eps)
    for size, count in counts:
        random = np.random.default_rng(size)
        shape = (count, size)
        some = random.uniform(0, 1, shape)
        hard = random.integers(0, 2, (2, *shape)).astype(float)
        apart = np.geomspace(eps / 2, 1, count)[:, None]
        tiny = _scattered(random, dtype, (count, 1))
        every_size = _scattered(random, dtype, shape), _scattered(random, dtype, shape)
        pairs = (
            (some, hard[0]),
            (some, random.uniform(0, 1, shape)),
            (some, some * (1 + random.normal(0, 1, shape) * apart)),
            (hard[1], hard[0]),
            (abs(hard[0] - tiny * random.uniform(0, 1, shape)), hard[0]),
            (abs(hard[0] - _scattered(random, dtype, shape)), hard[0]),
            every_size,
            (every_size[0], hard[0] * (random.uniform(size=shape) < 0.3)),
            (
                every_size[0],
                every_size[0]
                * random.choice([0.25, 0.3, 0.5, 0.999, 1, 1 + eps, 1.5, 2, 3], shape),
            ),
            (1 - every_size[0], 1 - every_size[1]),
            (some * tiny, random.uniform(0, 1, shape) * tiny),
            (some * random.integers(0, 2, (count, 1)), np.zeros(shape)),
            (1 - some * random.integers(0, 2, (count, 1)), np.ones(shape)),
            (some, some),
        )
        first, second = (
            np.concatenate([pair[i] for pair in pairs]).clip(0, 1).astype(dtype) for i in range(2)
        )
        yield first, second
        yield second, first


def without_ties(dtype: np.dtype) -> Iterator[Batch]:
    """Return those in which no soft element is predicted exactly.

    There the second derivative is the mean of two, which may cancel though both overflow.
    """
    for pred, target in regions(dtype):
        yield (
            np.where((pred == target) & (target > 0) & (target < 1), 0.25, pred).astype(dtype),
            target,
        )


def classes(dtype: np.dtype) -> Iterator[Batch]:
    """Return predictions of 2 to 4 classes for regions of 2 to 20 elements, with labels."""
    for number, size, count in ((2, 2, 30), (3, 6, 8)):
        random = np.random.default_rng(number)
        shape = (count, number, size)
        labels = np.where(
            random.uniform(size=(count, 1, size)) < 0.7,
            0,
            random.integers(0, number, (count, 1, size)),
        )
        hard = (labels == np.arange(number)[:, None]).astype(float)
        tiny = _scattered(random, dtype, shape)
        soft = np.moveaxis(random.dirichlet(np.full(number, 0.5), (count, size)), -1, -2)
        for pred in (soft, abs(hard - tiny), tiny, hard, hard[:, ::-1], np.zeros(shape)):
            yield pred.clip(0, 1).astype(dtype), hard.astype(dtype)


def soft_classes(dtype: np.dtype) -> Iterator[Batch]:
    """Return those, and some with targets that are probabilities, or nothing at all."""
    yield from classes(dtype)
    random = np.random.default_rng(9)
    soft = [
        np.moveaxis(random.dirichlet(np.full(3, 0.5), (10, 6)), -1, -2).astype(dtype)
        for _ in range(2)
    ]
    yield soft[0], soft[1]
    yield soft[0], np.zeros_like(soft[0])
    yield np.zeros_like(soft[0]), np.zeros_like(soft[0])


def scores(dtype: np.dtype) -> Iterator[Batch]:
    """Return scores of all sizes of the elements of regions, most of them on the right side."""
    limits = finfo(dtype)
    for size, count in ((3, 40), (12, 6)):
        random = np.random.default_rng(size)
        shape = (count, size)
        target = random.integers(0, 2, shape).astype(float)
        right = np.where(target == 1, 1.0, -1.0) * random.choice([1, 1, -1], shape)
        exponents = random.integers(limits.minexp // 2, limits.maxexp // 2, shape)
        every_size = np.ldexp(random.uniform(1, 2, shape), exponents)
        near = 1 + random.normal(0, 1, shape) * np.geomspace(float(limits.eps), 1, count)[:, None]
        for x in (
            random.normal(0, 2, shape),
            right * every_size,
            right * near,
            right * random.choice([0, INF, 2], shape),
        ):
            x = x.astype(dtype)
            yield x, target.astype(dtype)
            yield x, np.zeros_like(x)


def region_logits(dtype: np.dtype) -> Iterator[Batch]:
    """Return logits of every size, most of them on the right side, of sets and of soft regions."""
    for size, count in ((3, 20), (12, 4)):
        random = np.random.default_rng(size + 1)
        shape = (count, size)
        hard = random.integers(0, 2, shape).astype(float)
        soft = random.uniform(0, 1, shape)
        side = np.where(hard == 1, 1.0, -1.0) * random.choice([1, 1, -1], shape)
        for logits in (
            random.normal(0, 3, shape),
            side * random.uniform(10, 80, shape),
            side * random.choice([0.0, 5.0, INF], shape),
            np.abs(side) * random.uniform(-60, 60, (count, 1)),
        ):
            yield logits.astype(dtype), hard.astype(dtype)
            yield np.clip(logits, -60, 60).astype(dtype), soft.astype(dtype)


def class_logits(dtype: np.dtype) -> Iterator[Batch]:
    """Return logits of 2 or 3 classes, one of which may dominate, and the classes of elements."""
    for number, size, count in ((2, 2, 20), (3, 5, 6)):
        random = np.random.default_rng(number + 1)
        shape = (count, number, size)
        labels = random.integers(0, number, (count, 1, size))
        hard = (labels == np.arange(number)[:, None]).astype(float)
        for logits in (random.normal(0, 2, shape), random.normal(0, 2, shape) + 30 * hard):
            yield logits.astype(dtype), hard.astype(dtype)


def _by_region(
    loss: Any, batches: Callable[[np.dtype], Iterator[Batch]], orders: int = 3, **parameters: Any
) -> Sweep:
    exactly = with_parameters(exact.of(loss.__name__), {**loss.signature.defaults, **parameters})
    name = " ".join((loss.__name__, *(f"{key}={value}" for key, value in parameters.items())))
    return Sweep(name, of_loss(loss, **parameters), exactly, batches, orders)


SWEEPS = (
    *(
        _by_region(loss, region_logits, **LOGITS)
        for loss in (pl.dice_loss, pl.jaccard_loss, pl.tversky_loss, pl.matthews_loss)
    ),
    _by_region(pl.generalized_dice_loss, class_logits, 2, **LOGITS),
    _by_region(pl.lovasz_softmax_loss, class_logits, 2, **LOGITS),
    *(_by_region(pl.dice_loss, regions, smooth=smooth) for smooth in (0.0, 1.0, 1e-5)),
    *(_by_region(pl.jaccard_loss, regions, smooth=smooth) for smooth in (0.0, 0.3)),
    _by_region(pl.tversky_loss, regions, alpha=0.3, beta=0.7),
    _by_region(pl.tversky_loss, regions, alpha=0.0, beta=2.5),
    *(
        _by_region(pl.tversky_loss, regions, alpha=0.7, beta=0.3, gamma=gamma)
        for gamma in (0.75, 4 / 3, 2.0)
    ),
    _by_region(pl.tversky_loss, regions, alpha=0.3, beta=0.7, smooth=1e-5),
    _by_region(pl.matthews_loss, without_ties),
    *(_by_region(pl.generalized_dice_loss, soft_classes, smooth=smooth) for smooth in (0.0, 1e-5)),
    _by_region(pl.lovasz_hinge_loss, scores, 2),
    *(
        _by_region(pl.lovasz_softmax_loss, classes, 2, classes=which)
        for which in ("present", "all")
    ),
)
