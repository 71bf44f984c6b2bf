"""Losses of counts and amounts: edges of their domains, powers, and how the losses are related."""

from functools import partial
from math import lgamma, log
from typing import Any

import exact.deviance
import numpy as np
import pytest
from exact.arithmetic import DIGITS
from mpmath import mp, mpf

import portable_losses as pl

INF = np.inf
POWERS = (-3.5, -0.3, 0.0, 1.0, 1 + 1e-12, 1.3, 1.5, 2.0, 2.7, 3.0, 5.5)
RATES = np.asarray([1e-3, 0.4, 1.0, 1.0 + 2.0**-20, 3.0, 5.0, 70.0])
COUNTS = np.asarray([1.0, 0.4, 1.0, 1.0, 2.0, 17.0, 30.0])


def value(
    backend: Any, loss: Any, pred: Any, target: Any, dtype: str, **parameters: Any
) -> np.ndarray:
    arrays = [backend.asarray(x, dtype) for x in (pred, target)]
    found: np.ndarray = backend.to_numpy(
        backend.call(loss, *arrays, reduction="none", **parameters)
    )
    return found


def gradient(
    backend: Any, loss: Any, pred: Any, target: Any, dtype: str, **parameters: Any
) -> np.ndarray:
    return value(backend, loss.grad, pred, target, dtype, **parameters)


# Edges


def test_rates_of_0_and_inf(backend, dtype):
    rates, counts = [0.0, 0.0, 2.0, INF, INF], [0.0, 3.0, 0.0, 0.0, 3.0]
    for full in (False, True):
        found = value(
            backend, pl.poisson_nll_loss, rates, counts, dtype, log_input=False, full=full
        )
        np.testing.assert_array_equal(found, [0, INF, 2, INF, INF])
    found = gradient(backend, pl.poisson_nll_loss, rates, counts, dtype, log_input=False)
    np.testing.assert_array_equal(found, [1, -INF, 1, 1, 1])
    np.testing.assert_array_equal(
        value(backend, pl.poisson_deviance_loss, rates, counts, dtype), [0, INF, 4, INF, INF]
    )
    np.testing.assert_array_equal(
        gradient(backend, pl.poisson_deviance_loss, rates, counts, dtype), [2, -INF, 2, 2, 2]
    )


@pytest.mark.backends("jax")
def test_logarithms_of_such_rates_under_a_compiler(backend, dtype):
    """XLA fuses an exponential with a difference: it is finite at infinity and accurate near it."""
    import jax

    logarithms, counts = [INF, INF, 88.0, 88.72], [0.0, 3.0, 1.0, 1.0]
    arrays = backend.asarray(logarithms, dtype), backend.asarray(counts, dtype)
    found = jax.jit(partial(pl.poisson_nll_loss, reduction="none"))(*arrays)
    expected = [INF, INF, *np.exp(np.asarray(logarithms[2:], dtype).astype(np.float64))]
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=1e-5)


@pytest.mark.parametrize("full", [False, True])
def test_logarithms_of_such_rates(backend, dtype, full):
    logarithms, counts = [-INF, -INF, INF, INF, 1000.0, -1000.0], [0.0, 3.0, 0.0, 3.0, 2.0, 2.0]
    found = value(backend, pl.poisson_nll_loss, logarithms, counts, dtype, full=full)
    np.testing.assert_allclose(found, [0, INF, INF, INF, INF, 2000 + full * log(2)], rtol=1e-6)
    found = gradient(backend, pl.poisson_nll_loss, logarithms, counts, dtype, full=full)
    np.testing.assert_array_equal(found, [0, -3, INF, INF, INF, -2])


@pytest.mark.parametrize("power", POWERS)
def test_a_perfect_prediction_costs_nothing(backend, dtype, power):
    sizes = np.asarray([0.3, 1.0, 7.0])
    np.testing.assert_array_equal(
        value(backend, pl.tweedie_deviance_loss, sizes, sizes, dtype, power=power), 0
    )
    np.testing.assert_array_equal(
        gradient(backend, pl.tweedie_deviance_loss, sizes, sizes, dtype, power=power), 0
    )


@pytest.mark.parametrize("power", POWERS)
def test_small_errors_cost_their_square(backend, dtype, power):
    """Where the textbook's three terms cancel, the loss is f'' / 2 times the squared error."""
    target = np.asarray([0.3, 1.0, 5.0], dtype)
    pred = target + np.spacing(target) * 64
    error = (pred - target).astype(float)
    found = value(backend, pl.tweedie_deviance_loss, pred, target, dtype, power=power)
    np.testing.assert_allclose(found, error**2 * target.astype(float) ** -power, rtol=1e-3)


