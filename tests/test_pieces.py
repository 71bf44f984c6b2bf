"""Rows that are functions of sums, in pieces: equal to whole rows, in little memory, lazily."""

import importlib
import tracemalloc

import numpy as np
import pytest

import portable_losses as pl

LOSSES = [
    pl.dice_loss,
    pl.jaccard_loss,
    pl.tversky_loss.bind(alpha=0.3, beta=0.7, gamma=1.5),
    pl.matthews_loss,
    0.5 * pl.dice_loss + pl.jaccard_loss,
]
"""They sum over a region."""

SIZE = 300_000
"""More than two blocks of a row."""


def name_of(loss):
    return loss.__name__


def regions(shape, dtype="float64"):
    rng = np.random.default_rng(0)
    return rng.random(shape).astype(dtype), (rng.random(shape) > 0.6).astype(dtype)


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_repeated_region_has_the_same_loss(loss, from_logits, workers):
    """Only ratios of the sums count: a region of 100 copies has the loss of one of them."""
    names = [key for key in loss.signature.parameters if key.startswith("from_logits")]
    options = dict.fromkeys(names, from_logits)  # a sum has one for each part
    pred, target = regions((2, SIZE // 100))
    many = [np.tile(x, (1, 100)) for x in (pred, target)]
    with pl.set_workers(workers):
        value, gradient = loss.value_and_grad(*many, **options)
        first, second = loss.grad_and_hess(*many, **options)
        rows = loss(*many, reduction="none", **options)
    expected, slope = loss.value_and_grad(pred, target, **options)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(rows, loss(pred, target, reduction="none", **options), rtol=1e-13)
    np.testing.assert_allclose(gradient, np.tile(slope, (1, 100)) / 100, rtol=1e-12, atol=1e-20)
    np.testing.assert_array_equal(first, gradient)
    # Moving one of 100 copies is the hundredth part of a move of all, but for the curvature of
    # logits, which belongs to each element.
    if not from_logits:
        bend = loss.grad_and_hess(pred, target)[1]
        np.testing.assert_allclose(second, np.tile(bend, (1, 100)) / 1e4, rtol=1e-11, atol=1e-22)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("labels", [False, True])
def test_classes_together(from_logits, labels):
    rng = np.random.default_rng(1)
    loss = pl.generalized_dice_loss.bind(from_logits=from_logits)
    pred, target = rng.random((3, SIZE // 100)), rng.integers(0, 3, SIZE // 100)
    given = target if labels else np.eye(3)[target].T
    value, gradient = loss.value_and_grad(
        np.tile(pred, (1, 100)),
        np.tile(given, 100 if labels else (1, 100)),
        from_logits=from_logits,
    )
    expected, slope = loss.value_and_grad(pred, given)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, np.tile(slope, (1, 100)) / 100, rtol=1e-12, atol=1e-20)


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_masks_weights_and_axes(loss):
    """A mask of elements, weights of regions, and several axes of a region."""
    pred, target = regions((3, 300, 500))
    where = np.random.default_rng(2).random(pred.shape) > 0.5
    weights = np.asarray([0.0, 1.0, 3.0])
    options = {"region_axis": (1, 2), "weights": weights, "where": where}
    value, gradient = loss.value_and_grad(pred, target, **options)
    rows = [loss.value_and_grad(p[m], t[m]) for p, t, m in zip(pred, target, where, strict=True)]
    np.testing.assert_allclose(value, (rows[1][0] + 3 * rows[2][0]) / 4, rtol=1e-13)
    assert not gradient[0].any()
    assert not gradient[~where].any()
    np.testing.assert_allclose(gradient[2][where[2]], 0.75 * rows[2][1], rtol=1e-12, atol=1e-20)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", [*LOSSES, pl.generalized_dice_loss], ids=name_of)
def test_memory(loss, dtype):
    """One region needs 8 MiB beside its gradient, however large it is."""
    shape = (2, 1_000_000) if loss is pl.generalized_dice_loss else 2_000_000
    pred, target = regions(shape, dtype)
    for evaluate, result in ((loss, 0), (loss.value_and_grad, pred.nbytes)):
        evaluate(pred, target)
        tracemalloc.start()
        evaluate(pred, target)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak - result < 8 * 2**20


SETS = [pl.barlow_twins_loss, pl.vicreg_loss, pl.barlow_twins_loss + 0.5 * pl.vicreg_loss]
"""They sum over samples, and some sums depend on others."""


def views(samples, features, dtype="float64", mean=1.0):
    """Two views of a set, of which a feature is constant."""
    rng = np.random.default_rng(3)
    left = mean + rng.normal(size=(samples, features))
    right = left + 0.5 * rng.normal(size=left.shape)
    right[:, 1] = left[:, 1] = 0.1
    return left.astype(dtype), right.astype(dtype)


def textbook(left, right):
    """Both losses as their papers define them, in the widest arithmetic of NumPy."""
    left, right = (x.astype(np.longdouble) for x in (left, right))
    one, other = (x - x.mean(0) for x in (left, right))
    one[:, 1] = other[:, 1] = 0
    n, d = left.shape
    length = [np.sqrt((x**2).sum(0)) for x in (one, other)]
    length = [np.where(x == 0, 1, x) for x in length]
    matrix = (one / length[0]).T @ (other / length[1])
    others = matrix - np.diag(np.diag(matrix))
    barlow = ((1 - np.diag(matrix)) ** 2).sum() + 0.005 * (others**2).sum()
    vicreg = 25 * ((left - right) ** 2).mean()
    for x in (one, other):
        covariance = x.T @ x / (n - 1)
        deviation = np.sqrt(np.diag(covariance) + np.longdouble(1e-4))
        vicreg += 25 * np.maximum(0, 1 - deviation).mean()
        vicreg += (covariance**2).sum() / d - (np.diag(covariance) ** 2).sum() / d
    return {"barlow_twins_loss": barlow, "vicreg_loss": vicreg}


@pytest.mark.parametrize("loss", SETS[:2], ids=name_of)
@pytest.mark.parametrize("mean", [0.0, 1e3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sets_by_the_textbook(loss, mean, dtype):
    """In pieces, also with a mean of a thousand deviations, which raw moments would not survive."""
    left, right = views(50_000, 6, dtype, mean)
    right_value = textbook(left, right)[loss.__name__]
    rtol = 1e3 * np.finfo(dtype).eps if mean else 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(loss(left, right), right_value, rtol=rtol)


@pytest.mark.parametrize("loss", SETS, ids=name_of)
@pytest.mark.parametrize("workers", [1, 2])
def test_sets_in_pieces_are_whole_sets(loss, workers, monkeypatch):
    left, right = (np.stack([x, 2 * x]) for x in views(700, 6))
    weights = [1.0, 3.0]
    expected, slopes = loss.value_and_grad(left, right, weights=weights)
    bends = loss.grad_and_hess(left, right)[1]
    numpy = importlib.import_module("portable_losses._backends.numpy")
    monkeypatch.setattr(numpy, "per_piece", lambda call: 50)
    again = loss.bind()  # the formulas keep the layouts of the last calls
    monkeypatch.setattr(again.formulas, "layouts", {})
    with pl.set_workers(workers):
        value, gradients = again.value_and_grad(left, right, weights=weights)
        seconds = again.grad_and_hess(left, right)[1]
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    for found, right_ones in zip((*gradients, *seconds), (*slopes, *bends), strict=True):
        scale = np.abs(right_ones).max()
        np.testing.assert_allclose(found, right_ones, rtol=1e-10, atol=1e-13 * scale)
        assert not found[..., 1].any() or loss is not pl.barlow_twins_loss


@pytest.mark.parametrize("loss", SETS[:2], ids=name_of)
@pytest.mark.parametrize("features", [8, 128])
def test_memory_of_sets(loss, features):
    """It does not grow with the batch."""
    matrix = 8 * features**2
    for samples in (800_000 // features, 1_600_000 // features):
        left, right = views(samples, features, "float32")
        for evaluate, result in ((loss, 0), (loss.value_and_grad, left.nbytes + right.nbytes)):
            evaluate(left, right)
            tracemalloc.start()
            evaluate(left, right)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak - result < 8 * 2**20 + 8 * matrix


def test_wrong_values_are_named():
    pred, target = regions(SIZE)
    pred[-1] = 1.5
    with pytest.raises(ValueError, match=r"pred\[299999\] is 1\.5"):
        pl.dice_loss(pred, target)


def test_formulas_with_other_sums():
    """A derivative that takes other sums than the value is refused."""

    @pl.loss("(d),(d)->()", sums="d")
    def share(xp, axis, pred, target, /):
        return xp.squeeze(xp.region_sum(pred, axis) / xp.region_sum(target, axis), axis=axis)

    @share.derivative
    def _(xp, axis, pred, target, /):
        return xp.ones_like(pred) / xp.region_sum(target, axis)

    pred, target = regions(SIZE)
    np.testing.assert_allclose(share(pred, target), pred.sum() / target.sum(), rtol=1e-14)
    with pytest.raises(ValueError, match="the same sums"):
        share.grad(pred, target)


@pytest.mark.parametrize(("layout", "sums"), [("(d),(d)->()", "x"), ("(d),()->()", "")])
def test_declaration(layout, sums):
    def formula(xp, axis, pred, target, /):
        return xp.sum(pred, axis=axis)

    if sums:
        with pytest.raises(ValueError, match="sums="):
            pl.loss(layout, sums=sums)(formula)
    else:
        assert pl.loss(layout, sums=sums)(formula).signature.sums == ""


def lazy(array, chunks):
    import dask.array

    return dask.array.from_array(array, chunks=chunks)


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
@pytest.mark.parametrize("axes", [-1, (0, 2)])
@pytest.mark.backends("dask")
def test_dask_equals_numpy(backend, loss, axes):
    import dask

    pred, target = regions((4, 6, 50))
    weights = np.arange(pred[..., 0].size if axes == -1 else 6, dtype=float)
    weights = weights.reshape((4, 6) if axes == -1 else (6,))
    chunked = [lazy(x, (2, 3, 20)) for x in (pred, target)]
    for options in ({}, {"reduction": "none"}, {"weights": weights}):
        given = {key: lazy(x, 2) if key == "weights" else x for key, x in options.items()}
        results = loss.value_and_grad(*chunked, region_axis=axes, **given)
        options = {**options, "region_axis": axes}
        value, gradient = dask.compute(*results)
        expected, slope = loss.value_and_grad(pred, target, **options)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-18)
        second = loss.grad_and_hess(*chunked, region_axis=axes, **given)[1].compute()
        bend = loss.grad_and_hess(pred, target, **options)[1]
        np.testing.assert_allclose(second, bend, rtol=1e-11, atol=1e-18)


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.backends("dask")
def test_dask_classes_together(backend, labels):
    import dask

    rng = np.random.default_rng(1)
    pred, target = rng.random((2, 3, 100)), rng.integers(0, 3, (2, 100))
    target = target if labels else np.eye(3)[target].swapaxes(1, 2)
    loss = pl.generalized_dice_loss.bind(from_logits=True)
    chunked = lazy(pred, (1, 2, 30)), lazy(target, (1, 40) if labels else (1, 3, 40))
    value, gradient = dask.compute(*loss.value_and_grad(*chunked))
    expected, slope = loss.value_and_grad(pred, target)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("loss", SETS, ids=name_of)
@pytest.mark.backends("dask")
def test_dask_takes_sets_in_rounds(backend, loss):
    import dask

    left, right = (np.stack([x, 2 * x]) for x in views(70, 4))
    chunked = [lazy(x, (1, 20, 4)) for x in (left, right)]
    value, gradients = dask.compute(*loss.value_and_grad(*chunked))
    expected, slopes = loss.value_and_grad(left, right)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    for found, right_ones in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(found, right_ones, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("loss", [pl.dice_loss, pl.vicreg_loss], ids=name_of)
@pytest.mark.backends("dask")
def test_dask_of_unknown_sizes(backend, loss):
    """Chunks that a mask has made: the rows are put together."""
    first, second = regions((60, 4))
    chosen = first[:, 0] > 0.5
    pick = slice(None) if loss is pl.vicreg_loss else 0
    chunked = (lazy(x, (20, 4))[lazy(chosen, 20)][:, pick] for x in (first, second))
    expected = loss(first[chosen][:, pick], second[chosen][:, pick])
    np.testing.assert_allclose(loss(*chunked).compute(), expected, rtol=1e-13)


@pytest.mark.parametrize(("loss", "rounds"), [(pl.barlow_twins_loss, 3), (pl.vicreg_loss, 2)])
@pytest.mark.parametrize("chunks", [10, 100])
@pytest.mark.backends("dask")
def test_dask_tasks_of_sets(backend, loss, rounds, chunks):
    """There is one task for each round and chunk, and a tree of sums for each round."""
    import dask

    left, right = (lazy(x, (20, 4)) for x in views(20 * chunks, 4))
    value = loss(left, right)
    tasks = {str(key) for x in dask.optimize(value) for key in dict(x.__dask_graph__())}
    own = [key for key in tasks if "array-" not in key]
    assert len(own) <= rounds * (chunks + chunks // 16 + 4) + 4


@pytest.mark.parametrize("chunks", [10, 100])
@pytest.mark.backends("dask")
def test_dask_tasks(backend, chunks):
    """No task loads more than one chunk: one for its sums, and one for its derivatives."""
    import dask

    loaded = []

    def load(block, block_info=None):
        loaded.append(block.size)
        return block

    pred, target = (lazy(x, 20).map_blocks(load) for x in regions(20 * chunks))
    results = pl.dice_loss.value_and_grad(pred, target)
    assert results[1].numblocks == (chunks,)
    tasks = {str(key) for x in dask.optimize(*results) for key in dict(x.__dask_graph__())}
    own = [key for key in tasks if "array-" not in key and "load-" not in key]
    assert len(own) <= 2 * chunks + chunks // 16 + 6  # sums are merged in a tree
    loaded.clear()
    dask.compute(*results, scheduler="synchronous")
    assert max(loaded) == 20
