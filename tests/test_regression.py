"""Particular to losses of residuals and ratios: targets of 0, signs, the ends of the domain."""

from typing import Any

import numpy as np
import pytest

import portable_losses as pl

INF = np.inf


def derivatives(
    backend: Any, dtype: str, loss: Any, pred: Any, target: Any, **options: Any
) -> tuple[np.ndarray, ...]:
    """Return values, first and second derivatives."""
    given = backend.asarray(pred, dtype), backend.asarray(target, dtype)
    value = backend.call(loss, *given, reduction="none", **options)
    return tuple(
        map(
            backend.to_numpy,
            (value, *backend.call(loss.grad_and_hess, *given, reduction="none", **options)),
        )
    )


def test_relative_to_a_target_of_zero(backend, dtype):
    """A prediction of 0 has loss 0, any other inf; a floor makes it finite."""
    pred, target = [0.0, 2.0, -0.5], [0.0, 0.0, 0.0]
    value, gradient, second = derivatives(backend, dtype, pl.mape_loss, pred, target)
    np.testing.assert_array_equal(value, [0, INF, INF])
    np.testing.assert_array_equal(gradient, [0, INF, -INF])
    np.testing.assert_array_equal(second, 0)
    value, gradient, _ = derivatives(backend, dtype, pl.mape_loss, pred, target, eps=0.25)
    np.testing.assert_array_equal(value, [0, 8, 2])
    np.testing.assert_array_equal(gradient, [0, 4, -4])


def test_fractions_not_percent(backend, dtype):
    np.testing.assert_array_equal(
        derivatives(backend, dtype, pl.mape_loss, [1.0, 3.0], [2.0, -2.0])[0], [0.5, 2.5]
    )
    np.testing.assert_array_equal(
        derivatives(backend, dtype, pl.smape_loss, [1.0, 3.0], [3.0, 1.0])[0], [1, 1]
    )


def test_symmetric_is_two_for_different_signs(backend, dtype):
    """There the derivative is 0; at a prediction of 0 it is the mean of both sides."""
    pred, target = [-1e-30, 1.0, 5.0, -7.0, 0.0, 0.0, 0.0], [1e30, -1.0, -1e-9, 0.0, 4.0, -4.0, 0.0]
    value, gradient, second = derivatives(backend, dtype, pl.smape_loss, pred, target)
    np.testing.assert_array_equal(value, [2, 2, 2, 2, 2, 2, 0])
    np.testing.assert_array_equal(gradient, [0, 0, 0, 0, -0.5, 0.5, 0])
    np.testing.assert_array_equal(second, 0)


def test_symmetric(backend, dtype):
    pred, target = [0.5, 3.0, 1e4, -2.0], [2.0, 3.0, 1e-4, -7.0]
    first = derivatives(backend, dtype, pl.smape_loss, pred, target)[0]
    np.testing.assert_array_equal(
        first, derivatives(backend, dtype, pl.smape_loss, target, pred)[0]
    )
    negated = [-x for x in pred], [-y for y in target]
    np.testing.assert_array_equal(first, derivatives(backend, dtype, pl.smape_loss, *negated)[0])


def test_floor_of_the_symmetric_loss(backend, dtype):
    value, gradient, second = derivatives(
        backend, dtype, pl.smape_loss, [0.5, 0.25, 1.0], [0.0, -0.25, 3.0], eps=1.0
    )
    np.testing.assert_array_equal(value, [1, 1, 1])
    np.testing.assert_array_equal(gradient, [2, 2, -0.75])
    np.testing.assert_array_equal(second, [0, 0, 0.375])


def test_sizes_that_overflow(backend, dtype):
    """A symmetric ratio stays between 0 and 2."""
    largest = float(np.finfo(dtype).max)
    value, _, _ = derivatives(
        backend, dtype, pl.smape_loss, [largest, largest], [-largest, largest]
    )
    np.testing.assert_array_equal(value, [2, 0])


def test_infinite_predictions(backend, dtype):
    """The symmetric ratio has its largest value."""
    value, gradient, _ = derivatives(
        backend, dtype, pl.smape_loss, [INF, -INF, INF], [1.0, 1.0, 0.0]
    )
    np.testing.assert_array_equal(value, [2, 2, 2])
    np.testing.assert_array_equal(gradient, [0, 0, 0])


