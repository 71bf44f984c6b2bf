"""Tensors of torch in the memory of the CPU, lent to NumPy, whose blocks take a fraction of the time of torch's operations.

Nothing is copied, and results are those of torch's own operations but for their last digits. It is
done only where no one but autograd looks on: a compiler, a tracer or a transform of `torch.func` is
given the formulas in operations of torch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

from ._arrays import NUMBER
from ._domains import validation

_PLAIN = (*NUMBER, str, tuple, type(None))


def evaluated(
    loss: Any, orders: tuple[int, ...], arrays: Sequence[Any], options: Mapping[str, Any]
) -> list[Any] | None:
    """Evaluate a loss of tensors by NumPy, for each order the value or a list of gradients; None where it cannot be lent them."""
    if (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or _get_current_dispatch_mode() is not None
    ):
        return None
    signature = loss.signature
    arrays, options = loss._with_optional(arrays, options)
    differentiated = torch.is_grad_enabled() and any(
        is_differentiated(x) for x in (*arrays, *options.values())
    )
    if not all(loss._knows(order) for order in ((0, 1) if differentiated else orders)):
        return None  # NumPy has no autodiff
    try:
        lent = [_lent(x, i in signature.predicted) for i, x in enumerate(arrays)]
        given = {
            key: value if key in signature.parameters else _lent(value)
            for key, value in options.items()
        }
    except (
        RuntimeError,
        TypeError,
    ):  # transformed, sparse, of a dtype that NumPy lacks, or of another library
        return None
    if differentiated:
        predicted = [i for i in signature.predicted if i < len(arrays) and arrays[i] is not None]
        rest = (*(x for i, x in enumerate(arrays) if i not in predicted), *options.values())
        if orders != (0,) or loss.finishing is not None or any(is_differentiated(x) for x in rest):
            return None
        if options.get("reduction", "mean") == "none" or options.get("axis") is not None:
            return None
        return [
            _Recorded.apply(
                loss, arrays, options, lent, given, predicted, *(arrays[i] for i in predicted)
            )
        ]
    return _by_numpy(loss, orders, lent, given)


def _lent(x: Any, predicted: bool = False) -> Any:
    """View a tensor as an array of NumPy; raise an error if that is not the whole truth about it."""
    if type(x) is torch.Tensor:
        if x.is_complex() or forward_ad.unpack_dual(x).tangent is not None:
            raise TypeError("complex or dual numbers")
        if predicted and not x.is_floating_point():
            x = x.to(torch.get_default_dtype())  # which is not that of NumPy
        return (x.detach() if x.requires_grad else x).numpy()
    if not isinstance(x, _PLAIN):
        raise TypeError("of another library")
    return x


def is_differentiated(x: Any) -> bool:
    """Return whether autograd is to find a derivative with respect to something, which may be no tensor."""
    return isinstance(x, torch.Tensor) and x.requires_grad


def _by_numpy(
    loss: Any, orders: tuple[int, ...], arrays: Sequence[Any], options: Mapping[str, Any]
) -> list[Any]:
    with validation(False):  # the values of tensors are not looked at, on whatever device
        results = (
            loss._evaluate(orders, arrays, options)
            if orders != (0,)
            else [loss(*arrays, **options)]
        )
    return [
        [_tensor(x) for x in result] if order else _tensor(result)
        for order, result in zip(orders, results, strict=True)
    ]


def _tensor(x: Any) -> torch.Tensor:
    return torch.from_numpy(np.asarray(x))


class _Recorded(torch.autograd.Function):  # type: ignore[misc]
    """A reduced loss that is differentiated: its gradient comes out of the pass over the data that the value takes anyway."""

    @staticmethod
    def forward(
        ctx: Any,
        loss: Any,
        arrays: Any,
        options: Any,
        lent: Any,
        given: Any,
        predicted: Any,
        *predictions: Any,
    ) -> torch.Tensor:
        value, ctx.gradients = _by_numpy(loss, (0, 1), lent, given)
        rest = [None if i in predicted else x for i, x in enumerate(arrays)]
        ctx.call = loss, rest, predicted, options
        ctx.save_for_backward(*predictions)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[Any, ...]:
        """Hand over the gradients. They are made again if somebody comes a second time, or wants derivatives of them."""
        gradients, ctx.gradients = ctx.gradients, None
        loss, rest, predicted, options = ctx.call
        predictions = ctx.saved_tensors
        made_of = dict(zip(predicted, predictions, strict=True))
        arrays = [made_of.get(i, x) for i, x in enumerate(rest)]
        if torch.is_grad_enabled():
            (value,) = loss._in_general((0,), arrays, options)
            wanted = [x for x in predictions if x.requires_grad]
            made = iter(torch.autograd.grad(value, wanted, upstream, create_graph=True))
            return *(None,) * 6, *(next(made) if x.requires_grad else None for x in predictions)
        if gradients is None:
            gradients = loss._evaluate((1,), arrays, options)[0]
        return *(None,) * 6, *(
            gradients if _is_one(upstream) else [gradient * upstream for gradient in gradients]
        )


def _is_one(upstream: torch.Tensor) -> bool:
    """Return whether the loss is the end of the graph: there is nothing to multiply, and no second array is made."""
    try:
        return bool(upstream.item() == 1)
    except RuntimeError:  # several at once, by vmap
        return False
