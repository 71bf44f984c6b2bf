"""
A file larger than the memory you give it
=========================================

Predictions and targets lie in files. A loss reads them block by block, so that the extra memory
does not grow with the files.
"""

import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

import portable_losses as pl

_, progression = load_diabetes(return_X_y=True)
rng = np.random.default_rng(0)
folder = tempfile.TemporaryDirectory()
sizes = [10**5, 10**6, 10**7]


def stored(name, size):
    """Return a memmap of float32 numbers with the distribution of the data."""
    array = np.memmap(Path(folder.name) / name, dtype=np.float32, mode="w+", shape=(size,))
    for start in range(0, size, 10**6):
        part = array[start : start + 10**6]
        part[:] = rng.choice(progression, len(part))
    return array


def by_hand(pred, target, delta):
    """Return Huber's loss as one would write it."""
    size = np.abs(pred - target)
    return np.mean(np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta)))


# %%

extra, textbook = [], []
for size in sizes:
    pred, target = stored(f"pred{size}", size), stored(f"target{size}", size)
    for memory, function in (
        (extra, pl.huber_loss),
        (textbook, by_hand),
    ):
        tracemalloc.start()
        function(pred, target, delta=50.0)
        memory.append(tracemalloc.get_traced_memory()[1] / 2**20)
        tracemalloc.stop()
    print(f"{size:>10,} numbers: {extra[-1]:6.2f} MiB here, {textbook[-1]:6.1f} MiB by hand")

# %%

figure, ax = plt.subplots(figsize=(6.4, 3.6))
ax.loglog(sizes, extra, "o-", label="huber_loss")
ax.loglog(sizes, textbook, "o-", label="the formula, written by hand")
ax.set(xlabel="numbers in each file", ylabel="extra memory (MiB)", title="Peak of the extra memory")
ax.legend()
plt.show()
folder.cleanup()
