"""Losses under the autodiff of torch and JAX: registered derivatives, kinks, left-out elements."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from cases import CASES, ROWS, as_tuple, example
from marks import compiled_too, every_loss, every_loss_where_fast, losses
from test_every_loss import close, masked_example, numpy_of

import portable_losses as pl

pytestmark = pytest.mark.backends("torch", "jax")


def gradient(backend: Any, function: Any, *arrays: Any, number: int = 1) -> tuple[Any, ...]:
    """Differentiate a function with respect to its first arrays, by the library's autodiff."""
    if backend.base == "jax":
        import jax

        return backend.wrap(jax.grad(function, tuple(range(number))))(*arrays)
    import torch

    if backend.compiled:
        leaves = [array.detach().requires_grad_() for array in arrays[:number]]
        backend.wrap(function)(*leaves, *arrays[number:]).backward()
        return tuple(leaf.grad for leaf in leaves)
    return torch.func.grad(function, tuple(range(number)))(*arrays)


def pushed(backend: Any, function: Any, array: Any, tangent: Any) -> Any:
    """Differentiate a function of one array in a direction, in forward mode."""
    if backend.base == "jax":
        import jax

        return backend.wrap(lambda x, t: jax.jvp(function, (x,), (t,))[1])(array, tangent)
    import torch

    return torch.func.jvp(function, (array,), (tangent,))[1]


def at_once(backend: Any, function: Any) -> Any:
    """Compile a function as a whole with JAX, and not each of its operations."""
    if backend.base == "jax":
        import jax

        return jax.jit(function)
    return function


def vmap(backend: Any, function: Any) -> Any:
    """Map a function over the first axis, by the library's own vmap."""
    if backend.base == "jax":
        import jax

        return at_once(backend, jax.vmap(function))
    import torch

    return torch.func.vmap(function)


def test_every_loss_has_kinks():
    assert {case.name for case in CASES if case.kinks} == {case.name for case in CASES}


@every_loss
@compiled_too
def test_gradient_of_the_formula(backend, dtype, case):
    drawn = example(case, 0, dtype)
    arrays = [backend.asarray(x) for x in drawn.arrays]
    reduction, count = ("sum", 1) if case.core else ("mean", ROWS)
    actual = gradient(
        backend, lambda *a: case.loss(*a, reduction=reduction), *arrays, number=case.predicted
    )
    _, expected = case.finished(
        np.sum(drawn.inner) / count, tuple(derivative / count for derivative in drawn.derivatives)
    )
    # The derivative of a sum that nearly cancels is accurate to a few ulp of its terms; the
    # registered one is accurate to a few ulp of the result.
    for part, right in zip(numpy_of(backend, actual), expected, strict=True):
        np.testing.assert_allclose(part, right, rtol=1e-4, atol=8 * np.finfo(dtype).eps)


@losses(case for case in CASES if case.kinks)
@compiled_too
def test_gradient_of_the_formula_at_kinks(backend, dtype, case, index):
    """And at infinity: registered and differentiated, with each setting."""
    parameters = case.parameters[index]
    arrays = [
        backend.asarray(x, dtype if np.asarray(x).dtype.kind == "f" else None) for x in case.kinks
    ]
    # Under torch.compile the operations are the same; JAX rearranges them.
    alone = (
        backend.call
        if backend.base == "jax"
        else lambda function, *a, **options: function(*a, **options)
    )
    registered = numpy_of(backend, alone(case.loss.grad, *arrays, reduction="sum", **parameters))
    actual = gradient(
        backend,
        lambda *a: case.loss(*a, reduction="sum", **parameters),
        *arrays,
        number=case.predicted,
    )
    for part, right in zip(numpy_of(backend, actual), registered, strict=True):
        np.testing.assert_allclose(
            part, right, rtol=1e-6, atol=4 * case.slack * np.finfo(dtype).eps
        )


MASKED = np.asarray(
    [
        [0.5, -np.inf, 1.5, 0.25],
        [-np.inf, 2, -np.inf, -np.inf],
        [1, 1, -np.inf, -np.inf],
        [0, -np.inf, 1, 0.5],
    ]
)
"""The last one has a target on a masked class."""
OF_LOGITS = [
    case for case in CASES if "a masked class" in case.loss.signature.domains[0][0].description
]


