"""Losses of quantiles and distributions: identities between them, limits, edges, shapes."""

import itertools
from typing import Any

import exact.probabilistic
import numpy as np
import pytest
import scipy.stats
from mpmath import mp, mpf

import portable_losses as pl
from portable_losses._backends import backend_of

PRED, TARGET = np.random.default_rng(11).normal(0, 3, (2, 12))
SCALE = np.random.default_rng(12).uniform(0.5, 2, 12)
QUANTILES = (0.05, 0.5, 0.999)
INF = np.inf


def close(backend: Any, actual: Any, desired: Any, dtype: str, ulps: int = 16) -> None:
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(backend.to_numpy(actual), desired, rtol=ulps * eps, atol=4 * eps)


def close64(actual: Any, desired: Any) -> None:
    np.testing.assert_allclose(actual, desired, rtol=1e-14, atol=1e-15)


# Quantiles


def test_half_quantiles_are_known_losses():
    close64(2 * pl.pinball_loss(PRED, TARGET), pl.l1_loss(PRED, TARGET))
    close64(2 * pl.expectile_loss(PRED, TARGET), pl.mse_loss(PRED, TARGET))
    close64(2 * pl.pinball_loss.grad(PRED, TARGET), pl.l1_loss.grad(PRED, TARGET))


@pytest.mark.parametrize("level", [0.1, 0.5, 0.77])
def test_the_minimum_is_the_quantile_or_the_expectile(level):
    for sample in (TARGET, np.append(TARGET, 100.0)):
        best = np.full_like(sample, scipy.stats.expectile(sample, level))
        assert abs(pl.expectile_loss.grad(best, sample, expectile=level).sum()) < 1e-13
        best = np.full_like(sample, np.quantile(sample, level, method="inverted_cdf"))
        left, right = (
            pl.pinball_loss.grad(best + step, sample, quantile=level).sum()
            for step in (-1e-9, 1e-9)
        )
        assert left < 1e-15
        assert right > -1e-15


LEVELS = (
    (pl.pinball_loss, "quantile"),
    (pl.expectile_loss, "expectile"),
    (pl.interval_loss, "alpha"),
)
of_levels = pytest.mark.parametrize(
    ("loss", "option"), LEVELS, ids=[loss.__name__ for loss, _ in LEVELS]
)


def at_each_level(loss, option, levels, predictions, target):
    """Return values, gradients and second derivatives, one call for each level."""
    several = len(predictions) > 1
    columns = []
    for i, level in enumerate(levels):
        arrays = (*(pred[:, i] for pred in predictions), target)
        given = {option: level, "reduction": "none"}
        value, gradient = loss.value_and_grad(*arrays, **given)
        second = loss.grad_and_hess(*arrays, **given)[1]
        columns.append([value, *(gradient if several else [gradient])])
        columns[-1] += second if several else [second]
    return [np.stack(each, axis=1) for each in zip(*columns, strict=True)]


@of_levels
@pytest.mark.parametrize("with_axis", [True, False])
def test_several_levels(backend, dtype, loss, option, with_axis):
    """One for each entry of the last axis: the same as one call for each."""
    pred = np.random.default_rng(12).normal(0, 3, (4, 3)).astype(dtype)
    target = pred[:, 1] + np.asarray([1.0, -1.0, 0.0, 5.0], dtype)
    given = np.broadcast_to(target[:, None], pred.shape) if with_axis else target
    predictions = (pred, pred + 1)[: len(loss.signature.predicted)]
    arrays = map(backend.asarray, (*predictions, given))
    arrays = tuple(arrays)
    options = {option: QUANTILES, "reduction": "none"}
    value, gradient = backend.call(loss.value_and_grad, *arrays, **options)
    _, second = backend.call(loss.grad_and_hess, *arrays, **options)
    if len(predictions) == 1:
        gradient, second = (gradient,), (second,)
    expected = at_each_level(loss, option, QUANTILES, predictions, target)
    for one, other in zip((value, *gradient, *second), expected, strict=True):
        close(backend, one, other, dtype)


