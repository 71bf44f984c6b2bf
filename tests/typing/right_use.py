"""Right uses of the library, which a strict type checker must accept; they are run as well."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Unpack, assert_type

import portable_losses as pl
from portable_losses import Loss, loss
from portable_losses.typing import (
    Array,
    Axis,
    ClassOptions,
    Labels,
    Namespace,
    Options,
    Positive,
    Real,
    Reduction,
)

pred = [0.25, 0.5, 0.75]
target = [0.0, 1.0, 1.0]
logits = [[0.5, -1.0], [2.0, 0.0], [0.0, 0.0]]
labels = [0, 1, 1]

# The call, with every option, and with each method.
assert_type(pl.mse_loss(pred, target), Array)
assert_type(
    pl.huber_loss(
        pred, target, delta=2, reduction="sum", weights=[1, 2, 3], where=[True, True, False], axis=0
    ),
    Array,
)
assert_type(pl.huber_loss.value_and_grad(pred, target, delta=2.0), tuple[Array, Any])
assert_type(pl.huber_loss.grad(pred, target, reduction="none"), Any)
assert_type(pl.huber_loss.grad_and_hess(pred, target, axis=(0,)), tuple[Any, Any])
assert_type(pl.binary_cross_entropy(pred, 1.0, eps=0.0), Array)
assert_type(pl.binary_cross_entropy_with_logits(pred, target, pos_weight=3.0, axis=None), Array)
assert_type(
    pl.cross_entropy(logits, labels, class_weights=[1.0, 2.0], ignore_index=None, class_axis=1),
    Array,
)
assert_type(
    pl.cross_entropy.value_and_grad(logits, labels, ignore_index=-100, label_smoothing=0.1),
    tuple[Array, Any],
)

# The type checks arguments that are not literals.
reduction: Reduction = "sum"
pl.l1_loss(pred, target, reduction=reduction)
options: Options = {"reduction": "none", "weights": [1.0, 0.0, 2.0]}
pl.l1_loss(pred, target, **options)

# A loss is a function to whoever wants one, of arrays alone or with an option.
metric: Callable[[Array, Array], Array] = pl.mse_loss
metrics: dict[str, Callable[[Array, Array], Array]] = {"mse": pl.mse_loss, "huber": pl.huber_loss}
every: list[Loss[...]] = [pl.mse_loss, pl.cross_entropy]
metric(pred, target)


def train(function: Loss, others: Sequence[pl.Loss]) -> float:
    """Take any loss: what it takes is not said."""
    return float(sum(one(pred, target, reduction="sum") for one in (function, *others)))


train(pl.huber_loss, [pl.mse_loss, pl.l1_loss])

with pl.validation(False) as nothing:
    assert_type(nothing, None)


@loss
def pinball_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    scale: Positive = 1.0,
    side: Literal["low", "high"] = "low",
    **options: Unpack[Options],
) -> Array:
    """Pinball loss, of a user."""
    residual = (pred - target) / scale
    return xp.maximum(residual, 0.0) if side == "high" else xp.maximum(-residual, 0.0)


@pinball_loss.derivative
def pinball_derivative(
    xp: Namespace, pred: Real, target: Real, /, *, scale: Positive, side: Literal["low", "high"]
) -> Array:
    """Derivative of it."""
    residual = (pred - target) / scale
    return (
        xp.astype(residual > 0, pred.dtype)
        if side == "high"
        else -xp.astype(residual < 0, pred.dtype)
    )


pinball_loss(pred, target, scale=2, side="high", reduction="none")
pinball_loss.value_and_grad(pred, target, side="low")


@loss("(class),()->()")
def margin_loss(
    xp: Namespace,
    axis: Axis,
    logits: Real,
    target: Labels,
    /,
    *,
    power: int = 1,
    **options: Unpack[ClassOptions],
) -> Array:
    """Margin loss, of a user."""
    top = xp.max(logits, axis=axis)
    return (top - xp.mean(logits, axis=axis)) ** power


margin_loss(logits, labels, power=2, class_axis=-1, ignore_index=1, weights=[1.0, 1.0, 1.0])


@loss(predicted=2)
def interval_loss(
    xp: Namespace, low: Real, high: Real, target: Real, /, **options: Unpack[Options]
) -> Array:
    """Loss of two predictions, of a user."""
    return xp.abs(target - low) + xp.abs(high - target)


interval_loss(pred, pred, target, reduction="sum")


class TupleOptions(Options, total=False):
    """The options of a loss over a core dimension that has a name of its own."""

    d_axis: int


@loss("(d),(d),(d)->()", predicted=3)
def triplet_loss(
    xp: Namespace,
    axis: Axis,
    anchor: Real,
    near: Real,
    far: Real,
    /,
    **options: Unpack[TupleOptions],
) -> Array:
    """Triplet loss, of a user."""
    return xp.sum((anchor - near) ** 2 - (anchor - far) ** 2, axis=axis)


triplet_loss(logits, logits, logits, d_axis=0, reduction="none")
