"""Dask, whose chunks are evaluated by NumPy."""

from collections.abc import Sequence
from typing import Any

import array_api_compat.dask.array as library
import dask.array
import numpy as np

from ..typing import Array
from .base import Backend


def clip(x: Array, low: Any, high: Any, /) -> Array:
    """Clip arrays of unknown shape, which array-api-compat's own clip asks for (1.16)."""
    return library.minimum(library.maximum(x, low), high)


def max(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:  # noqa: A001
    """Take no rows as well: Dask reduces an empty batch of them in a way that NumPy refuses."""
    if axis is None or x.shape[axis] == 0 or 0 not in x.shape:
        return library.max(x, axis=axis, keepdims=keepdims)
    return library.sum(x, axis=axis, keepdims=keepdims)  # nothing at all, of the right shape


def stack(arrays: Sequence[Array], /) -> Array:
    """Trust that arrays of unknown shapes have the same, which Dask does not by default."""
    return library.stack(arrays, allow_unknown_chunksizes=True)


def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Pick block by block, each of whole rows: Dask has no take_along_axis (dask/dask#3663)."""
    loops = [*range(x.ndim)]
    row, chosen = x.ndim, x.ndim + 1
    rows, result = ([*loops], [*loops])
    rows[axis], result[axis] = row, chosen
    # NumPy calls the function of the arrays in the blocks, which need not be its own.
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

    overrides = {function.__name__: function for function in (clip, max, stack, take_along_axis)}


backend = Dask(library)
