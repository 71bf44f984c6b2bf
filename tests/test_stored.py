"""Arrays of Zarr and HDF5, read and written part by part: the results are those of NumPy arrays."""

from math import prod
from typing import Any

import numpy as np
import pytest
from arguments import LOSSES, arguments, has, methods, parts, ways
from in_a_file import Stored

import portable_losses as pl
from portable_losses._engine import boxes

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def few_together(monkeypatch):
    """Read 100 numbers of 8 bytes together."""
    monkeypatch.setattr(boxes, "TOGETHER", 800)


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
    assert given[0].most <= max(100, 10 * prod(shape[1:]))
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
    assert given[0].most <= 200
    assert given[1].most < 300


ANYWHERE: list[Any] = [
    (pl.mse_loss, {}),
    (pl.mse_loss, {"reduction": "none"}),
    (pl.mse_loss, {"axis": 0}),
    (pl.mse_loss, {"axis": (0, 2), "weights": RNG.random((24, 1, 10)), "reduction": "sum"}),
    (pl.rmse_loss, {"axis": 1, "weights": RNG.random((20, 10))}),
    (pl.rmse_loss, {"axis": (0, 1), "where": RNG.random((24, 20, 10)) > 0.5}),
    (pl.huber_loss, {"axis": (), "delta": RNG.random((20, 1))}),
    (pl.dice_loss, {}),
    (pl.dice_loss, {"region_axis": 0}),
    (pl.dice_loss, {"region_axis": (0, 1)}),
    (pl.dice_loss, {"region_axis": (2, 0), "axis": 0}),
    (pl.dice_loss, {"region_axis": (0, 1, 2)}),
    (pl.dice_loss, {"region_axis": (0, 1, 2), "reduction": "none"}),
    (pl.dice_loss, {"region_axis": (0, 1), "weights": RNG.random(10), "reduction": "none"}),
    (pl.tversky_loss, {"region_axis": (0, 1), "where": RNG.random((24, 20, 10)) > 0.5}),
    (pl.tversky_loss, {"region_axis": (0, 1), "where": RNG.random((24, 1, 10)) > 0.5}),
    (pl.matthews_loss, {"region_axis": (0, 1, 2), "where": RNG.random((24, 20, 10)) > 0.5}),
    (pl.jaccard_loss, {"region_axis": (0, 1), "where": np.arange(10) > 3}),
    (pl.dice_loss, {"class_axis": 1}),
    (pl.js_divergence_loss, {"class_axis": 1, "weights": RNG.random((24, 10))}),
]
"""Rows, losses and sums along any axes."""


@pytest.mark.parametrize(("loss", "options"), ANYWHERE)
@pytest.mark.parametrize("chunks", [(3, 4, 5), (8, 2, 10), None], ids=str)
def test_boxes(loss, options, chunks):
    """Arrays are cut along all axes, and no chunk of the results is written twice."""
    shape = (24, 20, 10)
    pred, target = RNG.random(shape), (RNG.random(shape) > 0.5) * 1.0
    if loss is pl.js_divergence_loss:
        pred, target = (x / x.sum(1, keepdims=True) for x in (pred, target + 0.1))
    expected, slope = loss.value_and_grad(pred, target, **options)
    out = Stored(np.full(shape, np.nan), (4, 5, 3))
    given = Stored(pred, chunks), Stored(target, (5, 5, 5))
    if "where" in options:
        options = {**options, "where": Stored(options["where"], (2,) * options["where"].ndim)}
    value, gradient = loss.value_and_grad(*given, out=out, **options)
    assert gradient is out
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(out.array, slope, rtol=1e-13)
    assert (out.written == 1).all()
    if loss is not pl.js_divergence_loss and "class_axis" not in options:
        assert max(given[0].most, given[1].most) <= 100
    for x, other in zip(loss.value_and_grad(*given, **options), (expected, slope), strict=True):
        np.testing.assert_allclose(x, other, rtol=1e-13)
        assert type(x) is type(other)


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
    with pytest.raises(
        ValueError, match=r"pred\[55\] is 1.5.*indices are counted in pred\[500:600\]$"
    ):
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


