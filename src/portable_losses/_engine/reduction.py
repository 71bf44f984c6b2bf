"""Losses and gradients of a part of the arrays, and the reduction of the whole."""

from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Any

from .._numerics.elementwise import chained
from .._numerics.standard import known
from ..typing import Array
from .call import Call
from .formulas import Orders
from .proof import proved
from .shapes import spread
from .weights import Part, read_part


def whole(
    call: Call, orders: Orders, evaluated: Callable[..., list[Any]] | None = None
) -> list[Any]:
    """Evaluate a call at once: for each order the reduced value, or a list of gradients.

    `evaluated` takes the place of `losses_and_gradients`.
    """
    layout = call.layout
    if layout.void:
        return _of_nothing(call, orders)
    finish = layout.finish
    wanted = orders if finish is None or 0 in orders else (0, *orders)
    part = read_part(call, call.arrays, call.weights, call.where, call.sequences)
    divisor = 1 if orders == (0,) else _share_of_each(call, part)
    evaluated = evaluated or losses_and_gradients
    results = evaluated(call, wanted, part, call.sequences, divisor)
    slope = None
    for place, order in enumerate(wanted):
        if order:
            results[place] = _finished(call, results[place], slope)
            continue
        if layout.in_parts:
            results[place] = _parts(call, results[place], part.weight)
            continue
        value = _reduced(call, results[place], part.weight)
        if finish is not None:
            value, slope = finish(call.backend.xp, value)
        results[place] = call.backend.xp.cast(value, call.plan.result)
    return results if wanted is orders else results[1:]


def _of_nothing(call: Call, orders: Orders) -> list[Any]:
    """Return the results for rows without entries, such as a set of no samples: all are left out.

    The value depends on the predictions, for autodiff: its gradient is empty.
    """
    xp, layout, plan = call.backend.xp, call.layout, call.plan
    value = xp.sum(xp.cast(call.arrays[0], plan.dtype), axis=tuple(range(-plan.core, 0)))
    if layout.reduction != "none":
        value = xp.sum(value, axis=layout.axis)
    value = xp.cast(value * nan if layout.reduction == "mean" else value, plan.result)
    gradients = [xp.zeros_like(call.arrays[i]) for i in plan.signature.predicted]
    return [_finished(call, gradients, None) if order else value for order in orders]


def losses_and_gradients(
    call: Call, orders: Orders, part: Part, sequences: Mapping[str, Array], divisor: Any
) -> list[Any]:
    """Evaluate the formulas on a part: for each order losses times weights, or gradients.

    `divisor` divides the gradients: an int, or an array that broadcasts to the losses.
    """
    if call.plan.pulls and orders != (0,):
        share = _share(call, part, divisor)
        value, gradients = call.backend.pulled(call, share, part.arrays, sequences)
        return [gradients if order else _weighed(value, part) for order in orders]
    head, arrays = call.backend.laid_out(call, part.arrays)
    compute: Callable[..., list[Any]] = call.plan.proved.get(orders, proved)
    results = compute(call, orders, head, arrays, sequences)
    for place, order in enumerate(orders):
        if order:
            results[place] = _scaled(call, results[place], part, divisor, head)
        elif call.layout.weighted or part.doubt is not None:
            results[place] = _weighed(results[place], part)
    return results


def _weighed(losses: Array, part: Part) -> Array:
    """Return losses times their weights, NaN where a label is out of range."""
    if part.doubt is not None:
        losses = losses + part.doubt
    return losses if part.weight is None else losses * part.weight


def _scaled(
    call: Call, derivatives: Sequence[Array], part: Part, divisor: Any, head: Any
) -> list[Array]:
    """Return the gradients of the reduced loss: each derivative times its share in the result.

    Their core axes are last, like those of the arrays.
    """
    results = []
    mask = part.arrays[call.plan.mask] != 0 if call.plan.absent else None
    for i, derivative in zip(call.plan.signature.predicted, derivatives, strict=True):
        cores = len(call.layout.places[i])
        front = cores > 0 and head == (0,)
        inner = (...,) if front or not cores else (..., *(None,) * cores)
        first = part.arrays[0]
        if call.layout.scalars and derivative.shape != first.shape:
            derivative = spread(call.backend.xp, derivative, first, tuple(first.shape))
        if mask is not None and call.plan.cores[i] == call.plan.cores[0]:
            keep = call.backend.xp.moveaxis(mask, -1, 0) if front else mask
            derivative = call.backend.xp.where(keep, derivative, 0.0)
        if part.doubt is not None:
            derivative = derivative + part.doubt[inner]
        if part.weight is not None:
            derivative = derivative * part.weight[inner]
        if not isinstance(divisor, int):
            derivative = derivative / divisor[inner]
        elif divisor != 1:
            derivative = derivative / divisor
        results.append(call.backend.xp.moveaxis(derivative, 0, -1) if front else derivative)
    return results


