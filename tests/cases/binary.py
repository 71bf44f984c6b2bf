"""Cases and sweeps of the losses of a yes or no."""

import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import Batch, Case, pointwise
from .draws import real, soft_or_hard
from .points import around, numbers, together

INF = np.inf


def _probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return rng.uniform(0.01, 0.99, shape), soft_or_hard(rng, shape)


def _logits(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, shape), soft_or_hard(rng, shape)


CASES = (
    Case(
        "binary_cross_entropy",
        _probabilities,
        ({}, {"eps": 0.0}, {"eps": 1e-3}),
        kinks=([0.5, 0.5, 0.125, 0.25], [0.5, 1.0, 0.0, 0.25]),
    ),
    Case(
        "binary_cross_entropy_with_logits",
        _logits,
        ({}, {"pos_weight": 2.5}),
        kinks=(
            [0.0, 0.0, 0.0, -0.0, 100.0, -100.0, 800.0, -800.0, INF, -INF, INF, -INF],
            [0.0, 1.0, 0.3, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0],
        ),
    ),
)


def probabilities(dtype: np.dtype, eps: float) -> Batch:
    """Give predictions down to the smallest number and up to the last below 1, with hard and soft targets."""
    limits, random = finfo(dtype), np.random.default_rng(1)
    tiny = np.abs(numbers(dtype, 240))
    spread = np.concatenate(
        [
            tiny[tiny <= 1],
            1 - np.logspace(-1, np.log10(float(limits.epsneg)), 60).astype(dtype),
            random.uniform(0, 1, 200).astype(dtype),
            *(around(centre, dtype) for centre in (eps, 1 - eps, 0.5, 1.0, 0.79)),
        ]
    )
    spread = spread[(spread >= 0) & (spread <= 1)]
    targets = (0.0, 1.0, 0.5, 0.1, 0.99, 1e-3, float(limits.epsneg))
    batches = [(spread, target) for target in targets]
    batches.append((np.concatenate([around(target, dtype)[:3] for target in targets[2:]]), targets[3]))
    return together(batches, dtype)


def logits(dtype: np.dtype, pos_weight: float) -> Batch:
    """Give logits of every size, and infinite ones, with hard and soft targets."""
    spread = np.append(numbers(dtype, 420), np.asarray([np.inf, -np.inf], dtype))
    if pos_weight > 4:  # it multiplies what was rounded to a subnormal number: not fair are logits with such a sigmoid
        limits = finfo(dtype)
        spread = spread[
            (np.abs(spread) < -limits.minexp * np.log(2)) | (np.abs(spread) > (limits.nmant + 8 - limits.minexp) * np.log(2))
        ]
    return together([(spread, target) for target in (0.0, 1.0, 0.5, 0.1, 0.99, 1e-3)], dtype)


SWEEPS = (
    *(pointwise(pl.binary_cross_entropy, probabilities, eps=eps) for eps in (1e-15, 0.0, 1e-3)),
    *(pointwise(pl.binary_cross_entropy_with_logits, logits, pos_weight=weight) for weight in (1.0, 0.0, 0.3, 3.0, 20.0)),
)
