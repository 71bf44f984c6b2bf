"""Sums of losses: one loss, with the derivatives and options of its parts."""

import inspect
import pickle
import pydoc
from typing import Any, Unpack

import array_api_strict as strict
import cloudpickle
import numpy as np
import pytest
from arguments import LOSSES, arguments
from cases import as_tuple
from marks import KINDS, compiled_too, losses
from test_every_loss import close, inputs, numpy_of

import portable_losses as pl
from portable_losses.typing import ClassOptions, Labels, Real

PRED, TARGET = np.asarray([0.5, -1.0, 4.0]), np.zeros(3)
MIXED = 0.7 * pl.mse_loss + 0.3 * pl.l1_loss
METHODS = ("value_and_grad", "grad", "grad_and_hess")


def total(parts: Any, *arrays: Any, method: str = "__call__", **options: Any) -> Any:
    """Add up the results of losses, each times its factor."""
    results = [
        (factor, as_tuple(getattr(loss, method)(*arrays, **own, **options)))
        for factor, loss, own in parts
    ]
    return [sum(f * np.asarray(x[i]) for f, x in results) for i in range(len(results[0][1]))]


@losses(case for case in KINDS if not case.shared)
@compiled_too
def test_a_loss_added_to_itself(backend: Any, dtype: str, case: Any) -> None:
    """Half of it and a quarter of it are three quarters, for the value and all derivatives."""
    drawn, arrays = inputs(backend, case, dtype, index=len(case.parameters) - 1)
    bound = case.loss.bind(**drawn.parameters)
    if case.outer is None:
        combined = 0.5 * bound + bound / 4
    else:
        combined = 0.75 * bound
    value, gradient = backend.call(combined.value_and_grad, *arrays, reduction="sum")
    wanted, expected = case.finished(np.sum(drawn.inner), drawn.derivatives)
    close(backend.to_numpy(value), 0.75 * wanted, dtype)
    expected = tuple(0.75 * x for x in expected)
    close(numpy_of(backend, gradient), expected, dtype, 2 * case.slack)
    if drawn.seconds is not None:
        second = combined.grad_and_hess(*arrays, reduction="sum")[1]
        expected = tuple(0.75 * x for x in drawn.seconds)
        close(numpy_of(backend, second), expected, dtype, 2 * case.slack)


