"""User losses: the decorator and everything that it adds."""

from typing import Any, Literal, Unpack

import array_api_strict as strict
import numpy as np
import pytest

from portable_losses import loss
from portable_losses.typing import (
    Array,
    Count,
    Namespace,
    NonNegative,
    Options,
    Real,
    Sign,
    UnitInterval,
)

PRED, TARGET = (
    np.asarray([[0.5, -1.0, 2.0], [0.0, 3.0, 1.0]]),
    np.asarray([[0.0, 1.0, 1.0], [0.0, 1.0, -1.0]]),
)


def on_strict(*arrays: Any) -> list[Any]:
    return [strict.asarray(x) for x in arrays]


# Pointwise


@loss
def plain_loss(xp: Namespace, pred: Real, target: Real, /, **options: Unpack[Options]) -> Array:
    """Have no derivative."""
    return (pred - target) ** 2


@pytest.mark.parametrize(
    "arrays", [(PRED, TARGET), tuple(on_strict(PRED, TARGET))], ids=["numpy", "strict"]
)
def test_without_a_derivative_there_is_the_value_and_an_error_that_says_what_to_register(
    arrays: tuple[Any, Any],
) -> None:
    assert float(plain_loss(*arrays)) == pytest.approx(np.mean((PRED - TARGET) ** 2))
    for method in (plain_loss.grad, plain_loss.value_and_grad, plain_loss.grad_and_hess):
        with pytest.raises(NotImplementedError, match=r"plain_loss.*@plain_loss\.derivative"):
            method(*arrays)


def test_without_a_second_derivative_the_error_names_that() -> None:
    @loss
    def first_only(xp: Namespace, pred: Real, target: Real, /, **options: Unpack[Options]) -> Array:
        return (pred - target) ** 2

    @first_only.derivative
    def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
        return 2 * (pred - target)

    np.testing.assert_allclose(first_only.grad(PRED, TARGET, reduction="sum"), 2 * (PRED - TARGET))
    with pytest.raises(NotImplementedError, match=r"first_only.*@first_only\.second_derivative"):
        first_only.grad_and_hess(PRED, TARGET)

    @first_only.second_derivative
    def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
        return xp.full_like(pred, 2.0)

    gradient, second = first_only.grad_and_hess(PRED, TARGET)
    np.testing.assert_allclose(gradient, 2 * (PRED - TARGET) / 6)
    np.testing.assert_allclose(second, np.full((2, 3), 2 / 6))


def test_what_is_registered_is_given_back() -> None:
    """So that it can be called and tested by its own name."""

    def derivative(xp: Namespace, pred: Real, target: Real, /) -> Array:
        return 2 * (pred - target)

    assert plain_loss.second_derivative(derivative) is derivative
    del plain_loss.formulas.derivatives[2]


def test_a_signature_without_the_types_of_options_has_them_all_the_same() -> None:
    """At run time: a sketch need not import the types."""

    @loss
    def sketch(xp: Any, pred: Any, target: Any, /, *, power: Any = 2, **options: Any) -> Any:
        return xp.abs(pred - target) ** power

    assert (
        sketch(PRED, TARGET, power=1, reduction="sum", weights=2.0)
        == 2 * np.abs(PRED - TARGET).sum()
    )
    with pytest.raises(TypeError, match="sketch has no option 'pwoer': did you mean power"):
        sketch(PRED, TARGET, pwoer=1)


# Value and derivative together


def test_value_and_derivative_is_called_instead_of_both() -> None:
    """Once for `value_and_grad`, and for the gradient where there is no other."""
    calls = []

    @loss
    def counted(xp: Namespace, pred: Real, target: Real, /) -> Array:
        calls.append("value")
        return (pred - target) ** 2

    @counted.value_and_derivative
    def _(xp: Namespace, pred: Real, target: Real, /) -> tuple[Array, Array]:
        calls.append("both")
        return (pred - target) ** 2, 2 * (pred - target)

    value, gradient = counted.value_and_grad(PRED, TARGET)
    assert calls == ["both"]
    assert value == np.mean((PRED - TARGET) ** 2)
    np.testing.assert_array_equal(gradient, 2 * (PRED - TARGET) / 6)
    calls.clear()
    np.testing.assert_array_equal(counted.grad(PRED, TARGET), gradient)
    assert calls == ["both"]
    calls.clear()
    counted(PRED, TARGET)
    assert calls == ["value"]

    @counted.derivative
    def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
        calls.append("derivative")
        return 2 * (pred - target)

    calls.clear()
    counted.grad(PRED, TARGET)
    counted.value_and_grad(PRED, TARGET)
    assert calls == ["derivative", "both"]


# Several predictions


