"""Cases and sweeps of the losses of a residual."""

import numpy as np

import portable_losses as pl

from .case import Batch, Case, Outer, pointwise
from .draws import pair, real
from .points import around, moderate, numbers, ordinary, residuals, together

INF = np.inf


def _amounts(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return np.abs(real(rng, shape)) - 0.5, np.abs(real(rng, shape)) - 0.5


CASES = (
    Case("mse_loss", pair, kinks=([0.0, 1.0, -2.0, INF, -INF], [0.0, 1.0, -2.0, 0.0, 0.0])),
    Case(
        "l1_loss", pair, kinks=([0.0, 1.0, -2.0, 3.0, INF, -INF], [0.0, 1.0, -2.0, 1.0, 0.0, 0.0])
    ),
    Case(
        "rmse_loss",
        pair,
        kinks=([0.0, 1.0, -2.0], [0.0, 1.0, -2.0]),
        outer=Outer(
            "mse_loss",
            np.sqrt,
            lambda reduced: 0.5 / np.sqrt(np.where(reduced == 0, np.inf, reduced)),
        ),
    ),
    Case(
        "log_cosh_loss",
        pair,
        kinks=([0.0, 1.0, 20.0, -20.0, 100.0, -100.0, INF, -INF], [0.0, 1.0, *[0.0] * 6]),
    ),
    Case(
        "mape_loss",
        pair,
        ({}, {"eps": 0.5}),
        kinks=([0.0, 1.0, 3.0, INF, -INF], [0.0, 1.0, -2.0, 1.0, 1.0]),
    ),
    Case(
        "smape_loss",
        pair,
        ({}, {"eps": 0.5}, {"eps": 100.0}),
        kinks=(
            [0.0, 1.0, 0.0, 0.0, 2.0, -2.0, 3.0, INF, -INF],
            [0.0, 1.0, 2.0, -2.0, 0.0, 1.0, -2.0, 1.0, 1.0],
        ),
    ),
    Case("msle_loss", _amounts, kinks=([0.0, 1.0, 3.0, INF], [0.0, 1.0, 0.0, 1.0])),
)


def squarable(dtype: np.dtype) -> Batch:
    """Return residuals whose squares are ordinary numbers, and 0."""
    return ordinary(dtype, *residuals(dtype), scale=1.0)


def steps(dtype: np.dtype) -> Batch:
    """Return residuals, some around the places where the form of hyperbolic functions changes."""
    near = [
        around(sign * place, dtype)
        for place in (1.0, 20.0, 44.0, 90.0, 372.0, 710.0)
        for sign in (-1, 1)
    ]
    pred, target = residuals(dtype)
    spread = np.random.default_rng(3).uniform(-400, 400, 500).astype(dtype)
    batches = [
        (np.concatenate([*near, spread, numbers(dtype, 600)]), 0.0),
        (spread, 0.1),
        (spread, -7.3),
    ]
    other_pred, other_target = together(batches, dtype)
    return ordinary(
        dtype, np.concatenate([pred, other_pred]), np.concatenate([target, other_target])
    )


def proportions(dtype: np.dtype, eps: float = 0.0) -> Batch:
    """Return targets and predictions of every size, some equal, some around the floor."""
    pred, target = residuals(dtype)
    every = numbers(dtype, 1000)
    shuffled = np.random.default_rng(4).permutation(every)
    near = around(eps, dtype) if eps else np.zeros(1, dtype)
    sizes = [pred, every, every, near, near, 0 * near]
    others = [target, shuffled, -every / 3, near / 2, 0 * near, near]
    return moderate(dtype, np.concatenate(sizes), np.concatenate(others))


def amounts(dtype: np.dtype) -> Batch:
    """Return numbers above -1 of every size, beside each other and far apart."""
    every = numbers(dtype, 900)
    near = np.concatenate(
        [around(place, dtype) for place in (-1.0, -0.5, 0.0, 1.0, float(np.e) - 1)]
    )
    every = np.concatenate([every, near])
    every = every[every > -1]
    factors = np.random.default_rng(5).choice([1.0, 1.0 + 1e-3, 1.5, 2.0, 3.0, 0.5], every.size)
    with np.errstate(over="ignore"):
        close = (every.astype(np.float64) * factors).astype(dtype)
    shuffled = np.random.default_rng(6).permutation(every)
    ones = np.full_like(every, 1.0)
    pred, target = (
        np.concatenate([every, every, every, every]),
        np.concatenate([close, shuffled, ones, np.nextafter(ones, 2) - 1]),
    )
    fair = np.isfinite(target.astype(np.float64)) & (target > -1)
    return ordinary(dtype, pred[fair], target[fair])


SWEEPS = (
    pointwise(pl.mse_loss, residuals),
    pointwise(pl.l1_loss, residuals),
    pointwise(pl.rmse_loss, squarable, orders=2),
    pointwise(pl.log_cosh_loss, steps),
    *(pointwise(pl.mape_loss, proportions, eps=eps) for eps in (0.0, 1e-3)),
    *(pointwise(pl.smape_loss, proportions, eps=eps) for eps in (0.0, 2.0**-10)),
    pointwise(pl.msle_loss, amounts),
)
