"""Dask: NumPy evaluates its chunks."""

from collections.abc import Mapping, Sequence
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
        """Refuse chunks that are masked, whose sums would count all, or sparse."""
        if isinstance(array._meta, np.ma.MaskedArray):
            raise TypeError(
                f"{name}: {key} holds masked arrays; pass `dask.array.ma.getdata({key})`, and "
                f"`where=~dask.array.ma.getmaskarray({key})`"
            )
        if hasattr(array._meta, "todense"):
            dense = "toarray" if hasattr(array._meta, "toarray") else "todense"
            raise TypeError(
                f"{name}: {key} holds sparse arrays; pass "
                f"`{key}.map_blocks(lambda chunk: chunk.{dense}())`"
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
        return _by_chunks(call, orders, arrays, sequences)


def _by_chunks(
    call: Any, orders: tuple[int, ...], arrays: Sequence[Array], sequences: Mapping[str, Array]
) -> list[Any]:
    """Return lazy losses or derivatives, with one task per chunk."""
    number, names, plan = len(arrays), tuple(sequences), call.plan
    alone = call.request.alone(numpy, np.dtype(plan.dtype))

    def of_chunk(*blocks: Array) -> tuple[Array, ...]:
        given = dict(zip(names, blocks[number:], strict=True))
        results = alone(orders, list(blocks[:number]), given)
        lists = (x if order else [x] for order, x in zip(orders, results, strict=True))
        return tuple(chain.from_iterable(lists))

    # Names of axes, like those of the core dimensions.
    loop = tuple(map(str, range(len(call.layout.loop))))
    common = plan.signature.common
    axes = [  # a number has none, or those of the weights that may leave it out
        cores if i in common else (*loop, *cores)[len(loop) + len(cores) - x.ndim :]
        for i, (x, cores) in enumerate(zip(arrays, plan.cores, strict=True))
    ]
    sizes = call.layout.sizes
    # An error of the formula is raised now, and not when the result is computed.
    nothing = [
        np.empty([sizes.get(axis, 0) for axis in own], x.dtype)
        for x, own in zip(arrays, axes, strict=True)
    ]
    of_chunk(*nothing, *(np.ones((1,) * x.ndim, x.dtype) for x in sequences.values()))
    given = [
        *zip(arrays, axes, strict=True),
        *((x, loop[len(loop) - x.ndim :]) for x in sequences.values()),
    ]
    meta = np.empty([0] * len(loop), object)  # of tuples, which blockwise does not inspect
    every = dask.array.blockwise(
        of_chunk, loop, *chain(*given), concatenate=True, dtype=object, meta=meta
    )
    dtype = plan.dtype

    def result(place: int, cores: tuple[str, ...]) -> Array:
        meta = np.empty([0] * (len(loop) + len(cores)), dtype)
        new = {core: sizes[core] for core in cores}
        return dask.array.blockwise(
            itemgetter(place), (*loop, *cores), every, loop, new_axes=new, dtype=dtype, meta=meta
        )

    place = count()
    return [
        [result(next(place), plan.cores[i]) for i in plan.signature.predicted]
        if order
        else result(next(place), ())
        for order in orders
    ]


backend = Dask(library)
