"""Formulas that are wrong: noticed at the first call, with the name of the loss and the cure."""

from typing import Any, Unpack

import array_api_strict as strict
import numpy as np
import pytest
from marks import compiled_too, once_a_library

from portable_losses import loss
from portable_losses._backends import backend_of
from portable_losses.typing import ClassOptions, Labels, LabelsOrProbability, Real

SHAPE = (4, 3)
RANDOM = np.random.default_rng(3)
PRED, TARGET = RANDOM.normal(size=SHAPE), RANDOM.normal(size=SHAPE)


def arrays_of(backend: Any) -> tuple[Any, Any]:
    return backend.asarray(PRED, "float32"), backend.asarray(TARGET, "float32")


@loss
def averaged(xp: Any, pred: Any, target: Any, /) -> Any:
    return xp.mean((pred - target) ** 2)


@loss
def summed(xp: Any, pred: Any, target: Any, /) -> Any:
    return xp.sum((pred - target) ** 2, axis=-1)


@averaged.derivative
def _(xp: Any, pred: Any, target: Any, /) -> Any:
    return 2 * (pred - target)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@once_a_library
def test_a_formula_that_reduces_itself(backend: Any) -> None:
    """At the first call and at each of the next ones, for the value and with the gradient."""
    given = arrays_of(backend)
    for _ in range(2):
        for asked in (averaged, averaged.value_and_grad):
            with pytest.raises(
                ValueError, match=r"averaged: the formula must .*returns shape \(\)"
            ):
                asked(*given)
        with pytest.raises(ValueError, match=r"summed: the formula must .*returns shape \(\d,\)"):
            summed(*given)


def test_what_to_do_about_it() -> None:
    with pytest.raises(
        ValueError, match=r"\(4, 3\), but returns shape \(\); leave out its own sum"
    ):
        averaged(PRED, TARGET)
    with pytest.raises(ValueError, match="averaged: the formula must return one loss for each"):
        averaged(np.ones(10**6), np.ones(10**6))


@loss("(class),()->()")
def unreduced(
    xp: Any, axis: Any, logits: Real, label: Labels, /, **options: Unpack[ClassOptions]
) -> Any:
    return logits - xp.pick_kept(logits, label, axis)


@loss("(class),()->()")
def reduced_twice(
    xp: Any, axis: Any, logits: Real, label: Labels, /, **options: Unpack[ClassOptions]
) -> Any:
    return xp.sum(logits - xp.pick_kept(logits, label, axis))


@pytest.mark.parametrize("place", [-1, 0])
@once_a_library
def test_a_formula_of_rows_that_reduces_too_little_or_too_much(backend: Any, place: int) -> None:
    logits = backend.asarray(PRED.T if place == 0 else PRED, "float32")
    labels = backend.asarray([0, 1, 2, 0])
    cure = r"unreduced: .*one loss for each row.*reduce over the axis.*`xp.sum\(\.\.\., axis=axis"
    with pytest.raises(ValueError, match=cure):
        unreduced(logits, labels, class_axis=place)
    with pytest.raises(ValueError, match=r"reduced_twice: .*, and over no other"):
        reduced_twice(logits, labels, class_axis=place)


@loss(predicted=2)
def lopsided(xp: Any, left: Any, right: Any, /) -> Any:
    return left * right


@lopsided.derivative
def _(xp: Any, left: Any, right: Any, /) -> Any:
    return right


@loss
def numbered(xp: Any, pred: Any, target: Any, /) -> Any:
    return 2 * (pred - target)


@numbered.derivative
def _(xp: Any, pred: Any, target: Any, /) -> Any:
    return 2.0


@numbered.second_derivative
def _(xp: Any, pred: Any, target: Any, /) -> Any:
    return xp.sum(pred)


