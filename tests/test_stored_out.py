"""Results in arrays of Zarr and HDF5, which are written part by part."""

import numpy as np
import pytest
from in_a_file import Stored

import portable_losses as pl
from portable_losses._engine import boxes

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def few_together(monkeypatch):
    """Read 100 numbers of 8 bytes together."""
    monkeypatch.setattr(boxes, "TOGETHER", 800)


@pytest.mark.parametrize("chunks", [(30, 7), (7, 3), None])
def test_losses_into_a_file(chunks):
    """The losses themselves, not their gradient."""
    pred, target = RNG.random((100, 7)), RNG.random((100, 7))
    for given in ((Stored(pred, (10, 7)), Stored(target, (20, 2))), (pred, target)):
        for loss, shape in ((pl.huber_loss, (100, 7)), (pl.rmse_loss, (100, 7))):
            out = Stored(np.full(shape, np.nan), chunks)
            assert loss(*given, reduction="none", out=out) is out
            np.testing.assert_array_equal(out.array, loss(pred, target, reduction="none"))
            assert (out.written == 1).all()
        out = Stored(np.full(100, np.nan, "float32"), (20,))
        given = [pred.astype("float32"), np.round(target).astype("float32")]
        weights = Stored(RNG.random(100), (11,))
        pl.dice_loss(*given, reduction="none", weights=weights, out=out)
        expected = pl.dice_loss(*given, reduction="none", weights=weights.array)
        np.testing.assert_allclose(out.array, expected, rtol=1e-6)
        assert (out.written == 1).all()


def test_several_predictions():
    """One in a file, one shared by the rows of a box, and one number."""
    mean, target, variance = RNG.random((60, 50)), RNG.random((60, 50)), RNG.random(50) + 0.1
    given = Stored(mean, (2, 50)), Stored(variance, (10,)), Stored(target, (2, 50))
    expected = pl.gaussian_nll_loss.grad(mean, variance, target)
    out = Stored(np.empty((60, 50)), (5, 7)), Stored(np.empty(50), (7,))
    assert pl.gaussian_nll_loss.grad(*given, out=out) is out
    for x, slope in zip(out, expected, strict=True):
        np.testing.assert_allclose(x.array, slope, rtol=1e-13)
        assert (x.written == 1).all()
    first, second = Stored(np.empty((60, 50)), (5, 7)), np.empty(())
    pl.gaussian_nll_loss.grad(given[0], 0.5, given[2], out=(first, second))
    slopes = pl.gaussian_nll_loss.grad(mean, 0.5, target)
    np.testing.assert_allclose(first.array, slopes[0], rtol=1e-13)
    np.testing.assert_allclose(second, slopes[1], rtol=1e-12)


class ReadOnly(Stored):
    read_only = True


@pytest.mark.parametrize("loss", [pl.mse_loss, pl.dice_loss])
def test_wrong_out(loss):
    """Nothing is read or written before the error."""
    pred, target = Stored(RNG.random(1000), (10,)), Stored(np.zeros(1000), (10,))
    for out, message in (
        (Stored(np.empty(999), (10,)), r"out must have the shape \(1000,\)"),
        (
            Stored(np.empty(1000, "float32"), (10,)),
            r"out must have .* the dtype float64 of the gradient, but has",
        ),
        (ReadOnly(np.empty(1000), (10,)), "out is read-only; open it for writing"),
        (pred, "out is the same array as pred; pass another array"),
        (target, "out is the same array as target; pass another array"),
        ((Stored(np.empty(1000), None),) * 2, r"out must have an array for each .* got 2"),
    ):
        for given in ((pred, target), (np.asarray(pred.array), target)):
            if out is pred and given[0] is not pred:
                continue
            with pytest.raises((TypeError, ValueError), match=rf"^{loss.__name__}: {message}"):
                loss.value_and_grad(*given, out=out)
    out = Stored(np.empty(1000), (10,))
    with pytest.raises(TypeError, match="pass reduction='none' with it"):
        loss(pred, target, out=out)
    assert pred.most == target.most == 0
    assert not any(x.written.any() for x in (pred, target, out))
    out = Stored(np.empty(50), None)
    with pytest.raises(ValueError, match=r"out\[1\] is the same array as out\[0\]"):
        pl.gaussian_nll_loss.grad(np.ones(50), np.ones(50), np.ones(50), out=(out, out))


def test_arrays_of_another_library():
    import array_api_strict as strict

    with pytest.raises(TypeError, match="out goes with arrays of NumPy"):
        pl.mse_loss.grad(strict.ones(4), strict.zeros(4), out=Stored(np.empty(4), None))


def test_a_call_that_ends_early():
    """What was written stays; the next call writes all."""
    pred, target = RNG.random(1000) * 0.9, np.zeros(1000)
    out = Stored(np.full(1000, np.nan), (100,))
    pred[555] = 1.5
    given = Stored(pred, (100,)), target
    with pytest.raises(ValueError, match=r"pred\[55\] is 1.5.*counted in pred\[500:600\]"):
        pl.binary_cross_entropy.grad(*given, out=out)
    assert not np.isnan(out.array[:500]).any()
    assert np.isnan(out.array[500:]).all()
    pred[555] = 0.5
    pl.binary_cross_entropy.grad(*given, out=out)
    np.testing.assert_allclose(out.array, pl.binary_cross_entropy.grad(pred, target), rtol=1e-14)
