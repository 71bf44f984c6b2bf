"""Evaluation: NumPy arrays in blocks that stay in the cache, the arrays of every other library at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._blockwise import head, in_blocks
from ._namespace import cast, numpy
from ._prepare import Call, prepare
from ._reduce import (
    chained,
    converted,
    doubt,
    gathered,
    reduced,
    scaled,
    weigh,
    with_labels_inside,
    without_left_out,
)
from ._signature import Signature
from .typing import Array, Namespace

Orders = tuple[int, ...]
"""What to evaluate: 0 the value, 1 the derivative, 2 the second derivative."""

Compute = Callable[..., Sequence[Any]]
"""The formulas: from a namespace, the position of the core and the arrays to one result for each order.

Where rows share what is predicted, it is handed the share of each row in the result as well, and
adds up its gradients itself.
"""

Finish = Callable[[Namespace, Array], tuple[Array, Array]]
"""From the reduced loss to what a function makes of it, and the derivative of that function."""


def evaluate(
    signature: Signature,
    compute: Compute,
    orders: Orders,
    finish: Finish | None,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
) -> list[Any]:
    """Evaluate a loss: for each order the reduced value, or a list of gradients."""
    call = prepare(signature, arguments, options)
    if finish is not None and 2 in orders:
        raise NotImplementedError(
            f"{signature.name} is a function of the reduced loss: its second derivative is a matrix, and every entry depends on "
            "all predictions"
        )
    if signature.pulls and 2 in orders:
        raise NotImplementedError(
            f"{signature.name} has no second derivative: every row has one with respect to what all of them share, and they are "
            "not added up"
        )
    wanted = len(orders)
    if finish is not None and 0 not in orders:
        orders = (0, *orders)  # which the derivative of the function is taken at
    results = (in_blocks if call.xp is numpy else _at_once)(call, compute, orders, finish)[-wanted:]
    if any(call.merges):
        for order, result in zip(orders[-wanted:], results, strict=True):
            if order:
                merges = [call.merges[i] for i in signature.predicted]
                result[:] = [
                    gradient if merge is None else merge.undone(call.xp, gradient)
                    for gradient, merge in zip(result, merges, strict=True)
                ]
    return results


def _at_once(call: Call, compute: Compute, orders: Orders, finish: Finish | None) -> list[Any]:
    """Evaluate the formula once, as it stands: lazy and traced arrays are fused by their own compilers."""
    xp, signature = call.xp, call.signature
    arrays = converted(call, call.arrays)
    weight = weigh(call, arrays[signature.target], call.weights, call.where)
    arrays, stray = with_labels_inside(call, without_left_out(call, arrays, weight))
    unsure = None if stray is None else doubt(call, stray)
    one_of_each = arrays[0][(..., *(0,) * call.core)]
    slope = None
    results: list[Any] = []
    parameters = {**call.parameters, **call.sequences}
    pulled = {}
    if signature.pulls and any(orders):
        share = scaled(call, xp.ones_like(one_of_each), one_of_each, weight, 0)
        pulled["share"] = share if unsure is None else share + unsure
    computed = None
    if not pulled and hasattr(xp, "in_chunks"):
        computed = xp.in_chunks(call, compute, orders, arrays, parameters)
    if computed is None:
        computed = compute(orders, xp, head(call), arrays, parameters, **pulled)
    for order, result in zip(orders, computed, strict=True):
        if order == 0:
            value = result if unsure is None else result + unsure
            value = reduced(call, value, weight)
            if finish is not None:
                value, slope = finish(xp, value)
            results.append(cast(xp, value, call.result))
            continue
        gradients = []
        for i, gradient, own, dtype in zip(
            signature.predicted, result, call.shared, call.results, strict=True
        ):
            place = call.places[i]
            if not pulled:
                gradient = _share_of(call, gradient, unsure, one_of_each, weight, len(place))
            if slope is not None:
                gradient = chained(call, gradient, slope, len(place))
            if own is not None:
                gradient = gathered(call, gradient, own)
            gradient = cast(xp, gradient, dtype)
            gradients.append(
                xp.moveaxis(gradient, tuple(range(-len(place), 0)), place) if place else gradient
            )
        results.append(gradients)
    return results


def _share_of(
    call: Call,
    derivative: Array,
    unsure: Array | None,
    like: Array,
    weight: Array | None,
    cores: int,
) -> Array:
    """Return the gradient of the reduced loss, NaN where a label names no class."""
    if unsure is not None:
        derivative = derivative + unsure[(..., *(None,) * cores)]
    return scaled(call, derivative, like, weight, cores)
