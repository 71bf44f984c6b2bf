"""Tables and pictures of what was measured: benchmarks/results, accuracy.csv, support.json."""

import csv
import json
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

DOCS = Path(__file__).parents[1]
BENCHMARKS = DOCS.parent / "benchmarks"
sys.path.append(str(BENCHMARKS / "bench"))

FUNCTIONS = "function", "parameters", "quantity"
DTYPES = "float32", "float64"
MODES = {"the processor as it is": "AVX-512", "AVX-512 disabled": "AVX2"}


@cache
def benchmark() -> dict[str, Any]:
    """Return the newest results of ``nox -s bench``."""
    return max(
        (
            json.loads(path.read_text(encoding="utf-8"))
            for path in (BENCHMARKS / "results").glob("*.json")
        ),
        key=lambda found: found["date"],
    )


def machine() -> str:
    """Return where and when the benchmark ran."""
    found = benchmark()
    return f"{found['processor']}, {found['date']}; {', '.join(found['versions'])}"


def figures() -> str:
    """Return the table of the figures, their aims, and what was reached."""
    from figures import figures as read

    columns = {
        label: {figure.what: figure for figure in read(benchmark()["modes"][mode], mode)}
        for mode, label in MODES.items()
    }
    lines = [
        "| time here / time of the other | aim | AVX-512 | AVX2 |",
        "|---|---|---|---|",
    ]
    for what, first in columns["AVX-512"].items():
        cells = [columns[label].get(what) for label in columns]
        unit = first.unit and f" {first.unit}"
        shown = [
            ""
            if cell is None
            else f"{cell.mean if cell.mean is not None else max(cell.members.values()):.2f}{unit}"
            for cell in cells
        ]
        lines.append(f"| {what} | {first.limits} | {' | '.join(shown)} |")
    return "\n".join(lines)


def ratios(size: int, rival: str, quantity: str = "value", dtype: str = "float32") -> None:
    """Draw how many times faster each loss is than another library, for both processors."""
    from contestants import OURS
    from figures import ratios as read

    found = {
        label: read(
            benchmark()["modes"][mode], OURS, rival, size=size, quantity=quantity, dtype=dtype
        )
        for mode, label in MODES.items()
    }
    names = sorted(found["AVX-512"], key=found["AVX-512"].__getitem__, reverse=True)
    _, ax = plt.subplots(figsize=(7, 0.32 * len(names) + 1))
    for offset, (label, members) in zip((0.18, -0.18), found.items(), strict=True):
        places = [i + offset for i in range(len(names))]
        ax.barh(places, [1 / members[name] for name in names], height=0.34, label=label)
    ax.axvline(1, color="#8a8f98", linewidth=1)
    ax.set_xscale("log")
    ax.set_yticks(range(len(names)), names)
    ticks = (0.25, 0.5, 1, 2, 4, 8, 16, 32)
    ax.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlim(
        0.2, max(1 / value for members in found.values() for value in members.values()) * 1.2
    )
    ax.set_title(f"{quantity}, {size:,} numbers ({dtype})")
    ax.set_xlabel(f"times as fast as {rival.replace('textbook, ', 'textbook ')}")
    ax.legend(loc="lower right")


def times(size: int, quantity: str = "value", dtype: str = "float32") -> str:
    """Return the table of times of one size, on the processor as it is."""
    from contestants import OURS, TEXTBOOK, TORCH

    shown = {OURS: "here", TEXTBOOK: "textbook NumPy", TORCH: "PyTorch"}
    records = [
        record
        for record in benchmark()["modes"]["the processor as it is"]
        if (record["size"], record["quantity"], record["dtype"]) == (size, quantity, dtype)
    ]
    found = {(record["loss"], record["contestant"]): record["value"] for record in records}
    scale, unit = (1e3, "ms") if size >= 10**6 else (1e6, "µs")
    lines = [
        f"| loss, in {unit} | {' | '.join(shown.values())} |",
        "|---" * (1 + len(shown)) + "|",
    ]
    for loss in dict.fromkeys(record["loss"] for record in records):
        cells = [found.get((loss, contestant)) for contestant in shown]
        text = ["" if cell is None else f"{cell * scale:.3g}" for cell in cells]
        lines.append(f"| {loss} | {' | '.join(text)} |")
    return "\n".join(lines)


@cache
def errors() -> list[dict[str, str]]:
    """Return the rows of accuracy.csv."""
    with (DOCS / "accuracy.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def accuracy() -> str:
    """Return the largest error of each function, over its parameters, beside those of others."""
    rows = errors()
    peers = dict.fromkeys(
        column.removesuffix(", float32")
        for column in rows[0]
        if column.endswith(", float32") and not column.startswith("portable_losses")
    )
    lines = [
        "| function | of the limit | value, in ulp | values of others, in ulp |",
        "|---|---|---|---|",
    ]
    for function in dict.fromkeys(row["function"] for row in rows):
        own = [row for row in rows if row["function"] == function]
        values = [row for row in own if row["quantity"] == "value"]
        limit = _worst(own, "portable_losses, of what is allowed")
        others = [
            f"{peer} {_number(worst)}"
            for peer in peers
            if (worst := _worst(values, peer)) is not None
        ]
        cells = (f"{limit:.2f}", _number(_worst(values, "portable_losses")), "; ".join(others))
        lines.append(f"| `{function}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _worst(rows: list[dict[str, str]], column: str) -> float | None:
    found = [float(text) for row in rows for dtype in DTYPES if (text := row[f"{column}, {dtype}"])]
    return max(found, default=None)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if math.isinf(value):
        return "**inf or NaN**"
    if value < 1000:
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    return f"**{value:.0e}**".replace("e+0", "e").replace("e+", "e")


LIBRARIES = {
    "numpy": "NumPy",
    "torch": "PyTorch",
    "jax": "JAX",
    "dask": "Dask",
    "strict": "array-api-strict",
}
ABILITIES = ("value", "gradient", "compiled", "lazy")


@cache
def support_of() -> dict[str, Any]:
    """Return what support.json says of each library."""
    found = json.loads((DOCS / "support.json").read_text(encoding="utf-8"))
    return {name: found[name] for name in LIBRARIES if name in found}


def libraries() -> str:
    """Return the table of libraries: how many losses each can do, and when that was tested."""
    lines = [
        "| library | " + " | ".join(ABILITIES) + " | tested |",
        "|---" * (len(ABILITIES) + 2) + "|",
    ]
    for name, found in support_of().items():
        counts = [sum(what in able for able in found["losses"].values()) for what in ABILITIES]
        cells = [str(count) if count else "–" for count in counts]
        lines.append(
            f"| {LIBRARIES[name]} {found['version'].partition('+')[0]} | {' | '.join(cells)} | "
            f"{found['date']} |"
        )
    return "\n".join(lines)


def support() -> str:
    """Return the table of losses: what each library can do with each."""
    found = support_of()
    lines = [
        f"| loss | {' | '.join(LIBRARIES[name] for name in found)} |",
        "|---" * (len(found) + 1) + "|",
    ]
    for loss in sorted({loss for library in found.values() for loss in library["losses"]}):
        cells = [
            "\N{NO-BREAK SPACE}".join(
                what[0] for what in ABILITIES if what in library["losses"].get(loss, ())
            )
            for library in found.values()
        ]
        lines.append(f"| [`{loss}`](catalogue/{loss}.md) | {' | '.join(cells)} |")
    return "\n".join(lines)
