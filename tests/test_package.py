"""The package as a whole: what it imports, what it exports, how it is built."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from importlib.metadata import requires
from importlib.resources import files
from pathlib import Path

import pytest

import portable_losses

SOURCES = sorted(Path(portable_losses.__file__).parent.glob("*.py"))
PUBLIC_MODULES = ["portable_losses"] + [
    f"portable_losses.{module.name}"
    for module in pkgutil.iter_modules(portable_losses.__path__)
    if not module.name.startswith("_")
]
FAMILIES = {loss.__module__ for loss in vars(portable_losses).values() if isinstance(loss, portable_losses.Loss)}


def test_importing_the_package_imports_no_optional_library():
    program = f"import sys, {', '.join(PUBLIC_MODULES)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert {"cupy", "dask", "hypothesis", "jax", "scipy", "sklearn", "torch", "tqdm"}.isdisjoint(run.stdout.split())


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_public_names_are_sorted_and_there(name):
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(module.__all__)
    assert all(hasattr(module, public) for public in module.__all__)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_file_holds_one_idea(source):
    assert len(source.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_no_family_of_losses_imports_another(family):
    source = Path(importlib.import_module(family).__file__)
    nodes = ast.walk(ast.parse(source.read_text(encoding="utf-8")))
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not {other.rpartition(".")[2] for other in FAMILIES} & imported


def test_the_package_says_that_it_is_typed():
    assert (files("portable_losses") / "py.typed").is_file()


def test_run_time_dependencies_are_few():
    names = {line.partition(">")[0] for line in requires("portable-losses") if "extra ==" not in line}
    assert names == {"annotated-types", "array-api-compat", "numpy"}
