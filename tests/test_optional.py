"""Optional arrays, and steps that depend on the previous one."""

from typing import Any, Unpack

import numpy as np
import pytest
from marks import compiled_too

import portable_losses as pl
from portable_losses._backends import backend_of
from portable_losses.typing import (
    Array,
    Axis,
    ClassOptions,
    Labels,
    Logit,
    Namespace,
    Options,
    Real,
)


@pl.loss
def offset_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    low: Real | None = None,
    high: Real | None = None,
    **options: Unpack[Options],
) -> Array:
    residual = pred - target
    if low is not None:
        residual = residual - low
    if high is not None:
        residual = residual * high
    return residual * residual


@offset_loss.derivative
def _(
    xp: Namespace, pred: Real, target: Real, /, low: Real | None = None, high: Real | None = None
) -> Array:
    slope = 2 if high is None else 2 * high * high
    return slope * (pred - target if low is None else pred - target - low)


@pl.loss("(class),(),(class)->()", "(class),(class),(class)->()")
def shifted_loss(
    xp: Namespace,
    axis: Axis,
    logits: Logit,
    labels: Labels,
    /,
    shift: Real | None = None,
    **options: Unpack[ClassOptions],
) -> Array:
    shifted = logits if shift is None else logits + shift
    return xp.sum(shifted, axis=axis)


PRED, TARGET, LOW, HIGH = np.random.default_rng(6).normal(size=(4, 5, 3))


@compiled_too
@pytest.mark.parametrize("given", ["", "low", "high", "low high"])
def test_each_may_be_missing(backend: Any, given: str) -> None:
    every = {"low": LOW, "high": HIGH}
    arrays = {name: backend.asarray(every[name], backend.dtypes[0]) for name in given.split()}
    pred, target = (backend.asarray(x, backend.dtypes[0]) for x in (PRED, TARGET))
    value, gradient = backend.call(offset_loss.value_and_grad, pred, target, **arrays)
    low, high = LOW if "low" in given else 0, HIGH if "high" in given else 1
    np.testing.assert_allclose(
        backend.to_numpy(value), np.mean(((PRED - TARGET - low) * high) ** 2), rtol=1e-5
    )
    desired = 2 * (PRED - TARGET - low) * high**2 / PRED.size
    np.testing.assert_allclose(backend.to_numpy(gradient), desired, rtol=1e-3, atol=1e-6)


def test_by_position_or_by_name() -> None:
    both = offset_loss(PRED, TARGET, LOW, HIGH)
    assert (
        both
        == offset_loss(PRED, TARGET, LOW, high=HIGH)
        == offset_loss(PRED, TARGET, high=HIGH, low=LOW)
    )
    assert offset_loss(PRED, TARGET, None, HIGH) == offset_loss(PRED, TARGET, high=HIGH) != both
    assert offset_loss(PRED, TARGET, None) == pl.mse_loss(PRED, TARGET)


def test_what_is_wrong_with_them() -> None:
    with pytest.raises(TypeError, match="offset_loss: low was given twice"):
        offset_loss(PRED, TARGET, LOW, low=LOW)  # type: ignore[misc]
    with pytest.raises(
        TypeError, match=r"offset_loss takes 2 arrays \(pred, target; optionally low, high\), got 5"
    ):
        offset_loss(PRED, TARGET, LOW, HIGH, LOW)  # type: ignore[call-arg]
    with pytest.raises(
        TypeError,
        match=r"offset_loss takes 2 arrays \(pred, target; optionally low, high\), got 2: target",
    ):
        offset_loss(PRED, low=LOW)  # type: ignore[call-arg]
    with pytest.raises(
        ValueError, match=r"offset_loss: pred has shape \(5, 3\) and low has shape \(3, 5\)"
    ):
        offset_loss(PRED, TARGET, low=LOW.T)
    with pytest.raises(TypeError, match="optional arrays after the slash"):

        @pl.loss
        def with_a_number(xp: Namespace, pred: Real, target: Real, /, low: float = 1.0) -> Array:
            return pred


def test_the_labels_are_what_may_not_be_missing() -> None:
    """Weights of classes, and rows to be ignored, are read from them."""
    labels, options = (
        np.asarray([0, 2, 1, 0, 2]),
        {"class_weights": np.asarray([1.0, 2.0, 0.5]), "ignore_index": 1},
    )
    weights = np.asarray([1.0, 0.5, 0, 1, 0.5])
    expected = np.average(PRED.sum(axis=1), weights=weights)
    np.testing.assert_allclose(shifted_loss(PRED, labels, **options), expected, rtol=1e-14)  # type: ignore[arg-type]
    shifted = shifted_loss(PRED, labels, shift=np.ones((5, 3)), **options)  # type: ignore[arg-type]
    np.testing.assert_allclose(shifted, expected + 3, rtol=1e-14)


def steps(xp: Namespace, numbers: Array, reverse: bool) -> tuple[Array, Array, Array]:
    """Add up, and return all sums and their halves."""

    def step(
        carried: tuple[Array, ...], entries: tuple[Array, ...]
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        total = carried[0] + entries[0]
        return (total,), (total, entries[1] / 2)

    (total,), (totals, halves) = xp.scan(
        step, (xp.zeros_like(numbers[0, ...]),), (numbers, numbers), reverse=reverse
    )
    return total, totals, halves


@compiled_too
@pytest.mark.parametrize("reverse", [False, True])
def test_steps(backend: Any, reverse: bool) -> None:
    numbers = backend.asarray(PRED, backend.dtypes[0])
    total, totals, halves = backend.call(lambda x: steps(backend_of(x).xp, x, reverse), numbers)
    np.testing.assert_allclose(backend.to_numpy(total), PRED.sum(axis=0), rtol=1e-5)
    expected = np.cumsum(PRED[::-1], axis=0)[::-1] if reverse else np.cumsum(PRED, axis=0)
    np.testing.assert_allclose(backend.to_numpy(totals), expected, rtol=1e-5)
    np.testing.assert_allclose(backend.to_numpy(halves), PRED / 2, rtol=1e-6)
