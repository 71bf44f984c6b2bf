"""Other libraries of the standard: the common losses, and what each library lacks.

They run in the session ``tests-others``, not with the other tests: nothing is written for them but
what this table says. docs/reference/others.rst has it for users.
"""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import portable_losses as pl
from portable_losses._backends import Backend, backend_of
from portable_losses._numerics import BLOCKS

SOURCES = Path(pl.__file__).parent
TABLE = SOURCES.parent.parent / "docs" / "reference" / "others.rst"
LIBRARIES = {
    "cubed": "cubed.array_api",
    "dpnp": "dpnp",
    "mlx": "mlx.core",
    "ndonnx": "ndonnx",
    "sparse": "sparse",
}
OTHERS = pytest.mark.backends(*LIBRARIES)
pytestmark = pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning")  # of Cubed (0.27)

RANDOM = np.random.default_rng(3)
PRED, TARGET = RANDOM.normal(size=(2, 6)).astype("float32")
PROBABILITY = RANDOM.uniform(0.05, 0.95, 6).astype("float32")
YES = (RANDOM.uniform(size=6) < 0.5).astype("float32")
LOGITS = RANDOM.normal(size=(6, 4)).astype("float32")
LABELS = RANDOM.integers(0, 4, 6)
ROWS, OTHER_ROWS = RANDOM.dirichlet(np.ones(4), (2, 6)).astype("float32")

CORE: dict[str, tuple[np.ndarray, ...]] = {
    "mse_loss": (PRED, TARGET),
    "l1_loss": (PRED, TARGET),
    "huber_loss": (PRED, TARGET),
    "log_cosh_loss": (PRED, TARGET),
    "pinball_loss": (PRED, TARGET),
    "gaussian_nll_loss": (PRED, np.exp(PRED), TARGET),
    "poisson_nll_loss": (PRED, np.floor(np.exp(TARGET))),
    "binary_cross_entropy": (PROBABILITY, YES),
    "binary_cross_entropy_with_logits": (PRED, YES),
    "sigmoid_focal_loss": (PRED, YES),
    "cross_entropy": (LOGITS, LABELS),
    "kl_div": (np.log(ROWS), OTHER_ROWS),
    "dice_loss": (ROWS, (OTHER_ROWS > 0.3).astype("float32")),
    "cosine_embedding_loss": (LOGITS, ROWS, 2 * YES - 1),
}


def as_tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


@OTHERS
@pytest.mark.parametrize("method", ["__call__", "grad"])
@pytest.mark.parametrize("name", CORE)
def test_common_losses(backend: Any, name: str, method: str) -> None:
    """Values and gradients are those on NumPy, and arrays of the library."""
    function = getattr(getattr(pl, name), method)
    arrays = [backend.asarray(x) for x in CORE[name]]
    for found, expected in zip(
        as_tuple(function(*arrays)), as_tuple(function(*CORE[name])), strict=True
    ):
        kind = type(found).__module__.partition(".")[0]
        assert kind == backend.name or (backend.name == "sparse" and kind == "numpy")  # if dense
        np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=2e-5, atol=1e-6)


@OTHERS
@pytest.mark.parametrize("name", ["mse_loss", "cross_entropy"])
def test_options(backend: Any, name: str) -> None:
    weights, where = np.asarray([1, 0.5, 2, 0, 1, 3], "float32"), np.arange(6) % 3 > 0
    loss, arrays = getattr(pl, name), [backend.asarray(x) for x in CORE[name]]
    found = loss.grad(*arrays, weights=backend.asarray(weights), where=backend.asarray(where))
    expected = loss.grad(*CORE[name], weights=weights, where=where)
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=2e-5, atol=1e-6)


def used() -> set[str]:
    """Return the functions of the standard that formulas and the engine use."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        if "_backends" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                owner = getattr(node.value, "id", getattr(node.value, "attr", ""))
                found |= {node.attr} if owner == "xp" else set()
    return found - BLOCKS.keys() - {"library"}


def in_the_table(library: str) -> set[str]:
    """Return what the documentation says that a library lacks."""
    text = TABLE.read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\s*\* - {library}\n(?:\s+- .*\n)*", text, re.MULTILINE)
    return set(re.findall(r"``(\w+)``", row))


@OTHERS
def test_the_table_says_what_a_library_lacks(backend: Any) -> None:
    library = importlib.import_module(LIBRARIES[backend.name])
    missing = {name for name in used() if not hasattr(library, name)}
    own = backend_of(backend.asarray(PRED))
    differing = set(own.overrides) & used() if type(own) is not Backend else set()
    assert in_the_table(backend.name) == missing | differing
