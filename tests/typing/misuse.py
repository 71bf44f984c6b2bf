"""Deliberate misuses, one per line, each marked with the error code that mypy must report.

Nothing else in this file may be an error. At run time each of the marked lines raises as well.
"""

from typing import Literal, Unpack

import portable_losses as pl
from portable_losses import loss
from portable_losses.typing import (
    Array,
    Axis,
    ClassOptions,
    Labels,
    Namespace,
    Options,
    Positive,
    Real,
)

pred = [0.25, 0.5, 0.75]
target = [0.0, 1.0, 1.0]
logits = [[0.5, -1.0], [2.0, 0.0], [0.0, 0.0]]
labels = [0, 1, 1]
anything: Array = labels

# A misspelt option, or one of another loss
pl.huber_loss(pred, target, dleta=2.0)  # E: call-arg
pl.mse_loss(pred, target, delta=2.0)  # E: call-arg
pl.mse_loss(pred, target, weight=pred)  # E: call-arg
pl.mse_loss(pred, target, size_average=True)  # E: call-arg
pl.huber_loss.value_and_grad(pred, target, dleta=2.0)  # E: call-arg
pl.huber_loss.grad(pred, target, dleta=2.0)  # E: call-arg
pl.huber_loss.grad_and_hess(pred, target, dleta=2.0)  # E: call-arg
pl.huber_loss(pred, target, class_axis=0)  # E: call-arg
pl.huber_loss(pred, target, ignore_index=0)  # E: call-arg
pl.l1_loss.value_and_grad(pred, target, class_weights=pred)  # E: call-arg
pl.l1_loss.grad(pred, target, class_axis=0)  # E: call-arg
pl.l1_loss.grad_and_hess(pred, target, ignore_index=0)  # E: call-arg
pl.cross_entropy(logits, labels, delta=1.0)  # E: call-arg
pl.cross_entropy(logits, labels, xp=None)  # E: call-arg
pl.cross_entropy(logits, labels, dtype=float)  # E: call-arg

# A wrong reduction
pl.mse_loss(pred, target, reduction="batchmean")  # E: arg-type
pl.mse_loss(pred, target, reduction=None)  # E: arg-type
pl.cross_entropy(logits, labels, reduction="average")  # E: arg-type
pl.huber_loss.value_and_grad(pred, target, reduction="batchmean")  # E: arg-type
pl.huber_loss.grad(pred, target, reduction="Mean")  # E: arg-type
pl.huber_loss.grad_and_hess(pred, target, reduction=1)  # E: arg-type

# A parameter of the wrong type
pl.huber_loss(pred, target, delta="2.0")  # E: arg-type
pl.huber_loss(pred, target, delta=None)  # E: arg-type
pl.huber_loss(pred, target, delta=2j)  # E: arg-type
pl.huber_loss.value_and_grad(pred, target, delta="2.0")  # E: arg-type
pl.huber_loss.grad(pred, target, delta="1.0")  # E: arg-type
pl.huber_loss.grad_and_hess(pred, target, delta=None)  # E: arg-type
pl.binary_cross_entropy(pred, target, eps="tiny")  # E: arg-type
pl.binary_cross_entropy.grad(pred, target, eps=None)  # E: arg-type
pl.binary_cross_entropy_with_logits(pred, target, pos_weight={})  # E: arg-type
pl.binary_cross_entropy_with_logits.value_and_grad(pred, target, pos_weight="2.0")  # E: arg-type
pl.binary_cross_entropy_with_logits.grad_and_hess(pred, target, pos_weight="2")  # E: arg-type
pl.cross_entropy(logits, labels, label_smoothing="0.1")  # E: arg-type
pl.cross_entropy.value_and_grad(logits, labels, label_smoothing=None)  # E: arg-type
pl.cross_entropy.grad(logits, labels, label_smoothing="0.1")  # E: arg-type

# An option of the wrong type
pl.mse_loss(pred, target, axis=0.5)  # E: arg-type
pl.mse_loss(pred, target, axis="0")  # E: arg-type
pl.mse_loss.value_and_grad(pred, target, axis=[0])  # E: arg-type
pl.cross_entropy(logits, labels, ignore_index="x")  # E: arg-type
pl.cross_entropy.value_and_grad(logits, labels, ignore_index="x")  # E: arg-type
pl.cross_entropy.grad(logits, labels, ignore_index=0.5)  # E: arg-type
pl.cross_entropy(logits, labels, class_axis=None)  # E: arg-type
pl.cross_entropy.grad_and_hess(logits, labels, class_axis="last")  # E: arg-type

# Arrays are passed by position, all of them, and nothing else is
pl.mse_loss(pred)  # E: call-arg
pl.mse_loss()  # E: call-arg
pl.huber_loss(pred, target, anything)  # E: call-arg
pl.mse_loss(pred, target, anything)  # E: call-arg
pl.mse_loss.value_and_grad(pred)  # E: call-arg
pl.mse_loss.grad_and_hess(pred)  # E: call-arg
pl.cross_entropy.grad(logits)  # E: call-arg
pl.cross_entropy.value_and_grad(logits, labels, anything)  # E: call-arg


# A loss of one's own is checked like those of the library
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
    return xp.abs(pred - target) / scale


pinball_loss(pred, target, scael=1.0)  # E: call-arg
pinball_loss(pred, target, scale="1")  # E: arg-type
pinball_loss(pred, target, side="middle")  # E: arg-type
pinball_loss(pred, target, reduction="batchmean")  # E: arg-type
pinball_loss(pred)  # E: call-arg
pinball_loss.value_and_grad(pred, target, scael=1.0)  # E: call-arg
pinball_loss.grad(pred, target, side=1)  # E: arg-type
pinball_loss.grad_and_hess(pred, target, reduction="batchmean")  # E: arg-type


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
    return xp.max(logits, axis=axis) ** power


margin_loss(logits, labels, pwoer=1)  # E: call-arg
margin_loss(logits, labels, power=1.5)  # E: arg-type
margin_loss(logits, labels, class_axis=None)  # E: arg-type
margin_loss(0, logits, anything)  # E: call-arg
margin_loss.value_and_grad(logits, labels, power="2")  # E: arg-type
margin_loss.grad(logits, labels, ignore_index="x")  # E: arg-type
margin_loss.grad_and_hess(logits)  # E: call-arg


@loss(predicted=2)
def interval_loss(
    xp: Namespace, low: Real, high: Real, target: Real, /, **options: Unpack[Options]
) -> Array:
    """Loss of two predictions, of a user."""
    return xp.abs(target - low) + xp.abs(high - target)


interval_loss(pred, target)  # E: call-arg
interval_loss.value_and_grad(pred, pred, target, reduction="all")  # E: arg-type

# The decorator and the switch
loss(pinball_loss, pinball_loss)  # E: call-overload
loss(3)  # E: call-overload