def test_losses_that_mask_classes():
    assert len({case.name for case in OF_LOGITS}) == 8


@losses(OF_LOGITS)
@compiled_too
# by torch's own forward mode
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_masked_classes(backend, dtype, case, index):
    """The value, and its derivative backward and forward: a mask moves nothing, nor is it moved."""
    labels = example(case, index, dtype).arrays[1].ndim == 1
    target = np.asarray(
        [2, 1, 0, 1]
        if labels
        else [[0.25, 0.0, 0.5, 0.25], [0, 1, 0, 0], [0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0]]
    )
    parameters = {"reduction": "sum", **case.parameters[index]}
    value, slope = case.loss.value_and_grad(MASKED, target, **parameters)
    given = backend.asarray(MASKED, dtype), backend.asarray(target, None if labels else dtype)
    tolerance = {"rtol": 1e-5, "atol": 8 * np.finfo(dtype).eps}
    np.testing.assert_allclose(
        backend.to_numpy(backend.call(case.loss, *given, **parameters)), value, **tolerance
    )
    (backward,) = gradient(backend, lambda *a: case.loss(*a, **parameters), *given)
    np.testing.assert_allclose(backend.to_numpy(backward), slope, **tolerance)
    finite = np.all(np.isfinite(slope), axis=1)  # not the squares of a margin from a masked label
    direction, (logits, target) = (
        np.random.default_rng(4).normal(0, 1, MASKED.shape)[finite],
        (MASKED[finite], target[finite]),
    )
    given = [
        backend.asarray(x, None if x.dtype.kind == "i" else dtype)
        for x in (logits, direction, target)
    ]
    forward = pushed(backend, lambda x: case.loss(x, given[2], **parameters), *given[:2])
    np.testing.assert_allclose(
        backend.to_numpy(forward), np.sum(slope[finite] * direction), **tolerance
    )


@compiled_too
def test_gradient_of_binary_cross_entropy_at_certainty(backend, dtype):
    """The floor fixes the value; only the registered derivative leads away, and is not NaN."""
    arrays = [
        backend.asarray([0.0, 1.0, 0.0, 1.0], dtype),
        backend.asarray([0.0, 1.0, 1.0, 0.0], dtype),
    ]
    (actual,) = gradient(backend, lambda *a: pl.binary_cross_entropy(*a, reduction="sum"), *arrays)
    assert np.all(np.isfinite(backend.to_numpy(actual)))


@compiled_too
@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_gradient_with_respect_to_the_target(backend, dtype, name):
    """Distillation differentiates with respect to targets; the loss is linear, also at 0 and 1."""
    loss = getattr(pl, name)
    pred = np.asarray([0.25, 0.75, 0.5, 0.25, 0.5], dtype=dtype)
    target = np.asarray([0.0, 1.0, 0.5, 1.0, 0.0], dtype=dtype)
    (actual,) = gradient(
        backend,
        lambda t, p: loss(p, t, reduction="sum"),
        backend.asarray(target),
        backend.asarray(pred),
    )
    yes, no = (loss(pred, np.full_like(pred, y), reduction="none") for y in (1.0, 0.0))
    np.testing.assert_allclose(
        backend.to_numpy(actual), yes - no, rtol=0, atol=8 * np.finfo(dtype).eps
    )


@every_loss_where_fast
@compiled_too
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_what_is_left_out_has_no_gradient(backend, dtype, case, reduction):
    drawn, weights, where, spoilt = masked_example(case, dtype)
    arrays = [backend.asarray(x) for x in spoilt]
    options = {
        "weights": backend.asarray(weights),
        "where": backend.asarray(where),
        "reduction": reduction,
    }
    actual = gradient(backend, lambda *a: case.loss(*a, **options), *arrays, number=case.predicted)
    counted = weights.astype(float) * where
    count = np.sum(counted) if reduction == "mean" else 1.0
    derivatives = tuple(
        (counted / count)[case.inner] * derivative for derivative in drawn.derivatives
    )
    _, expected = case.finished(np.sum(counted * drawn.inner) / count, derivatives)
    for part, right in zip(numpy_of(backend, actual), expected, strict=True):
        assert np.all(part[counted == 0] == 0)
        np.testing.assert_allclose(part, right, rtol=1e-4, atol=16 * np.finfo(dtype).eps)


