"""Values and derivatives of the special functions: singular points, autodiff, SciPy."""

import inspect
from typing import Any

import numpy as np
import pytest
import scipy.special
from cases import as_tuple
from marks import compiled_too
from test_autodiff import gradient

from portable_losses import special

INF, NAN = np.inf, np.nan

FUNCTIONS = [getattr(special, name) for name in special.__all__ if name != "Special"]
ELEMENTWISE = [
    function for function in FUNCTIONS if "axis" not in inspect.signature(function).parameters
]

each_elementwise = pytest.mark.parametrize(
    "function", ELEMENTWISE, ids=lambda function: function.__name__
)
by_name = pytest.mark.parametrize("name", [function.__name__ for function in ELEMENTWISE])

ORDINARY: dict[str, tuple[list[float], ...]] = {
    "lgamma": (
        [
            1e-6,
            0.1,
            0.5,
            0.99,
            1.001,
            1.4,
            1.5,
            1.99,
            2.01,
            3.2,
            3.3,
            9.0,
            200.0,
            1e6,
            1e30,
            -0.2,
            -0.5,
            -1.5,
            -2.3,
            -7.75,
        ],
    ),
    "log1mexp": ([1e-30, 1e-6, 0.1, 0.69, 0.7, 1.5, 10.0, 60.0],),
    "log_sigmoid": ([-60.0, -1.5, -1e-6, 0.0, 0.5, 60.0],),
    "logit": ([1e-30, 1e-6, 0.1, 0.24, 0.26, 0.49, 0.5, 0.51, 0.74, 0.76, 0.999],),
    "rel_entr": (
        [0.5, 0.25, 0.7, 0.7001, 0.1, 0.9, 1e-3, 3e-3, 1e-25, 1e-36, 1e5],
        [0.5, 0.75, 0.7, 0.7, 0.9, 0.1, 2e-3, 1e-25, 1.5e-25, 1e10, 1e-20],
    ),
    "sigmoid": ([-60.0, -1.5, -1e-6, 0.0, 0.5, 60.0],),
    "softplus": ([-60.0, -1.5, -1e-6, 0.0, 0.5, 60.0],),
    "xlog1py": ([0.0, 0.0, 0.5, -1.0, 2.0, 3.0, 1.0], [0.5, -0.5, 1e-10, -0.25, -0.999, 1e30, 0.0]),
    "xlogy": ([0.0, 0.0, 0.5, -1.0, 2.0, 3.0, 1.0], [0.5, 2.0, 1.001, 0.25, 1e-30, 1e30, 1.0]),
}
"""Where value and derivative are finite, and differentiable."""

