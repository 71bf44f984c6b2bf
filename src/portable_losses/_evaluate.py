"""Evaluation: NumPy arrays in blocks that stay in the cache, the arrays of every other library at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import nan, prod
from typing import Any, NoReturn

import numpy as np
from annotated_types import Interval

from ._blocks import Index, block_size, blocks, core_in_front, flattened, laid_out, reduced_index
from ._domains import all_inside, inside, refuse, validating
from ._namespace import numpy
from ._prepare import Call, prepare
from ._reduce import (
    block_sum,
    block_sum_over,
    cast,
    converted,
    converted_target,
    reduced,
    scaled,
    weigh,
    with_labels_inside,
    without_left_out,
)
from ._signature import Signature
from .typing import Array, Domain

Orders = tuple[int, ...]
"""What to evaluate: 0 the value, 1 the derivative, 2 the second derivative."""

Compute = Callable[..., Sequence[Any]]
"""The formulas: from a namespace, the position of the core and the arrays to one result for each order."""

_WEIGHTS = Domain("weights from 0 upwards", interval=Interval(ge=0.0), hint="leave elements out with `where`")


def evaluate(
    signature: Signature, compute: Compute, orders: Orders, arguments: Sequence[Any], options: Mapping[str, Any]
) -> list[Any]:
    """Evaluate a loss: for each order the reduced value, or a list of gradients."""
    call = prepare(signature, arguments, options)
    return (_in_blocks if call.xp is numpy else _at_once)(call, compute, orders)


def _head(call: Call) -> tuple[Any, ...]:
    """Give what a formula is handed before its arrays: the position of its core axes, if it has any."""
    if call.core == 0:
        return ()
    return (-1,) if call.core == 1 else (tuple(range(-call.core, 0)),)


def _at_once(call: Call, compute: Compute, orders: Orders) -> list[Any]:
    """Evaluate the formula once, as it stands: lazy and traced arrays are fused by their own compilers."""
    xp = call.xp
    arrays = converted(call, call.arrays)
    weight = weigh(call, arrays[-1], call.weights, call.where)
    arrays, stray = with_labels_inside(call, without_left_out(call, arrays, weight))
    one_of_each = arrays[0][(..., *(0,) * call.core)]
    results: list[Any] = []
    for order, result in zip(orders, compute(orders, xp, _head(call), arrays, call.parameters), strict=True):
        if order == 0:
            value = result if stray is None else xp.where(stray, xp.full_like(result, nan), result)
            results.append(cast(xp, reduced(call, value, weight), call.results[0]))
            continue
        gradients = []
        for i, derivative in enumerate(result):
            place = call.places[i]
            if stray is not None:
                outside = stray[(..., *(None,) * len(place))]
                derivative = xp.where(outside, xp.full_like(derivative, nan), derivative)
            gradient = cast(xp, scaled(call, derivative, one_of_each, weight, len(place)), call.results[i])
            gradients.append(xp.moveaxis(gradient, tuple(range(-len(place), 0)), place) if place else gradient)
        results.append(gradients)
    return results


@np.errstate(all="ignore")
def _in_blocks(call: Call, compute: Compute, orders: Orders) -> list[Any]:
    """Evaluate block by block: values are looked at, evaluated and added up, gradients written, while they are in the cache."""
    views = _Views(call, orders)
    axes = tuple(range(len(views.loop))) if call.axis is None else call.axis
    kept = tuple(1 if i in axes else n for i, n in enumerate(views.loop))
    total: Any = 0.0 if call.axis is None else np.zeros(kept, np.result_type(call.dtype, np.float64))
    count: Any = prod(views.loop[i] for i in axes)
    share: Any = max(count, 1)
    if call.reduction == "mean" and views.weighted:
        count = np.zeros(kept, np.result_type(call.dtype, np.float64))
        for index in views.blocks():
            count[reduced_index(index, axes)] += block_sum_over(views.weight(index), axes)
        share = np.where(count == 0, 1, count).astype(call.dtype)
    head: tuple[Any, ...] = _head(call)
    for index in views.blocks():
        weight = views.weight(index) if views.weighted else None
        arrays, stray = views.arrays(index, weight)
        if call.core == 1:
            head, arrays = laid_out(arrays, call.places)
        computed = compute(orders, numpy, head, arrays, call.parameters)
        for order, result, outputs in zip(orders, computed, views.outputs, strict=True):
            if order == 0:
                value = result if stray is None else np.where(stray, nan, result)
                if weight is not None:
                    value = value * weight
                if call.reduction == "none":
                    outputs[0][index] = value
                elif call.axis is None:
                    total += block_sum(value)
                else:
                    total[reduced_index(index, axes)] += block_sum_over(value, axes)
                continue
            for derivative, output, place in zip(result, outputs, call.places, strict=False):
                out, inner = output[index], (..., *(None,) * len(place))
                if place and head == (0,):
                    out, inner = core_in_front(out), (...,)
                if stray is not None:
                    derivative = np.where(stray[inner], nan, derivative)
                if weight is not None:
                    derivative = derivative * weight[inner]
                if call.reduction != "mean":
                    out[...] = derivative
                    continue
                divisor = share if isinstance(share, int) else share[reduced_index(index, axes)][inner]
                np.divide(derivative, divisor, out=out, casting="unsafe")
    if 0 in orders and call.reduction != "none":
        if call.reduction == "mean":
            total = np.divide(total, count)  # 0 / 0 is NaN, as it should be
        shape = [n for i, n in enumerate(call.loop) if call.axis is not None and i not in call.axis]
        views.results[orders.index(0)] = [np.asarray(total).reshape(shape).astype(call.results[0])]
    return [
        [array[()] for array in arrays] if order else arrays[0][()] for order, arrays in zip(orders, views.results, strict=True)
    ]


def _core_last(array: Array, place: tuple[int, ...]) -> Array:
    return np.moveaxis(array, place, range(-len(place), 0)) if place else array


def _as_given(array: Array, place: tuple[int, ...]) -> Array:
    return np.moveaxis(array, range(-len(place), 0), place) if place else array


class _Views:
    """The arrays of a call, and those that its results are written to, as views that are cut into blocks.

    Where no copy is needed for it, all loop axes are viewed as one.
    """

    def __init__(self, call: Call, orders: Orders) -> None:
        self.call = call
        self.results = [self._results(order) for order in orders]
        outputs = [
            [_core_last(x, place) for x, place in zip(arrays, call.places, strict=False)] if order else arrays
            for order, arrays in zip(orders, self.results, strict=True)
        ]
        given = (call.weights, call.where)
        modifiers = [x if x is None or x.shape == call.loop else np.broadcast_to(x, call.loop) for x in given]
        everything = [*call.arrays, *modifiers, *(x for arrays in outputs for x in arrays)]
        flat = flattened(everything, call.loop) if call.axis is None else None
        views, self.loop = flat or (everything, call.loop)
        number = len(call.arrays)
        self.raw: list[Array] = views[:number]
        self.weights: Array = views[number]
        self.where: Array = views[number + 1]
        rest = iter(views[number + 2 :])
        self.outputs = [[next(rest) for _ in arrays] for arrays in outputs]
        self.weighted = any(x is not None for x in (*given, call.class_weights, call.ignore_index))
        self.look = validating()
        if self.look and call.class_weights is not None and not all_inside(_WEIGHTS, call.class_weights, None):
            good = inside(_WEIGHTS, call.class_weights, None)
            refuse(call.signature.name, "class_weights", _WEIGHTS, call.class_weights, good)

    def _results(self, order: int) -> list[Array]:
        call = self.call
        if order == 0:
            return [np.empty(call.loop, call.results[0])] if call.reduction == "none" else []
        results = []
        for i, dtype in enumerate(call.results):
            array = _as_given(call.arrays[i], call.places[i])
            results.append(np.empty(array.shape, dtype, order="F" if array.flags.fnc else "C"))
        return results

    def blocks(self) -> Iterator[Index]:
        return blocks(self.loop, block_size(np.dtype(self.call.dtype), self.call.entries))

    def weight(self, index: Index) -> Array:
        weights, where = (None if x is None else x[index] for x in (self.weights, self.where))
        if self.look and weights is not None:
            kept = weights if where is None else np.where(where, weights, 0)
            if not all_inside(_WEIGHTS, kept, None):
                self._refuse_weights()
        weight: Array = weigh(self.call, converted_target(self.call, self.raw[-1][index]), weights, where)
        return np.broadcast_to(weight, self.raw[0][index].shape[: len(self.loop)])

    def arrays(self, index: Index, weight: Array | None) -> tuple[list[Array], Array | None]:
        """Read a block of the arrays, and say which labels name no class."""
        call = self.call
        arrays = without_left_out(call, converted(call, [x[index] for x in self.raw]), weight)
        if not self.look:
            return with_labels_inside(call, arrays)
        for i, domain in enumerate(call.domains):
            if not domain.unbounded and not all_inside(domain, arrays[i], call.classes):
                self._refuse(i)
        return arrays, None

    def _refuse_weights(self) -> NoReturn:
        call = self.call
        given: Array = call.weights
        bad = ~inside(_WEIGHTS, np.broadcast_to(given, call.loop), None)
        first = np.argwhere(bad if call.where is None else bad & call.where)[0][len(call.loop) - given.ndim :]
        good = np.ones(given.shape, dtype=bool)
        good[tuple(min(i, n - 1) for i, n in zip(first, given.shape, strict=True))] = False
        refuse(call.signature.name, "weights", _WEIGHTS, given, good)

    def _refuse(self, i: int) -> NoReturn:
        """Find the first offence in the whole array, as it was given."""
        call = self.call
        arrays = converted(call, call.arrays)
        weight = weigh(call, arrays[-1], call.weights, call.where)
        arrays = without_left_out(call, arrays, weight)
        values, good = call.arrays[i], inside(call.domains[i], arrays[i], call.classes)
        values, good = (_as_given(x, call.places[i]) for x in (values, good))
        refuse(call.signature.name, call.signature.arguments[i], call.domains[i], values, good)
