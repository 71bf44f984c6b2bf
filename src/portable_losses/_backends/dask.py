"""Dask: NumPy evaluates its chunks."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, count
from operator import itemgetter
from typing import Any, ClassVar

import array_api_compat.dask.array
import dask.array
import numpy as np

from .._numerics.standard import known
from ..typing import Array, Axis
from .base import Backend
from .numpy import backend as numpy

library: Any = array_api_compat.dask.array


def clip(x: Array, low: Any, high: Any, /) -> Array:
    """Clip arrays of unknown shape; array-api-compat's clip needs the shape (1.16)."""
    return library.minimum(library.maximum(x, low), high)


def max(x: Array, /, *, axis: Axis | None = None, keepdims: bool = False) -> Array:  # noqa: A001
    """Return the maximum, also of an empty batch, which Dask passes to NumPy in a wrong form."""
    if not isinstance(axis, int) or x.shape[axis] == 0 or 0 not in x.shape:
        return library.max(x, axis=axis, keepdims=keepdims)
    return library.sum(x, axis=axis, keepdims=keepdims)  # an empty array of the right shape


def stack(arrays: Sequence[Array], /) -> Array:
    """Stack arrays of unknown shapes, which are equal; Dask refuses them by default."""
    return library.stack(arrays, allow_unknown_chunksizes=True)


