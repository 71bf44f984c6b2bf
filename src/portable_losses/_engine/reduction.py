"""Losses and gradients of a part, and the reduction of the whole."""

from collections.abc import Mapping
from math import nan, prod
from typing import Any

from .._numerics.standard import known
from ..typing import Array
from .call import Call
from .formulas import Orders
from .weights import Part, read_part


def whole(call: Call, orders: Orders) -> list[Any]:
    """Evaluate a call at once: for each order the reduced value, or a list of gradients."""
    finish = call.finish
    wanted = orders if finish is None or 0 in orders else (0, *orders)
    part = read_part(call, call.arrays, call.weights, call.where)
    divisor = _share_of_each(call, part) if any(orders) else 1
    results = losses_and_gradients(call, wanted, part, call.sequences, divisor)
    slope = None
    for place, order in enumerate(wanted):
        if order == 0:
            value = _reduced(call, results[place], part.weight)
            if finish is not None:
                value, slope = finish(call.backend.xp, value)
            results[place] = call.backend.xp.cast(value, call.plan.result)
        else:
            results[place] = _finished(call, results[place], slope)
    return results[len(wanted) - len(orders) :]


def losses_and_gradients(
    call: Call, orders: Orders, part: Part, sequences: Mapping[str, Array], divisor: Any
) -> list[Any]:
    """Evaluate the formulas on a part: for each order losses times weights, or gradients.

    `divisor` divides the gradients: an int, or an array that broadcasts to the losses.
    """
    xp, signature = call.backend.xp, call.plan.signature
    if call.pulls and any(orders):
        share = _share(call, part, divisor)
        value, gradients = call.pulled(share, part.arrays, sequences)
        computed: list[Any] = [list(gradients) if order else value for order in orders]
    else:
        head, arrays = call.backend.laid_out(call, part.arrays)
        computed = call.backend.compute(call, orders, head, arrays, sequences)
        front = head == (0,)
    results: list[Any] = []
    for order, result in zip(orders, computed, strict=True):
        if order == 0:
            value = result if part.doubt is None else result + part.doubt
            results.append(value if part.weight is None else value * part.weight)
        elif call.pulls:
            results.append(result)
        else:
            cores = (len(call.places[i]) for i in signature.predicted)
            each = zip(result, cores, strict=True)
            results.append([_scaled(xp, x, part, divisor, n, front) for x, n in each])
    return results


def _scaled(xp: Any, derivative: Array, part: Part, divisor: Any, cores: int, front: bool) -> Array:
    """Return the gradient of the reduced loss: each derivative times its share in the result."""
    front = front and cores > 0
    inner = (...,) if front else (..., *(None,) * cores)
    if part.doubt is not None:
        derivative = derivative + part.doubt[inner]
    if part.weight is not None:
        derivative = derivative * part.weight[inner]
    if isinstance(divisor, int):
        derivative = derivative / divisor if divisor != 1 else derivative
    else:
        derivative = derivative / divisor[inner]
    return xp.moveaxis(derivative, 0, -1) if front else derivative


def _share(call: Call, part: Part, divisor: Any) -> Array:
    """Return the share of each loss in the result; NaN where a label names no class."""
    xp, first = call.backend.xp, part.arrays[0]
    share = xp.ones_like(first[(..., *(0,) * call.plan.core)])
    share = share / divisor if part.weight is None else share * part.weight / divisor
    return share if part.doubt is None else share + part.doubt


def _share_of_each(call: Call, part: Part) -> Any:
    """Return the number, or the sum of the weights, that a mean divides by; 1 where it is 0."""
    if call.reduction != "mean":
        return 1
    losses = part.arrays[0][(..., *(0,) * call.plan.core)]
    count = _count(call, losses, part.weight, keepdims=True)
    if isinstance(count, int):
        return count or 1
    xp = call.backend.xp
    return xp.cast(xp.where(count == 0, xp.ones_like(count), count), call.plan.dtype)


def _reduced(call: Call, value: Array, weight: Array | None) -> Array:
    """Reduce the losses of the whole, which are multiplied by their weights."""
    if call.reduction == "none":
        return value
    total = call.backend.total(value, call.axis)
    if call.reduction == "sum":
        return total
    count = _count(call, value, weight)
    if isinstance(count, int):
        return total / count if count else total * nan
    # The gradient of 0 / 0 is NaN, and NaN * 0 would reach the elements that are left out.
    xp = call.backend.xp
    nothing = count == 0
    mean = total / xp.where(nothing, xp.ones_like(count), count)
    return xp.where(nothing, xp.full_like(mean, nan), mean)


def _count(call: Call, losses: Array, weight: Array | None, keepdims: bool = False) -> Any:
    """Sum the weights; without weights count the losses, as an int where the shape is known."""
    sizes = call.loop if call.axis is None else [call.loop[i] for i in call.axis]
    if weight is None and all(map(known, sizes)):
        return prod(sizes)
    ones = call.backend.xp.ones_like(losses)
    return call.backend.total(ones if weight is None else ones * weight, call.axis, keepdims)


def _finished(call: Call, gradients: list[Array], slope: Array | None) -> list[Array]:
    """Bring gradients into the shapes, orders of axes and dtypes of the predictions."""
    xp = call.backend.xp
    results = []
    for i, gradient, own, dtype in zip(
        call.plan.signature.predicted, gradients, call.shared, call.plan.results, strict=True
    ):
        place = call.places[i]
        if slope is not None:
            gradient = _chained(call, gradient, slope, len(place))
        if own is not None:
            gradient = gathered(call, gradient, own)
        results.append(as_given(call, i, xp.cast(gradient, dtype)))
    return results


def as_given(call: Call, i: int, gradient: Array) -> Array:
    """Move the core axes of a gradient to where those of its prediction were."""
    xp, place, merge = call.backend.xp, call.places[i], call.merges[i]
    last = tuple(range(gradient.ndim - len(place), gradient.ndim))
    if place and place != last and place != tuple(range(-len(place), 0)):
        gradient = xp.moveaxis(gradient, last, place)
    return gradient if merge is None else merge.undone(xp, gradient)


def _chained(call: Call, gradient: Array, slope: Array, cores: int) -> Array:
    """Multiply a gradient by the derivative of a function of the reduced loss; 0 stays 0."""
    xp = call.backend.xp
    if call.reduction != "none" and call.axis is not None:
        index = tuple(None if i in call.axis else slice(None) for i in range(len(call.loop)))
        slope = slope[index]
    if slope.ndim:
        slope = slope[(..., *(None,) * cores)]
    still = gradient == 0
    return xp.where(still, gradient, gradient * xp.where(still, xp.ones_like(slope), slope))


def gathered(call: Call, gradient: Array, own: tuple[int, ...]) -> Array:
    """Add up a gradient over the losses that shared a number, in the shape of the numbers."""
    xp = call.backend.xp
    axes = shared_axes(own, len(call.loop))
    total = xp.sum(gradient, axis=axes, keepdims=True, dtype=xp.wide_dtype(gradient))
    return total[(*(0,) * (len(call.loop) - len(own)), ...)]


def shared_axes(own: tuple[int, ...], loops: int) -> tuple[int, ...]:
    """Return the loop axes along which numbers are shared that came in a shape of their own."""
    lead = loops - len(own)
    return (*range(lead), *(lead + i for i, size in enumerate(own) if known(size) and size == 1))
