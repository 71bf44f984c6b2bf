"""Threads for the blocks of NumPy arrays: NumPy computes without the interpreter's lock."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from operator import index
from typing import TypeVar

_workers = ContextVar("portable_losses.workers", default=1)

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def set_workers(workers: int) -> Generator[None]:
    """Set how many threads evaluate the blocks of NumPy arrays, in this thread or task, for a block of code.

    Parameters
    ----------
    workers : int
        The number of threads. Negative numbers count from the number of cores: -1 is all of them, -2 all but one, as in
        ``scipy.fft.set_workers``.

    Yields
    ------
    None
        Nothing: the setting holds inside the ``with`` block, and nests. By default there is one thread.

    Raises
    ------
    TypeError
        If `workers` is not a whole number.
    ValueError
        If it is 0, or counts below 1.

    Notes
    -----
    Results do not depend on the number of threads, to the last digit: the blocks are the same, and so is the order in which they
    are added up. What fits into one block, some ten thousand numbers, is evaluated in the calling thread. Arrays of other
    libraries are evaluated by these as they see fit.

    Examples
    --------
    >>> import numpy as np
    >>> import portable_losses as pl
    >>> pred = np.linspace(-1.0, 1.0, 10**6)
    >>> with pl.set_workers(2):
    ...     loss = pl.mse_loss(pred, 0.0)
    >>> bool(loss == pl.mse_loss(pred, 0.0))
    True
    """
    if isinstance(workers, bool) or not hasattr(workers, "__index__"):
        raise TypeError(f"set_workers: workers must be a whole number, got {workers!r}")
    cores, number = _cores(), index(workers)
    count = number if number >= 0 else cores + 1 + number
    if count < 1:
        raise ValueError(f"set_workers: workers must be at least 1, or negative and at least -{cores}, got {workers!r}")
    token = _workers.set(count)
    try:
        yield
    finally:
        _workers.reset(token)


def _cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Give the results of a function in the order of its arguments, evaluated by as many threads as are set.

    Each thread has the context of this one: what warnings are ignored, and whether values are looked at.
    """
    workers = _workers.get()
    waiting = [] if workers == 1 else list(items)
    if len(waiting) < 2:
        yield from map(function, waiting or items)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda item, context: context.run(function, item), waiting, [copy_context() for _ in waiting])