@of_levels
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_several_levels_have_the_digits_of_one(dtype, loss, option):
    """1 - 0.999 would lose three of float32's."""
    pred, level = np.linspace(-2, 2, 9, dtype=dtype), 0.999
    columns = np.stack([pred, pred], axis=1)
    predictions = (columns, columns + 1)[: len(loss.signature.predicted)]
    target = np.zeros(9, dtype)
    value, *gradients = at_each_level(loss, option, (level, 0.5), predictions, target)
    options = {option: (level, 0.5), "reduction": "none"}
    np.testing.assert_array_equal(loss(*predictions, target, **options), value)
    slopes = loss.grad(*predictions, target, **options)
    np.testing.assert_array_equal(slopes if len(predictions) == 1 else slopes[0], gradients[0])


@of_levels
def test_levels_of_large_arrays(loss, option):
    """Block by block on NumPy."""
    rng = np.random.default_rng(13)
    levels = tuple(np.linspace(0.1, 0.9, 7))
    predictions = rng.normal(size=(2, 40_000, 7))[: len(loss.signature.predicted)]
    target = rng.normal(size=40_000)
    value = loss(*predictions, target, **{option: levels})
    each = at_each_level(loss, option, levels, predictions, target)[0]
    np.testing.assert_allclose(value, each.mean(), rtol=1e-13)


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.5, np.nan, (0.5, 1.0), (0.1, 0.5), [0.1] * 13])
def test_quantiles_out_of_range(quantile):
    with pytest.raises(ValueError, match=r"pinball_loss: quantile.*(12,)?"):
        pl.pinball_loss(PRED, TARGET, quantile=quantile)


@pytest.mark.parametrize("name", ["expectile_loss", "interval_loss"])
@pytest.mark.parametrize("level", [0.0, 1.0, 2.0])
def test_levels_out_of_range(name, level):
    arrays = (PRED,) * (len(getattr(pl, name).signature.predicted) + 1)
    with pytest.raises(
        ValueError, match=rf"{name}: (alpha|expectile) must be a number in \(0, 1\)"
    ):
        getattr(pl, name)(*arrays, **{"alpha" if name == "interval_loss" else "expectile": level})


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.99])
def test_an_interval_is_two_quantiles(alpha):
    """Crossed ones as well."""
    lower, upper = PRED, PRED + SCALE * np.sign(TARGET)
    halves = [
        pl.pinball_loss.value_and_grad(pred, TARGET, quantile=quantile, reduction="none")
        for pred, quantile in ((lower, alpha / 2), (upper, 1 - alpha / 2))
    ]
    value, gradient = pl.interval_loss.value_and_grad(
        lower, upper, TARGET, alpha=alpha, reduction="none"
    )
    close64(value, 2 / alpha * (halves[0][0] + halves[1][0]))
    for one, (_, other) in zip(gradient, halves, strict=True):
        close64(one, 2 / alpha * other)


def test_what_overflows_half_way(backend, dtype):
    """A residual may overflow where the loss does not."""
    large = float(np.finfo(dtype).max)
    pred, target = (backend.asarray([x, -x], dtype) for x in (large, -large))
    crossed = backend.call(
        pl.interval_loss, pred, target, backend.asarray([0.0, 0.0], dtype), reduction="none"
    )
    close(backend, crossed, [INF, INF], dtype)


# Likelihoods


def test_gaussian_is_half_the_squared_error():
    ones = np.ones_like(PRED)
    close64(2 * pl.gaussian_nll_loss(PRED, ones, TARGET), pl.mse_loss(PRED, TARGET))
    full = pl.gaussian_nll_loss(PRED, 1.0, TARGET, full=True)
    close64(full - pl.gaussian_nll_loss(PRED, 1.0, TARGET), 0.5 * np.log(2 * np.pi))
    close64(pl.laplace_nll_loss(PRED, 0.5, TARGET), 2 * pl.l1_loss(PRED, TARGET))