SINGULAR: dict[str, tuple[tuple[Any, ...], ...]] = {
    # The arguments, the value, the derivatives, and those of autodiff if they differ
    "lgamma": (
        (0.0, INF, -INF),
        (-0.0, INF, INF),
        (1.0, 0.0, -0.5772156649015329),
        (2.0, 0.0, 0.42278433509846714),
        (-1.0, INF, NAN),
        (-33.0, INF, NAN),
        (-1e30, INF, NAN, 0.0),
        (INF, INF, INF, 0.0),
        (-INF, INF, NAN, 0.0),
        (NAN, NAN, NAN),
    ),
    "log1mexp": (
        (0.0, -INF, INF),
        (INF, 0.0, 0.0),
        (-1.0, NAN, NAN),
        (-INF, NAN, NAN),
        (NAN, NAN, NAN),
    ),
    "log_sigmoid": ((0.0, -np.log(2), 0.5), (INF, 0.0, 0.0), (-INF, -INF, 1.0), (NAN, NAN, NAN)),
    "logit": (
        (0.0, -INF, INF),
        (-0.0, -INF, INF, -INF),
        (0.25, -np.log(3), 16 / 3),
        (0.5, 0.0, 4.0),
        (1.0, INF, INF),
        (-0.1, NAN, NAN),
        (1.1, NAN, NAN),
        (INF, NAN, NAN),
        (-INF, NAN, NAN),
        (NAN, NAN, NAN),
    ),
    "rel_entr": (
        (0.0, 0.0, 0.0, (INF, 0.0), (0.0, 0.0)),
        (0.0, 0.5, 0.0, (-INF, 0.0), (0.0, 0.0)),
        (0.0, INF, 0.0, (-INF, 0.0), (0.0, 0.0)),
        (0.5, 0.5, 0.0, (1.0, -1.0)),
        (0.5, 0.0, INF, (INF, -INF), (0.0, 0.0)),
        (0.5, -0.0, INF, (INF, -INF), (0.0, 0.0)),
        (-0.5, 0.5, INF, (NAN, NAN), (0.0, 0.0)),
        (0.5, -0.5, INF, (NAN, NAN), (0.0, 0.0)),
        (0.5, INF, -INF, (-INF, 0.0), (NAN, NAN)),
        (INF, 0.5, INF, (INF, -INF), (NAN, NAN)),
        (NAN, 0.5, NAN, (NAN, NAN)),
        (0.5, NAN, NAN, (NAN, NAN)),
        (NAN, 0.0, NAN, (NAN, NAN)),
        (0.0, NAN, NAN, (NAN, NAN)),
    ),
    "sigmoid": ((0.0, 0.5, 0.25), (INF, 1.0, 0.0), (-INF, 0.0, 0.0), (NAN, NAN, NAN)),
    "softplus": ((0.0, np.log(2), 0.5), (INF, INF, 1.0), (-INF, 0.0, 0.0), (NAN, NAN, NAN)),
    "xlog1py": (
        (0.0, -1.0, 0.0, (-INF, 0.0), (0.0, 0.0)),
        (0.0, -2.0, 0.0, (NAN, 0.0), (0.0, 0.0)),
        (0.0, INF, 0.0, (INF, 0.0), (0.0, 0.0)),
        (0.0, 1.0, 0.0, (np.log(2), 0.0)),
        (0.0, NAN, NAN, (NAN, NAN)),
        (2.0, -1.0, -INF, (-INF, INF)),
        (-2.0, -1.0, INF, (-INF, -INF)),
        (2.0, -2.0, NAN, (NAN, NAN)),
        (2.0, INF, INF, (INF, 0.0)),
        (NAN, 1.0, NAN, (NAN, NAN)),
    ),
    "xlogy": (
        (0.0, 0.0, 0.0, (-INF, 0.0), (0.0, 0.0)),
        (0.0, -1.0, 0.0, (NAN, 0.0), (0.0, 0.0)),
        (0.0, INF, 0.0, (INF, 0.0), (0.0, 0.0)),
        (0.0, 2.0, 0.0, (np.log(2), 0.0)),
        (0.0, NAN, NAN, (NAN, NAN)),
        (2.0, 0.0, -INF, (-INF, INF)),
        (2.0, -0.0, -INF, (-INF, INF), (-INF, -INF)),
        (-2.0, 0.0, INF, (-INF, -INF)),
        (2.0, -1.0, NAN, (NAN, NAN)),
        (2.0, INF, INF, (INF, 0.0)),
        (NAN, 1.0, NAN, (NAN, NAN)),
    ),
}
"""Poles, zeros, infinities, NaN, and numbers outside the domain."""


def close(actual: Any, desired: Any, dtype: str) -> None:
    """Compare to 16 eps, with an absolute tolerance for 0 and subnormal numbers."""
    limits = np.finfo(dtype)
    np.testing.assert_allclose(
        actual, desired, rtol=16 * float(limits.eps), atol=float(limits.smallest_normal)
    )


