"""The geometry of blocks: views of NumPy arrays along their leading axes, of a size that stays in the cache."""

from collections.abc import Iterator, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ...typing import Array

_LARGEST = 2**20
"""Bytes of each array that are evaluated together, where a formula holds few temporaries.

The Python around such a block takes a twentieth of the time of the cheapest loss. Threads, which
hand the interpreter to each other, need it more than one alone: with blocks of a quarter the size
two of them are slower than one.
"""

_IN_ALL = 2**23
"""Bytes that the temporaries of a block may take together: more would leave the caches, and blocks then get no faster."""

_MOST_STEPS = 64
"""Blocks are no larger than so many temporaries: 32 MiB."""

_MANY = 512
"""So many rows at a time where they share predictions: the sum of the gradients is a pass over all
of these."""

_FEW_CLASSES = 24
"""Up to so many entries a row is copied with its axis in front, which makes the inner loops long.
Longer rows are faster as they are."""

_MORE_CLASSES = 4096
"""Up to so many where the classes of a row are not beside each other, as in images: that copy goes along memory, and takes a
third of the time of formulas that do not. With more classes a block has too few rows to make a loop long."""

Index = tuple[slice, ...]


@cache
def keep_freed_memory() -> None:
    """Have the allocator keep the memory of temporaries for the next block.

    glibc maps each array over 128 KiB afresh and returns it at once, until a larger one was freed
    (mallopt(3), the dynamic threshold): then it keeps that much. Without that, the page faults of
    the temporaries double the time of a loss. Nothing is written here, so no memory is taken.
    """
    np.empty(2**23, dtype=np.uint8)


def block_bytes(temporaries: int) -> int:
    """Return how much of each array is evaluated together by a formula that holds so many temporaries: a power of 2, in bytes."""
    return min(_LARGEST, 1 << (_IN_ALL // temporaries).bit_length() - 1)


def per_block(call: Any) -> int:
    """Return how many losses of a call are evaluated together."""
    signature = call.plan.signature
    if signature.pulls:
        return _MANY
    numbers = block_bytes(signature.temporaries) // np.dtype(call.plan.dtype).itemsize
    steps = call.layout.sizes.get(signature.steps, 1)
    return int(max(1, numbers * min(steps, _MOST_STEPS) // call.layout.entries))


def blocks(loop: tuple[int, ...], size: int) -> Iterator[Index]:
    """Cut a loop shape into blocks of at most `size` elements (but for a row that is longer), the first axes first."""
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
    """Return where a block's sum belongs in the result of a reduction over `axes`, kept with size 1."""
    return tuple(slice(None) if i in axes else part for i, part in enumerate(index))


def flattened(
    arrays: Sequence[Array | None], loop: tuple[int, ...]
) -> tuple[list[Array | None], tuple[int, ...]] | None:
    """View the loop axes of all arrays as one, or give None where that would need a copy.

    Arrays in Fortran's order serve as well, transposed. Core axes are last and stay.
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
    """View a number that was broadcast as one that was broadcast to a vector, which is as good as contiguous."""
    if array is None or array.ndim != len(loop) or array.size < 2 or any(array.strides):
        return array
    return np.broadcast_to(array[(0,) * array.ndim], (prod(loop),))


def laid_out(arrays: Sequence[Array], cored: Sequence[Any]) -> tuple[tuple[int, ...], list[Array]]:
    """Return where the core axis of a block is, in front or last, and the arrays in C order; `cored` says which of them have it."""
    first = arrays[0]
    front = first.shape[-1] <= (
        _FEW_CLASSES if first.strides[-1] == first.itemsize else _MORE_CLASSES
    )
    moved = [
        core_in_front(x) if front and core else x for x, core in zip(arrays, cored, strict=True)
    ]
    return (0 if front else -1,), [
        np.ascontiguousarray(x) if core else x for x, core in zip(moved, cored, strict=True)
    ]


def core_in_front(array: Array) -> Array:
    """View an array with its last axis in front."""
    return array.transpose(array.ndim - 1, *range(array.ndim - 1))
