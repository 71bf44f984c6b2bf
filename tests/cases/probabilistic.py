"""Cases and sweeps of the losses of quantiles and distributions."""

from collections.abc import Iterator
from typing import Any

import exact
import exact.probabilistic
import numpy as np
from exact.arithmetic import DIGITS, finfo
from mpmath import mp

import portable_losses as pl

from .binary import probabilities
from .case import CLASSES, Batch, Case, Sweep, as_exact, of_loss, pointwise, with_parameters
from .draws import pair, positive, real
from .points import POINTS, around, moderate, numbers, residuals

INF = np.inf


def _ends(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Draw intervals and observations, in them and on both sides."""
    lower = real(rng, shape)
    width = positive(rng, shape)
    return lower, lower + width, lower + width * rng.uniform(-1, 2, shape)


def _distributions(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Draw locations, scales, and observations up to some scales away."""
    scale = rng.uniform(0.5, 2, shape) * 10.0 ** rng.integers(0, 2, shape)
    target = real(rng, shape)
    return target + scale * rng.uniform(-3, 3, shape), scale, target


def _ensembles(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    """Draw members that differ, and observations that are none of them."""
    target = real(rng, shape)
    return target[..., None] + rng.uniform(-1, 1.5, (*shape, CLASSES)) * positive(rng, shape)[
        ..., None
    ], target


def _labels(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return rng.dirichlet(np.ones(CLASSES), shape), rng.integers(0, CLASSES, shape)


def _rows(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return rng.dirichlet(np.ones(CLASSES), shape), rng.dirichlet(np.ones(CLASSES), shape)


CASES: tuple[Case, ...] = (
    Case(
        "pinball_loss",
        pair,
        ({}, {"quantile": 0.1}, {"quantile": 0.999}),
        kinks=([0.0, 1.0, -2.0, 3.0, INF, -INF], [0.0, 1.0, 2.0, 1.0, 0.0, 0.0]),
    ),
    Case(
        "expectile_loss",
        pair,
        ({}, {"expectile": 0.1}),
        kinks=([0.0, 1.0, -2.0, 3.0, INF, -INF], [0.0, 1.0, 2.0, 1.0, 0.0, 0.0]),
    ),
    Case(
        "interval_loss",
        _ends,
        ({}, {"alpha": 0.5}),
        kinks=(
            [0.0, 0.0, 0.0, 1.0, 2.0, -INF],
            [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
            [0.5, 0.0, 1.0, 1.0, 1.5, 0.0],
        ),
    ),
    Case(
        "gaussian_nll_loss",
        _distributions,
        ({}, {"full": True}, {"eps": 3.0}, {"eps": 0.0}),
        kinks=(
            [0.0, 1.0, 2.0, 1.0, 1.0, INF, -INF],
            [1.0, 1.0, 4.0, 0.0, 2.0**-30, 1.0, 0.5],
            [0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0],
        ),
    ),
    Case(
        "laplace_nll_loss",
        _distributions,
        kinks=(
            [0.0, 1.0, 2.0, 1.0, -2.0, INF, -INF],
            [1.0, 1.0, 4.0, 0.5, 2.0, 1.0, 0.5],
            [0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0],
        ),
    ),
    Case(
        "student_t_nll_loss",
        _distributions,
        ({}, {"df": 0.5}, {"df": 1.0}, {"df": 30.0}, {"df": 1e10}),
        kinks=(
            [0.0, 1.0, 2.0, 1.0, 2.0**40, INF, -INF],
            [1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 0.5],
            [0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0],
        ),
    ),
    Case(
        "crps_gaussian_loss",
        _distributions,
        kinks=(
            [0.0, 1.0, 2.0, 1.0, 1e30, -1e30, INF, -INF],
            [1.0, 1.0, 4.0, 0.5, 1e-6, 1.0, 1.0, 0.5],
            [0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0],
        ),
    ),
    Case(
        "crps_ensemble_loss",
        _ensembles,
        ({}, {"fair": True}),
        kinks=(
            [
                [1.0, 4.0, 2.0],
                [2.0, 2.0, 0.0],
                [0.0, 0.0, 0.0],
                [1.0, 0.0, 1.0],
                [3.0, 3.0, 3.0],
                [INF, 1.0, 2.0],
            ],
            [2.0, 1.0, 0.0, -1.0, 2.0, 0.0],
        ),
        row=True,
    ),
    *(
        case
        for name in ("brier_loss", "ranked_probability_loss")
        for case in (
            Case(
                name,
                _labels,
                kinks=([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]], [0, 0]),
                kind="labels",
                row=True,
            ),
            Case(name, _rows, kind="probabilities", row=True, loops=1),
        )
    ),
)


def tilted_residuals(dtype: np.dtype, **parameters: float) -> Batch:
    return residuals(dtype)


def intervals(dtype: np.dtype, **_: float) -> Batch:
    """Return intervals, some crossed, with observations inside, at their ends and far outside."""
    random = np.random.default_rng(5)
    ends, other = (random.choice(numbers(dtype, POINTS), POINTS) for _ in range(2))
    lower, upper = np.minimum(ends, other), np.maximum(ends, other)
    middle = [random.choice(numbers(dtype, POINTS), POINTS)]
    for i, end in enumerate(np.asarray([0.0, 1.0, -0.1, 300.7], dtype)):
        beside = around(float(end), dtype)
        far = random.choice(numbers(dtype, 400), 60)
        observed = np.concatenate([beside, far, np.full(40, end)])
        given = np.full(observed.size, end)
        opposite = random.choice(
            np.concatenate([around(float(end), dtype), numbers(dtype, 400)]), observed.size
        )
        first, second = (given, opposite) if i % 2 else (opposite, given)
        lower, upper = np.concatenate([lower, first]), np.concatenate([upper, second])
        middle.append(observed)
    return moderate(dtype, lower, upper, np.concatenate(middle))


def distributions(
    dtype: np.dtype, power: int = 1, special: tuple[float, ...] = (1.0,), room: float = 1.0
) -> Batch:
    """Return locations, scales and observations, and residuals of about `special` scales.

    A variance is a scale to the `power` of 2. Those of the latter are of all sizes to the power of
    `room`.
    """
    limits, random = finfo(dtype), np.random.default_rng(7)
    high = np.log10(float(limits.max)) / 8
    size = 10 ** random.uniform(-high, high, 1200)
    steps = np.concatenate(
        [[0], np.geomspace(1, 2.0**20, 12), -np.geomspace(1, 2.0**20, 12)]
    ) * float(limits.eps)
    near = np.concatenate([centre * (1 + steps) for centre in special for _ in range(4)])
    z = np.concatenate(
        [
            random.normal(0, 1, 900) * 10.0 ** random.choice([-8, -2, 0, 0, 0, 1, 3, 12], 900),
            near,
            -near,
        ]
    )
    size = random.choice(size, z.size)
    size[-2 * near.size :] **= room
    with np.errstate(over="ignore"):
        target = (
            random.choice([0, 0, 1e-9, 0.1, 1, 30], z.size) * size * random.normal(0, 1, z.size)
        )
        scale = np.concatenate(
            [size**power, np.abs(random.choice(numbers(dtype, POINTS), POINTS // 2))]
        )
        target, loc = (
            np.concatenate([x, random.choice(numbers(dtype, POINTS), POINTS // 2)]).clip(
                -float(limits.max), float(limits.max)
            )
            for x in (target, target + z * size)
        )
        scale, target, loc = scale.astype(dtype), target.astype(dtype), loc.astype(dtype)
    fair = scale > 0
    return moderate(dtype, loc[fair], scale[fair], target[fair])


def variances(dtype: np.dtype, full: bool, eps: float) -> Batch:
    """Return means, variances and observations, the variances also around their floor, and 0."""
    mean, variance, target = distributions(dtype, 2, (1.0, 0.5**0.5))
    floor = np.append(around(eps, dtype), np.asarray([0], dtype))
    # Excluded is the rounded floor as a variance, which may be below the floor
    floor = np.tile(floor[(floor >= 0) & (floor != dtype.type(eps))], 12)
    random = np.random.default_rng(8)
    more = [
        np.append(random.normal(size=floor.size - 40), np.zeros(40)).astype(dtype) for _ in range(2)
    ]
    return tuple(
        np.concatenate(pair) for pair in ((mean, more[0]), (variance, floor), (target, more[1]))
    )


def with_density(dtype: np.dtype) -> Batch:
    """Return those whose density is a normal number, or so small that it is 0 in every digit."""
    loc, scale, target = distributions(dtype, 1, (1.0, np.log(2) ** 0.5, 3.0, 30.0))
    with np.errstate(over="ignore"):
        exponent = ((target.astype(np.float64) - loc) / scale) ** 2 / 2
    end = -np.log(float(finfo(dtype).smallest_normal))
    fair = np.abs(exponent - end) > 40
    return loc[fair], scale[fair], target[fair]


def ensembles(dtype: np.dtype) -> Iterator[Batch]:
    """Return ensembles of 1 to 60 members: around the observation, far from it, with ties."""
    limits = finfo(dtype)
    high = np.log10(float(limits.max)) / 2 - 3
    for count, rows in ((1, 20), (3, 200), (12, 16)):
        random = np.random.default_rng(count)
        size = 10 ** random.uniform(-high, high, (rows, 1))
        with np.errstate(over="ignore"):
            batches = [
                (random.normal(0, size, (rows, count)), random.normal(0, size, (rows, 1))),
                (
                    random.normal(0, size, (rows, count)),
                    random.normal(0, 3, (rows, 1)) * random.choice(size[:, 0], (rows, 1)),
                ),
                (
                    size * (3 + random.normal(0, 1e-3, (rows, count))),
                    size * (3 + random.normal(0, 1e-3, (rows, 1))),
                ),
                (
                    random.choice([0.0, 1.0, 1.5, -2.0], (rows, count)) * size,
                    random.choice([0.0, 1.0], (rows, 1)) * size,
                ),
                (
                    random.choice(numbers(dtype, POINTS), (rows, count)),
                    random.choice(numbers(dtype, POINTS), (rows, 1)),
                ),
            ]
            members, target = (
                np.concatenate(parts).clip(-float(limits.max), float(limits.max)).astype(dtype)
                for parts in zip(*batches, strict=True)
            )
        yield members, target[:, 0]


def _ensemble_sweep(fair: bool) -> Sweep:
    return Sweep(
        f"crps_ensemble_loss fair={fair}",
        of_loss(pl.crps_ensemble_loss, fair=fair),
        with_parameters(exact.of("crps_ensemble_loss"), {"fair": fair}),
        ensembles,
    )


def _forecasts(dtype: np.dtype) -> Iterator[np.ndarray]:
    """Return rows of 1 to 50 probabilities: even, sharp, tiny, and with sums other than 1."""
    tiny = np.abs(numbers(dtype, POINTS))
    tiny = tiny[tiny <= 1]
    for classes, count in ((1, 20), (3, 250), (12, 24)):
        random = np.random.default_rng(classes)
        even, sharp = (random.dirichlet(np.full(classes, alpha), count) for alpha in (1.0, 0.02))
        almost = np.eye(classes)[random.integers(0, classes, count)] * (
            1 - 2 * float(finfo(dtype).eps)
        ) + float(finfo(dtype).eps)
        single = random.uniform(0, 1, (count, classes))
        small = random.choice(tiny, (count, classes))
        yield np.concatenate([even, sharp, almost, single, small]).clip(0, 1).astype(dtype)


def labelled(dtype: np.dtype) -> Iterator[Batch]:
    """Return forecasts and labels, half of them that of the largest probability."""
    for x in _forecasts(dtype):
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
    """Return forecasts and rows of probabilities, some of them nearly the same."""
    for x in _forecasts(dtype):
        random = np.random.default_rng(3)
        nearly = x * (1 + random.choice([0, 1, -2], x.shape) * float(finfo(dtype).eps))
        target = np.where(
            random.uniform(size=(len(x), 1)) < 0.3,
            nearly,
            random.dirichlet(np.full(x.shape[1], 0.5), len(x)),
        )
        yield x, target.clip(0, 1).astype(dtype)


def _fair(batches: Iterator[Batch], dtype: np.dtype) -> Iterator[Batch]:
    """Leave out rows with errors that cancel, when they are cumulated, to the last digits of 1.

    What rounding takes from the sums is put back, but what it takes from that is not: the square of
    eps.
    """
    least = 4 * float(finfo(dtype).eps)
    with mp.workdps(DIGITS):
        for pred, target in batches:
            firsts = [
                exact.probabilistic.ranked_probability_loss(*point)[1]
                for point in zip(*map(as_exact, (pred, target)), strict=True)
            ]
            fair = np.asarray(
                [
                    all(part == 0 or abs(part) > least * max(map(abs, first)) for part in first)
                    for first in firsts
                ]
            )
            yield pred[fair], target[fair]


def _forecast_sweeps(loss: Any) -> Iterator[Sweep]:
    for kind, batches in (("labels", labelled), ("probabilities", spread_out)):

        def drawn(dtype: np.dtype, batches: Any = batches) -> Iterator[Batch]:
            return (
                _fair(batches(dtype), dtype)
                if loss is pl.ranked_probability_loss
                else batches(dtype)
            )

        yield Sweep(f"{loss.__name__} {kind}", of_loss(loss), exact.of(loss.__name__), drawn)
    yield Sweep(
        f"{loss.__name__} binary",
        of_loss(loss),
        exact.of(loss.__name__),
        lambda dtype: [probabilities(dtype, 0.3)],
    )


SWEEPS: tuple[Sweep, ...] = (
    *(
        pointwise(pl.pinball_loss, tilted_residuals, quantile=quantile)
        for quantile in (0.5, 0.1, 0.999)
    ),
    *(
        pointwise(pl.expectile_loss, tilted_residuals, expectile=expectile)
        for expectile in (0.5, 0.1, 0.999)
    ),
    *(pointwise(pl.interval_loss, intervals, alpha=alpha) for alpha in (0.1, 0.999)),
    *(
        pointwise(pl.gaussian_nll_loss, variances, full=full, eps=eps)
        for full, eps in ((False, 1e-6), (True, 0.0), (True, 0.3))
    ),
    pointwise(pl.laplace_nll_loss, lambda dtype: distributions(dtype, 1, (1.0, 0.5))),
    *(
        pointwise(
            pl.student_t_nll_loss,
            lambda dtype, df: distributions(dtype, 1, (1.0, df**0.5), 0.25),
            factor=8.0,
            df=df,
        )
        for df in (4.0, 1.0, 0.1, 37.0, 1e10)
    ),
    pointwise(pl.crps_gaussian_loss, with_density),
    *(_ensemble_sweep(fair) for fair in (False, True)),
    *_forecast_sweeps(pl.brier_loss),
    *_forecast_sweeps(pl.ranked_probability_loss),
)
