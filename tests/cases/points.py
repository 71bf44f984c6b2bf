"""Inputs of every size, for the sweeps: from the smallest numbers of a dtype to the largest."""

from collections.abc import Iterator, Sequence

import numpy as np
from exact.arithmetic import finfo

from .case import Batch

POINTS = 2000


def numbers(dtype: np.dtype, count: int) -> np.ndarray:
    """Return numbers of both signs in every binade of normal numbers, 0, and ordinary ones."""
    limits, random = finfo(dtype), np.random.default_rng(count)
    exponents = np.linspace(limits.minexp, limits.maxexp - 1, count // 2).astype(int)
    spread = np.ldexp(random.uniform(1, 2, exponents.size), exponents)
    spread = np.minimum(spread, float(limits.max)).astype(dtype) * random.choice(
        [-1, 1], spread.size
    ).astype(dtype)
    corners = np.asarray([0, limits.smallest_normal, limits.max], dtype)
    ordinary = random.normal(0, 6, count // 2).astype(dtype)
    # Where exp(-x) becomes subnormal, and 0, and where 1 + exp(-x) becomes 1
    turns = [
        log * np.log(2)
        for log in (-limits.minexp, limits.nmant - limits.minexp, limits.nmant, limits.maxexp)
    ]
    return np.concatenate(
        [
            spread,
            corners,
            -corners,
            ordinary,
            *(around(sign * turn, dtype) for turn in turns for sign in (-1, 1)),
        ]
    )


def around(centre: float, dtype: np.dtype) -> np.ndarray:
    """Return a number, its neighbours, and numbers that come closer to it from both sides."""
    limits = finfo(dtype)
    steps = np.append(np.geomspace(float(limits.eps), 0.5, 10), 0) * max(
        abs(centre), float(limits.smallest_normal)
    )
    with np.errstate(over="ignore"):
        points = np.concatenate([centre - steps, centre + steps])
    return points.clip(-float(limits.max), float(limits.max)).astype(dtype)


def together(batches: Sequence[tuple[np.ndarray, float]], dtype: np.dtype) -> Batch:
    pred = np.concatenate([x for x, _ in batches]).astype(dtype)
    target = np.concatenate([np.full(x.size, target) for x, target in batches]).astype(dtype)
    return pred, target


def residuals(dtype: np.dtype, delta: float = 1.0) -> Batch:
    """Return predictions and targets: residuals from 0 and other targets, some around the kinks."""
    batches = [(numbers(dtype, POINTS // 2), 0.0)]
    for target in (
        0.0,
        1.0,
        -0.1,
        300.7,
    ):
        kinks = [around(float(dtype.type(target)) + kink, dtype) for kink in (0.0, delta, -delta)]
        batches.append((np.concatenate([numbers(dtype, 100), *kinks]), target))
    pred, target = ordinary(dtype, *together(batches, dtype))
    # The second derivative jumps at delta: excluded is a residual that equals delta only after
    # rounding, of itself or of delta.
    residual = pred - target
    exactly = (
        (residual + target == pred)
        & (pred - residual == target)
        & (float(dtype.type(delta)) == delta)
    )
    fair = exactly | (np.abs(residual) != dtype.type(delta))
    return pred[fair], target[fair]


def rows(dtype: np.dtype) -> Iterator[np.ndarray]:
    """Return rows of 3 and 12 logits of all sizes: dominant, tied, far from 0, masked."""
    for classes, count in ((3, 160), (12, 12)):
        random = np.random.default_rng(classes)
        largest = 3e4 if dtype == np.float16 else 1e30
        scale = np.geomspace(1 / largest, largest, count)[:, None]
        every_size = random.normal(0, 0.4, (count, classes)) * scale
        ordinary = random.normal(0, 4, (count, classes))
        dominant = random.normal(0, 1, (count, classes))
        dominant[np.arange(count), random.integers(0, classes, count)] += random.uniform(
            0, 110, count
        )
        far = random.normal(0, 5, (count, classes)) + random.choice(
            [-1, 1], (count, 1)
        ) * np.minimum(scale, 1e8)
        ties = random.choice([0, 20.5, 21.0], (count, classes)) * random.uniform(0, 2, (count, 1))
        masked = random.normal(0, 4, (count, classes))
        masked[(random.uniform(size=masked.shape) < 0.4) & (np.arange(classes) > 0)] = -np.inf
        yield (
            np.concatenate([every_size, ordinary, dominant, far, ties, masked])
            .clip(None, largest)
            .astype(dtype)
        )


def ordinary(dtype: np.dtype, pred: np.ndarray, target: np.ndarray, scale: float = 0.0) -> Batch:
    """Return the numbers whose squares are finite, also divided by a scale, and 0 or normal."""
    root = float(np.sqrt(float(finfo(dtype).max))) / 16
    largest, least = root * min(scale or 1.0, 1.0), scale / root
    pred, target = pred.astype(dtype), target.astype(dtype)
    residual = np.abs(pred.astype(np.float64) - target.astype(np.float64))
    fair = (np.abs(pred) <= largest) & (np.abs(target) <= largest)
    fair &= (residual == 0) | (residual >= least)
    return pred[fair], target[fair]


def moderate(dtype: np.dtype, *arrays: np.ndarray) -> Batch:
    """Return the numbers whose third powers are normal numbers, and 0."""
    largest = 2.0 ** (finfo(dtype).maxexp // 3 - 1)
    sizes = [np.abs(x.astype(np.float64)) for x in arrays]
    fair = np.all([(x == 0) | ((x >= 1 / largest) & (x <= largest)) for x in sizes], axis=0)
    return tuple(x[fair].astype(dtype) for x in arrays)
