"""Registered derivatives in place of autograd's own: for predictions, on every device.

Autograd differentiates each operation of a formula. The registered derivative is accurate, right
where branches meet, and faster. Its own derivative is that of its formula.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ...typing import Array


def losses(
    call: Any, head: tuple[Any, ...], arrays: Sequence[Array], sequences: Mapping[str, Array]
) -> Array:
    """Return the losses of a formula; autograd uses the registered derivative.

    An exported program has only the operations: `torch.export` would lose the gradient.
    """
    names = tuple(sequences)
    given = (*arrays, *sequences.values())
    if torch.compiler.is_exporting() or not _is_differentiated(given):
        return _formula(call, head, names, given)
    kind = _Compiled if torch.compiler.is_dynamo_compiling() else _Transformed
    found: Array = kind.apply(call, head, names, *given)
    return found


def _is_differentiated(given: Sequence[Any]) -> bool:
    """Return whether autograd or a transform may need a derivative."""
    if not torch.compiler.is_dynamo_compiling():
        if torch._C._are_functorch_transforms_active():
            return True
        if torch.autograd.forward_ad._current_level >= 0:
            return True
    return torch.is_grad_enabled() and any(x.requires_grad for x in given)


def _formula(call: Any, head: Any, names: tuple[str, ...], given: Sequence[Any]) -> Any:
    number = len(given) - len(names)
    sequences = dict(zip(names, given[number:], strict=True))
    return call.compute((0,), head, list(given[:number]), sequences)[0]


def _derivatives(call: Any, head: Any, names: tuple[str, ...], given: Sequence[Any]) -> Any:
    number = len(given) - len(names)
    sequences = dict(zip(names, given[number:], strict=True))
    return call.compute((1,), head, list(given[:number]), sequences)[0]


class _Compiled(torch.autograd.Function):  # type: ignore[misc]
    """A formula under ``torch.compile``, before weights and the reduction."""

    @staticmethod
    def forward(call: Any, head: Any, names: Any, *given: Any) -> torch.Tensor:
        """Evaluate the formula."""
        losses: torch.Tensor = _formula(call, head, names, given)
        return losses

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save the arrays."""
        ctx.set_materialize_grads(False)
        ctx.call = inputs[:3]
        ctx.save_for_backward(*inputs[3:])
        ctx.save_for_forward(*inputs[3:])

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[Any, ...]:
        """Multiply by the registered derivatives; for targets, by those of the formula."""
        call, head, names = ctx.call
        given = ctx.saved_tensors
        predicted = call.plan.signature.predicted
        gradients: list[Any] = [None] * len(given)
        wanted = [i for i in range(len(given)) if ctx.needs_input_grad[3 + i]]
        if any(i in predicted for i in wanted):
            for i, derivative in zip(
                predicted, _derivatives(call, head, names, given), strict=True
            ):
                gradients[i] = derivative * _along(upstream, derivative)
        rest = [i for i in wanted if i not in predicted]
        if rest:
            _, pull = torch.func.vjp(_of_some(call, head, names, given, rest), *_at(given, rest))
            for i, gradient in zip(rest, pull(upstream), strict=True):
                gradients[i] = gradient
        return (None, None, None, *gradients)


class _Transformed(_Compiled):
    """A formula in eager code or under `torch.func`, whose rules a compiler does not support."""

    generate_vmap_rule = True

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> torch.Tensor:
        """Add up the derivatives along the given directions."""
        call, head, names = ctx.call
        given = ctx.saved_tensors
        predicted = call.plan.signature.predicted
        moved = {i: x for i, x in enumerate(tangents[3:]) if x is not None}
        slopes: dict[int, Any] = {}
        if any(i in predicted for i in moved):
            derivatives = _derivatives(call, head, names, given)
            slopes.update(zip(predicted, derivatives, strict=True))
        if rest := [i for i in moved if i not in predicted]:
            # No loss depends on the target of another, so the gradient of the sum has the
            # derivative of each. Forward mode cannot be nested.
            value, pull = torch.func.vjp(
                _of_some(call, head, names, given, rest), *_at(given, rest)
            )
            slopes.update(zip(rest, pull(torch.ones_like(value)), strict=True))
        along = [slopes[i] * x for i, x in moved.items()]
        loops = len(call.layout.loop)
        parts = (x.sum(dim=tuple(range(loops, x.ndim))) if x.ndim > loops else x for x in along)
        total: torch.Tensor = sum(
            parts, torch.zeros((), dtype=given[0].dtype, device=given[0].device)
        )
        return total


def _of_some(call: Any, head: Any, names: Any, given: Sequence[Any], chosen: list[int]) -> Any:
    """Return the formula as a function of some of its arrays."""

    def function(*some: Any) -> Any:
        every = list(given)
        for i, x in zip(chosen, some, strict=True):
            every[i] = x
        return _formula(call, head, names, every)

    return function


def _at(given: Sequence[Any], chosen: list[int]) -> tuple[Any, ...]:
    return tuple(given[i] for i in chosen)


def _along(upstream: torch.Tensor, derivative: torch.Tensor) -> torch.Tensor:
    """Broadcast one number per loss along the core axes of a derivative, which are last."""
    return upstream[(..., *(None,) * (derivative.ndim - upstream.ndim))]
