"""Arrays in parts on several devices: losses exchange sums, and no device gets all of an input.

JAX shows the operations that it compiled, torch those that it ran. On both the devices are those of
this machine: `conftest.py` gives JAX eight, and the processes of torch meet in a folder.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arguments import KINDS, LOSSES, arguments, methods, ways

import portable_losses as pl

EXCHANGES = re.compile(
    r" = (\S+|\(.*?\)) (all-gather|all-to-all|collective-permute|all-reduce)(?:-start)?\("
)
DEVICES = 8
ROWS = 8 * DEVICES
CLASSES = 16 * DEVICES


def exchanges(function: Callable[..., Any], *arrays: Any) -> list[tuple[str, str]]:
    """Return what the devices exchange in a compiled function: shapes and operations."""
    import jax

    return EXCHANGES.findall(jax.jit(function).lower(*arrays).compile().as_text())


def sharded(x: Any, *spec: str | None) -> Any:
    """Return an array in parts, or as a copy on each device, with the axes that are cut."""
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    devices = jax.devices()
    assert len(devices) == DEVICES
    mesh = Mesh(np.asarray(devices), ("devices",))
    single = np.asarray(x, {"f": "float32", "i": "int32", "b": "bool"}[np.asarray(x).dtype.kind])
    return jax.device_put(single, NamedSharding(mesh, PartitionSpec(*spec)))


def batch(loss: pl.Loss[...], way: int) -> tuple[list[Any], list[Any]]:
    """Return the arguments of a loss, and the same cut along their rows."""
    plain = arguments(loss, way, (ROWS,))
    common = loss.signature.common
    return plain, [sharded(x, *([] if i in common else ["devices"])) for i, x in enumerate(plain)]


@pytest.mark.backends("jax-jit")
@pytest.mark.compiled_too
@pytest.mark.parametrize(
    ("loss", "way"),
    [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}") for each in ways(LOSSES)],
)
def test_rows_stay_where_they_are(backend: Any, loss: pl.Loss[...], way: int) -> None:
    """The value and the gradient of a batch need sums of the devices, and nothing else."""
    _, given = batch(loss, way)
    found = exchanges(loss.value_and_grad, *given)
    assert found
    assert {operation for _, operation in found} == {"all-reduce"}, found


@pytest.mark.backends("jax-jit")
@pytest.mark.compiled_too
@pytest.mark.parametrize("loss", KINDS, ids=lambda loss: loss.__name__)
def test_options_and_second_derivatives(backend: Any, loss: pl.Loss[...]) -> None:
    plain, given = batch(loss, 0)
    rng = np.random.default_rng(1)
    options = {
        "weights": rng.uniform(size=ROWS).astype("float32"),
        "where": rng.uniform(size=ROWS) > 0.2,
    }
    cut = {key: sharded(x, "devices") for key, x in options.items()}
    calls: list[Callable[..., Any]] = [
        lambda *x: loss.value_and_grad(*x, **cut),
        lambda *x: loss(*x, reduction="none"),
    ]
    if "grad_and_hess" in methods(loss):
        calls.append(loss.grad_and_hess)
    for call in calls:
        assert {operation for _, operation in exchanges(call, *given)} <= {"all-reduce"}
    value, expected = loss(*given, **cut), loss(*plain, **options)
    np.testing.assert_allclose(value, expected, rtol=1e-4)


@pytest.mark.backends("jax-jit")
@pytest.mark.compiled_too
@pytest.mark.parametrize(
    "loss", [pl.cross_entropy, pl.softmax_focal_loss, pl.nll_loss, pl.multi_margin_loss]
)
@pytest.mark.parametrize("classes", [CLASSES, 2 * DEVICES])
def test_classes_stay_where_they_are(backend: Any, loss: pl.Loss[...], classes: int) -> None:
    """Each device adds up its own exponentials. No result of an exchange is as large as the logits.

    For short rows XLA gathers the sums of the devices, instead of reducing them.
    """
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, classes)), rng.integers(0, classes, 4)
    if loss is pl.nll_loss:
        logits -= np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    given = sharded(logits, None, "devices"), sharded(labels)
    for function in (loss, loss.value_and_grad):
        found = exchanges(function, *given)
        assert found
        assert f",{classes}]" not in str(found)
        if classes == CLASSES:
            assert {operation for _, operation in found} == {"all-reduce"}
    value, gradient = loss.value_and_grad(*given)
    expected, slope = loss.value_and_grad(logits, labels)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-7)
    assert gradient.sharding.spec[1] == "devices"


@pytest.mark.backends("jax-jit")
@pytest.mark.compiled_too
def test_what_stands_beside_an_array_in_parts(backend: Any) -> None:
    """Lists, numbers, and arrays that are cut in another way."""
    rows = np.random.default_rng(0).normal(size=(DEVICES, 2 * DEVICES))
    for spec in (("devices",), (None, "devices")):
        logits = sharded(rows, *spec)
        for labels in ([3] * DEVICES, sharded([3] * DEVICES), sharded([3] * DEVICES, "devices")):
            np.testing.assert_allclose(
                pl.cross_entropy(logits, labels), pl.cross_entropy(rows, [3] * DEVICES), rtol=1e-5
            )
        np.testing.assert_allclose(pl.huber_loss(logits, 1.0), pl.huber_loss(rows, 1.0), rtol=1e-5)


PROCESSES = Path(__file__).with_name("processes.py")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what two processes saw that evaluated losses of DTensors together."""
    store = tmp_path_factory.mktemp("processes") / "store"
    runs = [
        subprocess.Popen(
            [sys.executable, str(PROCESSES), str(store), str(rank)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"},
        )
        for rank in (0, 1)
    ]
    ends = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ends
    found: dict[str, Any] = json.loads(ends[0][0])
    return found


@pytest.mark.backends("torch")
@pytest.mark.parametrize("name", [loss.__name__ for loss in KINDS])
def test_rows_of_tensors_stay_where_they_are(backend: Any, seen: Any, name: str) -> None:
    """A DTensor cut along its rows: no process gets rows of another, and gradients stay cut."""
    one = seen["rows"][name]
    assert one["right"]
    assert set(one["exchanges"]) <= {"all_reduce"}
    assert one["gradient"] == "S(0)"


@pytest.mark.backends("torch")
def test_classes_of_tensors_stay_where_they_are(backend: Any, seen: Any) -> None:
    one = seen["classes"]["cross_entropy"]
    assert one["right"]
    assert set(one["exchanges"]) == {"all_reduce"}
    assert one["gradient"] == "S(1)"
    assert seen["classes"]["ranked_probability_loss"]["right"]  # torch's own cumsum is not


@pytest.mark.backends("torch")
def test_tensors_that_do_not_go_together(backend: Any, seen: Any) -> None:
    beside, cut = seen["errors"]
    assert beside.startswith("ValueError huber_loss: pred is on DeviceMesh")
    assert "but target is on cpu" in beside
    assert cut.startswith("RuntimeError linear_cross_entropy: PyTorch lacks an operation")
    assert "hidden ('S(1)',)" in cut
    assert "`hidden.redistribute(placements=...)`" in cut
