"""Arrays of other packages that hold more than numbers: right, or an error that says what to pass.

`nox -s tests-packages` installs these packages and runs this file; pytest does not collect it by
itself. `test_more_than_numbers.py` tests the same with stand-ins.
"""

import re

import astropy.units
import awkward
import dask.array
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


@pytest.mark.parametrize("loss", [pl.mse_loss, pl.rmse_loss, pl.dice_loss], ids=str)
def test_zarr(loss, tmp_path, monkeypatch):
    """Arrays of Zarr are read some chunks at a time, and the result is one of NumPy."""
    rng = np.random.default_rng(0)
    arrays = rng.random((600, 50)), np.round(rng.random((600, 50)))
    stored = []
    for name, chunks, array in zip("pt", ((40, 50), (60, 20)), arrays, strict=True):
        one = zarr.create_array(tmp_path / name, shape=array.shape, chunks=chunks, dtype=float)
        one[:] = array
        stored.append(one)
    read, own = [], zarr.Array.__getitem__
    monkeypatch.setattr(
        zarr.Array, "__getitem__", lambda x, index: (read.append(index), own(x, index))[1]
    )
    monkeypatch.setattr("portable_losses._engine.stored._TOGETHER", 8 * 50 * 100)
    value, gradient = loss.value_and_grad(*stored)
    assert {index.stop - index.start for index in read} == {80, 40}
    expected, slope = loss.value_and_grad(*arrays)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient, slope, rtol=1e-14)
    assert isinstance(gradient, np.ndarray)
