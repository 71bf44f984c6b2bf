"""`bind`: a loss with other defaults is a loss in all respects."""

import inspect
import pickle
import pydoc
import subprocess
import sys
from typing import Any

import cloudpickle
import numpy as np
import pytest
from cases import as_tuple
from marks import KINDS, compiled_too, losses
from test_every_loss import close, inputs, numpy_of

import portable_losses as pl

PRED, TARGET = np.asarray([0.5, -1.0, 4.0]), np.zeros(3)
BOUND = pl.huber_loss.bind(delta=2.0)


@losses(case for case in KINDS if not case.shared)
@compiled_too
def test_what_is_bound_is_as_if_it_was_given(backend: Any, dtype: str, case: Any) -> None:
    drawn, arrays = inputs(backend, case, dtype, index=len(case.parameters) - 1)
    bound = case.loss.bind(reduction="sum", **drawn.parameters)
    given = {"reduction": "sum", **drawn.parameters}
    found = backend.call(bound.value_and_grad, *arrays)
    right = backend.call(case.loss.value_and_grad, *arrays, **given)
    close(backend.to_numpy(found[0]), backend.to_numpy(right[0]), dtype)
    close(numpy_of(backend, found[1]), numpy_of(backend, right[1]), dtype)
    if drawn.seconds is not None:
        (found, second), right = bound.grad_and_hess(*arrays), case.loss.grad(*arrays, **given)
        close(numpy_of(backend, found), numpy_of(backend, right), dtype)
        close(numpy_of(backend, second), drawn.seconds, dtype, case.slack)


def test_a_call_and_another_bind_replace_what_is_bound() -> None:
    half = pl.huber_loss(PRED, TARGET, delta=0.5)
    assert BOUND(PRED, TARGET, delta=0.5) == BOUND.bind(delta=0.5)(PRED, TARGET) == half
    again = BOUND.bind(reduction="sum").bind(axis=0)
    assert again(PRED, TARGET) == pl.huber_loss(PRED, TARGET, delta=2.0, reduction="sum")
    assert BOUND.bind() is BOUND
    assert pl.huber_loss(PRED, TARGET) == pl.huber_loss(PRED, TARGET, delta=1.0)


@pytest.mark.backends("numpy", "strict", "torch", "jax", "dask")
def test_arrays_are_bound(backend: Any, dtype: str) -> None:
    pred, target = backend.asarray(PRED, dtype), backend.asarray(TARGET, dtype)
    given = {
        "delta": backend.asarray([1.0, 2.0, 3.0], dtype),
        "weights": backend.asarray([1.0, 2.0, 0.0], dtype),
    }
    found = pl.huber_loss.bind(**given).value_and_grad(pred, target)
    for one, other in zip(found, pl.huber_loss.value_and_grad(pred, target, **given), strict=True):
        np.testing.assert_array_equal(backend.to_numpy(one), backend.to_numpy(other))
    lists = pl.huber_loss.bind(weights=[1.0, 2.0, 0.0])(pred, target)
    close(backend.to_numpy(lists), (0.125 + 2 * 0.5) / 3, dtype)
    masked = pl.huber_loss.bind(where=[True, False, False])
    close(backend.to_numpy(masked(pred, target)), 0.125, dtype)
    assert float(backend.to_numpy(masked(pred, target, where=None))) > 1


def test_the_name_the_signature_and_the_help_show_what_is_bound() -> None:
    loss = pl.huber_loss.bind(delta=2.0, reduction="sum", weights=np.ones(3))
    assert loss.expression == "huber_loss.bind(delta=2.0, reduction='sum', weights=...)"
    assert loss.__name__ == "huber_loss"
    parameters = inspect.signature(loss).parameters
    assert parameters["delta"].default == 2.0
    assert parameters["axis"].default is None
    assert repr(loss) == (
        f"<loss {loss.expression}(pred, target, /, *, delta=2.0, reduction='sum', weights=..., "
        "where=None, axis=None)>"
    )
    text = pydoc.plain(pydoc.render_doc(loss))
    title, _, shown, *_ = text.splitlines()
    assert title == "Python Library Documentation: Loss in module portable_losses.robust.convex"
    assert shown.startswith("huber_loss(pred, target, /, *, delta=2.0, reduction='sum', weights=")
    for line in (
        "delta : float or array, default 2.0",
        'reduction : {"mean", "sum", "none"}, default \'sum\'',
        "weights : array, bound to an array",
        "where : array of bool, optional",
    ):
        assert line in text
    assert "delta : float or array, default 1.0" in pydoc.plain(pydoc.render_doc(pl.huber_loss))


