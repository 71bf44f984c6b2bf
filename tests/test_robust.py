"""Particular to robust losses: bounds, relations, residuals whose square overflows."""

from typing import Any

import numpy as np
import pytest

import portable_losses as pl

INF = np.inf
SCALED = (
    "fair_loss",
    "cauchy_loss",
    "geman_mcclure_loss",
    "welsch_loss",
    "arctan_loss",
    "tukey_biweight_loss",
)
BOUNDS = {
    "geman_mcclure_loss": 0.5,
    "welsch_loss": 0.5,
    "arctan_loss": np.pi / 4,
    "tukey_biweight_loss": 1 / 6,
}
"""Of the losses that have one, in squares of the scale."""


def arrays(backend: Any, dtype: str, pred: Any, target: Any) -> tuple[Any, Any]:
    return backend.asarray(pred, dtype), backend.asarray(
        np.broadcast_to(target, np.shape(pred)), dtype
    )


def close(backend: Any, actual: Any, desired: Any, dtype: str) -> None:
    np.testing.assert_allclose(
        backend.to_numpy(actual), desired, rtol=16 * np.finfo(dtype).eps, atol=0
    )


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_outliers_cost_the_bound_and_have_no_influence(backend, dtype, name, scale):
    loss, outliers = getattr(pl, name), [INF, -INF, 1e30, -1e30]
    given = arrays(backend, dtype, outliers, 0.0)
    value, gradient = backend.call(loss.value_and_grad, *given, scale=scale, reduction="none")
    close(backend, value, np.full(4, BOUNDS[name] * scale**2), dtype)
    second = backend.call(loss.grad_and_hess, *given, scale=scale, reduction="none")[1]
    for derivative in (gradient, second):
        np.testing.assert_array_less(
            np.abs(backend.to_numpy(derivative)), 1e-50 if dtype == "float64" else 1e-37
        )


@pytest.mark.parametrize("alpha", [-INF, -1e7, -50.0, -2.0, -0.5])
def test_outliers_cost_the_bound_of_a_negative_shape(backend, dtype, alpha):
    given = arrays(backend, dtype, [INF, -INF], 1.0)
    value, gradient = backend.call(
        pl.barron_loss.value_and_grad, *given, alpha=alpha, scale=0.5, reduction="none"
    )
    bound = 1.0 if alpha == -INF else (2 - alpha) / -alpha
    close(backend, value, np.full(2, bound), dtype)
    assert np.all(backend.to_numpy(gradient) == 0)


@pytest.mark.parametrize(
    "name",
    [
        "huber_loss",
        "smooth_l1_loss",
        "pseudo_huber_loss",
        "fair_loss",
        "barron_loss",
        "cauchy_loss",
    ],
)
def test_outliers_of_losses_without_a_bound(backend, dtype, name):
    given = arrays(backend, dtype, [INF, -INF], 0.0)
    value, gradient = backend.call(getattr(pl, name).value_and_grad, *given, reduction="none")
    assert np.all(backend.to_numpy(value) == INF)
    wanted = [0, 0] if name == "cauchy_loss" else [1, -1]
    rounding = 2 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(backend.to_numpy(gradient), wanted, rtol=rounding)


@pytest.mark.parametrize("beta", [1.0, 0.25, 8.0])
def test_smooth_l1_times_beta_is_huber(backend, dtype, beta):
    given = arrays(backend, dtype, [0.0, 0.125, -0.25, 3.0, -40.0], 0.0)
    for method in ("__call__", "grad"):
        smooth = backend.call(
            getattr(pl.smooth_l1_loss, method), *given, beta=beta, reduction="none"
        )
        huber = backend.call(getattr(pl.huber_loss, method), *given, delta=beta, reduction="none")
        np.testing.assert_array_equal(backend.to_numpy(smooth) * beta, backend.to_numpy(huber))


@pytest.mark.parametrize("name", SCALED)
def test_units(backend, dtype, name):
    """Residuals and scale in another unit: the loss is in its square."""
    loss, unit = getattr(pl, name), 2.0**7
    pred, target = np.asarray([0.0, 0.1, -1.0, 1.7, 30.0]), np.asarray([0.0, -0.3, 0.5, -2.0, 1.0])
    given, larger = (
        arrays(backend, dtype, pred, target),
        arrays(backend, dtype, pred * unit, target * unit),
    )
    value, gradient = loss.value_and_grad(*given, scale=0.75, reduction="none")
    other_value, other_gradient = loss.value_and_grad(*larger, scale=0.75 * unit, reduction="none")
    close(backend, value, backend.to_numpy(other_value) / unit**2, dtype)
    close(backend, gradient, backend.to_numpy(other_gradient) / unit, dtype)


@pytest.mark.backends("numpy")
def test_no_influence_from_the_scale_on(backend, dtype):
    """The biweight's derivatives are exactly 0 there, and right one step below."""
    below = np.nextafter(np.asarray(4, dtype), np.asarray(0, dtype))
    pred = np.asarray([4.0, -4.0, 5.0, below, -below], dtype)
    gradient, second = pl.tukey_biweight_loss.grad_and_hess(pred, 0.0, scale=4.0, reduction="none")
    assert np.all(gradient[:3] == 0)
    assert np.all(second[:3] == 0)
    share = float(below) / 4
    rest = (1 - share) * (1 + share)
    np.testing.assert_allclose(gradient[3:], pred[3:] * rest**2, rtol=1e-6)
    np.testing.assert_allclose(second[3:], -4 * rest, rtol=1e-6)


@pytest.mark.parametrize("name", [*SCALED, "pseudo_huber_loss", "barron_loss"])
def test_residuals_whose_square_overflows(backend, dtype, name):
    """The loss is its limit, or inf; the derivative is its limit."""
    size = float(np.finfo(dtype).max) / 4
    given = arrays(backend, dtype, [size, -size], 0.0)
    value, gradient = backend.call(getattr(pl, name).value_and_grad, *given, reduction="none")
    slope = 1 if name in ("fair_loss", "pseudo_huber_loss", "barron_loss") else 0
    close(backend, gradient, [slope, -slope], dtype)
    limit = BOUNDS.get(name, 0) * (4.685**2 if name == "tukey_biweight_loss" else 1)
    found = backend.to_numpy(value)
    expected = np.full(2, limit or size)
    assert np.all((found == INF) | np.isclose(found, expected, rtol=16 * np.finfo(dtype).eps))


@pytest.mark.parametrize("alpha", [np.nan, INF])
def test_shapes_that_are_refused(alpha):
    with pytest.raises(ValueError, match=r"barron_loss: alpha must be a number in .*got (nan|inf)"):
        pl.barron_loss([1.0], [0.0], alpha=alpha)


@pytest.mark.parametrize("alpha", [2.0, 0.0, -2.0, 1.0, 3.5])
def test_shapes_are_of_the_formula_of_the_paper(backend, dtype, alpha):
    pred = np.asarray([0.25, -1.0, 3.0, -7.5])
    square, width = ((pred - 0.5) / 0.75) ** 2, abs(alpha - 2)
    if alpha == 2:
        expected = square / 2
    elif alpha == 0:
        expected = np.log(square / 2 + 1)
    else:
        expected = width / alpha * ((square / width + 1) ** (alpha / 2) - 1)
    close(
        backend,
        backend.call(
            pl.barron_loss,
            *arrays(backend, dtype, pred, 0.5),
            alpha=alpha,
            scale=0.75,
            reduction="none",
        ),
        expected,
        dtype,
    )
