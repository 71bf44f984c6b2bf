"""Weights, masks and reductions: one meaning, for a block and for the whole alike."""

from math import isfinite, nan, prod
from typing import Any

import numpy as np

from ._namespace import cast, default_dtype, name_of, pick, places, wide_dtype
from ._prepare import Call
from ._shapes import known
from .typing import Array, Domain

_FEW = 32
"""So few numbers are added up by Python in less time than a NumPy reduction takes to start."""

_FOLD_DOWN_TO = 4096


def converted(call: Call, raw: list[Array]) -> list[Array]:
    """Convert the arrays (a block of them, or the whole) to the dtype of the evaluation, labels to that of indices."""
    return [_converted(call, x, domain) for x, domain in zip(raw, call.domains, strict=True)]


def converted_target(call: Call, raw: Array) -> Array:
    """Convert the target alone, which is all that weights depend on."""
    return _converted(call, raw, call.domains[call.signature.target])


def _converted(call: Call, array: Array, domain: Domain) -> Array:
    return cast(
        call.xp, array, default_dtype(call.xp, array, "indexing") if domain.integer else call.dtype
    )


def weigh(call: Call, target: Array, weights: Array | None, where: Array | None) -> Array | None:
    """Return the weight of each loss, 0 for what is left out; None where all count alike."""
    xp = call.xp
    if call.ignore_index is not None:
        kept = target != call.ignore_index
        where = kept if where is None else where & kept
    weight = None if weights is None else cast(xp, weights, call.dtype)
    if call.class_weights is not None:
        of_class = _class_weight(call, target)
        weight = of_class if weight is None else weight * of_class
    if where is not None:
        some = xp.ones_like(where, dtype=call.dtype) if weight is None else weight
        weight = xp.where(where, some, xp.zeros_like(some))
    return weight


def _class_weight(call: Call, target: Array) -> Array:
    xp = call.xp
    class_weights = cast(xp, call.class_weights, call.dtype)
    if not call.domains[call.signature.target].labels:
        return xp.sum(target * class_weights, axis=-1)
    label = xp.where(
        strayed(call, call.domains[call.signature.target], target) == 0,
        target,
        xp.zeros_like(target),
    )
    return pick(
        xp, xp.broadcast_to(class_weights, (*label.shape, class_weights.shape[0])), label, -1
    )


def strayed(call: Call, domain: Domain, values: Array) -> Array:
    """Return 1 for labels that name no class, or lengths longer than what they measure, and 0 for all others."""
    limit, xp = call.limit(domain), call.xp
    assert limit is not None
    far = xp.abs(xp.clip(values, -1, limit) - xp.clip(values, 0, limit - 1))
    return far if domain.excluded is None else far + xp.astype(values == domain.excluded, far.dtype)


def doubt(call: Call, stray: Array) -> Array:
    """Return NaN for what has strayed, and 0 elsewhere: what is to be added to it.

    On JAX as the root of a negative number: with a comparison XLA takes three times as long for the
    losses of rows.
    """
    xp, stray = call.xp, cast(call.xp, stray, call.dtype)
    if name_of(xp) == "jax.numpy":
        return xp.sqrt(-stray)
    return xp.where(stray == 0, stray, xp.full_like(stray, nan))


def beyond(call: Call, i: int, arrays: list[Array]) -> Array | None:
    """Return which entries of an array lie beyond the lengths that another says, None where it has no such lengths."""
    until = call.domains[i].until
    if until not in call.signature.arguments:
        return None
    cores = len(call.places[i])
    length = arrays[call.signature.arguments.index(until)][(..., *(None,) * cores)]
    return places(call.xp, -cores, arrays[i]) >= length


def without_left_out(call: Call, arrays: list[Array], weight: Array | None) -> list[Array]:
    """Put a value inside the domain in place of what is left out: by the mask, by its label, or by a weight of 0.

    To multiply the loss by 0 would not do: 0 * inf and 0 * NaN are NaN, in the value and in the
    derivative.
    """
    if weight is None:
        return arrays
    xp = call.xp
    keep = weight != 0
    return [
        x
        if i in call.signature.common
        else xp.where(
            keep[(..., *(None,) * len(place))],
            x,
            xp.full_like(x, int(domain.safe) if domain.integer else domain.safe),
        )
        for i, (x, domain, place) in enumerate(zip(arrays, call.domains, call.places, strict=True))
    ]


def with_labels_inside(call: Call, arrays: list[Array]) -> tuple[list[Array], Array | None]:
    """Put label 0 in place of labels that name no class, and say where: there the result is NaN, but for what is beyond lengths.

    Left to the libraries a stray label raises, wraps around, is clamped, or reads what lies beyond.
    So it is with lengths.
    """
    stray = None
    inside = list(arrays)
    for i, domain in enumerate(call.domains):
        if domain.integer and call.limit(domain) is not None:
            outside = strayed(call, domain, arrays[i])
            inside[i] = call.xp.where(outside == 0, arrays[i], call.xp.zeros_like(arrays[i]))
            unseen = beyond(call, i, arrays)
            if unseen is not None:
                outside = call.xp.where(unseen, call.xp.zeros_like(outside), outside)
            if call.places[i]:
                some = call.xp.any(outside != 0, axis=tuple(range(-len(call.places[i]), 0)))
                outside = cast(call.xp, some, outside.dtype)
            stray = outside if stray is None else stray + outside
    return inside, stray


