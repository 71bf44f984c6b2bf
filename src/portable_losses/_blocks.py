"""The geometry of blocks: views of NumPy arrays along their leading axes, of a size that stays in the cache."""

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from .typing import Array

_BLOCK_BYTES = 124 * 1024
"""The size of a temporary. Half a dozen of them stay in an L2 cache of 1 MiB; and below 128 KiB the allocator of glibc hands
out the same memory again, where at 256 KiB fresh pages took four times as long as the loss itself."""

SMALL_BLOCK = _BLOCK_BYTES // 8
"""As many elements are one block in each dtype."""

Index = tuple[slice, ...]


def block_size(dtype: np.dtype, classes: int) -> int:
    """Give how many losses are evaluated together."""
    return max(1, _BLOCK_BYTES // dtype.itemsize // classes)


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
    """Give where a block's sum belongs in the result of a reduction over `axes`, kept with size 1."""
    return tuple(slice(None) if i in axes else part for i, part in enumerate(index))


def flattened(arrays: Sequence[Array | None], loop: tuple[int, ...]) -> tuple[list[Array | None], tuple[int, ...]] | None:
    """View the loop axes of all arrays as one, or give None where that would need a copy.

    Arrays in Fortran's order serve as well, transposed. Core axes are last and stay.
    """
    given = [x for x in arrays if x is not None]
    transposed = False
    if not all(x.flags.c_contiguous for x in given):
        if not all(x.flags.f_contiguous and x.ndim == len(loop) for x in given):
            return None
        transposed = True
    flat = [None if x is None else (x.T if transposed else x).reshape(-1, *x.shape[len(loop) :]) for x in arrays]
    return flat, (prod(loop),)