def test_far_from_a_mean_whose_variance_is_below_the_floor(backend, dtype):
    """Where the square of the residual, divided by the floor, is beyond the dtype."""
    far = {"float32": 1e17, "float64": 1e153}[dtype]
    given = (backend.asarray(np.asarray([x], dtype)) for x in (far, 1e-9, 0.0))
    slopes = pl.gaussian_nll_loss.grad(*given, reduction="sum")
    found = [float(backend.to_numpy(slope)[0]) for slope in slopes]
    np.testing.assert_allclose(found, [far / 1e-6, 0.0], rtol=1e-6)


def test_the_floor_of_the_variance(backend, dtype):
    """Below it the value is that of the floor; at it the derivative is the upper one."""
    mean, target = backend.asarray([0.0, 1.0, 2.0], dtype), backend.asarray([1.0, 1.0, 1.0], dtype)
    below, floor = (
        backend.asarray([0.125, 0.0, 0.125], dtype),
        backend.asarray([0.25, 0.25, 0.25], dtype),
    )
    found, expected = (
        backend.call(pl.gaussian_nll_loss.value_and_grad, mean, variance, target, eps=0.25)
        for variance in (below, floor)
    )
    close(backend, found[0], backend.to_numpy(expected[0]), dtype)
    close(backend, found[1][0], backend.to_numpy(expected[1][0]), dtype)
    close(backend, found[1][1], [0.0, 0.0, 0.0], dtype)
    close(backend, expected[1][1], np.asarray([-6.0, 2.0, -6.0]) / 3, dtype)


def test_a_variance_of_zero_without_a_floor(backend, dtype):
    mean, target = backend.asarray([1.0, 2.0, 0.0], dtype), backend.asarray([1.0, 1.0, 1.0], dtype)
    arrays = mean, backend.asarray([0.0, 0.0, 0.0], dtype), target
    value, gradient = backend.call(
        pl.gaussian_nll_loss.value_and_grad, *arrays, eps=0.0, reduction="none"
    )
    close(backend, value, [-INF, INF, INF], dtype)
    close(backend, gradient[0], [0.0, INF, -INF], dtype)
    close(backend, gradient[1], [INF, -INF, -INF], dtype)
    _, second = backend.call(pl.gaussian_nll_loss.grad_and_hess, *arrays, eps=0.0, reduction="none")
    close(backend, second[1], [-INF, INF, INF], dtype)


@pytest.mark.parametrize(
    "name", ["gaussian_nll_loss", "laplace_nll_loss", "student_t_nll_loss", "crps_gaussian_loss"]
)
def test_a_scale_out_of_range(backend, dtype, name):
    """On NumPy it is an error.

    Elsewhere a negative variance is below the floor, and the likelihood of a negative scale NaN.
    """
    loss = getattr(pl, name)
    arrays = [backend.asarray(x, dtype) for x in ([0.0, 0.0], [1.0, -1.0], [1.0, 1.0])]
    if backend.base == "numpy":
        with pytest.raises(
            ValueError, match=rf"{name}: (variance|scale) must hold .*\[1\] is -1.0 .*softplus"
        ):
            loss(*arrays)
        return
    value = backend.call(loss, *arrays, reduction="none")
    if name == "gaussian_nll_loss":
        close(
            backend,
            value,
            pl.gaussian_nll_loss([0.0, 0.0], [1.0, 0.0], [1.0, 1.0], reduction="none"),
            dtype,
        )
    elif name != "crps_gaussian_loss":
        np.testing.assert_array_equal(np.isnan(backend.to_numpy(value)), [False, True])


@pytest.mark.parametrize(
    "df", [*np.logspace(-12, 12, 25), *np.logspace(13, 307, 8), 19.9, 20.0, 20.1]
)
def test_student_t_for_any_degrees_of_freedom(df):
    arrays = [
        np.asarray([0.0, 1.0, 3.0, 1e3, 1e100, 0.0]),
        np.asarray([1.0, 2.0, 0.5, 1.0, 1e-50, 1e-3]),
        np.zeros(6),
    ]
    value, gradient = pl.student_t_nll_loss.value_and_grad(*arrays, df=float(df), reduction="none")
    with mp.workdps(50):
        for i, point in enumerate(zip(*arrays, strict=True)):
            expected, first, _ = exact.probabilistic.student_t_nll_loss(
                *map(mpf, map(float, point)), mpf(float(df))
            )
            np.testing.assert_allclose(
                value[i], float(expected.exact), rtol=2e-15, atol=4e-16 * float(expected.term)
            )
            for found, part in zip(gradient, first, strict=True):
                np.testing.assert_allclose(found[i], float(part), rtol=2e-15)


