"""The figures of the lesson on every array library, and the toolkit's other functions."""

import runpy
from math import inf, nan
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from marks import compiled_too

import portable_losses
from portable_losses import neural_network, special
from portable_losses.neural_network import (
    binary_cross_entropy,
    matrix_multiply,
    mse_loss,
    normalize,
    sigmoid,
)

EXAMPLE = Path(__file__).parent.parent / "examples" / "lesson.py"

# x, w, b, observed, loss: the worked example, exercises 1 and 3
REGRESSION = [
    ([1.0, 2.0, 3.0, 4.0], 2.0, 1.0, [3.0, 5.0, 7.0, 9.0], 0.0),
    ([1.0, 2.0, 3.0], 1.5, 0.5, [2.0, 3.5, 5.0], 0.0),
    ([1.0, 2.0, 3.0], 1.0, 0.5, [2.0, 3.5, 5.0], 1.1666666666666667),
]
# logits, labels, loss: the worked example, for which the lesson prints 0.1731486847, exercises 2
# and 4
CLASSIFICATION = [
    ([2.0, -1.0, 3.0, -2.0], [1.0, 0.0, 1.0, 0.0], 0.15392626529447747),
    ([1.0, -1.0, 2.0], [1.0, 0.0, 1.0], 0.25115046202647273),
    ([-2.0, 2.0, -1.0], [1.0, 0.0, 1.0], 1.8557059032013893),
]


def column(backend, values, dtype):
    return backend.asarray([[value] for value in values], dtype)


def tolerance(dtype):
    return 1e-12 if dtype == "float64" else 1e-6


@compiled_too
@pytest.mark.parametrize(("x", "w", "b", "observed", "expected"), REGRESSION)
def test_mean_squared_error(backend, dtype, x, w, b, observed, expected):
    def loss(x, w, y):
        return mse_loss(matrix_multiply(x, w) + b, y)

    arrays = (
        column(backend, x, dtype),
        column(backend, [w], dtype),
        column(backend, observed, dtype),
    )
    value = backend.to_numpy(backend.call(loss, *arrays))
    assert value.shape == ()
    assert value.dtype == dtype
    assert float(value) == pytest.approx(expected, rel=0, abs=tolerance(dtype))


@compiled_too
@pytest.mark.parametrize(("logits", "labels", "expected"), CLASSIFICATION)
def test_binary_cross_entropy(backend, dtype, logits, labels, expected):
    def loss(z, y):
        return binary_cross_entropy(sigmoid(z), y)

    value = backend.to_numpy(
        backend.call(loss, column(backend, logits, dtype), column(backend, labels, dtype))
    )
    assert value.dtype == dtype
    assert float(value) == pytest.approx(expected, rel=0, abs=tolerance(dtype))


def test_the_example_prints_all_steps(capsys):
    lesson = runpy.run_path(str(EXAMPLE))["lesson"]
    losses = lesson(np.asarray, np.asarray)
    expected = [
        REGRESSION[0],
        CLASSIFICATION[0],
        REGRESSION[1],
        CLASSIFICATION[1],
        REGRESSION[2],
        CLASSIFICATION[2],
    ]
    assert losses == pytest.approx([case[-1] for case in expected], rel=0, abs=1e-12)
    printed = capsys.readouterr().out
    assert printed.count("Predicted") == 6
    assert "0.1731486847, which is wrong" in printed


def test_the_lesson_imports_the_library():
    assert neural_network.mse_loss is portable_losses.mse_loss
    assert neural_network.binary_cross_entropy is portable_losses.binary_cross_entropy
    assert neural_network.sigmoid is special.sigmoid


@compiled_too
@pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 3, 2), ()])
def test_normalize(backend, dtype, shape):
    x = np.asarray(np.random.default_rng(0).normal(5, 3, shape), dtype)
    result = backend.to_numpy(backend.call(normalize, backend.asarray(x)))
    expected = (x - x.mean()) / x.std() if shape else np.zeros(())
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-14 if dtype == "float64" else 1e-5)