@loss(predicted=2)
def interval_loss(
    xp: Namespace,
    low: Real,
    high: Real,
    target: Real,
    /,
    *,
    width: NonNegative = 0.5,
    **options: Unpack[Options],
) -> Array:
    """Weight the distance to an interval, and its width."""
    return (target - low) ** 2 + (high - target) ** 2 + width * (high - low)


@interval_loss.derivative
def _(
    xp: Namespace, low: Real, high: Real, target: Real, /, *, width: NonNegative
) -> tuple[Array, Array]:
    return 2 * (low - target) - width, 2 * (high - target) + width


@interval_loss.second_derivative
def _(
    xp: Namespace, low: Real, high: Real, target: Real, /, *, width: NonNegative
) -> tuple[Array, Array]:
    return xp.full_like(low, 2.0), xp.full_like(high, 2.0)


@pytest.mark.parametrize("library", [np, strict])
def test_two_predictions_have_two_gradients(library: Any) -> None:
    """Each of its own shape and dtype, masked and scaled alike."""
    low, high, target = PRED - 1, PRED + 2, TARGET
    keep = np.asarray([[True, True, False], [True, False, True]])
    low[0, 2] = np.nan
    arrays = [library.asarray(x) for x in (low, high, target)]
    value, gradients = interval_loss.value_and_grad(*arrays, width=2.0, where=library.asarray(keep))
    assert isinstance(gradients, tuple)
    wanted = (2 * (low - target) - 2.0, 2 * (high - target) + 2.0)
    for found, slope in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(np.asarray(found), np.where(keep, slope, 0) / 4, rtol=1e-14)
    losses = (target - low) ** 2 + (high - target) ** 2 + 2 * (high - low)
    np.testing.assert_allclose(float(value), losses[keep].mean(), rtol=1e-14)
    first, second = interval_loss.grad_and_hess(*arrays, where=library.asarray(keep))
    assert len(first) == len(second) == 2
    np.testing.assert_allclose(np.asarray(second[1]), keep * 2 / 4)


@pytest.mark.backends("torch", "jax")
def test_two_predictions_by_autodiff(backend: Any, dtype: str) -> None:
    @loss(predicted=2)
    def product_loss(
        xp: Namespace, first: Real, second: Real, target: Real, /, **options: Unpack[Options]
    ) -> Array:
        return (first * second - target) ** 2

    first, second, target = PRED, PRED + 1, TARGET
    arrays = [backend.asarray(x, dtype) for x in (first, second, target)]
    one, two = product_loss.grad(*arrays, reduction="sum")
    tolerance = 64 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        backend.to_numpy(one),
        2 * (first * second - target) * second,
        rtol=tolerance,
        atol=tolerance,
    )
    np.testing.assert_allclose(
        backend.to_numpy(two), 2 * (first * second - target) * first, rtol=tolerance, atol=tolerance
    )
    _, (one, two) = product_loss.grad_and_hess(*arrays, reduction="sum")
    np.testing.assert_allclose(backend.to_numpy(one), 2 * second * second, rtol=tolerance)
    np.testing.assert_allclose(backend.to_numpy(two), 2 * first * first, rtol=tolerance)


@pytest.mark.parametrize(
    "dtypes", [(np.float32, np.float64), (np.float16, np.float32), (np.float64, np.float32)]
)
def test_two_predictions_of_two_dtypes(dtypes: tuple[type, type]) -> None:
    """Each gradient has the dtype of its prediction."""
    low: Any
    high: Any
    low, high = (x.astype(dtype) for x, dtype in zip((PRED - 1, PRED + 2), dtypes, strict=True))
    first, second = interval_loss.grad(low, high, TARGET)
    assert (first.dtype, second.dtype) == dtypes


def test_a_second_prediction_of_another_shape() -> None:
    with pytest.raises(
        ValueError, match=r"interval_loss: low has shape \(2, 3\) and high has shape \(3, 2\)"
    ):
        interval_loss(PRED, PRED.T, TARGET)


# Parameters and domains


@loss
def settings_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    side: Literal["low", "high"] = "low",
    squared: bool = False,
    power: int = 1,
    share: UnitInterval = 1.0,
    **options: Unpack[Options],
) -> Array:
    """Have a parameter of each kind."""
    residual = pred - target if side == "high" else target - pred
    return (xp.maximum(residual, 0.0) ** (2 if squared else power)) * share


