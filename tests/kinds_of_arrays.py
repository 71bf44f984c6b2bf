"""Arrays of other packages that hold more than numbers: right, or an error that says what to pass.

`nox -s tests-packages` installs these packages and runs this file; pytest does not collect it by
itself. `test_more_than_numbers.py` tests the same with stand-ins.
"""

import re

import astropy.units
import awkward
import dask.array
import h5py
import numpy as np
import pandas as pd
import pint
import polars  # noqa: ICN001
import pytest
import scipy.sparse
import sparse
import unyt
import xarray
import zarr
from astropy.table import MaskedColumn
from astropy.utils.masked import Masked

import portable_losses as pl

ROWS = np.asarray([[0.5, 2.0, 0.0], [1.0, 0.0, 4.0]])
TABLE = xarray.DataArray(ROWS, dims=("time", "place"), coords={"time": [1, 2]})
METRE = pint.UnitRegistry().metre

REFUSED = {
    "pint": (ROWS * METRE, "has the unit meter"),
    "list of pint": ([1 * METRE, 2 * METRE], "has the unit meter"),
    "pint in xarray": (xarray.DataArray(ROWS * METRE), "has the unit meter"),
    "unyt": (unyt.unyt_array(ROWS, "m"), "has the unit m"),
    "list of unyt": ([unyt.unyt_quantity(1, "m")], "has the unit m"),
    "astropy": (ROWS * astropy.units.m, "has the unit m"),
    "percent of astropy": (ROWS * astropy.units.percent, "has the unit %"),
    "list of astropy": ([1 * astropy.units.m], "has the unit m"),
    "masked astropy": (Masked(ROWS, mask=ROWS > 1), "is a masked array"),
    "masked column": (MaskedColumn([1.0, 2.0], mask=[0, 1]), "is a masked array"),
    "scipy.sparse": (scipy.sparse.csr_array(ROWS), "pass `pred.toarray()`"),
    "ragged": (awkward.Array([[1.0, 2.0], [3.0]]), "NumPy cannot read it as one"),
    "missing in awkward": (awkward.Array([1.0, None]), "NumPy cannot read it as one"),
    "records": (awkward.Array([{"x": 1.0}]), "must hold real numbers"),
    "categories": (pd.Series(pd.Categorical(["a", "b"])), "np.unique(pred"),
    "categories of polars": (polars.Series(["a"], dtype=polars.Categorical), "np.unique(pred"),
    "nullable frame": (pd.DataFrame(ROWS).astype("Float64"), "pass `pred.astype(float)`"),
    "missing booleans": (pd.array([True, None], dtype="boolean"), "some are missing"),
    "lazy frame": (polars.LazyFrame({"a": [1.0]}), "pass `pred.collect()`"),
    "dataset": (TABLE.to_dataset(name="x"), "NumPy cannot read it as one"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    value, message = REFUSED[name]
    with pytest.raises(TypeError, match=f"^mse_loss: pred .*{re.escape(message)}"):
        pl.mse_loss(value, ROWS)


@pytest.mark.parametrize(
    "pred",
    [
        pd.Series([1.0, 2.0]),
        pd.Series([1.0, 2.0], dtype="Float64"),
        pd.Series([1.0, 2.0], dtype="Sparse[float]"),
        pd.Series(pd.Categorical([1.0, 2.0])),
        polars.Series([1.0, 2.0]),
        awkward.Array([1.0, 2.0]),
        xarray.DataArray([1.0, 2.0]),
        unyt.unyt_array([1.0, 2.0], "dimensionless"),
        [1.0, 2.0] * astropy.units.dimensionless_unscaled,
    ],
    ids=lambda x: f"{type(x).__module__}-{type(x).__name__}",
)
def test_plain_numbers(pred):
    assert pl.mse_loss(pred, [0.0, 0.0]) == 2.5


def test_missing_numbers_are_nan():
    for pred in (pd.Series([1.0, None], dtype="Float64"), polars.Series([1.0, None])):
        assert np.isnan(pl.mse_loss(pred, [0.0, 0.0]))


def test_missing_labels():
    for labels in (pd.Series([1, None], dtype="Int64"), polars.Series([1, None])):
        with pytest.raises(TypeError, match=re.escape("some are missing (NaN)")):
            pl.cross_entropy(ROWS, labels)


def test_names_and_coordinates():
    assert pl.mse_loss(TABLE, TABLE + 1) == 1
    with pytest.raises(ValueError, match=re.escape("pass `target.transpose(*pred.dims)`")):
        pl.mse_loss(TABLE[:, :2], TABLE[:, :2].T)
    assert pl.mse_loss(TABLE, TABLE.T.transpose(*TABLE.dims)) == 0
    later = TABLE.assign_coords(time=[2, 3])
    with pytest.raises(ValueError, match=re.escape("pass what `xarray.align(pred, target, ")):
        pl.mse_loss(TABLE, later)
    assert pl.mse_loss(*xarray.align(TABLE, later, join="inner")) == np.mean(
        (ROWS[1] - ROWS[0]) ** 2
    )
    assert pl.mse_loss(TABLE, later.data) == 0


def test_names_around_dask():
    value = pl.mse_loss(TABLE.chunk(), TABLE.chunk() + 1)
    assert type(value) is dask.array.Array
    assert value.compute() == 1


@pytest.mark.parametrize(
    "loss", [pl.mse_loss, pl.huber_loss, pl.binary_cross_entropy_with_logits, pl.dice_loss]
)
def test_sparse_arrays(loss):
    """They follow the standard: value and gradient are those of dense arrays."""
    pred, target = np.asarray([[0.0, 0.5], [1.0, 0.0]]), np.asarray([[1.0, 0.0], [0.0, 0.0]])
    found = loss.value_and_grad(*map(sparse.COO.from_numpy, (pred, target)))
    for x, expected in zip(found, loss.value_and_grad(pred, target), strict=True):
        np.testing.assert_allclose(x.todense(), expected)


@pytest.fixture(params=["zarr", "zarr in shards", "h5py", "h5py without chunks"])
def make(request, tmp_path):
    """Return a function that makes an array in a file."""
    if request.param.startswith("zarr"):
        shards = {"shards": (80, 40)} if "shards" in request.param else {}

        def make(name, array, chunks):
            chunks = (40, 20) if shards else chunks
            made = zarr.create_array(
                tmp_path / name, shape=array.shape, chunks=chunks, dtype=array.dtype, **shards
            )
            made[:] = array
            return made

        yield make
        return
    with h5py.File(tmp_path / "all.h5", "w") as file:

        def make(name, array, chunks):
            chunks = chunks if request.param == "h5py" else None
            return file.create_dataset(name, data=array, chunks=chunks)

        yield make


@pytest.fixture
def few_together(monkeypatch):
    monkeypatch.setattr("portable_losses._engine.boxes.TOGETHER", 8 * 50 * 100)


IN_FILES = [
    (pl.mse_loss, {}),
    (pl.rmse_loss, {}),
    (pl.mse_loss, {"axis": 0}),
    (pl.dice_loss, {}),
    (pl.dice_loss, {"region_axis": (0, 1)}),
    (pl.dice_loss, {"region_axis": (0, 1), "where": True}),
    (pl.huber_loss, {"weights": True, "where": True}),
]


@pytest.mark.usefixtures("few_together")
@pytest.mark.parametrize(("loss", "options"), IN_FILES, ids=str)
def test_arrays_in_files(loss, options, make):
    """They are read and written some chunks at a time; without out= the results are of NumPy."""
    rng = np.random.default_rng(0)
    arrays = rng.random((600, 50)), np.round(rng.random((600, 50)))
    modifiers = {"where": rng.random((600, 50)) > 0.5, "weights": rng.random((600, 50))}
    inner = {key: modifiers[key] if x is True else x for key, x in options.items()}
    outer = {
        key: make(key, x, (70, 50)) if isinstance(x, np.ndarray) else x for key, x in inner.items()
    }
    stored = make("pred", arrays[0], (40, 50)), make("target", arrays[1], (60, 20))
    out = make("out", np.zeros((600, 50)), (50, 20))
    expected, slope = loss.value_and_grad(*arrays, **inner)
    value, gradient = loss.value_and_grad(*stored, **outer)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient, slope, rtol=1e-13)
    assert isinstance(gradient, np.ndarray)
    assert loss.grad(*stored, out=out, **outer) is out
    np.testing.assert_allclose(out[:], slope, rtol=1e-13)
    losses = loss(*arrays, reduction="none", **inner)
    if np.ndim(losses) == 2:
        assert loss(*stored, reduction="none", out=out, **outer) is out
        np.testing.assert_allclose(out[:], losses, rtol=1e-14)


@pytest.mark.usefixtures("few_together")
def test_labels_in_files(make):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(600, 50)).astype("float32"), rng.integers(0, 50, (600, 1))
    stored, of_labels = make("logits", logits, (40, 20)), make("labels", labels, (60, 1))
    with pytest.raises(ValueError, match=r"pass `target\[:, 0\]`"):
        pl.cross_entropy(stored, of_labels)
    value, gradient = pl.cross_entropy.value_and_grad(stored, labels[:, 0], ignore_index=3)
    expected, slope = pl.cross_entropy.value_and_grad(logits, labels[:, 0], ignore_index=3)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6)


