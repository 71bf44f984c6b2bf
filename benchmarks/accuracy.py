"""How many digits are right: the worst error of every loss over its whole domain, here and in other packages.

``nox -s accuracy`` writes docs/accuracy.csv, which the documentation shows, and docs/accuracy.json,
which also says where the worst errors are. The points, the exact results and the peers are those of
the tests; each package is asked on the same points, those included where it is known to be wrong,
but not what it gives another meaning. Errors are in units of the last place of the exact result
(or, where it is the difference of two terms that cancel, of the larger term).
"""

import argparse
import csv
import json
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from cases import SWEEPS, Sweep, errors, exact_results  # noqa: E402
from peers import PEERS, Peer  # noqa: E402

import portable_losses as pl  # noqa: E402

QUANTITIES = ("value", "derivative", "second derivative")
DTYPES = ("float32", "float64")
PACKAGES = (
    "numpy",
    "torch",
    "jax",
    "optax",
    "scikit-learn",
    "scipy",
    "statsmodels",
    "scoringrules",
    "pot",
    "monai",
    "pytorch-metric-learning",
)


def rows(patterns: list[str]) -> Iterator[dict[str, Any]]:
    """Measure sweep by sweep: one row for each dtype, quantity and package."""
    for sweep in SWEEPS:
        if not any(pattern in sweep.name for pattern in patterns):
            continue
        for dtype in DTYPES:
            batches = list(sweep.batches(np.dtype(dtype)))
            right = exact_results(sweep, batches)
            for order in range(sweep.orders):
                computed = [sweep.compute(order, *batch) for batch in batches]
                yield row(
                    sweep,
                    dtype,
                    order,
                    "portable_losses",
                    *worst(batches, computed, right[order], dtype),
                )
            name, _, settings = sweep.name.partition(" ")
            for peer in PEERS.get(name, ()):
                yield from of_peer(sweep, peer, settings, dtype, batches, right)


def of_peer(
    sweep: Sweep, peer: Peer, settings: str, dtype: str, batches: list[Any], right: list[Any]
) -> Iterator[dict[str, Any]]:
    """Measure the same loss in another package; its errors are its own affair, as are warnings."""
    loss = getattr(pl, sweep.name.partition(" ")[0])
    parameters = {
        **loss.signature.defaults,
        **dict(setting(text) for text in settings.split() if "=" in text),
    }
    for order in range(min(sweep.orders, 2)):
        rest = iter(right[order])
        met, found, kept = [], [], []
        for batch in batches:
            results = [result for _, result in zip(batch[0], rest, strict=False)]
            mask = peer.right(batch, parameters)
            # Where it refuses some of the points it is asked the others.
            for chosen in (np.ones_like(mask), mask) if mask.any() else ():
                points = tuple(x[chosen] for x in batch)
                answer = answered(peer, points, parameters, order, loss)
                if answer is not None:
                    met.append(points)
                    found.append(answer)
                    kept += [result for result, keep in zip(results, chosen, strict=True) if keep]
                    break
        if met:
            yield row(sweep, dtype, order, peer.library, *worst(met, found, kept, dtype))


def answered(peer: Peer, batch: Any, parameters: dict[str, Any], order: int, loss: Any) -> Any:
    try:
        return (
            peer.gradients(batch, parameters, len(loss.signature.predicted))
            if order
            else peer.values(batch, parameters)
        )
    except (ValueError, TypeError, RuntimeError):
        return None


def setting(text: str) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    return key, {"True": True, "False": False, "None": None}.get(value) if value in (
        "True",
        "False",
        "None",
    ) else float(value)


def worst(
    batches: list[Any], computed: list[Any], right: list[Any], dtype: str
) -> tuple[float, float, int, str]:
    """Return the worst error, the share of results within 4 ulp, how many there are, and where the worst is."""
    error, where, good, count = -1.0, "", 0, 0
    for found in errors(batches, computed, right, np.dtype(dtype)):
        good, count = good + (found.ulps <= 4), count + 1
        if found.ulps > error:
            error, where = found.ulps, ", ".join(str(x.tolist())[:200] for x in found.point)
    return error, good / max(count, 1), count, where


def row(
    sweep: Sweep,
    dtype: str,
    order: int,
    package: str,
    error: float,
    good: float,
    count: int,
    where: str,
) -> dict[str, Any]:
    name, _, settings = sweep.name.partition(" ")
    return {
        "loss": name,
        "parameters": settings,
        "dtype": dtype,
        "quantity": QUANTITIES[order],
        "package": package,
        "worst_ulp": error,
        "within_4_ulp": good,
        "points": count,
        "at": where,
    }


def table(measured: list[dict[str, Any]]) -> Iterator[list[str]]:
    """Lay the errors of the packages side by side."""
    packages = list(dict.fromkeys(line["package"] for line in measured))
    yield [
        "function",
        "parameters",
        "quantity",
        *(f"{package}, {dtype}" for package in packages for dtype in DTYPES),
    ]
    cells: dict[tuple[str, ...], dict[tuple[str, str], dict[str, Any]]] = {}
    for line in measured:
        cells.setdefault((line["loss"], line["parameters"], line["quantity"]), {})[
            line["package"], line["dtype"]
        ] = line
    for key, found in cells.items():
        yield [
            *key,
            *(shown(found.get((package, dtype))) for package in packages for dtype in DTYPES),
        ]


def shown(line: dict[str, Any] | None) -> str:
    """Show an error as a person reads it: inf stands for NaN, infinity, or 0 where they are wrong."""
    if line is None:
        return ""
    error = line["worst_ulp"]
    return f"{error:.1f}" if error < 1000 else f"{error:.0e}" if error < np.inf else "inf"


def versions() -> dict[str, str]:
    found = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "portable_losses": version("portable-losses"),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "patterns",
        nargs="*",
        help="only functions whose names, with their parameters, contain one of these",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="the folder to write to")
    given = parser.parse_args()
    import jax

    jax.config.update("jax_enable_x64", True)
    measured = []
    for line in rows(given.patterns or [""]):
        measured.append(line)
        print(
            *(line[key] for key in ("loss", "parameters", "dtype", "quantity", "package")),
            shown(line),
            flush=True,
        )
    with (given.output / "accuracy.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(table(measured))
    content = {
        "versions": versions(),
        "errors": [{**line, "worst_ulp": str(line["worst_ulp"])} for line in measured],
    }
    (given.output / "accuracy.json").write_text(
        json.dumps(content, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
