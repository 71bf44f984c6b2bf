"""Arrays that several losses share: a broadcast scale, or one number of a sequence per column."""

from collections.abc import Sequence
from typing import Annotated, Any

import array_api_strict as strict
import numpy as np
import pytest
from annotated_types import Gt, Interval, Lt
from marks import compiled_too

import portable_losses as pl
from portable_losses.typing import Array, Domain, Namespace, Real

Scale = Annotated[
    Array,
    Domain(
        "positive numbers",
        safe=1.0,
        interval=Interval(gt=0.0),
        shared=True,
        hint="as of a deviation",
    ),
]
Share = Annotated[float | Sequence[float], Gt(0.0), Lt(1.0)]

SHAPES = ((), (1,), (3,), (1, 3), (4, 1), (1, 1), (4, 3))
REDUCTIONS = [
    (reduction, axis) for reduction in ("mean", "sum", "none") for axis in (None, 0, 1, (0, 1), ())
]


@pl.loss(predicted=2)
def scaled_loss(xp: Namespace, pred: Real, scale: Scale, target: Real, /) -> Array:
    residual = (pred - target) / scale
    return residual * residual + scale


@scaled_loss.derivative
def _(xp: Namespace, pred: Real, scale: Scale, target: Real, /) -> tuple[Array, Array]:
    residual = (pred - target) / scale
    return 2 * residual / scale, 1 - 2 * residual * residual / scale


@scaled_loss.second_derivative
def _(xp: Namespace, pred: Real, scale: Scale, target: Real, /) -> tuple[Array, Array]:
    residual = (pred - target) / scale
    return 2 / (scale * scale), 6 * residual * residual / (scale * scale)


@pl.loss
def tilted_loss(xp: Namespace, pred: Real, target: Real, /, *, share: Share = 0.5) -> Array:
    residual = target - pred
    return xp.where(residual > 0, residual, xp.zeros_like(residual)) + (share - 1) * residual  # type: ignore[operator]


@tilted_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, share: Share) -> Array:
    return (1 - share) - xp.astype(target > pred, pred.dtype)  # type: ignore[operator]


