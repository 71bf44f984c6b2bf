"""Losses that take steps, under a compiler: one operation, which evaluates them as eager code does.

A compiler traces a loop of Python step by step: 0.1 s for each, and a graph that grows with the
data. The loops of torch are no way out (a prototype in 2.13): under ``torch.compile``,
`torch._higher_order_ops.scan` fails for dynamic shapes and inside `torch.func.grad`.
"""

import sys
from ast import literal_eval
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from ...typing import Array
from ..validation import validation

_VALUE = -1
"""The place of the values among the results of the operation."""


def is_meant(call: Any, sequences: Mapping[str, Array]) -> bool:
    """Return whether a call becomes one operation: its loss takes steps, and is found by its name.

    An exported program has the operations of the steps: it should not need this library. The
    transforms of `torch.func` do not support the derivative of such an operation (torch 2.13).
    """
    if not call.plan.signature.steps or sequences or not torch.compiler.is_compiling():
        return False
    if torch.compiler.is_exporting() or torch._C._are_functorch_transforms_active():
        return False
    return _is_found(call.plan.formulas.loss)


def compute(call: Any, orders: Sequence[int], arrays: Sequence[Array]) -> list[Any]:
    """Return for each order the losses, or a tuple of derivatives."""
    predicted = call.plan.signature.predicted
    wanted = [place for order in orders for place in (predicted if order else (_VALUE,))]
    results = iter(_evaluated(call, arrays, wanted))
    return [tuple(next(results) for _ in predicted) if order else next(results) for order in orders]


def pulled(call: Any, share: Array, arrays: Sequence[Array]) -> tuple[Array, tuple[Array, ...]]:
    """Return the losses, and the gradients of their sum, each times its share."""
    (losses,) = _evaluated(call, arrays, [_VALUE])
    return losses, tuple(_evaluated(call, arrays, call.plan.signature.predicted, weights=share))


def _evaluated(
    call: Any, arrays: Sequence[Array], wanted: Sequence[int], **weights: Array
) -> list[Tensor]:
    """Call the operation. Numbers become arrays, which may change without a new graph."""
    loss, parameters = call.plan.formulas.loss, call.plan.parameters
    numbers = {
        key: torch.full((), value, dtype=torch.float64)
        for key, value in parameters.items()
        if isinstance(value, (int, float))
    }
    others = {key: value for key, value in parameters.items() if key not in numbers}
    names = " ".join((*call.plan.signature.arguments, *numbers, *weights))
    given = [*arrays, *numbers.values(), *weights.values()]
    where = f"{loss.__module__}:{loss.__qualname__}"
    loops = len(call.layout.loop)
    found: list[Tensor] = evaluate(where, names, given, repr(others), list(wanted), loops)
    return found


def _is_found(loss: Any) -> bool:
    """Return whether a loss is found by its name: one that is defined in a function is not."""
    found: Any = sys.modules.get(loss.__module__)
    for part in loss.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is loss


@torch.library.custom_op(f"{__name__.partition('.')[0]}::evaluate", mutates_args=())  # type: ignore[untyped-decorator]
def evaluate(
    loss: str, names: str, arrays: list[Tensor], others: str, wanted: list[int], loops: int
) -> list[Tensor]:
    """Evaluate a loss without a reduction.

    Parameters
    ----------
    loss : str
        Its module and its name.
    names : str
        The names of the arrays: arguments, parameters that are numbers, and weights.
    arrays : list of Tensor
        Their core axes are last.
    others : str
        The other parameters.
    wanted : list of int
        The results: -1 for the values, a place among the arrays for the derivative.
    loops : int
        The number of axes of the losses.
    """
    module, _, path = loss.partition(":")
    function: Any = reduce(getattr, path.split("."), sys.modules[module])
    signature, keys = function.signature, names.split()
    given: dict[str, Any] = dict(zip(keys, arrays, strict=True))
    for key, parameter in signature.parameters.items():
        if key in given:
            given[key] = parameter.kind(given[key].item())
    given |= {**literal_eval(others), "reduction": "none"}
    predictions = [signature.arguments[i] for i in signature.predicted]
    predicted = [keys.index(key) for key in predictions if key in given]
    found: dict[int, Tensor] = {}
    with torch.no_grad(), validation(False):  # the weights of a gradient may be negative
        if not set(wanted).isdisjoint(predicted):
            found[_VALUE], slopes = function.value_and_grad(**given)
            several = slopes if isinstance(slopes, tuple) else (slopes,)
            found |= zip(predicted, several, strict=True)
        elif _VALUE in wanted:
            found[_VALUE] = function(**given)
    rest = [place for place in wanted if place not in found]
    if rest:
        found |= zip(rest, _differentiated(function, given, [keys[i] for i in rest]), strict=True)
    return [found[place].contiguous() for place in wanted]


def _differentiated(function: Any, given: Mapping[str, Any], keys: list[str]) -> Sequence[Tensor]:
    """Differentiate the formula with respect to arrays that are no predictions."""

    def losses(*arrays: Tensor) -> Tensor:
        changed = dict(zip(keys, arrays, strict=True))
        values: Tensor = function(**{**given, **changed})
        return values

    values, pull = torch.func.vjp(losses, *(given[key] for key in keys))
    gradients: Sequence[Tensor] = pull(torch.ones_like(values))
    return gradients


@evaluate.register_fake  # type: ignore[untyped-decorator]
def _(
    loss: str, names: str, arrays: list[Tensor], others: str, wanted: list[int], loops: int
) -> list[Tensor]:
    """Return arrays of the shapes of the results."""
    values = arrays[0].new_empty(arrays[0].shape[:loops])
    return [values if i == _VALUE else arrays[i].new_empty(arrays[i].shape) for i in wanted]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    """Save the arguments. Derivatives have no derivative: these losses have no second one."""
    loss, names, arrays, others, wanted, loops = inputs
    ctx.save_for_backward(*arrays)
    ctx.call = loss, names, others, loops
    ctx.mark_non_differentiable(*(x for x, i in zip(output, wanted, strict=True) if i != _VALUE))


def _differentiate(ctx: Any, upstream: list[Tensor]) -> tuple[Any, ...]:
    """Evaluate the gradient of the sum of the losses, weighted by the gradients of the result."""
    loss, names, others, loops = ctx.call
    arrays = [*ctx.saved_tensors, upstream[0]]
    wanted = [i for i, needed in enumerate(ctx.needs_input_grad[2]) if needed]
    found = iter(evaluate(loss, f"{names} weights", arrays, others, wanted, loops))
    gradients = [next(found) if needed else None for needed in ctx.needs_input_grad[2]]
    return None, None, gradients, None, None, None


evaluate.register_autograd(_differentiate, setup_context=_keep)
