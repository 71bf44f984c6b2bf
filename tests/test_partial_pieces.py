"""Pieces of regions add up to the whole regions, however these are cut."""

import pickle
import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from marks import once_a_library

import portable_losses as pl

LOSSES = [
    pl.dice_loss.bind(smooth=0.5),
    pl.jaccard_loss,
    pl.tversky_loss.bind(alpha=0.3, beta=0.7, gamma=1.5),
    pl.matthews_loss,
    pl.generalized_dice_loss,
    0.5 * pl.dice_loss + pl.jaccard_loss,
]
"""They sum over a region."""

N, CLASSES, HEIGHT, WIDTH = 2, 3, 12, 5
RANDOM = np.random.default_rng(12)
PRED = RANDOM.random((N, CLASSES, HEIGHT, WIDTH)).astype("float32")
LABELS = RANDOM.integers(0, CLASSES, (N, HEIGHT, WIDTH))
MASKS = (LABELS[:, None] == np.arange(CLASSES)[:, None, None]).astype("float32")
KEPT = RANDOM.random(PRED.shape) < 0.7
KEPT[1, 2, :5] = False  # a class of which the first pieces keep nothing
AXES: dict[str, Any] = {"region_axis": (2, 3)}

of_any = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
cuts = pytest.mark.parametrize("ends", [[5], [1, 2, 9], [0, 12]])


def tiles(array: np.ndarray, ends: list[int], axis: int = 2) -> list[np.ndarray]:
    """Cut images along their height."""
    return np.split(array, ends, axis)


def axes_of(loss: Any, **more: Any) -> dict[str, Any]:
    together = {"class_axis": 1} if loss is pl.generalized_dice_loss else {}
    return {**AXES, **together, **more}


def near(backend: Any, found: Any, right: Any, dtype: str) -> None:
    """Allow 2 ulp of a right value of float64, where the sums have that; or the sums' rounding."""
    found = backend.to_numpy(found)
    assert found.dtype == dtype
    wider = dtype == "float32" and "float64" in backend.dtypes
    np.testing.assert_allclose(found, right, rtol=(2 if wider else 8) * np.finfo(dtype).eps, atol=0)


@of_any
@cuts
def test_pieces_add_up(backend: Any, dtype: str, loss: Any, ends: list[int]) -> None:
    """With weights of regions, a mask of entries, and pieces of no entries."""
    if 0 in ends and backend.base == "dask":
        return  # chunks of size 0 are another matter
    weights = np.asarray([0.5, 2.0]) if loss is pl.generalized_dice_loss else np.arange(3.0)
    options = axes_of(loss, axis=0 if loss is pl.generalized_dice_loss else 1)
    wide = PRED.astype(float), MASKS.astype(float)
    right = loss(*wide, where=KEPT, weights=weights, **options)
    parts = [
        loss.partial(
            backend.asarray(pred, dtype),
            backend.asarray(mask, dtype),
            where=backend.asarray(kept),
            weights=backend.asarray(weights, dtype),
            pieces=True,
            **options,
        )
        for pred, mask, kept in zip(*(tiles(x, ends) for x in (PRED, MASKS, KEPT)), strict=True)
    ]
    near(backend, sum(parts).value(), right, dtype)
    if backend.thorough:
        backwards = sum(pickle.loads(pickle.dumps(part)) for part in parts[::-1])
        near(backend, backwards.value(), right, dtype)


@of_any
def test_labels_of_pieces(backend: Any, dtype: str, loss: Any) -> None:
    names = [key for key in loss.signature.parameters if key.startswith("from_logits")]
    options = {**dict.fromkeys(names, True), **AXES, "class_axis": 1}
    logits = 4 * PRED - 2
    right = loss(logits.astype(float), LABELS, **options)
    parts = [
        loss.partial(backend.asarray(x, dtype), backend.asarray(y), pieces=True, **options)
        for x, y in zip(tiles(logits, [3, 4]), tiles(LABELS, [3, 4], 1), strict=True)
    ]
    near(backend, sum(parts).value(), right, dtype)


