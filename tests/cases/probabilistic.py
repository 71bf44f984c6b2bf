"""Cases and sweeps of the losses of quantiles and distributions."""

import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import Batch, Case, Sweep, pointwise
from .draws import pair, positive, real
from .points import POINTS, around, numbers, residuals

INF = np.inf


def _ends(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Draw intervals and observations, in them and on both sides."""
    lower = real(rng, shape)
    width = positive(rng, shape)
    return lower, lower + width, lower + width * rng.uniform(-1, 2, shape)


CASES: tuple[Case, ...] = (
    Case(
        "pinball_loss",
        pair,
        ({}, {"quantile": 0.1}, {"quantile": 0.999}),
        kinks=([0.0, 1.0, -2.0, 3.0, INF, -INF], [0.0, 1.0, 2.0, 1.0, 0.0, 0.0]),
    ),
    Case("expectile_loss", pair, ({}, {"expectile": 0.1}), kinks=([0.0, 1.0, -2.0, 3.0], [0.0, 1.0, 2.0, 1.0])),
    Case(
        "interval_loss",
        _ends,
        ({}, {"alpha": 0.5}),
        kinks=([0.0, 0.0, 0.0, 1.0, 2.0, -INF], [1.0, 1.0, 1.0, 1.0, 1.0, 0.0], [0.5, 0.0, 1.0, 1.0, 1.5, 0.0]),
    ),
)


def tilted_residuals(dtype: np.dtype, **parameters: float) -> Batch:
    return residuals(dtype)


def intervals(dtype: np.dtype, alpha: float) -> Batch:
    """Give intervals of every size and place, some of them crossed, with observations in them, at their ends, and far out."""
    limits, random = finfo(dtype), np.random.default_rng(5)
    large = float(limits.max)
    ends, other = (random.choice(numbers(dtype, POINTS), POINTS) for _ in range(2))
    lower, upper = np.minimum(ends, other), np.maximum(ends, other)
    middle = [random.choice(numbers(dtype, POINTS), POINTS)]
    for i, end in enumerate(np.asarray([0.0, 1.0, -0.1, 300.7, float(limits.smallest_subnormal), large, -large / 3], dtype)):
        beside = around(float(end), dtype)
        far = random.choice(numbers(dtype, 400), 60)
        observed = np.concatenate([beside, far, np.full(40, end)])
        given = np.full(observed.size, end)
        opposite = random.choice(np.concatenate([around(float(end), dtype), numbers(dtype, 400)]), observed.size)
        first, second = (given, opposite) if i % 2 else (opposite, given)
        lower, upper = np.concatenate([lower, first]), np.concatenate([upper, second])
        middle.append(observed)
    return lower.astype(dtype), upper.astype(dtype), np.concatenate(middle).astype(dtype)


SWEEPS: tuple[Sweep, ...] = (
    *(pointwise(pl.pinball_loss, tilted_residuals, quantile=quantile) for quantile in (0.5, 0.1, 0.999, 1e-6)),
    *(pointwise(pl.expectile_loss, tilted_residuals, expectile=expectile) for expectile in (0.5, 0.1, 0.999, 0.01)),
    *(pointwise(pl.interval_loss, intervals, alpha=alpha) for alpha in (0.1, 0.5, 0.999, 1e-3)),
)