@once_a_library
def test_a_derivative_of_a_wrong_form(backend: Any) -> None:
    """The value was right before: each function is looked at when it is first used."""
    given = arrays_of(backend)
    lopsided(*given), numbered(*given)
    with pytest.raises(ValueError, match=r"lopsided: .* tuple .* \(left, right\), but it has 1"):
        lopsided.grad(*given)
    with pytest.raises(TypeError, match=r"numbered: the derivative with respect to pred.* float"):
        numbered.grad(*given)

    @numbered.derivative
    def _(xp: Any, pred: Any, target: Any, /) -> Any:
        return xp.full_like(pred, 2.0)

    with pytest.raises(ValueError, match=r"numbered: the derivative .* return an array like pred"):
        numbered.grad_and_hess(*given)
    numbered.formulas.derivatives[1] = lambda xp, pred, target: 2.0


def test_a_derivative_of_shared_numbers_alone_is_spread() -> None:
    """A scale that is one number stays one, so the derivative may be one number as well."""
    from portable_losses.typing import SharedReal

    @loss(predicted=2)
    def scaled(xp: Any, pred: Real, scale: SharedReal, target: Real, /) -> Any:
        return scale * (pred - target)

    @scaled.derivative
    def _(xp: Any, pred: Real, scale: SharedReal, target: Real, /) -> Any:
        return scale, pred - target

    of_pred, of_scale = scaled.grad(PRED, np.asarray(3.0), TARGET, reduction="sum")
    np.testing.assert_array_equal(of_pred, np.full(SHAPE, 3.0))
    assert of_scale == pytest.approx(np.sum(PRED - TARGET))


# Functions of other libraries


@loss
def with_numpy(xp: Any, pred: Any, target: Any, /) -> Any:
    return np.log(1 + (pred - target) ** 2)


def helper(x: Any) -> Any:
    return np.log(1 + x**2)


@loss
def with_a_helper(xp: Any, pred: Any, target: Any, /) -> Any:
    return helper(pred - target)


@loss
def with_strict(xp: Any, pred: Any, target: Any, /) -> Any:
    return strict.abs(pred - target)


@loss
def constant(xp: Any, pred: Any, target: Any, /) -> Any:
    return np.ones(pred.shape)


@pytest.mark.backends("jax", "jax-jit")
@pytest.mark.parametrize("bad", [with_numpy, with_a_helper])
@pytest.mark.parametrize("method", ["__call__", "value_and_grad"])
def test_functions_of_numpy_on_tracers(backend: Any, bad: Any, method: str) -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match=rf"{bad.__name__}: .*it uses `np`; write `xp\.`"):
            backend.call(getattr(bad, method), *arrays_of(backend))


@pytest.mark.backends("torch")
@pytest.mark.parametrize("bad", [with_numpy, with_a_helper])
def test_functions_of_numpy_on_tensors_with_a_gradient(backend: Any, bad: Any) -> None:
    pred, target = arrays_of(backend)
    for _ in range(2):
        with pytest.raises(TypeError, match=rf"{bad.__name__}: .*of torch, because it uses `np`"):
            bad(pred.requires_grad_(), target)


@once_a_library
def test_functions_of_another_library(backend: Any) -> None:
    if backend.base == "strict":
        with pytest.raises(TypeError, match=r"with_numpy: .*(it uses `np`|an array of numpy)"):
            with_numpy(*arrays_of(backend))
        return
    name = "numpy" if backend.base in ("torch", "dask") else backend_of(arrays_of(backend)[0]).name  # type: ignore[union-attr]
    wanted = rf"with_strict: the formula fails on arrays of {name}, because it uses `strict`"
    with pytest.raises(TypeError, match=wanted):
        with_strict(*arrays_of(backend))


@pytest.mark.backends("strict", "jax")
@once_a_library
def test_a_result_of_another_library(backend: Any) -> None:
    with pytest.raises(TypeError, match=r"constant: the formula must return an array of.*of numpy"):
        constant(*arrays_of(backend))


def test_other_errors_stay_what_they_are() -> None:
    @loss
    def careless(xp: Any, pred: Any, target: Any, /) -> Any:
        assert np.asarray(1) == 1
        raise KeyError("mine")

    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            careless(PRED, TARGET)


