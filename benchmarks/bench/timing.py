"""Calls that are timed in turns on fresh data, and the memory that they take.

All contestants share each turn, in an order that is drawn anew, so that what else the machine does
falls on all of them. The shortest turn of each is kept: other programs only ever add to a time.
"""

import gc
import random
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from itertools import cycle
from time import perf_counter
from typing import Any

Call = Callable[[], Any]

SLICE = 1e-3
"""Seconds that a contestant has in a turn, at least one call."""
LONG_CALL = 2e-2
"""Seconds of a call that needs no call before it that is not timed, on one thread."""


def rotating(function: Callable[..., Any], sets: Iterable[tuple[Any, ...]]) -> Call:
    """Make a call that takes the next set of arrays each time.

    A processor learns the branches that one short array takes, and a user's data is never twice the
    same.
    """
    following = cycle(sets).__next__
    return lambda: function(*following())


def in_turns(
    calls: Mapping[str, Call], seconds: float, *, threads: int = 1, turns: tuple[int, int] = (5, 60)
) -> dict[str, float]:
    """Return the seconds of a call in its shortest turn.

    Each contestant has an equal share of `seconds`, and a number of turns within bounds: a slow one
    leaves after few of them.
    """
    loops, left, warm = {}, {}, {}
    low, high = turns
    for name, call in calls.items():
        call()
        once = min(_seconds(call, 1), _seconds(call, 1))
        loops[name] = max(1, round(SLICE / once))
        warm[name] = once < LONG_CALL or threads > 1
        fit = seconds / len(calls) / (once * (loops[name] + warm[name]))
        left[name] = max(low, min(high, round(fit)))
    shortest = dict.fromkeys(calls, float("inf"))
    shuffle = random.Random(0).shuffle
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        while order := [name for name in calls if left[name]]:
            shuffle(order)
            for name in order:
                left[name] -= 1
                if warm[name]:
                    # The caches and the allocator's memory fill, and the threads of the contestant
                    # before, which still look for work, go to sleep.
                    calls[name]()
                taken = _seconds(calls[name], loops[name]) / loops[name]
                shortest[name] = min(shortest[name], taken)
    finally:
        if collecting:
            gc.enable()
    return shortest


def _seconds(call: Call, loops: int) -> float:
    numbers = range(loops)
    start = perf_counter()
    for _ in numbers:
        call()
    return perf_counter() - start


def traced_peak(call: Call) -> tuple[int, Any]:
    """Return the most bytes that NumPy held during a call beyond what was there, and the result."""
    gc.collect()
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()