@pytest.mark.parametrize("module", [pickle, cloudpickle])
def test_a_bound_loss_is_pickled(module: Any) -> None:
    loss = pl.huber_loss.bind(delta=2.0).bind(weights=np.asarray([1.0, 2.0, 3.0]))
    for method in ("__call__", "grad", "grad_and_hess"):
        again = pickle.loads(module.dumps(getattr(loss, method)))
        right = as_tuple(getattr(loss, method)(PRED, TARGET))
        for one, other in zip(as_tuple(again(PRED, TARGET)), right, strict=True):
            np.testing.assert_array_equal(one, other)
    again = pickle.loads(module.dumps(loss))
    assert repr(again) == repr(loss)
    assert again.formulas is loss.formulas


def test_a_bound_loss_of_a_notebook_is_sent_to_workers() -> None:
    @pl.loss
    def local(xp: Any, pred: Any, target: Any, /, *, scale: float = 1.0) -> Any:
        return scale * (pred - target) ** 2

    both = (local.bind(scale=3.0), 2 * local.bind(scale=3.0) + pl.l1_loss)
    worker = f"import pickle\none, two = pickle.loads({cloudpickle.dumps(both)!r})\n"
    worker += "print(one([1.0], [0.0]), two([1.0], [0.0]))"
    done = subprocess.run(
        [sys.executable, "-c", worker], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("3.0 7.0\n", "")


@pytest.mark.parametrize(
    ("loss", "options", "error", "message"),
    [
        (pl.huber_loss, {"delta": -1.0}, ValueError, r"delta must be a number in \(0, inf\)"),
        (pl.huber_loss, {"delta": "2"}, TypeError, "delta must be a number or an array"),
        (pl.huber_loss, {"dleta": 1.0}, TypeError, "no option 'dleta': did you mean delta?"),
        (pl.huber_loss, {"sample_weight": [1.0]}, TypeError, "it is called weights here"),
        (pl.huber_loss, {"reduction": "batchmean"}, ValueError, "reduction must be 'mean'"),
        (pl.huber_loss, {"axis": [0]}, TypeError, "axis must be an int or a tuple of int"),
        (pl.huber_loss, {"target": PRED}, TypeError, "target is an array of each call"),
        (pl.huber_loss, {"weights": "balanced"}, TypeError, "weights"),
        (pl.cross_entropy, {"class_axis": 0.5}, TypeError, "class_axis must be an int"),
        (pl.cross_entropy, {"ignore_index": 1.5}, TypeError, "ignore_index must be an integer"),
        (pl.cross_entropy, {"class_weights": {0: 1.0}}, TypeError, "class_weights must be an arr"),
        (pl.multi_margin_loss, {"p": 3}, ValueError, "p must be"),
    ],
)
def test_bad_options_are_refused_at_once(
    loss: Any, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        loss.bind(**options)
    assert loss.__name__ in str(raised.value)


def test_a_parameter_without_a_default_is_bound() -> None:
    @pl.loss
    def tilted(xp: Any, pred: Any, target: Any, /, *, low: float, high: float) -> Any:
        return xp.maximum(low * (target - pred), high * (pred - target))

    assert tilted.bind(low=1.0).bind(high=3.0)([1.0], [0.0]) == 3.0
    with pytest.raises(TypeError, match="the parameter high has no default"):
        tilted.bind(low=1.0)([1.0], [0.0])


def test_a_derivative_that_is_registered_later_belongs_to_the_bound_loss_as_well() -> None:
    @pl.loss
    def late(xp: Any, pred: Any, target: Any, /, *, scale: float = 1.0) -> Any:
        return scale * (pred - target)

    bound = late.bind(scale=3.0)

    @late.derivative
    def _(xp: Any, pred: Any, target: Any, /, *, scale: float) -> Any:
        return xp.full_like(pred, scale)

    np.testing.assert_array_equal(bound.grad([1.0, 2.0], [0.0, 0.0]), [1.5, 1.5])
    with pytest.raises(TypeError, match=r"late\.bind\(scale=3\.0\): register formulas with"):
        bound.derivative(lambda: None)


def test_the_options_of_rows_are_bound() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 5))
    bound = pl.cross_entropy.bind(class_axis=0, class_weights=[1.0, 2.0, 3.0], ignore_index=-100)
    labels = [0, 1, 2, -100, 0]
    wanted = pl.cross_entropy(logits.T[:3], labels[:3], class_weights=[1.0, 2.0, 3.0])
    assert bound(logits[:, :3], labels[:3]) == pytest.approx(wanted, rel=1e-14)
    assert np.all(bound.grad(logits, labels)[:, 3] == 0)
