"""The package as a whole: its imports, its exports, its build."""

import ast
import importlib
import pkgutil
import shutil
import subprocess
import sys
from importlib.metadata import requires, version
from importlib.resources import files
from pathlib import Path

import pytest

import portable_losses

ROOT = Path(portable_losses.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
PUBLIC_MODULES = ["portable_losses"] + [
    module.name
    for module in pkgutil.walk_packages(portable_losses.__path__, "portable_losses.")
    if not any(part.startswith("_") for part in module.name.split("."))
]
FAMILIES = {
    loss.__module__.split(".")[1]
    for loss in vars(portable_losses).values()
    if isinstance(loss, portable_losses.Loss)
}


def test_importing_the_package_imports_no_optional_library():
    names = ", ".join(PUBLIC_MODULES)
    program = f"import sys, {names}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert "portable_losses._selfcheck" not in run.stdout
    optional = {
        "cupy",
        "dask",
        "hypothesis",
        "jax",
        "matplotlib",
        "scipy",
        "sklearn",
        "torch",
        "tqdm",
    }
    optional |= {"catboost", "keras", "lightgbm", "xgboost"}
    assert optional.isdisjoint(run.stdout.split())


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_public_names_are_sorted_and_there(name):
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(module.__all__)
    assert all(hasattr(module, public) for public in module.__all__)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_a_file_holds_one_idea(source):
    assert len(source.read_text(encoding="utf-8").splitlines()) <= 400


def imported_by(source):
    """Return the modules of the package that a source file imports, without the package's name."""
    parts = [*source.relative_to(ROOT).with_suffix("").parts]
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            parent = parts[: len(parts) - node.level]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (".".join((*parent, name)) for name in names)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_no_family_of_losses_imports_another(family):
    sources = [
        source for source in SOURCES if source.relative_to(ROOT).with_suffix("").parts[0] == family
    ]
    assert sources
    imported = {name.split(".")[0] for source in sources for name in imported_by(source)}
    assert not (FAMILIES - {family}) & imported


def test_the_engine_imports_no_family_and_no_special_function():
    engine = [
        source
        for source in SOURCES
        if source.parent == ROOT and source.stem not in {"__init__", "neural_network"}
    ]
    for source in engine:
        if source.stem not in FAMILIES:
            assert not {name.split(".")[0] for name in imported_by(source)} & (
                FAMILIES | {"special"}
            ), source


def test_the_package_says_that_it_is_typed():
    assert (files("portable_losses") / "py.typed").is_file()


def test_run_time_dependencies_are_few():
    names = {
        line.partition(">")[0] for line in requires("portable-losses") if "extra ==" not in line
    }
    assert names == {"annotated-types", "array-api-compat", "numpy"}


def test_the_version_is_that_of_the_distribution():
    assert portable_losses.__version__ == version("portable-losses")


def test_what_is_imported_on_demand_is_there():
    program = (
        "import portable_losses as pl\n"
        "print(pl.special.sigmoid(0.0), pl.neural_network.sigmoid(0.0), 'self_check' in dir(pl))\n"
        "pl.nothing"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert run.stdout == "0.5 0.5 True\n"
    assert run.stderr.endswith(
        "AttributeError: module 'portable_losses' has no attribute 'nothing'\n"
    )


def test_a_copy_inside_another_package_works(tmp_path):
    """It has no metadata, another name, and imports nothing of this one."""
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "__init__.py").touch()
    shutil.copytree(
        ROOT, tmp_path / "vendor" / "losses", ignore=shutil.ignore_patterns("__pycache__")
    )
    program = (
        "import pickle, sys\n"
        "import vendor.losses as pl\n"
        "assert pickle.loads(pickle.dumps(pl.mse_loss)) is pl.mse_loss\n"
        "value, gradient = pl.mse_loss.value_and_grad([1.0, 2.0], [0.0, 0.0])\n"
        "print(pl.__version__, value, gradient)\n"
        "from vendor.losses._backends import installed as libraries\n"
        "libraries.OPTIONAL.clear()\n"
        "assert pl.self_check()\n"
        "assert 'portable_losses' not in sys.modules"
    )

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("-c", program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{portable_losses.__version__} 2.5 [1. 2.]\n")
    assert "robust " in done.stdout
    assert "usage: python -m vendor.losses " in run("-m", "vendor.losses", "--help").stdout
