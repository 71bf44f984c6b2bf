"""Calls timed in turns, with pyperf's clock, and kept as pyperf's benchmarks, whose medians and percentiles are shown.

All contestants share each turn, in an order that is drawn anew, so that what else the machine does
falls on all of them.
"""

import gc
import random
import re
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyperf

Call = Callable[[], Any]

SLICE = 2e-3
"""Seconds that a contestant has in a turn, at least one call."""


def in_turns(
    calls: Mapping[str, Call], seconds: float, turns: tuple[int, int] = (5, 25)
) -> dict[str, tuple[list[float], int]]:
    """Time each call in every turn, after some that warm up; as many turns as fit into the seconds, within bounds.

    Gives for each the seconds of a call in each turn, and how many calls made a turn.
    """
    loops, total = {}, 0.0
    for name, call in calls.items():
        call()
        once = min(_seconds(call, 1), _seconds(call, 1))
        loops[name] = max(1, round(SLICE / once))
        total += once * (1 + loops[name])
    low, high = turns
    order: list[str] = list(calls)
    values: dict[str, list[float]] = {name: [] for name in calls}
    shuffle = random.Random(0).shuffle
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(max(low, min(high, round(seconds / total)))):
            shuffle(order)
            for name in order:
                # meanwhile the idle threads of the contestant before, which wait in a loop, go to
                # sleep
                calls[name]()
                values[name].append(_seconds(calls[name], loops[name]) / loops[name])
    finally:
        if collecting:
            gc.enable()
    return {name: (times, loops[name]) for name, times in values.items()}


def _seconds(call: Call, loops: int) -> float:
    numbers = range(loops)
    start = pyperf.perf_counter()
    for _ in numbers:
        call()
    return pyperf.perf_counter() - start


def traced_peak(call: Call) -> int:
    """Return the most bytes that NumPy held during a call in addition to what was there."""
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def resident_peak(call: Call) -> int | None:
    """Return by how much the memory of the process rose during a call, as Linux counts; None on other systems.

    It holds for arrays too large for the allocator to have them at hand.
    """
    try:
        # the peak is what is there now
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _peak_kilobytes()
        call()
        return 1024 * (_peak_kilobytes() - before)
    except OSError:
        return None


def _peak_kilobytes() -> int:
    found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    if found is None:
        raise OSError("the system does not say")
    return int(found[1])
