"""Autodiff of the registered derivatives, once and twice: Hessian-vector products, and beyond.

The references are differences of the exact gradient, in mpmath. They are taken at random points,
and where the form of a formula changes while the loss does not: ties, zeros, residuals equal to a
parameter, masked classes. Where the gradient itself has a kink there is nothing to ask.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import exact
import numpy as np
import pytest
from cases import CASES, as_exact, as_tuple, example
from mpmath import mp, mpf

pytestmark = pytest.mark.backends("torch", "jax")

STEP = mpf(10) ** -20
DIGITS = 90
POINTS = 3
"""So many random points of each case."""


def points(case: Any, index: int) -> tuple[np.ndarray, ...]:
    """Return random points, and those where the form of the formula changes."""
    drawn = example(case, index, "float64").arrays
    kinks = [
        np.asarray(x, None if y.dtype.kind == "i" else float)
        for x, y in zip(case.kinks, drawn, strict=True)
    ]
    if any(x.shape[1:] != y.shape[1:] for x, y in zip(kinks, drawn, strict=True)):
        return tuple(kinks)
    return tuple(np.concatenate([x, y[:POINTS]]) for x, y in zip(kinks, drawn, strict=True))


def directions(predictions: Sequence[np.ndarray]) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [np.round(rng.uniform(-1, 1, x.shape), 3) for x in predictions]


def moved(point: Sequence[Any], along: Sequence[Any], step: Any) -> list[Any]:
    def one(x: Any, v: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(one(a, b) for a, b in zip(x, v, strict=True))
        return x + step * v

    return [*map(one, point, along), *point[len(along) :]]


def flat(parts: Any) -> list[Any]:
    numbers = [number for part in as_tuple(parts) for number in exact.flat(part)]
    return [x.exact if isinstance(x, exact.Difference) else x for x in numbers]


def slopes_of(
    gradient: Callable[..., Any], point: Any, along: Any
) -> tuple[list[Any], list[Any], bool]:
    """Return first and second derivative of the gradient along a direction, where they exist."""
    at = [flat(gradient(*moved(point, along, k * STEP))) for k in (-2, -1, 0, 1, 2)]
    first, second, smooth = [], [], True
    for far, before, here, after, beyond in zip(*at, strict=True):
        left, right = (here - before) / STEP, (after - here) / STEP
        scale = 1 + abs(left) + abs(right) + abs((after - before) / STEP)
        smooth &= bool(mp.isfinite(here) and abs(right - left) < mpf(10) ** -12 * scale)
        outer = [(far - 2 * before + here) / STEP**2, (beyond - 2 * after + here) / STEP**2]
        smooth &= bool(
            abs(outer[0] - outer[1]) < mpf(10) ** -8 * (1 + abs(outer[0]) + abs(outer[1]))
        )
        first.append((after - before) / (2 * STEP))
        second.append((after - 2 * here + before) / STEP**2)
    return first, second, smooth


@cache
def references(case: Any, index: int) -> tuple[Any, Any, np.ndarray]:
    """Return for each point the two derivatives of the gradient, and where they exist."""
    arrays = points(case, index)
    along = directions(arrays[: case.predicted])
    reference = case.reference(case.parameters[index])
    firsts, seconds, good = [], [], []
    with mp.workdps(DIGITS):
        for i in range(len(arrays[0])):
            point = [as_exact(x[i]) for x in arrays]
            finite = all(np.all(np.isfinite(x[i]) | (np.asarray(x[i]).ndim > 0)) for x in arrays)
            finite &= all(np.all(x[i] < np.inf) for x in arrays)
            if not finite:
                good.append(False)
                firsts.append(None)
                seconds.append(None)
                continue
            first, second, smooth = slopes_of(
                lambda *given: reference(*given)[1], point, [as_exact(v[i]) for v in along]
            )
            good.append(smooth)
            firsts.append([float(x) for x in first])
            seconds.append([float(x) for x in second])
    return firsts, seconds, np.asarray(good)


CHOSEN = [
    pytest.param(case, index, id=f"{case}-{index}")
    for case in CASES
    for index in range(min(2, len(case.parameters)))
    if case.outer is None and not case.shared
]


def by_torch(loss: Any, arrays: Any, along: Any) -> list[list[np.ndarray]]:
    """Differentiate backward twice and three times."""
    import torch

    leaves = [x.clone().requires_grad_() for x in arrays[: len(along)]]
    value = loss(*leaves, *arrays[len(along) :])
    found = []
    gradients = torch.autograd.grad(value, leaves, create_graph=True)
    for _ in range(2):
        total = sum((g * v).sum() for g, v in zip(gradients, along, strict=True))
        if not total.requires_grad:
            gradients = [torch.zeros_like(x) for x in leaves]
        else:
            made = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
            gradients = [
                torch.zeros_like(x) if g is None else g for g, x in zip(made, leaves, strict=True)
            ]
        found.append([g.detach().numpy() for g in gradients])
    return found


def by_jax(loss: Any, arrays: Any, along: Any) -> list[list[np.ndarray]]:
    """Differentiate backward, and forward once and twice."""
    import jax

    number, rest = len(along), arrays[len(along) :]
    gradient = jax.grad(lambda *x: loss(*x, *rest), tuple(range(number)))

    def product(*x: Any) -> Any:
        return jax.jvp(gradient, x, tuple(along))[1]

    @jax.jit
    def both(*x: Any) -> Any:
        return jax.jvp(product, x, tuple(along))

    return [list(map(np.asarray, part)) for part in both(*arrays[:number])]


@pytest.mark.parametrize(("case", "index"), CHOSEN)
def test_derivatives_of_the_derivative(backend: Any, case: Any, index: int) -> None:
    if backend.compiled or "float64" not in backend.dtypes:
        return
    firsts, seconds, good = references(case, index)
    arrays = [backend.asarray(x) for x in points(case, index)]
    along = [backend.asarray(v) for v in directions(points(case, index)[: case.predicted])]

    def loss(*given: Any) -> Any:
        return case.loss(*given, reduction="sum", **case.parameters[index])

    found = (by_jax if backend.base == "jax" else by_torch)(loss, arrays, along)
    assert np.any(good)
    for order, wanted in zip(found, (firsts, seconds), strict=True):
        for i in np.flatnonzero(good):
            actual = np.concatenate([np.ravel(part[i]) for part in order])
            scale = max(1.0, np.max(np.abs(wanted[i])))
            np.testing.assert_allclose(actual, wanted[i], rtol=1e-6, atol=1e-8 * scale)