def singular(
    name: str, dtype: str
) -> tuple[list[np.ndarray], np.ndarray, tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return arguments, values, derivatives and expected autodiff, in the order of the table."""
    count = len(ORDINARY[name])
    rows = SINGULAR[name]
    arguments = [np.asarray([row[i] for row in rows], dtype) for i in range(count)]
    derivatives = np.asarray([as_tuple(row[count + 1]) for row in rows]).T
    automatic = np.asarray([as_tuple(row[-1]) for row in rows]).T
    return arguments, np.asarray([row[count] for row in rows]), tuple(derivatives), tuple(automatic)


# Values


def test_every_function_has_inputs() -> None:
    assert {function.__name__ for function in ELEMENTWISE} == set(ORDINARY) == set(SINGULAR)


@compiled_too
@by_name
def test_values_and_derivatives(backend, dtype, name):
    """As on NumPy, which `test_accuracy` compares with exact arithmetic."""
    function = getattr(special, name)
    arrays = [np.asarray(values, dtype) for values in ORDINARY[name]]
    given = [backend.asarray(array) for array in arrays]
    value = backend.call(function, *given)
    assert value.dtype == given[0].dtype
    close(backend.to_numpy(value), function(*arrays), dtype)
    derivatives = as_tuple(backend.call(function.grad, *given))
    for actual, desired in zip(derivatives, as_tuple(function.grad(*arrays)), strict=True):
        assert actual.dtype == given[0].dtype
        close(backend.to_numpy(actual), desired, dtype)


@compiled_too
@by_name
def test_singular_points(backend, dtype, name):
    function = getattr(special, name)
    arrays, value, derivatives, _ = singular(name, dtype)
    given = [backend.asarray(array) for array in arrays]
    close(backend.to_numpy(backend.call(function, *given)), value, dtype)
    for actual, desired in zip(
        as_tuple(backend.call(function.grad, *given)), derivatives, strict=True
    ):
        close(backend.to_numpy(actual), desired, dtype)


def test_what_is_zero_has_no_sign() -> None:
    for value in (
        special.lgamma([1.0, 2.0]),
        special.logit([0.5]),
        special.rel_entr([0.25], [0.25]),
    ):
        assert np.all(value == 0)
        assert not np.any(np.signbit(value))


# Autodiff


@compiled_too
@pytest.mark.backends("torch", "jax")
@by_name
def test_gradient_of_the_formula(backend, dtype, name):
    function = getattr(special, name)
    arrays = [np.asarray(values, dtype) for values in ORDINARY[name]]
    count = len(arrays)
    actual = gradient(
        backend, lambda *a: function(*a).sum(), *map(backend.asarray, arrays), number=count
    )
    for part, desired in zip(as_tuple(actual), as_tuple(function.grad(*arrays)), strict=True):
        np.testing.assert_allclose(
            backend.to_numpy(part), desired, rtol=1e-4 if dtype == "float32" else 1e-11
        )


@compiled_too
@pytest.mark.backends("torch", "jax-jit")
@by_name
def test_gradient_of_the_formula_at_singular_points(backend, dtype, name):
    """Where autodiff misses the registered limit it mostly returns 0, which leaves a sum as is."""
    function = getattr(special, name)
    arrays, value, _, automatic = singular(name, dtype)
    actual = gradient(
        backend, lambda *a: function(*a).sum(), *map(backend.asarray, arrays), number=len(arrays)
    )
    inside = ~np.isnan(value)
    for part, desired in zip(as_tuple(actual), automatic, strict=True):
        np.testing.assert_allclose(
            backend.to_numpy(part)[inside], desired[inside], rtol=1e-5, atol=1e-6
        )


# SciPy


def same(actual: np.ndarray, desired: np.ndarray) -> None:
    np.testing.assert_allclose(actual, desired, rtol=1e-13, atol=1e-300)


def test_scipy_logit() -> None:
    p = np.concatenate([np.linspace(0, 1, 101), [1e-300, 1 - 1e-16, -0.1, 1.1, NAN]])
    same(special.logit(p), scipy.special.logit(p))


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "rel_entr"])
def test_scipy_of_two_numbers(name: str) -> None:
    x, y = np.meshgrid(
        [0.0, 1e-300, 0.1, 0.5, 0.50001, 3.0, 1e200], [0.0, 1e-300, 0.1, 0.5, 0.50002, 7.0, 1e300]
    )
    same(getattr(special, name)(x, y), getattr(scipy.special, name)(x, y))
    x, y = np.meshgrid([-1.0, 0.0, 0.5, NAN], [-0.5, 0.0, 0.5, NAN])
    same(getattr(special, name)(x, y), getattr(scipy.special, name)(x, y))


def test_scipy_gamma() -> None:
    x = np.concatenate([np.linspace(-8.3, 30, 384), [0.0, 1e-300, 1e5, 1e300, INF, NAN, -3.0]])
    np.testing.assert_allclose(special.lgamma(x), scipy.special.gammaln(x), rtol=1e-12, atol=1e-14)
    # SciPy's gammaln(-inf) is -inf; in C, and here, it is inf.
    assert special.lgamma(-INF) == INF
    np.testing.assert_allclose(
        special.lgamma.grad(x), scipy.special.digamma(x), rtol=1e-11, atol=1e-13
    )


def test_scipy_log1mexp() -> None:
    x = np.asarray([1e-300, 1e-10, 0.1, 0.69, 0.7, 5.0, 700.0])
    # SciPy has the complement of a log-probability only with another sign, and not in public: two
    # steps do.
    same(
        special.log1mexp(x),
        np.where(x < 1, np.log(-np.expm1(-x)), scipy.special.log1p(-np.exp(-x))),
    )
