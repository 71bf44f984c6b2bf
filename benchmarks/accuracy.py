"""The accuracy table: the largest error of every loss, here and in other packages.

``nox -s accuracy`` writes docs/accuracy.csv, which the documentation shows. The points and the
exact results are those of the tests (``tests/references``), and the other packages those of
``tests/peers``. Each package is evaluated at the same points, also where it is known to be wrong,
but not where it means something else. Errors are in units of the last place of the exact result
(or, if it is the difference of two terms that cancel, of the larger term). Our errors are also
given as shares of the error that ``tests/cases/contract.py`` allows.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from accuracy import ORDERS, measured  # noqa: E402
from cases import SWEEPS, Sweep  # noqa: E402
from cases.contract import errors  # noqa: E402
from peers import PEERS, Peer  # noqa: E402
from references import load  # noqa: E402

import portable_losses as pl  # noqa: E402
from conftest import BACKENDS  # noqa: E402

DTYPES = ("float32", "float64")
OURS = ("portable_losses, of what is allowed", "portable_losses")

Cells = dict[str, dict[str, float]]
"""For each order the errors by package and dtype."""


def of_sweep(sweep: Sweep) -> Cells:
    """Measure a sweep here and in the packages that have the function."""
    cells: Cells = {}
    for dtype in DTYPES:
        for worst in measured(sweep, BACKENDS["numpy"], dtype):
            for column, error in zip(OURS, (worst.ratio, worst.ulps), strict=True):
                cells.setdefault(worst.order, {})[f"{column}, {dtype}"] = error
        for peer in PEERS.get(sweep.function, ()) if sweep.peers else ():
            for order, error in of_peer(sweep, peer, dtype):
                cells[ORDERS[order]][f"{peer.library}, {dtype}"] = error
    return cells


def of_peer(sweep: Sweep, peer: Peer, dtype: str) -> Iterator[tuple[int, float]]:
    """Measure value and derivative in another package, in units of the last place."""
    signature = getattr(pl, sweep.function).signature
    settings = [text.partition("=") for text in sweep.name.split() if "=" in text]
    parameters = {**signature.defaults, **{name: setting(text) for name, _, text in settings}}
    for order in range(min(sweep.orders, 2)):
        found = []
        for reference in load(sweep, np.dtype(dtype)):
            mask = peer.right(reference.batch, parameters)
            # Where it refuses some of the points it is asked the others
            for chosen in (np.ones_like(mask), mask) if mask.any() else ():
                some = reference.some(chosen)
                answer = answered(peer, some.batch, parameters, order, len(signature.predicted))
                if answer is not None:
                    found.append(np.max(errors(sweep, order, some, answer, np.dtype(dtype)).ulps))
                    break
        if found:
            yield order, float(max(found))


def answered(peer: Peer, batch: Any, parameters: dict[str, Any], order: int, number: int) -> Any:
    """Evaluate another package; its exceptions are not errors here."""
    try:
        return (
            peer.gradients(batch, parameters, number) if order else peer.values(batch, parameters)
        )
    except (ValueError, TypeError, RuntimeError):
        return None


def setting(text: str) -> Any:
    words = {"True": True, "False": False, "None": None}
    return words[text] if text in words else float(text)


def table(measured: dict[str, Cells]) -> Iterator[list[str]]:
    """Lay the errors of the packages side by side."""
    found = [row for cells in measured.values() for row in cells.values()]
    packages = dict.fromkeys(column.rpartition(", ")[0] for row in found for column in row)
    columns = [f"{package}, {dtype}" for package in packages for dtype in DTYPES]
    yield ["function", "parameters", "quantity", *columns]
    for name, cells in measured.items():
        function, _, settings = name.partition(" ")
        for order, row in cells.items():
            yield [function, settings, order, *(shown(row.get(column)) for column in columns)]


def shown(error: float | None) -> str:
    """Format an error; inf stands for NaN or infinity where they are wrong."""
    if error is None:
        return ""
    if not error < np.inf:
        return "inf"
    return f"{error:.2f}" if error < 1 else f"{error:.1f}" if error < 1000 else f"{error:.0e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=[""], help="functions, or parts of their names")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="the folder to write to")
    given = parser.parse_args()
    import jax

    jax.config.update("jax_enable_x64", True)
    found = {}
    for sweep in SWEEPS:
        if any(name in sweep.name for name in given.names):
            found[sweep.name] = of_sweep(sweep)
            print(sweep.name, flush=True)
    with (given.output / "accuracy.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(table(found))


if __name__ == "__main__":
    main()
