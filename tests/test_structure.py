"""The structure: directions of imports, names of libraries, and how to add a library."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import portable_losses as pl
from portable_losses import _backends
from portable_losses._numerics.namespace import BLOCKS

ROOT = Path(pl.__file__).parent
LIBRARIES = {"numpy", "np", "torch", "jax", "jnp", "jaxlib", "xla", "dask", "cupy", "mlx", "strict"}
LIBRARIES |= {"array_api_strict", "array_api_compat"}
SPEAK_OF_LIBRARIES = ("_backends", "_plot", "_selfcheck", "__main__.py", "objectives")
"""The backends, the pictures, which NumPy computes, the self-check, and the objectives."""

FLOORS = (
    "_version",
    "typing",
    "_numerics",
    "_backends",
    "_engine",
    "_loss",
    "special",
    "families",
    "top",
)
"""A module imports only from its own floor and from the floors before it."""


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find the names, attributes, imports and short strings of a tree, but no docstrings."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word):
                yield node.lineno, word
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name.partition(".")[0]) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module.partition(".")[0]
            case ast.Constant(value=str(text)) if " " not in text:
                yield from ((node.lineno, word) for word in text.split("."))


@pytest.mark.parametrize("path", sources(), ids=lambda path: module_of(path) or "top")
def test_no_library_is_named_outside_backends(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] in SPEAK_OF_LIBRARIES:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = [f"line {line}: {word}" for line, word in words(tree) if word.lower() in LIBRARIES]
    assert not named


def imports(path: Path) -> Iterator[str]:
    """Find the modules of the package that a file imports, those inside of functions as well."""
    package = ["portable_losses", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = package[: len(package) - node.level + 1]
        base += node.module.split(".") if node.module else []
        for alias in node.names:
            inner = ROOT.joinpath(*base[1:], alias.name)
            found = (
                [*base, alias.name] if inner.is_dir() or inner.with_suffix(".py").exists() else base
            )
            yield ".".join(found[1:])


def graph() -> dict[str, set[str]]:
    return {module_of(path): set(imports(path)) - {module_of(path)} for path in sources()}


def test_imports_make_no_circle() -> None:
    TopologicalSorter(graph()).prepare()


def floor(module: str) -> int:
    first = module.partition(".")[0]
    on_top = ("_plot", "_selfcheck", "neural_network", "objectives")
    if not first or first.startswith("__") or first in on_top:
        return FLOORS.index("top")
    return FLOORS.index(first) if first in FLOORS else FLOORS.index("families")


def test_imports_point_down() -> None:
    up = [(a, b) for a, imported in graph().items() for b in imported if floor(a) < floor(b)]
    assert not up


def test_no_family_imports_another() -> None:
    families = FLOORS.index("families")
    across = [
        (a, b)
        for a, imported in graph().items()
        for b in imported
        if floor(a) == floor(b) == families and a.partition(".")[0] != b.partition(".")[0]
    ]
    assert not across


def test_no_backend_imports_another_but_that_of_numpy() -> None:
    def library(module: str) -> str:
        parts = module.split(".")
        return parts[1] if len(parts) > 1 and parts[0] == "_backends" else ""

    shared = {"", "base", "installed", "labels", "numpy", "progress", "settings", "validation"}
    across = [
        (a, b)
        for a, imported in graph().items()
        for b in imported
        if library(a) and library(b) not in shared | {library(a)}
    ]
    assert not across


def test_every_building_block_is_in_the_table_of_the_documentation() -> None:
    pages = Path(__file__).parents[1] / "docs" / "reference" / "own.rst"
    documented = re.findall(r"^``xp\.(\w+)\(", pages.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(BLOCKS)


def test_files_are_short() -> None:
    long = {str(path): n for path in sources() if (n := len(path.read_text().splitlines())) > 400}
    assert not long


TOY = '''
"""A toy library, whose own log1p is not to be used."""

import toy

from portable_losses._backends.base import Backend


class Toy(Backend):
    overrides = {"log1p": toy.logarithm_of_one_more}


backend = Toy(toy)
'''


class Array(np.ndarray):
    """An array of the toy library."""


Array.__module__ = "toy"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Add a library as in CONTRIBUTING: by one file among the backends."""
    library = ModuleType("toy")
    vars(library).update({name: value for name, value in vars(np).items() if name[:1] != "_"})
    library.__array_namespace_info__ = np.__array_namespace_info__  # type: ignore[attr-defined]
    calls: list[Any] = []

    def logarithm_of_one_more(x: Any, /) -> Any:
        calls.append(x)
        return np.log1p(x)

    def wrong(x: Any, /) -> Any:
        raise AssertionError("its own log1p was used")

    def where(condition: Any, x1: Any, x2: Any, /) -> Any:
        return np.where(condition, x1, x2).view(Array)

    vars(library).update(log1p=wrong, logarithm_of_one_more=logarithm_of_one_more, calls=calls)
    vars(library).update(where=where)
    monkeypatch.setitem(sys.modules, "toy", library)
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    monkeypatch.setattr(_backends, "__path__", [*_backends.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield library
    sys.modules.pop("portable_losses._backends.toy", None)
    _backends._by_type.pop(Array, None)


def test_a_library_is_added_by_a_file(toy: Any) -> None:
    pred, target = (np.asarray(x).view(Array) for x in ([0.5, 3.0, -2.0], [0.0, 1.0, -2.5]))
    value, gradient = pl.cauchy_loss.value_and_grad(pred, target, reduction="none")
    assert type(value) is type(gradient) is Array
    assert toy.calls
    plain, slope = pl.cauchy_loss.value_and_grad(
        np.asarray(pred), np.asarray(target), reduction="none"
    )
    np.testing.assert_allclose(value, plain, rtol=1e-15)
    np.testing.assert_allclose(gradient, slope, rtol=1e-15)