@pytest.mark.parametrize("df", 10.0 ** np.arange(4, 300, 24))
def test_student_t_goes_to_the_normal_distribution(df):
    found = pl.student_t_nll_loss.value_and_grad(PRED, SCALE, TARGET, df=df, reduction="none")
    expected = pl.gaussian_nll_loss.value_and_grad(
        PRED, SCALE**2, TARGET, eps=0.0, full=True, reduction="none"
    )
    close_to = max(1e-14, 1e3 / df)
    np.testing.assert_allclose(found[0], expected[0], rtol=close_to)
    np.testing.assert_allclose(found[1][0], expected[1][0], rtol=close_to)
    np.testing.assert_allclose(
        found[1][1], 2 * SCALE * expected[1][1], rtol=close_to, atol=close_to
    )


# Ranked probability scores of distributions


def test_crps_is_an_integral():
    """It is one of the squared error of the distribution function, and one of pinball losses."""
    normal = scipy.stats.norm(PRED, SCALE)
    step = 1e-3
    grid = np.arange(-40, 40, step)[:, None] + step / 2
    expected = np.sum((normal.cdf(grid) - (grid > TARGET)) ** 2, axis=0) * step
    value = pl.crps_gaussian_loss(PRED, SCALE, TARGET, reduction="none")
    np.testing.assert_allclose(value, expected, rtol=1e-3)
    levels = (np.arange(2000) + 0.5) / 2000
    quantiles = normal.ppf(levels[:, None]).T
    pinball = pl.pinball_loss(quantiles, TARGET, quantile=levels, reduction="none")
    np.testing.assert_allclose(2 * pinball.mean(axis=1), value, rtol=2e-3)
    np.testing.assert_allclose(
        pl.crps_ensemble_loss(quantiles, TARGET, reduction="none"), value, rtol=2e-3
    )


def test_crps_of_no_spread_is_the_absolute_error(backend, dtype):
    tiny = float(np.finfo(dtype).smallest_normal)
    arrays = [backend.asarray(x, dtype) for x in (PRED, np.full(12, tiny), TARGET)]
    value, (of_mean, of_scale) = backend.call(
        pl.crps_gaussian_loss.value_and_grad, *arrays, reduction="none"
    )
    pred, target = PRED.astype(dtype), TARGET.astype(dtype)
    close(backend, value, np.abs(pred - target), dtype)
    close(backend, of_mean, np.sign(pred - target), dtype)
    close(backend, of_scale, np.full(12, -1 / np.sqrt(np.pi)), dtype)


@pytest.mark.parametrize("fair", [False, True])
def test_one_member_is_a_point_forecast(backend, dtype, fair):
    arrays = backend.asarray(PRED[:, None], dtype), backend.asarray(TARGET, dtype)
    value, gradient = backend.call(
        pl.crps_ensemble_loss.value_and_grad, *arrays, fair=fair, reduction="none"
    )
    close(backend, value, np.abs(PRED.astype(dtype) - TARGET.astype(dtype)), dtype)
    close(backend, gradient, np.sign(PRED - TARGET)[:, None], dtype)


@pytest.mark.parametrize("fair", [False, True])
def test_members_may_be_in_any_order_and_far_from_zero(fair):
    """Nothing cancels: the loss does not change where all is moved."""
    members, target = np.asarray([0.5, -1.25, 2.0, 0.5, 0.75]), 0.25
    expected = pl.crps_ensemble_loss.value_and_grad(members, target, fair=fair)
    for order in itertools.islice(itertools.permutations(range(5)), 0, None, 7):
        value, gradient = pl.crps_ensemble_loss.value_and_grad(
            2.0**50 + members[list(order)], 2.0**50 + target, fair=fair
        )
        close64(value, expected[0])
        close64(gradient, expected[1][list(order)])


