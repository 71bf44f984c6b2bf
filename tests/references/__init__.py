"""The exact results of all sweeps, kept in one file for each family: to compute them takes minutes.

``python tests/references`` makes them. The points are kept as well, since random numbers and
logarithms differ between machines in their last digits.
"""

import ast
import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import exact
import numpy as np
from cases import Batch, Sweep, as_exact
from cases.contract import FINE, NONE, STEPS, Order, Reference
from exact.arithmetic import spacing
from exact.condition import DIGITS, condition, numbers
from mpmath import mp, mpf

import portable_losses as pl

FOLDER = Path(__file__).parent

POINTS, ENTRIES = 300, 900
"""How many points a sweep has, or how many entries its rows have together."""


def exactly(sweep: Sweep, batch: Batch, dtype: np.dtype) -> Reference:
    """Return points with the exact results."""
    loss = getattr(pl, sweep.function, None)
    predicted = range(len(batch)) if loss is None else loss.signature.predicted
    orders: list[list[Any]] = [[] for _ in range(sweep.orders)]
    with mp.workdps(DIGITS):
        for place in range(len(batch[0])):
            point = [as_exact(x[place]) for x in batch]
            results = numbers(sweep.exact(*point))
            sizes = condition(sweep.exact, point, predicted)
            for order, *pair in zip(orders, results, sizes, strict=False):
                order.append([_kept(*entry, dtype) for entry in zip(*pair, strict=True)])
    kinds = (dtype, np.int8, np.int16, np.int16)
    return Reference(
        batch,
        tuple(
            Order(*(np.asarray(order)[..., i].astype(kind) for i, kind in enumerate(kinds)))
            for order in orders
        ),
    )


def _kept(found: Any, size: Any, dtype: np.dtype) -> tuple[float, ...]:
    number, term = found if isinstance(found, exact.Difference) else (found, mpf(0))
    with np.errstate(over="ignore"):
        nearest = float(np.asarray(float(number)).astype(dtype))
    rest = 0
    if np.isfinite(nearest):
        rest = round(STEPS * float((number - nearest) / spacing(mpf(nearest), dtype)))
    return (
        nearest,
        max(-127, min(rest, 127)),
        _exponent(term) if abs(term) > abs(number) else NONE,
        _logarithm(size),
    )


def _exponent(x: Any) -> int:
    return 1024 if mp.isinf(x) else max(int(mp.frexp(x)[1]) - 1, NONE)


def _logarithm(size: Any) -> int:
    return max(NONE, min(int(mp.ceil(mp.log(size, 2) * FINE)), -NONE - 1)) if size else NONE


def points(sweep: Sweep, dtype: np.dtype) -> list[Batch]:
    """Return some of the points that a sweep draws, without subnormal numbers, by their shapes."""
    groups: dict[Any, list[Batch]] = {}
    for batch in sweep.batches(dtype):
        groups.setdefault(tuple(x.shape[1:] for x in batch), []).append(batch)
    return [
        _chosen(tuple(map(np.concatenate, zip(*batches, strict=True))), dtype, len(groups))
        for batches in groups.values()
    ]


