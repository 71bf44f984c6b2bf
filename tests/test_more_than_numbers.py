"""Arrays that hold more than numbers, units or masks: an error says what to pass."""

import re

import numpy as np
import pytest

import portable_losses as pl

ROWS = np.asarray([[0.5, 2.0, 0.0], [1.0, 0.0, 4.0]])


class Quantity(np.ndarray):
    """An array with a unit, as in astropy."""

    unit = "km"


class Measured:
    """A number with a unit, as in pint."""

    def __init__(self, numbers, units):
        self.numbers, self._units = numbers, units

    @property
    def units(self):
        return self._units

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numbers, dtype)


def refused(message, *arrays, **options):
    with pytest.raises(TypeError, match=re.escape(message)):
        pl.mse_loss(*arrays, **options)


def test_units():
    refused("mse_loss: target has the unit km, which", ROWS, ROWS.view(Quantity))
    refused("mse_loss: pred has the unit metre", Measured(ROWS, "metre"), ROWS)
    refused("weights has the unit kg", ROWS, ROWS, weights=Measured(ROWS, "kg"))
    assert pl.mse_loss(Measured(ROWS, "dimensionless"), ROWS) == 0


class Frame:
    """A table whose columns are attributes, as in pandas."""

    def __init__(self, unit):
        self.unit = self.units = unit

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.unit, dtype)


def test_a_column_may_be_called_unit():
    assert pl.mse_loss(Frame(ROWS), ROWS) == 0


def test_masked_arrays():
    masked = np.ma.masked_array(ROWS, mask=ROWS == 0)
    refused("pred is a masked array; pass its data, and `where=~pred.mask`", masked, ROWS)


@pytest.mark.backends("dask")
def test_masked_chunks(backend):
    masked = backend.xp.from_array(np.ma.masked_array([1.0, 2.0, 3.0, 400.0], mask=[0, 0, 0, 1]))
    with pytest.raises(TypeError, match=r"l1_loss: pred holds masked arrays.*getmaskarray\(pred\)"):
        pl.l1_loss(masked, 0.0)
    from dask.array import ma

    assert pl.l1_loss(ma.getdata(masked), 0.0, where=~ma.getmaskarray(masked)) == 2
    ones = backend.asarray(np.ones(4))
    refused("weights holds masked arrays", ones, ones, weights=masked)


@pytest.mark.backends("torch")
@pytest.mark.filterwarnings("ignore:.*prototype stage:UserWarning")
@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning")
@pytest.mark.filterwarnings("ignore:.*beta state:UserWarning")
def test_tensors_of_other_kinds(backend):
    import torch

    rows = backend.asarray(ROWS)
    refused("pred is a sparse tensor; pass `pred.to_dense()`", rows.to_sparse(), rows)
    refused("target is a sparse tensor; pass `target.to_dense()`", rows, rows.to_sparse_csr())
    refused("pred is a nested tensor", torch.nested.nested_tensor([rows[0], rows[1, :2]]), rows)
    masked = torch.masked.masked_tensor(rows, rows != 0)
    refused("pred is a masked tensor; pass `pred.get_data()`", masked, rows)
    quantized = torch.quantize_per_tensor(rows.to(torch.float32), 0.5, 0, torch.qint8)
    refused("pass `pred.dequantize()`", quantized, rows)


@pytest.mark.backends("jax")
def test_sparse_arrays_of_jax(backend):
    from jax.experimental import sparse

    rows = backend.asarray(ROWS)
    refused("pass `pred.todense()`", sparse.BCOO.fromdense(rows), rows)
