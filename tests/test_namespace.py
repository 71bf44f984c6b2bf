"""Functions that backends override: each follows the standard."""

import itertools
from types import ModuleType

import array_api_strict
import numpy as np
import pytest
from marks import compiled_too
from mpmath import mp, mpf
from numpy.lib.mixins import NDArrayOperatorsMixin

from portable_losses._backends import backend_of, default
from portable_losses._numerics import ArrayNamespace
from portable_losses._numerics.standard import select

numpy = default.xp


def namespace_of(array):
    backend = backend_of(array)
    return None if backend is None else backend.xp


LARGE = 3000
"""More elements than a plain `numpy.where` is used for."""


def values(dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    special = np.asarray(
        [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, np.finfo(dtype).max, np.finfo(dtype).tiny],
        dtype=dtype,
    )
    return np.concatenate([special, rng.standard_normal(LARGE).astype(dtype)])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", ">f8", "longdouble"])
@pytest.mark.parametrize("size", [5, LARGE])
def test_where_selects_as_numpy_does(dtype, size):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, size)).astype(dtype)
    condition = rng.random(size) < 0.5
    choices = (
        x,
        y,
        0.0,
        1.5,
        -0.0,
        np.float64(2.5),
        3,
        np.asarray(1.0, dtype=dtype),
        x[:1],
        x.astype("float64"),
    )
    for first, second in itertools.product(choices, repeat=2):
        expected = np.where(condition, first, second)
        actual = numpy.where(condition, first, second)
        np.testing.assert_array_equal(actual, expected)
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(np.signbit(actual), np.signbit(expected))


def test_where_broadcasts_as_numpy_does():
    rng = np.random.default_rng(2)
    condition = rng.random((40, 50)) < 0.5
    for shapes in itertools.product([(40, 50), (40, 1), (1, 50), (50,), ()], repeat=2):
        x, y = (rng.standard_normal(shape) for shape in shapes)
        np.testing.assert_array_equal(numpy.where(condition, x, y), np.where(condition, x, y))
        if x.ndim == y.ndim == 2:
            np.testing.assert_array_equal(
                numpy.where(condition.T, x.T, y.T), np.where(condition.T, x.T, y.T)
            )


def test_where_passes_nan_and_infinities():
    x = values("float32")
    condition = np.arange(x.size) % 2 == 0
    np.testing.assert_array_equal(numpy.where(condition, x, -x), np.where(condition, x, -x))
    np.testing.assert_array_equal(
        numpy.where(condition, 0.0, x), np.where(condition, np.float32(0), x)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["minimum", "maximum"])
@pytest.mark.parametrize("bound", [0.0, 1.5, -1, np.inf, -np.inf])
def test_extremes_of_an_array_and_a_number(dtype, name, bound):
    x = values(dtype)
    actual = getattr(numpy, name)(x, bound)
    np.testing.assert_array_equal(actual, getattr(np, name)(x, bound))
    assert actual.dtype == x.dtype


@compiled_too
@pytest.mark.parametrize("name", ["minimum", "maximum"])
def test_extremes_of_two_arrays_and_a_number(backend, dtype, name):
    x = np.asarray([-1.0, 0.5, 2.0], dtype=dtype)
    array = backend.asarray(x)
    function = getattr(namespace_of(array), name)
    np.testing.assert_array_equal(
        backend.to_numpy(backend.call(function, array, array * 0 + 1)), getattr(np, name)(x, 1)
    )
    np.testing.assert_array_equal(
        backend.to_numpy(backend.call(lambda a: function(a, 0.75), array)),
        getattr(np, name)(x, 0.75),
    )


@compiled_too
def test_absolute_values(backend, dtype):
    x = np.asarray([-np.inf, -1.5, -0.0, 0.0, 2.0, np.inf, np.nan], dtype=dtype)
    array = backend.asarray(x)
    np.testing.assert_array_equal(
        backend.to_numpy(backend.call(namespace_of(array).abs, array)), np.abs(x)
    )


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_taking_along_an_axis(backend, dtype, axis):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 5)).astype(dtype)
    indices = rng.integers(0, 4, (1, 5) if axis == 0 else (4, 1))
    array = backend.asarray(x)
    actual = namespace_of(array).take_along_axis(array, backend.asarray(indices), axis=axis)
    np.testing.assert_array_equal(
        backend.to_numpy(actual), np.take_along_axis(x, indices, axis=axis)
    )


@compiled_too
def test_one_namespace_for_all_arrays_of_a_library(backend):
    assert namespace_of(backend.asarray([1.0])) is namespace_of(backend.asarray([[1]]))
    assert namespace_of([1.0]) is None


def test_subclasses_of_numpy_arrays_are_numpy():
    class Sub(np.ndarray):
        pass

    assert namespace_of(np.zeros(2).view(Sub)) is namespace_of(np.float64(1.0)) is numpy


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_mask_that_selects_nothing(dtype):
    """Shape and dtype equal those of NumPy, also where work is saved."""
    x = np.linspace(-1, 1, 3000, dtype=dtype)
    nothing = x > 2
    others = (
        0.0,
        1,
        x,
        x[:1],
        np.ones((2, 3000), dtype),
        np.asarray(7, dtype),
        np.ones(3000, "float64"),
    )
    for other in others:
        for args in ((other, x), (x, other)):
            actual, expected = numpy.where(nothing, *args), np.where(nothing, *args)
            np.testing.assert_array_equal(actual, expected, strict=True)


