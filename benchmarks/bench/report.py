"""Tables of what was measured, in Markdown."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import figures
import pyperf

UNITS = ((1e-3, "ms"), (1e-6, "us"))


def tables(suite: Iterable[pyperf.Benchmark]) -> Iterator[str]:
    """Return the lines: the ratios that matter, then for each dtype, size and quantity times and memory side by side."""
    found = {_key(benchmark): benchmark for benchmark in suite}
    yield from figures.table({key: benchmark.median() for key, benchmark in found.items()})
    places = sorted({key[1:4] for key in found}, key=lambda place: (place[1], place[0], -place[2]))
    for (dtype, quantity, size), _ in groupby(places):
        here = {
            (key[0], key[4]): benchmark
            for key, benchmark in found.items()
            if key[1:4] == (dtype, quantity, size)
        }
        scale, unit = UNITS[size < 10**6]
        yield f"\n## {quantity.capitalize()} of {size:.0e} {dtype} numbers\n"
        yield f"Median in {unit}, and half the distance between the quartiles in per cent of it.\n"
        yield from _table(here, lambda benchmark, scale=scale: _time(benchmark, scale))
        if any("peak_bytes" in benchmark.get_metadata() for benchmark in here.values()):
            yield "\nPeak memory in MiB, in addition to the arrays, results included.\n"
            yield from _table(here, _memory)


def _key(benchmark: pyperf.Benchmark) -> figures.Key:
    about = benchmark.get_metadata()
    return about["loss"], about["dtype"], about["quantity"], about["size"], about["contestant"]


def _table(here, cell) -> Iterator[str]:
    losses = dict.fromkeys(loss for loss, _ in here)
    columns = dict.fromkeys(contestant for _, contestant in here)
    yield f"| loss | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for loss in losses:
        cells = (cell(here[loss, column]) if (loss, column) in here else "" for column in columns)
        yield f"| {loss} | {' | '.join(cells)} |"


def _time(benchmark: pyperf.Benchmark, scale: float) -> str:
    median = benchmark.median()
    spread = (benchmark.percentile(75) - benchmark.percentile(25)) / 2
    return f"{median / scale:.3g} ±{100 * spread / median:.0f}%"


def _memory(benchmark: pyperf.Benchmark) -> str:
    peak = benchmark.get_metadata().get("peak_bytes")
    return "" if peak is None else f"{peak / 2**20:.1f}"
