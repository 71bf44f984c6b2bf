"""User losses whose rows share an array with core dimensions, such as the weights of a layer."""

from typing import Any, Unpack

import numpy as np
import pytest
from marks import compiled_too

from portable_losses import loss
from portable_losses.typing import Array, Axis, Namespace, Options, Real, SharedReal


class RowOptions(Options, total=False):
    """The options of a loss over the dimension d."""

    d_axis: int


@loss("(d),(d),(d,d)->()")
def metric_loss(
    xp: Namespace,
    axis: Axis,
    pred: Real,
    target: Real,
    metric: SharedReal,
    /,
    **options: Unpack[RowOptions],
) -> Array:
    residual = pred - target
    return xp.sum(residual * xp.tensordot(residual, metric, axes=1), axis=-1)


@metric_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Real, target: Real, metric: SharedReal, /) -> Array:
    return xp.tensordot(pred - target, metric + xp.matrix_transpose(metric), axes=1)


@loss("(d),(out,d),(out)->()", predicted=("x", "weight"))
def layer_loss(
    xp: Namespace,
    axis: Axis,
    x: Real,
    weight: SharedReal,
    target: Real,
    /,
    **options: Unpack[RowOptions],
) -> Array:
    residual = xp.tensordot(x, weight, axes=((-1,), (-1,))) - target
    return xp.sum(residual * residual, axis=-1)


RNG = np.random.default_rng(61)
PRED, TARGET = RNG.normal(size=(2, 3, 4, 5))
METRIC = RNG.normal(size=(5, 5))
WEIGHTS = RNG.uniform(0, 2, (3, 4))
RESIDUAL = PRED - TARGET
LOSSES = np.einsum("abi,ij,abj->ab", RESIDUAL, METRIC, RESIDUAL)
SLOPES = np.einsum("ij,abj->abi", METRIC + METRIC.T, RESIDUAL)


@compiled_too
@pytest.mark.parametrize(
    "options",
    [{}, {"weights": True}, {"reduction": "sum", "axis": 0}, {"reduction": "none"}],
    ids=str,
)
def test_a_metric(backend: Any, options: dict[str, Any]) -> None:
    dtype = backend.dtypes[-1]
    given = [backend.asarray(x, dtype) for x in (PRED, TARGET, METRIC)]
    weights = WEIGHTS if options.get("weights") else np.ones_like(WEIGHTS)
    options = {
        key: backend.asarray(WEIGHTS, dtype) if value is True else value
        for key, value in options.items()
    }
    value, gradient = backend.call(metric_loss.value_and_grad, *given, **options)
    reduced = {"none": LOSSES, "sum": LOSSES.sum(axis=0)}.get(
        options.get("reduction", ""), np.average(LOSSES, weights=weights)
    )
    share = weights if "reduction" in options else weights / weights.sum()
    tolerance = 2.0**7 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(backend.to_numpy(value), reduced, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(
        backend.to_numpy(gradient), share[..., None] * SLOPES, rtol=tolerance, atol=tolerance
    )


def test_a_metric_in_blocks() -> None:
    """Several axes, rows on another axis, many blocks: each block sees the whole metric."""
    rows = np.random.default_rng(62).normal(size=(2, 40_000, 5))
    residual = rows[0] - rows[1]
    wanted = np.einsum("ni,ij,nj->n", residual, METRIC, residual)
    np.testing.assert_allclose(
        metric_loss(*rows, METRIC, reduction="none"), wanted, rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(metric_loss(*rows, METRIC), wanted.mean(), rtol=1e-12)
    found = metric_loss.grad(*(x.T for x in rows), METRIC, d_axis=0, reduction="sum")
    np.testing.assert_allclose(found.T, residual @ (METRIC + METRIC.T), rtol=1e-9, atol=1e-12)


def test_a_metric_of_another_shape() -> None:
    for metric in (METRIC[:4], METRIC[:, :4], METRIC[0], METRIC[None]):
        with pytest.raises(ValueError, match="metric"):
            metric_loss(PRED, TARGET, metric)


@compiled_too
@pytest.mark.backends("torch", "jax")
def test_autodiff_adds_up_the_gradient_of_what_is_shared(backend: Any) -> None:
    """Without a registered derivative the message on NumPy names the missing registration."""
    weight, target = RNG.normal(size=(2, 5)), RNG.normal(size=(3, 4, 2))
    dtype = backend.dtypes[-1]
    given = [backend.asarray(x, dtype) for x in (PRED, weight, target)]
    value, (to_x, to_weight) = backend.call(
        layer_loss.value_and_grad, *given, weights=backend.asarray(WEIGHTS, dtype)
    )
    residual = (PRED @ weight.T - target) * (WEIGHTS / WEIGHTS.sum())[..., None]
    np.testing.assert_allclose(
        backend.to_numpy(value), np.sum(residual * (PRED @ weight.T - target)), rtol=1e-5
    )
    np.testing.assert_allclose(backend.to_numpy(to_x), 2 * residual @ weight, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        backend.to_numpy(to_weight),
        2 * np.einsum("abo,abd->od", residual, PRED),
        rtol=1e-4,
        atol=1e-6,
    )


def test_what_to_register() -> None:
    with pytest.raises(NotImplementedError, match=r"layer_loss.*@layer_loss.value_and_pullback"):
        layer_loss.grad(PRED, np.ones((2, 5)), np.ones((3, 4, 2)))


def test_names_of_what_is_predicted() -> None:
    def pair(xp: Namespace, axis: Axis, x: Real, weight: SharedReal, target: Real, /) -> Array:
        return x

    for names in (("weight",), ("x", "wieght"), ()):
        with pytest.raises(
            ValueError, match=r"pair: predicted counts the arguments .* or names them"
        ):
            loss("(d),(d,d),(d)->()", predicted=names)(pair)
    with pytest.raises(TypeError, match=r"layer_loss: finish\(\) cannot be combined with"):
        layer_loss.finish(lambda xp, reduced: (reduced, 1))