def test_special_functions_give_arrays_of_their_own():
    """This holds also if a formula returns one of its arguments."""
    from portable_losses.special._function import Special

    same = Special(lambda xp, x, /: xp.where(x != x, 0.0, x))
    x = np.linspace(-1, 1, 3000)
    assert not np.shares_memory(same(x), x)


def test_functions_that_a_library_lacks():
    """Their substitutes equal the functions of the standard."""
    lacking = ModuleType("lacking")
    names = set(dir(np)) - {"take_along_axis", "arange"}
    vars(lacking).update({name: getattr(np, name) for name in names if name[:1] != "_"})
    lacking.__array_namespace_info__ = np.__array_namespace_info__
    xp = ArrayNamespace(lacking, {})
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    for axis in (0, 1, -1):
        order = np.argsort(x, axis=axis)
        np.testing.assert_array_equal(
            xp.take_along_axis(x, order, axis=axis), np.take_along_axis(x, order, axis=axis)
        )
    x[0] = np.inf
    picked = xp.take_along_axis(x, np.ones((3, 4, 1), int), axis=-1)
    np.testing.assert_array_equal(picked, x[..., 1:2])
    numbers = xp.arange(4, dtype=np.int32)
    assert numbers.tolist() == [0, 1, 2, 3]
    assert numbers.dtype == np.int32


def test_what_a_library_lacks_is_named():
    old = ModuleType("old")
    with pytest.raises(TypeError, match=r"old follows an old .* version 2024\.12 or later"):
        ArrayNamespace(old, {})
    old.__array_namespace_info__ = np.__array_namespace_info__
    with pytest.raises(AttributeError, match=r"(?s)xp.argsort: old has no .* 2024\.12"):
        ArrayNamespace(old, {}).argsort  # noqa: B018


def test_operators_of_numpy_make_no_array_of_numpy():
    """Other libraries, such as sparse, take them from NumPy's class."""

    class Foreign(NDArrayOperatorsMixin):
        def __array_namespace__(self, api_version=None):
            return array_api_strict

    assert backend_of(Foreign()).xp.library is array_api_strict


POINTS = [0.0, 1e-30, -1e-8, 1e-3, 0.05, -0.09, 0.11, -0.5, 3.0, -20.0]


@compiled_too
@pytest.mark.parametrize("name", ["exprel", "log1p_over"])
def test_quotients_that_have_a_limit_at_0(backend, dtype, name):
    points = [x for x in POINTS if x > -1] if name == "log1p_over" else POINTS
    x = backend.asarray(points, dtype)
    xp = namespace_of(x)
    found = backend.to_numpy(backend.call(getattr(xp, name), x))
    function = mp.expm1 if name == "exprel" else mp.log1p
    with mp.workdps(60):
        exact = [mpf(float(p)) for p in backend.to_numpy(x)]
        right = [float(function(p) / p) if p else 1.0 for p in exact]
    np.testing.assert_allclose(found, right, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("rate", [0.0, 1e-45, -1e-20, 1e-3, -0.7, 2.0])
def test_expm1_over_a_number_and_over_an_array(backend, dtype, rate):
    """A number and an array have the same limits: at a rate of 0 and at infinity."""
    x = backend.asarray([0.0, 0.25, 7.0, np.inf, -np.inf], dtype)
    xp = namespace_of(x)
    rates = backend.asarray(rate, dtype)
    exact = mpf(float(backend.to_numpy(rates)))
    with mp.workdps(60):
        right = [float(mp.expm1(exact * p) / exact) if exact else p for p in (0.0, 0.25, 7.0)]
    limits = [1 / -rate if rate < 0 else np.inf, -1 / rate if rate > 0 else -np.inf]
    if abs(rate) < 1e-37:  # as if it were 0
        limits = [np.inf, -np.inf]
    for given in (rate, rates):
        with np.errstate(all="ignore"):
            found = backend.to_numpy(xp.expm1_over(given, x))
        np.testing.assert_allclose(found[:3], right, rtol=4 * np.finfo(dtype).eps)
        if given is rate or abs(rate) > 1e-19 or rate == 0:
            np.testing.assert_allclose(found[3:], limits, rtol=1e-6)


def test_select_computes_one_case_for_a_number_and_both_for_an_array():
    calls = []

    def case(name, value):
        return lambda: calls.append(name) or value

    assert select(numpy, True, case("one", 1.0), case("other", 2.0)) == 1.0
    assert select(numpy, False, case("one", 1.0), 2.0) == 2.0
    assert calls == ["one"]
    both = select(numpy, np.asarray([True, False]), case("one", np.ones(2)), case("other", 2.0))
    np.testing.assert_array_equal(both, [1.0, 2.0])
    assert calls == ["one", "one", "other"]