def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Pick entries in blocks of whole rows: Dask has no take_along_axis (dask/dask#3663)."""
    loops = [*range(x.ndim)]
    row, chosen = x.ndim, x.ndim + 1
    rows, result = ([*loops], [*loops])
    rows[axis], result[axis] = row, chosen
    # NumPy's function dispatches to the library of the arrays in the blocks.
    return dask.array.blockwise(
        np.take_along_axis,
        result,
        x,
        rows,
        indices,
        result,
        axis=axis,
        dtype=x.dtype,
        concatenate=True,
        meta=x._meta,
    )


class Dask(Backend):
    """Dask."""

    overrides: ClassVar = {
        function.__name__: function for function in (clip, max, stack, take_along_axis)
    }

    def check(self, name: str, key: str, array: Array) -> None:
        """Refuse chunks that are masked arrays: sums would count what is masked."""
        if isinstance(array._meta, np.ma.MaskedArray):
            raise TypeError(
                f"{name}: {key} holds masked arrays; pass `dask.array.ma.getdata({key})`, and "
                f"`where=~dask.array.ma.getmaskarray({key})`"
            )

    def compute(
        self,
        call: Any,
        orders: tuple[int, ...],
        head: tuple[Any, ...],
        arrays: Sequence[Array],
        sequences: Mapping[str, Array],
    ) -> list[Any]:
        """Let NumPy evaluate each chunk in one task, in blocks.

        A formula in operations of Dask would be one task per operation and chunk. It is used only
        if a chunk is not a NumPy array or a row length is unknown.
        """
        plain = all(isinstance(x._meta, np.ndarray) for x in arrays)
        if call.plan.pulls or not plain or not all(map(known, call.layout.sizes.values())):
            return super().compute(call, orders, head, arrays, sequences)
        sums = call.plan.signature.sums
        rows = [x for x, cores in zip(arrays, call.plan.cores, strict=True) if sums in cores]
        if any(x.numblocks[-1] > 1 for x in rows):
            return _from_sums(call, orders, arrays, sequences)
        return _by_chunks(call, orders, arrays, sequences)


class _Chunks:
    """The chunks of a call, for functions of them that NumPy evaluates in one task each."""

    def __init__(self, call: Any, arrays: Sequence[Array], sequences: Mapping[str, Array]) -> None:
        plan = call.plan
        self.sizes, self.plan = call.layout.sizes, plan
        self.arrays, self.sequences = arrays, sequences
        # Names of axes, like those of the core dimensions.
        self.loop = tuple(map(str, range(len(call.layout.loop))))
        common = plan.signature.common
        self.axes = [  # a number has none, or those of the weights that may leave it out
            cores if i in common else (*self.loop, *cores)[len(self.loop) + len(cores) - x.ndim :]
            for i, (x, cores) in enumerate(zip(arrays, plan.cores, strict=True))
        ]

    def map(
        self, function: Callable[..., Any], own: tuple[str, ...] = (), *more: tuple[Array, Any]
    ) -> Array:
        """Return tuples of arrays, one for each chunk, whole along core axes other than `own`.

        The function takes the arrays and the parameters of a chunk, and other tuples with them.
        """
        number, names, known = len(self.arrays), tuple(self.sequences), len(self.sequences)

        def of_chunk(*blocks: Any) -> tuple[Array, ...]:
            given = dict(zip(names, blocks[number:], strict=False))
            return tuple(function(list(blocks[:number]), given, *blocks[number + known :]))

        loop = len(self.loop)
        given = [
            *zip(self.arrays, self.axes, strict=True),
            *((x, self.loop[loop - x.ndim :]) for x in self.sequences.values()),
            *more,
        ]
        return _tuples(of_chunk, (*self.loop, *own), *given, concatenate=True)

    def nothing(self) -> tuple[list[Any], dict[str, Any]]:
        """Return arrays and parameters of no losses."""
        arrays = [
            np.empty([self.sizes.get(axis, 0) for axis in own], x.dtype)
            for x, own in zip(self.arrays, self.axes, strict=True)
        ]
        ones = {key: np.ones((1,) * x.ndim, x.dtype) for key, x in self.sequences.items()}
        return arrays, ones

    def result(
        self, tuples: Array, place: int, cores: tuple[str, ...] = (), own: tuple[str, ...] = ()
    ) -> Array:
        """Return one array of each tuple: losses, or derivatives with core axes."""
        dtype = self.plan.dtype
        return dask.array.blockwise(
            itemgetter(place),
            (*self.loop, *cores),
            tuples,
            (*self.loop, *own),
            new_axes={core: self.sizes[core] for core in cores if core not in own},
            dtype=dtype,
            meta=np.empty([0] * (len(self.loop) + len(cores)), dtype),
        )


def _tuples(
    function: Callable[..., Any], axes: tuple[str, ...], *given: Any, concatenate: bool
) -> Array:
    """Return a lazy array whose blocks are tuples, into which blockwise does not look."""
    meta = np.empty([0] * len(axes), object)
    return dask.array.blockwise(
        function, axes, *chain(*given), concatenate=concatenate, dtype=object, meta=meta
    )


def _by_chunks(
    call: Any, orders: tuple[int, ...], arrays: Sequence[Array], sequences: Mapping[str, Array]
) -> list[Any]:
    """Return lazy losses or derivatives, with one task per chunk."""
    alone = call.request.alone(numpy, np.dtype(call.plan.dtype))
    chunks = _Chunks(call, arrays, sequences)

    def evaluated(blocks: list[Array], parameters: Mapping[str, Array]) -> list[Array]:
        results = alone(orders, blocks, parameters)
        lists = (x if order else [x] for order, x in zip(orders, results, strict=True))
        return list(chain.from_iterable(lists))

    evaluated(*chunks.nothing())  # an error of the formula is raised now, not when it is computed
    every, place = chunks.map(evaluated), count()
    return [
        [
            chunks.result(every, next(place), call.plan.cores[i])
            for i in call.plan.signature.predicted
        ]
        if order
        else chunks.result(every, next(place))
        for order in orders
    ]


def _from_sums(
    call: Any, orders: tuple[int, ...], arrays: Sequence[Array], sequences: Mapping[str, Array]
) -> list[Any]:
    """Return lazy losses or derivatives of rows in several chunks, which meet only in sums.

    There is one task per chunk for the sums, and one for the derivatives.
    """
    plan = call.plan
    alone = call.request.alone(numpy, np.dtype(plan.dtype))
    chunks = _Chunks(call, arrays, sequences)
    alone(orders, *chunks.nothing())
    own = (plan.signature.sums,)
    parts = chunks.map(alone.sums, own)
    sums = _tuples(_added, chunks.loop, (parts, (*chunks.loop, *own)), concatenate=False)
    sizes = {**call.layout.sizes, plan.signature.sums: 1}
    # The tasks hold no lazy arrays.
    dtypes, cores, loops, names = (
        [x.dtype for x in arrays],
        plan.cores,
        len(chunks.loop),
        [*sequences],
    )

    def losses(known: Sequence[Array], *values: Array) -> tuple[Array, ...]:
        loop = known[0].shape[:loops]
        one = [
            np.zeros((*loop, *(sizes[core] for core in own)), dtype)
            for own, dtype in zip(cores, dtypes, strict=True)
        ]
        return tuple(alone((0,), one, dict(zip(names, values, strict=True)), known))

    def derivatives(order: int, blocks: list[Array], parameters: Any, known: Any) -> list[Array]:
        (found,) = alone((order,), blocks, parameters, known)
        return list(found)

    results: list[Any] = []
    for order in orders:
        if order:
            more = (sums, chunks.loop)
            every = chunks.map(partial(derivatives, order), own, more)
            results.append(
                [
                    chunks.result(every, place, plan.cores[i], own)
                    for place, i in enumerate(plan.signature.predicted)
                ]
            )
            continue
        numbers = [(x, chunks.loop[len(chunks.loop) - x.ndim :]) for x in sequences.values()]
        every = _tuples(losses, chunks.loop, (sums, chunks.loop), *numbers, concatenate=True)
        results.append(chunks.result(every, 0))
    return results


def _added(parts: Any) -> list[Array]:
    """Add up the sums of all chunks of some rows."""
    return [sum(each) for each in zip(*parts, strict=True)]


backend = Dask(library)