def test_parameters_of_every_kind() -> None:
    assert settings_loss([3.0], [1.0]) == 0
    assert settings_loss([3.0], [1.0], side="high", power=3, share=0.5) == 4
    assert settings_loss([3.0], [1.0], side="high", squared=True) == 4
    scalars: dict[str, Any] = {"squared": np.True_, "power": np.int8(3)}
    assert settings_loss([3.0], [1.0], side="high", **scalars) == 4


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"side": "middle"},
            ValueError,
            r"settings_loss: side must be one of \('low', 'high'\), got 'middle'",
        ),
        ({"side": None}, ValueError, "settings_loss: side must be one of"),
        ({"side": ["low"]}, ValueError, "settings_loss: side must be one of"),
        ({"side": np.ones(2)}, ValueError, "settings_loss: side must be one of"),
        ({"squared": 1}, TypeError, "settings_loss: squared must be True or False, got 1"),
        ({"squared": "yes"}, TypeError, "settings_loss: squared must be True or False"),
        ({"power": 1.5}, TypeError, "settings_loss: power must be a whole number, got 1.5"),
        ({"power": "2"}, TypeError, "settings_loss: power must be a whole number"),
        ({"share": 1.5}, ValueError, r"settings_loss: share must be a number in \[0, 1\], got 1.5"),
        (
            {"share": float("nan")},
            ValueError,
            r"settings_loss: share must be a number in \[0, 1\], got nan",
        ),
    ],
)
def test_parameters_that_are_wrong(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        settings_loss([3.0], [1.0], **options)


def test_a_parameter_without_a_default_must_be_given() -> None:
    @loss
    def quantile_loss(
        xp: Namespace, pred: Real, target: Real, /, *, quantile: UnitInterval
    ) -> Array:
        return xp.maximum(quantile * (target - pred), (quantile - 1) * (target - pred))

    assert quantile_loss([0.0], [1.0], quantile=0.25) == 0.25
    with pytest.raises(TypeError, match=r"quantile_loss: .*quantile"):
        quantile_loss([0.0], [1.0])  # type: ignore[call-arg]


@loss
def hinge_loss(xp: Namespace, pred: Real, target: Sign, /, **options: Unpack[Options]) -> Array:
    """Take signs."""
    return xp.maximum(1 - pred * target, 0.0)


def test_a_hinge_with_labels_of_0_and_1_is_told_what_to_pass() -> None:
    assert hinge_loss([0.5, 0.5], [1, -1], reduction="sum") == 2.0
    with pytest.raises(
        ValueError, match=r"hinge_loss: target must hold signs.*target\[1\] is 0.*`2 \* target - 1`"
    ):
        hinge_loss([0.5, 0.5], [1, 0])
    with pytest.raises(ValueError, match=r"target\[0\] is False.*`2 \* target - 1`"):
        hinge_loss([0.5, 0.5], [False, True])
    assert hinge_loss([0.5, 0.5], [1, 0], where=[True, False]) == 0.5


def test_counts_are_whole() -> None:
    @loss
    def poisson_loss(xp: Namespace, pred: Real, target: Count, /) -> Array:
        return xp.exp(pred) - target * pred

    assert poisson_loss([0.0], [3]) == 1
    for bad in (0.5, -1.0, -0.0001):
        with pytest.raises(
            ValueError, match=rf"poisson_loss: target must hold counts.*target\[0\] is {bad}"
        ):
            poisson_loss([0.0], [bad])


@pytest.mark.parametrize("size", [3, 3000, 10**6])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_formula_that_works_in_place_on_a_selection(size: int, reduction: Any) -> None:
    """A selection is an array of its own, also where nothing is selected."""

    @loss
    def in_place(xp: Any, pred: Any, target: Any, /) -> Any:
        residual = xp.where(pred < -1e9, 0.0, pred)
        residual -= target
        residual *= residual
        return residual

    pred, target = np.linspace(-1, 1, size), np.linspace(0, 2, size)
    before = pred.copy(), target.copy()
    first, second = (in_place(pred, target, reduction=reduction) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, (pred - target) ** 2 if reduction == "none" else 1.0)
    for x, y in zip((pred, target), before, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("size", [3, 3000, 10**6])
def test_a_formula_cannot_write_to_its_arguments(size: int) -> None:
    @loss
    def careless(xp: Any, pred: Any, target: Any, /) -> Any:
        pred -= target
        return pred

    pred = np.ones(size)
    for _ in range(2):
        with pytest.raises(ValueError, match="read-only"):
            careless(pred, np.ones(size))
        assert np.all(pred == 1)


@pytest.mark.parametrize("size", [3, 3000, 10**6])
def test_a_formula_that_returns_an_argument(size: int) -> None:
    @loss
    def same(xp: Any, pred: Any, target: Any, /) -> Any:
        return pred

    pred = np.ones(size)
    for _ in range(2):
        assert not np.shares_memory(same(pred, pred, reduction="none"), pred)