@pytest.mark.parametrize("value", [-1.0, -1.5, -INF])
def test_logarithms_of_what_has_none(backend, dtype, value):
    """On NumPy it is an error; elsewhere, and without validation, NaN, or inf at -1."""
    for place in (0, 1):
        given = [[3.0, 0.5], [2.0, 0.5]]
        given[place][0] = value
        arrays = [backend.asarray(x, dtype) for x in given]
        if backend.base == "numpy":
            name = ("pred", "target")[place]
            with pytest.raises(
                ValueError,
                match=rf"msle_loss: {name} must hold numbers above -1, but {name}\[0\] is .*1 \+",
            ):
                pl.msle_loss(*arrays)
            with pl.validation(False):
                found = pl.msle_loss(*arrays, reduction="none")
        else:
            found = backend.to_numpy(backend.call(pl.msle_loss, *arrays, reduction="none"))
        assert found[0] == INF if value == -1 else np.isnan(found[0])
        assert found[1] == 0


def test_close_amounts_keep_their_digits(backend, dtype):
    """Their logarithms differ in the last digits only, where they are subtracted."""
    target = 1e3
    pred = float(np.nextafter(np.asarray(target, dtype), np.asarray(INF, dtype)))
    value, _, _ = derivatives(backend, dtype, pl.msle_loss, [pred], [target])
    np.testing.assert_allclose(value, ((pred - target) / (1 + target)) ** 2, rtol=1e-6)


def test_amounts_from_one_end_of_the_domain_to_the_other(backend, dtype):
    limits = np.finfo(dtype)
    low, high = float(limits.epsneg) - 1, float(limits.max) ** 0.5
    expected = (np.log(high) - np.log(float(limits.epsneg))) ** 2
    value, gradient, _ = derivatives(backend, dtype, pl.msle_loss, [low, high], [high, low])
    np.testing.assert_allclose(value, expected, rtol=16 * limits.eps)
    assert gradient[0] < 0
    assert np.all(np.isfinite(gradient))


def test_small_residuals_of_log_cosh(backend, dtype):
    """Half their square, where subtracting log 2 would return 0."""
    residuals = np.asarray([1e-18, 1e-10, -1e-6, 1e-4])
    value, gradient, second = derivatives(backend, dtype, pl.log_cosh_loss, residuals, np.zeros(4))
    np.testing.assert_allclose(value, residuals**2 / 2, rtol=1e-6)
    np.testing.assert_allclose(gradient, residuals, rtol=1e-6)
    np.testing.assert_allclose(second, 1, rtol=1e-6)


def test_large_residuals_of_log_cosh(backend, dtype):
    """Their size minus log 2; the second derivative is accurate where the first is 1."""
    residuals = np.asarray([45.0, -45.0, 1e30, INF, -INF])
    value, gradient, second = derivatives(backend, dtype, pl.log_cosh_loss, residuals, np.zeros(5))
    np.testing.assert_allclose(value, np.abs(residuals) - np.log(2), rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(gradient, np.sign(residuals))
    expected = 4 * np.exp(-90.0)
    tiny = np.finfo(dtype).smallest_normal  # below it some libraries return 0
    np.testing.assert_allclose(
        second, [expected, expected, 0, 0, 0], rtol=1e-4, atol=0 if expected > tiny else tiny
    )


def test_the_slope_where_the_sum_of_the_sizes_is_the_floor(backend, dtype):
    """There the floor is the divisor, as below it, and above it the sizes are."""
    pred, target = (backend.asarray(x, dtype) for x in ([0.25, 0.375, 0.5], [-0.25, 0.125, -0.25]))
    slopes, bends = pl.smape_loss.grad_and_hess(pred, target, eps=0.5, reduction="none")
    np.testing.assert_allclose(backend.to_numpy(slopes), [4.0, 4.0, 0.0])
    np.testing.assert_allclose(backend.to_numpy(bends), [0.0, 0.0, 0.0])