def _chosen(batch: Batch, dtype: np.dtype, groups: int) -> Batch:
    """Choose by chance, a third among zeros, ones, ties and infinities, in any first part alike."""
    real = [x.reshape(len(x), -1) for x in batch if x.dtype.kind != "i"]
    entries = max(x.shape[1] for x in real)
    count = POINTS if entries == 1 else -(-ENTRIES // (entries * groups * len(real[:2])))
    small = float(np.finfo(dtype).smallest_normal)
    with np.errstate(all="ignore"):
        normal = np.all([np.all((x == 0) | (np.abs(x) >= small), axis=1) for x in real], axis=0)
        corner = np.any(
            [np.any((x == 0) | (np.abs(x) == 1) | np.isinf(x), axis=1) for x in real], axis=0
        )
    if len(real) > 1 and real[0].shape == real[1].shape:
        corner |= np.any(real[0] == real[1], axis=1)
    order = np.random.default_rng(1).permutation(np.flatnonzero(normal))
    corners, others = order[corner[order]], order[~corner[order]]
    corners = corners[: max(count // 3, count - len(others))]
    others = others[: count - len(corners)]
    places = [(np.arange(len(x)) + 0.5) / len(x) for x in (corners, others) if len(x)]
    chosen = np.concatenate([corners, others])[np.argsort(np.concatenate(places), kind="stable")]
    return tuple(x[chosen] for x in batch)


# The files


def family(sweep: Sweep) -> ModuleType:
    """Return the module of exact functions that a sweep is measured by."""
    function: Any = sweep.exact
    while isinstance(function, partial):
        function = function.func
    name = inspect.unwrap(function).__module__.rpartition(".")[2]
    return sys.modules[f"exact.{name}"]


@cache
def key(module: ModuleType) -> str:
    """Return a hash of the exact functions of a family, and of the functions they use."""
    names = {module.__name__, "exact.arithmetic", "exact.condition"}
    for x in vars(module).values():
        name = x.__name__ if isinstance(x, ModuleType) else getattr(x, "__module__", None) or ""
        names |= {name} if name.startswith("exact.") else set()
    sources = [ast.parse(inspect.getsource(sys.modules[name])) for name in sorted(names)]
    code = "".join(ast.dump(_Code().visit(source)) for source in sources)
    return hashlib.sha256(code.encode()).hexdigest()[:16]


class _Code(ast.NodeTransformer):
    """Take the docstrings away."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node


def save(module: ModuleType, found: Mapping[str, list[Reference]]) -> None:
    """Write the file of a family."""
    arrays = [
        (where, x)
        for name, parts in found.items()
        for k, part in enumerate(parts)
        for where, x in (
            *((f"{name}|{k}|", x) for x in part.batch),
            *((f"{name}|{k}|{i}", x) for i, order in enumerate(part.orders) for x in order),
        )
    ]
    flat: dict[str, list[np.ndarray]] = {}
    layout = []
    for where, x in arrays:
        x = x.astype(np.int16) if x.dtype == np.int64 else x
        layout.append((where, x.dtype.name, x.shape))
        flat.setdefault(x.dtype.name, []).append(x.ravel())
    text = json.dumps({"key": key(module), "layout": layout}).encode()
    np.savez_compressed(
        path(module),
        layout=np.frombuffer(text, np.uint8),
        **{kind: np.concatenate(parts) for kind, parts in flat.items()},
    )


def path(module: ModuleType) -> Path:
    """Return the file of a family."""
    return FOLDER / f"{module.__name__.rpartition('.')[2]}.npz"


def load(sweep: Sweep, dtype: np.dtype) -> list[Reference]:
    """Return the points of a sweep, with the exact results."""
    module = family(sweep)
    file = path(module)
    problem = f"{file.name} has no {sweep.name}, {dtype}"
    if not file.exists():
        problem = f"there is no {file}"
    else:
        made_of, found = _read(file)
        if made_of != key(module):
            problem = f"{file.name} was made by other exact functions than those of today"
        elif f"{sweep.name}, {dtype}" in found:
            return found[f"{sweep.name}, {dtype}"]
    raise LookupError(f"{problem}; make it again: python tests/references {file.stem}")


@cache
def _read(file: Path) -> tuple[str, dict[str, list[Reference]]]:
    with np.load(file) as opened:
        text = json.loads(opened["layout"].tobytes())
        flat = {kind: opened[kind] for kind in opened.files if kind != "layout"}
    used = dict.fromkeys(flat, 0)
    arrays: dict[tuple[str, str], dict[str, list[np.ndarray]]] = {}
    for where, kind, shape in text["layout"]:
        name, k, order = where.split("|")
        size = int(np.prod(shape))
        x = flat[kind][used[kind] : used[kind] + size].reshape(shape)
        used[kind] += size
        x = x.astype(np.int64) if not order and kind == "int16" else x
        arrays.setdefault((name, k), {}).setdefault(order, []).append(x)
    found: dict[str, list[Reference]] = {}
    for (name, _), parts in arrays.items():
        batch = tuple(parts.pop(""))
        found.setdefault(name, []).append(
            Reference(batch, tuple(Order(*order) for order in parts.values()))
        )
    return text["key"], found