def reduced(call: Call, value: Array, weight: Array | None) -> Array:
    """Reduce the losses of the whole."""
    xp = call.xp
    if weight is not None:
        value = value * weight
    if call.reduction == "none":
        return value
    total = _total(call, value)
    if call.reduction == "sum":
        return total
    count = _count(call, value, weight)
    if isinstance(count, int):
        return total / count if count else total * nan
    # The gradient of 0/0 is NaN, and NaN * 0 is what would reach the elements left out: divide by
    # 1, then put NaN.
    nothing = count == 0
    return xp.where(
        nothing, xp.full_like(total, nan), total / xp.where(nothing, xp.ones_like(count), count)
    )


def scaled(call: Call, derivative: Array, value: Array, weight: Array | None, cores: int) -> Array:
    """Return the gradient of the reduced loss: the derivative of each loss times its share in the result."""
    xp = call.xp
    inner = (None,) * cores
    if weight is not None:
        derivative = derivative * weight[(..., *inner)]
    if call.reduction != "mean":
        return derivative
    count = _count(call, value, weight, keepdims=True)
    if isinstance(count, int):
        return derivative / max(count, 1)
    return derivative / xp.where(count == 0, xp.ones_like(count), count)[(..., *inner)]


def chained(call: Call, gradient: Array, slope: Array, cores: int) -> Array:
    """Multiply a gradient by the derivative of a function of the reduced loss; what is 0 stays 0, be that inf or NaN."""
    xp = call.xp
    if call.reduction != "none" and call.axis is not None:
        slope = slope[tuple(None if i in call.axis else slice(None) for i in range(len(call.loop)))]
    if slope.ndim:
        slope = slope[(..., *(None,) * cores)]
    still = gradient == 0
    return xp.where(still, gradient, gradient * xp.where(still, xp.ones_like(slope), slope))


def gathered(call: Call, gradient: Array, own: tuple[int, ...]) -> Array:
    """Add up a gradient over the losses that shared a number, which gives it the shape that the numbers came in."""
    xp = call.xp
    axes = shared_axes(own, len(call.loop))
    total = xp.sum(gradient, axis=axes, keepdims=True, dtype=wide_dtype(xp, gradient))
    return total[(*(0,) * (len(call.loop) - len(own)), ...)]


def shared_axes(own: tuple[int, ...], loops: int) -> tuple[int, ...]:
    """Return the loop axes along which numbers are shared that came in a shape of their own."""
    lead = loops - len(own)
    return (*range(lead), *(lead + i for i, size in enumerate(own) if known(size) and size == 1))


def _count(call: Call, value: Array, weight: Array | None, keepdims: bool = False) -> Any:
    """Sum the weights; without weights count the losses, as a Python number where the shape is known."""
    sizes = call.loop if call.axis is None else [call.loop[i] for i in call.axis]
    if weight is None and all(map(known, sizes)):
        return prod(sizes)
    ones = call.xp.ones_like(value)
    return _total(call, ones if weight is None else ones * weight, keepdims)


def _total(call: Call, value: Array, keepdims: bool = False) -> Array:
    """Add up the losses of the whole, float32 in float64 where the device has it: compilers convert and add in one pass."""
    wide = wide_dtype(call.xp, value) if value.dtype == call.xp.float32 else None
    return call.xp.sum(value, axis=call.axis, keepdims=keepdims, dtype=wide)


def block_sum(values: Array) -> Any:
    """Add up a NumPy block, float32 in float64.

    A sum in float32 loses digits, and a cast of the whole block costs as much as a loss. So the
    block is first folded in half a few times, which is exact for equal values and rounds others
    once a fold; the rest is cast.
    """
    if values.size <= _FEW:
        return sum(values.ravel().tolist())
    if values.dtype != np.float32:
        return np.add.reduce(values, axis=None)
    folded = values.reshape(-1)
    out = None  # the first fold needs an array of its own, which the next ones work in
    while folded.size > _FOLD_DOWN_TO and folded.size % 2 == 0:
        half = folded.size // 2
        folded = np.add(folded[:half], folded[half:], out=None if out is None else out[:half])
        out = folded
    total = np.add.reduce(folded, dtype=np.float64)
    if isfinite(total):
        return total
    # a fold may overflow where the sum does not
    return np.add.reduce(values, axis=None, dtype=np.float64)


def block_sum_over(values: Array, axes: tuple[int, ...]) -> Array:
    """Add up a NumPy block over some of its axes, which stay with size 1, float32 in float64."""
    return np.add.reduce(
        values, axis=axes, dtype=np.result_type(values.dtype, np.float64), keepdims=True
    )
