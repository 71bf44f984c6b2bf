"""The example of two layers recognises digits, in the same way on every library."""

import runpy
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
from matplotlib import pyplot as plt  # after its backend is chosen

EXAMPLE = Path(__file__).parent.parent / "examples" / "train_digits.py"
on_each = pytest.mark.backends("numpy", "torch", "jax")


@cache
def example() -> dict[str, Any]:
    """Run the example as a module."""
    return runpy.run_path(str(EXAMPLE))


@cache
def of_numpy() -> Any:
    """Return the curves of NumPy."""
    return example()["train"]("NumPy", np.asarray, example()["by_chain_rule"], progress=False)


def gradient_of(backend: Any) -> Any:
    """Return the gradient that the example takes on a library."""
    choices = {"torch": lambda: example()["by_torch"], "jax": example()["by_jax"]}
    return choices.get(backend.base, lambda: example()["by_chain_rule"])()


@on_each
def test_at_least_95_percent(backend: Any) -> None:
    curves = example()["train"](backend.name, backend.asarray, gradient_of(backend), progress=False)
    assert curves.accuracy[-1] >= 0.95
    assert curves.loss[-1] < curves.loss[0] / 20
    np.testing.assert_allclose(curves.loss, of_numpy().loss, rtol=1e-2)


@on_each
def test_autodiff_agrees_with_the_chain_rule(backend: Any) -> None:
    """The gradients are those without autodiff, which any library has."""
    rng = np.random.default_rng(1)
    model = [backend.asarray(x) for x in example()["start"](rng)]
    images = backend.asarray(rng.uniform(size=(7, 64)).astype(np.float32))
    labels = backend.asarray(rng.integers(0, 10, 7))
    loss, slopes = gradient_of(backend)(model, images, labels)
    right, expected = example()["by_chain_rule"](model, images, labels)
    np.testing.assert_allclose(float(loss), float(right), rtol=1e-6)
    for slope, other in zip(slopes, expected, strict=True):
        found = [backend.to_numpy(x) for x in (slope, other)]
        np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)


def test_the_curves_are_drawn() -> None:
    """Each library has a line in both pictures."""
    figure = example()["draw"]({"NumPy": of_numpy(), "again": of_numpy()})
    assert [len(ax.lines) for ax in figure.axes] == [2, 2]
    plt.close(figure)
