"""Partial results add up to the result of all data, however these are split."""

import pickle
import subprocess
import sys
import textwrap
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from cases import CASES, Case
from marks import losses

import portable_losses as pl

ROWS = 12
WITH_ROWS = [case for case in CASES if not case.shared]


def split(array: Any, ends: list[int]) -> list[Any]:
    """Cut an array along its first axis; one that has none belongs to every part."""
    if not array.ndim:
        return [array] * (len(ends) + 1)
    starts = [0, *ends]
    return [array[a:b, ...] for a, b in zip(starts, [*ends, ROWS], strict=True)]


def near(backend: Any, found: Any, right: Any, dtype: str) -> None:
    """Allow 2 ulp where sums are wider than the losses, otherwise the rounding of two sums."""
    found, right = backend.to_numpy(found), backend.to_numpy(right)
    assert found.dtype == right.dtype
    wider = dtype == "float32" and "float64" in backend.dtypes
    np.testing.assert_allclose(found, right, rtol=(2 if wider else 6) * np.finfo(dtype).eps, atol=0)


@losses(WITH_ROWS, [case for case in WITH_ROWS if case.typical])
@pytest.mark.parametrize("ends", [[5], [1, 2, 9], [0, 12]])
def test_parts_add_up(backend: Any, dtype: str, case: Case, ends: list[int]) -> None:
    """With weights and a mask, also with a part of no losses."""
    rng = np.random.default_rng(3)
    drawn = [x if x.dtype.kind == "i" else x.astype(dtype) for x in case.draw(rng, (ROWS,))]
    weights, where = rng.uniform(0.5, 2.0, ROWS).astype(dtype), rng.uniform(size=ROWS) < 0.8
    arrays = [backend.asarray(x) for x in drawn]
    options = {"weights": backend.asarray(weights), "where": backend.asarray(where)}
    if 0 in ends and backend.base == "dask":
        return  # chunks of size 0 are another matter
    right = case.loss(*arrays, **options, **case.parameters[0])
    parts = [
        case.loss.partial(
            *arguments,
            weights=backend.asarray(own),
            where=backend.asarray(mask),
            **case.parameters[0],
        )
        for *given, own, mask in zip(
            *(split(x, ends) for x in (*drawn, weights, where)), strict=True
        )
        for arguments in [[backend.asarray(x) for x in given]]
        if 0 not in ends or len(own)
    ]
    near(backend, sum(parts).value(), right, dtype)
    if backend.thorough:
        backwards = sum(pickle.loads(pickle.dumps(part)) for part in parts[::-1])
        near(backend, backwards.value(), right, dtype)


def test_labels_that_are_left_out(backend: Any, dtype: str) -> None:
    """Class weights and an ignored label enter the sum of the weights."""
    rng = np.random.default_rng(4)
    logits, labels = rng.normal(size=(ROWS, 3)), rng.integers(0, 3, ROWS)
    options = {"class_weights": backend.asarray([1.0, 0.5, 3.0], dtype), "ignore_index": 1}
    right = pl.cross_entropy(backend.asarray(logits, dtype), backend.asarray(labels), **options)
    parts = [
        pl.cross_entropy.partial(backend.asarray(x, dtype), backend.asarray(y), **options)
        for x, y in zip(split(logits, [2, 7]), split(labels, [2, 7]), strict=True)
    ]
    near(backend, sum(parts).value(), right, dtype)


def test_a_mean_for_each_group(backend: Any, dtype: str) -> None:
    """By an axis, or by the number of the group."""
    rng = np.random.default_rng(5)
    pred, weights = rng.normal(size=(ROWS, 4)), rng.uniform(0.5, 1.5, (ROWS, 4))
    group = rng.integers(0, 3, (ROWS, 4))
    arrays = [backend.asarray(x, dtype) for x in (pred, weights)]
    by_axis = pl.rmse_loss.partial(arrays[0], 0.0, weights=arrays[1], axis=0)
    near(
        backend,
        (by_axis + by_axis).value(),
        pl.rmse_loss(arrays[0], 0.0, weights=arrays[1], axis=0),
        dtype,
    )
    groups = None if backend.name in ("numpy", "numpy-readonly", "torch") else 4
    by_group = pl.rmse_loss.partial(
        arrays[0], 0.0, weights=arrays[1], group=backend.asarray(group), groups=groups
    )
    value = backend.to_numpy(by_group.value())
    for k in range(3):
        own = backend.asarray(group == k)
        right = pl.rmse_loss(arrays[0], 0.0, weights=arrays[1], where=own)
        np.testing.assert_allclose(value[k], backend.to_numpy(right), 4 * np.finfo(dtype).eps)
    assert groups is None or np.isnan(value[3])


