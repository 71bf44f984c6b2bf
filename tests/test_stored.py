"""Arrays of Zarr and HDF5, which are read part by part: the results of NumPy arrays."""

from math import prod
from typing import Any

import numpy as np
import pytest

import portable_losses as pl
from portable_losses._engine import stored

RNG = np.random.default_rng(0)


class Stored:
    """An array in a file, as those packages have it; it remembers how much was read at a time."""

    def __init__(self, array: np.ndarray, chunks: tuple[int, ...]) -> None:
        self.array, self.chunks = array, chunks
        self.shape, self.dtype = array.shape, array.dtype
        self.most = 0

    def __getitem__(self, index: Any) -> np.ndarray:
        part = self.array[index].copy()
        self.most = max(self.most, part.shape[0] if part.ndim else 1)
        return part


@pytest.fixture(autouse=True)
def few_together(monkeypatch):
    """Read 100 numbers of 8 bytes together."""
    monkeypatch.setattr(stored, "_TOGETHER", 800)


CALLS: list[Any] = [
    (pl.mse_loss, (1000,), (1000,), {}),
    (pl.mse_loss, (1000,), (1000,), {"reduction": "sum"}),
    (pl.mse_loss, (1000,), (1000,), {"reduction": "none"}),
    (pl.rmse_loss, (1000,), (1000,), {}),
    (pl.rmse_loss, (1000,), (1000,), {"reduction": "none"}),
    (pl.huber_loss, (100, 7), (100, 7), {"weights": RNG.random((100, 1)), "delta": 0.2}),
    (pl.huber_loss, (100, 7), (100, 7), {"weights": RNG.random(7), "delta": RNG.random(7)}),
    (pl.huber_loss, (100, 7), (100, 7), {"where": RNG.random((100, 7)) > 0.5}),
    (pl.dice_loss, (100, 7), (100, 7), {"weights": RNG.random(100)}),
    (pl.dice_loss, (100, 3, 4), (100, 3, 4), {"region_axis": (1, 2)}),
    (pl.dice_loss, (100, 7), (100, 7), {"where": RNG.random((100, 7)) > 0.3}),
    (pl.pinball_loss, (100, 3), (100,), {"quantile": [0.1, 0.5, 0.9]}),
    (pl.pinball_loss, (3, 3), (3,), {"quantile": [0.1, 0.5, 0.9]}),
    (pl.huber_loss, (20, 20), (20, 20), {"weights": RNG.random(20)}),
    (pl.matthews_loss, (100, 7), (100, 7), {"where": RNG.random((100, 7)) > 0.3}),
]


@pytest.mark.parametrize(("loss", "shape", "of_target", "options"), CALLS)
@pytest.mark.parametrize("kind", ["both", "prediction"])
def test_equals_numpy(loss, shape, of_target, options, kind):
    pred, target = RNG.random(shape), (RNG.random(of_target) > 0.5) * 1.0
    given = Stored(pred, (10, *shape[1:])), Stored(target, (20, *of_target[1:]))
    given = given if kind == "both" else (given[0], target)
    value, gradient = loss.value_and_grad(*given, **options)
    assert given[0].most * prod(shape[1:]) <= max(100, 10 * prod(shape[1:]))
    expected, slope = loss.value_and_grad(pred, target, **options)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient, slope, rtol=1e-14)
    np.testing.assert_allclose(loss(*given, **options), expected, rtol=1e-14)
    out = np.empty(shape)
    assert loss.grad(*given, out=out, **options) is out
    np.testing.assert_allclose(out, slope, rtol=1e-14)
    assert type(value) is type(expected)


@pytest.mark.parametrize("options", [{}, {"ignore_index": 2}, {"class_weights": [1.0, 2.0, 3.0]}])
def test_labels(options):
    scores, labels = RNG.random((300, 3)).astype("float32"), RNG.integers(0, 3, 300)
    given = Stored(scores, (30, 3)), Stored(labels, (30,))
    value, gradient = pl.cross_entropy.value_and_grad(*given, **options)
    expected, slope = pl.cross_entropy.value_and_grad(scores, labels, **options)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6)
    assert max(given[0].most, given[1].most) < 300


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (pl.mse_loss, {"axis": 0}),
        (pl.dice_loss, {"region_axis": 0}),
        (pl.cross_entropy, {"class_axis": 0}),
    ],
)
def test_whole(loss, options):
    """What needs all rows reads all rows."""
    pred = RNG.random((30, 4))
    target = RNG.integers(0, 30, 4) if loss is pl.cross_entropy else np.round(RNG.random((30, 4)))
    given = Stored(pred, (10, 4)), Stored(target, (10, 4)[: target.ndim])
    for result, expected in zip(
        loss.value_and_grad(*given, **options),
        loss.value_and_grad(pred, target, **options),
        strict=True,
    ):
        np.testing.assert_array_equal(result, expected)


def test_curvature():
    pred, target = RNG.random(1000), RNG.random(1000)
    given = Stored(pred, (10,)), Stored(target, (10,))
    for result, expected in zip(
        pl.huber_loss.grad_and_hess(*given), pl.huber_loss.grad_and_hess(pred, target), strict=True
    ):
        np.testing.assert_allclose(result, expected, rtol=1e-14)


def test_errors():
    pred, target = Stored(RNG.random(1000), (10,)), Stored(np.zeros(999), (10,))
    with pytest.raises(ValueError, match=r"mse_loss: .*1000"):
        pl.mse_loss(pred, target)
    assert pred.most == target.most == 0
    wrong = Stored(np.full(1000, 0.5), (10,))
    wrong.array[555] = 1.5
    with pytest.raises(ValueError, match=r"pred\[55\] is 1.5.*counted from row 500"):
        pl.binary_cross_entropy(wrong, np.zeros(1000))


def test_a_shared_array_of_as_many_numbers():
    """A variance for each column is not cut along the rows."""
    mean, target, variance = RNG.random((50, 50)), RNG.random((50, 50)), RNG.random(50) + 0.1
    given = Stored(mean, (2, 50)), variance, Stored(target, (2, 50))
    value, gradients = pl.gaussian_nll_loss.value_and_grad(*given)
    expected, slopes = pl.gaussian_nll_loss.value_and_grad(mean, variance, target)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    for gradient, slope in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(gradient, slope, rtol=1e-14)
