"""Losses of files larger than memory: ``python benchmarks/disk.py [GiB] [zarr | h5py]``.

A pair of sparse files, which take no room on the disk, of 8 GiB each: memmaps of NumPy, or arrays
of Zarr or h5py, whose chunks are not there. RssAnon is the memory of the process beyond the page
cache, where the files' pages stay as long as the system likes. A gradient is written, and not
sparse: it is that of a part of the numbers.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import numpy as np

import portable_losses as pl

GIB = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
KIND = sys.argv[2] if len(sys.argv) > 2 else "memmap"
SHARE_OF_GRADIENT = 32
"""The part is one of this many."""
CHUNK = 2**20


def anonymous() -> float:
    """Return the anonymous resident memory in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in lines if x.startswith("RssAnon")).split()[1]) / 1024


class Peak:
    """The peak of the anonymous memory in a block of code, and its time."""

    def __enter__(self) -> Self:
        self.most, self._done = anonymous(), Event()
        self._thread = Thread(target=self._watch)
        self._thread.start()
        self._start = time.perf_counter()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.most = max(self.most, anonymous())

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._thread.join()


def sparse(folder: str, name: str, numbers: int) -> Any:
    """Make a file of zeros that takes no room."""
    path = Path(folder, name)
    if KIND == "zarr":
        import zarr

        return zarr.create_array(path, shape=(numbers,), chunks=(CHUNK,), dtype="float32")
    if KIND == "h5py":
        import h5py

        file = h5py.File(path, "w")
        return file.create_dataset("x", (numbers,), "float32", chunks=(CHUNK,))
    with path.open("wb") as file:
        os.truncate(file.fileno(), 4 * numbers)
    return np.memmap(path, np.float32, "r+", shape=(numbers,))


def main() -> None:
    numbers = int(GIB * 2**30) // 4
    with tempfile.TemporaryDirectory() as folder:
        pred, target = (sparse(folder, name, numbers) for name in ("pred", "target"))
        some = np.s_[5 : numbers : numbers // 40]
        pred[some], target[some] = 0.5, 1.0  # a few pages
        few = numbers // SHARE_OF_GRADIENT
        part = [sparse(folder, name, few) for name in ("some pred", "some target")]
        gradient = sparse(folder, "gradient", few)
        calls = {
            "mse_loss": lambda: pl.mse_loss(pred, target, progress=True),
            "dice_loss": lambda: pl.dice_loss(pred, target, progress=True),
            "mse_loss.grad": lambda: pl.mse_loss.grad(*part, out=gradient, progress=True),
            "dice_loss.grad": lambda: pl.dice_loss.grad(*part, out=gradient, progress=True),
        }
        print(f"files of {GIB:g} GiB; before: {anonymous():.0f} MiB")
        for name, call in calls.items():
            with Peak() as peak:
                call()
            print(f"{name:16}{peak.seconds:8.1f} s{peak.most:8.0f} MiB at most")


if __name__ == "__main__":
    main()
