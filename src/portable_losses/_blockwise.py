"""NumPy arrays in blocks: looked at, evaluated, added up, and their gradients written, while they are in the cache."""

from collections.abc import Callable, Iterator
from math import nan, prod
from typing import Any, NoReturn

import numpy as np
from annotated_types import Interval

from ._blocks import Index, block_size, blocks, core_in_front, flattened, laid_out, reduced_index
from ._domains import all_inside, inside, refuse, validating
from ._namespace import numpy
from ._prepare import Call
from ._reduce import (
    beyond,
    block_sum,
    block_sum_over,
    converted,
    converted_target,
    shared_axes,
    weigh,
    with_labels_inside,
    without_left_out,
)
from ._workers import in_order
from .typing import Array, Domain

_MANY = 512
"""So many rows at a time where what is predicted is shared by all: the sum of its gradients takes a pass over all of it."""

_WEIGHTS = Domain(
    "weights from 0 upwards", interval=Interval(ge=0.0), hint="leave elements out with `where`"
)


def head(call: Call) -> tuple[Any, ...]:
    """Return what a formula is handed before its arrays: the position of its core axes, if it ever has any."""
    if not call.signature.core:
        return ()
    if call.core == 0:
        return (None,)
    return (-1,) if call.core == 1 else (tuple(range(-call.core, 0)),)


@np.errstate(all="ignore")
def in_blocks(
    call: Call,
    compute: Callable[..., Any],
    orders: tuple[int, ...],
    finish: Callable[..., Any] | None,
) -> list[Any]:
    """Evaluate block by block; see `_evaluate.evaluate`.

    A function of the reduced loss takes two passes: its gradients need the reduced loss.
    """
    if finish is None:
        return [
            _final(call, order, x)
            for order, x in zip(orders, _results(call, compute, orders, call.result), strict=True)
        ]
    (reduced,) = _results(call, compute, (0,), np.result_type(call.dtype, np.float64))[0]
    value, slope = finish(numpy, reduced)
    rest = tuple(order for order in orders if order)
    if call.reduction != "none" and call.axis is not None:
        slope = np.expand_dims(slope, call.axis)
    gradients = (
        _results(call, compute, rest, call.result, np.broadcast_to(slope, call.loop))
        if rest
        else []
    )
    return [
        _final(call, order, x) for order, x in zip((0, *rest), ([value], *gradients), strict=True)
    ]


def _results(
    call: Call,
    compute: Callable[..., Any],
    orders: tuple[int, ...],
    dtype: Any,
    slope: Array | None = None,
) -> list[list[Array]]:
    """Evaluate the losses, in a dtype, or their reduction, and the gradients; `slope`, for each loss, multiplies those."""
    views = _Views(call, orders, dtype, slope)
    axes = tuple(range(len(views.loop))) if call.axis is None else call.axis
    kept = tuple(1 if i in axes else n for i, n in enumerate(views.loop))
    wide = np.result_type(call.dtype, np.float64)
    total = np.zeros(() if call.axis is None else kept, wide)
    count: Any = prod(views.loop[i] for i in axes)
    share: Any = max(count, 1)

    def weight_of(index: Index) -> tuple[Index, Array]:
        return reduced_index(index, axes), block_sum_over(views.weight(index), axes)

    def evaluated(index: Index) -> list[tuple[Array, Index, Any]]:
        """Write the results of a block that are its own, and give what is to be added to others, and where."""
        weight = views.weight(index) if views.weighted else None
        arrays, stray = views.arrays(index, weight)
        layout = head(call)
        if call.core == 1 and not call.signature.common:
            layout, arrays = laid_out(arrays, call.places)
        divisor: Any = 1
        if call.reduction == "mean":
            divisor = share if isinstance(share, int) else share[reduced_index(index, axes)]
        pulled = {}
        if call.signature.pulls and any(orders):
            pulled["share"] = views.share(index, stray, weight, divisor)
        sums: list[tuple[Array, Index, Any]] = []
        computed = compute(
            orders,
            numpy,
            layout,
            arrays,
            {**call.parameters, **views.sequences_of(index)},
            **pulled,
        )
        for order, result, outputs in zip(orders, computed, views.outputs, strict=True):
            if order == 0:
                value = result if stray is None else np.where(stray, nan, result)
                if weight is not None:
                    value = value * weight
                if call.reduction == "none":
                    outputs[0][index] = value
                elif call.axis is None:
                    sums.append((total, (), block_sum(value)))
                else:
                    sums.append((total, reduced_index(index, axes), block_sum_over(value, axes)))
                continue
            for i, own, derivative, output in zip(
                call.signature.predicted, call.shared, result, outputs, strict=True
            ):
                if i in call.signature.common:
                    sums.append((output, (), derivative))
                    continue
                if pulled:
                    output[index] = derivative
                    continue
                place = call.places[i]
                front = bool(place) and layout == (0,)
                inner: tuple[Any, ...] = (...,) if front else (..., *(None,) * len(place))
                if stray is not None:
                    derivative = np.where(stray[inner], nan, derivative)
                if weight is not None:
                    derivative = derivative * weight[inner]
                if views.slope is not None:
                    still = derivative == 0  # stays 0, be the slope inf or NaN
                    derivative = np.where(
                        still, 0, derivative * np.where(still, 1, views.slope[index][inner])
                    )
                by = divisor if isinstance(divisor, int) else divisor[inner]
                if own is not None:
                    along = tuple(k for k, size in enumerate(output.shape) if size == 1)
                    sums.append(
                        (
                            output,
                            reduced_index(index, along),
                            block_sum_over(derivative / by, along),
                        )
                    )
                    continue
                out = core_in_front(output[index]) if front else output[index]
                if isinstance(by, int) and by == 1:
                    out[...] = derivative
                else:
                    np.divide(derivative, by, out=out, casting="unsafe")
        return sums

    if call.reduction == "mean" and views.weighted:
        count = np.zeros(kept, wide)
        for where, part in in_order(weight_of, views.blocks()):
            count[where] += part
        share = np.where(count == 0, 1, count).astype(call.dtype)
    for sums in in_order(evaluated, views.blocks()):
        _add_up(sums)
    if 0 in orders and call.reduction != "none":
        if call.reduction == "mean":
            total = np.divide(total, count)  # 0 / 0 is NaN, as it should be
        shape = [n for i, n in enumerate(call.loop) if call.axis is not None and i not in call.axis]
        views.results[orders.index(0)] = [np.asarray(total).reshape(shape)]
    return views.results


