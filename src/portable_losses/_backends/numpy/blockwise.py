"""NumPy arrays in blocks: checked, evaluated and added up while they are in the cache."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import prod
from typing import Any, TypeVar

import numpy as np

from ...typing import Array
from ..progress import shown
from . import pieces
from .blocks import Index, as_given, blocks, flattened, reduced_index
from .pieces import Addend
from .workers import in_order

Item = TypeVar("Item")
Result = TypeVar("Result")


def evaluate(request: Any, call: Any) -> list[Any]:
    """Evaluate a call block by block: for each order the reduced value, or a list of gradients.

    A function of the reduced loss takes two passes: its gradients need the reduced loss.
    """
    orders, finish = request.orders, call.layout.finish
    if finish is None:
        return _Pass(request, call, orders).results()
    (value,) = _Pass(request, call, (0,), wide=True).results()
    value, slope = finish(call.backend.xp, value)
    if call.layout.reduction != "none" and call.layout.axis is not None:
        slope = np.expand_dims(slope, call.layout.axis)
    rest = tuple(order for order in orders if order)
    spread = np.broadcast_to(slope, call.layout.loop)
    found = (
        dict(zip(rest, _Pass(request, call, rest, spread).results(), strict=True)) if rest else {}
    )
    result = np.asarray(value).astype(call.plan.result)
    return [found[order] if order else result for order in orders]


def sums(request: Any, call: Any) -> list[Array]:
    """Return the sums that a formula takes of the rows of a call, which may be pieces of rows."""
    return pieces.sums(_Pass(request, call, ()))


class _Pass:
    """One pass over the blocks of a call: views of its arrays, and the arrays of its results."""

    def __init__(
        self,
        request: Any,
        call: Any,
        orders: tuple[int, ...],
        slope: Array | None = None,
        wide: bool = False,
    ) -> None:
        self.request, self.call, self.orders = request, call, orders
        self.wide = np.result_type(call.plan.dtype, np.float64)
        self.dtype = self.wide if wide else call.plan.result
        self.outputs = [self._outputs(order) for order in orders]
        self._view(slope)
        self.axes = tuple(range(len(self.loop))) if call.layout.axis is None else call.layout.axis
        self.kept = tuple(1 if i in self.axes else n for i, n in enumerate(self.loop))

    def _outputs(self, order: int) -> list[Array]:
        """Make the arrays for the results; sums over shared numbers have a wide dtype."""
        call = self.call
        if order == 0 and call.layout.reduction != "none":
            return []
        if order == 0:
            given = self.request.out if self.request.orders == (0,) else None
            return given or [np.empty(call.layout.loop, self.dtype)]
        outputs = []
        for i, kind, own in zip(
            call.plan.signature.predicted, call.plan.results, call.layout.shared, strict=True
        ):
            array = as_given(call.arrays[i], call.layout.places[i])
            if own is not None:
                outputs.append(np.zeros(own, self.wide))
            elif i in call.plan.signature.common:
                # few sums over many rows each: a wide dtype would not help
                outputs.append(np.zeros(array.shape, call.plan.dtype))
            elif self.request.out is not None:
                outputs.append(self._given(len(outputs), i))
            else:
                order_in_memory: Any = "F" if array.flags.fnc else "C"
                outputs.append(np.empty(array.shape, kind, order=order_in_memory))
        return outputs

    def _given(self, place: int, i: int) -> Array:
        """View the array of the caller's for a gradient as the prediction is viewed.

        It is a copy if that is impossible.
        """
        out: Array = self.request.out[place]
        merge = self.call.layout.merges[i]
        if merge is None:
            return out
        last = range(-len(merge.places), 0)
        return np.moveaxis(out, merge.places, last).reshape(self.call.arrays[i].shape)

    def _view(self, slope: Array | None) -> None:
        """View all arrays for cutting, with all loop axes as one if that needs no copy."""
        call = self.call
        common = call.plan.signature.common
        self.numbers = {key: x for key, x in call.sequences.items() if not x.ndim}
        sequences = {key: x for key, x in call.sequences.items() if x.ndim}
        given = (call.weights, call.where, slope, *sequences.values())
        modifiers = [None if x is None else np.broadcast_to(x, call.layout.loop) for x in given]
        predicted = list(zip(call.plan.signature.predicted, call.layout.shared, strict=True))
        written = [
            None
            if order and (own is not None or i in common)
            else _core_last(x, call.layout.places[i] if order else ())
            for order, arrays in zip(self.orders, self.outputs, strict=True)
            for x, (i, own) in zip(arrays, predicted, strict=False)
        ]
        self.uncut = common | call.layout.scalars
        arrays = [None if i in self.uncut else x for i, x in enumerate(call.arrays)]
        everything = [*arrays, *modifiers, *written]
        flat = flattened(everything, call.layout.loop) if call.layout.axis is None else None
        views: list[Any]
        self.loop: tuple[int, ...]
        views, self.loop = flat or (everything, call.layout.loop)
        number = len(call.arrays)
        self.raw = [call.arrays[i] if i in self.uncut else x for i, x in enumerate(views[:number])]
        self.weights: Any = views[number]
        self.where: Any = views[number + 1]
        self.slope: Any = views[number + 2]
        self.sequences = dict(zip(sequences, views[number + 3 :], strict=False))
        rest = iter(views[number + len(given) :])
        self.written = [
            [
                self._sum(x, flat is not None, i) if (y := next(rest)) is None else y
                for x, (i, _) in zip(arrays, predicted, strict=False)
            ]
            for arrays in self.outputs
        ]

    def _sum(self, total: Array, flat: bool, i: int) -> Array:
        """View a sum over shared numbers so that a block can add its part."""
        if i in self.call.plan.signature.common:
            return _core_last(total, self.call.layout.places[i])
        return total.reshape(-1 if flat else (1,) * (len(self.loop) - total.ndim) + total.shape)

    def blocks(self) -> Iterator[Index]:
        """Cut the losses into blocks."""
        return blocks(self.loop, self.call.layout.kept.together)

    def results(self) -> list[Any]:
        """Evaluate all blocks."""
        call = self.call
        shape = () if call.layout.axis is None else self.kept
        self.total = np.zeros(shape, self.wide)
        count = prod(self.loop[i] for i in self.axes)
        self.divisor: Any = 1
        weighted_mean = call.layout.reduction == "mean" and call.layout.weighted
        if call.layout.reduction == "mean" and any(self.orders):
            self.divisor = max(count, 1)
            if weighted_mean:
                self.divisor = self._weight_sums()
        self.weight_total = np.zeros(shape, self.wide)
        for sums in self._all_evaluated():
            while sums:  # they may be large, and the next block comes with its own
                target, where, part = sums.pop()
                target[where] += part
        total: Any = self.total
        if call.layout.in_parts:
            weight = self.weight_total if call.layout.weighted else np.full(shape, count, self.wide)
            total = total.reshape(self._shape()), weight.reshape(self._shape())
        if call.layout.reduction == "mean" and 0 in self.orders:
            if weighted_mean:
                call.backend.check_count(call, self.weight_total)
            # 0 / 0 is NaN, as it should be
            total = np.divide(total, self.weight_total if weighted_mean else count)
        kept = self._shape()
        return [
            self._final(order, x, total, kept)
            for order, x in zip(self.orders, self.outputs, strict=True)
        ]

    def _shape(self) -> list[int]:
        """Return the shape of the reduced loss."""
        axis = self.call.layout.axis
        loop = enumerate(self.call.layout.loop)
        return [n for i, n in loop if axis is not None and i not in axis]

    def _final(self, order: int, outputs: list[Array], total: Any, kept: list[int]) -> Any:
        """Convert results to their dtypes, and gradients to the shapes of the predictions."""
        call = self.call
        if order == 0 and call.layout.in_parts:
            return total
        if order == 0:
            value = outputs[0] if outputs else np.asarray(total).reshape(kept)
            return value.astype(self.dtype, copy=False)
        results = []
        for i, x, own, dtype in zip(
            call.plan.signature.predicted,
            outputs,
            call.layout.shared,
            call.plan.results,
            strict=True,
        ):
            merge = call.layout.merges[i]
            x = x.astype(dtype, copy=False) if own is None else x.reshape(own).astype(dtype)
            results.append(x if merge is None else merge.undone(call.backend.xp, x))
        return results

    def _weight_sums(self) -> Array:
        """Add up the weights, the divisor of the gradient of a mean, in a separate pass."""
        sums = np.zeros(self.kept, self.wide)

        def of_block(index: Index) -> tuple[Index, Array]:
            weights, where = (None if x is None else x[index] for x in (self.weights, self.where))
            target = self._part(self.call.plan.signature.target, index)
            weight = self.request.target_weight(self.call, target, weights, where)
            return reduced_index(index, self.axes), self._added(weight, index)

        for where, part in self.in_order(of_block, self.blocks):
            sums[where] += part
        self.call.backend.check_count(self.call, sums)
        return np.where(sums == 0, 1, sums).astype(self.call.plan.dtype)

    def _part(self, i: int, index: Index) -> Array:
        """Return the part of an argument that belongs to a block."""
        return self.raw[i] if i in self.uncut else self.raw[i][index]

    def _added(self, x: Array, index: Index) -> Array:
        """Add up the losses, or weights, of a block, along axes that are kept with size 1."""
        loop = self.raw[0][index].shape[: len(self.loop)]
        return self.call.backend.total(np.broadcast_to(x, loop), self.axes, keepdims=True)

    def _all_evaluated(self) -> Iterator[list[Addend]]:
        """Evaluate all blocks, or the pieces of rows that are larger than a block."""
        if self.call.layout.kept.piece or self.request.sums is not None:
            return pieces.evaluated(self)
        return self.in_order(self._evaluated, self.blocks)

    def in_order(
        self, function: Callable[[Item], Result], items: Callable[[], Iterable[Item]]
    ) -> Iterator[Result]:
        """Return the results of a function of blocks or pieces, in order, and show the progress."""
        return shown(in_order(function, items()), self.call.plan.formulas.name, items())

    def _evaluated(self, index: Index) -> list[Addend]:
        """Write the results of a block; return the sums to add, and their places."""
        part, sequences = self.read(index), self.parameters(index)
        divisor = self.divisor_of(index)
        pulled = divisor if self.call.plan.pulls else 1  # others are divided as they are written
        results = self.request.losses_and_gradients(self.call, self.orders, part, sequences, pulled)
        sums: list[Addend] = []
        for order, result, outputs in zip(self.orders, results, self.written, strict=True):
            if order:
                self.keep_gradients(result, outputs, index, divisor, sums)
            else:
                self.keep_losses(result, outputs, part.weight, index, sums)
        return sums

    def read(self, index: Index, piece: slice | None = None) -> Any:
        """Read and check a block, or a piece of its rows."""
        raw = [self._part(i, index) for i in range(len(self.raw))]
        if piece is not None:
            raw = self.request.cut(self.call.plan, raw, piece)
        weights, where = (None if x is None else x[index] for x in (self.weights, self.where))
        return self.request.read_part(self.call, raw, weights, where, self.parameters(index))

    def parameters(self, index: Index) -> Mapping[str, Array]:
        """Return the parameters of the losses of a block."""
        return self.numbers | {key: x[index] for key, x in self.sequences.items()}

    def divisor_of(self, index: Index) -> Any:
        """Return the divisor of the gradients of a block."""
        whole = isinstance(self.divisor, int)
        return self.divisor if whole else self.divisor[reduced_index(index, self.axes)]

    def keep_losses(
        self,
        losses: Array,
        outputs: list[Array],
        weight: Array | None,
        index: Index,
        sums: list[Addend],
    ) -> None:
        """Write the losses of a block, or their sum."""
        if self.call.layout.reduction == "none":
            outputs[0][index] = losses
        else:
            sums += self._losses_added(losses, weight, index)

    def _losses_added(self, losses: Array, weight: Array | None, index: Index) -> list[Addend]:
        """Return the sum of the losses of a block, and that of their weights for a mean."""
        call = self.call
        sums: list[Addend]
        if call.layout.axis is None:
            sums = [(self.total, (), call.backend.total(losses))]
        else:
            sums = [(self.total, reduced_index(index, self.axes), self._added(losses, index))]
        if weight is not None and (call.layout.in_parts or call.layout.reduction == "mean"):
            where = () if call.layout.axis is None else reduced_index(index, self.axes)
            added = self._added(weight, index)
            sums.append(
                (self.weight_total, where, added[(0,) * added.ndim] if where == () else added)
            )
        return sums

    def keep_gradients(
        self,
        gradients: list[Array],
        outputs: list[Array],
        index: Index,
        divisor: Any,
        sums: list[Addend],
    ) -> None:
        """Write the block's own gradients, divided; the others are sums."""
        call = self.call
        for i, own, gradient, output in zip(
            call.plan.signature.predicted, call.layout.shared, gradients, outputs, strict=True
        ):
            if i in call.plan.signature.common:
                sums.append((output, (), gradient))
                continue
            inner = (..., *(None,) * len(call.layout.places[i]))
            if self.slope is not None:
                slope = self.slope[index][inner]
                still = gradient == 0  # stays 0 even if the slope is inf or NaN
                gradient = np.where(still, 0, gradient * np.where(still, 1, slope))
            by = divisor if isinstance(divisor, int) else divisor[inner]
            if own is None and (call.plan.pulls or (isinstance(by, int) and by == 1)):
                output[index] = gradient
                continue
            if own is None:
                np.divide(gradient, by, out=output[index], casting="unsafe")
                continue
            along = tuple(k for k, size in enumerate(output.shape) if size == 1)
            added = call.backend.total(gradient / by, along, keepdims=True)
            sums.append((output, reduced_index(index, along), added))


def _core_last(array: Array, place: tuple[int, ...]) -> Array:
    return np.moveaxis(array, place, range(-len(place), 0)) if place else array
