"""The check of derivatives finds faults and says where; a kink is none."""

from typing import Any

import numpy as np
import pytest

import portable_losses as pl
from portable_losses._backends import installed
from portable_losses._selfcheck.differences import slopes
from portable_losses.typing import Positive, Probability, Real

LOSSES = [name for name in pl.__all__ if isinstance(getattr(pl, name), pl.Loss)]


GIVEN = {"sinkhorn_loss": ([[0.25, 0.5, 0.25]], [[0.5, 0.125, 0.375]])}
"""Inputs for a loss that takes 100 steps at each call."""


@pytest.fixture(autouse=True)
def no_autodiff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Differences alone find a fault; one test has autodiff."""
    monkeypatch.setattr(installed, "OPTIONAL", {})


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_passes(name: str) -> None:
    report = pl.check_derivative(getattr(pl, name), *GIVEN.get(name, ()))
    assert report, report
    assert sum(part.compared for part in report.parts) >= 3


def squares(derivative: Any) -> Any:
    """Return the mean squared error with a derivative."""

    @pl.loss
    def squared(xp, pred: Real, target: Real, /, *, scale: Positive = 1.0):
        return scale * (pred - target) ** 2

    squared.derivative(derivative)
    return squared


FAULTS = {
    "sign": lambda xp, pred, target, /, *, scale: 2 * scale * (target - pred),
    "factor": lambda xp, pred, target, /, *, scale: scale * (pred - target),
    "digits": lambda xp, pred, target, /, *, scale: 2.00001 * scale * (pred - target),
    "term": lambda xp, pred, target, /, *, scale: 2 * scale * (pred - target) + 1e-3 * target,
    "nan": lambda xp, pred, target, /, *, scale: 2 * scale * (pred - target) + np.nan,
    "parameter": lambda xp, pred, target, /, *, scale: 2 * (pred - target),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_derivative_is_found(fault: str) -> None:
    """A parameter that is forgotten shows at another value than its default."""
    report = pl.check_derivative(squares(FAULTS[fault]), scale=3.0)
    assert not report
    assert "squared: some derivatives differ" in repr(report)


def test_a_right_derivative_agrees() -> None:
    right = squares(lambda xp, pred, target, /, *, scale: 2 * scale * (pred - target))
    report = pl.check_derivative(right, scale=3.0)
    assert report, report
    assert report.faults == []
    assert "squared: all derivatives agree" in repr(report)


@pytest.mark.parametrize("wrong", ["ignored", "missing", "flag"])
def test_a_parameter_that_is_misused_is_found(wrong: str) -> None:
    """Also where its default hides it: other values are drawn."""

    @pl.loss
    def stretched(xp, pred, target, /, *, scale: Positive = 1.0, twice: bool = False):
        return scale * (1 + twice) * (pred - target) ** 2

    @stretched.derivative
    def _(xp, pred, target, /, *, scale, twice):
        factor = {"ignored": 1.0, "missing": scale**2, "flag": scale}[wrong]
        return 2 * factor * (1 + (twice and wrong != "flag")) * (pred - target)

    report = pl.check_derivative(stretched)
    assert not report
    assert "scale = 1.75" in report.faults[0]
    assert pl.check_derivative(stretched, scale=1.0, twice=False)


def test_a_derivative_that_is_nan_where_a_prediction_is_right_is_found() -> None:
    @pl.loss
    def softened(xp, pred, target, /):
        return xp.log1p((pred - target) ** 2)

    @softened.derivative
    def _(xp, pred, target, /):
        gap = pred - target
        return 2 * gap**2 / gap / (1 + gap**2)

    (fault,) = {fault.split(":")[0] for fault in pl.check_derivative(softened).faults}
    assert fault.startswith("pred[0, 0] = ")


def test_the_fault_is_located() -> None:
    """By the place, the inputs and both numbers."""

    @pl.loss
    def cubed(xp, pred, target, /):
        return abs(pred - target) ** 3

    @cubed.derivative
    def _(xp, pred, target, /):
        return 3 * (pred - target) ** 2

    report = pl.check_derivative(cubed, [[1.0, -2.0], [3.0, 0.5]], [[0.0, 0.0], [1.0, 1.5]])
    assert report.faults == [
        "pred[0, 1] = -2 (target = 0): derivative has 12, differences -12",
        "pred[1, 1] = 0.5 (target = 1.5): derivative has 3, differences -3",
    ]
    assert "2 of 4 entries differ" in repr(report)


@pytest.mark.parametrize("name", ["second_derivative", "value_and_derivative", "value"])
def test_other_functions_are_found(name: str) -> None:
    loss = squares(lambda xp, pred, target, /, *, scale: 2 * scale * (pred - target))

    @loss.second_derivative
    def _(xp, pred, target, /, *, scale):
        return scale * xp.full_like(pred, 3.0 if name == "second_derivative" else 2.0)

    @loss.value_and_derivative
    def _(xp, pred, target, /, *, scale):
        gap = pred - target
        off = name == "value"
        slope = (2.5 if name == "value_and_derivative" else 2.0) * gap
        return scale * (gap**2 + off), scale * slope

    report = pl.check_derivative(loss)
    assert not report
    (part,) = (part for part in report.parts if part.faults)
    assert part.name == {"value": "the value of value_and_derivative"}.get(name, name)


def test_a_wrong_product_is_found() -> None:
    """One that forgets that the entries of a row interact."""

    @pl.loss("(class),(class)->()")
    def total(xp, axis, pred, target, /):
        return xp.sum(pred - target, axis=axis) ** 2

    @total.derivative
    def _(xp, axis, pred, target, /):
        return 2 * xp.sum(pred - target, axis=axis, keepdims=True) + xp.zeros_like(pred)

    @total.second_derivative_along
    def _(xp, axis, pred, target, vector, /):
        return 2 * vector

    report = pl.check_derivative(total)
    assert not report
    assert {part.name for part in report.parts if part.faults} == {"second_derivative_along"}
    total.second_derivative_along(
        lambda xp, axis, pred, target, vector, /: (
            2 * xp.sum(vector, axis=axis, keepdims=True) + xp.zeros_like(vector)
        )
    )
    assert pl.check_derivative(total)


def test_a_pullback_is_checked() -> None:
    @pl.loss("(feature),(feature),()->()", predicted=2)
    def line(xp, axis, feature, slope: Shared, target, /):
        return (xp.sum(feature * slope, axis=axis) - target) ** 2

    def pullback(factor: float) -> Any:
        def function(xp, axis, share, feature, slope, target, /):
            residual = xp.sum(feature * slope, axis=axis) - target
            by = (2 * share * residual)[..., None]
            flat = xp.reshape(by * feature, (-1, feature.shape[-1]))
            return residual**2, (by * slope, factor * xp.sum(flat, axis=0))

        return function

    line.value_and_pullback(pullback(1.0))
    report = pl.check_derivative(line)
    assert report, report
    line.value_and_pullback(pullback(1.5))
    report = pl.check_derivative(line)
    assert report.faults
    assert all(fault.startswith("slope[") for fault in report.faults)


Shared = pl.typing.Annotated[  # type: ignore[attr-defined]
    pl.typing.Array, pl.typing.Domain("numbers", shared=True)
]


KINKS = {
    "l1_loss": ([1.0, 1.0], [1.0, 0.0]),
    "hinge_loss": ([1.0, -1.0], [1.0, 1.0]),
    "huber_loss": ([2.0, 1.0, 0.0], [1.0, 0.0, 1.0]),
    "pinball_loss": ([0.5], [0.5]),
    "tukey_biweight_loss": ([1.0], [0.0]),
    "total_variation_loss": ([0.5, 0.25, 0.25], [0.5, 0.5, 0.0]),
    "smooth_l1_loss": ([1.0], [0.0]),
    "squared_hinge_loss": ([1.0], [1.0]),
    "triplet_margin_loss": ([1.0, 0.0], [0.0, 0.0], [1.0, 0.0]),
}


@pytest.mark.parametrize("name", KINKS)
def test_a_kink_is_no_fault(name: str) -> None:
    report = pl.check_derivative(getattr(pl, name), *map(np.asarray, KINKS[name]))
    assert report, report


def test_autodiff_with_another_number_at_a_kink_is_no_judge() -> None:
    report = pl.check_derivative(pl.pinball_loss, [0.5, 1.0], [0.5, 0.0], quantile=0.875)
    assert report, report


def test_a_number_beyond_both_sides_of_a_kink_is_a_fault() -> None:
    @pl.loss
    def absolute(xp, pred, target, /):
        return xp.abs(pred - target)

    @absolute.derivative
    def _(xp, pred, target, /):
        return xp.where(pred >= target, 1.5, -1.0)

    report = pl.check_derivative(absolute, [2.0], [2.0])
    assert report.faults == ["pred[0] = 2 (target = 2): derivative has 1.5, differences 0"]


def test_the_end_of_a_domain_is_left_alone() -> None:
    """There are no values beyond it."""
    report = pl.check_derivative(pl.binary_cross_entropy, [0.0, 1.0, 0.5], [0.0, 1.0, 1.0])
    assert report, report
    assert [part.compared for part in report.parts[:1]] == [1]

    @pl.loss
    def entropy(xp, pred: Probability, target: Real, /):
        return xp.xlogy(pred, pred) - target

    entropy.derivative(lambda xp, pred, target, /: 1 + xp.log(pred))
    report = pl.check_derivative(entropy, [1e-9, 0.25], [0.0, 0.0])
    assert report, report


def test_options_bound_losses_and_sums() -> None:
    """They are checked as they are called."""
    mixed = 0.5 * pl.cross_entropy.bind(label_smoothing=0.1) - 0.1 * pl.softmax_focal_loss
    assert pl.check_derivative(mixed)
    assert pl.check_derivative(pl.poisson_nll_loss.bind(log_input=True))
    assert pl.check_derivative(pl.mse_loss, [1.0, 2.0], [0.0, 0.0], weights=[1.0, 3.0])
    assert pl.check_derivative(pl.kl_div, log_target=True)


def test_large_inputs_take_some_entries() -> None:
    pred = np.linspace(-3, 3, 10_000)
    report = pl.check_derivative(pl.huber_loss, pred, np.zeros(10_000))
    assert report, report
    assert report.parts[0].compared < 100


def test_inputs_are_not_written_to() -> None:
    pred, target = np.ones(2), np.zeros(2)
    pl.check_derivative(pl.mse_loss, pred, target)
    np.testing.assert_array_equal([pred, target], [[1, 1], [0, 0]])


@pytest.mark.backends("torch")
def test_autodiff_has_more_digits(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds what differences cannot see."""
    loss = squares(lambda xp, pred, target, /, *, scale: (2 + 1e-7) * scale * (pred - target))
    assert pl.check_derivative(loss)
    monkeypatch.setattr(installed, "OPTIONAL", {"torch": "torch"})
    report = pl.check_derivative(loss)
    assert not report
    assert "autodiff of torch" in report.faults[0]


def test_nothing_registered() -> None:
    @pl.loss
    def plain(xp, pred, target, /):
        return (pred - target) ** 2

    assert repr(pl.check_derivative(plain)) == "plain: no derivative is registered"


def test_bad_calls() -> None:
    with pytest.raises(TypeError, match="check_derivative takes a loss, got function"):
        pl.check_derivative(lambda pred, target: pred)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="mse_loss has no option 'delta'"):
        pl.check_derivative(pl.mse_loss, delta=1.0)
    with pytest.raises(ValueError, match="their shapes must be the same"):
        pl.check_derivative(pl.mse_loss, [1.0], [1.0, 2.0])


def test_slopes_know_their_error() -> None:
    """Of a smooth function, also where it bends fast, and of one with a kink."""
    for function, right in ((np.sin, 1.0), (lambda x: np.exp(30 * x), 30.0), (np.abs, 0.0)):
        found = slopes(lambda t, f=function: np.asarray([f(t)]), 2.0**-5)
        assert abs(found.both.number[0] - right) <= max(1e-9, 10 * found.both.error[0])
    assert (found.left.number[0], found.right.number[0]) == (-1.0, 1.0)
