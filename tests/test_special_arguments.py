"""Arguments of the special functions: broadcasting, numbers, dtypes, libraries, objects."""

import copy
import inspect
import pickle
import re
from itertools import permutations

import ml_dtypes
import numpy as np
import pytest
import scipy.special
from cases import as_tuple
from marks import compiled_too
from test_special import ELEMENTWISE, FUNCTIONS, close, each_elementwise

from portable_losses import special
from portable_losses.typing import Array

SEVERAL = [function for function in ELEMENTWISE if len(inspect.signature(function).parameters) > 1]

each = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
each_of_several = pytest.mark.parametrize(
    "function", SEVERAL, ids=lambda function: function.__name__
)

# Shapes


@compiled_too
@each_of_several
def test_arrays_are_broadcast(backend, dtype, function):
    x = np.asarray([[0.5], [0.25], [1.0]], dtype)
    y = np.asarray([0.75, 0.125, 0.5, 2.0], dtype)
    wide = np.broadcast_arrays(x, y)
    given = [backend.asarray(x), backend.asarray(y)]
    results = [function(*given), *function.grad(*given)]
    expected = [function(*wide), *function.grad(*wide)]
    for actual, desired in zip(results, expected, strict=True):
        assert actual.shape == (3, 4)
        close(backend.to_numpy(actual), desired, dtype)
    reverse = function.grad(*map(backend.asarray, (y, x)))
    assert [part.shape for part in reverse] == [(3, 4), (3, 4)]


@compiled_too
@each_of_several
def test_shapes_that_do_not_broadcast(backend, dtype, function):
    x, y = (backend.asarray(np.ones(shape, dtype)) for shape in ((2, 3), (4,)))
    with pytest.raises(
        ValueError,
        match=rf"{function.__name__}: x of shape \(2, 3\) and y of shape \(4,\) do not broadcast",
    ):
        function(x, y)
    with pytest.raises(ValueError, match="do not broadcast"):
        function.grad(x, y)


@compiled_too
@each_elementwise
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3, 1)])
def test_any_shape(backend, dtype, function, shape):
    given = [
        backend.asarray(np.full(shape, 0.25, dtype)) for _ in inspect.signature(function).parameters
    ]
    for result in (function(*given), *as_tuple(function.grad(*given))):
        assert result.shape == shape
        assert result.dtype == given[0].dtype


@pytest.mark.backends("dask")
@each_elementwise
def test_shapes_that_nobody_knows(backend, dtype, function):
    whole = np.linspace(0.125, 0.875, 7).astype(dtype)
    keep = whole > 0.3
    chosen = backend.asarray(whole)[backend.asarray(keep)]
    assert np.isnan(chosen.shape[0])
    count = len(inspect.signature(function).parameters)
    for given in ([chosen] * count, [chosen, 0.5][:count], [0.5, chosen][-count:]):
        known = [whole[keep] if x is chosen else x for x in given]
        close(backend.to_numpy(function(*given)), function(*known), dtype)
        for actual, desired in zip(
            as_tuple(function.grad(*given)), as_tuple(function.grad(*known)), strict=True
        ):
            close(backend.to_numpy(actual), desired, dtype)


@each_elementwise
def test_blocks(function) -> None:
    """Arrays larger than one block equal their pieces, for any memory order."""
    random = np.random.default_rng(0)
    count = len(inspect.signature(function).parameters)
    shape = (3, 70000)
    arrays = [random.uniform(0, 1, shape) for _ in range(count)]
    layouts = [
        arrays,
        [np.asfortranarray(x) for x in arrays],
        [np.repeat(x, 2, axis=1)[:, ::2] for x in arrays],
        [*arrays[:-1], arrays[-1][:1]] if count > 1 else arrays,
        [arrays[0], np.asarray(0.5)][:count],
        [arrays[0].T, np.full((), 0.5)][:count],
    ]
    for given in layouts:
        wide = np.broadcast_arrays(*given)
        pieces = [
            [x[i : i + 500] for x in map(np.ravel, wide)] for i in range(0, wide[0].size, 500)
        ]
        for method in (function, function.grad):
            expected = [
                np.concatenate(parts)
                for parts in zip(*(as_tuple(method(*piece)) for piece in pieces), strict=True)
            ]
            for actual, desired in zip(as_tuple(method(*given)), expected, strict=True):
                assert actual.shape == wide[0].shape
                np.testing.assert_array_equal(actual.ravel(), desired)