@of_any
def test_batches_of_one_region_for_each_class(backend: Any, dtype: str, loss: Any) -> None:
    """The loss of a corpus, not the mean of those of its batches."""
    options = axes_of(loss, region_axis=(0, 2, 3))
    if loss is not pl.generalized_dice_loss:
        options["axis"] = ()
    right = loss(PRED.astype(float), MASKS.astype(float), **options)
    parts = [
        loss.partial(backend.asarray(x, dtype), backend.asarray(y, dtype), pieces=True, **options)
        for x, y in zip(PRED[:, None], MASKS[:, None], strict=True)
    ]
    near(backend, sum(parts).value(), right, dtype)


def test_counts_of_hard_predictions() -> None:
    """The Dice loss of 0 and 1 is 1 minus F1, from counts over all batches."""
    hard = (PRED[:, 0] > 0.4).astype(float)
    part = sum(
        pl.dice_loss.partial(x, y, region_axis=(0, 1), pieces=True)
        for x, y in zip(hard, MASKS[:, 0].astype(float), strict=True)
    )
    both, either = (hard * MASKS[:, 0]).sum(), (hard + MASKS[:, 0]).sum()
    np.testing.assert_allclose(part.value(), 1 - 2 * both / either, rtol=1e-15)


@of_any
def test_a_loss_for_each_group_of_tiles(backend: Any, dtype: str, loss: Any) -> None:
    """All tiles of a volume are one region; a volume without tiles has no loss."""
    volume, number = np.asarray([2, 0, 2, 0, 0, 2]), 4
    together = loss is pl.generalized_dice_loss
    pred, mask = (np.concatenate(tiles(x, [4, 8])) for x in (PRED, MASKS))
    each = volume if together else volume[:, None] * CLASSES + np.arange(CLASSES)
    part = sum(
        loss.partial(
            backend.asarray(pred[i], dtype),
            backend.asarray(mask[i], dtype),
            group=backend.asarray(each[i]),
            groups=number * (1 if together else CLASSES),
            pieces=True,
            **axes_of(loss),
        )
        for i in (slice(2), slice(2, 6))
    )
    found = np.reshape(backend.to_numpy(part.value()), (number, -1))
    for k in (0, 2):
        one = [np.concatenate([*x[volume == k]], 1).astype(float) for x in (pred, mask)]
        right = loss(*(x[None] for x in one), **axes_of(loss), reduction="none")
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(found[k], np.ravel(right), rtol=8 * eps)
    assert np.isnan(found[[1, 3]]).all()


def test_what_is_left_out_adds_nothing(backend: Any, dtype: str) -> None:
    """Not even NaN: a mask of regions leaves out the pieces, and a region without any."""
    pred, mask = PRED[0].astype(dtype), MASKS[0].astype(dtype)
    broken = np.full_like(pred, np.nan)
    where = np.asarray([[True, False, True], [False, False, True]])
    options = {"region_axis": (1, 2), "pieces": True}
    part = sum(
        pl.matthews_loss.partial(
            *(backend.asarray(x) for x in (np.where(kept[:, None, None], pred, broken), mask)),
            where=backend.asarray(kept),
            **options,
        )
        for kept in where
    )
    twice = [np.concatenate([x[2], x[2]]).astype(float) for x in (pred, mask)]
    right = [pl.matthews_loss(*map(np.ravel, each)) for each in ((pred[0], mask[0]), twice)]
    near(backend, part.value(), np.mean(np.asarray(right, float)), dtype)


