"""Cases and sweeps of the losses that grow more slowly than the square."""

import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import Batch, Case, pointwise
from .draws import pair
from .points import around, numbers, ordinary, residuals, together

INF = np.inf
SCALES = ({}, {"scale": 0.3}, {"scale": 12.5})
PLACES = (
    [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 1e30, -1e30, INF, -INF],
    [0.0, 0.0, 0.0, 0.0, 1.0, 0.5, 0.0, 1.0, 0.0, 0.0],
)

CASES = (
    Case(
        "huber_loss",
        pair,
        ({}, {"delta": 0.3}),
        kinks=([0.0, 1.0, -1.0, 2.0, 0.5, INF, -INF], [0.0, 0.0, 0.0, 1.0, 0.5, 0.0, 0.0]),
    ),
    Case(
        "smooth_l1_loss",
        pair,
        ({}, {"beta": 0.3}, {"beta": 0.0}),
        kinks=([0.0, 2.0, -2.0, 2.0, 0.5, INF, -INF], [0.0, 0.0, 0.0, 1.5, 0.5, 0.0, 0.0]),
    ),
    Case("pseudo_huber_loss", pair, ({}, {"delta": 0.3}, {"delta": 12.5}), kinks=PLACES),
    Case("fair_loss", pair, SCALES, kinks=PLACES),
    Case("cauchy_loss", pair, SCALES, kinks=PLACES),
    Case("geman_mcclure_loss", pair, SCALES, kinks=PLACES),
    Case("welsch_loss", pair, SCALES, kinks=PLACES),
    Case("arctan_loss", pair, SCALES, kinks=PLACES),
    Case(
        "tukey_biweight_loss",
        pair,
        ({}, {"scale": 0.3}, {"scale": 12.5}),
        kinks=([*PLACES[0], 4.685, -4.685, 4.75], [*PLACES[1], 0.0, 0.0, 0.0]),
    ),
    Case(
        "barron_loss",
        pair,
        (
            {},
            {"alpha": 2.0, "scale": 0.3},
            {"alpha": 0.0},
            {"alpha": -INF, "scale": 12.5},
            {"alpha": -2.0, "scale": 0.3},
            {"alpha": 1.3, "scale": 12.5},
            {"alpha": -0.7},
            {"alpha": 3.0},
            {"alpha": -40.5, "scale": 2.0},
            {"alpha": -1e7},
        ),
        kinks=(
            [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, INF, -INF],
            [0.0, 0.0, 0.0, 0.0, 1.0, 0.5, 0.0, 0.0],
        ),
    ),
)


def linear_from(dtype: np.dtype, beta: float) -> Batch:
    return residuals(dtype, beta or 1.0)


def of_scale(dtype: np.dtype, scale: float) -> Batch:
    """Return residuals of every size, many of them near the scale, from targets of every size."""
    limits, random = finfo(dtype), np.random.default_rng(11)
    largest = float(limits.max)

    def near(centre: float, places: int, decades: float) -> np.ndarray:
        sizes = (
            scale * 10 ** random.uniform(-decades, decades, places) * random.choice([-1, 1], places)
        )
        return (centre + sizes).clip(-largest, largest).astype(dtype)

    batches = [(numbers(dtype, 480), 0.0), (near(0.0, 500, 2), 0.0), (near(0.0, 400, 20), 0.0)]
    batches += [(around(sign * scale, dtype), 0.0) for sign in (-1, 1)]
    for target in (1.0, -0.1, 300.7):
        start = float(dtype.type(target))
        batches.append((near(start, 150, 1.5), target))
        batches += [(around(start + sign * scale, dtype), target) for sign in (-1, 0, 1)]
    return ordinary(dtype, *together(batches, dtype), scale=scale)


def of_delta(dtype: np.dtype, delta: float) -> Batch:
    return of_scale(dtype, delta)


def of_shape(dtype: np.dtype, alpha: float, scale: float = 1.0) -> Batch:
    """Return residuals around the scale, and around that of the base of the power."""
    pred, target = of_scale(dtype, scale)
    width = min(max(abs(alpha - 2), 1e-12), 1e12)
    other, zero = of_scale(dtype, scale * width**0.5)
    return np.concatenate([pred, other[:1000]]), np.concatenate([target, zero[:1000]])


SHAPES = (
    1.0,
    2.0,
    0.0,
    -INF,
    -2.0,
    1.5,
    1.999,
    -1e-9,
    3.7,
    -100.0,
    -1e9,
)

SWEEPS = (
    *(pointwise(pl.huber_loss, residuals, delta=delta) for delta in (1.0, 1.345, 1e-3, 1e4)),
    *(pointwise(pl.smooth_l1_loss, linear_from, beta=beta) for beta in (1.0, 0.3, 1e-3, 1e4, 0.0)),
    *(pointwise(pl.pseudo_huber_loss, of_delta, delta=delta) for delta in (1.0, 0.3, 1e4)),
    *(
        pointwise(loss, of_scale, scale=scale)
        for loss in (
            pl.fair_loss,
            pl.cauchy_loss,
            pl.geman_mcclure_loss,
            pl.welsch_loss,
            pl.arctan_loss,
        )
        for scale in (1.0, 0.3, 1e4)
    ),
    *(pointwise(pl.tukey_biweight_loss, of_scale, scale=scale) for scale in (4.685, 0.3, 1e4)),
    *(pointwise(pl.barron_loss, of_shape, alpha=alpha, factor=8.0) for alpha in SHAPES),
    *(
        pointwise(pl.barron_loss, of_shape, alpha=alpha, scale=scale, factor=8.0)
        for alpha, scale in ((1.0, 0.3), (-0.7, 1e4), (2.0, 0.3))
    ),
)
