"""Every value and derivative against exact arithmetic, from the smallest to the largest numbers: worst error 4 ulp.

A unit in the last place (ulp) is the distance of neighbouring numbers around the correctly rounded result. Where the result
is a difference that cancels, it is that around the larger of the two terms. float16 is evaluated in float32 and rounded
once: 1 ulp. The table of cases is at the end.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import exact
import numpy as np
import pytest
from mpmath import mp, mpf

import portable_losses as pl
from portable_losses import special

LIMITS = {np.float16: 1.0, np.float32: 4.0, np.float64: 4.0}
POINTS = 2000

Batch = tuple[np.ndarray, ...]


class Case(NamedTuple):
    """What is computed, what it should be, and on which numbers."""

    name: str
    compute: Callable[..., np.ndarray]
    """From the order (0 the value, 1 and 2 the derivatives) and the arrays to the results."""
    exact: Callable[..., Sequence[Any]]
    """From the numbers of one point, or the rows of one, to the exact results of all orders."""
    batches: Callable[[np.dtype], Sequence[Batch]]
    orders: int


# What to compute


def of_loss(loss: Any, **parameters: float) -> Callable[..., np.ndarray]:
    def compute(order: int, *arrays: np.ndarray) -> np.ndarray:
        if order == 0:
            return loss(*arrays, reduction="none", **parameters)
        if order == 1:
            return loss.grad(*arrays, reduction="none", **parameters)
        return loss.grad_and_hess(*arrays, reduction="none", **parameters)[1]

    return compute


def of_special(function: Any) -> Callable[..., np.ndarray]:
    return lambda order, x: function.grad(x) if order else function(x)


def pointwise(loss: Any, points: Callable[..., Batch], **parameters: float) -> Case:
    settings = {key: mpf(value) for key, value in parameters.items()}
    name = " ".join((loss.__name__, *(f"{key}={value:g}" for key, value in parameters.items())))
    return Case(
        name,
        of_loss(loss, **parameters),
        lambda pred, target: getattr(exact, loss.__name__)(pred, target, **settings),
        lambda dtype: [points(dtype, **parameters)],
        3,
    )


def elementwise(function: Any) -> Case:
    name = function.__name__
    return Case(name, of_special(function), getattr(exact, name), lambda dtype: [(numbers(dtype, POINTS),)], 2)


def by_row(function: Any) -> Case:
    name = function.__name__
    reference = getattr(exact, name)
    return Case(name, of_special(function), lambda row: (list(reference(row)),), lambda dtype: [(x,) for x in rows(dtype)], 1)


# On which numbers


def numbers(dtype: np.dtype, count: int) -> np.ndarray:
    """Give numbers of both signs in every binade, from the smallest subnormal to the largest, 0, and the ordinary ones."""
    limits, random = np.finfo(dtype), np.random.default_rng(count)
    exponents = np.linspace(limits.minexp - limits.nmant, limits.maxexp - 1, count // 2).astype(int)
    spread = np.ldexp(random.uniform(1, 2, exponents.size), exponents)
    spread = np.minimum(spread, float(limits.max)).astype(dtype) * random.choice([-1, 1], spread.size).astype(dtype)
    corners = np.asarray([0, limits.smallest_subnormal, limits.smallest_normal, limits.max], dtype)
    ordinary = random.normal(0, 6, count // 2).astype(dtype)
    # Where exp(-x) becomes subnormal, and 0, and where 1 + exp(-x) becomes 1
    turns = [log * np.log(2) for log in (-limits.minexp, limits.nmant - limits.minexp, limits.nmant, limits.maxexp)]
    return np.concatenate(
        [spread, corners, -corners, ordinary, *(sign * around(turn, dtype) for turn in turns for sign in (-1, 1))]
    )


def around(centre: float, dtype: np.dtype) -> np.ndarray:
    """Give a number, its neighbours, and numbers that come closer to it from both sides."""
    limits = np.finfo(dtype)
    steps = np.append(np.geomspace(float(limits.eps), 0.5, 10), 0) * max(abs(centre), float(limits.smallest_normal))
    with np.errstate(over="ignore"):
        points = np.concatenate([centre - steps, centre + steps])
    return points.clip(-float(limits.max), float(limits.max)).astype(dtype)


def residuals(dtype: np.dtype, delta: float = 1.0) -> Batch:
    """Give predictions and targets: all residuals from 0, and from other targets the same and those around the kinks."""
    limits = np.finfo(dtype)
    batches = [(numbers(dtype, POINTS // 2), 0.0)]
    for target in (0.0, 1.0, -0.1, 300.7, float(limits.smallest_subnormal), float(limits.max), -float(limits.max) / 3):
        kinks = [around(float(dtype.type(target)) + kink, dtype) for kink in (0.0, delta, -delta)]
        batches.append((np.concatenate([numbers(dtype, 100), *kinks]), target))
    pred, target = together(batches, dtype)
    # The second derivative jumps at delta: not fair is a residual that is delta only after rounding, of itself or of delta.
    with np.errstate(over="ignore", invalid="ignore"):
        residual = pred - target
        exactly = (residual + target == pred) & (pred - residual == target) & (float(dtype.type(delta)) == delta)
    fair = exactly | (np.abs(residual) != dtype.type(delta))
    return pred[fair], target[fair]


def probabilities(dtype: np.dtype, eps: float) -> Batch:
    """Give predictions down to the smallest number and up to the last below 1, with hard and soft targets."""
    limits, random = np.finfo(dtype), np.random.default_rng(1)
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
        limits = np.finfo(dtype)
        spread = spread[
            (np.abs(spread) < -limits.minexp * np.log(2)) | (np.abs(spread) > (limits.nmant + 8 - limits.minexp) * np.log(2))
        ]
    return together([(spread, target) for target in (0.0, 1.0, 0.5, 0.1, 0.99, 1e-3)], dtype)


def together(batches: Sequence[tuple[np.ndarray, float]], dtype: np.dtype) -> Batch:
    pred = np.concatenate([x for x, _ in batches])
    target = np.concatenate([np.full(x.size, target) for x, target in batches]).astype(dtype)
    assert pred.dtype == target.dtype == dtype
    assert pred.size >= POINTS
    return pred, target


def rows(dtype: np.dtype) -> Iterator[np.ndarray]:
    """Give rows of 2 to 50 logits of all sizes: far from 0, with one that dominates, with ties, with masked classes."""
    for classes, count in ((2, 240), (3, 80), (10, 30), (50, 20)):
        random = np.random.default_rng(classes)
        largest = 3e4 if dtype == np.float16 else 1e30
        scale = np.geomspace(1 / largest, largest, count)[:, None]
        every_size = random.normal(0, 0.4, (count, classes)) * scale
        ordinary = random.normal(0, 4, (count, classes))
        dominant = random.normal(0, 1, (count, classes))
        dominant[np.arange(count), random.integers(0, classes, count)] += random.uniform(0, 110, count)
        far = random.normal(0, 5, (count, classes)) + random.choice([-1, 1], (count, 1)) * np.minimum(scale, 1e8)
        ties = random.choice([0, 20.5, 21.0], (count, classes)) * random.uniform(0, 2, (count, 1))
        masked = random.normal(0, 4, (count, classes))
        masked[(random.uniform(size=masked.shape) < 0.4) & (np.arange(classes) > 0)] = -np.inf
        yield np.concatenate([every_size, ordinary, dominant, far, ties, masked]).clip(None, largest).astype(dtype)


def labelled(dtype: np.dtype) -> Iterator[Batch]:
    """Give logits and labels, half of them that of the largest logit."""
    for x in rows(dtype):
        random = np.random.default_rng(2)
        yield x, np.where(random.uniform(size=len(x)) < 0.5, x.argmax(axis=1), random.integers(0, x.shape[1], len(x)))


def spread_out(dtype: np.dtype) -> Iterator[Batch]:
    """Give logits and rows of probabilities, none of them on a masked class."""
    for x in rows(dtype):
        target = np.random.default_rng(3).dirichlet(np.full(x.shape[1], 0.5), len(x)) * (x > -np.inf)
        yield x, target.astype(dtype)


def of_label(row: Sequence[Any], label: Any) -> tuple[Any, ...]:
    return exact.cross_entropy(row, [mpf(int(i == label)) for i in range(len(row))])


def smoothed(row: Sequence[Any], target: Sequence[Any]) -> tuple[Any, ...]:
    smoothing = mpf(0.1)
    return exact.cross_entropy(row, [(1 - smoothing) * y + smoothing / len(row) for y in target])


# The comparison


@cache
def exactly(case: Case, dtype: np.dtype) -> tuple[list[Batch], list[list[Any]]]:
    """Give the numbers of a case, and for each order the exact results, one after the other."""
    batches = list(case.batches(dtype))
    results: list[list[Any]] = [[] for _ in range(case.orders)]
    with mp.workdps(exact.DIGITS):
        for batch in batches:
            for point in zip(*(_as_mpf(x) for x in batch), strict=True):
                for order, result in zip(results, case.exact(*point), strict=False):
                    order.extend(result if isinstance(result, list) else [result])
    return batches, results


def _as_mpf(array: np.ndarray) -> list[Any]:
    if array.ndim > 1:
        return [tuple(_as_mpf(row)) for row in array]
    return [mpf(x) for x in array.astype(np.float64).tolist()]


def worst(case: Case, dtype: np.dtype, order: int) -> tuple[float, str]:
    """Give the worst error in ulp, and where it is."""
    batches, results = exactly(case, dtype)
    computed = [case.compute(order, *batch) for batch in batches]
    assert all(x.dtype == dtype for x in computed)
    place = [(i, j) for i, x in enumerate(computed) for j in np.ndindex(x.shape)]
    with mp.workdps(exact.DIGITS):
        errors = [exact.ulps(computed[i][j], right, dtype) for (i, j), right in zip(place, results[order], strict=True)]
    at = int(np.argmax(errors))
    i, j = place[at]
    inputs = ", ".join(repr(x[j[: x.ndim]] if x.ndim <= len(j) else x[j[0]]) for x in batches[i])
    return errors[at], f"{computed[i][j]!r} instead of {results[order][at]} at ({inputs})"


CASES = [
    pointwise(pl.mse_loss, residuals),
    pointwise(pl.l1_loss, residuals),
    *(pointwise(pl.huber_loss, residuals, delta=delta) for delta in (1.0, 1.345, 1e-3, 1e4)),
    *(pointwise(pl.binary_cross_entropy, probabilities, eps=eps) for eps in (1e-15, 0.0, 1e-3)),
    *(pointwise(pl.binary_cross_entropy_with_logits, logits, pos_weight=weight) for weight in (1.0, 0.0, 0.3, 3.0, 20.0)),
    Case("cross_entropy labels", of_loss(pl.cross_entropy), of_label, labelled, 3),
    Case("cross_entropy probabilities", of_loss(pl.cross_entropy), exact.cross_entropy, spread_out, 3),
    Case("cross_entropy smoothed", of_loss(pl.cross_entropy, label_smoothing=0.1), smoothed, spread_out, 3),
    *(elementwise(function) for function in (special.sigmoid, special.softplus, special.log_sigmoid)),
    *(by_row(function) for function in (special.softmax, special.log_softmax, special.logsumexp)),
]


ORDERS = ("value", "derivative", "second_derivative")


@pytest.mark.parametrize("kind", LIMITS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("case", "order"),
    [pytest.param(case, order, id=f"{case.name} {ORDERS[order]}") for case in CASES for order in range(case.orders)],
)
def test_every_digit_but_the_last_is_right(case: Case, order: int, kind: type) -> None:
    error, where = worst(case, np.dtype(kind), order)
    assert error <= LIMITS[kind], f"{error:.3g} ulp: {where}"


def test_every_loss_and_special_function_is_swept() -> None:
    public = [name for name in pl.__all__ if isinstance(getattr(pl, name), pl.Loss)]
    public += [name for name in special.__all__ if isinstance(getattr(special, name), special.Special)]
    assert {case.name.split()[0] for case in CASES} == set(public)
