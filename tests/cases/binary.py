"""Cases and sweeps of the losses of binary classification."""

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


def _margins(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return real(rng, shape), rng.choice([-1.0, 1.0], shape)


SMOOTHED = {"label_smoothing": 0.1}
MARGINS = (
    [1.0, -1.0, 0.0, 0.0, -0.0, 3.0, -2.0, 0.5, 100.0, -100.0, INF, -INF],
    [1.0, -1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0],
)
LOGITS = (
    [
        0.0,
        0.0,
        0.0,
        -0.0,
        2.0,
        -2.0,
        100.0,
        -100.0,
        800.0,
        -800.0,
        2000.0,
        -2000.0,
        INF,
        -INF,
        INF,
        -INF,
    ],
    [0.0, 1.0, 0.25, 0.0, 0.5, 0.5, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0],
)

CASES = (
    Case(
        "binary_cross_entropy",
        _probabilities,
        ({}, {"eps": 0.0}, {"eps": 1e-3}, SMOOTHED),
        kinks=([0.5, 0.5, 0.125, 0.25], [0.5, 1.0, 0.0, 0.25]),
    ),
    Case(
        "binary_cross_entropy_with_logits",
        _logits,
        ({}, {"pos_weight": 2.5}, SMOOTHED, {"pos_weight": 2.5, "label_smoothing": 0.5}),
        kinks=(
            [0.0, 0.0, 0.0, -0.0, 100.0, -100.0, 800.0, -800.0, INF, -INF, INF, -INF],
            [0.0, 1.0, 0.3, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0],
        ),
    ),
    Case("soft_margin_loss", _margins, kinks=MARGINS),
    Case("hinge_loss", _margins, kinks=MARGINS),
    Case("squared_hinge_loss", _margins, kinks=MARGINS),
    Case("perceptron_loss", _margins, kinks=MARGINS),
    Case("exponential_loss", _margins, kinks=MARGINS),
    Case(
        "sigmoid_focal_loss",
        _logits,
        (
            {},
            {"alpha": 0.25},
            {"gamma": 0.5},
            {"gamma": 0.0},
            {"gamma": 3.0, "alpha": 0.9},
            SMOOTHED,
            {"alpha": 0.25, "label_smoothing": 1.0},
        ),
        kinks=LOGITS,
    ),
    Case(
        "asymmetric_loss",
        _logits,
        (
            {},
            {"gamma_negative": 0.0, "clip": 0.3},
            {"gamma_negative": 2.0, "gamma_positive": 0.0, "clip": 0.0},
            {"gamma_negative": 0.5, "gamma_positive": 2.5},
            SMOOTHED,
        ),
        kinks=LOGITS,
    ),
    Case(
        "poly_binary_cross_entropy",
        _logits,
        ({}, {"epsilon": -1.0}, {"epsilon": 2.5}, SMOOTHED),
        kinks=LOGITS,
    ),
)


def probabilities(dtype: np.dtype, eps: float = 1e-15, **_: float) -> Batch:
    """Return probabilities from the smallest number to the last below 1, hard and soft targets."""
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
    # Excluded is the rounded eps, which may be below eps
    spread = spread[(spread >= 0) & (spread <= 1) & (spread != dtype.type(eps))]
    targets = (0.0, 1.0, 0.5, 0.1, 0.99, 1e-3, float(limits.epsneg))
    batches = [(spread, target) for target in targets]
    batches.append(
        (np.concatenate([around(target, dtype)[:3] for target in targets[2:]]), targets[3])
    )
    return together(batches, dtype)


def logits(dtype: np.dtype, pos_weight: float = 1.0, **_: float) -> Batch:
    """Return logits of every size, and infinite ones, with hard and soft targets."""
    spread = np.append(numbers(dtype, 420), np.asarray([np.inf, -np.inf], dtype))
    # it multiplies what was rounded to a subnormal number: not fair are logits with such a sigmoid
    if pos_weight > 4:
        limits = finfo(dtype)
        spread = spread[
            (np.abs(spread) < -limits.minexp * np.log(2))
            | (np.abs(spread) > (limits.nmant + 8 - limits.minexp) * np.log(2))
        ]
    return together([(spread, target) for target in (0.0, 1.0, 0.5, 0.1, 0.99, 1e-3)], dtype)


def margins(dtype: np.dtype) -> Batch:
    """Return scores of every size, infinite ones, and those around the margin, of both signs."""
    infinite = np.asarray([np.inf, -np.inf], dtype)
    spread = np.concatenate(
        [numbers(dtype, 980), infinite, around(1.0, dtype), around(-1.0, dtype)]
    )
    return together([(spread, target) for target in (-1.0, 1.0)], dtype)


def every_logit(dtype: np.dtype, **_: object) -> Batch:
    """Return logits of every size, and infinite ones, with hard and soft targets."""
    return logits(dtype, 1.0)


MARGIN_LOSSES = (
    pl.soft_margin_loss,
    pl.hinge_loss,
    pl.squared_hinge_loss,
    pl.perceptron_loss,
    pl.exponential_loss,
)


def shifted_logits(dtype: np.dtype, clip: float = 0.05, **_: float) -> Batch:
    """Return logits of every size, and those around the clipped probability."""
    pred, target = every_logit(dtype)
    if not clip:
        return pred, target
    near = around(float(np.log(clip / (1 - clip))), dtype)
    return np.concatenate([pred, near, near]), np.concatenate(
        [target, np.zeros_like(near), np.full_like(near, 0.5)]
    )


SWEEPS = (
    *(
        pointwise(loss, points, factor=factor, **SMOOTHED)
        for loss, points, factor in (
            (pl.binary_cross_entropy, probabilities, 4.0),
            (pl.binary_cross_entropy_with_logits, logits, 4.0),
            (pl.sigmoid_focal_loss, every_logit, 8.0),
            (pl.poly_binary_cross_entropy, every_logit, 4.0),
            (pl.asymmetric_loss, shifted_logits, 8.0),
        )
    ),
    *(pointwise(pl.binary_cross_entropy, probabilities, eps=eps) for eps in (1e-15, 0.0, 1e-3)),
    *(
        pointwise(pl.binary_cross_entropy_with_logits, logits, pos_weight=weight)
        for weight in (1.0, 0.3, 20.0)
    ),
    *(pointwise(loss, margins) for loss in MARGIN_LOSSES),
    *(
        pointwise(pl.sigmoid_focal_loss, every_logit, factor=8.0, gamma=gamma)
        for gamma in (2.0, 0.0, 0.5, 3.0)
    ),
    pointwise(pl.sigmoid_focal_loss, every_logit, factor=8.0, alpha=0.25),
    pointwise(pl.sigmoid_focal_loss, every_logit, factor=8.0, gamma=2.7, alpha=0.9),
    *(
        pointwise(pl.poly_binary_cross_entropy, every_logit, epsilon=epsilon)
        for epsilon in (1.0, -1.0, 2.5)
    ),
    *(
        pointwise(
            pl.asymmetric_loss,
            shifted_logits,
            factor=8.0,
            gamma_negative=negative,
            gamma_positive=positive,
            clip=clip,
        )
        for negative, positive, clip in (
            (4.0, 1.0, 0.05),
            (2.0, 0.0, 0.0),
            (1.0, 1.0, 0.3),
            (0.0, 0.0, 0.05),
            (0.5, 2.0, 1e-3),
        )
    ),
)
