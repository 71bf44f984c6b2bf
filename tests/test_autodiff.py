"""The formulas under the autodiff of torch and JAX: the registered derivatives, at kinks and at what is left out as well."""

from typing import Any

import numpy as np
import pytest
from cases import CASES, ROWS, example
from test_every_loss import close, masked_example

import portable_losses as pl

first_of_each = pytest.mark.parametrize("case", CASES, ids=str)
pytestmark = pytest.mark.backends("torch", "jax")

INF = np.inf
KINKS = {
    "mse_loss": ([0.0, 1.0, -2.0], [0.0, 1.0, -2.0]),
    "l1_loss": ([0.0, 1.0, -2.0, 3.0], [0.0, 1.0, -2.0, 1.0]),
    "huber_loss": ([0.0, 1.0, -1.0, 2.0, 0.5], [0.0, 0.0, 0.0, 1.0, 0.5]),
    "binary_cross_entropy": ([0.5, 0.5, 0.125, 0.25], [0.5, 1.0, 0.0, 0.25]),
    "binary_cross_entropy_with_logits": (
        [0.0, 0.0, 0.0, -0.0, 100.0, -100.0, 800.0, -800.0, INF, -INF, INF, -INF],
        [0.0, 1.0, 0.3, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0],
    ),
    "cross_entropy": (
        [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [5.0, -INF, 5.0], [-INF, 0.0, -INF], [200.0, 0.0, 0.0], [1e8, 1e8, 0.0]],
        [0, 1, 2, 1, 0, 1],
    ),
}
"""Inputs where a formula changes, where logits tie, and the infinities: the derivative is the same as registered there."""


def gradient(backend: Any, function: Any, *arrays: Any) -> Any:
    """Differentiate a function of arrays with respect to the first, by the library's own means."""
    if backend.base == "jax":
        import jax

        return backend.wrap(jax.grad(function))(*arrays)
    import torch

    if backend.compiled:
        leaf = arrays[0].detach().requires_grad_()
        backend.wrap(function)(leaf, *arrays[1:]).backward()
        return leaf.grad
    return torch.func.grad(function)(*arrays)


def vmap(backend: Any, function: Any) -> Any:
    """Map a function over the first axis, by the library's own means."""
    if backend.base == "jax":
        import jax

        return backend.wrap(jax.vmap(function))
    import torch

    return torch.func.vmap(function)


def test_every_loss_has_kinks():
    assert KINKS.keys() == {case.name for case in CASES}


@first_of_each
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradient_of_the_formula(backend, dtype, case, reduction):
    drawn = example(case, 0, dtype)
    arrays = [backend.asarray(x) for x in drawn.arrays]
    actual = gradient(backend, lambda *a: case.loss(*a, reduction=reduction), *arrays)
    expected = drawn.derivative / (ROWS if reduction == "mean" else 1)
    # The derivative of a sum that nearly cancels: to a few ulp of its terms, where the registered one keeps the last digits.
    np.testing.assert_allclose(backend.to_numpy(actual), expected, rtol=1e-4, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", KINKS)
def test_gradient_of_the_formula_at_kinks(backend, dtype, name):
    loss = getattr(pl, name)
    pred, target = KINKS[name]
    arrays = [backend.asarray(pred, dtype), backend.asarray(np.asarray(target))]
    registered = backend.to_numpy(loss.grad(*arrays, reduction="sum"))
    actual = backend.to_numpy(gradient(backend, lambda *a: loss(*a, reduction="sum"), *arrays))
    np.testing.assert_allclose(actual, registered, rtol=1e-6, atol=4 * np.finfo(dtype).eps)


def test_gradient_of_binary_cross_entropy_at_certainty(backend, dtype):
    """There the floor holds the value, and only the registered derivative points away; autodiff must not say NaN."""
    arrays = [backend.asarray([0.0, 1.0, 0.0, 1.0], dtype), backend.asarray([0.0, 1.0, 1.0, 0.0], dtype)]
    actual = gradient(backend, lambda *a: pl.binary_cross_entropy(*a, reduction="sum"), *arrays)
    assert np.all(np.isfinite(backend.to_numpy(actual)))


@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_gradient_with_respect_to_the_target(backend, dtype, name):
    """Distillation learns from it; it is linear, also where a target is 0 or 1."""
    loss = getattr(pl, name)
    pred = np.asarray([0.25, 0.75, 0.5, 0.25, 0.5], dtype=dtype)
    target = np.asarray([0.0, 1.0, 0.5, 1.0, 0.0], dtype=dtype)
    actual = gradient(backend, lambda t, p: loss(p, t, reduction="sum"), backend.asarray(target), backend.asarray(pred))
    yes, no = (loss(pred, np.full_like(pred, y), reduction="none") for y in (1.0, 0.0))
    np.testing.assert_allclose(backend.to_numpy(actual), yes - no, rtol=0, atol=8 * np.finfo(dtype).eps)


@first_of_each
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_what_is_left_out_has_no_gradient(backend, dtype, case, reduction):
    drawn, weights, where, spoilt = masked_example(case, dtype)
    arrays = [backend.asarray(x) for x in spoilt]
    options = {"weights": backend.asarray(weights), "where": backend.asarray(where), "reduction": reduction}
    actual = backend.to_numpy(gradient(backend, lambda *a: case.loss(*a, **options), *arrays))
    counted = weights.astype(float) * where
    assert np.all(actual[counted == 0] == 0)
    share = counted / np.sum(counted) if reduction == "mean" else counted
    expected = (share[..., None] if case.row else share) * drawn.derivative
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=16 * np.finfo(dtype).eps)


