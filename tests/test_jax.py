"""Tests of JAX: its autodiff uses registered derivatives."""

from typing import Any

import numpy as np
import pytest
from marks import compiled_too
from test_torch import steeper

import portable_losses as pl

pytestmark = pytest.mark.backends("jax")


PRED, TARGET, WEIGHTS = (
    np.asarray([1.0, -2.0, 0.5]),
    np.asarray([0.5, 0.5, 2.0]),
    np.asarray([1.0, 2.0, 0.5]),
)
SLOPE = WEIGHTS / np.sum(WEIGHTS) * (PRED - TARGET)


def mean(pred: Any, target: Any, weights: Any) -> Any:
    return steeper(pred, target, weights=weights)


@compiled_too
def test_the_registered_derivative_is_taken(backend, dtype):
    """Reverse and forward mode, several arrays; targets and weights see the formula itself."""
    import jax

    given = [backend.asarray(x, dtype) for x in (PRED, TARGET, WEIGHTS)]
    rtol = 8 * np.finfo(dtype).eps
    found = backend.wrap(jax.grad(mean, (0, 1)))(*given)
    np.testing.assert_allclose(found[0], 3 * SLOPE, rtol=rtol)
    np.testing.assert_allclose(found[1], -2 * SLOPE, rtol=rtol)
    of_weights = backend.wrap(jax.grad(mean, 2))(*given)
    square, total = (PRED - TARGET) ** 2, np.sum(WEIGHTS)
    np.testing.assert_allclose(
        of_weights, (square - np.sum(WEIGHTS * square) / total) / total, rtol=rtol
    )
    directions = [backend.asarray([1.0, -1.0, 2.0], dtype)] * 2
    _, forward = backend.wrap(
        lambda *given: jax.jvp(lambda p, t: mean(p, t, given[2]), given[:2], tuple(directions))
    )(*given)
    np.testing.assert_allclose(forward, np.sum(SLOPE * np.asarray(directions[0])), rtol=rtol)


@compiled_too
def test_the_second_derivative_is_that_of_the_registered_first(backend, dtype):
    import jax

    given = [backend.asarray(x, dtype) for x in (PRED, TARGET, WEIGHTS)]
    hessian = backend.wrap(jax.hessian(mean))(*given)
    np.testing.assert_allclose(
        hessian, np.diag(3 * WEIGHTS / np.sum(WEIGHTS)), rtol=8 * np.finfo(dtype).eps
    )


@compiled_too
def test_each_of_a_batch_has_its_gradient(backend, dtype):
    """By vmap, over logits and labels, with one list of class weights for all."""
    import jax

    logits = np.random.default_rng(3).normal(size=(5, 4))
    labels, class_weights = np.arange(5) % 4, np.asarray([1.0, 0.5, 2.0, 1.0])

    def loss(logits: Any, label: Any) -> Any:
        return pl.cross_entropy(
            logits, label, class_weights=backend.asarray(class_weights, dtype), reduction="sum"
        )

    found = backend.wrap(jax.vmap(jax.grad(loss)))(
        backend.asarray(logits, dtype), backend.asarray(labels)
    )
    expected = pl.cross_entropy.grad(logits, labels, class_weights=class_weights, reduction="sum")
    np.testing.assert_allclose(found, expected, rtol=0, atol=8 * np.finfo(dtype).eps)


@compiled_too
def test_ordinary_errors_keep_their_digits(backend):
    """The operations of the formula lose four of seven: their derivatives cancel."""
    import jax

    pred = np.random.default_rng(4).normal(size=10_000).astype("float32")
    found = backend.wrap(jax.grad(lambda x: pl.log_cosh_loss(x, 0.0, reduction="sum")))(
        backend.asarray(pred)
    )
    np.testing.assert_allclose(found, np.tanh(pred.astype("float64")), rtol=2e-6)


@compiled_too
@pytest.mark.parametrize("classes", [2, 24, 25, 100], ids=lambda classes: f"{classes} classes")
def test_rows_of_any_length_keep_what_is_beside_their_largest_entry(backend, dtype, classes):
    """One dominant entry, two equal largest entries, all equal, and an ordinary row."""
    import jax

    logits = np.random.default_rng(5).normal(size=(4, classes)).astype(dtype)
    logits[0, 1], logits[1, :2], logits[2] = 12.0, 9.0, 3.0
    labels = np.asarray([1, 0, 1, classes - 1])

    def loss(logits: Any) -> Any:
        return pl.cross_entropy(logits, backend.asarray(labels), reduction="sum")

    given, wide, rtol = (
        backend.asarray(logits, dtype),
        logits.astype("float64"),
        32 * np.finfo(dtype).eps,
    )
    for row in range(len(logits)):
        value = backend.wrap(lambda x, row=row: pl.cross_entropy(x, backend.asarray(labels[row])))(
            given[row]
        )
        np.testing.assert_allclose(value, pl.cross_entropy(wide[row], labels[row]), rtol=rtol)
    gradient = backend.wrap(jax.grad(loss))(given)
    np.testing.assert_allclose(
        gradient, pl.cross_entropy.grad(wide, labels, reduction="sum"), rtol=rtol
    )
    second = backend.wrap(jax.hessian(loss))(given).reshape(logits.size, logits.size)
    _, expected = pl.cross_entropy.grad_and_hess(wide, labels, reduction="sum")
    np.testing.assert_allclose(np.diag(second), expected.ravel(), rtol=8 * rtol)


def test_a_gradient_outside_of_jit_traces_the_formula_once(backend):
    import jax

    traced = []

    @pl.loss
    def square(xp, pred, target, /):
        traced.append(pred)
        return (pred - target) ** 2

    gradient = jax.grad(square)
    given = [backend.asarray(x, np.float32) for x in (PRED, TARGET)]
    first = gradient(*given)
    once = len(traced)
    np.testing.assert_allclose(gradient(*given), first)
    np.testing.assert_allclose(first, 2 * (PRED - TARGET) / 3, rtol=1e-6)
    assert 0 < len(traced) == once


@compiled_too
@pytest.mark.parametrize("classes", [16, 100, 1000], ids=lambda classes: f"{classes} classes")
def test_entries_next_to_the_largest_are_counted_or_added_up(backend, classes):
    """Their exponentials round to 1 or next to it: both sums must agree on that."""
    rows = np.ones((4096, classes), np.float32)
    rows[:, 1:] -= np.arange(4096, dtype=np.float32)[:, None] * np.float32(2**-24)
    target = np.full_like(rows, 1 / classes)
    loss = backend.wrap(lambda *given: pl.cross_entropy(*given, reduction="none"))
    found = loss(backend.asarray(rows, np.float32), backend.asarray(target, np.float32))
    np.testing.assert_allclose(found, np.log(classes), rtol=1e-4)