@pytest.mark.parametrize(
    "function", [special.softmax, special.log_softmax, special.logsumexp], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_rows_in_any_order_of_memory(function, dtype, axis):
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(dtype)
    expected = function(x, axis=axis)
    turned = [
        np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        for order in permutations(range(3))
    ]
    for given in (*turned, np.repeat(x, 2, axis=2)[..., ::2], x[:, ::-1].copy()[:, ::-1]):
        before = given.copy()
        np.testing.assert_allclose(
            function(given, axis=axis), expected, rtol=4 * np.finfo(dtype).eps
        )
        np.testing.assert_array_equal(given, before)


def test_results_are_in_the_order_of_the_arguments() -> None:
    x = np.asfortranarray(np.random.default_rng(0).uniform(0, 1, (300, 400)))
    assert special.sigmoid(x).flags.f_contiguous
    assert all(part.flags.f_contiguous for part in special.xlogy.grad(x, 0.5))


# Numbers, dtypes, libraries


@compiled_too
@each_of_several
def test_numbers_beside_an_array(backend, dtype, function):
    array = np.asarray([0.25, 0.5, 0.75], dtype)
    given = backend.asarray(array)
    for number in (0.5, 1, True, np.float32(0.5), np.float64(0.5)):
        full = np.full(3, float(number), dtype)
        for arguments, expected in (
            ((given, number), (array, full)),
            ((number, given), (full, array)),
        ):
            results = (function(*arguments), *function.grad(*arguments))
            for actual, desired in zip(
                results, (function(*expected), *function.grad(*expected)), strict=True
            ):
                assert type(actual) is type(given)
                assert actual.dtype == given.dtype
                assert actual.shape == (3,)
                close(backend.to_numpy(actual), desired, dtype)


def test_numbers_only_are_read_by_numpy() -> None:
    assert special.xlogy(2, 3) == 2 * np.log(3)
    assert special.xlogy(np.float32(2), 3).dtype == np.float64
    assert special.xlogy(np.float32(2), np.float32(3)).dtype == np.float32
    assert special.logit(0.5) == 0
    np.testing.assert_array_equal(special.xlogy([0, 1], [0.0, 1.0]), [0.0, 0.0])


@each_of_several
def test_dtypes_are_promoted(function) -> None:
    values = [0.25, 0.5]
    for one, other, result in (
        (np.float32, np.float64, np.float64),
        (np.float16, np.float32, np.float32),
        (np.float16, np.float16, np.float16),
        (np.int32, np.float32, np.float64),
        (np.int64, np.uint8, np.float64),
        (np.bool_, np.float32, np.float64),
        (ml_dtypes.bfloat16, ml_dtypes.bfloat16, ml_dtypes.bfloat16),
        (ml_dtypes.bfloat16, np.float32, np.float32),
    ):
        x, y = np.asarray(values).astype(one), np.asarray(values).astype(other)
        wide = (x.astype(np.float64), y.astype(np.float64))
        for actual, desired in zip(
            (function(x, y), *function.grad(x, y)),
            (function(*wide), *function.grad(*wide)),
            strict=True,
        ):
            assert actual.dtype == result
            rounding = 4 * float(ml_dtypes.finfo(result).eps)
            np.testing.assert_allclose(
                actual.astype(np.float64), desired.astype(result).astype(np.float64), rtol=rounding
            )


@compiled_too
@pytest.mark.backends("torch", "jax")
@each_elementwise
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_is_rounded_once(backend, function, half):
    xp = backend.xp
    count = len(inspect.signature(function).parameters)
    given = [
        xp.asarray(backend.asarray([0.1, 0.3, 0.7], "float32"), dtype=getattr(xp, half))
        for _ in range(count)
    ]
    wide = [xp.asarray(x, dtype=xp.float32) for x in given]
    for actual, desired in zip(
        (function(*given), *as_tuple(function.grad(*given))),
        (function(*wide), *as_tuple(function.grad(*wide))),
        strict=True,
    ):
        assert actual.dtype == getattr(xp, half)
        assert bool(xp.all(actual == xp.asarray(desired, dtype=actual.dtype)))


@compiled_too
@each_elementwise
def test_integers_become_the_default_real_dtype(backend, function):
    count = len(inspect.signature(function).parameters)
    given = [backend.asarray([1, 0, 1], "int32") for _ in range(count)]
    default = backend.xp.asarray(1.0, device=backend.device).dtype
    assert function(*given).dtype == default


@compiled_too
@pytest.mark.backends("strict", "torch", "jax", "dask")
@each_of_several
def test_two_libraries(backend, function):
    given = backend.asarray([0.5, 0.25], "float32")
    name = backend.xp.__name__.removeprefix("array_api_compat.")
    for other in (np.asarray([0.5, 0.25]), [0.5, 0.25]):
        with pytest.raises(
            TypeError,
            match=f"x is an array of {name}, but y is an array of NumPy, or was read by it",
        ):
            function(given, other)
        with pytest.raises(
            TypeError,
            match=f"x is an array of NumPy, or was read by it, but y is an array of {name}",
        ):
            function.grad(other, given)


@pytest.mark.backends("strict-device1")
def test_two_devices(backend):
    import array_api_strict

    here = backend.asarray([0.5], "float32")
    there = array_api_strict.asarray(
        [0.5], dtype=array_api_strict.float32, device=array_api_strict.Device("CPU_DEVICE")
    )
    with pytest.raises(ValueError, match=r"xlogy: x is on .*device1.*, but y is on .*CPU_DEVICE"):
        special.xlogy(here, there)
    assert special.xlogy(here, 0.5).device == backend.device


@each_elementwise
def test_what_is_no_real_number(function) -> None:
    count = len(inspect.signature(function).parameters)
    with pytest.raises(
        TypeError, match=f"{function.__name__}: . must hold real numbers, got complex128"
    ):
        function(*[np.asarray([1j])] * count)
    with pytest.raises(TypeError, match="masked array"):
        function(*[np.ma.masked_equal([1.0, 2.0], 1.0)] * count)


@each
def test_the_number_of_arrays(function) -> None:
    names = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.POSITIONAL_ONLY
    ]
    for wrong in ([], [[1.0]] * (len(names) + 1)):
        with pytest.raises(
            TypeError,
            match=(
                rf"{function.__name__} takes the arrays \({', '.join(names)}\), "
                rf"got {len(wrong)} by position"
            ),
        ):
            function(*wrong)