def test_files_for_reading(tmp_path):
    """An error comes before anything is computed."""
    pred, target = np.ones((4, 3)), np.zeros((4, 3))
    zarr.create_array(tmp_path / "x", shape=(4, 3), chunks=(2, 3), dtype=float)
    stored = zarr.open_array(tmp_path / "x", mode="r")
    with pytest.raises(ValueError, match="out is read-only; open it for writing"):
        pl.mse_loss.grad(pred, target, out=stored)
    same = zarr.open_array(tmp_path / "x", mode="r+")
    with pytest.raises(ValueError, match="out is the same array as target; pass another array"):
        pl.mse_loss.grad(pred, stored, out=same)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=pred)
        with pytest.raises(ValueError, match="out is the same array as pred; pass another array"):
            pl.mse_loss.grad(file["x"], target, out=file["x"])
    with (
        h5py.File(tmp_path / "x.h5") as file,
        pytest.raises(ValueError, match="out is read-only; open it for writing"),
    ):
        pl.mse_loss.grad(pred, target, out=file["x"])
    in_memory = [zarr.create_array({}, shape=(4, 3), chunks=(2, 3), dtype=float) for _ in "xy"]
    pl.mse_loss.grad(in_memory[0], target, out=in_memory[1])


def test_a_chunk_is_written_once(tmp_path, monkeypatch):
    """Chunks in a shard are written together."""
    monkeypatch.setattr("portable_losses._engine.boxes.TOGETHER", 8)
    pred, target = np.ones((60, 50)), np.zeros((60, 50))
    written, own = [], zarr.Array.__setitem__
    monkeypatch.setattr(
        zarr.Array,
        "__setitem__",
        lambda x, index, part: (written.append(index), own(x, index, part))[1],
    )
    for name, shards in (("x", None), ("y", (40, 20))):
        written.clear()
        out = zarr.create_array(
            tmp_path / name, shape=(60, 50), chunks=(20, 10), shards=shards, dtype=float
        )
        pl.mse_loss.grad(pred, target, out=out)
        rows, columns = shards or (20, 10)
        assert len(written) == -(-60 // rows) * -(-50 // columns)
        assert all(a.start % rows == b.start % columns == 0 for a, b in written)
        np.testing.assert_allclose(out[:], 2 / 3000)
