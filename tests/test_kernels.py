"""Elementary functions on NumPy's blocks: all of them, whichever this processor would use."""

import mpmath as mp
import numpy as np
import pytest

from portable_losses._backends.numpy import kernels

FLOATS = np.float32, np.float64
EDGES = np.asarray([0.0, -0.0, np.inf, -np.inf, np.nan])
LENGTH = 5 * kernels.SHORT  # every kernel computes arrays of this length itself

# name: exact function, lowest and highest argument for float32 and float64, ulp for each of them
DOMAINS = {
    "expm1": (mp.expm1, (-100.0, 88.7), (-750.0, 709.7), (2.0, 2.5)),
    "sinh": (mp.sinh, (-88.7, 88.7), (-709.7, 709.7), (3.0, 3.0)),
    "log1p": (mp.log1p, (-1 + 2.0**-24, 3e38), (-1 + 2.0**-53, 1e308), (4.2, 1.5)),
    "log1pmx": (
        lambda x: mp.log1p(x) - x,
        (-1 + 2.0**-24, 1e20),
        (-1 + 2.0**-53, 1e50),
        (5.0, 3.0),
    ),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), (-100.0, 100.0), (-740.0, 740.0), (4.0, 3.0)),
    "log_sigmoid": (lambda x: -mp.log1p(mp.exp(-x)), (-100.0, 100.0), (-740.0, 740.0), (4.0, 3.0)),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), (-100.0, 100.0), (-740.0, 740.0), (4.0, 2.5)),
    "atan": (mp.atan, (-3e38, 3e38), (-1e308, 1e308), (2.1, 2.1)),
}
AT_EDGES = {
    "expm1": [0.0, 0.0, np.inf, -1.0, np.nan],
    "sinh": [0.0, -0.0, np.inf, -np.inf, np.nan],
    "log1p": [0.0, 0.0, np.inf, np.nan, np.nan],
    "log1pmx": [0.0, 0.0, -np.inf, np.nan, np.nan],
    "softplus": [np.log(2), np.log(2), np.inf, 0.0, np.nan],
    "log_sigmoid": [-np.log(2), -np.log(2), 0.0, -np.inf, np.nan],
    "sigmoid": [0.5, 0.5, 1.0, 0.0, np.nan],
    "atan": [0.0, -0.0, np.pi / 2, -np.pi / 2, np.nan],
}

each = pytest.mark.parametrize("name", DOMAINS)
each_float = pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.__name__)


@pytest.fixture(autouse=True)
def _as_the_engine_does():
    with np.errstate(all="ignore"):
        yield


def arguments(low, high, dtype):
    """Return numbers of every size in an interval, many of them of ordinary size."""
    random = np.random.default_rng(0)
    tiny = 1e-20 if dtype is np.float32 else 1e-40
    sizes = np.geomspace(tiny, max(high, -low), LENGTH // 2)
    numbers = [sizes, -sizes, random.uniform(-2, 2, LENGTH), random.uniform(-40, 40, LENGTH)]
    numbers = np.concatenate(numbers)
    inside = numbers[(numbers >= low) & (numbers <= high)].astype(dtype)
    return np.clip(inside, dtype(low), dtype(high))


def ulps(actual, exact):
    """Return the largest error in units in the last place of the exact numbers."""
    rounded = np.asarray([float(number) for number in exact]).astype(actual.dtype)
    errors = [mp.mpf(float(a)) - e for a, e in zip(actual, exact, strict=True)]
    return np.max(np.abs(np.asarray(errors, float)) / np.spacing(np.abs(rounded)).astype(float))


@each
@each_float
def test_accuracy(name, dtype):
    function, *limits, bounds = DOMAINS[name]
    which = FLOATS.index(dtype)
    x = arguments(*limits[which], dtype)
    assert x.size > 4 * kernels.SHORT
    with mp.workdps(120):
        exact = [function(mp.mpf(float(number))) for number in x]
        assert ulps(getattr(kernels, name)(x), exact) <= bounds[which]


@each_float
def test_subnormal_numbers(dtype):
    x = np.finfo(dtype).smallest_subnormal * np.arange(-LENGTH, LENGTH, dtype=dtype)
    for name in ("expm1", "sinh", "log1p", "atan"):
        error = (getattr(kernels, name)(x) - x) / np.finfo(dtype).smallest_subnormal
        assert np.max(np.abs(error)) <= 1, name


@each
@each_float
def test_edges(name, dtype):
    x = np.ones(LENGTH, dtype)
    x[::500][: EDGES.size] = EDGES
    actual = getattr(kernels, name)(x)[::500][: EDGES.size]
    desired = np.asarray(AT_EDGES[name], dtype)
    np.testing.assert_allclose(actual, desired, rtol=4 * np.finfo(dtype).eps)
    if name in ("sinh", "atan"):
        assert np.signbit(actual[1])


@each_float
def test_log_of_nothing_and_less(dtype):
    x = np.full(LENGTH, -1.0, dtype)
    x[-1] = -1.5
    for kernel in (kernels.log1p, kernels.log1pmx):
        assert np.all(kernel(x)[:-1] == -np.inf)
        assert np.isnan(kernel(x)[-1])


@each_float
def test_beyond_the_range(dtype):
    x = np.geomspace(800.0, np.finfo(dtype).max, LENGTH, dtype=dtype)
    assert np.all(kernels.expm1(x) == np.inf)
    assert np.all(kernels.expm1(-x) == -1)
    np.testing.assert_array_equal(kernels.sinh(-x), np.full_like(x, -np.inf))
    np.testing.assert_array_equal(kernels.softplus(x), x)
    np.testing.assert_array_equal(kernels.log_sigmoid(-x), -x)


@each
@each_float
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (4,), (50, 100)])
def test_shapes_and_dtypes(name, dtype, shape):
    x = np.full(shape, 0.5, dtype)
    result = getattr(kernels, name)(x)
    assert result.shape == shape
    assert result.dtype == dtype