# The objects


@each
def test_names(function) -> None:
    assert getattr(special, function.__name__) is function
    assert repr(function) == f"<special function {function.__name__}>"
    assert "xp" not in inspect.signature(function).parameters
    assert inspect.signature(function).return_annotation is Array
    assert function.__module__.startswith("portable_losses.special.")
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(function) is function


@pytest.mark.parametrize(
    "function",
    [f for f in FUNCTIONS if f not in ELEMENTWISE],
    ids=lambda function: function.__name__,
)
def test_functions_of_a_row_have_no_gradient(function) -> None:
    with pytest.raises(NotImplementedError, match="mixes the elements of a row"):
        function.grad([1.0, 2.0])


ROWS = (special.softmax, special.log_softmax, special.logsumexp)


@pytest.mark.parametrize("axis", [0, 1, -2, 2, None, (0, 1), (2, 0), (-1, 1), (0, 1, 2)])
@pytest.mark.parametrize("function", ROWS, ids=lambda function: function.__name__)
def test_rows_along_any_axes(backend, dtype, function, axis):
    """As by SciPy, also where an entry dominates its row."""
    x = (30 * np.random.default_rng(5).standard_normal((2, 3, 4))).astype(dtype)
    found = backend.to_numpy(function(backend.asarray(x), axis=axis))
    expected = getattr(scipy.special, function.__name__)(x.astype(np.float64), axis=axis)
    # The last digit of an entry of 100 is 100 times that of its exponential.
    np.testing.assert_allclose(found, expected, rtol=128 * np.finfo(dtype).eps, atol=1e-15)


def test_rows_of_nothing(backend, dtype):
    nothing, none = (
        backend.asarray(np.zeros((3, 0), dtype)),
        backend.asarray(np.zeros((0, 3), dtype)),
    )
    assert np.all(backend.to_numpy(special.logsumexp(nothing)) == -np.inf)
    assert tuple(special.logsumexp(none).shape) == (0,)
    for function in (special.softmax, special.log_softmax):
        assert tuple(function(nothing).shape) == (3, 0)
        assert tuple(function(none).shape) == (0, 3)


@pytest.mark.parametrize("axis", [2, -3, 0.5, "0", (0, 2), (0, 0), (0, -2), ()])
@pytest.mark.parametrize("function", ROWS, ids=lambda function: function.__name__)
def test_axes_of_rows_that_are_none(function, axis):
    with pytest.raises(ValueError, match=rf"{function.__name__}: x.*axis={re.escape(repr(axis))}"):
        function(np.zeros((2, 3)), axis=axis)


@pytest.mark.parametrize("function", ROWS, ids=lambda function: function.__name__)
def test_a_number_has_no_rows(function):
    with pytest.raises(ValueError, match=f"{function.__name__}: x needs an axis"):
        function(1.0)


@pytest.mark.parametrize("key", ["dim", "axes", "keepdims"])
def test_an_option_that_a_function_lacks(key):
    with pytest.raises(TypeError, match=f"^softmax has no option '{key}': its only option is axis"):
        special.softmax([1.0, 2.0], **{key: 0})
    with pytest.raises(TypeError, match=f"^sigmoid has no option '{key}': it has no options"):
        special.sigmoid([1.0, 2.0], **{key: 0})
    with pytest.raises(TypeError, match=r"got 2 by position; pass `axis` by keyword$"):
        special.softmax([1.0, 2.0], 0)
