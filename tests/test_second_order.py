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
from marks import compiled_too
from mpmath import mp, mpc, mpf

STEP = mpf(10) ** -14
DIGITS = 90
POINTS = 3
"""The number of random points of each case."""


def batches(case: Any, index: int) -> list[tuple[np.ndarray, ...]]:
    """Return random points, and those where the form of the formula changes."""
    drawn = example(case, index, "float64").arrays
    found = [tuple(x[:POINTS] for x in drawn)]
    if case.kinks:
        pairs = zip(case.kinks, drawn, strict=True)
        found.append(tuple(np.asarray(x, None if y.dtype.kind == "i" else float) for x, y in pairs))
    return found


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
) -> tuple[list[float], list[float]] | None:
    """Return the first and second derivative of the gradient in a direction, if they exist."""
    try:
        at = [flat(gradient(*moved(point, along, k * STEP))) for k in (-2, -1, 0, 1, 2)]
    except TypeError:  # complex numbers, outside the domain
        return None
    first, second = [], []
    for numbers in zip(*at, strict=True):
        if any(isinstance(x, mpc) or not mp.isfinite(x) for x in numbers):
            return None  # outside the domain, or at its end
        far, before, here, after, beyond = numbers
        first.append((after - before) / (2 * STEP))
        sides = (far - 2 * before + here, before - 2 * here + after, here - 2 * after + beyond)
        bends = [side / STEP**2 for side in sides]
        if max(bends) - min(bends) > mpf(10) ** -6 * (1 + max(map(abs, bends))):
            return None  # a kink of the gradient, or of its derivative
        second.append(bends[1])
    return [float(x) for x in first], [float(x) for x in second]


@cache
def references(case: Any, index: int, batch: int) -> list[Any]:
    """Return for each point the two derivatives of the gradient, None where there are none."""
    arrays = batches(case, index)[batch]
    along = directions(arrays[: case.predicted])
    reference = case.reference(case.parameters[index])

    def gradient(*given: Any) -> Any:
        return reference(*given)[1]

    found = []
    with mp.workdps(DIGITS):
        for i in range(len(arrays[0])):
            scalars = [x[i] for x in arrays if x[i].ndim == 0]
            if np.all(np.isfinite(scalars)) and all(np.all(x[i] < np.inf) for x in arrays):
                point, direction = ([as_exact(x[i]) for x in some] for some in (arrays, along))
                found.append(slopes_of(gradient, point, direction))
            else:
                found.append(None)
    return found


CHOSEN = [
    pytest.param(case, index, id=f"{case}-{index}")
    for case in CASES
    for index in range(min(2, len(case.parameters)))
    if case.outer is None and not case.shared
]

ONE_OF_EACH = [pytest.param(one.values[0], id=one.id[:-2]) for one in CHOSEN if one.id[-2:] == "-0"]
"""JAX compiles each in a second."""


def by_torch(loss: Any, arrays: Any, along: Any) -> list[list[np.ndarray]]:
    """Differentiate backward twice and three times."""
    import torch

    arrays, along = ([torch.tensor(x) for x in some] for some in (arrays, along))
    leaves = [x.requires_grad_() for x in arrays[: len(along)]]
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

    with jax.enable_x64(True):
        arrays, along = ([jax.numpy.asarray(x) for x in some] for some in (arrays, along))
        number, rest = len(along), arrays[len(along) :]
        gradient = jax.grad(lambda *x: loss(*x, *rest), tuple(range(number)))

        def product(*x: Any) -> Any:
            return jax.jvp(gradient, x, tuple(along))[1]

        @jax.jit
        def both(*x: Any) -> Any:
            return jax.jvp(product, x, tuple(along))

        return [list(map(np.asarray, part)) for part in both(*arrays[:number])]


@pytest.mark.backends("torch")
@pytest.mark.parametrize(("case", "index"), CHOSEN)
def test_derivatives_of_the_derivative(backend: Any, case: Any, index: int) -> None:
    are_right(backend, by_torch, case, index)


@compiled_too
@pytest.mark.backends("jax")
@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_derivatives_of_the_derivative_by_jax(backend: Any, case: Any) -> None:
    are_right(backend, by_jax, case, 0)


def are_right(backend: Any, differentiated: Callable[..., Any], case: Any, index: int) -> None:
    """Compare two derivatives of the registered derivative with those of the exact one."""
    asked = 0
    for batch, points in enumerate(batches(case, index)):
        along = directions(points[: case.predicted])

        def loss(*arrays: Any) -> Any:
            return case.loss(*arrays, reduction="sum", **case.parameters[index])

        found = differentiated(loss, points, along)
        for i, wanted in enumerate(references(case, index, batch)):
            for order, right in zip(found, wanted or (), strict=wanted is not None):
                actual = np.concatenate([np.ravel(part[i]) for part in order])
                scale = max(1.0, float(np.max(np.abs(right))))
                where = f"order {2 + (order is found[1])} at {[x[i] for x in points]}"
                np.testing.assert_allclose(
                    actual, right, rtol=1e-6, atol=1e-8 * scale, err_msg=where
                )
                asked += 1
    assert asked
