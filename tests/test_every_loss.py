"""Tests of every loss on every array library: values, derivatives, options, results."""

from typing import Any

import numpy as np
import pytest
from cases import CASES, ROWS, as_tuple, example
from marks import compiled_too, every_loss, every_loss_where_fast, one_of_each_kind

import portable_losses as pl

METHODS = ("__call__", "value_and_grad", "grad", "grad_and_hess")


def tolerance(dtype: str) -> float:
    """Allow a few ulp: libraries differ in their exponentials; `test_accuracy` is stricter."""
    return 16 * float(np.finfo(dtype).eps)


def close(actual: Any, desired: Any, dtype: str, slack: int = 1) -> None:
    """Compare with a relative tolerance; near 0 allow some eps of the largest number."""
    if isinstance(desired, tuple):  # of several predictions
        assert len(as_tuple(actual)) == len(desired)
        for one, other in zip(as_tuple(actual), desired, strict=True):
            close(one, other, dtype, slack)
        return
    finite = np.abs(desired)[np.isfinite(desired)]
    scale = float(np.max(finite, initial=0.0))
    np.testing.assert_allclose(
        actual, desired, rtol=tolerance(dtype), atol=slack * scale * float(np.finfo(dtype).eps)
    )


def numpy_of(backend: Any, gradient: Any) -> tuple[np.ndarray, ...]:
    """Convert a gradient to NumPy, one array for each prediction."""
    return tuple(backend.to_numpy(part) for part in as_tuple(gradient))


def inputs(
    backend: Any, case: Any, dtype: str, shape: tuple[int, ...] = (ROWS,), index: int = 0
) -> tuple[Any, Any]:
    drawn = example(case, index, dtype, shape)
    return drawn, tuple(backend.asarray(x) for x in drawn.arrays)


