"""Gradients in arrays of the caller's, files, bars of progress, and interruption by Ctrl-C."""

import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

import portable_losses as pl

SHAPES = [(7,), (300_000,), (3, 300, 500)]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["C", "F", "byte order", "strided"])
@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (pl.mse_loss, {}),
        (pl.mse_loss, {"reduction": "none"}),
        (pl.rmse_loss, {}),
        (pl.binary_cross_entropy, {"weights": 0.5}),
        (pl.dice_loss, {}),
        (pl.dice_loss, {"region_axis": (0, -1)}),
    ],
)
def test_gradients_go_into_out(shape, form, loss, options):
    if len(shape) == 1 and isinstance(options.get("region_axis"), tuple):
        options = {"region_axis": 0}
    pred, target = RNG.random(shape), (RNG.random(shape) > 0.5) * 1.0
    out = {
        "C": np.full(shape, np.nan),
        "F": np.full(shape, np.nan, order="F"),
        "byte order": np.full(shape, np.nan, np.dtype(float).newbyteorder()),
        "strided": np.full((*shape, 2), np.nan)[..., 0],
    }[form]
    value, gradient = loss.value_and_grad(pred, target, out=out, **options)
    expected, slope = loss.value_and_grad(pred, target, **options)
    assert gradient is out
    np.testing.assert_allclose(value, expected, rtol=1e-15)
    np.testing.assert_allclose(out, slope, rtol=4e-15)
    out[...] = np.nan
    assert loss.grad(pred, target, out=out, **options) is out
    np.testing.assert_allclose(out, slope, rtol=4e-15)


@pytest.mark.parametrize("number", [5, 200_000])
def test_several_predictions(number):
    mean, variance, target = (RNG.random(number) + 0.1 for _ in range(3))
    for scale in (variance, variance[:1]):
        out = np.empty(number), np.empty(scale.shape)
        assert pl.gaussian_nll_loss.grad(mean, scale, target, out=out) is out
        expected = pl.gaussian_nll_loss.grad(mean, scale, target)
        for x, y in zip(out, expected, strict=True):
            np.testing.assert_array_equal(x, y)


def test_labels_and_classes():
    scores, labels = RNG.random((4, 3000)), RNG.integers(0, 4, 3000)
    out = np.empty((4, 3000))
    for loss, options in (
        (pl.dice_loss, {"class_axis": 0}),
        (pl.cross_entropy, {"class_axis": 0, "class_weights": [1.0, 2.0, 0.0, 3.0]}),
    ):
        loss.grad(scores, labels, out=out, **options)
        np.testing.assert_array_equal(out, loss.grad(scores, labels, **options))


def test_a_bound_loss_and_a_sum():
    pred, target, out = RNG.random(9), RNG.random(9), np.empty(9)
    loss = (pl.mse_loss + 2 * pl.l1_loss).bind(reduction="sum")
    np.testing.assert_array_equal(loss.grad(pred, target, out=out), loss.grad(pred, target))


def test_nothing_large_is_made():
    import tracemalloc

    pred, target, out = (np.zeros(2_000_000) for _ in range(3))
    losses = partial(pl.mse_loss, reduction="none")
    for call in (pl.mse_loss.grad, pl.dice_loss.grad, losses):
        call(pred, target, out=out)
        tracemalloc.start()
        call(pred, target, out=out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * 2**20


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty(3), r"out must have the shape \(4,\)"),
        (np.empty(4, "float32"), "the dtype float64"),
        ((np.empty(4), np.empty(4)), "out must have an array for each"),
        ("file", "out must be an array of NumPy, or one in a file .*, got str"),
        (np.broadcast_to(np.empty(1), (4,)), "read-only"),
    ],
)
def test_wrong_out(out, message):
    pred = np.ones(4)
    with pytest.raises((TypeError, ValueError), match=message):
        pl.mse_loss.grad(pred, np.zeros(4), out=out)


def test_out_is_no_input():
    x = np.ones(4)
    with pytest.raises(ValueError, match="out shares memory with target; pass another array"):
        pl.mse_loss.grad(np.zeros(4), x, out=x[::-1])
    with pytest.raises(ValueError, match=r"out\[1\] shares memory with out\[0\]"):
        pl.gaussian_nll_loss.grad(np.ones(4), np.ones(4), 0.0, out=(x, x))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (pl.mse_loss, {}),
        (pl.rmse_loss, {}),
        (pl.dice_loss, {}),
        (pl.huber_loss, {"weights": 0.5}),
        (pl.generalized_dice_loss, {"class_axis": 0}),
        (pl.multilabel_soft_margin_loss, {"class_weights": [1.0, 2.0, 3.0], "class_axis": 0}),
    ],
)
def test_losses_go_into_out(shape, loss, options):
    if "class_axis" in options and len(shape) == 1:
        shape = (3, 7)
    pred, target = RNG.random(shape), (RNG.random(shape) > 0.5) * 1.0
    expected = loss(pred, target, reduction="none", **options)
    out = np.full((*expected.shape, 2), np.nan)[..., 0]
    assert loss(pred, target, reduction="none", out=out, **options) is out
    np.testing.assert_array_equal(out, expected)
    with pytest.raises(ValueError, match="the dtype float64 of the losses, but has"):
        loss(pred, target, reduction="none", out=out.astype("float32"), **options)


