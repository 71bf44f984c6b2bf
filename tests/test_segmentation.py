"""Losses that compare regions."""

from math import fsum
from typing import Any

import numpy as np
import pytest
import sklearn.metrics

import portable_losses as pl

RANDOM = np.random.default_rng(12)
PRED = RANDOM.uniform(0.01, 0.99, (4, 3, 6, 5))
HARD = (RANDOM.integers(0, 3, (4, 1, 6, 5)) == np.arange(3)[:, None, None]).astype(float)
SOFT = np.moveaxis(RANDOM.dirichlet(np.ones(3), (4, 6, 5)), -1, 1)

OVERLAPS = (pl.dice_loss, pl.jaccard_loss, pl.tversky_loss, pl.matthews_loss)
OF_CLASSES = (pl.generalized_dice_loss, pl.lovasz_softmax_loss)


def named(*losses: Any) -> Any:
    return pytest.mark.parametrize("loss", losses, ids=lambda loss: loss.__name__)


def close(backend: Any, actual: Any, desired: Any, dtype: str, times: float = 16) -> None:
    eps = times * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(backend.to_numpy(actual), desired, rtol=eps, atol=eps)


# Nothing, and all


@named(*OVERLAPS)
@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_a_region_of_nothing_and_of_everything(backend, dtype, loss, constant):
    """If predicted so, the loss is 0, and no gradient is NaN."""
    region = backend.asarray(np.full((2, 5), constant), dtype)
    value, gradient = backend.call(loss.value_and_grad, region, region, reduction="none")
    np.testing.assert_array_equal(backend.to_numpy(value), [0.0, 0.0])
    assert np.all(np.isfinite(backend.to_numpy(gradient)))
    if constant == 0:
        np.testing.assert_array_equal(backend.to_numpy(gradient), np.zeros((2, 5)))


@named(*OF_CLASSES)
def test_classes_of_nothing(backend, dtype, loss):
    region = backend.asarray(np.zeros((2, 3, 5)), dtype)
    value, gradient = backend.call(loss.value_and_grad, region, region, reduction="none")
    np.testing.assert_array_equal(backend.to_numpy(value), [0.0, 0.0])
    np.testing.assert_array_equal(backend.to_numpy(gradient), np.zeros((2, 3, 5)))


@named(*OVERLAPS)
def test_nothing_predicted_to_be_something(backend, dtype, loss):
    """A non-empty prediction of an empty region: the worst loss; chance level for a correlation."""
    some, none = (backend.asarray(x, dtype) for x in ([0.0, 0.25, 0.5], [0.0, 0.0, 0.0]))
    for arrays in ((some, none), (none, some)):
        value, gradient = backend.call(loss.value_and_grad, *arrays)
        assert backend.to_numpy(value) == 1
        assert np.all(np.isfinite(backend.to_numpy(gradient)))


@named(*OVERLAPS, pl.generalized_dice_loss)
def test_a_perfect_prediction_of_a_soft_target_is_0(backend, dtype, loss):
    options = (
        {"class_axis": 1, "region_axis": (2, 3)} if loss in OF_CLASSES else {"region_axis": (2, 3)}
    )
    target = backend.asarray(SOFT, dtype)
    value, gradient = loss.value_and_grad(target, target, reduction="none", **options)
    assert np.all(backend.to_numpy(value) == 0)
    if loss is not pl.matthews_loss:
        assert np.all(backend.to_numpy(gradient) == 0)
    other = backend.to_numpy(
        loss(backend.asarray(PRED, dtype), target, reduction="none", **options)
    )
    assert np.all((other > 0) & (other < 1.5))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.5, 3.0])
def test_a_power_of_a_perfect_prediction(backend, dtype, gamma):
    """Its derivative, which is infinite for powers below 1, counts as 0; not so without a power."""
    region = backend.asarray([1.0, 0.0, 1.0, 0.0], dtype)
    value, gradient = backend.call(pl.tversky_loss.value_and_grad, region, region, gamma=gamma)
    assert backend.to_numpy(value) == 0
    expected = [-0.25, 0.25, -0.25, 0.25] if gamma == 1 else np.zeros(4)
    close(backend, gradient, expected, dtype)
    _, second = backend.call(pl.tversky_loss.grad_and_hess, region, region, gamma=gamma)
    assert np.all(np.isfinite(backend.to_numpy(second)))


