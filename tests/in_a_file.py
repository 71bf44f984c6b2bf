"""An array in a file, as Zarr and h5py have it, which remembers how it was read and written."""

from typing import Any

import numpy as np


class Stored:
    """An array in a file, as those packages have it.

    It remembers how many numbers were read at a time, and how often each was written.
    """

    def __init__(self, array: np.ndarray, chunks: tuple[int, ...] | None) -> None:
        self.array, self.chunks = array, chunks
        self.shape, self.dtype = array.shape, array.dtype
        self.most = 0
        self.written = np.zeros(array.shape, int)

    def __getitem__(self, index: Any) -> np.ndarray:
        part = self.array[index].copy()
        self.most = max(self.most, part.size)
        return part

    def __setitem__(self, index: Any, part: np.ndarray) -> None:
        if index == ...:
            index = (slice(None),) * len(self.shape)
        for cut, n, chunk in zip(index, self.shape, self.chunks or (1, 1, 1), strict=False):
            start, stop, _ = cut.indices(n)
            assert start % chunk == 0, "a chunk is written by parts"
            assert stop % chunk == 0 or stop == n, "a chunk is written by parts"
        self.array[index] = part
        self.written[index] += 1