def test_out_of_a_reduced_loss():
    for reduction in ({}, {"reduction": "sum"}):
        with pytest.raises(TypeError, match=r"mse_loss: out of a call .* pass reduction='none'"):
            pl.mse_loss(np.ones(4), np.ones(4), out=np.empty(4), **reduction)
    out = np.empty(4)
    np.testing.assert_array_equal(pl.mse_loss.bind(reduction="none")(out * 0, 2, out=out), [4] * 4)


def test_out_of_another_library():
    import array_api_strict as strict

    with pytest.raises(TypeError, match="out goes with arrays of NumPy"):
        pl.mse_loss.grad(strict.ones(4), strict.zeros(4), out=np.empty(4))


def test_files(tmp_path):
    """A gradient is written into a file, and only there."""
    number = 500_000
    pred, target, out = (
        np.memmap(tmp_path / name, np.float32, "w+", shape=(number,)) for name in "pto"
    )
    pred[:] = RNG.random(number)
    read = np.memmap(tmp_path / "p", np.float32, "r", shape=(number,))
    value, gradient = pl.mse_loss.value_and_grad(read, target, out=out)
    assert gradient is out
    np.testing.assert_allclose(value, np.mean(np.asarray(pred, float) ** 2), rtol=1e-6)
    np.testing.assert_allclose(out, 2 * pred / number, rtol=1e-6)
    assert not target.any()


def test_an_input_that_is_opened_twice(tmp_path):
    """Two memmaps of a file have no memory in common, and the same numbers."""

    def opened(start, mode="r+"):
        return np.memmap(tmp_path / "all", np.float64, mode, shape=(100,), offset=8 * start)

    np.zeros(1000).tofile(tmp_path / "all")
    pred, target = opened(0, "r"), opened(100, "r")
    for start, other in ((0, "pred"), (99, "pred"), (101, "target"), (199, "target")):
        with pytest.raises(ValueError, match=f"out shares memory with {other}; pass another array"):
            pl.mse_loss.grad(pred, target, out=opened(start))
    for out in (opened(200), opened(0, "c")):
        pl.mse_loss.grad(pred, target + 1, out=out)
        assert (out == -0.02).all()
    assert not opened(0)[:].any()


def test_a_bar_of_a_long_evaluation(monkeypatch):
    """It counts all blocks; a short evaluation has none."""
    import tqdm.auto as tqdm

    bars = []

    class Bar(tqdm.tqdm):
        def close(self):
            if not self.disable:
                bars.append(self)
            super().close()
            self.disable = True

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    pred, target = np.zeros(1_000_000), np.ones(1_000_000)
    for loss in (pl.mse_loss, pl.dice_loss):
        bars.clear()
        expected = loss(pred, target)
        assert not bars
        assert loss(pred, target, progress=True) == expected
        loss.grad(pred, target, progress=True)
        loss.value_and_grad(pred, target, progress=True)
        assert len(bars) == (3 if loss is pl.mse_loss else 5)
        assert all(bar.n == bar.total > 1 and bar.delay > 1 for bar in bars)


def test_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ModuleNotFoundError, match=r"mse_loss: .*portable-losses\[progress\]"):
        pl.mse_loss([1.0], [0.0], progress=True)
    assert float(pl.mse_loss([1.0], [0.0])) == 1.0


SCRIPT = """
import signal, threading
import numpy as np
import portable_losses as pl
pred, target = np.broadcast_to(np.float64(0.5), 10**10), np.broadcast_to(np.float64(1.0), 10**10)
pl.{loss}(pred[:10**6], target[:10**6])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
with pl.set_workers({workers}):
    try:
        print("started", flush=True)
        pl.{loss}(pred, target)
    except KeyboardInterrupt:
        print(threading.active_count(), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGINT for one process")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("loss", ["mse_loss", "dice_loss"])
def test_interruption(loss, workers):
    """Ctrl-C ends a call of minutes at once, and leaves no thread."""
    script = SCRIPT.format(loss=loss, workers=workers)
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "started\n"
            time.sleep(0.5)
            start = time.perf_counter()
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30)[0] == "1\n"
            assert time.perf_counter() - start < 5
            assert process.returncode == 0
        finally:
            process.kill()
