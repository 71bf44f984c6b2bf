"""Cases and sweeps of the losses of angles and distances."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import exact
import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import CLASSES, Batch, Case, Sweep, of_loss, pointwise, with_parameters
from .draws import positive, real
from .points import around, numbers, together


def _sign(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice([-1.0, 1.0], shape)


def _pair(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, (*shape, CLASSES)), real(rng, (*shape, CLASSES))


def _signed_pair(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return *_pair(rng, shape), _sign(rng, shape)


def _near_pair(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    left, right = rng.normal(0, 0.3, (2, *shape, CLASSES))
    return left, right, _sign(rng, shape)


def _triplet(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return tuple(rng.normal(0, 1, (3, *shape, CLASSES)))


def _distance(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return positive(rng, shape), _sign(rng, shape)


def _scores(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, shape), real(rng, shape), _sign(rng, shape)


LEFT = [
    [3.0, 4.0],
    [3.0, 4.0],
    [0.0, 0.0],
    [1.0, 0.0],
    [0.0, 0.0],
    [1.0, 1.0],
    [1.0, 0.0],
    [2.0, 0.0],
    [0.5, 0.5],
]
RIGHT = [
    [6.0, 8.0],
    [-3.0, -4.0],
    [1.0, 2.0],
    [0.0, 0.0],
    [0.0, 0.0],
    [1.0, -1.0],
    [0.0, 2.0],
    [2.0, 1.0],
    [0.5, 0.5],
]
BOTH = [LEFT * 2, RIGHT * 2, [1.0] * len(LEFT) + [-1.0] * len(LEFT)]
TRIPLETS = (
    [
        [0.0, 0.0],
        [1.0, 1.0],
        [1.0, 1.0],
        [0.0, 0.0],
        [0.0, 0.0],
        [0.0, 0.0],
        [0.5, 0.0],
        [0.0, 0.0],
        [1.0, 0.0],
    ],
    [
        [0.0, 0.0],
        [1.0, 1.0],
        [2.0, 1.0],
        [3.0, 4.0],
        [3.0, 4.0],
        [1.0, 0.0],
        [1.5, 1.0],
        [2.0, 0.0],
        [0.0, 0.0],
    ],
    [
        [0.0, 0.0],
        [1.5, 1.0],
        [1.0, 1.0],
        [3.0, 4.0],
        [4.0, 3.0],
        [2.0, 0.0],
        [1.5, 1.0],
        [0.0, 1.0],
        [0.0, 0.0],
    ],
)

CASES = (
    Case("cosine_distance_loss", _pair, kinks=(LEFT, RIGHT), row=True, slack=4),
    Case(
        "cosine_embedding_loss",
        _signed_pair,
        ({}, {"margin": 0.5}, {"margin": -0.25}),
        kinks=BOTH,
        row=True,
        slack=4,
    ),
    Case(
        "hinge_embedding_loss",
        _distance,
        ({}, {"margin": 2.5}),
        kinks=([0.0, 1.0, 2.5, np.inf, 0.0, 1.0, 2.5, np.inf], [1.0] * 4 + [-1.0] * 4),
    ),
    Case(
        "margin_ranking_loss",
        _scores,
        ({}, {"margin": 0.5}),
        kinks=(
            [1.0, 1.0, 1.5, 1.0, np.inf, -np.inf],
            [1.0, 1.0, 1.0, 1.5, 0.0, 1.0],
            [1.0, -1.0, 1.0, -1.0, 1.0, 1.0],
        ),
    ),
    Case("contrastive_loss", _near_pair, ({}, {"margin": 2.0}), kinks=BOTH, row=True),
    Case(
        "triplet_margin_loss",
        _triplet,
        (
            {},
            {"p": 1.0},
            {"p": 3.0, "margin": 0.25},
            {"p": 1.5},
            {"swap": True, "margin": 0.0},
            {"swap": True, "p": 1.0},
        ),
        kinks=TRIPLETS,
        row=True,
        slack=8,
    ),
)


def _sizes(dtype: np.dtype) -> float:
    """Return how many binades around 1 lengths come from."""
    return float(finfo(dtype).maxexp) * 0.25


def vectors(dtype: np.dtype) -> Iterator[Batch]:
    """Return pairs of vectors of 1 to 30 entries: nearly parallel, opposite, orthogonal, zero."""
    eps = float(finfo(dtype).eps)
    for features, count in ((1, 10), (3, 60), (12, 6)):
        random = np.random.default_rng(features)
        shape = (count, features)
        left, right = random.normal(0, 1, (2, *shape))
        apart = np.geomspace(eps / 4, 1, count)[:, None]
        sign = random.choice([-1, 1], (count, 1))
        wide = np.exp2(random.uniform(-8, 8, shape)) if dtype.itemsize > 2 else 1.0
        pairs = (
            (left, right),
            (left, sign * left * (1 + apart * right)),
            (left, sign * left * random.choice([0.5, 2, 8], (count, 1))),
            (left * wide, right),
            (left * (random.uniform(size=shape) < 0.5), right * (random.uniform(size=shape) < 0.5)),
            (random.integers(-2, 3, shape), random.integers(-2, 3, shape)),
        )
        for one, other in pairs:
            size = np.exp2(random.uniform(-0.4, 0.4, (2, count, 1)) * _sizes(dtype))
            yield (one * size[0]).astype(dtype), (other * size[1]).astype(dtype)


def signed(
    dtype: np.dtype, margin: float, batches: Callable[..., Iterator[Batch]]
) -> Iterator[Batch]:
    """Return these with both targets, but no cosine that rounding moves across the margin."""
    for left, right in batches(dtype):
        exactly = [x.astype(np.longdouble) for x in (left, right)]
        lengths = [np.sqrt(np.sum(x * x, axis=-1)) for x in exactly]
        cosine = np.sum(exactly[0] * exactly[1], axis=-1) / np.maximum(
            lengths[0] * lengths[1], np.finfo(np.longdouble).tiny
        )
        fair = (np.abs(cosine - margin) > 16 * float(finfo(dtype).eps)) | (
            lengths[0] * lengths[1] == 0
        )
        for target in (-1.0, 1.0):
            yield left[fair], right[fair], np.full(np.sum(fair), target, dtype)


def near_pairs(dtype: np.dtype, margin: float) -> Iterator[Batch]:
    """Return pairs of vectors at distances of every size, many of them about the margin."""
    for features, count in ((1, 20), (3, 60), (12, 8)):
        random = np.random.default_rng(features)
        residual = random.normal(0, 1, (3, count, features))
        residual /= np.sqrt(np.sum(residual**2, axis=-1, keepdims=True))
        residual *= margin * np.stack(
            [
                random.uniform(0, 1.3, (count, 1)),
                np.exp2(random.uniform(-1, 0.3, (count, 1)) * _sizes(dtype)),
                random.choice([0, 1 - 1e-3, 0.5, 2], (count, 1)),
            ]
        )
        right = random.normal(0, 1, (count, features)) * random.choice([0, 0.1, 1], (count, 1))
        for part in residual:
            for target in (-1.0, 1.0):
                yield (
                    (part + right).astype(dtype),
                    right.astype(dtype),
                    np.full(count, target, dtype),
                )


def triplets(dtype: np.dtype, margin: float, p: float, **_: Any) -> Iterator[Batch]:
    """Return triplets at distances of every size, but none whose loss is 0 up to rounding."""
    for features, count in ((1, 20), (3, 60), (12, 8)):
        random = np.random.default_rng(features)
        three = random.normal(0, 1, (3, count, features))
        sparse = three * (random.uniform(size=three.shape) < 0.6) if p >= 2 or p == 1 else three
        near = three[0] + 1e-3 * three
        size = np.exp2(random.uniform(-0.4, 0.4, (count, 1)) * _sizes(dtype) / 2)
        for anchor, same, other in (
            three,
            sparse,
            (three[0], three[0], three[2]) if p >= 2 or p == 1 else three,
            near,
            size * three,
            (three[0], three[1] * size, three[2]),
        ):
            arrays = [x.astype(dtype) for x in (anchor, same, other)]
            wide = [x.astype(np.float64) for x in arrays]
            distances = [
                np.sum(np.abs(wide[i] - wide[j]) ** p, axis=-1) ** (1 / p)
                for i, j in ((0, 1), (0, 2), (1, 2))
            ]
            far = [distances[1], np.minimum(distances[1], distances[2])]
            fair = np.abs(distances[1] - distances[2]) > 1e-6 * distances[1]
            for distance in far:
                fair &= np.abs(distances[0] - distance + margin) > 1e-6 * (
                    distances[0] + distance + margin
                )
            yield tuple(x[fair] for x in arrays)


def distances(dtype: np.dtype, margin: float) -> Batch:
    points = np.concatenate([numbers(dtype, 1000), around(margin, dtype)])
    return together([(points, 1.0), (points, -1.0)], dtype)


def scores(dtype: np.dtype, margin: float) -> Batch:
    """Return pairs of scores of every size; in many their difference is close to the margin."""
    random = np.random.default_rng(3)
    largest = float(finfo(dtype).max) / 4  # the difference of the largest numbers is inf
    left = numbers(dtype, 1200).astype(np.float64).clip(-largest, largest)
    base = random.normal(0, 1, 1000).astype(dtype).astype(np.float64)
    shifted = base - random.choice([-1, 1], 1000) * margin * (
        1 + random.choice([0, 1e-3, 0.5], 1000)
    )
    pairs = np.concatenate([left, base]), np.concatenate([random.permutation(left), shifted])
    left, right = (x.astype(dtype) for x in pairs)
    # Excluded is a difference that equals the margin only after rounding: the derivative jumps
    gap = np.abs(left.astype(np.longdouble) - right)
    sizes = np.abs(left) + np.abs(right) + margin
    fair = (gap == margin) | (np.abs(gap - margin) > 4 * float(finfo(dtype).eps) * sizes)
    target = random.choice([-1, 1], len(left)).astype(dtype)
    return left[fair], right[fair], target[fair]


def _by_row(loss: Any, batches: Callable[..., Iterator[Batch]], **parameters: Any) -> Sweep:
    everything = {**loss.signature.defaults, **parameters}
    name = " ".join((loss.__name__, *(f"{key}={value}" for key, value in parameters.items())))
    reference = with_parameters(exact.of(loss.__name__), everything)
    return Sweep(name, of_loss(loss, **parameters), reference, partial(batches, **everything))


SWEEPS = (
    _by_row(pl.cosine_distance_loss, vectors),
    *(
        _by_row(pl.cosine_embedding_loss, partial(signed, batches=vectors), margin=margin)
        for margin in (0.0, 0.5)
    ),
    *(pointwise(pl.hinge_embedding_loss, distances, margin=margin) for margin in (1.0, 0.3)),
    *(pointwise(pl.margin_ranking_loss, scores, margin=margin) for margin in (0.0, 0.3)),
    *(_by_row(pl.contrastive_loss, near_pairs, margin=margin) for margin in (1.0, 0.3)),
    *(
        _by_row(pl.triplet_margin_loss, triplets, **parameters)
        for parameters in (
            {"margin": 1.0},
            {"p": 1.0},
            {"p": 1.5},
            {"p": 3.0},
            {"swap": True, "margin": 0.3},
        )
    ),
)