def masked_example(
    case: Any, dtype: str
) -> tuple[Any, np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Return an example, weights (one is 0), a mask, and inputs with nonsense where left out."""
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


@every_loss
@compiled_too
def test_value(backend, dtype, case, index):
    drawn, arrays = inputs(backend, case, dtype, index=index)
    value = backend.call(case.loss, *arrays, reduction="none", **drawn.parameters)
    close(backend.to_numpy(value), drawn.value, dtype)


@every_loss
@compiled_too
def test_derivatives(backend, dtype, case, index):
    drawn, arrays = inputs(backend, case, dtype, index=index)
    value, gradient = backend.call(
        case.loss.value_and_grad, *arrays, reduction="sum", **drawn.parameters
    )
    total, expected = case.finished(np.sum(drawn.inner), drawn.derivatives)
    close(backend.to_numpy(value), total, dtype)
    close(numpy_of(backend, gradient), expected, dtype, case.slack)
    # compiled, it is the first half of the comparison below
    if case.outer is None and (drawn.seconds is None or not backend.compiled):
        gradient = backend.call(case.loss.grad, *arrays, reduction="none", **drawn.parameters)
        close(numpy_of(backend, gradient), drawn.derivatives, dtype, case.slack)
    if drawn.seconds is None:
        with pytest.raises(NotImplementedError, match=case.name):
            case.loss.grad_and_hess(*arrays, **drawn.parameters)
        return
    gradient, second = backend.call(
        case.loss.grad_and_hess, *arrays, reduction="sum", **drawn.parameters
    )
    close(numpy_of(backend, gradient), expected, dtype, case.slack)
    close(numpy_of(backend, second), drawn.seconds, dtype, case.slack)


@one_of_each_kind
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_results_are_of_the_kind_of_the_predictions(backend, dtype, case, reduction):
    drawn, arrays = inputs(backend, case, dtype)
    for method in METHODS[: 3 if drawn.seconds is None else 4]:
        results = backend.call(getattr(case.loss, method), *arrays, reduction=reduction)
        results = results if method in ("value_and_grad", "grad_and_hess") else (results,)
        for i, result in enumerate(results):
            is_value = i == 0 and method in ("__call__", "value_and_grad")
            for part, pred in zip(as_tuple(result), arrays, strict=False):
                shape = ((ROWS,) if reduction == "none" else ()) if is_value else tuple(pred.shape)
                assert tuple(part.shape) == shape
                assert part.dtype == pred.dtype
                assert getattr(part, "device", None) == getattr(pred, "device", None)
                kind = np.generic if backend.base == "numpy" and not shape else type(pred)
                assert isinstance(part, kind)


@one_of_each_kind
@compiled_too
@pytest.mark.parametrize("weighted", ["", "weights", "where", "weights where", "broadcast"])
def test_reductions(backend, dtype, case, weighted):
    check_reductions(backend, dtype, case, None, weighted)


@one_of_each_kind
@pytest.mark.parametrize("axis", [0, -1, (0, 1), ()])
@pytest.mark.parametrize("weighted", ["", "weights where", "broadcast"])
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
    total = np.sum(counted * drawn.inner, axis=axis, keepdims=True)
    count = np.sum(counted, axis=axis, keepdims=True)
    with np.errstate(all="ignore"):
        mean = total / count
        share = np.where(count == 0, 0, counted / count)
    lost = tuple(range(len(shape))) if axis is None else axis

    def expected(
        reduced: np.ndarray, share: np.ndarray
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return the loss, and its gradient: the weight of each loss times its derivative."""
        scaled = tuple(share[case.inner] * derivative for derivative in drawn.derivatives)
        value, gradient = case.finished(reduced, scaled, reduced[case.inner])
        return np.squeeze(value, axis=lost), gradient

    for reduction, (value, gradient) in {
        "mean": expected(mean, share),
        "sum": expected(total, counted),
    }.items():
        found, found_gradient = backend.call(
            case.loss.value_and_grad, *arrays, axis=axis, reduction=reduction, **options
        )
        close(backend.to_numpy(found), value, dtype)
        close(numpy_of(backend, found_gradient), gradient, dtype, case.slack)
    value = backend.call(case.loss, *arrays, axis=axis, reduction="none", **options)
    close(backend.to_numpy(value), case.finished(counted * drawn.inner, ())[0], dtype)


@every_loss_where_fast
@compiled_too
def test_what_is_left_out_contributes_nothing(backend, dtype, case):
    drawn, weights, where, spoilt = masked_example(case, dtype)
    arrays = [backend.asarray(x) for x in spoilt]
    counted = weights.astype(float) * where
    total = np.sum(counted * drawn.inner)
    for reduction, count in (("mean", np.sum(counted)), ("sum", 1.0)):
        derivatives = tuple(
            (counted / count)[case.inner] * derivative for derivative in drawn.derivatives
        )
        expected, slopes = case.finished(total / count, derivatives)
        options = {
            "weights": backend.asarray(weights),
            "where": backend.asarray(where),
            "reduction": reduction,
        }
        value, gradient = backend.call(case.loss.value_and_grad, *arrays, **options)
        close(backend.to_numpy(value), expected, dtype)
        gradient = numpy_of(backend, gradient)
        close(gradient, slopes, dtype, case.slack)
        assert all(np.all(part[counted == 0] == 0) for part in gradient)
    if drawn.seconds is not None:
        for derivative in backend.call(case.loss.grad_and_hess, *arrays, **options):
            assert all(np.all(part[counted == 0] == 0) for part in numpy_of(backend, derivative))


@every_loss_where_fast
@compiled_too
def test_nan_in_is_nan_out(backend, dtype, case):
    """NaN appears only at its own element: in the value and in the gradient of that prediction."""
    drawn = example(case, 0, dtype)
    spoilt = np.arange(ROWS) == 1
    for i in range(case.predicted):
        pred = drawn.arrays[i].copy()
        pred[1] = np.nan
        arrays = [backend.asarray(x) for x in (*drawn.arrays[:i], pred, *drawn.arrays[i + 1 :])]
        value, gradient = backend.call(case.loss.value_and_grad, *arrays, reduction="none")
        np.testing.assert_array_equal(np.isnan(backend.to_numpy(value)), spoilt)
        expected = np.broadcast_to(spoilt[case.inner], pred.shape)
        np.testing.assert_array_equal(np.isnan(numpy_of(backend, gradient)[i]), expected)
        assert np.isnan(backend.to_numpy(backend.call(case.loss, *arrays)))


@every_loss_where_fast
@compiled_too
def test_nothing_at_all(backend, dtype, case):
    _, arrays = inputs(backend, case, dtype, (0,))
    assert np.isnan(backend.to_numpy(backend.call(case.loss, *arrays)))
    assert backend.to_numpy(backend.call(case.loss, *arrays, reduction="sum")) == 0
    value, gradient = backend.call(case.loss.value_and_grad, *arrays)
    assert np.isnan(backend.to_numpy(value))
    for part, pred in zip(as_tuple(gradient), arrays, strict=False):
        assert tuple(part.shape) == tuple(pred.shape)


@every_loss_where_fast
@compiled_too
def test_everything_left_out(backend, dtype, case):
    _, arrays = inputs(backend, case, dtype)
    nothing = backend.asarray(np.zeros(ROWS, dtype=bool))
    for reduction in ("mean", "sum"):
        value, gradient = backend.call(
            case.loss.value_and_grad, *arrays, where=nothing, reduction=reduction
        )
        assert (
            np.isnan(backend.to_numpy(value))
            if reduction == "mean"
            else backend.to_numpy(value) == 0
        )
        assert all(np.all(part == 0) for part in numpy_of(backend, gradient))


@every_loss_where_fast
@compiled_too
def test_any_shape(backend, dtype, case):
    for shape in ((), (1,), (2, 1, 3)):
        shape = shape if len(shape) >= case.loops else (1,) * case.loops
        drawn, arrays = inputs(backend, case, dtype, shape)
        value, gradient = backend.call(case.loss.value_and_grad, *arrays)
        expected, slopes = case.finished(np.mean(drawn.inner), drawn.derivatives)
        close(backend.to_numpy(value), expected, dtype)
        found = tuple(part * max(1, drawn.value.size) for part in numpy_of(backend, gradient))
        assert [part.shape for part in found] == [part.shape for part in drawn.derivatives]
        close(found, slopes, dtype, case.slack)


@one_of_each_kind
def test_shapes_that_differ_raise(backend, dtype, case):
    _, (*others, _) = inputs(backend, case, dtype)
    wrong = backend.asarray(np.reshape(example(case, 0, dtype).arrays[-1], (ROWS, 1, -1)))
    with pytest.raises(ValueError, match=case.name):
        case.loss(*others, wrong)
    if not case.row:
        with pytest.raises(ValueError, match=r"\(6,\).*\(6, 1\).*reshape"):
            case.loss(*others, wrong[..., 0])


@one_of_each_kind
def test_views_that_are_not_contiguous(backend, dtype, case):
    drawn, _ = inputs(backend, case, dtype, (3, 2))
    views = []
    for array in drawn.arrays:
        wide = np.zeros((array.shape[0] * 2, *array.shape[1:]), dtype=array.dtype)
        wide[1::2] = array
        views.append(backend.asarray(wide)[1::2, ...])
    value, gradient = backend.call(case.loss.value_and_grad, *views, reduction="sum")
    expected, slopes = case.finished(np.sum(drawn.inner), drawn.derivatives)
    close(backend.to_numpy(value), expected, dtype)
    close(numpy_of(backend, gradient), slopes, dtype, case.slack)


@one_of_each_kind
def test_a_number_as_the_target(backend, dtype, case):
    target = 1  # of a row of classes it is the label: a number has no class axis
    _, (*others, observed) = inputs(backend, case, dtype)
    never = all(way[len(others)] for way in case.loss.signature.ways)
    if never or (case.row and observed.ndim == others[0].ndim and not case.labelled):
        # it is a row of targets that is wanted
        with pytest.raises(ValueError, match=f"{case.name}: the shapes do not fit"):
            case.loss(*others, target)
        return
    same = (
        np.full(ROWS, 1)
        if case.labelled
        else np.full(tuple(observed.shape)[: 1 if case.row else None], 1.0, dtype=dtype)
    )
    expected = backend.call(case.loss, *others, backend.asarray(same))
    close(backend.to_numpy(case.loss(*others, target)), backend.to_numpy(expected), dtype)


@one_of_each_kind
def test_predictions_that_are_integers(backend, case):
    """They are converted first, so nothing wraps around."""
    drawn = example(case, 0, "float64")
    positive = [
        getattr(domain.interval, "gt", None) == 0 for domain in case.loss.signature.domains[0]
    ]
    negative = getattr(case.loss.signature.domains[0][0].interval, "le", None) == 0
    whole = [
        x if i >= case.predicted else ((np.abs(x) >= 0.5) | positive[i]) & (not negative)
        for i, x in enumerate(drawn.arrays)
    ]
    rest = [backend.asarray(x) for x in whole[case.predicted :]]
    for kind in ("uint8", "int32", "bool"):
        value = backend.call(
            case.loss, *(backend.asarray(x.astype(kind)) for x in whole[: case.predicted]), *rest
        )
        dtype = str(value.dtype).rpartition(".")[2]
        assert dtype in backend.dtypes
        same = backend.call(
            case.loss, *(backend.asarray(x.astype(dtype)) for x in whole[: case.predicted]), *rest
        )
        np.testing.assert_array_equal(backend.to_numpy(value), backend.to_numpy(same))


@one_of_each_kind
@compiled_too
def test_half_precision_is_rounded_once(backend, case):
    if backend.base == "strict":
        return  # the standard, and so array-api-strict, has no float16
    drawn = example(case, 0, "float32")
    arrays = [x.astype("float16") if x.dtype.kind == "f" else x for x in drawn.arrays]
    wide = [x.astype("float32") if x.dtype.kind == "f" else x for x in arrays]
    half = backend.call(case.loss.value_and_grad, *(backend.asarray(x) for x in arrays))
    full = backend.call(case.loss.value_and_grad, *(backend.asarray(x) for x in wide))
    for result, exact in zip(
        (half[0], *as_tuple(half[1])), (full[0], *as_tuple(full[1])), strict=True
    ):
        assert str(result.dtype).endswith("float16")
        np.testing.assert_array_equal(
            backend.to_numpy(result), backend.to_numpy(exact).astype("float16")
        )
    assert [tuple(part.shape) for part in as_tuple(half[1])] == [
        x.shape for x in arrays[: case.predicted]
    ]