def test_fair_does_not_depend_on_the_number_of_members():
    """The mean over all samples of any size from some values is that of the values themselves."""
    values, target = np.asarray([0.5, -1.25, 2.0, 0.625, 0.75, -0.5]), 0.25
    whole = pl.crps_ensemble_loss(values, target, fair=True)
    for size in range(2, 6):
        samples = np.asarray(list(itertools.combinations(values, size)))
        close64(pl.crps_ensemble_loss(samples, np.full(len(samples), target), fair=True), whole)


def test_equal_members_share_their_slope(backend, dtype):
    members, target = (
        [[1.0, 3.0, 1.0, 0.0], [2.0, 2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]],
        [0.5, 0.5, 1.0],
    )
    gradient = backend.call(
        pl.crps_ensemble_loss.grad,
        backend.asarray(members, dtype),
        backend.asarray(target, dtype),
        reduction="none",
    )
    close(backend, gradient, np.asarray([[4, 1, 4, -1], [4, 4, 4, 4], [0, 0, 0, 0]]) / 16, dtype)


@pytest.mark.parametrize("member_axis", [0, 1, 2, -3])
@pytest.mark.parametrize("count", [3, 130])
def test_the_member_axis_may_be_anywhere(backend, dtype, member_axis, count):
    rng = np.random.default_rng(count)
    members, target = (
        rng.normal(0, 1, (2, 3, count)).astype(dtype),
        rng.normal(0, 1, (2, 3)).astype(dtype),
    )
    expected = pl.crps_ensemble_loss.value_and_grad(members, target)
    moved = backend.asarray(np.moveaxis(members, -1, member_axis))
    value, gradient = pl.crps_ensemble_loss.value_and_grad(
        moved, backend.asarray(target), member_axis=member_axis
    )
    close(backend, value, expected[0], dtype)
    close(backend, gradient, np.moveaxis(expected[1], -1, member_axis), dtype)


def test_error_function(backend, dtype):
    x = np.asarray(
        [0.0, 1e-30, 0.1, 0.5, 0.999, 1.0, 1.001, 2.0, 5.0, 5.99, 6.0, 30.0, INF, np.nan], dtype
    )
    given = backend.asarray(np.concatenate([x, -x]))
    found = backend.to_numpy(backend.call(lambda y: backend_of(y).xp.erf(y), given))
    with mp.workdps(30):
        half = np.asarray([float(mp.erf(mpf(float(number)))) for number in x])
    np.testing.assert_allclose(found, np.concatenate([half, -half]), rtol=3 * np.finfo(dtype).eps)


# Forecasts of classes


FORECASTS = pytest.mark.parametrize("name", ["brier_loss", "ranked_probability_loss"])


@FORECASTS
def test_labels_rows_and_yes_or_no(backend, dtype, name):
    loss = getattr(pl, name)
    prob, labels = (
        np.random.default_rng(12).dirichlet(np.ones(4), 6).astype(dtype),
        np.asarray([0, 1, 2, 3, 3, 0]),
    )
    rows = np.eye(4, dtype=dtype)[labels]
    found, expected = (
        backend.call(
            loss.value_and_grad, backend.asarray(prob), backend.asarray(target), reduction="none"
        )
        for target in (labels, rows)
    )
    close(backend, found[0], backend.to_numpy(expected[0]), dtype)
    close(backend, found[1], backend.to_numpy(expected[1]), dtype)
    yes, observed = prob[:, 0], (labels == 0).astype(dtype)
    value, gradient = backend.call(
        loss.value_and_grad, backend.asarray(yes), backend.asarray(observed), reduction="none"
    )
    close(backend, value, (yes - observed) ** 2, dtype)
    close(backend, gradient, 2 * (yes - observed), dtype)
    two = backend.call(
        loss,
        backend.asarray(np.stack([1 - yes, yes], axis=1)),
        backend.asarray(labels == 0),
        reduction="none",
    )
    close(backend, two, (yes - observed) ** 2 * (2 if name == "brier_loss" else 1), dtype, ulps=64)


