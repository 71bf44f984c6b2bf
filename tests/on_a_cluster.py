"""Losses on a cluster of Dask: two processes on this machine, and what is used beside Dask there.

`nox -s tests-cluster` installs the packages and runs this file; pytest does not collect it by
itself. `test_lazy.py` and `test_chunks.py` test Dask without a cluster.
"""

import os
import re
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import xarray
import zarr
from distributed import Client, LocalCluster

import portable_losses as pl

CHUNK = 4_000_000
NUMBER = 50
GIB = 2**30


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="1GiB",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def drawn(number: int, chunk: int = CHUNK) -> tuple[da.Array, da.Array]:
    """Return predictions and targets that the workers draw."""
    rng = da.random.default_rng(0)
    pred, target = (rng.random(number * chunk, dtype="float32", chunks=chunk) for _ in range(2))
    return pred, target


def peak() -> int:
    """Return the largest memory that a process has had, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_more_than_a_worker_holds(client: Client) -> None:
    """2 * 10**8 pairs, 1.6 GB, give the value of NumPy, and no worker ever has 1 GiB."""
    pred, target = drawn(NUMBER)
    assert pred.size == 200_000_000
    found = pl.huber_loss(pred, target, delta=0.25).compute()
    total = 0.0
    for i in range(NUMBER):
        both = dask.compute(pred.blocks[i], target.blocks[i], scheduler="sync")
        size = np.abs(np.subtract(*both))
        total += np.sum(np.where(size < 0.25, size**2 / 2, 0.25 * size - 0.03125), dtype=float)
    np.testing.assert_allclose(found, total / pred.size, rtol=1e-6)
    assert max(client.run(peak).values()) < GIB


def test_a_gradient_is_written_chunk_by_chunk(client: Client, tmp_path: Path) -> None:
    pred, target = drawn(10)
    weights = da.ones(pred.shape, dtype="float32", chunks=pred.chunks)
    for options in ({}, {"weights": weights}):
        path = tmp_path / f"gradient{len(options)}.zarr"
        gradient = pl.mse_loss.grad(pred, target, **options)
        da.to_zarr(gradient, str(path))
        stored = zarr.open_array(str(path), mode="r")
        assert stored.chunks == (CHUNK,)
        one = [x.blocks[3].compute(scheduler="sync") for x in (pred, target)]
        expected = pl.mse_loss.grad(*one) / 10
        np.testing.assert_allclose(stored[3 * CHUNK : 4 * CHUNK], expected, rtol=1e-6)
    assert max(client.run(peak).values()) < GIB


def test_a_worker_that_dies_costs_time_alone(client: Client) -> None:
    pred, target = drawn(30, 100_000)
    slow = pred.map_blocks(lambda x: (time.sleep(0.05), x)[1], dtype=pred.dtype)
    expected = pl.huber_loss(*dask.compute(pred, target, scheduler="sync"))
    future = client.compute(pl.huber_loss(slow, target))
    time.sleep(0.4)
    assert not future.done()
    os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)
    np.testing.assert_allclose(future.result(timeout=60), expected, rtol=1e-6)
    client.wait_for_workers(2, timeout=60)


def test_an_error_on_a_worker_names_the_loss(client: Client) -> None:
    wrong = da.from_delayed(dask.delayed(np.ones)(7), shape=(8,), dtype="float64")
    with pytest.raises(ValueError, match=r"huber_loss: pred has shape \(7,\) and target") as caught:
        pl.huber_loss(wrong, da.zeros(8)).compute()
    assert "huber_loss: in a chunk with the shapes pred (7,), target (8,)" in caught.value.__notes__
    with pl.validation(True):
        value = pl.binary_cross_entropy(da.full(8, 1.5, chunks=4), da.ones(8, chunks=4))
    with pytest.raises(ValueError, match=re.escape("binary_cross_entropy: pred")):
        value.compute()


def test_losses_of_a_session_are_sent(client: Client) -> None:
    """Also with a function of the reduced loss, bound parameters, and sums of losses."""

    @pl.loss
    def local(xp: Any, pred: Any, target: Any, /, *, scale: float = 1.0) -> Any:
        return scale * (pred - target) ** 2

    @local.derivative
    def _(xp: Any, pred: Any, target: Any, /, *, scale: float) -> Any:
        return 2 * scale * (pred - target)

    pred, target = da.arange(10.0, chunks=3), np.zeros(10)
    for loss in (local.bind(scale=2.0), pl.rmse_loss, 0.5 * pl.mse_loss + pl.l1_loss):
        value, gradient = dask.compute(*loss.value_and_grad(pred, target))
        expected, slope = loss.value_and_grad(np.arange(10.0), target)
        np.testing.assert_allclose(value, expected)
        np.testing.assert_allclose(gradient, slope)


FRAME = pd.DataFrame(
    {
        "pred": np.linspace(0.05, 0.95, 60),
        "target": np.arange(60) % 2,
        "weight": np.linspace(1.0, 2.0, 60),
    }
)


def test_columns_of_dataframes(client: Client) -> None:
    table = dd.from_pandas(FRAME, npartitions=4)
    value, gradient = pl.binary_cross_entropy.value_and_grad(
        table["pred"], table["target"], weights=table["weight"]
    )
    assert isinstance(value, da.Array)
    expected, slope = pl.binary_cross_entropy.value_and_grad(
        FRAME["pred"], FRAME["target"], weights=FRAME["weight"]
    )
    np.testing.assert_allclose(value.compute(), expected)
    np.testing.assert_allclose(gradient.compute(), slope)


def test_columns_that_do_not_fit() -> None:
    table = dd.from_pandas(FRAME, npartitions=4)
    parts = r"mse_loss: pred has 4 chunks along an axis, target has 2.*`compute_chunk_sizes\(\)`"
    with pytest.raises(ValueError, match=parts):
        pl.mse_loss(table["pred"], table.repartition(npartitions=2)["target"])
    with pytest.raises(ValueError, match=r"target has 1.*compute_chunk_sizes"):
        pl.mse_loss(table["pred"], FRAME["target"].to_numpy())
    with pytest.raises(TypeError, match=re.escape("pass `pred.astype(float)`")):
        pl.mse_loss(table["pred"].astype("Float64"), table["target"])


LATITUDES = (("time", "place"), np.zeros((4, 3)))


def test_names_and_coordinates_around_dask() -> None:
    """A gradient has those of the predictions, a value those of the axes that it keeps."""
    table = xarray.DataArray(
        np.linspace(0.0, 1.0, 12).reshape(4, 3),
        dims=("time", "place"),
        coords={"time": [1, 2, 3, 4], "latitude": LATITUDES, "scenario": 5},
    )
    lazy = table.chunk({"time": 2})
    value, gradient = pl.mse_loss.value_and_grad(lazy, lazy + 1, axis=0)
    assert isinstance(value.data, da.Array)
    assert isinstance(gradient.data, da.Array)
    xarray.testing.assert_allclose(
        value.compute(), xarray.DataArray(np.ones(3), dims="place", coords={"scenario": 5})
    )
    xarray.testing.assert_allclose(gradient.compute(), 0 * table - 0.5)
    each = pl.cross_entropy(lazy, xarray.DataArray([0, 1, 2, 0], dims="time"), reduction="none")
    assert each.dims == ("time",)
    np.testing.assert_array_equal(each["time"], table["time"])
    assert "latitude" not in each.coords
    assert isinstance(pl.mse_loss(lazy, lazy), da.Array)
