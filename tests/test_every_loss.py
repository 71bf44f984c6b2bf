"""What is asked of every loss on every array library: values, derivatives, options, results."""

from typing import Any

import numpy as np
import pytest
from cases import CASES, CLASSES, EACH, IDS, ROWS, example

import portable_losses as pl

every_case = pytest.mark.parametrize(("case", "index"), EACH, ids=IDS)
first_of_each = pytest.mark.parametrize("case", CASES, ids=str)

METHODS = ("__call__", "value_and_grad", "grad", "grad_and_hess")


def tolerance(dtype: str) -> float:
    """Allow a few ulp: libraries differ in their exponentials; `test_accuracy` holds NumPy to 4."""
    return 16 * float(np.finfo(dtype).eps)


def close(actual: Any, desired: Any, dtype: str) -> None:
    """Compare with a relative tolerance; what is 0 may be off by the tolerance of the largest."""
    finite = np.abs(desired)[np.isfinite(desired)]
    scale = float(np.max(finite, initial=0.0))
    np.testing.assert_allclose(actual, desired, rtol=tolerance(dtype), atol=scale * float(np.finfo(dtype).eps))


def inputs(backend: Any, case: Any, dtype: str, shape: tuple[int, ...] = (ROWS,), index: int = 0) -> tuple[Any, Any]:
    drawn = example(case, index, dtype, shape)
    return drawn, tuple(backend.asarray(x) for x in drawn.arrays)