@pytest.mark.parametrize("power", [1.0, 1.2, 1.5, 1.9])
def test_targets_of_0(backend, dtype, power):
    means = np.asarray([0.01, 1.0, 50.0], dtype)
    wide = means.astype(float)
    found = value(backend, pl.tweedie_deviance_loss, means, np.zeros(3), dtype, power=power)
    np.testing.assert_allclose(
        found, 2 * wide ** (2 - power) / (2 - power), rtol=16 * np.finfo(dtype).eps
    )
    found = gradient(backend, pl.tweedie_deviance_loss, means, np.zeros(3), dtype, power=power)
    np.testing.assert_allclose(found, 2 * wide ** (1 - power), rtol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("power", [-0.5, -2.0, -20.0])
def test_targets_below_0_with_negative_powers(backend, dtype, power):
    means, targets = np.asarray([0.5, 2.0, 2.0]), np.asarray([-1.0, -3.0, 0.0])
    found = value(backend, pl.tweedie_deviance_loss, means, targets, dtype, power=power)
    expected = -2 * targets * means ** (1 - power) / (1 - power) + 2 * means ** (2 - power) / (
        2 - power
    )
    np.testing.assert_allclose(found, expected, rtol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("power", POWERS)
def test_logarithms_of_means(backend, dtype, power):
    """Where both exist, the loss of a logarithm is that of its mean, and the chain rule holds."""
    target = np.asarray([0.3, 2.0, 5.0, 1.0, 0.7])
    logarithms = np.asarray([-1.0, 0.5, 1.5, 0.1, 2.0])
    means, close = np.exp(logarithms), {"rtol": 1e-4 if dtype == "float32" else 1e-12}
    loss, options = pl.tweedie_deviance_loss, {"power": power, "log_input": True}
    found = value(backend, loss, logarithms, target, dtype, **options)
    plain = value(backend, loss, means, target, dtype, power=power)
    np.testing.assert_allclose(found, plain, **close)
    found = gradient(backend, loss, logarithms, target, dtype, **options)
    plain = gradient(backend, loss, means, target, dtype, power=power)
    np.testing.assert_allclose(found, plain * means, **close)


@pytest.mark.parametrize("loss", [pl.gamma_deviance_loss, pl.negative_binomial_nll_loss])
def test_logarithms_of_other_means(backend, dtype, loss):
    target, logarithms = np.asarray([1.0, 2.0, 5.0]), np.asarray([-1.0, 0.5, 1.5])
    means, close = np.exp(logarithms), {"rtol": 1e-5 if dtype == "float32" else 1e-13}
    for part, slope in ((value, 1.0), (gradient, means)):
        found = part(backend, loss, logarithms, target, dtype, log_input=True)
        plain = part(backend, loss, means, target, dtype)
        np.testing.assert_allclose(found, plain * slope, **close)


def test_logarithms_of_means_beyond_the_largest_number(backend, dtype):
    """The mean overflows; its logarithm is an ordinary number."""
    for far in (2000.0, -2000.0):
        for loss, target in ((pl.gamma_deviance_loss, 3.0), (pl.negative_binomial_nll_loss, 3.0)):
            (found,) = value(backend, loss, [far], [target], dtype, log_input=True)
            if loss is pl.gamma_deviance_loss:
                expected = 2 * (far - log(3.0) - 1) if far > 0 else INF
            else:  # size 1: the mass of 3 is p (1 - p)**3, with p / (1 - p) = 1 / mean
                expected = far if far > 0 else -3 * far
            np.testing.assert_allclose(found, expected, rtol=1e-6)
    for power in (1.0, 1.5, 2.0):
        found = gradient(
            backend,
            pl.tweedie_deviance_loss,
            [INF, -INF],
            [2.0, 2.0],
            dtype,
            power=power,
            log_input=True,
        )
        np.testing.assert_array_equal(
            found, [2.0 if power == 2 else INF, -4.0 if power == 1 else -INF]
        )
    found = value(backend, pl.tweedie_deviance_loss, [-INF], [0.0], dtype, log_input=True)
    np.testing.assert_array_equal(found, [0.0])


# Domains


@pytest.mark.parametrize("power", [0.5, 1e-12, 1 - 1e-12, np.nan, INF])
def test_a_power_without_a_distribution_raises(power):
    with pytest.raises(ValueError, match=r"tweedie_deviance_loss: power must be a number .*got"):
        pl.tweedie_deviance_loss(np.asarray([1.0]), np.asarray([2.0]), power=power)


@pytest.mark.parametrize(
    ("power", "pred", "target", "argument"),
    [
        (1.5, 0.0, 1.0, "pred"),
        (1.5, 1.0, -1.0, "target"),
        (1.0, 1.0, -1.0, "target"),
        (2.0, 1.0, 0.0, "target"),
        (2.5, 1.0, -1.0, "target"),
        (3.0, -1.0, 1.0, "pred"),
        (-1.0, 0.0, 1.0, "pred"),
    ],
)
def test_domains_depend_on_the_power(power, pred, target, argument):
    with pytest.raises(ValueError, match=rf"tweedie_deviance_loss: {argument} must hold"):
        pl.tweedie_deviance_loss(np.asarray([pred]), np.asarray([target]), power=power)


@pytest.mark.parametrize(
    ("power", "pred", "target"),
    [(0.0, -2.0, -3.0), (-1.0, 2.0, -3.0), (1.5, 2.0, 0.0), (1.0, 2.0, 0.0)],
)
def test_what_each_power_admits(power, pred, target):
    assert np.isfinite(
        pl.tweedie_deviance_loss(np.asarray([pred]), np.asarray([target]), power=power)
    )


@pytest.mark.parametrize(
    "loss", [pl.gamma_deviance_loss, pl.tweedie_deviance_loss, pl.negative_binomial_nll_loss]
)
def test_logarithms_of_means_may_be_negative_and_means_not(loss):
    pred, target = np.asarray([-1.0]), np.asarray([2.0])
    with pytest.raises(ValueError, match=rf"{loss.__name__}: pred must hold .*positive"):
        loss(pred, target)
    assert loss(pred, target, log_input=True) > 0


def test_logarithms_of_rates_may_be_negative_and_rates_not():
    with pytest.raises(ValueError, match=r"poisson_nll_loss: pred must hold rates.*log_input=True"):
        pl.poisson_nll_loss(np.asarray([-1.0]), np.asarray([2.0]), log_input=False)
    assert pl.poisson_nll_loss(np.asarray([-1.0]), np.asarray([2.0])) > 0
    for loss in (pl.poisson_nll_loss, pl.poisson_deviance_loss):
        with pytest.raises(ValueError, match=rf"{loss.__name__}: target must hold"):
            loss(np.asarray([1.0]), np.asarray([-2.0]))


def test_counts_are_whole_where_they_have_a_mass():
    with pytest.raises(ValueError, match="negative_binomial_nll_loss: target must hold counts"):
        pl.negative_binomial_nll_loss(np.asarray([1.0]), np.asarray([1.5]))
    assert pl.poisson_nll_loss(np.asarray([1.0]), np.asarray([1.5]), full=True) > 0


# Identities


@pytest.mark.parametrize(
    ("power", "loss"),
    [(0.0, pl.mse_loss), (1.0, pl.poisson_deviance_loss), (2.0, pl.gamma_deviance_loss)],
)
def test_tweedie_contains_the_others(backend, dtype, power, loss):
    found = value(backend, pl.tweedie_deviance_loss, RATES, COUNTS, dtype, power=power)
    # A compiler may round the two differently.
    rounding = 4 * float(np.finfo(dtype).eps) if backend.base == "jax" else 0
    np.testing.assert_allclose(found, value(backend, loss, RATES, COUNTS, dtype), rtol=rounding)


@pytest.mark.parametrize("power", [1.5, 3.0, 4.0, -8.0, 1.9])
def test_forms_of_different_powers_agree(backend, dtype, power):
    """3/2 and 3 have closed forms; from 1.9, 4 and -8 on the sums and factors differ."""
    below, above = (
        value(
            backend,
            pl.tweedie_deviance_loss,
            RATES,
            COUNTS,
            dtype,
            power=power + sign * 1e-7 * abs(power),
        ).astype(float)
        for sign in (-1, 1)
    )
    found = value(backend, pl.tweedie_deviance_loss, RATES, COUNTS, dtype, power=power)
    np.testing.assert_allclose(
        found, (below + above) / 2, rtol=1e-4 if dtype == "float32" else 1e-9
    )


@pytest.mark.parametrize("power", POWERS)
def test_the_unit_is_that_of_the_target_to_the_power_of_two_minus_the_power(backend, dtype, power):
    one, other = (
        value(backend, pl.tweedie_deviance_loss, k * RATES, k * COUNTS, dtype, power=power)
        for k in (1, 2)
    )
    np.testing.assert_allclose(other, 2.0 ** (2 - power) * one, rtol=64 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("power", [60.0, -60.0, 1e4, -1e4, 1e5, -1e5])
def test_large_powers(dtype, power):
    pred = np.asarray([1.0 - 2 / abs(power), 1.0 + 1 / abs(power), 1.0, 1.0], dtype)
    target = np.asarray([1.0, 1.0, 1.0 - 3 / abs(power), 1.0 + 5 / abs(power)], dtype)
    found = pl.tweedie_deviance_loss(pred, target, reduction="none", power=power)
    with mp.workdps(DIGITS):
        for mean, y, loss in zip(pred, target, found, strict=True):
            right, slope, _ = exact.deviance.tweedie_deviance_loss(
                mpf(float(mean)), mpf(float(y)), mpf(power), False
            )
            of_mean = mean * slope
            of_target = (2 - power) * right - of_mean  # the loss is homogeneous
            allowed = 8 * abs(right) + 2 * (abs(of_mean) + abs(of_target))
            assert abs(mpf(float(loss)) - right) <= float(np.finfo(dtype).eps) * allowed


def test_the_deviance_is_twice_what_the_likelihood_lacks(backend, dtype):
    nll, best = (
        value(backend, pl.poisson_nll_loss, x, COUNTS, dtype, log_input=False)
        for x in (RATES, COUNTS)
    )
    found = value(backend, pl.poisson_deviance_loss, RATES, COUNTS, dtype)
    scale = np.abs(nll) + np.abs(best) + COUNTS
    assert np.all(
        np.abs(found - 2 * (nll.astype(float) - best)) <= 16 * np.finfo(dtype).eps * scale
    )


@pytest.mark.parametrize("full", [False, True])
def test_rates_and_their_logarithms(backend, dtype, full):
    one = value(backend, pl.poisson_nll_loss, np.log(RATES), COUNTS, dtype, full=full)
    other = value(backend, pl.poisson_nll_loss, RATES, COUNTS, dtype, full=full, log_input=False)
    scale = RATES + COUNTS * (1 + np.abs(np.log(RATES)))
    assert np.all(np.abs(one.astype(float) - other) <= 8 * np.finfo(dtype).eps * scale)


def test_full_adds_the_factorial(backend, dtype):
    counts = np.asarray([0.0, 1.0, 1.5, 2.0, 5.0, 100.0])
    rates = counts + 0.25
    factorials = np.asarray([lgamma(count + 1) for count in counts])
    plain, full = (
        value(backend, pl.poisson_nll_loss, rates, counts, dtype, log_input=False, full=x)
        for x in (False, True)
    )
    scale = rates + counts * np.abs(np.log(rates)) + factorials
    assert np.all(
        np.abs(full - plain.astype(float) - factorials) <= 8 * np.finfo(dtype).eps * scale
    )


@pytest.mark.parametrize("log_input", [False, True])
def test_likelihoods_of_large_counts_do_not_cancel(backend, dtype, log_input):
    """Terms of 1e8 cancel in float32; the loss is half the logarithm of 2 pi y."""
    count = 1e7
    pred = np.asarray(np.log(count) if log_input else count, dtype)
    found = value(
        backend, pl.poisson_nll_loss, [pred], [count], dtype, log_input=log_input, full=True
    )
    rate = np.exp(pred.astype(float)) if log_input else count
    expected = 0.5 * np.log(2 * np.pi * count) + (rate - count) ** 2 / (2 * count)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize(
    ("loss", "pred", "parameters"),
    [
        (pl.poisson_nll_loss, 7.5, {"log_input": False, "full": True}),
        (pl.poisson_nll_loss, 2.0, {"full": True}),
        (pl.negative_binomial_nll_loss, 7.5, {"dispersion": 0.4}),
        (pl.negative_binomial_nll_loss, 0.2, {"dispersion": 1e-6}),
        (pl.negative_binomial_nll_loss, 3.0, {"dispersion": 2.0}),
    ],
)
def test_masses_add_up_to_1(backend, dtype, loss, pred, parameters):
    found = value(backend, loss, np.full(400, pred), np.arange(400.0), dtype, **parameters)
    np.testing.assert_allclose(
        np.sum(np.exp(-found.astype(float))), 1, rtol=1e-6 if dtype == "float32" else 1e-13
    )


@pytest.mark.parametrize(("mean", "dispersion"), [(3.0, 0.5), (0.3, 4.0)])
def test_the_variance_is_the_mean_and_the_dispersion_times_its_square(
    backend, dtype, mean, dispersion
):
    counts = np.arange(2000.0)
    mass = np.exp(
        -value(
            backend,
            pl.negative_binomial_nll_loss,
            np.full(2000, mean),
            counts,
            dtype,
            dispersion=dispersion,
        )
    )
    np.testing.assert_allclose(np.sum(mass * counts), mean, rtol=1e-5)
    np.testing.assert_allclose(
        np.sum(mass * (counts - mean) ** 2), mean + dispersion * mean**2, rtol=1e-5
    )


@pytest.mark.parametrize(
    "loss",
    [
        pl.poisson_nll_loss,
        pl.poisson_deviance_loss,
        pl.gamma_deviance_loss,
        pl.tweedie_deviance_loss,
        pl.negative_binomial_nll_loss,
    ],
)
def test_nan_stays_nan(backend, dtype, loss):
    """In the value and in the derivative, of that element and of no other."""
    for part in (value, gradient):
        found = part(backend, loss, [np.nan, 0.5, 3.0], [1.0, 1.0, 3.0], dtype)
        np.testing.assert_array_equal(np.isnan(found), [True, False, False])