@each
@pytest.mark.parametrize("dtype", [np.float16, np.dtype(np.float64).newbyteorder()])
def test_other_dtypes(name, dtype):
    x = np.linspace(-0.9, 3.0, LENGTH).astype(dtype)
    kernel = getattr(kernels, name)
    result = kernel(x)
    eps = np.finfo(x.dtype).eps
    np.testing.assert_allclose(result, kernel(x.astype(np.float64)), rtol=8 * eps, atol=8 * eps)


@each
@each_float
def test_layouts(name, dtype):
    x = np.linspace(-0.9, 30.0, 3 * LENGTH).astype(dtype).reshape(3, -1)
    kernel = getattr(kernels, name)
    result = kernel(x)
    wide = np.zeros((3, 2 * LENGTH), dtype)
    wide[:, ::2] = x
    for same in (np.asfortranarray(x), wide[:, ::2], x[::-1, ::-1][::-1, ::-1]):
        np.testing.assert_array_max_ulp(kernel(same), result, 4)
    np.testing.assert_array_max_ulp(kernel(x.T), result.T, 4)


@each
@each_float
def test_arguments_are_only_read(name, dtype):
    x = np.linspace(-0.9, 30.0, LENGTH).astype(dtype)
    x[-1] = np.inf
    before = x.copy()
    x.flags.writeable = False
    result = getattr(kernels, name)(x)
    assert not np.shares_memory(result, x)
    assert result.flags.writeable
    np.testing.assert_array_equal(x, before)
    getattr(kernels, name)(np.broadcast_to(dtype(0.5), (LENGTH,)))


@each
@each_float
def test_blocks_make_no_difference(name, dtype):
    x = np.linspace(-0.9, 30.0, 2 * LENGTH).astype(dtype)
    kernel = getattr(kernels, name)
    for pieces, ulp in ((2, 0), (100, 6)):  # the short ones go to NumPy's own functions
        result = np.concatenate([kernel(piece) for piece in np.array_split(x, pieces)])
        np.testing.assert_array_max_ulp(kernel(x), result, ulp)


@each_float
def test_both_sigmoids(dtype):
    x = np.append(np.linspace(-200.0, 200.0, LENGTH), EDGES).astype(dtype)
    for actual, desired in zip(kernels.sigmoids(x), (x, -x), strict=True):
        np.testing.assert_array_equal(actual, kernels.sigmoid(desired))


# Selections


@pytest.mark.parametrize("count", [4, LENGTH])
@pytest.mark.parametrize("dtype", [*FLOATS, np.int64])
@pytest.mark.parametrize("true", [0.0, 0.5, 1.0])
def test_where(count, dtype, true):
    random = np.random.default_rng(0)
    mask = random.random((3, count)) < true
    x, y = (random.integers(-9, 9, (3, count)).astype(dtype) for _ in range(2))
    for first, second in (
        (x, y),
        (x, 0.0),
        (np.nan, y),
        (1, 2.5),
        (x[:1], y[:, :1]),
        (x[0, 0], y),
        (x, y.astype(np.float32)),
        (np.broadcast_to(x[0, 0], x.shape), np.asarray(-0.0)),
    ):
        actual, desired = kernels.where(mask, first, second), np.where(mask, first, second)
        assert actual.dtype == desired.dtype
        np.testing.assert_array_equal(actual, desired)
        assert not np.shares_memory(actual, first)
        assert not np.shares_memory(actual, second)
    np.testing.assert_array_equal(kernels.where(mask.T, x.T, y.T), np.where(mask, x, y).T)


@pytest.mark.parametrize("count", [4, LENGTH])
@pytest.mark.parametrize("dtype", [*FLOATS, np.int64])
@pytest.mark.parametrize("name", ["minimum", "maximum"])
def test_minimum_and_maximum(count, dtype, name):
    x = np.random.default_rng(0).normal(size=count).astype(dtype)
    if np.issubdtype(dtype, np.floating):
        x[:3] = np.nan, np.inf, -np.inf
    for other in (0.0, 1, -np.inf, np.nan, x[::-1], x[0]):
        actual, desired = getattr(kernels, name)(x, other), getattr(np, name)(x, other)
        assert actual.dtype == desired.dtype
        np.testing.assert_array_equal(actual, desired)
        assert not np.shares_memory(actual, x)


# Processors


@pytest.mark.parametrize(
    ("features", "platform", "ours"),
    [
        ({}, "linux", False),  # unknown, or not x86: not measured
        ({"ASIMD": True}, "darwin", False),
        ({"AVX2": True, "FMA3": False}, "linux", False),
        ({"AVX2": True, "FMA3": True}, "linux", True),
        ({"AVX2": True, "FMA3": True, "AVX512_SKX": True}, "linux", False),
        ({"X86_V3": True, "X86_V4": False}, "linux", True),
        ({"X86_V3": True, "X86_V4": True}, "linux", False),
        ({"X86_V3": True, "X86_V4": True}, "win32", True),
    ],
)
def test_kernels_of_a_processor(features, platform, ours):
    chosen = kernels.kernels_for(features, platform)
    always = {"where", "minimum", "maximum", "sigmoid", "sigmoids", "log1pmx"}
    assert set(chosen) == always | (set(DOMAINS) if ours else set())
    assert all(function is getattr(kernels, name) for name, function in chosen.items())