@pytest.mark.parametrize("checks", [True, False])
@pytest.mark.parametrize("class_axis", [0, 1, -1])
@pytest.mark.parametrize("loss", [pl.dice_loss, pl.matthews_loss, pl.jaccard_loss])
def test_labels_of_regions(loss, class_axis, checks):
    """Labels become masks part by part."""
    pred = RNG.random((6, 8, 10))
    labels = RNG.integers(0, pred.shape[class_axis], np.delete(pred.shape, class_axis))
    labels = labels.astype("uint8")
    options = {
        "class_axis": class_axis,
        "region_axis": {0: (1, 2), 1: (0, 2), -1: (0, 1)}[class_axis],
    }
    given = Stored(pred, (2, 3, 10)), Stored(labels, (3, 5))
    with pl.validation(checks):
        for labels_given in (given[1], labels):
            for kind in ("mean", "none"):
                found = loss.value_and_grad(given[0], labels_given, **options, reduction=kind)
                expected = loss.value_and_grad(pred, labels, **options, reduction=kind)
                for x, other in zip(found, expected, strict=True):
                    np.testing.assert_allclose(x, other, rtol=1e-13)
        assert given[0].most <= 100
        labels[1, 2] = 200
        if checks:
            with pytest.raises(ValueError, match=r"target must hold class labels.* is 200"):
                loss(*given, **options)
        else:
            assert np.isnan(loss(*given, **options))


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f4", "int16"])
def test_dtypes(dtype):
    pred, target = (RNG.random((2, 400)) * 9).astype(dtype)
    slope = pl.mse_loss.grad(pred, target)
    out = Stored(np.empty(400, slope.dtype), (30,))
    value, _ = pl.mse_loss.value_and_grad(Stored(pred, (20,)), Stored(target, (20,)), out=out)
    np.testing.assert_allclose(value, pl.mse_loss(pred, target), rtol=1e-3)
    np.testing.assert_allclose(out.array, slope, rtol=2e-3 if dtype == "float16" else 1e-6)


@pytest.mark.parametrize("empty", [(0,), (0, 3), (3, 0)])
def test_nothing(empty):
    given = Stored(np.empty(empty), None), Stored(np.empty(empty), None)
    out = Stored(np.empty(empty), None)
    value, gradient = pl.mse_loss.value_and_grad(*given, out=out)
    assert np.isnan(value)
    assert gradient is out
    pred, target = np.ones(9), np.zeros(9)
    given = Stored(pred, (2,)), Stored(target, (2,))
    where = np.zeros(9, bool)
    value, gradient = pl.mse_loss.value_and_grad(*given, where=where)
    assert np.isnan(value)
    assert not gradient.any()


def test_read_once():
    """A mean without weights needs one pass for value and gradient, and a region two."""
    pred, target = Stored(RNG.random(1000), (100,)), np.zeros(1000)
    read, own = [], Stored.__getitem__

    def noted(x, at):
        found = own(x, at)
        read.extend([at] * (found.size > 0))
        return found

    for loss, passes in ((pl.mse_loss, 1), (pl.rmse_loss, 2), (pl.dice_loss, 2)):
        read.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Stored, "__getitem__", noted)
            loss.value_and_grad(pred, target)
        assert len(read) // 10 == passes