@pytest.mark.backends("strict", "torch", "jax", "dask")
def test_a_stray_label_makes_its_regions_nan(backend: Any) -> None:
    labels = LABELS.copy()
    labels[1, 2, 3] = 7
    for loss, wrong in ((pl.generalized_dice_loss, [False, True]), (pl.dice_loss, None)):
        options = {"class_axis": 1, "axis": (), "pieces": True, **AXES}
        parts = [
            loss.partial(backend.asarray(x), backend.asarray(y), **options)
            for x, y in zip(tiles(PRED, [1, 4]), tiles(labels, [1, 4], 1), strict=True)
        ]
        found = np.isnan(backend.to_numpy(sum(parts).value()))
        wrong = [[False] * 3, [True] * 3] if wrong is None else wrong
        np.testing.assert_array_equal(found, wrong)


@pytest.mark.backends("dask")
def test_a_stray_label_in_a_later_chunk(backend: Any) -> None:
    """Only the first entry of a region is read again for its loss."""
    labels = LABELS.copy()
    labels[1, 2, 3] = 7
    found = pl.generalized_dice_loss(
        backend.xp.from_array(PRED, chunks=(1, 3, 4, 5)),
        backend.xp.from_array(labels, chunks=(1, 4, 5)),
        class_axis=1,
        reduction="none",
        **AXES,
    )
    np.testing.assert_array_equal(np.isnan(found.compute()), [False, True])


def of_sets(loss: Any, batches: list[tuple[Any, Any]], rounds: int, **options: Any) -> Any:
    """Take the sums of all batches, and those that depend on them."""
    part = None
    for _ in range(rounds):
        parts = [loss.partial(*x, pieces=True, after=part, **options) for x in batches]
        part = sum(parts)
    return part


SETS = [(pl.barlow_twins_loss, 3), (pl.vicreg_loss, 2)]


@pytest.mark.parametrize(("loss", "rounds"), SETS, ids=["barlow", "vicreg"])
def test_batches_of_one_set(backend: Any, dtype: str, loss: Any, rounds: int) -> None:
    """A global batch over workers: first the sums of the means, then those that need them."""
    left = 10 + RANDOM.normal(size=(2, 30, 4)).astype(dtype)
    right = (left + 0.5 * RANDOM.normal(size=left.shape)).astype(dtype)
    batches = list(zip(*(np.split(x, [7, 19], 1) for x in (left, right)), strict=True))
    weights = backend.asarray([1.0, 3.0], dtype)
    given = [(backend.asarray(x), backend.asarray(y)) for x, y in batches]
    part = of_sets(loss, given, rounds, weights=weights)
    exact = loss(left.astype(float), right.astype(float), weights=[1.0, 3.0])
    found = backend.to_numpy(part.value())
    assert found.dtype == dtype
    np.testing.assert_allclose(found, exact, rtol=200 * np.finfo(dtype).eps)
    if backend.thorough:
        assert pickle.loads(pickle.dumps(part)).value() == part.value()


@pytest.mark.backends("torch")
@pytest.mark.parametrize(("loss", "rounds"), SETS, ids=["barlow", "vicreg"])
def test_gradient_of_torch_through_rounds(backend: Any, loss: Any, rounds: int) -> None:
    import torch

    left, right = RANDOM.normal(size=(2, 30, 4))
    views = [torch.tensor(x, requires_grad=True) for x in (left, right)]
    batches = [(x[i], y[i]) for x, y in [views] for i in (slice(11), slice(11, None))]
    of_sets(loss, batches, rounds).value().backward()
    for x, gradient in zip(views, loss.grad(left, right), strict=True):
        np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-9, atol=1e-14)


def test_rounds_in_the_wrong_order() -> None:
    left, right = RANDOM.normal(size=(2, 10, 3))

    def part(after: Any = None, loss: Any = pl.vicreg_loss, **options: Any) -> Any:
        return loss.partial(left, right, pieces=True, after=after, **options)

    first = part()
    second = part(first)
    for call, error, message in (
        (first.value, ValueError, "depend on those of this part.*`after=`"),
        (lambda: part(second), ValueError, "`after` has all sums"),
        (lambda: first + second, ValueError, "do not add up"),
        (lambda: second + part(first + first), ValueError, "come after different ones"),
        (lambda: part(first, eps=1.0), TypeError, "the parameters"),
        (lambda: part(first, pl.barlow_twins_loss), TypeError, "after must be a part of barlow"),
        (lambda: part(1.0), TypeError, "after must be a part"),
        (lambda: part(first, group=0), TypeError, "after or group"),
        (lambda: pl.mse_loss.partial(1.0, 2.0, after=first), TypeError, "pieces=True needs"),
    ):
        with pytest.raises(error, match=message):
            call()