# Sets


def sets(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return (random.uniform(size=40) < 0.4).astype(float), (random.uniform(size=40) < 0.5).astype(
        float
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_scores_of_sets(seed):
    pred, target = sets(seed)
    np.testing.assert_allclose(
        pl.dice_loss(pred, target), 1 - sklearn.metrics.f1_score(target, pred), rtol=1e-14
    )
    np.testing.assert_allclose(
        pl.jaccard_loss(pred, target), 1 - sklearn.metrics.jaccard_score(target, pred), rtol=1e-14
    )
    np.testing.assert_allclose(
        pl.tversky_loss(pred, target, alpha=0.2, beta=0.8),
        1 - sklearn.metrics.fbeta_score(target, pred, beta=2),
        rtol=1e-14,
    )
    np.testing.assert_allclose(
        pl.matthews_loss(pred, target),
        1 - sklearn.metrics.matthews_corrcoef(target, pred),
        rtol=1e-13,
    )
    errors = pl.lovasz_softmax_loss(pred[None], target[None])
    np.testing.assert_allclose(errors, pl.jaccard_loss(pred, target), rtol=1e-14)
    # Scores of 1 and -1 have errors of 0 and 2.
    np.testing.assert_allclose(
        pl.lovasz_hinge_loss(2 * pred - 1, target), 2 * pl.jaccard_loss(pred, target), rtol=1e-14
    )


@named(pl.dice_loss, pl.jaccard_loss, pl.matthews_loss)
@pytest.mark.parametrize("seed", range(3))
def test_derivatives_at_sets_are_those_of_the_product(loss, seed):
    """At 0 and 1 only one side is inside of the domain."""
    pred, target = sets(seed)

    def with_product(p: np.ndarray) -> float:
        both, size = np.sum(p * target), len(p)
        excess, lacking = np.sum(p) - both, np.sum(target) - both
        if loss is pl.dice_loss:
            return 1 - 2 * both / (2 * both + excess + lacking)
        if loss is pl.jaccard_loss:
            return 1 - both / (both + excess + lacking)
        outside = size - both - excess - lacking
        root = np.sqrt(
            (both + excess) * (both + lacking) * (outside + excess) * (outside + lacking)
        )
        return 1 - (both * outside - excess * lacking) / root

    slopes, step = np.empty(40), 1e-6
    for i in range(40):
        moved = np.tile(pred, (2, 1))
        moved[:, i] += [step, -step]
        slopes[i] = (with_product(moved[0]) - with_product(moved[1])) / (2 * step)
    np.testing.assert_allclose(loss.grad(pred, target), slopes, rtol=1e-6, atol=1e-9)


# One loss and another


def test_overlaps_of_each_other(backend, dtype):
    arrays = [backend.asarray(x.reshape(4, -1), dtype) for x in (PRED, SOFT)]
    dice, jaccard = (
        backend.call(loss, *arrays, reduction="none") for loss in (pl.dice_loss, pl.jaccard_loss)
    )
    close(
        backend,
        backend.call(pl.tversky_loss, *arrays, reduction="none"),
        backend.to_numpy(dice),
        dtype,
    )
    whole = backend.call(pl.tversky_loss, *arrays, alpha=1.0, beta=1.0, reduction="none")
    close(backend, whole, backend.to_numpy(jaccard), dtype)
    close(backend, dice, backend.to_numpy(jaccard) / (2 - backend.to_numpy(jaccard)), dtype)
    one_class = [x[:, None, :] for x in arrays]
    close(
        backend,
        backend.call(pl.generalized_dice_loss, *one_class, reduction="none"),
        backend.to_numpy(dice),
        dtype,
    )


def test_alpha_is_the_weight_of_false_positives(backend, dtype):
    more, less = (backend.asarray(x, dtype) for x in ([1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]))
    assert backend.to_numpy(backend.call(pl.tversky_loss, more, less, alpha=1.0, beta=0.0)) == 0.5
    assert backend.to_numpy(backend.call(pl.tversky_loss, more, less, alpha=0.0, beta=1.0)) == 0
    assert backend.to_numpy(backend.call(pl.tversky_loss, less, more, alpha=0.0, beta=1.0)) == 0.5


def test_a_correlation_is_that_of_the_complement(backend, dtype):
    arrays = [x.reshape(12, 30).astype(dtype) for x in (PRED, SOFT)]
    value, gradient = backend.call(
        pl.matthews_loss.value_and_grad, *map(backend.asarray, arrays), reduction="none"
    )
    other, opposite = backend.call(
        pl.matthews_loss.value_and_grad, *(backend.asarray(1 - x) for x in arrays), reduction="none"
    )
    close(backend, value, backend.to_numpy(other), dtype, 64)
    close(backend, gradient, -backend.to_numpy(opposite), dtype, 256)
    swapped = backend.call(
        pl.matthews_loss, *(backend.asarray(x) for x in arrays[::-1]), reduction="none"
    )
    close(backend, value, backend.to_numpy(swapped), dtype)


def test_the_weight_of_a_class_that_is_absent(backend, dtype):
    """An absent class has the weight of the rarest present one: predicting it has a finite cost."""
    pred = np.asarray([[0.5, 0.75, 0.25, 1.0], [0.5, 0.0, 0.5, 0.0], [0.0, 0.25, 0.25, 0.0]])
    target = np.asarray([[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    weights = np.asarray([1 / 9, 1.0, 1.0])
    expected = 1 - 2 * np.sum(weights * np.sum(pred * target, axis=1)) / np.sum(
        weights * np.sum(pred + target, axis=1)
    )
    arrays = [backend.asarray(x, dtype) for x in (pred, target)]
    close(backend, backend.call(pl.generalized_dice_loss, *arrays), expected, dtype)


def test_which_classes_count(backend, dtype):
    """Of one that is absent the loss is the largest probability."""
    pred = backend.asarray([[0.75, 0.5], [0.25, 0.25], [0.0, 0.25]], dtype)
    target = backend.asarray([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], dtype)
    close(backend, backend.call(pl.lovasz_softmax_loss, pred, target), (0.5 + 0.25) / 2, dtype)
    value, gradient = backend.call(
        pl.lovasz_softmax_loss.value_and_grad, pred, target, classes="all"
    )
    close(backend, value, (0.375 + 0.25 + 0.25) / 3, dtype)
    close(backend, gradient, np.asarray([[-0.5, -0.5], [1.0, 0.0], [0.0, 1.0]]) / 3, dtype)


def test_labels_are_a_mask(backend, dtype):
    """Images with classes first, in the middle and last; an image without any class is NaN."""
    rng = np.random.default_rng(5)
    pred, labels = rng.dirichlet(np.ones(3), (2, 4, 5)).astype(dtype), rng.integers(0, 3, (2, 4, 5))
    mask = (labels[..., None] == np.arange(3)).astype(dtype)
    for axis in (0, 1, -1):
        regions = {0: (2, 3), 1: (2, 3), -1: (1, 2)}[axis]
        given, same = (backend.asarray(np.moveaxis(x, -1, axis)) for x in (pred, mask))
        options = {"class_axis": axis, "region_axis": regions, "reduction": "sum"}
        expected = backend.call(pl.lovasz_softmax_loss.value_and_grad, given, same, **options)
        found = backend.call(
            pl.lovasz_softmax_loss.value_and_grad, given, backend.asarray(labels), **options
        )
        for one, other in zip(found, expected, strict=True):
            # A compiler may round the two differently.
            rounding = 4 * float(np.finfo(dtype).eps) if backend.base == "jax" else 0
            actual, desired = backend.to_numpy(one), backend.to_numpy(other)
            np.testing.assert_allclose(actual, desired, rtol=rounding, atol=rounding)
    with pytest.raises(
        ValueError, match=r"lovasz_softmax_loss: target must hold class labels.*target\[1\] is 2"
    ):
        pl.lovasz_softmax_loss([[0.5, 0.5], [0.5, 0.5]], [1, 2])
    with pytest.raises(TypeError, match=r"lovasz_softmax_loss: target .*integers.*float64"):
        pl.lovasz_softmax_loss([[0.5, 0.5], [0.5, 0.5]], np.asarray([1.0, 0.0]))
    with pl.validation(False):
        stray = backend.asarray(np.where(np.arange(5) + labels * 0 == 3, 3, labels)[0])
        value = backend.call(
            pl.lovasz_softmax_loss,
            backend.asarray(pred[0]),
            stray,
            class_axis=-1,
            region_axis=(0, 1),
        )
    assert np.isnan(backend.to_numpy(value))


def test_a_hinge_of_an_empty_region(backend, dtype):
    target = backend.asarray([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype)
    pred = backend.asarray([[0.5, -3.0, 0.25], [-1.0, -2.0, -np.inf]], dtype)
    value, gradient = backend.call(
        pl.lovasz_hinge_loss.value_and_grad, pred, target, reduction="none"
    )
    np.testing.assert_array_equal(backend.to_numpy(value), [1.5, 0.0])
    np.testing.assert_array_equal(backend.to_numpy(gradient), [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def test_scores_that_differ_by_less_than_their_errors_do(backend, dtype):
    """1 - 1e-20 and 1 - 2e-20 round to the same number: errors keep the order of the scores."""
    target = np.asarray([1.0, 0.0, 0.0])
    for pred, slopes in (
        ([1e-20, -2e-20, -9.0], [-1.0, 0.0, 0.0]),
        ([2e-20, 1e-20, -9.0], [-0.5, 0.5, 0.0]),
    ):
        gradient = backend.call(
            pl.lovasz_hinge_loss.grad, backend.asarray(pred, dtype), backend.asarray(target, dtype)
        )
        np.testing.assert_array_equal(backend.to_numpy(gradient), slopes)


# Images


@named(*OVERLAPS)
@pytest.mark.parametrize("per_image", [True, False])
@pytest.mark.parametrize("depth", [False, True])
def test_images(backend, dtype, loss, per_image, depth):
    """Flat or with a depth, a region for each image and class, or for each class of the batch."""
    pred, target = (np.stack([x, x[::-1], x * 0.5], axis=-1) if depth else x for x in (PRED, SOFT))
    axes = tuple(range(2, pred.ndim)) if per_image else (0, *range(2, pred.ndim))
    value, gradient = backend.call(
        loss.value_and_grad,
        backend.asarray(pred, dtype),
        backend.asarray(target, dtype),
        region_axis=axes,
        reduction="none",
    )
    rows = [
        np.moveaxis(x, axes, range(-len(axes), 0))
        for x in (pred.astype(dtype), target.astype(dtype))
    ]
    loops = rows[0].ndim - len(axes)
    flat = [x.reshape(*x.shape[:loops], -1) for x in rows]
    expected, slopes = loss.value_and_grad(*flat, reduction="none")
    close(backend, value, expected, dtype)
    close(
        backend,
        gradient,
        np.moveaxis(slopes.reshape(rows[0].shape), range(-len(axes), 0), axes),
        dtype,
    )


@named(*OF_CLASSES)
@pytest.mark.parametrize("channels", ["first", "last"])
def test_images_of_classes(backend, dtype, loss, channels):
    pred, target = (x if channels == "first" else np.moveaxis(x, 1, -1) for x in (PRED, HARD))
    axes = (
        {"class_axis": 1, "region_axis": (2, 3)} if channels == "first" else {"region_axis": (1, 2)}
    )
    arrays = [backend.asarray(x, dtype) for x in (pred, target)]
    value, gradient = backend.call(loss.value_and_grad, *arrays, reduction="none", **axes)
    expected, slopes = loss.value_and_grad(
        *(x.astype(dtype).reshape(4, 3, -1) for x in (PRED, HARD)), reduction="none"
    )
    close(backend, value, expected, dtype)
    slopes = slopes.reshape(PRED.shape)
    close(backend, gradient, slopes if channels == "first" else np.moveaxis(slopes, 1, -1), dtype)


def test_pixels_that_are_left_out(backend, dtype):
    """Elements with prediction and target 0 do not count."""
    keep = RANDOM.uniform(size=30) < 0.6
    for loss in (pl.dice_loss, pl.jaccard_loss, pl.tversky_loss):
        masked = [backend.asarray(x.reshape(12, 30) * keep, dtype) for x in (PRED, SOFT)]
        others = [x.reshape(12, 30)[:, keep].astype(dtype) for x in (PRED, SOFT)]
        close(
            backend,
            backend.call(loss, *masked, reduction="none"),
            loss(*others, reduction="none"),
            dtype,
        )


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("order", ["C", "F"])
def test_many_pixels(backend, dtype, order):
    """The loss of many equals that of a few, in rows and in columns."""
    pred, target = RANDOM.uniform(size=(2, 500_000, 2)).astype(dtype)
    wrong, whole = (
        fsum(map(float, x))
        for x in (
            np.abs(pred[:, 0].astype(float) - target[:, 0]),
            pred[:, 0] + target[:, 0].astype(float),
        )
    )
    pred, target = (np.asarray(x, order=order) for x in (pred, target))
    found = backend.call(
        pl.dice_loss,
        backend.asarray(pred),
        backend.asarray(target),
        region_axis=0,
        reduction="none",
    )
    close(backend, found[0], wrong / whole, dtype, 4)


def test_weights_of_images(backend, dtype):
    weights = np.asarray([[1.0], [0.0], [2.0], [1.0]])
    arrays = [backend.asarray(x, dtype) for x in (PRED, SOFT)]
    losses = backend.to_numpy(
        backend.call(pl.dice_loss, *arrays, region_axis=(2, 3), reduction="none")
    )
    value = backend.call(
        pl.dice_loss, *arrays, region_axis=(2, 3), weights=backend.asarray(weights, dtype)
    )
    close(backend, value, np.average(losses, weights=np.broadcast_to(weights, losses.shape)), dtype)


@pytest.mark.backends("dask")
@named(*OVERLAPS, pl.lovasz_hinge_loss)
def test_regions_in_chunks(backend, dtype, loss):
    """Also where the region itself is cut, and large; a sort puts it together again."""
    pred, target = (
        RANDOM.uniform(size=(2, 20_000)).astype(dtype),
        np.tile([[0.0, 1.0]], (2, 10_000)).astype(dtype),
    )
    chunked = [backend.asarray(x).rechunk((1, 7_000)) for x in (pred, target)]
    value, gradient = loss.value_and_grad(*chunked)
    expected, slopes = loss.value_and_grad(pred, target)
    close(backend, value, expected, dtype)
    np.testing.assert_allclose(backend.to_numpy(gradient), slopes, rtol=1e-4, atol=1e-9)


# Refused input


def test_what_is_refused():
    with pytest.raises(
        ValueError,
        match=(
            r"dice_loss: pred must hold probabilities in \[0, 1\], "
            r"but pred\[1\] is 1.5 .*sigmoid"
        ),
    ):
        pl.dice_loss([0.5, 1.5], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"jaccard_loss: target .* is 255 .*divided by 255"):
        pl.jaccard_loss([0.5, 0.5], [0, 255])
    with pytest.raises(
        ValueError, match=r"lovasz_softmax_loss: target must hold 0 or 1 .*target\[0, 1\] is 0.5"
    ):
        pl.lovasz_softmax_loss([[0.5, 0.5]], [[0.0, 0.5]])
    with pytest.raises(ValueError, match="dice_loss: smooth must be"):
        pl.dice_loss([0.5], [1.0], smooth=-1.0)
    with pytest.raises(ValueError, match="tversky_loss: gamma must be"):
        pl.tversky_loss([0.5], [1.0], gamma=0.0)
    with pytest.raises(ValueError, match="lovasz_softmax_loss: classes must be one of"):
        pl.lovasz_softmax_loss([[0.5]], [[1.0]], classes="some")  # type: ignore[arg-type]
    for loss in (pl.lovasz_hinge_loss, pl.lovasz_softmax_loss):
        with pytest.raises(NotImplementedError, match=loss.__name__):
            loss.grad_and_hess(*np.ones((2, 2, 2)))