def data(
    shape: tuple[int, ...], loop: tuple[int, ...] = (4, 3)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    return rng.normal(size=loop), np.asarray(rng.uniform(0.5, 2, shape)), rng.normal(size=loop)


def close(backend: Any, actual: Any, desired: Any, dtype: str) -> None:
    np.testing.assert_allclose(
        backend.to_numpy(actual),
        desired,
        rtol=32 * np.finfo(dtype).eps,
        atol=8 * np.finfo(dtype).eps,
    )


def own_shape(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Add up over the shared axes, with loops."""
    total = np.zeros(shape)
    for index in np.ndindex(gradient.shape):
        place = index[gradient.ndim - len(shape) :]
        total[tuple(min(i, n - 1) for i, n in zip(place, shape, strict=True))] += gradient[index]
    return total


@pytest.mark.parametrize(("reduction", "axis"), REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_of_a_shared_scale_has_its_shape(backend, dtype, reduction, axis, weighted):
    for shape in SHAPES:
        check_gradient_of_scale(backend, dtype, shape, reduction, axis, weighted)


def check_gradient_of_scale(
    backend: Any, dtype: str, shape: tuple[int, ...], reduction: str, axis: Any, weighted: bool
) -> None:
    pred, scale, target = data(shape)
    weights = (
        np.random.default_rng(5).uniform(0, 2, pred.shape).round(1)
        if weighted
        else np.ones(pred.shape)
    )
    full = np.broadcast_to(scale, pred.shape)
    residual = (pred - target) / full
    options = {"weights": backend.asarray(weights, dtype)} if weighted else {}
    arrays = [backend.asarray(x, dtype) for x in (pred, scale, target)]
    counts = np.sum(weights, axis=axis, keepdims=True) if reduction == "mean" else 1.0
    value, gradient = scaled_loss.value_and_grad(*arrays, reduction=reduction, axis=axis, **options)
    loss = weights * (residual**2 + full)
    if reduction == "none":
        close(backend, value, loss, dtype)
    else:
        expected = np.sum(loss / counts, axis=axis)
        close(backend, value, expected, dtype)
    close(backend, gradient[0], weights / counts * 2 * residual / full, dtype)
    close(
        backend,
        gradient[1],
        own_shape(weights / counts * (1 - 2 * residual**2 / full), shape),
        dtype,
    )
    _, second = scaled_loss.grad_and_hess(*arrays, reduction=reduction, axis=axis, **options)
    close(backend, second[1], own_shape(weights / counts * 6 * residual**2 / full**2, shape), dtype)
    assert tuple(gradient[1].shape) == tuple(second[1].shape) == shape
    assert gradient[1].dtype == arrays[1].dtype


@compiled_too
@pytest.mark.parametrize("shape", [(), (3,), (4, 1)], ids=str)
def test_compiled(backend, dtype, shape):
    pred, scale, target = data(shape)
    arrays = [backend.asarray(x, dtype) for x in (pred, scale, target)]
    value, gradient = backend.call(scaled_loss.value_and_grad, *arrays)
    full = np.broadcast_to(scale, pred.shape)
    residual = (pred - target) / full
    close(backend, value, np.mean(residual**2 + full), dtype)
    close(
        backend, gradient[1], own_shape((1 - 2 * residual**2 / full) / residual.size, shape), dtype
    )


@pytest.mark.parametrize("number", [1, 1.5, True, np.float32(1.5)])
def test_a_number_for_a_scale(backend, dtype, number):
    pred, _, target = data(())
    arrays = [
        backend.asarray(pred, dtype),
        backend.asarray(np.asarray(float(number)), dtype),
        backend.asarray(target, dtype),
    ]
    expected = scaled_loss.value_and_grad(*arrays)
    value, gradient = scaled_loss.value_and_grad(arrays[0], number, arrays[2])
    for found, right in (
        (value, expected[0]),
        (gradient[0], expected[1][0]),
        (gradient[1], expected[1][1]),
    ):
        assert found.dtype == right.dtype
        assert tuple(found.shape) == tuple(right.shape)
        close(backend, found, backend.to_numpy(right), dtype)


@pytest.mark.backends("torch", "jax")
def test_autodiff_of_the_formula(backend, dtype):
    from test_autodiff import gradient

    for shape in SHAPES:
        arrays = [backend.asarray(x, dtype) for x in data(shape)]
        found = gradient(backend, scaled_loss, *arrays, number=2)
        for part, right in zip(found, scaled_loss.grad(*arrays), strict=True):
            assert tuple(part.shape) == tuple(right.shape)
            close(backend, part, backend.to_numpy(right), dtype)


@pytest.mark.backends("dask")
def test_shapes_that_nobody_knows(backend, dtype):
    pred, scale, target = data(())
    keep = backend.asarray(np.asarray([True, False, True, True]))
    arrays = [
        backend.asarray(pred, dtype)[keep],
        backend.asarray(scale, dtype),
        backend.asarray(target, dtype)[keep],
    ]
    value, gradient = scaled_loss.value_and_grad(*arrays)
    kept = np.asarray([True, False, True, True])
    residual = (pred - target)[kept] / scale
    close(backend, value, np.mean(residual**2 + scale), dtype)
    close(backend, gradient[1], np.mean(1 - 2 * residual**2 / scale), dtype)


def test_many_blocks_and_layouts():
    for loop in ((300_000,), (100_000, 3), (3, 100_000)):
        for shape in ((), (1,), (loop[-1],), (*loop[:-1], 1)):
            pred, scale, target = data(shape, loop)
            for order in ("C", "F"):
                value, gradient = scaled_loss.value_and_grad(
                    np.asarray(pred, order=order), scale, target
                )
                full = np.broadcast_to(scale, loop)
                residual = (pred - target) / full
                np.testing.assert_allclose(value, np.mean(residual**2 + full), rtol=1e-12)
                slope = (1 - 2 * residual**2 / full) / residual.size
                axes = tuple(
                    i
                    for i in range(len(loop))
                    if i < len(loop) - len(shape) or shape[i - len(loop)] == 1 != loop[i]
                )
                expected = np.sum(slope, axis=axes).reshape(shape)
                np.testing.assert_allclose(gradient[1], expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("library", [np, strict])
def test_a_scale_that_does_not_broadcast(library):
    pred, _, target = (library.asarray(x) for x in data(()))
    for shape in ((4,), (3, 1), (2, 4, 3), (1, 4, 3), (3, 4), (0,), (2,)):
        with pytest.raises(ValueError, match=r"scaled_loss: scale of shape .* does not fit"):
            scaled_loss(pred, library.ones(shape), target)


def test_a_scale_outside_its_domain_is_named_in_its_own_shape():
    pred, _, target = data(())
    for scale, place in (
        (np.asarray(-1.0), "scale is -1.0"),
        (np.asarray([1.0, 0.0, 1.0]), r"scale\[1\] is 0.0"),
    ):
        with pytest.raises(
            ValueError,
            match=(
                rf"scaled_loss: scale must hold positive numbers, "
                rf"but {place} \(as of a deviation\)"
            ),
        ):
            scaled_loss(pred, scale, target)
    with pytest.raises(ValueError, match=r"scale\[2, 0\] is -3.0"):
        scaled_loss(pred, np.asarray([[1.0], [2.0], [-3.0], [-4.0]]), target)
    where = np.asarray([[True], [True], [False], [True]])
    with pytest.raises(ValueError, match=r"scale\[3, 0\] is -4.0"):
        scaled_loss(pred, np.asarray([[1.0], [2.0], [-3.0], [-4.0]]), target, where=where)


# Sequences


SEQUENCES = (
    [0.1, 0.5, 0.9],
    (0.1, 0.5, 0.9),
    np.asarray([0.1, 0.5, 0.9]),
    np.asarray([0.1, 0.5, 0.9], np.float32).astype(float),
)


@pytest.mark.parametrize("share", SEQUENCES, ids=lambda share: type(share).__name__)
@pytest.mark.parametrize("column", [False, True], ids=["same shape", "without the axis"])
def test_a_number_for_each_column(backend, dtype, share, column):
    """The target has the axis as well, or is the same for all of them."""
    pred, _, target = data(())
    target = target[:, 0] if column else target
    arrays = [backend.asarray(x, dtype) for x in (pred, target)]
    value, gradient = tilted_loss.value_and_grad(*arrays, share=share)
    residual = (target[:, None] if column else target) - pred
    share = np.asarray(share)
    close(backend, value, np.mean(np.maximum(residual, 0) + (share - 1) * residual), dtype)
    close(backend, gradient, (1 - share - (residual > 0)) / residual.size, dtype)
    value = tilted_loss(*arrays, share=tuple(share), axis=0)
    close(backend, value, np.mean(np.maximum(residual, 0) + (share - 1) * residual, axis=0), dtype)


def test_a_sequence_over_many_blocks():
    pred, _, target = data((), (200_000, 3))
    share = [0.1, 0.5, 0.9]
    value, gradient = tilted_loss.value_and_grad(pred, target[:, 0], share=share)
    parts = [
        tilted_loss.value_and_grad(pred[:, k], target[:, 0], share=q) for k, q in enumerate(share)
    ]
    np.testing.assert_allclose(value, np.mean([part[0] for part in parts]), rtol=1e-12)
    np.testing.assert_allclose(
        gradient, np.stack([part[1] for part in parts], axis=1) / 3, rtol=1e-12
    )


def test_a_sequence_that_does_not_fit():
    pred, _, target = data(())
    with pytest.raises(
        ValueError,
        match=r"tilted_loss: share holds 2 numbers, one for each entry of the last axis .*\(4, 3\)",
    ):
        tilted_loss(pred, target, share=[0.1, 0.9])
    with pytest.raises(
        ValueError, match=r"tilted_loss: share\[1\] must be a number in \(0, 1\), got 1.5"
    ):
        tilted_loss(pred, target, share=[0.1, 1.5, 0.9])
    with pytest.raises(TypeError, match=r"tilted_loss: share\[0\] must be a number"):
        tilted_loss(pred, target, share=["0.1", 0.5, 0.9])
    with pytest.raises(ValueError, match=r"share holds 1 numbers"):
        tilted_loss(1.0, 2.0, share=[0.5])
