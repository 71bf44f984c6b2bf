"""Losses as ONNX graphs: ONNX Runtime has the value of NumPy. Part of ``tests-others``."""

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arguments import LOSSES, arguments, parts, ways
from test_others import CORE

import portable_losses as pl

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "guides" / "onnx.md"
WAYS = [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}") for each in ways(LOSSES)]
pytestmark = pytest.mark.backends("ndonnx")


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "examples" / "onnx_loss.py"))


def fixed() -> set[str]:
    """Return the losses whose batch the page says to be of a fixed size."""
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| of a fixed size")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def quick(loss: Any) -> dict[str, int]:
    """Return how often a loss takes a step, all of which are in the graph: less than usual."""
    return {"iterations": 3} if "iterations" in loss.signature.parameters else {}


def drawn(loss: Any, way: int, rows: int = 5) -> list[np.ndarray]:
    """Draw arguments in the dtypes of a model: float32, and integers as they are."""
    found = [np.asarray(x) for x in arguments(loss, way, (rows,))]
    return [x.astype(np.float32) if x.dtype.kind == "f" else x for x in found]


def same(found: list[Any], expected: Any) -> None:
    for one, other in zip(found, parts(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_every_loss_of_fixed_shapes(backend: Any, example: Any, loss: Any, way: int) -> None:
    arrays, steps = drawn(loss, way), quick(loss)
    model = example["graph"](loss, arrays, **steps)
    same(example["evaluate"](model, arrays), loss(*arrays, **steps))


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_a_batch_of_any_size(backend: Any, example: Any, loss: Any, way: int) -> None:
    """The page lists the losses that need to know it."""
    arrays, steps = drawn(loss, way), quick(loss)
    common = loss.signature.common
    open_axis = [x.shape if i in common else (None, *x.shape[1:]) for i, x in enumerate(arrays)]
    if loss.__name__ in fixed():
        with pytest.raises((AttributeError, TypeError, ValueError)):
            example["graph"](loss, arrays, open_axis)
        return
    model = example["graph"](loss, arrays, open_axis, **steps)
    for rows in (5, 2):
        given = [x if i in common else x[:rows] for i, x in enumerate(arrays)]
        same(example["evaluate"](model, given), loss(*given, **steps))


@pytest.mark.parametrize("name", CORE)
def test_gradients(backend: Any, example: Any, name: str) -> None:
    function = getattr(pl, name).value_and_grad
    arrays = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in CORE[name]]
    same(example["evaluate"](example["graph"](function, arrays), arrays), function(*arrays))