def test_the_memory_is_that_of_a_box(monkeypatch):
    import tracemalloc

    monkeypatch.setattr(boxes, "TOGETHER", 2**18)
    shape = (128, 128, 128)
    pred, target, out = (Stored(np.full(shape, 0.5), (16, 16, 16)) for _ in range(3))
    labels = Stored(np.zeros(shape[1:], np.uint8), (16, 16))
    for loss, given, options in (
        (pl.mse_loss, (pred, target), {}),
        (pl.dice_loss, (pred, target), {"region_axis": (0, 1, 2)}),
        (pl.dice_loss, (pred, labels), {"class_axis": 0, "region_axis": (1, 2)}),
        (pl.cross_entropy, (pred, target), {"class_axis": 0}),
    ):
        loss.value_and_grad(*given, out=out, **options)
        tracemalloc.start()
        loss.value_and_grad(*given, out=out, **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert 3 * peak < pred.array.nbytes


def test_a_bar(monkeypatch):
    import tqdm.auto as tqdm

    bars = []
    monkeypatch.setattr(tqdm, "tqdm", lambda results, *_, **__: (bars.append(1), results)[1])
    pl.mse_loss(Stored(np.ones(1000), (10,)), np.zeros(1000), progress=True)
    assert bars


@pytest.mark.parametrize(
    ("loss", "way"),
    [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}") for each in ways(LOSSES)],
)
def test_every_loss(loss, way, monkeypatch):
    """With all options, and with second derivatives where there are any."""
    monkeypatch.setattr(boxes, "TOGETHER", 400)
    drawn, rng = arguments(loss, way, (7, 5)), np.random.default_rng(1)
    cases: list[dict[str, Any]] = [
        {},
        {"weights": rng.random((7, 5)), "where": rng.random((7, 5)) > 0.3},
        {"reduction": "none"},
        {"axis": 0, "weights": rng.random((7, 1))},
        {"axis": 1, "reduction": "sum"},
    ]
    if loss.signature.masks_entries and loss.signature.ways[way][0]:
        cases.append({"where": rng.random(drawn[0].shape) > 0.3})
    if has(loss, "class_weights"):
        cases.append({"class_weights": np.arange(1.0, 5)})
    stored = [Stored(x, tuple(max(1, n // 2) for n in x.shape)) for x in drawn]
    for options in cases:
        outer = {
            key: Stored(x, (2,) * x.ndim) if isinstance(x, np.ndarray) else x
            for key, x in options.items()
        }
        for method in {"value_and_grad", methods(loss)[-1]}:
            found = parts(getattr(loss, method)(*stored, **outer))
            expected = parts(getattr(loss, method)(*drawn, **options))
            for x, other in zip(found, expected, strict=True):
                assert type(x) is type(other)
                np.testing.assert_allclose(x, other, rtol=1e-11, atol=1e-14)


def test_sums_and_bound_losses():
    pred, target = RNG.random(1000), RNG.random(1000)
    given = Stored(pred, (10,)), Stored(target, (20,))
    out = Stored(np.empty(1000), (30,))
    loss = (0.5 * pl.mse_loss + pl.huber_loss.bind(delta=0.2)).bind(weights=RNG.random(1000))
    value, gradient = loss.value_and_grad(*given, out=out)
    expected, slope = loss.value_and_grad(pred, target)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient.array, slope, rtol=1e-13)


@pytest.mark.parametrize("loss", [pl.mse_loss, pl.rmse_loss, pl.dice_loss])
def test_partial_results(loss):
    pred, target, weights = RNG.random((600, 5)), np.round(RNG.random((600, 5))), RNG.random(600)
    weights = weights if loss is pl.dice_loss else weights[:, None]
    given = Stored(pred, (10, 5)), Stored(target, (20, 2))
    part = loss.partial(*given, weights=Stored(weights, (50,) + (1,) * (weights.ndim - 1)))
    assert max(x.most for x in given) <= 100
    np.testing.assert_allclose(part.value(), loss(pred, target, weights=weights), rtol=1e-14)
    group = np.arange(600) % 2
    if loss is pl.dice_loss:
        found = loss.partial(*given, group=group).value()
        np.testing.assert_allclose(found, loss.partial(pred, target, group=group).value())
