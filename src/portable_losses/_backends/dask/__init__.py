"""Dask: NumPy evaluates its chunks."""

from collections.abc import Sequence
from typing import Any, ClassVar

import array_api_compat.dask.array
import dask.array
import numpy as np

from ...typing import Array, Axis
from ..base import Backend
from .chunks import Chunks

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

    def array_in(self, value: Any) -> Any:
        """Return the array of a column or table of dask.dataframe, whose chunks have no sizes."""
        if not hasattr(type(value), "to_dask_array"):
            return value
        kinds = [*getattr(value, "dtypes", [])] if value.ndim == 2 else [value.dtype]
        plain = all(isinstance(dtype, np.dtype) for dtype in kinds)
        return value.to_dask_array() if plain else value

    def adopted(self, array: Array, like: Array) -> Array:
        """Return an array of NumPy in chunks like those of another: chunks are arrays of NumPy."""
        for ahead in (0, like.ndim - array.ndim):
            own = like.shape[ahead : ahead + array.ndim]
            if own == array.shape:
                chunks = like.chunks[ahead : ahead + array.ndim]
                return dask.array.from_array(array, chunks=chunks)
        return dask.array.from_array(array, chunks=-1)

    def check(self, name: str, key: str, array: Array) -> None:
        """Refuse what is no array, and chunks that hold more than numbers or none."""
        if hasattr(type(array), "to_dask_array"):
            raise TypeError(
                f"{name}: {key} holds a dtype of pandas, not of NumPy; pass `{key}.astype(float)`, "
                f"or `{key}.cat.codes` for categories"
            )
        if not isinstance(array, dask.array.Array):
            raise TypeError(
                f"{name}: {key} must be an array of Dask, got {type(array).__name__}; pass "
                f"`dask.array.from_delayed({key}, shape=..., dtype=...)`"
            )
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

    def native(self, dtype: Any) -> Any:
        """Return the dtype in the byte order of the processor."""
        return np.dtype(dtype).newbyteorder("=")

    def evaluate(self, request: Any) -> list[Any]:
        """Let NumPy evaluate each chunk in one task, in blocks.

        A formula in operations of Dask would be one task per operation and chunk. It is used only
        if a chunk is not a NumPy array, or needs what only all chunks together tell.
        """
        chunks = Chunks(request, request.laid_out())
        return chunks.results() if chunks.fit() else super().evaluate(request)

    def sums(self, request: Any) -> list[Array]:
        """Return the sums of pieces of rows: one task a chunk."""
        chunks = Chunks(request, request.laid_out())
        return chunks.sums_of_pieces() if chunks.fit() else super().sums(request)


backend = Dask(library)
