"""The programs of the guides, as a reader would run them: from top to bottom."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import portable_losses as pl

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)

# CatBoost offers to compile Python code with numba; Keras converts tensors in an old way.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Failed to import numba:UserWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def run(name: str) -> dict[str, Any]:
    """Run the blocks of a guide that are no sessions with a prompt, which doctest runs."""
    names: dict[str, Any] = {}
    blocks = [x for x in BLOCK.findall((GUIDES / name).read_text()) if ">>>" not in x]
    for block in blocks:
        exec(compile(block, name, "exec"), names)  # noqa: S102
    return names


def test_boosting():
    names = run("boosting.md")
    target = names["y_test"]
    plain = float(pl.l1_loss(np.full(len(target), names["y"].mean()), target))
    assert float(pl.l1_loss(names["pred"], target)) < 0.85 * plain
    for answers in (names["prob"] > 0.5, names["model"].predict(names["features"])):
        assert np.mean(answers == names["label"]) > 0.95


def test_training():
    names = run("training.md")
    assert np.isfinite(float(names["loss"]))
    assert len(names["net"].history) == len(names["model"].history.epoch) == 2
