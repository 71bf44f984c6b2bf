"""Arrays that hold more than numbers, units or masks: an error says what to pass."""

import re
from decimal import Decimal

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
    refused("target has the unit km", [1.0, 2.0], [Measured(1.0, "km"), Measured(2.0, "km")])
    assert pl.mse_loss(Measured(ROWS, "dimensionless"), ROWS) == 0


class Masked:
    """Numbers with a mask that may be missing, and without a unit, as in astropy."""

    unit = None

    def __init__(self, numbers, mask):
        self.numbers, self.mask = numbers, mask

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numbers, dtype)


class Labelled:
    """An array with names and coordinates for its axes, as in xarray."""

    def __init__(self, data, *dims, **coordinates):
        self._data, self._dims, self._xindexes = data, dims, coordinates

    @property
    def data(self):
        return self._data

    @property
    def dims(self):
        return self._dims

    @property
    def xindexes(self):
        return {name: Index(x) for name, x in self._xindexes.items()}

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("read without its labels")


class Index:
    def __init__(self, coordinates):
        self.coordinates = coordinates

    def equals(self, other):
        return self.coordinates == other.coordinates


TIMES = Labelled(ROWS, "time", "place", time=(1, 2))


def disagree(message, loss, *arrays, **options):
    with pytest.raises(ValueError, match=re.escape(message)):
        loss(*arrays, **options)


@pytest.mark.parametrize(
    ("loss", "arrays", "options"),
    [
        (pl.mse_loss, (TIMES, Labelled(ROWS, "time", "place", time=(1, 2))), {}),
        (pl.mse_loss, (TIMES, Labelled(ROWS, "time", "place")), {}),
        (pl.mse_loss, (TIMES, ROWS), {}),
        (pl.mse_loss, (TIMES, 1.0), {"weights": Labelled(np.ones(3), "place")}),
        (pl.mse_loss, (TIMES, 1.0), {"where": Labelled(ROWS > 0, "time", "place", time=(1, 2))}),
        (pl.cross_entropy, (TIMES, Labelled(np.asarray([0, 1]), "time", time=(1, 2))), {}),
        (
            pl.cross_entropy,
            (Labelled(ROWS.T, "class", "time"), Labelled(np.asarray([0, 1]), "time")),
            {"class_axis": 0, "class_weights": Labelled(np.ones(3), "class")},
        ),
        (
            pl.pinball_loss,
            (Labelled(ROWS, "time", "level"), Labelled(np.ones(2), "time")),
            {"quantile": [0.1, 0.5, 0.9]},
        ),
    ],
)
def test_labels_that_agree(loss, arrays, options):
    bare = [x.data if isinstance(x, Labelled) else x for x in arrays]
    plain = {key: x.data if isinstance(x, Labelled) else x for key, x in options.items()}
    value, gradient = loss.value_and_grad(*arrays, **options)
    expected, slope = loss.value_and_grad(*bare, **plain)
    np.testing.assert_equal((value, gradient), (expected, slope))
    assert type(gradient) is np.ndarray


@pytest.mark.parametrize(
    ("message", "loss", "arrays", "options"),
    [
        (
            "('place', 'time'), but axes are paired by position; pass `target.transpose(",
            pl.mse_loss,
            (TIMES, Labelled(ROWS, "place", "time")),
            {},
        ),
        (
            "target has ('time', 'x'), but axes are paired by position; rename or add dimensions",
            pl.mse_loss,
            (TIMES, Labelled(ROWS, "time", "x")),
            {},
        ),
        (
            "different coordinates along their dimensions; pass what `xarray.align(pred, ",
            pl.mse_loss,
            (TIMES, Labelled(ROWS, "time", "place", time=(2, 3))),
            {},
        ),
        (
            "weights has ('time',)",
            pl.mse_loss,
            (TIMES, 1.0),
            {"weights": Labelled(np.ones(3), "time")},
        ),
        (
            "target has ('place',)",
            pl.cross_entropy,
            (TIMES, Labelled(np.asarray([0, 1]), "place")),
            {},
        ),
        (
            "class_weights has ('time',)",
            pl.cross_entropy,
            (TIMES, np.asarray([0, 1])),
            {"class_weights": Labelled(np.ones(3), "time")},
        ),
        (
            "variance has ('time',)",
            pl.gaussian_nll_loss,
            (TIMES, Labelled(np.ones(3), "time"), ROWS),
            {},
        ),
        (
            "target has ('n', 'w', 'h')",
            pl.dice_loss,
            (Labelled(np.ones((2, 3, 3)), *"nhw"), Labelled(np.ones((2, 3, 3)), *"nwh")),
            {"region_axis": (1, 2)},
        ),
    ],
)
def test_labels_that_differ(message, loss, arrays, options):
    disagree(message, loss, *arrays, **options)