@first_of_each
def test_nothing_kept_has_gradient_zero(backend, dtype, case):
    arrays = [backend.asarray(x) for x in example(case, 0, dtype).arrays]
    nothing = backend.asarray(np.zeros(ROWS, dtype=bool))
    assert np.all(backend.to_numpy(gradient(backend, lambda *a: case.loss(*a, where=nothing), *arrays)) == 0)


@first_of_each
@pytest.mark.eager
def test_second_derivative_is_that_of_the_first(backend, dtype, case):
    drawn = example(case, 0, dtype)
    arrays = [backend.asarray(x) for x in drawn.arrays]
    _, second = case.loss.grad_and_hess(*arrays, reduction="sum")
    if not case.row:
        actual = gradient(backend, lambda *a: backend.xp.sum(case.loss.grad(*a, reduction="sum")), *arrays)
    else:  # the diagonal, a class at a time
        columns = [
            gradient(backend, lambda *a, k=k: backend.xp.sum(case.loss.grad(*a, reduction="sum")[..., k]), *arrays)[..., k]
            for k in range(drawn.arrays[0].shape[-1])
        ]
        actual = backend.xp.stack(columns, axis=-1)
    np.testing.assert_allclose(backend.to_numpy(actual), backend.to_numpy(second), rtol=1e-4, atol=32 * np.finfo(dtype).eps)


@first_of_each
@pytest.mark.eager
def test_vmap(backend, dtype, case):
    """Over a batch of calls: the same as one call for each, for values, gradients and options that are arrays."""
    drawn = example(case, 0, dtype, (3, 2))
    arrays = [backend.asarray(x) for x in drawn.arrays]
    close(backend.to_numpy(vmap(backend, case.loss)(*arrays)), np.mean(drawn.value, axis=1), dtype)
    actual = backend.to_numpy(vmap(backend, case.loss.grad)(*arrays))
    close(actual, drawn.derivative / 2, dtype)
    where = backend.asarray([[True, False], [True, True], [False, True]])
    actual = vmap(backend, lambda pred, target, keep: case.loss(pred, target, where=keep, reduction="sum"))(*arrays, where)
    close(backend.to_numpy(actual), np.sum(drawn.value * [[1, 0], [1, 1], [0, 1]], axis=1), dtype)


@pytest.mark.backends("torch")
@pytest.mark.eager
@first_of_each
def test_backward(backend, dtype, case):
    """The way a torch user differentiates, with a leaf that requires it."""
    drawn = example(case, 0, dtype)
    pred, target = (backend.asarray(x) for x in drawn.arrays)
    pred.requires_grad_()
    case.loss(pred, target).backward()
    np.testing.assert_allclose(pred.grad.numpy(), drawn.derivative / ROWS, rtol=1e-4, atol=8 * np.finfo(dtype).eps)


@pytest.mark.backends("torch", "jax")
@pytest.mark.eager
def test_a_loss_without_derivatives_uses_autodiff(backend, dtype):
    @pl.loss
    def quartic(xp: Any, pred: Any, target: Any, /) -> Any:
        return (pred - target) ** 4

    pred = np.asarray([1.0, 2.0, -1.0], dtype=dtype)
    value, first = quartic.value_and_grad(backend.asarray(pred), 0.0, reduction="sum")
    close(backend.to_numpy(value), np.sum(pred**4), dtype)
    close(backend.to_numpy(first), 4 * pred**3, dtype)
    _, second = quartic.grad_and_hess(backend.asarray(pred), 0.0, reduction="sum")
    close(backend.to_numpy(second), 12 * pred**2, dtype)
