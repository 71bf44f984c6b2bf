"""The chunks of Dask: one task evaluates each, and sums are merged in a tree."""

import numpy as np
import pytest
from arguments import KINDS, LOSSES, arguments, has, labels, parts, required, ways
from cases import example
from marks import one_of_each_kind
from test_lazy import counted

import portable_losses as pl

pytestmark = pytest.mark.backends("dask")


def options_of(loss, way):
    """Return the options of a loss that come with every chunk, by names."""
    together = {"weights": "loss", "where": "loss"}
    if loss.signature.masks_entries and loss.signature.ways[way][0]:
        together["where"] = "entry"
    if labels(loss, way) and has(loss, "ignore_index"):
        together["ignore_index"] = 1
    classes = {"class_weights": np.arange(1.0, 5)} if has(loss, "class_weights") else {}
    if not loss.signature.averaged:
        together |= classes
    found = {"none": {}, "together": together}
    if loss in KINDS:
        found |= {key: {key: x} for key, x in (together | classes).items()}
        found["unreduced"] = {**together, "reduction": "none"}
    return found


def chunked(backend, loss, way, options, number):
    """Return the arguments and options of a call of many chunks of two losses."""
    drawn = arguments(loss, way, (2 * number,))
    rng = np.random.default_rng(0)
    shapes = {"loss": (2 * number,), "entry": drawn[0].shape}
    given = {}
    for key, what in options.items():
        x = what
        if isinstance(what, str) and what in shapes:
            x = rng.random(shapes[what])
            x = backend.asarray(x > 0.3 if key == "where" else x).rechunk({0: 2})
        given[key] = backend.asarray(x) if isinstance(x, np.ndarray) else x
    arrays = [
        x if i in loss.signature.common else x.rechunk((2, *x.shape[1:]))
        for i, x in enumerate(map(backend.asarray, drawn))
    ]
    return arrays, given


ALL_TASKS = [(loss, way, what) for loss, way in ways(LOSSES) for what in options_of(loss, way)]


@pytest.mark.parametrize(
    ("loss", "way", "what"),
    [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}-{each[2]}") for each in ALL_TASKS],
)
def test_three_tasks_a_chunk(backend, loss, way, what):
    """One evaluates a chunk, one takes its sums and one its gradient; a tree adds up the sums."""
    import dask

    counts = {}
    gradients = len(required(loss).predicted)
    alone = 1 + (what == "unreduced")
    both = 2 + gradients
    if loss.signature.averaged and what == "class_weights":
        both += 1  # each class is a loss of its own, and its gradient has an axis more
    numbers = (10, 100) if what == "none" or loss in KINDS else (10,)
    for number in numbers:
        arrays, options = chunked(backend, loss, way, options_of(loss, way)[what], number)
        with counted() as tasks:
            loaded = [*arrays, *(x for x in options.values() if type(x) is type(arrays[0]))]
            dask.compute(*loaded, scheduler="synchronous")
        loading = len(tasks)
        for name, results, most in (
            ("value", (loss(*arrays, **options),), alone),
            ("both", parts(loss.value_and_grad(*arrays, **options)), both),
        ):
            with counted() as tasks:
                dask.compute(*results, scheduler="synchronous")
            counts[name, number] = len(tasks)
            assert len(tasks) <= loading + most * number + (1 + gradients) * (2 + number // 12)
    for name in ("value", "both"):
        assert counts[name, numbers[-1]] <= 11 * counts[name, 10]


@one_of_each_kind
def test_tasks_are_named_after_the_loss(backend, dtype, case):
    """As the dashboard of a cluster shows them."""
    import dask
    from dask.utils import key_split

    drawn = example(case, 0, dtype, (7,))
    arrays = [backend.asarray(x).rechunk((3, *x.shape[1:])) for x in drawn.arrays]
    with counted() as tasks:
        dask.compute(case.loss.value_and_grad(*arrays), optimize_graph=False)
    own = {key_split(key) for key in tasks} - {"array", "rechunk-split", "rechunk-merge"}
    own = {name for name in own if not name.startswith("finalize")}
    assert own
    assert all(case.loss.__name__ in name for name in own), own


@one_of_each_kind
def test_numpy_beside_dask(backend, dtype, case):
    """Targets, weights and masks of NumPy are cut like the predictions; others stay an error."""
    drawn = example(case, 0, dtype, (7,))
    first, *others = [backend.asarray(x).rechunk((3, *x.shape[1:])) for x in drawn.arrays]
    weights, where = np.arange(7.0), np.arange(7) != 2
    with counted() as tasks:
        found = case.loss(first, *drawn.arrays[1:], weights=weights, where=where)
    assert not tasks
    expected = case.loss(*drawn.arrays, weights=weights, where=where)
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=1e-6)
    if others:
        with pytest.raises(TypeError, match="all arrays of a call belong to one library"):
            case.loss(drawn.arrays[0], *others)


def test_rows_in_several_chunks(backend):
    """The chunks of a row are put together in one task."""
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(7, 6)), rng.integers(0, 6, 7)
    lazy = backend.asarray(logits).rechunk((3, 2))
    value, gradient = pl.cross_entropy.value_and_grad(lazy, labels)
    expected, slope = pl.cross_entropy.value_and_grad(logits, labels)
    np.testing.assert_allclose(value.compute(), expected)
    np.testing.assert_allclose(gradient.compute(), slope)
    assert gradient.chunks == ((3, 3, 1), (6,))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_weights_of_any_size(backend, scale):
    """Only their ratios matter to a mean, whatever chunk they are in."""
    weights = np.asarray([3.0, 1.0, 0.0, 0.0, 2.0, 1e-9, 0.0]) * scale
    pred, target = np.arange(7.0), np.zeros(7)
    lazy = [backend.asarray(x).rechunk(2) for x in (pred, target, weights)]
    for loss in (pl.mse_loss, pl.rmse_loss):
        found = loss.value_and_grad(*lazy[:2], weights=lazy[2])
        expected = loss.value_and_grad(pred, target, weights=weights / scale)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.compute(), other, rtol=1e-12)


def test_chunks_that_lie(backend):
    """An error while chunks are computed names the loss, the argument and the shapes."""
    import dask
    import dask.array as da

    wrong = da.from_delayed(dask.delayed(np.ones)(7), shape=(8,), dtype="float64")
    with pytest.raises(
        ValueError, match=r"^huber_loss: pred has shape \(7,\) and target"
    ) as caught:
        pl.huber_loss(wrong, da.zeros(8)).compute()
    assert caught.value.__notes__ == [
        "huber_loss: in a chunk with the shapes pred (7,), target (8,)"
    ]
    words = da.from_delayed(dask.delayed(np.asarray)(["a"]), shape=(1,), dtype="float64")
    with pytest.raises(TypeError, match=r"^huber_loss: a chunk of pred holds"):
        pl.huber_loss(words, da.zeros(1)).compute()
    with pytest.raises(
        TypeError, match=r"pred must be an array of Dask, got Delayed; pass `dask\."
    ):
        pl.huber_loss(dask.delayed(np.ones)(7), da.zeros(7))


def test_chunks_are_checked_on_demand(backend):
    import dask.array as da

    pred = da.full(8, 1.5, chunks=4)
    with pl.validation(True):
        value = pl.binary_cross_entropy(pred, da.ones(8, chunks=4))
    with pytest.raises(ValueError, match="binary_cross_entropy: pred must hold probabilities"):
        value.compute()