def test_many_blocks() -> None:
    """Both sums come from the one pass of blocks."""
    pred = np.random.default_rng(6).normal(size=3_000_000).astype(np.float32)
    weights = np.abs(pred[::-1])
    parts = [
        pl.huber_loss.partial(x, 0.0, weights=w)
        for x, w in zip(np.split(pred, [1_000_000]), np.split(weights, [1_000_000]), strict=True)
    ]
    right = pl.huber_loss(pred, 0.0, weights=weights)
    np.testing.assert_allclose(sum(parts).value(), right, rtol=2 * np.finfo(np.float32).eps)
    assert parts[0].total.dtype == parts[0].weight.dtype == np.float64
    alone = pl.huber_loss.partial(pred, 0.0)
    assert alone.weight == 3_000_000
    assert np.isnan(pl.mse_loss.partial([], []).value())


@pytest.mark.backends("jax")
def test_a_pytree(backend: Any) -> None:
    """A compiled function may return a part, and add up those of a scan."""
    import jax

    pred = backend.asarray(np.arange(12.0).reshape(4, 3))

    def step(carried: Any, row: Any) -> Any:
        return carried + pl.rmse_loss.partial(row, 0.0), None

    start = pl.rmse_loss.partial(pred[0], 0.0)
    merged, _ = jax.jit(lambda rows: jax.lax.scan(step, start, rows))(pred[1:])
    np.testing.assert_allclose(merged.value(), pl.rmse_loss(pred, 0.0), rtol=1e-6)
    assert isinstance(jax.tree.map(lambda x: 2 * x, merged), type(merged))


@pytest.mark.backends("torch")
def test_workers_of_torch(backend: Any) -> None:
    """Two processes add up the sums of their parts by all_reduce."""
    script = textwrap.dedent(
        """
        import torch
        import torch.distributed as dist
        import torch.multiprocessing as mp
        import portable_losses as pl

        def work(rank, store):
            dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
            pred = torch.arange(10.0)[rank * 3 : 3 + rank * 7]
            part = pl.rmse_loss.partial(pred, 0.0)
            dist.all_reduce(part.total)
            dist.all_reduce(part.weight)
            assert float(part.value()) == float(pl.rmse_loss(torch.arange(10.0), 0.0))
            dist.destroy_process_group()

        if __name__ == "__main__":
            import sys
            mp.spawn(work, (sys.argv[1],), nprocs=2)
        """
    )
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workers.py"
        path.write_text(script)
        subprocess.run([sys.executable, str(path), str(Path(folder) / "store")], check=True)


@pytest.mark.backends("dask")
def test_parts_stay_lazy(backend: Any) -> None:
    """The sums of a part are computed together with those of others."""
    import dask.array as da

    pred = da.arange(100.0, chunks=10)
    part = pl.rmse_loss.partial(pred[:40], 0.0) + pl.rmse_loss.partial(pred[40:], 0.0)
    assert isinstance(part.total, da.Array)
    np.testing.assert_allclose(part.value().compute(), np.sqrt(np.mean(np.arange(100.0) ** 2)))