def masked_example(case: Any, dtype: str) -> tuple[Any, np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Give an example, weights (one of them 0), a mask, and the inputs with nonsense in what is left out."""
    drawn = example(case, 0, dtype)
    weights = np.asarray([1.0, 2.0, 0.0, 0.5, 3.0, 1.0], dtype=dtype)
    where = np.asarray([True, False, True, True, False, True])
    left_out = ~where | (weights == 0)
    spoilt = []
    for array in drawn.arrays:
        bad = array.copy()
        bad[left_out] = 77 if array.dtype.kind == "i" else np.nan
        spoilt.append(bad)
    spoilt[0][1] = np.inf
    return drawn, weights, where, tuple(spoilt)


def test_every_public_loss_has_a_case():
    public = {name for name in pl.__all__ if isinstance(getattr(pl, name), pl.Loss)}
    assert {case.name for case in CASES} == public


@every_case
def test_value(backend, dtype, case, index):
    drawn, arrays = inputs(backend, case, dtype, index=index)
    value = backend.call(case.loss, *arrays, reduction="none", **drawn.parameters)
    close(backend.to_numpy(value), drawn.value, dtype)


@every_case
def test_derivatives(backend, dtype, case, index):
    drawn, arrays = inputs(backend, case, dtype, index=index)
    value, gradient = backend.call(case.loss.value_and_grad, *arrays, reduction="sum", **drawn.parameters)
    close(backend.to_numpy(value), np.sum(drawn.value), dtype)
    close(backend.to_numpy(gradient), drawn.derivative, dtype)
    close(backend.to_numpy(backend.call(case.loss.grad, *arrays, reduction="none", **drawn.parameters)), drawn.derivative, dtype)
    gradient, second = backend.call(case.loss.grad_and_hess, *arrays, reduction="sum", **drawn.parameters)
    close(backend.to_numpy(gradient), drawn.derivative, dtype)
    close(backend.to_numpy(second), drawn.second, dtype)


@first_of_each
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.eager
def test_results_are_of_the_kind_of_the_predictions(backend, dtype, case, reduction, method):
    _, arrays = inputs(backend, case, dtype)
    results = backend.call(getattr(case.loss, method), *arrays, reduction=reduction)
    for i, result in enumerate(results if isinstance(results, tuple) else (results,)):
        is_value = i == 0 and method in ("__call__", "value_and_grad")
        shape = ((ROWS,) if reduction == "none" else ()) if is_value else tuple(arrays[0].shape)
        assert tuple(result.shape) == shape
        assert result.dtype == arrays[0].dtype
        assert getattr(result, "device", None) == getattr(arrays[0], "device", None)
        kind = np.generic if backend.base == "numpy" and not shape else type(arrays[0])
        assert isinstance(result, kind)


weightings = pytest.mark.parametrize("weighted", ["", "weights", "where", "weights where", "broadcast"])


@first_of_each
@weightings
def test_reductions(backend, dtype, case, weighted):
    check_reductions(backend, dtype, case, None, weighted)


@first_of_each
@pytest.mark.parametrize("axis", [0, -1, (0, 1), (1,), ()])
@weightings
@pytest.mark.eager
def test_reductions_over_axes(backend, dtype, case, axis, weighted):
    check_reductions(backend, dtype, case, axis, weighted)


def check_reductions(backend: Any, dtype: str, case: Any, axis: Any, weighted: str) -> None:
    shape = (3, 2)
    drawn, arrays = inputs(backend, case, dtype, shape)
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 2, shape).astype(dtype) if "weights" in weighted else np.ones(shape)
    where = rng.random(shape) < 0.6 if "where" in weighted else np.ones(shape, dtype=bool)
    options = {}
    if "weights" in weighted:
        options["weights"] = backend.asarray(weights)
    if "where" in weighted:
        options["where"] = backend.asarray(where)
    if weighted == "broadcast":
        row = np.asarray([[0.5], [2.0], [1.0]], dtype=dtype)
        weights = np.broadcast_to(row, shape)
        options["weights"] = backend.asarray(row)
    counted = weights.astype(float) * where
    inner = (..., None) if case.row else (...,)
    total = np.sum(counted * drawn.value, axis=axis)
    count = np.sum(counted, axis=axis, keepdims=True)
    with np.errstate(all="ignore"):
        mean = total / np.sum(counted, axis=axis)
        share = np.where(count == 0, 0, counted / count)
    value, gradient = backend.call(case.loss.value_and_grad, *arrays, axis=axis, **options)
    close(backend.to_numpy(value), mean, dtype)
    close(backend.to_numpy(gradient), share[inner] * drawn.derivative, dtype)
    value, gradient = backend.call(case.loss.value_and_grad, *arrays, axis=axis, reduction="sum", **options)
    close(backend.to_numpy(value), total, dtype)
    close(backend.to_numpy(gradient), counted[inner] * drawn.derivative, dtype)
    value = backend.call(case.loss, *arrays, axis=axis, reduction="none", **options)
    close(backend.to_numpy(value), counted * drawn.value, dtype)


@first_of_each
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_what_is_left_out_contributes_nothing(backend, dtype, case, reduction):
    drawn, weights, where, spoilt = masked_example(case, dtype)
    counted = weights.astype(float) * where
    expected = np.sum(counted * drawn.value)
    share = counted / np.sum(counted) if reduction == "mean" else counted
    arrays = [backend.asarray(x) for x in spoilt]
    options = {"weights": backend.asarray(weights), "where": backend.asarray(where), "reduction": reduction}
    value, gradient = backend.call(case.loss.value_and_grad, *arrays, **options)
    close(backend.to_numpy(value), expected / np.sum(counted) if reduction == "mean" else expected, dtype)
    gradient = backend.to_numpy(gradient)
    close(gradient, (share[..., None] if case.row else share) * drawn.derivative, dtype)
    assert np.all(gradient[counted == 0] == 0)
    gradient, second = (backend.to_numpy(x) for x in backend.call(case.loss.grad_and_hess, *arrays, **options))
    assert np.all(gradient[counted == 0] == 0)
    assert np.all(second[counted == 0] == 0)


@first_of_each
def test_nan_in_is_nan_out(backend, dtype, case):
    """Where it went in, and nowhere else: in the value and in the gradient."""
    drawn = example(case, 0, dtype)
    pred = drawn.arrays[0].copy()
    pred[1] = np.nan
    arrays = [backend.asarray(pred), backend.asarray(drawn.arrays[1])]
    spoilt = np.arange(ROWS) == 1
    value, gradient = backend.call(case.loss.value_and_grad, *arrays, reduction="none")
    np.testing.assert_array_equal(np.isnan(backend.to_numpy(value)), spoilt)
    inner = (..., None) if case.row else (...,)
    expected = np.broadcast_to(spoilt[inner], pred.shape)
    np.testing.assert_array_equal(np.isnan(backend.to_numpy(gradient)), expected)
    assert np.isnan(backend.to_numpy(backend.call(case.loss, *arrays)))


@first_of_each
def test_nothing_at_all(backend, dtype, case):
    _, arrays = inputs(backend, case, dtype, (0,))
    assert np.isnan(backend.to_numpy(backend.call(case.loss, *arrays)))
    assert backend.to_numpy(backend.call(case.loss, *arrays, reduction="sum")) == 0
    value, gradient = backend.call(case.loss.value_and_grad, *arrays)
    assert np.isnan(backend.to_numpy(value))
    assert tuple(gradient.shape) == tuple(arrays[0].shape)


@first_of_each
def test_everything_left_out(backend, dtype, case):
    _, arrays = inputs(backend, case, dtype)
    nothing = backend.asarray(np.zeros(ROWS, dtype=bool))
    value, gradient = backend.call(case.loss.value_and_grad, *arrays, where=nothing)
    assert np.isnan(backend.to_numpy(value))
    assert np.all(backend.to_numpy(gradient) == 0)
    value, gradient = backend.call(case.loss.value_and_grad, *arrays, where=nothing, reduction="sum")
    assert backend.to_numpy(value) == 0
    assert np.all(backend.to_numpy(gradient) == 0)


@first_of_each
@pytest.mark.parametrize("shape", [(), (1,), (2, 1, 3)], ids=str)
def test_any_shape(backend, dtype, case, shape):
    drawn, arrays = inputs(backend, case, dtype, shape)
    value, gradient = backend.call(case.loss.value_and_grad, *arrays)
    close(backend.to_numpy(value), np.mean(drawn.value), dtype)
    assert tuple(gradient.shape) == tuple(arrays[0].shape)
    close(backend.to_numpy(gradient) * max(1, drawn.value.size), drawn.derivative, dtype)


@first_of_each
@pytest.mark.eager
def test_shapes_that_differ_raise(backend, dtype, case):
    _, (pred, _) = inputs(backend, case, dtype)
    wrong = backend.asarray(np.reshape(example(case, 0, dtype).arrays[1], (ROWS, 1, -1)))
    with pytest.raises(ValueError, match=case.name):
        case.loss(pred, wrong)
    if not case.row:
        with pytest.raises(ValueError, match=r"\(6,\).*\(6, 1\).*reshape"):
            case.loss(pred, wrong[..., 0])


@first_of_each
@pytest.mark.eager
def test_inputs_stay_as_they_are(backend, dtype, case):
    drawn, arrays = inputs(backend, case, dtype)
    backend.call(case.loss.grad_and_hess, *arrays, where=backend.asarray(np.arange(ROWS) > 2))
    backend.call(case.loss.value_and_grad, *arrays, weights=backend.asarray(np.arange(ROWS)))
    for array, before in zip(arrays, drawn.arrays, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(array), before)


@first_of_each
@pytest.mark.eager
def test_views_that_are_not_contiguous(backend, dtype, case):
    drawn, _ = inputs(backend, case, dtype, (3, 2))
    views = []
    for array in drawn.arrays:
        wide = np.zeros((array.shape[0] * 2, *array.shape[1:]), dtype=array.dtype)
        wide[1::2] = array
        views.append(backend.asarray(wide)[1::2, ...])
    value, gradient = backend.call(case.loss.value_and_grad, *views, reduction="sum")
    close(backend.to_numpy(value), np.sum(drawn.value), dtype)
    close(backend.to_numpy(gradient), drawn.derivative, dtype)


@first_of_each
@pytest.mark.eager
def test_a_number_as_the_target(backend, dtype, case):
    target = 1  # of a row of classes it is the label: a number has no class axis
    _, (pred, other) = inputs(backend, case, dtype)
    same = np.full(ROWS, 1) if case.row else np.full(other.shape, 1.0, dtype=dtype)
    expected = backend.call(case.loss, pred, backend.asarray(same))
    close(backend.to_numpy(case.loss(pred, target)), backend.to_numpy(expected), dtype)


@first_of_each
@pytest.mark.eager
def test_predictions_that_are_integers(backend, case):
    shape = (2, CLASSES) if case.row else (2,)
    pred = np.reshape(np.arange(np.prod(shape)) % 2, shape)
    target = np.asarray([1, 0]) if case.kind != "probabilities" else np.eye(CLASSES)[:2]
    for kind in ("uint8", "int32", "bool"):
        small = backend.asarray(pred.astype(kind))
        value = backend.call(case.loss, small, backend.asarray(target))
        dtype = str(value.dtype).rpartition(".")[2]
        assert dtype in backend.dtypes
        same = backend.call(case.loss, backend.asarray(pred.astype(dtype)), backend.asarray(target))
        assert backend.to_numpy(value) == backend.to_numpy(same)


@first_of_each
def test_half_precision_is_rounded_once(backend, case):
    if backend.base == "strict":
        return  # the standard, and so array-api-strict, has no float16
    shape = (ROWS, CLASSES) if case.row else (ROWS,)
    drawn = example(case, 0, "float32")
    arrays = [x.astype("float16") if x.dtype.kind == "f" else x for x in drawn.arrays]
    wide = [x.astype("float32") if x.dtype.kind == "f" else x for x in arrays]
    half = backend.call(case.loss.value_and_grad, *(backend.asarray(x) for x in arrays))
    full = backend.call(case.loss.value_and_grad, *(backend.asarray(x) for x in wide))
    for result, exact in zip(half, full, strict=True):
        assert str(result.dtype).endswith("float16")
        np.testing.assert_array_equal(backend.to_numpy(result), backend.to_numpy(exact).astype("float16"))
    assert tuple(half[1].shape) == shape
