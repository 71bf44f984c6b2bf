"""Time and memory of calls, beside what else there is for them: figures with their limits.

``nox -s bench`` measures with the processor as it is and, where it has AVX-512, once more with
AVX-512 disabled, as most processors have none. It writes tables (Markdown) and all the times (JSON)
to benchmarks/results/. ``nox -s bench -- --quick`` does less. All contestants take turns on the
same arrays, with one thread each where nothing else is said; what counts is the shortest turn.
Nothing passes or fails: timings belong to a machine.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import machine
import report
from figures import Figure, Limits
from lines import code_lines

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
SOURCE = HERE.parent.parent / "src"
IMPORT = """
import time, numpy
start = time.process_time()
import portable_losses
print(time.process_time() - start)
"""
INTERPRETERS = 7


def main() -> None:
    given = options()
    modes = machine.modes()
    if given.no_avx512:
        modes.pop(machine.NATIVE)
    if not modes:
        raise SystemExit("This processor has no AVX-512.")
    data: dict[str, Any] = {
        "processor": machine.processor(),
        "features": machine.features(),
        "versions": machine.versions(),
        "date": str(machine.today()),
        "load": machine.load(),
        "code_lines": code_lines(SOURCE),
        "import_seconds": import_seconds(),
        "modes": {},
    }
    for mode, environment in modes.items():
        data["modes"][mode] = measured(given, mode, environment)
        lines = list(tables(data))
        if given.write:  # after each mode, as a run may be stopped
            write(data, lines, quick=given.quick)
    print(*lines, sep="\n")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="100, 1e4 and 1e6 float32 numbers, no torch.compile, one thread only",
    )
    parser.add_argument("--no-avx512", action="store_true", help="only with AVX-512 disabled")
    parser.add_argument(
        "--losses",
        nargs="+",
        default=[""],
        metavar="PART",
        help="those whose names have one of these parts",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=lambda text: int(float(text)),
        metavar="N",
        help="100 1e4 1e6 1e7",
    )
    parser.add_argument("--print-only", action="store_false", dest="write", help="write nothing")
    return parser.parse_args()


def measured(given: argparse.Namespace, mode: str, environment: dict[str, str]) -> list[Any]:
    """Measure the parts, each in a process with the environment of the mode."""
    quick = given.quick
    sizes = given.sizes or ([100, 10**4, 10**6] if quick else [100, 10**4, 10**6, 10**7])
    settings: dict[str, Any] = {
        "losses": given.losses,
        "sizes": sizes,
        "dtypes": ["float32"] if quick else ["float32", "float64"],
        "compilers": not quick,
        "simdlen": 256 if mode == machine.NO_AVX512 else None,
        "memory_size": 10**7 if quick else 10**8,
    }
    alone = {**environment, **machine.one_thread()}
    found = part("one thread", settings, alone) + part("memory", settings, alone)
    if 10**7 in sizes:
        two = {**alone, "NPROC": "2"}
        found += part("two workers", {**settings, "sizes": [10**7]}, two)
    return found


def part(name: str, settings: dict[str, Any], environment: dict[str, str]) -> list[Any]:
    found = subprocess.run(
        [sys.executable, str(HERE / "measure.py"), name, json.dumps(settings)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    return list(json.loads(found.stdout))


def import_seconds() -> float:
    """Return the processor time of the import, of fresh interpreters; the first one compiles."""
    taken = [
        float(
            subprocess.run(
                [sys.executable, "-c", IMPORT], stdout=subprocess.PIPE, check=True
            ).stdout
        )
        for _ in range(1 + INTERPRETERS)
    ]
    return median(taken[1:])


def tables(data: dict[str, Any]) -> list[str]:
    """Return the lines of the report."""
    imported = Figure("import", Limits(0.15), {"median": data["import_seconds"]}, "s")
    lines = [
        f"# {data['processor']}, {data['date']}\n",
        f"{', '.join(data['versions'])}; {os.cpu_count()} cores.",
        f"Other programs at the start: a load of {data['load']}.",
        f"NumPy has kernels for these features of the processor: {', '.join(data['features'])}.",
        "Shortest of many turns, in which the contestants take turns on the same arrays.\n",
        f"src/ has {data['code_lines']} lines of code.\n",
        *report.table([imported]),
    ]
    for mode, records in data["modes"].items():
        lines += report.of_mode(mode, records)
    return lines


def write(data: dict[str, Any], lines: list[str], *, quick: bool) -> None:
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", data["processor"].lower()).strip("-")
    stem = f"{name}-{data['date']}{'-quick' * quick}"
    (RESULTS / f"{stem}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (RESULTS / f"{stem}.json").write_text(json.dumps(data) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
