"""The geometry of blocks: views of NumPy arrays along their first axes that fit the cache."""

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ...typing import Array

_LARGEST = 2**20
"""Bytes of each array that are evaluated together, if a formula needs few temporaries.

The Python code per block takes a twentieth of the time of the cheapest loss. Threads share the
interpreter and need large blocks: with blocks of a quarter of this size two threads are slower than
one.
"""

_IN_ALL = 2**23
"""Bytes of all temporaries of a block: larger blocks would leave the caches."""

_MOST_STEPS = 64
"""A formula that takes steps has blocks up to this many times as large."""

_MANY = 512
"""The number of rows at a time if they share predictions: each block adds to the gradients of all
shared arrays."""

_FEW_CLASSES = 24
"""Up to this number of entries a row is copied with its axis first, for long inner loops. Longer
rows are faster without a copy."""

_FEW_ROWS = 32
"""Up to this number of rows the loops are short anyway, and the copies take longer."""

_MORE_CLASSES = 4096
"""The same number if the classes of a row are not contiguous, as in images. That copy reads
contiguous memory, and formulas without it take three times as long. With more classes a block has
too few rows for a long loop."""

MAPPED = 2**17
"""The bytes from which on glibc maps an array anew, by default."""

_KEPT = 2**23
"""The bytes of freed memory that are kept."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""The names of options in malloc.h."""

Index = tuple[slice, ...]


@cache
def keep_freed_memory() -> None:
    """Make the allocator keep the memory of temporaries for the next block.

    glibc maps each array over 128 KiB anew and returns it at once, until a larger array was freed
    (mallopt(3), the dynamic threshold). Then it keeps that much memory. Otherwise the page faults
    of temporaries double the time of a loss. Nothing is written here, so no memory is used.

    Where the environment sets a threshold, as on the workers of Dask, glibc adapts none, and a loss
    takes up to ten times as long: the same two are set then.
    """
    np.empty(_KEPT, dtype=np.uint8)
    if "MALLOC_TRIM_THRESHOLD_" in os.environ and sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, _KEPT)
            mallopt(_TRIM_THRESHOLD, 2 * _KEPT)


def block_bytes(temporaries: int) -> int:
    """Return the bytes of each array in a block, a power of 2, for a number of temporaries."""
    return min(_LARGEST, 1 << (_IN_ALL // temporaries).bit_length() - 1)


def per_block(call: Any) -> int:
    """Return the number of losses of a call that are evaluated together."""
    signature = call.plan.signature
    if signature.pulls:
        return _MANY
    numbers = block_bytes(signature.temporaries) // np.dtype(call.plan.dtype).itemsize
    steps = call.layout.sizes.get(signature.steps, 1)
    return int(max(1, numbers * min(steps, _MOST_STEPS) // call.layout.entries))


def per_piece(call: Any) -> int:
    """Return the number of entries of a row that are evaluated together, 0 if all of them are.

    Sums over samples may be matrices of all pairs of features, so a piece has as many samples.
    Pieces take two passes or more: a row of two blocks is faster whole.
    """
    signature = call.plan.signature
    size = call.layout.sizes.get(signature.sums, 0)
    if not size:
        return 0
    numbers = block_bytes(signature.temporaries) // np.dtype(call.plan.dtype).itemsize
    each = max(1, call.layout.entries // size)
    piece = max(numbers // each, each)
    return 0 if size <= 2 * piece else int(piece)


def blocks(loop: tuple[int, ...], size: int) -> Iterator[Index]:
    """Cut a loop shape into blocks of at most `size` elements or of one row, first axes first."""
    if prod(loop) <= size:
        yield (slice(None),) * len(loop)
        return
    cut = 0
    while cut < len(loop) - 1 and prod(loop[cut + 1 :]) > size:
        cut += 1
    rows = max(1, size // max(1, prod(loop[cut + 1 :])))
    for lead in np.ndindex(loop[:cut]):
        for start in range(0, loop[cut], rows):
            yield (*(slice(i, i + 1) for i in lead), slice(start, start + rows))


def reduced_index(index: Index, axes: tuple[int, ...]) -> Index:
    """Return the index of a block's sum in a result that is reduced over `axes`, kept as size 1."""
    return tuple(slice(None) if i in axes else part for i, part in enumerate(index))


def flattened(
    arrays: Sequence[Array | None], loop: tuple[int, ...]
) -> tuple[list[Array | None], tuple[int, ...]] | None:
    """View the loop axes of all arrays as one; return None if that would need a copy.

    Arrays in Fortran order are transposed. Core axes are last and stay.
    """
    arrays = [_one_number(x, loop) for x in arrays]
    given = [x for x in arrays if x is not None]
    transposed = False
    if not all(x.flags.c_contiguous or not any(x.strides) for x in given):
        if not all(
            (x.flags.f_contiguous and x.ndim == len(loop)) or not any(x.strides) for x in given
        ):
            return None
        transposed = True
    flat = [
        None if x is None else (x.T if transposed else x).reshape(prod(loop), *x.shape[len(loop) :])
        for x in arrays
    ]
    return flat, (prod(loop),)


def _one_number(array: Array | None, loop: tuple[int, ...]) -> Array | None:
    """View a broadcast number as one that is broadcast to a vector, which is contiguous."""
    if array is None or array.ndim != len(loop) or array.size < 2 or any(array.strides):
        return array
    return np.broadcast_to(array[(0,) * array.ndim], (prod(loop),))


def laid_out(arrays: Sequence[Array], cored: Sequence[Any]) -> tuple[tuple[int, ...], list[Array]]:
    """Return the position of the core axis, first or last, and the arrays in C order.

    `cored` marks the arrays that have the axis.
    """
    first = arrays[0]
    size = first.shape[-1]
    front = size <= (_FEW_CLASSES if first.strides[-1] == first.itemsize else _MORE_CLASSES)
    front = front and first.size > _FEW_ROWS * size
    if front:
        arrays = [core_in_front(x) if core else x for x, core in zip(arrays, cored, strict=True)]
    return (0 if front else -1,), [
        x if x.flags.c_contiguous or not core else np.ascontiguousarray(x)
        for x, core in zip(arrays, cored, strict=True)
    ]


def as_given(array: Array, place: tuple[int, ...]) -> Array:
    """View an array with its core axes, which are last, at the positions in a given array."""
    return np.moveaxis(array, range(-len(place), 0), place) if place else array


def core_in_front(array: Array) -> Array:
    """View an array with its last axis first."""
    return array.transpose(array.ndim - 1, *range(array.ndim - 1))