def _add_up(sums: list[tuple[Array, Index, Any]]) -> None:
    """Add the sums of a block where they belong, and forget them: they may be large, and the next block comes with its own."""
    while sums:
        target, where, part = sums.pop()
        target[where] += part


def _final(call: Call, order: int, arrays: list[Array]) -> Any:
    """Return results their dtypes, gradients of shared numbers their shapes, and those without axes as scalars."""
    if order == 0:
        return np.asarray(arrays[0]).astype(call.result, copy=False)[()]
    shapes = [
        array.shape if own is None else own for array, own in zip(arrays, call.shared, strict=True)
    ]
    return [
        array.reshape(shape).astype(dtype, copy=False)[()]
        for array, shape, dtype in zip(arrays, shapes, call.results, strict=True)
    ]


def _core_last(array: Array, place: tuple[int, ...]) -> Array:
    return np.moveaxis(array, place, range(-len(place), 0)) if place else array


def _as_given(array: Array, place: tuple[int, ...]) -> Array:
    return np.moveaxis(array, range(-len(place), 0), place) if place else array


class _Views:
    """The arrays of a call, and those that its results are written to, as views that are cut into blocks.

    Where no copy is needed for it, all loop axes are viewed as one.
    """

    def __init__(
        self, call: Call, orders: tuple[int, ...], dtype: Any, slope: Array | None
    ) -> None:
        self.call = call
        self.results = [self._results(order, dtype) for order in orders]
        given = (call.weights, call.where, slope, *call.sequences.values())
        modifiers = [
            x if x is None or x.shape == call.loop else np.broadcast_to(x, call.loop) for x in given
        ]
        common = call.signature.common
        predicted = list(zip(call.signature.predicted, call.shared, strict=True))
        written = [
            None
            if order and (own is not None or i in common)
            else _core_last(x, call.places[i] if order else ())
            for order, arrays in zip(orders, self.results, strict=True)
            for x, (i, own) in zip(arrays, predicted, strict=False)
        ]
        everything = [
            *(None if i in common else x for i, x in enumerate(call.arrays)),
            *modifiers,
            *written,
        ]
        flat = flattened(everything, call.loop) if call.axis is None else None
        views, self.loop = flat or (everything, call.loop)
        number = len(call.arrays)
        self.raw: list[Array] = [
            call.arrays[i] if i in common else x for i, x in enumerate(views[:number])
        ]
        self.weights: Array = views[number]
        self.where: Array = views[number + 1]
        self.slope: Array | None = views[number + 2]
        self.sequences: dict[str, Array] = dict(
            zip(call.sequences, views[number + 3 :], strict=False)
        )
        outputs = iter(views[number + len(given) :])
        self.outputs = [
            [
                self._sum(x, flat is not None, i) if (y := next(outputs)) is None else y
                for x, (i, _) in zip(arrays, predicted, strict=False)
            ]
            for arrays in self.results
        ]
        self.weighted = any(
            x is not None for x in (*given[:2], call.class_weights, call.ignore_index)
        )
        self.look = validating()
        if (
            self.look
            and call.class_weights is not None
            and not all_inside(_WEIGHTS, call.class_weights, None)
        ):
            good = inside(_WEIGHTS, call.class_weights, None)
            refuse(call.signature.name, "class_weights", _WEIGHTS, call.class_weights, good)

    def _results(self, order: int, dtype: Any) -> list[Array]:
        """Make the arrays that results are written to; sums over shared numbers are wide."""
        call = self.call
        if order == 0:
            return [np.empty(call.loop, dtype)] if call.reduction == "none" else []
        results = []
        for i, kind, own in zip(call.signature.predicted, call.results, call.shared, strict=True):
            if own is not None:
                results.append(np.zeros(own, np.result_type(call.dtype, np.float64)))
                continue
            array = _as_given(call.arrays[i], call.places[i])
            if i in call.signature.common:
                # few sums over many rows each: to be wide would be no gain
                results.append(np.zeros(array.shape, call.dtype))
                continue
            results.append(np.empty(array.shape, kind, order="F" if array.flags.fnc else "C"))
        return results

    def _sum(self, total: Array, flat: bool, i: int) -> Array:
        """View a sum over shared numbers so that a block's part of it can be added."""
        if i in self.call.signature.common:
            return _core_last(total, self.call.places[i])
        return total.reshape(-1 if flat else (1,) * (len(self.loop) - total.ndim) + total.shape)

    def blocks(self) -> Iterator[Index]:
        if self.call.signature.pulls:
            return blocks(self.loop, _MANY)
        numbers = self.call.signature.block // np.dtype(self.call.dtype).itemsize
        steps = self.call.sizes.get(self.call.signature.steps, 1)
        return blocks(self.loop, block_size(numbers, self.call.entries, steps))

    def share(self, index: Index, stray: Array | None, weight: Array | None, divisor: Any) -> Array:
        """Return the share of each loss of a block in the result."""
        share: Array = (
            np.ones(self.raw[0][index].shape[: len(self.loop)], self.call.dtype) / divisor
        )
        if weight is not None:
            share = share * weight
        return share if stray is None else np.where(stray, nan, share)

    def sequences_of(self, index: Index) -> dict[str, Array]:
        return {key: values[index] for key, values in self.sequences.items()}

    def weight(self, index: Index) -> Array:
        weights, where = (None if x is None else x[index] for x in (self.weights, self.where))
        if self.look and weights is not None:
            kept = weights if where is None else np.where(where, weights, 0)
            if not all_inside(_WEIGHTS, kept, None):
                self._refuse_weights()
        weight: Array = weigh(
            self.call,
            converted_target(self.call, self.raw[self.call.signature.target][index]),
            weights,
            where,
        )
        return np.broadcast_to(weight, self.raw[0][index].shape[: len(self.loop)])

    def arrays(self, index: Index, weight: Array | None) -> tuple[list[Array], Array | None]:
        """Read a block of the arrays, and say which labels name no class."""
        call = self.call
        block = [x if i in call.signature.common else x[index] for i, x in enumerate(self.raw)]
        arrays = without_left_out(call, converted(call, block), weight)
        if self.look:
            for i, domain in enumerate(call.domains):
                if not domain.unbounded and not all_inside(domain, arrays[i], call.limit(domain)):
                    unseen = beyond(call, i, arrays)
                    if unseen is None or not np.all(
                        inside(domain, arrays[i], call.limit(domain)) | unseen
                    ):
                        self._refuse(i)
        if self.look and not any(domain.until and domain.integer for domain in call.domains):
            return arrays, None
        arrays, stray = with_labels_inside(call, arrays)
        return arrays, None if self.look else stray

    def _refuse_weights(self) -> NoReturn:
        call = self.call
        given: Array = call.weights
        values = np.broadcast_to(given, call.loop)
        good = inside(_WEIGHTS, values, None)
        if call.where is not None:
            good |= ~call.where
        self._refuse_shared("weights", _WEIGHTS, values, good, given.shape)

    def _refuse(self, i: int) -> NoReturn:
        """Find the first offence in the whole array, as it was given."""
        call = self.call
        arrays = converted(call, call.arrays)
        weight = weigh(call, arrays[call.signature.target], call.weights, call.where)
        arrays = without_left_out(call, arrays, weight)
        domain, values = call.domains[i], call.arrays[i]
        good = inside(domain, arrays[i], call.limit(domain))
        unseen = beyond(call, i, arrays)
        if unseen is not None:
            good |= unseen
        own = dict(zip(call.signature.predicted, call.shared, strict=True)).get(i)
        if own is not None:
            self._refuse_shared(call.signature.arguments[i], domain, values, good, own)
        values, good = (_as_given(x, call.places[i]) for x in (values, good))
        merge = call.merges[i]
        if merge is not None:
            values, good = (merge.undone(numpy, x) for x in (values, good))
        refuse(call.signature.name, call.signature.arguments[i], domain, values, good)

    def _refuse_shared(
        self, key: str, domain: Domain, values: Array, good: Array, own: tuple[int, ...]
    ) -> NoReturn:
        """Find the first offence in numbers that were broadcast, and name its place in their own shape."""
        axes = shared_axes(own, values.ndim)
        lead = (0,) * (values.ndim - len(own))
        values = values[
            tuple(slice(0, 1) if i in axes else slice(None) for i in range(values.ndim))
        ][lead]
        refuse(
            self.call.signature.name, key, domain, values, good.all(axis=axes, keepdims=True)[lead]
        )