@pytest.mark.backends("jax")
def test_parts_with_arrays_are_pytrees(backend: Any) -> None:
    """Of compiled functions for several shapes: an array inside a trace does not outlive it."""
    import jax

    loss, per_class = pl.binary_cross_entropy_with_logits, backend.asarray([1.0, 2.0, 3.0])
    logits = backend.asarray(np.arange(15.0).reshape(5, 3) / 7)

    @jax.jit
    def part(x: Any, weights: Any) -> Any:
        return loss.partial(x, 0 * x + 1, pos_weight=weights)

    parts = [part(logits[:3], per_class), part(logits[3:], per_class)]
    expected = loss(logits, 0 * logits + 1, pos_weight=per_class)
    for merged in (
        parts[0] + parts[1],
        jax.tree.map(lambda a, b: a + b, *parts),
        loss.partial(logits[:3], 0 * logits[:3] + 1, pos_weight=[1.0, 2.0, 3.0]) + parts[1],
    ):
        np.testing.assert_allclose(jax.jit(lambda x: x.value())(merged), expected, rtol=1e-6)
    with pytest.raises(TypeError, match="pass groups, the number of groups"):
        jax.jit(lambda x, group: loss.partial(x, x, group=group))(
            logits[:, 0], backend.asarray([0, 1, 0, 1, 1])
        )


def test_options_for_classes_must_be_the_same() -> None:
    logits, labels = np.zeros((2, 3)), [0, 1]

    def part(**options: Any) -> Any:
        return pl.cross_entropy.partial(logits, labels, **options)

    same = part(class_weights=[1.0, 2.0, 3.0]) + part(class_weights=np.asarray([1.0, 2.0, 3.0]))
    assert float(same.weight) == 6
    for one, two in (
        ({"class_weights": [1.0, 2.0, 3.0]}, {"class_weights": [1.0, 2.0, 4.0]}),
        ({"class_weights": [1.0, 2.0, 3.0]}, {}),
        ({"ignore_index": 1}, {"ignore_index": 2}),
    ):
        with pytest.raises(TypeError, match=f"cross_entropy: parts with .*{next(iter(one))}"):
            part(**one) + part(**two)
    assert float((part(temperature=1.0) + part()).weight) == 4


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a, b: a + pl.l1_loss.partial([1.0], [0.0]), TypeError, "huber_loss and .*l1_loss"),
        (lambda a, b: a + b, TypeError, "'delta': 1.0.*'delta': 2.0.*the same"),
        (
            lambda a, b: a + pl.huber_loss.partial([[1.0]], [[0.0]], axis=0, delta=1.0),
            ValueError,
            "groups",
        ),
        (
            lambda a, b: a + pl.huber_loss.partial(strict.asarray([1.0]), 0.0, delta=1.0),
            TypeError,
            "two array libraries",
        ),
        (lambda a, b: pl.l1_loss.partial([1.0], [0.0], reduction="sum"), TypeError, "`.total`"),
        (lambda a, b: pl.l1_loss.partial([1.0], [0.0], axis=0, group=[0]), TypeError, "not both"),
        (
            lambda a, b: pl.l1_loss.partial([1.0], [0.0], group=[0, 1]),
            ValueError,
            r"\(1,\).*\(2,\)",
        ),
        (lambda a, b: pl.l1_loss.partial([1.0], [0.0], group=[0.5]), ValueError, "float64"),
        (
            lambda a, b: pl.l1_loss.partial([1.0, 2.0], [0.0, 0.0], group=[0, 5], groups=3),
            ValueError,
            "l1_loss: group must hold the numbers of groups from 0 to 2, but holds 5",
        ),
        (lambda a, b: pl.l1_loss.partial([1.0], [0.0], group=[-1]), ValueError, "but holds -1"),
        (lambda a, b: pl.l1_loss.partial([1.0], [0.0], groups=3), TypeError, "pass group, that of"),
        (lambda a, b: a + 1.0, TypeError, "unsupported operand"),
        (lambda a, b: pl.l1_loss(1.0, 0.0, reduction="parts of a sum"), ValueError, "reduction"),
    ],
)
def test_parts_that_do_not_add_up(call: Any, error: type[Exception], message: str) -> None:
    """The message says what differs."""
    parts = (pl.huber_loss.partial([1.0], [0.0], delta=d) for d in (1.0, 2.0))
    with pytest.raises(error, match=message):
        call(*parts)