def test_memory() -> None:
    """A large piece is read in blocks, as a large region is."""
    pred, target = RANDOM.random((2, 2_000_000))
    pl.dice_loss.partial(pred, target, pieces=True)
    tracemalloc.start()
    pl.dice_loss.partial(pred, target, pieces=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


@pytest.mark.backends("torch")
@pytest.mark.parametrize("loss", [pl.dice_loss, pl.matthews_loss])
def test_gradient_of_torch_through_the_sums(backend: Any, loss: Any) -> None:
    import torch

    parts, preds = [], []
    for x, y in zip(tiles(PRED, [5]), tiles(MASKS, [5]), strict=True):
        preds.append(torch.tensor(x.astype(float), requires_grad=True))
        parts.append(loss.partial(preds[-1], torch.tensor(y.astype(float)), pieces=True, **AXES))
    sum(parts).value().backward()
    found = np.concatenate([x.grad.numpy() for x in preds], 2)
    right = loss.grad(PRED.astype(float), MASKS.astype(float), **AXES)
    np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-16)


@pytest.mark.backends("jax")
def test_a_pytree_and_its_gradient(backend: Any) -> None:
    """A compiled function adds up the pieces of a scan; its derivative is that of the whole."""
    import jax

    pred, mask = (
        backend.asarray(np.stack(tiles(x, [3, 6, 9]))) for x in (PRED.astype(float), MASKS)
    )
    weights = backend.asarray(np.arange(1.0, 4.0))

    def part_of(row: Any) -> Any:
        return pl.dice_loss.partial(*row, pieces=True, weights=weights, **AXES)

    def whole(pred: Any) -> Any:
        first = part_of((pred[0], mask[0]))
        step = lambda carried, row: (carried + part_of(row), None)  # noqa: E731
        return jax.lax.scan(step, first, (pred[1:], mask[1:]))[0].value()

    value, gradient = jax.jit(jax.value_and_grad(whole))(pred)
    right = pl.dice_loss.value_and_grad(PRED, MASKS, weights=[1.0, 2.0, 3.0], **AXES)
    np.testing.assert_allclose(value, right[0], rtol=1e-6)
    found = np.concatenate([*np.asarray(gradient)], 2)
    np.testing.assert_allclose(found, right[1], rtol=1e-4, atol=1e-8)
    part = part_of((pred[0], mask[0]))
    assert isinstance(jax.tree.map(lambda x: 2 * x, part), type(part))


@pytest.mark.backends("torch")
def test_workers_of_torch(backend: Any, tmp_path: Path) -> None:
    """Each of two processes has some images of a corpus."""
    script = textwrap.dedent(
        """
        import sys
        import torch
        import torch.distributed as dist
        import torch.multiprocessing as mp
        import portable_losses as pl

        def work(rank, store):
            dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
            pred, target = torch.arange(48.0).reshape(2, 2, 12) / 50
            target = (target > 0.7).float()
            options = {"region_axis": (0, 2), "pieces": True, "weights": torch.tensor([1.0, 3.0])}
            of_rank = (x.reshape(4, 2, 3)[1 * rank : 1 + 3 * rank] for x in (pred, target))
            part = pl.dice_loss.partial(*of_rank, **options)
            for x in part.sums:
                dist.all_reduce(x)
            options.pop("pieces")
            right = pl.dice_loss(pred.reshape(4, 2, 3), target.reshape(4, 2, 3), **options)
            assert abs(float(part.value()) / float(right) - 1) < 3e-7
            dist.destroy_process_group()

        if __name__ == "__main__":
            mp.spawn(work, (sys.argv[1],), nprocs=2)
        """
    )
    path = tmp_path / "workers.py"
    path.write_text(script)
    subprocess.run([sys.executable, str(path), str(tmp_path / "store")], check=True)