@every_loss_where_fast
@compiled_too
def test_nothing_kept_has_gradient_zero(backend, dtype, case):
    arrays = [backend.asarray(x) for x in example(case, 0, dtype).arrays]
    nothing = backend.asarray(np.zeros(ROWS, dtype=bool))
    actual = gradient(
        backend, lambda *a: case.loss(*a, where=nothing), *arrays, number=case.predicted
    )
    assert all(np.all(part == 0) for part in numpy_of(backend, actual))


@every_loss
def test_second_derivative_is_that_of_the_first(backend, dtype, case):
    drawn = example(case, 0, dtype)
    if drawn.seconds is None:
        return  # test_every_loss has it raise
    arrays = [backend.asarray(x) for x in drawn.arrays]
    _, second = case.loss.grad_and_hess(*arrays, reduction="sum")
    for i, right in enumerate(numpy_of(backend, second)):
        shape = drawn.arrays[i].shape
        entries = [(..., *place) for place in np.ndindex(shape[len(shape) - len(case.core) :])]

        def first(entry: Any, *given: Any, i: int = i) -> Any:
            return backend.xp.sum(as_tuple(case.loss.grad(*given, reduction="sum"))[i][entry])

        def diagonal(*given: Any, i: int = i, entries: Any = entries, first: Any = first) -> Any:
            """Differentiate an entry of the rows at a time."""
            return [
                gradient(backend, partial(first, entry), *given, number=i + 1)[i][entry]
                for entry in entries
            ]

        columns = at_once(backend, diagonal)(*arrays)
        actual = np.reshape(
            np.stack([backend.to_numpy(column) for column in columns], axis=-1), shape
        )
        atol = max(32, case.slack * np.max(np.abs(right))) * np.finfo(dtype).eps
        np.testing.assert_allclose(actual, right, rtol=1e-4, atol=atol)


@every_loss
def test_vmap(backend, dtype, case):
    """A batched call equals one call per entry: values, gradients and options that are arrays."""
    drawn = example(case, 0, dtype, (3, 2))
    arrays = [backend.asarray(x) for x in drawn.arrays]
    mean = np.mean(drawn.inner, axis=1)
    value, derivatives = case.finished(
        mean, tuple(part / 2 for part in drawn.derivatives), mean[:, None][case.inner]
    )
    close(backend.to_numpy(vmap(backend, case.loss)(*arrays)), value, dtype)
    close(numpy_of(backend, vmap(backend, case.loss.grad)(*arrays)), derivatives, dtype, case.slack)
    where = backend.asarray([[True, False], [True, True], [False, True]])
    actual = vmap(backend, lambda *given: case.loss(*given[:-1], where=given[-1], reduction="sum"))(
        *arrays, where
    )
    expected, _ = case.finished(np.sum(drawn.inner * [[1, 0], [1, 1], [0, 1]], axis=1), ())
    close(backend.to_numpy(actual), expected, dtype)


@pytest.mark.backends("torch")
@every_loss
def test_backward(backend, dtype, case):
    """The way a torch user differentiates, with a leaf that requires it."""
    drawn = example(case, 0, dtype)
    arrays = [backend.asarray(x) for x in drawn.arrays]
    for pred in arrays[: case.predicted]:
        pred.requires_grad_()
    case.loss(*arrays).backward()
    _, expected = case.finished(
        np.mean(drawn.inner), tuple(derivative / ROWS for derivative in drawn.derivatives)
    )
    for pred, right in zip(arrays, expected, strict=False):
        np.testing.assert_allclose(
            pred.grad.numpy(), right, rtol=1e-4, atol=8 * np.finfo(dtype).eps
        )


@pytest.mark.backends("torch", "jax")
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