def _share(call: Call, part: Part, divisor: Any) -> Array:
    """Return the share of each loss in the result; NaN where a label is out of range."""
    xp, first = call.backend.xp, part.arrays[0]
    share = xp.ones_like(first[(..., *(0,) * call.plan.core)])
    share = share / divisor if part.weight is None else share * part.weight / divisor
    return share if part.doubt is None else share + part.doubt


def _share_of_each(call: Call, part: Part) -> Any:
    """Return the divisor of a mean, the number of losses or the sum of weights; 1 if it is 0.

    A compiler may have a symbol for the number, which is no int; then the losses are counted.
    """
    layout = call.layout
    if layout.reduction != "mean":
        return 1
    if part.weight is None and isinstance(layout.count, int):
        return layout.count or 1
    xp, losses = call.backend.xp, part.arrays[0][(..., *(0,) * call.plan.core)]
    count = _count(call, losses, part.weight, keepdims=True)
    return xp.cast(xp.where(count == 0, xp.ones_like(count), count), call.plan.dtype)


def _reduced(call: Call, value: Array, weight: Array | None) -> Array:
    """Reduce all losses, already multiplied by their weights."""
    layout = call.layout
    if layout.reduction == "none":
        return value
    total = call.backend.total(value, layout.axis)
    if layout.reduction == "sum":
        return total
    if weight is None and layout.count is not None:
        return total / layout.count if layout.count else total * nan
    return call.backend.xp.mean_of(total, _count(call, value, weight))


def _parts(call: Call, value: Array, weight: Array | None) -> tuple[Array, Array]:
    """Add up the losses, already multiplied by their weights, and the weights."""
    total = call.backend.total(value, call.layout.axis)
    count = _count(call, value, weight)
    xp = call.backend.xp
    wide = xp.wide_dtype(value)
    count = xp.full_like(total, count, dtype=wide) if isinstance(count, int) else count
    return xp.cast(total, wide), xp.cast(count, wide)


def _count(call: Call, losses: Array, weight: Array | None, keepdims: bool = False) -> Any:
    """Sum the weights; without weights count the losses, if their number is not known."""
    if weight is None or weight.shape != losses.shape:
        ones = call.backend.xp.ones_like(losses)
        weight = ones if weight is None else ones * weight
    count = call.backend.total(weight, call.layout.axis, keepdims)
    call.backend.check_count(call, count)
    return count


def _finished(call: Call, gradients: list[Array], slope: Array | None) -> list[Array]:
    """Convert gradients to the shapes, axis orders and dtypes of the predictions."""
    xp = call.backend.xp
    results = []
    for i, gradient, own, dtype in zip(
        call.plan.signature.predicted, gradients, call.layout.shared, call.plan.results, strict=True
    ):
        place = call.layout.places[i]
        if slope is not None:
            gradient = _chained(call, gradient, slope, len(place))
        if own is not None:
            gradient = gathered(call, gradient, own)
        results.append(as_given(call, i, xp.cast(gradient, dtype)))
    return results


def as_given(call: Call, i: int, gradient: Array) -> Array:
    """Move the core axes of a gradient to the positions in its prediction."""
    xp, place, merge = call.backend.xp, call.layout.places[i], call.layout.merges[i]
    last = tuple(range(gradient.ndim - len(place), gradient.ndim))
    if place and place != last and place != tuple(range(-len(place), 0)):
        gradient = xp.moveaxis(gradient, last, place)
    return gradient if merge is None else merge.undone(xp, gradient)


def _chained(call: Call, gradient: Array, slope: Array, cores: int) -> Array:
    """Multiply a gradient by the derivative of a function of the reduced loss; 0 stays 0."""
    xp, layout = call.backend.xp, call.layout
    if layout.reduction != "none" and layout.axis is not None:
        index = tuple(None if i in layout.axis else slice(None) for i in range(len(layout.loop)))
        slope = slope[index]
    if slope.ndim:
        slope = slope[(..., *(None,) * cores)]
    return chained(xp, gradient, slope)


def gathered(call: Call, gradient: Array, own: tuple[int, ...]) -> Array:
    """Add up a gradient over the losses that share a number, in the shape of the numbers."""
    axes = shared_axes(own, len(call.layout.loop))
    total = call.backend.total(gradient, axes, keepdims=True)
    return total[(*(0,) * (len(call.layout.loop) - len(own)), ...)]


def shared_axes(own: tuple[int, ...], loops: int) -> tuple[int, ...]:
    """Return the loop axes along which the numbers of a given shape are shared."""
    lead = loops - len(own)
    return (*range(lead), *(lead + i for i, size in enumerate(own) if known(size) and size == 1))