@FORECASTS
def test_second_derivative_of_a_yes_or_no(name):
    gradient, second = getattr(pl, name).grad_and_hess([0.25, 1.0], [1, 1], reduction="none")
    close64(gradient, [-1.5, 0.0])
    close64(second, [2.0, 2.0])


@FORECASTS
def test_two_vectors_may_be_one_row(backend, dtype, name):
    prob, observed = (backend.asarray(x, dtype) for x in ([0.5, 0.25, 0.25], [0.0, 1.0, 0.0]))
    value = backend.call(getattr(pl, name), prob, observed, class_axis=0)
    close(backend, value, 0.875 if name == "brier_loss" else 0.3125, dtype)
    close(
        backend,
        backend.call(getattr(pl, name), prob, backend.asarray(1)),
        backend.to_numpy(value),
        dtype,
    )


@FORECASTS
@pytest.mark.parametrize("class_axis", [0, 1, 2, -1])
def test_the_class_axis_may_be_anywhere(backend, dtype, name, class_axis):
    rng = np.random.default_rng(13)
    prob, labels = rng.dirichlet(np.ones(4), (2, 3)).astype(dtype), rng.integers(0, 4, (2, 3))
    expected = getattr(pl, name).value_and_grad(prob, labels)
    for kind in ("int8", "uint16", "int32"):
        moved = backend.asarray(np.moveaxis(prob, -1, class_axis))
        value, gradient = getattr(pl, name).value_and_grad(
            moved, backend.asarray(labels, kind), class_axis=class_axis
        )
        close(backend, value, expected[0], dtype)
        close(backend, gradient, np.moveaxis(expected[1], -1, class_axis), dtype)


@FORECASTS
def test_a_label_that_is_no_class(backend, dtype, name):
    prob, labels = backend.asarray([[0.5, 0.5], [0.25, 0.75]], dtype), backend.asarray([0, 2])
    if backend.base == "numpy":
        with pytest.raises(
            ValueError, match=rf"{name}: target must hold class labels.*target\[1\] is 2"
        ):
            getattr(pl, name)(prob, labels)
        return
    value = backend.call(getattr(pl, name), prob, labels, reduction="none")
    np.testing.assert_array_equal(np.isnan(backend.to_numpy(value)), [False, True])


@FORECASTS
def test_what_is_no_probability(name):
    for prob, target in (
        ([[1.5, 0.0]], [0]),
        ([[0.5, 0.5]], [[1.5, 0.0]]),
        ([0.5, -0.1], [0.0, 1.0]),
    ):
        with pytest.raises(ValueError, match=rf"{name}: (pred|target) must hold probabilities"):
            getattr(pl, name)(prob, target)


def test_small_cumulative_errors_keep_their_digits(backend, dtype):
    """They are sums of differences, and not differences of sums, which are rounded."""
    small = 2.0**-60
    gradient = backend.call(
        pl.ranked_probability_loss.grad,
        backend.asarray([[small, 1.0]], dtype),
        backend.asarray([[0.0, 1.0]], dtype),
        reduction="none",
    )
    np.testing.assert_array_equal(backend.to_numpy(gradient), [[4 * small, 2 * small]])


@pytest.mark.parametrize(
    "loss", [pl.brier_loss, pl.ranked_probability_loss], ids=lambda loss: loss.__name__
)
def test_vectors_have_no_class_weights(loss):
    """Only a row has them."""
    pred, target = np.asarray([0.7, 0.2, 0.1]), np.asarray([1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=rf"{loss.__name__}: class_weights needs a class axis"):
        loss(pred, target, class_weights=[1.0, 2.0, 3.0])
    assert loss(pred, target, class_axis=-1, class_weights=[1.0, 2.0, 3.0]) >= 0