def test_what_is_inside_of_labels_is_read_like_any_array():
    refused("pred has the unit kg", Labelled(Measured(ROWS, "kg"), "time", "place"), ROWS)
    masked = np.ma.masked_array(ROWS, mask=ROWS == 0)
    refused("pred is a masked array", Labelled(masked, "time", "place"), ROWS)


@pytest.mark.backends("dask")
def test_labels_around_lazy_arrays(backend):
    from dask.callbacks import Callback

    tasks = []
    pred = Labelled(backend.asarray(ROWS), "time", "place")
    with Callback(pretask=lambda key, *_: tasks.append(key)):
        value, gradient = pl.mse_loss.value_and_grad(pred, Labelled(pred.data + 1, "time", "place"))
        assert not tasks
    assert type(value) is type(gradient) is type(pred.data)
    assert value.compute() == 1


class Sparse:
    """An array that refuses to become one of NumPy, as in scipy.sparse and pydata sparse."""

    def todense(self):
        return ROWS


class OnDevice:
    """An array whose library is not installed, as CuPy's."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Implicit conversion is not allowed. Use `.get()`")


def test_what_numpy_cannot_read():
    refused("mse_loss: pred is a sparse array; pass `pred.todense()`", Sparse(), ROWS)
    refused("mse_loss: target is not an array, and NumPy cannot", ROWS, OnDevice())


@pytest.mark.parametrize(
    ("target", "cure"),
    [
        ([0, None], "some are missing; drop them, or fill them"),
        (["cat", "dog"], "`np.unique(target, return_inverse=True)[1]`"),
        ([Decimal(1), Decimal(0)], "pass `target.astype(float)`"),
        ([1 + 1j, 0], "take abs(x)"),
        ([0.0, np.nan], "some are missing (NaN); drop these rows, or leave them out with `where`"),
    ],
)
def test_labels_that_are_no_numbers(target, cure):
    with pytest.raises(TypeError, match=re.escape(cure)):
        pl.cross_entropy(ROWS, target)


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
    refused("pred is a masked array", Masked([1.0, 2.0], [False, True]), [0.0, 0.0])
    assert pl.mse_loss(Masked([1.0, 3.0], None), [0.0, 0.0]) == 5
    refused("pred is a list of masked arrays", [masked[0], masked[1]], ROWS)
    refused("target is a list of masked arrays", [ROWS], [[ROWS[0], masked[1]]])
    stacked = np.ma.stack([masked[0], masked[1]])
    assert pl.mse_loss(stacked.data, ROWS * 0, where=~stacked.mask) == np.mean([0.25, 4, 1, 16])


@pytest.mark.backends("dask")
def test_masked_chunks(backend):
    masked = backend.xp.from_array(np.ma.masked_array([1.0, 2.0, 3.0, 400.0], mask=[0, 0, 0, 1]))
    with pytest.raises(TypeError, match=r"l1_loss: pred holds masked arrays.*getmaskarray\(pred\)"):
        pl.l1_loss(masked, 0.0)
    from dask.array import ma

    assert pl.l1_loss(ma.getdata(masked), 0.0, where=~ma.getmaskarray(masked)) == 2
    ones = backend.asarray(np.ones(4))
    refused("weights holds masked arrays", ones, ones, weights=masked)


@pytest.mark.backends("dask")
def test_sparse_chunks(backend):
    from scipy import sparse

    rows = backend.xp.from_array(ROWS, chunks=(1, 3))
    message = "target holds sparse arrays; pass `target.map_blocks(lambda chunk: chunk.toarray())`"
    refused(message, rows, rows.map_blocks(sparse.csr_matrix))


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
