"""Limits of parameters are continuous: approached from both sides over more than 12 decades.

Near a limit a formula with the parameter in a denominator cancels, and a formula that switches
at a cutoff jumps. Here every value and derivative is compared with exact arithmetic at the
parameter itself, and the limit with the loss that it should equal.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import exact
import numpy as np
import pytest
from cases import as_exact, as_tuple
from exact.condition import DIGITS, condition
from mpmath import mp, mpf

import portable_losses as pl

DISTANCES = [sign * 10.0**-k for k in range(1, 16) for sign in (-1, 1)]
RESIDUALS = np.asarray([0.0, 1e-160, 1e-8, 1e-3, 0.1, 0.7, 1.0, 1.5, 3.0, 20.0, 1e3, 1e8])
RATES = np.asarray([1e-6, 0.3, 0.999, 1.0, 1.0 + 2.0**-30, 1.5, 2.0, 7.0, 1e5])
COUNTS = np.asarray([1.0, 0.3, 1.0, 1.0, 1.0, 2.0, 2.0, 1e-3, 2e4])


def within(factor: float, loss: Any, arrays: tuple[np.ndarray, ...], **parameters: float) -> None:
    """Hold value, first and second derivative to the accuracy contract; see `cases.contract`."""
    settings = {
        key: as_exact(value) for key, value in {**loss.signature.defaults, **parameters}.items()
    }
    gradient, second = loss.grad_and_hess(*arrays, reduction="none", **parameters)
    found = (loss(*arrays, reduction="none", **parameters), gradient, second)
    function = partial(exact.of(loss.__name__), **settings)
    limits = np.finfo(arrays[0].dtype)
    with mp.workdps(DIGITS):
        for i in range(len(arrays[0])):
            point = [as_exact(x[i]) for x in arrays]
            moved = condition(function, point, loss.signature.predicted)
            for order, right in enumerate(function(*point)):
                (right,) = as_tuple(right)
                value = right.exact if isinstance(right, exact.Difference) else right
                factors = max(factor, 16 if order == 2 else 0)
                unit = exact.ulps(found[order][i], right, arrays[0].dtype)
                error = abs(mpf(float(found[order][i])) - value)
                allowed = 2 * float(limits.eps) * moved[order][0]
                allowed = max(allowed, factors * float(limits.smallest_normal))
                where = f"order {order}: {unit:.3g} ulp at {[x[i] for x in arrays]}, {parameters}"
                beyond = abs(value) > float(limits.max) and np.isinf(found[order][i])
                assert beyond or unit <= factors or error <= factors * error / unit + allowed, where


def close(
    loss: Callable[..., Any], other: Callable[..., Any], *arrays: np.ndarray, rtol: float = 1e-12
) -> None:
    """Compare a loss next to its limit with the loss that the limit is."""
    np.testing.assert_allclose(loss(*arrays), other(*arrays), rtol=rtol, atol=1e-300)


kinds = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@kinds
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_tweedie_between_the_deviances(dtype: type, power: float) -> None:
    arrays = RATES.astype(dtype), COUNTS.astype(dtype)
    within(8, pl.tweedie_deviance_loss, arrays, power=power)
    for distance in DISTANCES:
        if power == 1 and distance < 0:
            continue  # there is no such distribution
        within(8, pl.tweedie_deviance_loss, arrays, power=power + distance)
    other = pl.poisson_deviance_loss if power == 1 else pl.gamma_deviance_loss
    for distance in (0.0, 1e-15, 1e-13):
        close(
            lambda *a, p=power + distance: pl.tweedie_deviance_loss(*a, power=p),
            other,
            RATES,
            COUNTS,
            rtol=1e-11,
        )


@kinds
def test_tweedie_below_and_at_zero(dtype: type) -> None:
    arrays = RATES.astype(dtype), COUNTS.astype(dtype)
    for power in (0.0, *(-(10.0**-k) for k in range(1, 16))):
        within(8, pl.tweedie_deviance_loss, arrays, power=power)
    close(lambda *a: pl.tweedie_deviance_loss(*a, power=0.0), pl.mse_loss, RATES, COUNTS)


@kinds
@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_barron_at_zero_and_two(dtype: type, alpha: float) -> None:
    arrays = RESIDUALS.astype(dtype), np.zeros_like(RESIDUALS, dtype)
    for scale in (1.0, 0.3):
        within(8, pl.barron_loss, arrays, alpha=alpha, scale=scale)
        for distance in DISTANCES:
            within(8, pl.barron_loss, arrays, alpha=alpha + distance, scale=scale)


@kinds
def test_barron_towards_minus_infinity(dtype: type) -> None:
    arrays = RESIDUALS.astype(dtype), np.zeros_like(RESIDUALS, dtype)
    for alpha in (-np.inf, *(-(10.0**k) for k in range(1, 40)), -1e100, -1e300):
        within(8, pl.barron_loss, arrays, alpha=alpha)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_barron_with_shapes_in_an_array(dtype: type) -> None:
    """Each shape, limits included, gives what it gives alone, also for residuals that are inf."""
    shapes = [-np.inf, -1e30, -40.0, -2.0, -1e-9, 0.0, 1e-9, 0.5, 1.0, 1.999, 2.0, 2.001, 3.0, 14.0]
    pred = np.asarray([[0.0], [1e-9], [0.5], [-3.0], [200.0]], dtype) * np.ones(len(shapes), dtype)
    target = np.zeros_like(pred)
    found = pl.barron_loss.value_and_grad(
        pred, target, alpha=np.asarray(shapes), scale=0.5, reduction="none"
    )
    found += (pl.barron_loss.grad_and_hess(pred, target, alpha=np.asarray(shapes), scale=0.5)[1],)
    for k, alpha in enumerate(shapes):
        options = {"alpha": alpha, "scale": 0.5, "reduction": "none"}
        right = pl.barron_loss.value_and_grad(pred[:, k], target[:, k], **options)
        right += (pl.barron_loss.grad_and_hess(pred[:, k], target[:, k], **options)[1] / pred.size,)
        for x, expected in zip(found, right, strict=True):
            np.testing.assert_allclose(x[:, k], expected, rtol=200 * np.finfo(dtype).eps)


def test_barron_is_its_limits() -> None:
    """Half the square, Cauchy, Welsch; 1 and -2 are smooth L1 (Charbonnier) and Geman-McClure."""
    pred, target = RESIDUALS, np.zeros_like(RESIDUALS)
    close(lambda *a: 2 * pl.barron_loss(*a, alpha=2.0), pl.mse_loss, pred, target)
    close(lambda *a: pl.barron_loss(*a, alpha=1.0), pl.pseudo_huber_loss, pred, target)
    root = np.sqrt(2.0)
    close(
        lambda *a: pl.barron_loss(*a, alpha=0.0),
        lambda p, t: pl.cauchy_loss(p, t, scale=root),
        pred,
        target,
    )
    close(
        lambda *a: pl.barron_loss(*a, alpha=-np.inf),
        lambda p, t: pl.welsch_loss(p, t, scale=root),
        pred,
        target,
    )
    close(
        lambda *a: pl.barron_loss(*a, alpha=-2.0),
        lambda p, t: pl.geman_mcclure_loss(p, t, scale=2.0),
        pred,
        target,
    )


@kinds
def test_huber_towards_half_the_square_and_the_absolute_error(dtype: type) -> None:
    arrays = RESIDUALS.astype(dtype), np.zeros_like(RESIDUALS, dtype)
    for k in range(-13, 14):
        within(4, pl.huber_loss, arrays, delta=0.77 * 10.0**k)
    close(lambda *a: 2 * pl.huber_loss(*a, delta=1e9), pl.mse_loss, RESIDUALS, 0 * RESIDUALS)


@kinds
def test_smooth_l1_towards_l1(dtype: type) -> None:
    arrays = RESIDUALS.astype(dtype), np.zeros_like(RESIDUALS, dtype)
    for beta in (0.0, *(0.77 * 10.0**k for k in range(-14, 14))):
        within(4, pl.smooth_l1_loss, arrays, beta=beta)
    close(lambda *a: pl.smooth_l1_loss(*a, beta=0.0), pl.l1_loss, RESIDUALS, 0 * RESIDUALS)


@kinds
@pytest.mark.parametrize(
    "loss",
    [
        pl.log_cosh_loss,
        pl.pseudo_huber_loss,
        pl.cauchy_loss,
        pl.fair_loss,
        pl.welsch_loss,
        pl.arctan_loss,
    ],
)
def test_small_residuals_cost_half_their_square(dtype: type, loss: Any) -> None:
    """From both sides of 0: for none of them anything cancels."""
    sizes = np.asarray([sign * 10.0**-k for k in range(13) for sign in (-1, 1)], dtype)
    within(4, loss, (sizes, np.zeros_like(sizes)))
    small = sizes[np.abs(sizes) < 1e-6 if dtype == np.float64 else np.abs(sizes) < 1e-4]
    if loss is not pl.fair_loss:  # which grows with the cube next
        np.testing.assert_allclose(loss(small, 0.0, reduction="none"), small * small / 2, rtol=1e-6)


@kinds
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_scales_over_many_decades(dtype: type, scale: float) -> None:
    arrays = RESIDUALS.astype(dtype), np.zeros_like(RESIDUALS, dtype)
    for loss in (
        pl.cauchy_loss,
        pl.fair_loss,
        pl.geman_mcclure_loss,
        pl.welsch_loss,
        pl.arctan_loss,
        pl.tukey_biweight_loss,
    ):
        within(4, loss, arrays, scale=scale)
    within(4, pl.pseudo_huber_loss, arrays, delta=scale)


@kinds
def test_negative_binomial_towards_poisson(dtype: type) -> None:
    counts = np.asarray([0.0, 1.0, 2.0, 3.0, 7.0, 40.0, 2.0, 1.0, 500.0], dtype)
    for k in range(14):
        within(8, pl.negative_binomial_nll_loss, (RATES.astype(dtype), counts), dispersion=10.0**-k)
    rates = RATES[RATES < 10], counts.astype(np.float64)[RATES < 10]
    close(
        lambda *a: pl.negative_binomial_nll_loss(*a, dispersion=1e-14),
        lambda *a: pl.poisson_nll_loss(*a, log_input=False, full=True),
        *rates,
        rtol=1e-11,
    )


@kinds
def test_student_t_towards_the_normal_distribution(dtype: type) -> None:
    sizes = RESIDUALS[RESIDUALS < 30].astype(dtype)
    ones = np.ones_like(sizes)
    for k in range(1, 16):
        found = pl.student_t_nll_loss(sizes, ones, 0 * sizes, df=10.0**k, reduction="none")
        with mp.workdps(exact.DIGITS):
            for size, value in zip(sizes, found, strict=True):
                right = exact.of("student_t_nll_loss")(
                    as_exact(size), mp.one, mp.zero, df=as_exact(10.0**k)
                )[0]
                assert exact.ulps(value, right, np.dtype(dtype)) <= 8
    wide = sizes.astype(np.float64)
    normal = pl.gaussian_nll_loss(wide, 1.0, 0 * wide, full=True)
    np.testing.assert_allclose(
        pl.student_t_nll_loss(wide, 1.0, 0 * wide, df=1e15), normal, rtol=1e-12
    )


def test_focal_and_poly_are_cross_entropy_at_zero() -> None:
    logits = np.asarray([-800.0, -3.0, 0.0, 0.2, 40.0, 800.0])
    target = np.asarray([0.0, 1.0, 0.3, 1.0, 1.0, 0.0])
    for loss in (
        lambda *a: pl.sigmoid_focal_loss(*a, gamma=0.0),
        lambda *a: pl.poly_binary_cross_entropy(*a, epsilon=0.0),
        lambda *a: pl.asymmetric_loss(*a, gamma_negative=0.0, gamma_positive=0.0, clip=0.0),
    ):
        close(loss, pl.binary_cross_entropy_with_logits, logits, target)
    for k in range(1, 14):
        near = pl.sigmoid_focal_loss(logits, target, gamma=10.0**-k)
        assert abs(near / pl.binary_cross_entropy_with_logits(logits, target) - 1) < 3 * 10.0**-k