@pytest.mark.parametrize("size", [3, 3000, 10**6])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reduction": "sum"},
        {"reduction": "none"},
        {"axis": 0},
        {"weights": True},
        {"where": True, "reduction": "sum"},
    ],
)
def test_options_apply_to_the_sum(size: int, method: str, options: Any) -> None:
    """A mean divides once, by the sum of the weights."""
    rng = np.random.default_rng(0)
    pred, target = rng.normal(0, 2, (2, size))
    options = {key: rng.random(size) if x is True else x for key, x in options.items()}
    if "where" in options:
        options["where"] = options["where"] < 0.5
    combined = pl.mse_loss / 2 + 0.3 * pl.huber_loss.bind(delta=0.5) - pl.cauchy_loss
    parts = [(0.5, pl.mse_loss, {}), (0.3, pl.huber_loss, {"delta": 0.5}), (-1, pl.cauchy_loss, {})]
    found = as_tuple(getattr(combined, method)(pred, target, **options))
    for one, other in zip(found, total(parts, pred, target, method=method, **options), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_a_factor(loss: Any) -> None:
    """Also with a mask of the entries of rows, where the loss takes one."""
    given, half = arguments(loss, 0), 0.5 * loss
    options: list[dict[str, Any]] = [{}]
    if loss.signature.masks_entries:
        mask = np.random.default_rng(2).uniform(size=given[0].shape) < 0.6
        options.append({"where": mask})
    for own in options:
        value, gradient = half.value_and_grad(*given, **own)
        whole, slope = loss.value_and_grad(*given, **own)
        np.testing.assert_allclose(value, 0.5 * whole, rtol=1e-14)
        for one, other in zip(as_tuple(gradient), as_tuple(slope), strict=True):
            np.testing.assert_allclose(one, 0.5 * other, rtol=1e-14)


def test_entries_are_left_out_of_a_sum() -> None:
    """One of the losses takes the mask, the other does not need it."""
    rng = np.random.default_rng(4)
    pred, target = rng.uniform(size=(3, 8)), rng.integers(0, 2, (3, 8))
    mask = rng.uniform(size=pred.shape) < 0.7
    masked = np.where(mask, pred, np.nan)
    found = (pl.dice_loss + 2 * pl.matthews_loss).value_and_grad(masked, target, where=mask)
    parts = [f.value_and_grad(masked, target, where=mask) for f in (pl.dice_loss, pl.matthews_loss)]
    for total, one, other in zip(found, *parts, strict=True):
        np.testing.assert_allclose(total, one + 2 * other, rtol=1e-14)
    logits = np.where(mask, pred - 0.5, np.nan)
    both = pl.multilabel_margin_loss + pl.zlpr_loss
    separate = (f(logits, target, where=mask) for f in (pl.multilabel_margin_loss, pl.zlpr_loss))
    np.testing.assert_allclose(both(logits, target, where=mask), sum(separate), rtol=1e-14)
    apart = pl.jaccard_loss + pl.lovasz_hinge_loss
    assert apart(pred, target, region_axis=-1) > 0
    with pytest.raises(ValueError, match="where cannot leave out entries, because jaccard_loss"):
        apart(pred, target, where=mask, region_axis=-1)
    assert "\nkeep" not in both.__doc__
    assert "keep" not in inspect.signature(both).parameters


def test_masked_nonsense_stays_out_of_a_sum() -> None:
    pred = np.asarray([0.5, np.nan, np.inf])
    value, gradient = MIXED.value_and_grad(pred, TARGET, where=[True, False, False])
    assert value == pytest.approx(0.7 * 0.25 + 0.3 * 0.5)
    np.testing.assert_allclose(gradient, [0.7 + 0.3, 0, 0])


@pl.loss("(class),()->()")
def gap(
    xp: Any, axis: Any, logits: Real, target: Labels, /, **options: Unpack[ClassOptions]
) -> Any:
    """Compare with the logit of the label, without a derivative."""
    return xp.sum((logits - xp.pick_kept(logits, target, axis)) ** 2, axis=axis)


@pl.loss
def own(xp: Any, pred: Any, target: Any, /) -> Any:
    """Have no derivative."""
    return xp.log1p((pred - target) ** 2)


def test_rows_have_the_ways_and_options_that_the_parts_share(backend: Any, dtype: str) -> None:
    combined = 2 * pl.cross_entropy + gap
    assert combined.signature.ways == gap.signature.ways
    logits = np.random.default_rng(1).normal(size=(4, 3)).astype(dtype)
    labels = np.asarray([0, 2, 1, -100])
    options = {"class_weights": [1.0, 2.0, 0.5], "ignore_index": -100}
    arrays = backend.asarray(logits), backend.asarray(labels)
    found = backend.to_numpy(combined(*arrays, **options))
    parts = [(2, pl.cross_entropy, {}), (1, gap, {})]
    close(found, total(parts, logits, labels, **options)[0], dtype, 4)
    none = combined(*arrays, reduction="none", ignore_index=-100, label_smoothing=0.1)
    assert backend.to_numpy(none)[3] == 0


@pytest.mark.backends("torch", "jax")
@compiled_too
def test_autodiff_finds_the_registered_derivative_of_each_part(backend: Any, dtype: str) -> None:
    """One part has one, whose formula autodiff gets wrong at 1e-20; the other has none."""
    combined = 0.5 * pl.cauchy_loss + own
    pred = np.asarray([0.5, -1.0, 1e-20], dtype=dtype)
    slope = pred / (1 + pred**2) + 2 * pred / (1 + pred**2)
    slope -= 0.5 * pred / (1 + pred**2)
    arrays = backend.asarray(pred), backend.asarray(np.zeros(3, dtype=dtype))
    close(_autodiff(backend, combined, *arrays), slope, dtype, 2)
    found, second = combined.grad_and_hess(*arrays, reduction="sum")
    close(backend.to_numpy(found), slope, dtype, 2)
    bend = 2.5 * (1 - pred**2) / (1 + pred**2) ** 2
    np.testing.assert_allclose(backend.to_numpy(second), bend, atol=1e-6)


def _autodiff(backend: Any, loss: Any, pred: Any, target: Any) -> Any:
    if backend.base == "jax":
        import jax

        found = jax.grad(lambda x: backend.call(loss, x, target, reduction="sum"))(pred)
        return backend.to_numpy(found)
    pred = pred.clone().requires_grad_()
    backend.call(loss, pred, target, reduction="sum").backward()
    return backend.to_numpy(pred.grad)


def test_a_part_without_a_derivative_is_named() -> None:
    arrays = [strict.asarray(x) for x in (PRED, TARGET)]
    with pytest.raises(NotImplementedError, match=r"^own has no registered derivative"):
        (pl.mse_loss + own).grad(*arrays)
    assert float((pl.mse_loss + own)(*arrays)) > 0


def test_parameters_of_one_name_are_numbered() -> None:
    combined = pl.huber_loss.bind(delta=2.0) + pl.mse_loss + 0.5 * pl.pseudo_huber_loss
    assert list(inspect.signature(combined).parameters)[2:4] == ["delta_1", "delta_3"]
    found = combined(PRED, TARGET, delta_3=3.0)
    parts = [(1, pl.huber_loss, {"delta": 2.0}), (1, pl.mse_loss, {})]
    parts.append((0.5, pl.pseudo_huber_loss, {"delta": 3.0}))
    assert found == pytest.approx(total(parts, PRED, TARGET)[0], rel=1e-14)
    with pytest.raises(TypeError, match="no option 'delta': did you mean delta_"):
        combined(PRED, TARGET, delta=1.0)
    with pytest.raises(ValueError, match=r"delta_3 must be a number in \(0, inf\)"):
        combined(PRED, TARGET, delta_3=-1.0)
    single = pl.huber_loss + pl.mse_loss
    assert single(PRED, TARGET, delta=2.0) == pytest.approx(
        pl.huber_loss(PRED, TARGET, delta=2.0) + pl.mse_loss(PRED, TARGET)
    )


def test_a_sum_is_bound_and_added_to_others() -> None:
    """The parts keep what is bound to them, and to the sums that they were in."""
    first = (pl.huber_loss + pl.pseudo_huber_loss).bind(delta_2=0.5)
    combined = 2 * (first + pl.huber_loss.bind(delta=3.0)) / 4
    parts = [(0.5, pl.huber_loss, {"delta": 1.0}), (0.5, pl.pseudo_huber_loss, {"delta": 0.5})]
    parts.append((0.5, pl.huber_loss, {"delta": 3.0}))
    assert combined(PRED, TARGET) == pytest.approx(total(parts, PRED, TARGET)[0], rel=1e-14)
    name = "0.5 * huber_loss + 0.5 * pseudo_huber_loss.bind(delta=0.5) + 0.5 * huber_loss"
    assert combined.expression == f"{name}.bind(delta=3.0)"


def test_parameters_that_are_arrays(backend: Any, dtype: str) -> None:
    delta = np.asarray([1.0, 2.0, 3.0], dtype=dtype)
    pred, target = (x.astype(dtype) for x in (PRED, TARGET))
    combined = pl.huber_loss.bind(delta=backend.asarray(delta)) + 0.5 * pl.pseudo_huber_loss
    found = combined(backend.asarray(pred), backend.asarray(target))
    parts = [(1, pl.huber_loss, {"delta": delta}), (0.5, pl.pseudo_huber_loss, {})]
    close(backend.to_numpy(found), total(parts, pred, target)[0], dtype)


def test_a_sum_is_a_python_object_like_any_loss() -> None:
    shown = "(pred, target, /, *, reduction='mean', weights=None, where=None, axis=None)"
    assert MIXED.expression == "0.7 * mse_loss + 0.3 * l1_loss"
    assert repr(MIXED) == f"<loss ({MIXED.expression}){shown}>"
    text = pydoc.plain(pydoc.render_doc(0.7 * pl.mse_loss + pl.huber_loss.bind(delta=2.0)))
    title, _, shown, summary, *_ = text.splitlines()
    assert (
        title == "Python Library Documentation: Loss in module portable_losses.regression.residual"
    )
    assert shown.startswith("sum_of_losses(pred, target, /, *, delta=2.0, reduction='mean'")
    assert summary.strip() == "Sum of losses: 0.7 * mse_loss + huber_loss.bind(delta=2.0)."
    for line in (
        "delta : float or array, default 2.0",
        "`delta` of `huber_loss`.",
        "weights : array, opt",
    ):
        assert line in text
    assert isinstance(MIXED, pl.Loss)
    assert {MIXED: 1}[MIXED] == 1
    assert repr(-MIXED).startswith("<loss (-0.7 * mse_loss - 0.3 * l1_loss)(")
    assert (-pl.mse_loss).bind(axis=0).expression == "(-mse_loss).bind(axis=0)"
    assert sum([pl.mse_loss, pl.l1_loss]).expression == "mse_loss + l1_loss"


@pytest.mark.parametrize("factor", [2, 0.5, np.float64(0.5), np.float32(0.5), np.int8(3), -1.5])
def test_factors(factor: Any) -> None:
    right = float(factor) * pl.mse_loss(PRED, TARGET)
    assert (factor * pl.mse_loss)(PRED, TARGET) == (pl.mse_loss * factor)(PRED, TARGET) == right
    assert (pl.mse_loss / factor)(PRED, TARGET) == pytest.approx(
        pl.mse_loss(PRED, TARGET) / float(factor), rel=1e-15
    )
    pred = PRED.astype("float32")
    assert (factor * pl.mse_loss)(pred, TARGET).dtype == np.float32


def test_a_factor_of_0_leaves_a_part_out_but_keeps_its_parameters() -> None:
    combined = pl.l1_loss + 0.0 * pl.huber_loss
    assert combined([np.inf, 1.0], [0.0, 0.0], delta=3.0, reduction="none")[0] == np.inf
    assert combined(PRED, TARGET, delta=3.0) == pl.l1_loss(PRED, TARGET)
    assert (0 * pl.l1_loss)(PRED, TARGET) == 0


@pytest.mark.parametrize("module", [pickle, cloudpickle])
def test_a_sum_is_pickled(module: Any) -> None:
    first = MIXED + pl.huber_loss.bind(delta=2.0)
    for combined in (first, first.bind(delta=3.0, reduction="sum"), first.grad_and_hess):
        again = pickle.loads(module.dumps(combined))
        for one, other in zip(
            as_tuple(again(PRED, TARGET)), as_tuple(combined(PRED, TARGET)), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    assert repr(pickle.loads(module.dumps(first))) == repr(first)


def test_a_function_of_the_reduced_loss() -> None:
    value, gradient = (3 * pl.rmse_loss / 2).value_and_grad(PRED, TARGET)
    right = pl.rmse_loss.value_and_grad(PRED, TARGET)
    assert value == pytest.approx(1.5 * right[0], rel=1e-15)
    np.testing.assert_allclose(gradient, 1.5 * right[1], rtol=1e-15)
    with pytest.raises(TypeError, match=r"rmse_loss is a function of the reduced loss.*add up the"):
        pl.rmse_loss + pl.l1_loss


def test_a_loss_whose_rows_share_predictions() -> None:
    rng = np.random.default_rng(0)
    hidden, weight, labels = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), [0, 1, 2, 4]
    combined = 0.5 * pl.linear_cross_entropy + pl.linear_cross_entropy.bind(label_smoothing=0.1)
    found = combined.value_and_grad(hidden, weight, labels)
    one = pl.linear_cross_entropy.value_and_grad(hidden, weight, labels)
    two = pl.linear_cross_entropy.value_and_grad(hidden, weight, labels, label_smoothing=0.1)
    assert found[0] == pytest.approx(0.5 * one[0] + two[0], rel=1e-14)
    for a, b, c in zip(found[1], one[1], two[1], strict=True):
        np.testing.assert_allclose(a, 0.5 * b + c, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: pl.dice_loss + pl.binary_cross_entropy, TypeError, "row along region.*each elem"),
        (lambda: pl.mse_loss + pl.cross_entropy, TypeError, "takes pred, target.*logits, target"),
        (lambda: pl.hinge_loss + pl.binary_cross_entropy_with_logits, TypeError, "target holds"),
        (lambda: pl.mse_loss + 1, TypeError, "mse_loss: a loss can be added to another loss, not"),
        (lambda: 1 - pl.mse_loss, TypeError, "unsupported operand"),
        (lambda: pl.mse_loss + np.ones(3), TypeError, "not to an object of type ndarray"),
        (lambda: np.ones(3) + pl.mse_loss, TypeError, "not to an object of type ndarray"),
        (lambda: pl.mse_loss * pl.l1_loss, TypeError, "must be a number, not an object of type L"),
        (lambda: np.ones(3) * pl.mse_loss, TypeError, "must be a number.*multiply the result"),
        (lambda: float("nan") * pl.mse_loss, ValueError, "a finite number, got nan"),
        (lambda: pl.mse_loss / 0, ZeroDivisionError, "division by zero"),
        (lambda: pl.mse_loss.bind(axis=0) + pl.l1_loss, TypeError, "axis belongs to the whole sum"),
        (lambda: MIXED.derivative(lambda: 0), TypeError, "register formulas with the loss itself"),
    ],
)
def test_what_cannot_be_added(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_options_that_are_bound_to_all_parts_are_those_of_the_sum() -> None:
    combined = pl.mse_loss.bind(reduction="sum") + pl.l1_loss.bind(reduction="sum")
    right = pl.mse_loss(PRED, TARGET, reduction="sum") + pl.l1_loss(PRED, TARGET, reduction="sum")
    assert combined(PRED, TARGET) == right


def test_the_domain_is_that_of_all_parts() -> None:
    combined = pl.mse_loss + pl.binary_cross_entropy
    assert combined([0.5], [1.0]) == pytest.approx(0.25 + np.log(2))
    with pytest.raises(ValueError, match=r"pred must hold probabilities.*pred\[0\] is 1.5"):
        combined([1.5], [1.0])
    assert (pl.binary_cross_entropy + pl.mse_loss).signature.domains == combined.signature.domains


def test_a_domain_that_depends_on_a_parameter() -> None:
    combined = 2 * pl.poisson_nll_loss + pl.poisson_nll_loss.bind(log_input=False)
    for log_input in (True, False):
        found = combined([0.5], [1.0], log_input_1=log_input)
        parts = [(2, pl.poisson_nll_loss, {"log_input": log_input})]
        parts.append((1, pl.poisson_nll_loss, {"log_input": False}))
        assert found == pytest.approx(total(parts, [0.5], [1.0])[0])
    with pytest.raises(ValueError, match="must hold"):
        combined([-0.5], [1.0])