@compiled_too
@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -1e30])
@pytest.mark.parametrize("number", [1, 3, 10, 1000])
def test_normalize_of_equal_values_is_exactly_zero(backend, dtype, constant, number):
    result = backend.to_numpy(backend.call(normalize, backend.asarray([constant] * number, dtype)))
    np.testing.assert_array_equal(result, np.zeros(number))


@compiled_too
def test_normalize_does_not_square_out_of_range(backend):
    for scale in (1e-30, 1e30):
        result = backend.to_numpy(
            backend.call(normalize, backend.asarray([scale, 2 * scale, 3 * scale], "float32"))
        )
        np.testing.assert_allclose(result, [-(1.5**0.5), 0, 1.5**0.5], rtol=1e-6, atol=1e-6)


@compiled_too
def test_normalize_of_nothing_is_nothing(backend, dtype):
    assert backend.to_numpy(normalize(backend.asarray([], dtype))).shape == (0,)


@compiled_too
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of NumPy: inf - inf
@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_normalize_of_what_has_no_mean_is_nan(backend, dtype, value):
    result = backend.to_numpy(backend.call(normalize, backend.asarray([1.0, value, 2.0], dtype)))
    assert np.isnan(result).all()


def test_lists_and_integers_are_read():
    np.testing.assert_allclose(normalize([1, 2, 3]), [-(1.5**0.5), 0, 1.5**0.5])
    np.testing.assert_array_equal(matrix_multiply([[1, 2]], [[3.0], [4.0]]), [[11.0]])


@compiled_too
def test_matrix_multiply(backend, dtype):
    x, w = np.arange(6, dtype=dtype).reshape(2, 3), np.arange(12, dtype=dtype).reshape(3, 4)
    result = backend.to_numpy(backend.call(matrix_multiply, backend.asarray(x), backend.asarray(w)))
    np.testing.assert_array_equal(result, x @ w)
    assert result.dtype == dtype
    assert matrix_multiply(x[0], w[:, 0]) == x[0] @ w[:, 0]
    np.testing.assert_array_equal(matrix_multiply(x[None], w), [x @ w])


def test_matrix_multiply_promotes_dtypes():
    x = np.ones((2, 3), np.float32)
    assert matrix_multiply(x, np.ones((3, 1))).dtype == np.float64
    assert matrix_multiply(x.astype(np.float16), np.ones((3, 1), np.float16)).dtype == np.float16
    # 4096 + 1 is 4096 in float16: the sum is one in float32
    halves = np.asarray([[4096, *[1] * 100]], np.float16)
    assert matrix_multiply(halves, np.ones((101, 1), np.float16)) == np.float16(4196)


def test_matrix_multiply_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\) and w has shape \(2, 1\)"):
        matrix_multiply(np.ones((2, 3)), np.ones((2, 1)))
    with pytest.raises(ValueError, match="5 is not 4"):
        matrix_multiply(np.ones((3, 4, 5)), np.ones((3, 4, 6)))
    with pytest.raises(ValueError, match="3 is not 2"):
        matrix_multiply(np.ones(3), np.ones((2, 3)))
    with pytest.raises(ValueError, match="3 is not 2"):
        matrix_multiply(np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match="needs arrays with at least one axis"):
        matrix_multiply(np.ones((2, 3)), 2.0)
    with pytest.raises(TypeError, match="x must hold real numbers"):
        matrix_multiply([["a"]], [[1.0]])
    with pytest.raises(TypeError, match="w must hold real numbers"):
        matrix_multiply([[1.0]], [["a"]])


def test_matrix_multiply_refuses_two_libraries():
    with pytest.raises(TypeError, match="array_api_strict, but w is an array of NumPy"):
        matrix_multiply(array_api_strict.ones((2, 3)), np.ones((3, 1)))
