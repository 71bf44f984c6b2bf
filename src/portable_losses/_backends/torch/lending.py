"""CPU tensors, lent to NumPy as views.

Results equal those of torch's own operations up to rounding.
"""

from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from ..numpy import NUMBER
from ..numpy import backend as numpy


def evaluate(request: Any) -> list[Any] | None:
    """Evaluate a loss of tensors with NumPy; return None if they cannot be lent.

    NumPy has no autodiff: all requested derivatives must be registered.
    """
    formulas, orders = request.plan.formulas, request.orders
    tensors = [*request.arrays, *request.extras.values()]
    differentiated = torch.is_grad_enabled() and any(is_differentiated(x) for x in tensors)
    if not all(formulas.knows(order) for order in ((0, 1) if differentiated else orders)):
        return None
    predicted = formulas.signature.predicted
    found = _all_lent(request)
    if found is None:
        return None
    lent, extras = found
    if not differentiated:
        return _by_numpy(request, orders, lent, extras)
    chosen = [i for i in predicted if request.arrays[i] is not None]
    rest = [x for i, x in enumerate(request.arrays) if i not in chosen]
    if orders != (0,) or any(is_differentiated(x) for x in (*rest, *request.extras.values())):
        return None
    if request.plan.reduction not in ("mean", "sum") or request.plan.axis is not None:
        return None  # each result needs a gradient of its own
    predictions = [request.arrays[i] for i in chosen]
    # Autograd saves the predictions: it frees them, and detects changes.
    request.arrays = [None if i in chosen else x for i, x in enumerate(request.arrays)]
    return [_Lent.apply((request, chosen, lent, extras), *predictions)]


def sums(request: Any) -> list[Any] | None:
    """Return the sums of pieces of rows; None if they cannot be lent, or autograd needs them."""
    tensors = [*request.arrays, *request.extras.values(), *(request.sums or ())]
    if torch.is_grad_enabled() and any(is_differentiated(x) for x in tensors):
        return None
    found = _all_lent(request)
    if found is None:
        return None
    lent = request.lent((0,), *found)
    lent.sums = request.sums and [x.detach().numpy() for x in request.sums]
    return [*map(_tensor, numpy.sums(lent))]


def _all_lent(request: Any) -> tuple[list[Any], dict[str, Any]] | None:
    """View the arrays of a request as those of NumPy; return None if they cannot be lent."""
    predicted = request.plan.formulas.signature.predicted
    try:
        lent = [_lent(x, i in predicted) for i, x in enumerate(request.arrays)]
        return lent, {key: _lent(x) for key, x in request.extras.items()}
    except (RuntimeError, TypeError):  # transformed, sparse, or of a dtype that NumPy lacks
        return None


def is_differentiated(x: Any) -> bool:
    """Return whether autograd needs a derivative with respect to a value."""
    return isinstance(x, torch.Tensor) and x.requires_grad


def _lent(x: Any, predicted: bool = False) -> Any:
    """View a tensor as an array of NumPy; raise an error if the view would lose something."""
    if isinstance(x, torch.Tensor):
        if type(x) is not torch.Tensor and type(x) is not torch.nn.Parameter:
            raise TypeError("of a subclass")
        if x.is_complex() or forward_ad._current_level >= 0:
            raise TypeError("complex, or perhaps a dual number")
        if predicted and not x.is_floating_point():
            x = x.to(torch.get_default_dtype())  # NumPy has another default
        return (x.detach() if x.requires_grad else x).numpy()
    if x is not None and not isinstance(x, NUMBER):
        raise TypeError("of another library")
    return x


def lent_or_none(x: Any) -> Any:
    """View a tensor as an array of NumPy; return None if it cannot be lent."""
    try:
        return _lent(x)
    except (RuntimeError, TypeError):
        return None


def _by_numpy(request: Any, orders: tuple[int, ...], arrays: Any, extras: Any) -> list[Any]:
    results = numpy.evaluate(request.lent(orders, arrays, extras))
    return [
        [_tensor(x) for x in result] if order else _tensor(result)
        for order, result in zip(orders, results, strict=True)
    ]


def _tensor(x: Any) -> Any:
    """View a result of NumPy, or both of two sums, as a tensor."""
    return tuple(map(_tensor, x)) if isinstance(x, tuple) else torch.from_numpy(np.asarray(x))


class _Lent(torch.autograd.Function):  # type: ignore[misc]
    """A loss whose gradient is computed together with its value, in one pass."""

    @staticmethod
    def forward(ctx: Any, given: tuple[Any, ...], *predictions: Any) -> torch.Tensor:
        """Evaluate value and gradient."""
        ctx.request, ctx.chosen, lent, extras = given
        value, ctx.gradients = _by_numpy(ctx.request, (0, 1), lent, extras)
        ctx.save_for_backward(*predictions)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[Any, ...]:
        """Return the gradients; compute them again for a second pass or for their derivatives."""
        gradients, ctx.gradients = ctx.gradients, None
        if torch.is_grad_enabled():
            gradients = _differentiable(ctx, upstream)
        else:
            if gradients is None:
                gradients = _again(ctx)
            if not _is_one(upstream):
                gradients = [gradient * upstream for gradient in gradients]
        return None, *gradients


def _arrays(ctx: Any) -> list[Any]:
    """Return the arguments, with the predictions that autograd saved."""
    saved = dict(zip(ctx.chosen, ctx.saved_tensors, strict=True))
    return [saved.get(i, x) for i, x in enumerate(ctx.request.arrays)]


def _again(ctx: Any) -> list[torch.Tensor]:
    """Compute the gradients again."""
    request, chosen = ctx.request, ctx.chosen
    lent = [_lent(x, i in chosen) for i, x in enumerate(_arrays(ctx))]
    extras = {key: _lent(x) for key, x in request.extras.items()}
    (gradients,) = _by_numpy(request, (1,), lent, extras)
    return list(gradients)


def _differentiable(ctx: Any, upstream: torch.Tensor) -> list[Any]:
    """Compute the gradients in operations of torch, which autograd can differentiate."""
    request = ctx.request.with_arrays(_arrays(ctx), ctx.request.extras)
    (value,) = request.whole(request.bind())
    wanted = [x for x in ctx.saved_tensors if x.requires_grad]
    made = iter(torch.autograd.grad(value, wanted, upstream, create_graph=True))
    return [next(made) if x.requires_grad else None for x in ctx.saved_tensors]


def _is_one(upstream: torch.Tensor) -> bool:
    """Return whether the loss ends the graph: then the gradient needs no factor."""
    try:
        return bool(upstream.item() == 1)
    except RuntimeError:  # several gradients at once, from vmap
        return False
