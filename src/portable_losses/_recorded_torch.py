"""Losses of tensors under ``torch.compile``, with their registered derivatives in place of those of autograd.

Autograd differentiates each operation of a formula, those that only keep its digits included, and a
compiler cannot take them all back: the gradient of the cross-entropy took three times as long. The
registered derivative is more accurate as well.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ._lent import is_differentiated
from .typing import Array, Axis, Namespace


def recorded(
    loss: Any,
    xp: Namespace,
    head: tuple[Axis, ...],
    arrays: Sequence[Array | None],
    parameters: Mapping[str, Any],
) -> Array | None:
    """Return the losses of a formula; None where autograd is to see its operations, or nobody differentiates it.

    Autograd does what is not asked of a registered derivative: that of targets, and what
    `torch.func` transforms. What is exported has the operations alone: `torch.export` would lose
    the gradient.
    """
    compiled = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    if not (compiled and torch.is_grad_enabled() and loss._knows(1)) or loss.signature.pulls:
        return None
    if torch._C._are_functorch_transforms_active() or any(
        isinstance(x, torch.Tensor) for x in parameters.values()
    ):
        return None
    predicted = loss.signature.predicted
    wanted = {i for i, x in enumerate(arrays) if is_differentiated(x)}
    if not wanted or not wanted <= set(predicted):
        return None
    losses: Array = _Formula.apply(loss, xp, head, parameters, *arrays)
    return losses


class _Formula(torch.autograd.Function):  # type: ignore[misc]
    """A formula, before weights and the reduction."""

    @staticmethod
    def forward(
        ctx: Any, loss: Any, xp: Namespace, head: Any, parameters: Any, *arrays: Any
    ) -> torch.Tensor:
        ctx.call = loss, xp, head, parameters
        ctx.save_for_backward(*arrays)
        losses: torch.Tensor = loss.formula(xp, *head, *arrays, **parameters)
        return losses

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[Any, ...]:
        loss, xp, head, parameters = ctx.call
        arrays = ctx.saved_tensors
        (derivatives,) = loss._compute((1,), xp, head, arrays, parameters)
        gradients: list[Any] = [None] * len(arrays)
        for i, derivative in zip(loss.signature.predicted, derivatives, strict=True):
            gradients[i] = (
                derivative * upstream[(..., *(None,) * (derivative.ndim - upstream.ndim))]
            )
        return *(None,) * 4, *gradients
