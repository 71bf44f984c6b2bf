"""How long a call takes, and how much memory, beside what else there is for it, on the same arrays, in one process and in turns.

``nox -s bench`` writes a table (Markdown) and the data (JSON, of pyperf) to benchmarks/results/.
Options choose what is measured: ``nox -s bench -- --losses mse --sizes 4 1e7 --contestants NumPy
torch``. Nothing passes or fails: timings belong to a machine.
"""

import argparse
import datetime as dt
import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyperf
import report
from contestants import FLOOR, QUANTITIES, Contestant, compiler, contestants
from subjects import SUBJECTS, Subject
from timing import Call, in_turns

RESULTS = Path(__file__).resolve().parent.parent / "results"
PACKAGES = (
    "portable-losses",
    "numpy",
    "torch",
    "jax",
    "jaxlib",
    "optax",
    "scikit-learn",
    "cupy-cuda13x",
    "cupy-cuda12x",
    "pyperf",
)
SIZES = (4, 10**3, 10**5, 10**7)
MEMORY_FROM = 10**6
"""From this size on memory is measured: below it the libraries have it at hand."""


def main() -> None:
    """Run the benchmarks."""
    given = options()
    players = [player for player in contestants() if chosen(player.name, given.contestants)]
    subjects = [subject for subject in SUBJECTS if chosen(subject.name, given.losses)]
    head = heading(players)
    print(*head, sep="\n", flush=True)
    suite: list[pyperf.Benchmark] = []
    for subject in subjects:
        for dtype in given.dtypes:
            for size in sorted(given.sizes):
                if subject.classes <= max(10, size):
                    suite += measured(subject, players, dtype, size, given)
        lines = [*head, *report.tables(suite)]
        if given.write:  # after each loss, as a run may be stopped
            write(suite, lines)
    print(*lines[len(head) :], sep="\n")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--losses",
        nargs="+",
        default=[""],
        metavar="PART",
        help="those whose names have one of these parts",
    )
    parser.add_argument(
        "--contestants", nargs="+", default=[""], metavar="PART", help="the same for contestants"
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=lambda text: int(float(text)),
        default=SIZES,
        metavar="N",
        help="4 1e3 1e5 1e7",
    )
    parser.add_argument(
        "--dtypes", nargs="+", choices=("float32", "float64"), default=("float32", "float64")
    )
    parser.add_argument("--quantities", nargs="+", choices=QUANTITIES, default=QUANTITIES)
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="for each loss, dtype, size and quantity (3)"
    )
    parser.add_argument("--print-only", action="store_false", dest="write", help="write nothing")
    return parser.parse_args()


def chosen(name: str, parts: list[str]) -> bool:
    return any(part in name for part in parts)


def measured(
    subject: Subject, players: list[Contestant], dtype: str, size: int, given: argparse.Namespace
) -> list[pyperf.Benchmark]:
    """Time all contestants on the same arrays."""
    arrays = subject.draw(
        np.random.default_rng(0), max(1, size // subject.classes), np.dtype(dtype).type
    )
    found = []
    for quantity in given.quantities:
        made = {player: player.make(subject, arrays, quantity) for player in players}
        calls = {player: call for player, call in made.items() if call is not None}
        agree(f"{subject.name}, {dtype}, {size}", calls)
        taken = in_turns({player.name: call for player, call in calls.items()}, given.seconds)
        shortest = ", ".join(f"{name} {min(times):.2g}" for name, (times, _) in taken.items())
        print(
            f"{subject.name}, {dtype}, {size:.0e}, {quantity}, shortest in s: {shortest}",
            file=sys.stderr,
            flush=True,
        )
        for player, call in calls.items():
            peak = player.peak(call) if size >= MEMORY_FROM else None
            times, loops = taken[player.name]
            about: dict[str, Any] = {
                "loops": loops,
                "name": f"{subject.name}/{dtype}/{size}/{quantity}/{player.name}",
                "loss": subject.name,
                "dtype": dtype,
                "size": size,
                "quantity": quantity,
                "contestant": player.name,
            }
            if peak is not None:
                about["peak_bytes"] = peak
            found.append(
                pyperf.Benchmark([pyperf.Run(times, metadata=about, collect_metadata=False)])
            )
    return found


def agree(what: str, calls: dict[Contestant, Call]) -> None:
    """Refuse to compare contestants that do not compute the same."""
    values = {
        player.name: _first(call())
        for player, call in calls.items()
        if not player.name.startswith("floor")
    }
    middle = float(np.median(list(values.values())))
    for name, value in values.items():
        if not abs(value - middle) <= 1e-3 * abs(middle):
            raise ValueError(f"{what}: {name} gives {value}, others {middle}")


def _first(result: Any) -> float:
    return float(result[0] if isinstance(result, (tuple, list)) else result)


def heading(players: list[Contestant]) -> list[str]:
    names = [player.name for player in players]
    lines = [
        f"# {processor()}, {today()}\n",
        f"Python {platform.python_version()}, {', '.join(versions())}; {os.cpu_count()} cores.",
    ]
    if hasattr(os, "getloadavg"):
        lines.append(f"Other programs at the start: a load of {os.getloadavg()[0]:.1f}.")
    if any("compiled" in name for name in names):
        lines.append(
            f"torch.compile has the backend {compiler()}"
            + ("." if compiler() == "inductor" else ": no C++ compiler.")
        )
    if any("cuda" in name for name in names):
        import torch

        lines.append(f"GPU: {torch.cuda.get_device_name()}.")
    if FLOOR in names:
        lines.append("The floor is the time to add up each array, that is, to read it once.")
    return lines


def versions() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Return the name of the processor, as the system tells it."""
    try:
        found = re.search(
            r"^model name\s*:\s*(.+)$",
            Path("/proc/cpuinfo").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def today() -> dt.date:
    return dt.datetime.now(tz=dt.UTC).date()


def write(suite: list[pyperf.Benchmark], lines: list[str]) -> None:
    RESULTS.mkdir(exist_ok=True)
    stem = f"{re.sub(r'[^a-z0-9]+', '-', processor().lower()).strip('-')}-{today()}"
    (RESULTS / f"{stem}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = pyperf.BenchmarkSuite(suite)
    for benchmark in data:
        benchmark.update_metadata(
            {"versions": ", ".join(versions()), "cpu_model_name": processor(), "date": str(today())}
        )
    data.dump(str(RESULTS / f"{stem}.json"), compact=True, replace=True)


if __name__ == "__main__":
    main()
