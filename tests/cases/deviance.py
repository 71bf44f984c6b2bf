"""Cases and sweeps of the losses of counts and rates."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import exact.deviance
import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import Batch, Case, Sweep, of_loss, pointwise
from .draws import positive
from .points import around, moderate, numbers, together

INF = np.inf


def _rates(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return positive(rng, shape), positive(rng, shape)


def _small_rates(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Draw numbers that are valid as rates and as their logarithms, and counts below e."""
    return positive(rng, shape) / 4, positive(rng, shape) / 10


def _counts(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return positive(rng, shape), np.asarray(rng.poisson(2 * positive(rng, shape)), dtype=np.float64)


LOG_RATES = (
    [0.0, 1.0, -2.0, 0.0, 3.0, -INF, -INF, INF, INF, -100.0, 5.0],
    [0.0, 2.0, 1.0, 1.0, 20.0, 0.0, 1.0, 0.0, 2.0, 3.0, 0.5],
)
RATES = (
    [1.0, 2.0, 0.5, 3.0, 0.0, 0.0, 2.0, 4.0, 0.25, 1e6, 1.0, INF, INF],
    [1.0, 2.0, 0.0, 1.5, 0.0, 1.0, 1.0, 1.0, 1.0, 0.125, 4.0, 0.0, 2.0],
)
COUNTS = (
    [1.0, 2.0, 0.5, 3.0, 1e-6, 1e6, 2.0, 8.0, 1e-3, 1e3, INF],
    [1.0, 2.0, 0.0, 1.0, 0.0, 3.0, 100.0, 2.0, 4.0, 0.0, 3.0],
)
POSITIVE = (
    [1.0, 2.0, 0.5, 3.0, 1.0, 1e6, 1e-6, 0.25, INF],
    [1.0, 1.0, 1.0, 3.0, 64.0, 2.0, 2.0, 0.25, 2.0],
)

CASES = (
    Case(
        "poisson_nll_loss",
        _small_rates,
        ({}, {"full": True}, {"log_input": False}, {"log_input": False, "full": True}),
        kinks=LOG_RATES,
    ),
    Case("poisson_deviance_loss", _rates, kinks=RATES),
    Case("gamma_deviance_loss", _rates, ({}, {"log_input": True}), kinks=POSITIVE),
    Case(
        "tweedie_deviance_loss",
        _rates,
        (
            {},
            {"power": 0.0},
            {"power": 1.0},
            {"power": 2.0},
            {"power": 3.0},
            {"power": 1.3},
            {"power": 2.5},
            {"power": -0.5},
            {"log_input": True},
            *({"power": power, "log_input": True} for power in (0.0, 1.0, 1.9, 2.0, 3.0, -0.5)),
        ),
        kinks=tuple(x[:-1] for x in POSITIVE),
    ),
    Case(
        "negative_binomial_nll_loss",
        _counts,
        (
            {},
            {"dispersion": 0.01},
            {"dispersion": 30.0},
            {"log_input": True},
            {"dispersion": 0.01, "log_input": True},
        ),
        kinks=COUNTS,
    ),
)


COUNTS = (1e-3, 0.3, 1.0, 1.5, 2.0, 2.5, 7.0, 300.0, 1e5)
"""Counts of every size, whole or not, which sweeps set beside 0."""


def log_rates(dtype: np.dtype, **_: object) -> Batch:
    """Return logarithms of rates of every size, and counts from 0, some next to the count's own.

    A count next to the largest number is left out against a rate beyond it: the loss is inf for
    every such rate.
    """
    limits = finfo(dtype)
    spread = np.append(numbers(dtype, 130), np.asarray([np.inf, -np.inf], dtype))
    pred, target = together(
        [
            (np.concatenate([spread, around(np.log(max(y, 1e-30)), dtype)]), y)
            for y in (0.0, *COUNTS)
        ],
        dtype,
    )
    fair = (pred < np.log(float(limits.max))) | (target.astype(np.float64) < 1e6) | np.isinf(pred)
    return pred[fair], target[fair]


def rates(dtype: np.dtype, **_: object) -> Batch:
    """Return rates of every size, and counts from 0; some next to the count or a factor 2 away."""
    limits = finfo(dtype)
    spread = np.abs(numbers(dtype, 100))
    batches = []
    for y in (0.0, 1e-5, *COUNTS):
        near = [around(min(factor * y, float(limits.max)), dtype) for factor in (0.5, 1.0, 2.0)]
        batches.append((np.abs(np.concatenate([spread, *near])), y))
    return moderate(dtype, *together(batches, dtype))


def means(dtype: np.dtype, **_: object) -> Batch:
    """Return means of every size, and whole counts; some next to the count or a factor 2 away."""
    pred, target = rates(dtype)
    whole = (target == np.floor(target)) & (pred > 0)
    return pred[whole], target[whole]


def amounts(dtype: np.dtype, power: float = 2.0) -> Batch:
    """Return means and targets of every size, some next to each other; targets <= 0 where valid."""
    pred, target = rates(dtype)
    good = (pred > 0) & (target > 0)
    pred, target = (
        np.append(pred[good], pred[good][::7]),
        np.append(target[good], target[good][::7] * (-1 if power <= 0 else 0)),
    )
    good = (target > 0) | (power < 2)
    return pred[good], target[good]


def log_amounts(dtype: np.dtype, power: float = 2.0, **_: object) -> Batch:
    """Return logarithms of means of every size, and targets, some next to the target's logarithm.

    Targets are from 0, or positive, or of either sign, as the power has it.
    """
    spread = np.linspace(-60, 60, 61)
    targets = [1e-5, *COUNTS, *([0.0] if power < 2 else []), *([-3.0] if power <= 0 else [])]
    pred, target = together(
        [
            (np.concatenate([spread, around(np.log(y), dtype) if y > 0 else spread[:0]]), y)
            for y in targets
        ],
        dtype,
    )
    return moderate(dtype, pred, target)


def log_means(dtype: np.dtype, **_: object) -> Batch:
    """Return logarithms of means of every size, infinities included, and whole counts."""
    spread = np.asarray([*np.linspace(-300, 300, 61), np.inf, -np.inf])
    counts = (0.0, 1.0, 2.0, 7.0, 300.0, 1e5)
    batches = [(np.append(spread, around(np.log(max(y, 1e-9)), dtype)), y) for y in counts]
    return together(batches, dtype)


def _some(points: Callable[..., Batch], powers: Sequence[float], dtype: np.dtype) -> Batch:
    """Return some points of each of several powers, and the power of each point."""
    batches = []
    for i, power in enumerate(powers):
        own = np.asarray(power, dtype)
        pred, target = points(dtype, power=float(own))
        some = slice(i, None, len(powers))
        batches.append((pred[some], target[some], np.full_like(pred[some], own)))
    return tuple(map(np.concatenate, zip(*batches, strict=True)))


def _with_powers(points: Callable[..., Batch], powers: Sequence[float], log_input: bool) -> Sweep:
    """Sweep the loss with an array of powers, which is an argument of the exact loss."""
    loss = pl.tweedie_deviance_loss

    def compute(order: int, pred: Any, target: Any, power: Any) -> Any:
        return of_loss(loss, power=power, log_input=log_input)(order, pred, target)

    return Sweep(
        f"{loss.__name__} powers log_input={log_input}",
        compute,
        partial(exact.deviance.tweedie_deviance_loss, log_input=log_input),
        lambda dtype: [_some(points, powers, dtype)],
        factor=8.0,
        peers=False,
    )


NEAR = tuple(one + gap for one in (1.0, 2.0) for gap in (1e-14, 1e-8, 1e-4, 0.1, 0.25))
"""Powers next to those where the textbook divides by 0."""
BELOW = tuple(2.0 - gap for gap in (1e-14, 1e-8, 1e-4, 0.1, 0.25))

POWERS = (0.0, 1.0, 1 + 1e-14, 1.5, 1.9, 2.0, 2 + 1e-9, 3.0, 4.5, -1e-9, -0.3, -3.5)

SWEEPS = (
    pointwise(pl.poisson_nll_loss, log_rates),
    pointwise(pl.poisson_nll_loss, log_rates, full=True, factor=8.0),
    pointwise(pl.poisson_nll_loss, rates, log_input=False),
    pointwise(pl.poisson_nll_loss, rates, log_input=False, full=True, factor=8.0),
    pointwise(pl.poisson_deviance_loss, rates),
    pointwise(pl.gamma_deviance_loss, amounts),
    *(
        pointwise(
            pl.tweedie_deviance_loss,
            amounts,
            power=power,
            factor=8.0,
        )
        for power in POWERS
    ),
    pointwise(pl.gamma_deviance_loss, log_amounts, log_input=True),
    *(
        pointwise(pl.tweedie_deviance_loss, log_amounts, power=power, log_input=True, factor=8.0)
        for power in (0.0, 1.0, 1 + 1e-14, 1.5, 1.9, 2.0, 2 + 1e-9, 3.0, -0.3)
    ),
    _with_powers(amounts, (*POWERS, *NEAR, *BELOW), log_input=False),
    _with_powers(log_amounts, (*POWERS, *NEAR, *BELOW), log_input=True),
    *(
        pointwise(
            pl.negative_binomial_nll_loss, log_means, dispersion=a, log_input=True, factor=8.0
        )
        for a in (1.0, 0.03, 20.0)
    ),
    *(
        pointwise(pl.negative_binomial_nll_loss, means, dispersion=a, factor=8.0)
        for a in (1.0, 1e-9, 0.03, 20.0)
    ),
)
