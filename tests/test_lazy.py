"""Dask stays lazy: building the graph of a loss computes nothing, even with unknown shapes."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from arguments import METHODS, methods, parts
from cases import example
from marks import every_loss, one_of_each_kind
from test_every_loss import close, numpy_of

import portable_losses as pl

pytestmark = pytest.mark.backends("dask")


@contextmanager
def counted() -> Iterator[list[Any]]:
    """Count the tasks that Dask runs."""
    from dask.callbacks import Callback

    tasks: list[Any] = []
    with Callback(pretask=lambda key, *_: tasks.append(key)):
        yield tasks


def test_the_count_counts(backend):
    with counted() as tasks:
        backend.asarray([1.0]).compute()
    assert tasks


@one_of_each_kind
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", ["", "where", "weights"])
def test_nothing_is_computed(backend, dtype, case, method, options):
    drawn = example(case, 0, dtype)
    arrays = [backend.asarray(x) for x in drawn.arrays]
    given = {}
    if options == "where":
        given["where"] = backend.asarray(np.arange(6) % 2 == 0)
    if options == "weights":
        given["weights"] = backend.asarray(np.arange(6.0))
    with counted() as tasks:
        results = getattr(case.loss, method if method in methods(case.loss) else "grad")(
            *arrays, **given
        )
    assert not tasks
    for result in parts(results):
        assert isinstance(result, type(arrays[0]))


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_many_chunks(backend, dtype, case, reduction):
    """The result is lazy, and that of one chunk: the mean of all elements, not one of means."""
    drawn = example(case, 0, dtype, (7,))
    arrays = [backend.asarray(x).rechunk((3, *x.shape[1:])) for x in drawn.arrays]
    with counted() as tasks:
        value, gradient = case.loss.value_and_grad(*arrays, reduction=reduction)
    assert not tasks
    reduced = {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](drawn.inner)
    derivatives = tuple(
        derivative / (7 if reduction == "mean" else 1) for derivative in drawn.derivatives
    )
    expected, slopes = case.finished(reduced, derivatives)
    close(backend.to_numpy(value), expected, dtype)
    close(numpy_of(backend, gradient), slopes, dtype, case.slack)
    assert {x.dtype for x in parts((value, gradient))} == {np.dtype(dtype)}


@every_loss
def test_shapes_that_nobody_knows(backend, dtype, case):
    """A selection has an unknown length; the mean counts the selected elements."""
    drawn = example(case, 0, dtype, (7,))
    keep = np.asarray([True, False, True, True, False, True, True])
    arrays = [backend.asarray(x)[backend.asarray(keep)] for x in drawn.arrays]
    assert np.isnan(arrays[0].shape[0])
    with counted() as tasks:
        value, gradient = case.loss.value_and_grad(*arrays)
    assert not tasks
    derivatives = tuple(derivative[keep] / np.sum(keep) for derivative in drawn.derivatives)
    expected, slopes = case.finished(np.mean(drawn.inner[keep]), derivatives)
    close(backend.to_numpy(value), expected, dtype)
    close(numpy_of(backend, gradient), slopes, dtype, case.slack)


@every_loss
def test_a_mean_over_nothing_does_not_warn(backend, case):
    """Not when it is computed either, where NumPy would warn of 0 / 0."""
    drawn = example(case, 0, "float64")
    arrays = [backend.asarray(x) for x in drawn.arrays]
    nothing = backend.asarray(np.zeros(drawn.inner.shape, dtype=bool))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(case.loss(*arrays, where=nothing).compute())
        assert np.isnan(case.loss(*(x[:0] for x in arrays)).compute())


@every_loss
def test_a_chunk_is_a_task(backend, case):
    """The number of tasks does not grow with a formula's steps; all tasks can be serialised."""
    import cloudpickle

    drawn = example(case, 0, "float64", (7,))
    arrays = [backend.asarray(x).rechunk((3, *x.shape[1:])) for x in drawn.arrays]
    losses = case.loss(*arrays, reduction="none")
    with counted() as tasks:
        losses.compute(optimize_graph=False)
    assert len(tasks) <= 3 * 60
    assert len(cloudpickle.dumps(losses)) < 10**5


def test_a_loss_of_a_notebook_is_sent_to_workers(backend):
    """By its parts, with cloudpickle, to processes that cannot import it."""
    import cloudpickle

    @pl.loss(predicted=2)
    def local(xp, left, right, /, *, scale: float = 1.0):
        return scale * (left - right) ** 2

    @local.derivative
    def _(xp, left, right, /, *, scale):
        slope = 2 * scale * (left - right)
        return slope, -slope

    data = cloudpickle.dumps((local, local.grad))
    worker = f"""
import pickle
loss, grad = pickle.loads({data!r})
print(loss([3.0], [1.0], scale=2.0), *grad([3.0], [1.0]))
"""
    done = subprocess.run(
        [sys.executable, "-c", worker], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("8.0 [4.] [-4.]\n", "")
    ones, zeros = (backend.xp.full((4,), number, chunks=2) for number in (1.0, 0.0))
    found = local(ones, zeros, reduction="none", scale=3.0)
    np.testing.assert_array_equal(found.compute(scheduler="processes"), [3.0] * 4)