@pytest.mark.backends("dask")
@pytest.mark.parametrize("chunks", [10, 100])
def test_pieces_stay_lazy(backend: Any, chunks: int) -> None:
    """There is one task a chunk, and a few for all."""
    import dask.array as da

    pred, mask = (RANDOM.random((2, 20 * chunks)) > 0.5).astype(float)
    part = sum(
        pl.dice_loss.partial(*(da.from_array(x[i], chunks=20) for x in (pred, mask)), pieces=True)
        for i in (slice(100), slice(100, None))
    )
    value = part.value()
    assert isinstance(value, da.Array)
    tasks = [str(key) for key in dict(value.__dask_graph__())]
    own = [key for key in tasks if "array-" not in key]
    assert len(own) <= chunks + 200
    np.testing.assert_allclose(value.compute(), pl.dice_loss(pred, mask), rtol=1e-14)


def a_piece(pred: Any = PRED, mask: Any = MASKS, loss: Any = pl.dice_loss, **options: Any) -> Any:
    return loss.partial(pred, mask, **{"pieces": True, **AXES, **options})


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (lambda: a_piece(PRED[:1], MASKS[:1]), ValueError, r"other rows.*\(2, 3\).*\(1, 3\)"),
        (lambda: a_piece(axis=0), ValueError, "other rows.*the same axes"),
        (lambda: a_piece(smooth=1.0), TypeError, "'smooth': 0.0.*'smooth': 1.0.*the same"),
        (lambda: a_piece(loss=pl.jaccard_loss), TypeError, "dice_loss and one of jaccard_loss"),
        (lambda: a_piece(pieces=False), TypeError, "pieces of rows.*whole rows.*pieces=True"),
        (lambda: a_piece(weights=[1.0, 2.0, 3.0]), ValueError, "weights of the rows differ"),
        (lambda: a_piece(strict.asarray(PRED), strict.asarray(MASKS)), TypeError, "two array"),
        (lambda: a_piece(reduction="sum"), TypeError, "a part holds sums"),
        (lambda: a_piece(group=[0], axis=0), TypeError, "not both"),
        (lambda: a_piece(group=[0]), ValueError, r"\(2, 3\).*\(1,\)"),
        (lambda: a_piece(group=[0], weights=[1.0]), TypeError, "weights or group"),
        (lambda: a_piece(weights=-1.0), ValueError, "negative"),
        (lambda: a_piece(PRED + 1), ValueError, "probabilities"),
        (lambda: a_piece(loss=pl.lovasz_softmax_loss), TypeError, "pieces=True needs a loss"),
        (lambda: pl.mse_loss.partial(1.0, 2.0, pieces=True), TypeError, "leave it out"),
        (lambda: 1.0, TypeError, "unsupported operand"),
    ],
)
def test_pieces_that_do_not_add_up(other: Any, error: type[Exception], message: str) -> None:
    """The message says what differs."""
    with pytest.raises(error, match=message):
        a_piece() + other()


@once_a_library
def test_weights_that_differ(backend: Any) -> None:
    """Where weights cannot be seen the result is NaN."""
    parts = [
        a_piece(backend.asarray(PRED), backend.asarray(MASKS), weights=backend.asarray(weights))
        for weights in ([1.0, 1.0, 2.0], [1.0, 1.0, 2.0], [1.0, 1.0, 3.0])
    ]
    assert np.isfinite(backend.to_numpy((parts[0] + parts[1]).value()))
    if backend.base in ("numpy", "torch", "jax"):
        with pytest.raises(ValueError, match="weights of the rows differ"):
            parts[0] + parts[2]
    elif backend.base == "dask" or backend.name == "strict-lazy":
        assert np.isnan(backend.to_numpy((parts[0] + parts[2]).value()))