# Functions that `xp` lacks


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("relu6", r"write xp\.clip\(x, 0\.0, 6\.0\)"),
        ("expit", r"write xp\.sigmoid\(x\)"),
        ("gammaln", r"write xp\.lgamma\(x\)"),
        ("logsumexpp", r"did you mean xp\.logsumexp\?"),
        ("quite_unknown", "build it from others"),
    ],
)
@once_a_library
def test_a_function_that_xp_lacks(backend: Any, name: str, cure: str) -> None:
    @loss
    def asking(xp: Any, pred: Any, target: Any, /) -> Any:
        return getattr(xp, name)(pred - target)

    with pytest.raises(AttributeError, match=rf"(?s)xp\.{name}: .*{cure}.*A loss of your own"):
        asking(*arrays_of(backend))


def test_each_cure_is_in_the_namespace() -> None:
    from portable_losses._numerics.elsewhere import _HERE

    xp = backend_of(strict.asarray(1.0)).xp  # type: ignore[union-attr]
    x, y = strict.asarray([[0.5, 0.25]]), strict.asarray([[0.75, 0.5]])
    known = {"xp": xp, "x": x, "y": y, "axis": -1, "low": 0.0, "high": 1.0, "axes": (1, 0)}
    known |= {"arrays": [x, y], "labels": strict.asarray([1])}
    for name, expression in _HERE.items():
        assert not hasattr(xp, name), name
        with np.errstate(divide="ignore", invalid="ignore"):
            assert backend_of(eval(expression, known)) is backend_of(x)


# Labels and their options


@loss("(class),()->()", "(class),(class)->()")
def both(
    xp: Any,
    axis: Any,
    logits: Real,
    target: LabelsOrProbability,
    /,
    **options: Unpack[ClassOptions],
) -> Any:
    """Compare squares, also with integer labels."""
    if target.ndim < logits.ndim:
        target = xp.astype(xp.one_hot(target, logits, axis), logits.dtype)
    return xp.sum((logits - target) ** 2, axis=axis)


@both.derivative
def _(xp: Any, axis: Any, logits: Any, target: Any, /) -> Any:
    if target.ndim < logits.ndim:
        target = xp.astype(xp.one_hot(target, logits, axis), logits.dtype)
    return 2 * (logits - target)


@compiled_too
@pytest.mark.parametrize("place", [-1, 0])
def test_labels_of_an_own_loss(backend: Any, dtype: str, place: int) -> None:
    """They may be of any integer type, weighted by class, and ignored."""
    logits = np.moveaxis(PRED, -1, place).astype(dtype)
    labels, class_weights = np.asarray([0, 2, -100, 1]), np.asarray([1.0, 2.0, 0.5], dtype=dtype)
    weight = np.asarray([1.0, 0.5, 0.0, 2.0])
    hot = np.eye(3)[np.where(labels < 0, 0, labels)]
    losses = np.sum((PRED.astype(dtype) - hot) ** 2, axis=-1)
    slope = 2 * (PRED.astype(dtype) - hot) * (weight / weight.sum())[:, None]
    value, gradient = backend.call(
        both.value_and_grad,
        backend.asarray(logits),
        backend.asarray(labels),
        class_axis=place,
        ignore_index=-100,
        class_weights=backend.asarray(class_weights),
    )
    tolerance = 64 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(
        backend.to_numpy(value), np.average(losses, weights=weight), rtol=tolerance
    )
    np.testing.assert_allclose(
        np.moveaxis(backend.to_numpy(gradient), place, -1), slope, rtol=tolerance, atol=tolerance
    )
    soft = np.moveaxis(hot, -1, place)
    found = both(
        backend.asarray(logits), backend.asarray(soft, dtype), class_axis=place, reduction="none"
    )
    np.testing.assert_allclose(backend.to_numpy(found), losses, rtol=tolerance)


@once_a_library
def test_labels_out_of_range_of_an_own_loss(backend: Any) -> None:
    given = backend.asarray(PRED, "float32"), backend.asarray([0, 3, 1, -1])
    if backend.base == "numpy":
        with pytest.raises(
            ValueError, match=r"both: target must hold class labels.*target\[1\] is 3"
        ):
            both(*given)
        return
    if backend.base == "torch":
        return  # lent to NumPy, and not looked at
    found = backend.to_numpy(both(*given, reduction="none"))
    np.testing.assert_array_equal(np.isnan(found), [False, True, False, True])
