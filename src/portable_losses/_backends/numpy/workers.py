"""Threads for the blocks of NumPy arrays: NumPy releases the interpreter's lock."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from operator import index
from typing import TypeVar

from ..settings import Change, Setting

Item = TypeVar("Item")
Result = TypeVar("Result")

_workers = Setting("workers", 1)


def set_workers(workers: int) -> Change[int]:
    """Set how many threads evaluate the blocks of NumPy arrays.

    A plain call sets it for the process. In a ``with`` it holds for the block of code, in this
    thread or task.

    Parameters
    ----------
    workers : int
        The number of threads. Negative numbers count from the number of cores: -1 is all of them,
        -2 all but one, as in ``scipy.fft.set_workers``.

    Returns
    -------
    context manager
        For ``with set_workers(2):``. Blocks nest. By default there is one thread.

    Raises
    ------
    TypeError
        If `workers` is not a whole number.
    ValueError
        If it is 0, or counts below 1.

    Notes
    -----
    Results do not depend on the number of threads: the blocks and the order of their sum are the
    same. Data that fits into one block, some ten thousand numbers, is evaluated in the calling
    thread. Other array libraries have their own threads.

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
        raise ValueError(
            f"set_workers: workers must be at least 1, or negative and at least -{cores}, "
            f"got {workers!r}"
        )
    return Change(_workers, count)


def _cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Return the results of a function in the order of its arguments, evaluated by the threads.

    The calling thread is one of them. Each thread takes the next block when it is ready: to submit
    every block separately would take longer than a cheap block. All threads have the context of the
    calling thread: its ignored warnings and its settings.
    """
    workers = _workers.get()
    waiting = deque(() if workers == 1 else enumerate(items))
    number = len(waiting)
    if number < 2:
        yield from map(function, [item for _, item in waiting] or items)
        return
    done: dict[int, Result] = {}

    def take_one() -> None:
        try:
            place, item = waiting.popleft()
        except IndexError:  # another thread was faster
            return
        done[place] = function(item)

    def take_all() -> None:
        try:
            while waiting:
                take_one()
        finally:
            waiting.clear()  # after an error no other block is started

    from concurrent.futures import ThreadPoolExecutor  # which takes long to import

    with ThreadPoolExecutor(workers - 1) as pool:
        others = [
            pool.submit(copy_context().run, take_all) for _ in range(min(workers, number) - 1)
        ]
        try:
            for place in range(number):
                while waiting and place not in done:
                    take_one()
                if place not in done:
                    for other in others:
                        other.result()
                yield done.pop(place)
        finally:
            waiting.clear()
