"""How far values and derivatives are off: ``python tests/accuracy.py huber --backend torch``.

For each sweep of a function, and each order, the largest error divided by what is allowed (the
contract is kept up to 1) and where it is, and the largest error in units of the last place.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from cases import SWEEPS, Sweep, as_tuple
from cases.contract import Reference, errors
from references import load

ORDERS = ("value", "derivative", "second derivative")
FEWER = 0.5
"""The share of the points for backends other than NumPy."""


LONG = 500
"""The first letters of a point, enough to find it."""


class Worst(NamedTuple):
    """The largest errors of one order of a sweep, and the point of that of the contract."""

    order: str
    ratio: float
    ulps: float
    found: float
    exact: float
    entry: int
    """Which entry of the result at that point."""
    point: tuple[Any, ...]

    def __str__(self) -> str:
        point = ", ".join(str(x.tolist()) for x in self.point)[:LONG]
        entry = f" in entry {self.entry}" if self.entry else ""
        return (
            f"{self.order}: {self.ratio:.3g} of what is allowed, {self.ulps:.3g} ulp: "
            f"{self.found!r} instead of {self.exact!r}{entry} at ({point})"
        )


def measured(sweep: Sweep, backend: Any, dtype: str) -> Iterator[Worst]:
    """Evaluate a sweep on a backend and return the worst result of each order."""
    kind = np.dtype(dtype)
    found = []
    for reference in load(sweep, kind):
        if backend.base != "numpy":
            reference = reference.some(slice(int(len(reference.batch[0]) * FEWER) + 1))
        found.append((reference, computed(sweep, backend, reference)))
    for order, name in enumerate(ORDERS[: sweep.orders]):
        yield max(
            (
                worst(sweep, name, order, reference, results[order], kind)
                for reference, results in found
            ),
            key=lambda each: each.ratio,
        )


def computed(sweep: Sweep, backend: Any, reference: Reference) -> list[Any]:
    """Evaluate all orders, in one call that a compiler sees as a whole."""
    arrays = [backend.asarray(x) for x in reference.batch]
    results = backend.call(
        lambda *given: tuple(sweep.compute(order, *given) for order in range(sweep.orders)),
        *arrays,
    )
    return [
        tuple(map(backend.to_numpy, parts)) if isinstance(parts, tuple) else backend.to_numpy(parts)
        for parts in results
    ]


def worst(
    sweep: Sweep, name: str, order: int, reference: Reference, results: Any, dtype: np.dtype
) -> Worst:
    """Return the worst result of one order."""
    assert all(x.dtype == dtype for x in as_tuple(results))
    off = errors(sweep, order, reference, results, dtype)
    place, entry = np.unravel_index(np.argmax(off.ratios), off.ratios.shape)
    return Worst(
        name,
        float(off.ratios[place, entry]),
        float(np.max(off.ulps)),
        float(off.found[place, entry]),
        float(off.exact[place, entry]),
        int(entry),
        tuple(x[place] for x in reference.batch),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=[""], help="functions, or parts of their names")
    parser.add_argument("--backend", default="numpy", help="one of conftest.py (numpy)")
    parser.add_argument("--dtype", choices=("float32", "float64"), help="only this one")
    given = parser.parse_args()
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    sys.path.append(str(Path(__file__).parent.parent))
    from conftest import BACKENDS

    backend = BACKENDS[given.backend]
    with backend.session(), np.errstate(all="ignore"):
        for sweep in SWEEPS:
            if any(name in sweep.name for name in given.names):
                for dtype in [given.dtype] if given.dtype else backend.dtypes:
                    for line in measured(sweep, backend, dtype):
                        mark = "  " if line.ratio <= 1 else "! "
                        print(f"{mark}{sweep.name}, {dtype}, {line}", flush=True)


if __name__ == "__main__":
    main()
