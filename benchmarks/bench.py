"""How long a call takes beside the expression that a textbook would have you write, and how much memory.

Both run in one process and in turns, so that what else the machine does falls on both; a figure is the median over the
turns, a ratio that of the medians, and the spread (the quartiles) stands beside it. Nothing here passes or fails: timings
belong to a machine. ``python benchmarks/bench.py`` prints the tables and writes them to ``benchmarks/results/``; with
``--quick`` it takes a few seconds and only prints.
"""

import argparse
import datetime as dt
import gc
import platform
import re
import statistics
import timeit
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import portable_losses as pl

RESULTS = Path(__file__).parent / "results"
SMALL = 4
CLASSES = 10

Call = Callable[[], Any]


class Subject(NamedTuple):
    """A loss, what a textbook has in its place, and arguments for both."""

    loss: Any
    textbook: Callable[..., Any]
    draw: Callable[[np.random.Generator, int], tuple[np.ndarray, ...]]


def normal(random: np.random.Generator, size: int) -> tuple[np.ndarray, ...]:
    return random.normal(0, 2, size), random.normal(0, 2, size)


def probabilities(random: np.random.Generator, size: int) -> tuple[np.ndarray, ...]:
    return random.uniform(0.001, 0.999, size), (random.uniform(size=size) < 0.5).astype(float)


def logits(random: np.random.Generator, size: int) -> tuple[np.ndarray, ...]:
    return random.normal(0, 3, size), (random.uniform(size=size) < 0.5).astype(float)


def rows(random: np.random.Generator, size: int) -> tuple[np.ndarray, ...]:
    return random.normal(0, 3, (size, CLASSES)), random.integers(0, CLASSES, size)


def huber(pred: np.ndarray, target: np.ndarray) -> Any:
    residual = np.abs(pred - target)
    return np.mean(np.where(residual <= 1, 0.5 * residual**2, residual - 0.5))


def cross_entropy(pred: np.ndarray, target: np.ndarray) -> Any:
    shifted = pred - pred.max(axis=1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(log_softmax[np.arange(len(pred)), target])


SUBJECTS = (
    Subject(pl.mse_loss, lambda p, t: np.mean((p - t) ** 2), normal),
    Subject(pl.l1_loss, lambda p, t: np.mean(np.abs(p - t)), normal),
    Subject(pl.huber_loss, huber, normal),
    Subject(
        pl.binary_cross_entropy,
        lambda p, y: -np.mean(y * np.log(p + 1e-15) + (1 - y) * np.log(1 - p + 1e-15)),
        probabilities,
    ),
    Subject(
        pl.binary_cross_entropy_with_logits,
        lambda z, y: np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))),
        logits,
    ),
    Subject(pl.cross_entropy, cross_entropy, rows),
)


class Timing(NamedTuple):
    """The quartiles of the seconds that a call took."""

    lower: float
    median: float
    upper: float

    def text(self, unit: float) -> str:
        return f"{self.median / unit:.2f} ({self.lower / unit:.2f} to {self.upper / unit:.2f})"


def in_turns(calls: Mapping[str, Call], turns: int, number: int) -> dict[str, Timing]:
    """Time the calls one after the other, `number` times each, for so many turns, of which the first only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(turns + 1):
        for name, call in calls.items():
            taken = timeit.timeit(call, number=number) / number
            if turn:
                seconds[name].append(taken)
    return {name: Timing(*statistics.quantiles(taken, n=4)) for name, taken in seconds.items()}


def peak(call: Call) -> int:
    """Give the largest number of bytes that a call held in addition to what was there."""
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def small_calls(turns: int, number: int) -> Iterator[str]:
    yield f"## {SMALL} float64 numbers ({CLASSES} classes each for cross_entropy), microseconds\n"
    yield "| loss | value | value_and_grad | textbook, value | value / textbook |"
    yield "|---|---|---|---|---|"
    for loss, textbook, draw in SUBJECTS:
        arrays = draw(np.random.default_rng(0), SMALL)
        calls = {
            "value": lambda loss=loss, arrays=arrays: loss(*arrays),
            "both": lambda loss=loss, arrays=arrays: loss.value_and_grad(*arrays),
            "textbook": lambda textbook=textbook, arrays=arrays: textbook(*arrays),
        }
        timing = in_turns(calls, turns, number)
        cells = [timing[name].text(1e-6) for name in calls]
        yield _row(loss.__name__, *cells, f"{timing['value'].median / timing['textbook'].median:.2f}")


def large_calls(turns: int, size: int) -> Iterator[str]:
    yield f"\n## {size:.0e} float32 numbers (in rows of {CLASSES} for cross_entropy), nanoseconds a number\n"
    yield "| loss | value | value_and_grad | textbook, value | textbook / value | MiB, value | MiB, both but the gradient |"
    yield "|---|---|---|---|---|---|---|"
    for loss, textbook, draw in SUBJECTS:
        drawn = draw(np.random.default_rng(0), size // CLASSES if draw is rows else size)
        arrays = tuple(x.astype(np.float32) if x.dtype == np.float64 else x for x in drawn)
        del drawn
        calls = {
            "value": lambda loss=loss, arrays=arrays: loss(*arrays),
            "both": lambda loss=loss, arrays=arrays: loss.value_and_grad(*arrays),
            "textbook": lambda textbook=textbook, arrays=arrays: textbook(*arrays),
        }
        timing = in_turns(calls, turns, 1)
        cells = [timing[name].text(1e-9 * size) for name in calls]
        extra = (peak(calls["value"]), peak(calls["both"]) - arrays[0].nbytes)
        memory = (f"{given / 2**20:.2f}" for given in extra)
        yield _row(loss.__name__, *cells, f"**{timing['textbook'].median / timing['value'].median:.2f}**", *memory)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def processor() -> str:
    """Give the name of the processor, as the system tells it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def main() -> None:
    """Run the benchmarks."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a few seconds, and nothing written")
    quick: bool = options.parse_args().quick
    today = dt.datetime.now(tz=dt.UTC).date()
    versions = ", ".join(f"{name} {version(name)}" for name in ("portable-losses", "numpy"))
    lines = [
        f"# {processor()}, {today}\n",
        f"Python {platform.python_version()}, {versions}. Medians, and quartiles in brackets.\n",
    ]
    print(*lines, sep="\n")
    small, large = (small_calls(5, 200), large_calls(3, 10**6)) if quick else (small_calls(25, 2000), large_calls(15, 10**7))
    for line in chain(small, large):
        print(line, flush=True)
        lines.append(line)
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        slug = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
        (RESULTS / f"{slug}-{today}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
