"""Losses of files larger than memory: ``python benchmarks/disk.py [GiB]``.

A pair of sparse files, which take no room on the disk, of 8 GiB each. RssAnon is the memory of the
process beyond the page cache, where the files' pages stay as long as the system likes. A gradient
is written, and not sparse: it is that of a part of the numbers.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import Self

import numpy as np

import portable_losses as pl

GIB = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
SHARE_OF_GRADIENT = 32
"""The part is one of this many."""


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


def sparse(folder: str, name: str, numbers: int) -> np.memmap:
    """Make a file of zeros that takes no room."""
    path = Path(folder, name)
    with path.open("wb") as file:
        os.truncate(file.fileno(), 4 * numbers)
    return np.memmap(path, np.float32, "r+", shape=(numbers,))


def main() -> None:
    numbers = int(GIB * 2**30) // 4
    with tempfile.TemporaryDirectory() as folder:
        pred, target = (sparse(folder, name, numbers) for name in ("pred", "target"))
        pred[::1000003], target[::1000003] = 0.5, 1.0  # a few pages
        part = slice(numbers // SHARE_OF_GRADIENT)
        gradient = sparse(folder, "gradient", part.stop)
        calls = {
            "mse_loss": lambda: pl.mse_loss(pred, target, progress=True),
            "dice_loss": lambda: pl.dice_loss(pred, target, progress=True),
            "mse_loss.grad": lambda: pl.mse_loss.grad(
                pred[part], target[part], out=gradient, progress=True
            ),
            "dice_loss.grad": lambda: pl.dice_loss.grad(
                pred[part], target[part], out=gradient, progress=True
            ),
        }
        print(f"files of {GIB:g} GiB; before: {anonymous():.0f} MiB")
        for name, call in calls.items():
            with Peak() as peak:
                call()
            print(f"{name:16}{peak.seconds:8.1f} s{peak.most:8.0f} MiB at most")


if __name__ == "__main__":
    main()
