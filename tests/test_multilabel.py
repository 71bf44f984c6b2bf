"""Losses of multilabel classification."""

from typing import Any

import numpy as np
import pytest
from marks import once_a_library

import portable_losses as pl
from portable_losses._backends.numpy import values

RANDOM = np.random.default_rng(10)
SCORES = RANDOM.normal(0, 2, (20, 6))
SETS = (RANDOM.uniform(size=(20, 6)) < 0.4).astype(float)
LOSSES = (pl.multilabel_soft_margin_loss, pl.multilabel_margin_loss, pl.zlpr_loss)
each = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
INF = np.inf


def close(backend: Any, actual: Any, desired: Any, dtype: str) -> None:
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(backend.to_numpy(actual), desired, rtol=16 * eps, atol=16 * eps)


def margin(scores: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare each right class with each other class, one after the other."""
    value, slope = np.zeros(len(scores)), np.zeros(scores.shape)
    classes = scores.shape[1]
    for row in range(len(scores)):
        for i in np.flatnonzero(target[row] == 1):
            for j in np.flatnonzero(target[row] == 0):
                shortfall = 1 - (scores[row, i] - scores[row, j])
                if shortfall > 0:
                    value[row] += shortfall / classes
                    slope[row, i] -= 1 / classes
                    slope[row, j] += 1 / classes
    return value, slope


def test_the_mean_of_binary_cross_entropy(backend, dtype):
    arrays = backend.asarray(SCORES, dtype), backend.asarray(SETS, dtype)
    mean = backend.call(pl.binary_cross_entropy_with_logits, *arrays, axis=-1)
    close(
        backend,
        backend.call(pl.multilabel_soft_margin_loss, *arrays, reduction="none"),
        backend.to_numpy(mean),
        dtype,
    )
    value = backend.call(
        pl.multilabel_soft_margin_loss,
        *(backend.asarray(x, dtype) for x in ([2.0, -1.0, 0.5], [1.0, 0.0, 1.0])),
    )
    close(backend, value, 0.30475556091, "float32")


@pytest.mark.parametrize(
    "loss", [pl.multilabel_soft_margin_loss, pl.zlpr_loss], ids=lambda loss: loss.__name__
)
def test_infinite_scores(backend, dtype, loss):
    """The loss is 0 where the sign is right, inf where it is wrong."""
    scores = backend.asarray(
        [[INF, -INF, INF], [INF, -INF, -INF], [-INF, -INF, -INF], [INF, INF, 0.0]], dtype
    )
    target = backend.asarray(
        [[1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype
    )
    value, gradient = backend.call(loss.value_and_grad, scores, target, reduction="none")
    np.testing.assert_array_equal(backend.to_numpy(value), [0.0, INF, 0.0, INF])
    share = [0.5, 0.5, -0.5] if loss is pl.zlpr_loss else [1 / 3, 1 / 3, -1 / 6]
    size = 1.0 if loss is pl.zlpr_loss else 1 / 3
    close(backend, gradient, [[0.0, 0.0, 0.0], [0.0, 0.0, -size], [0.0, 0.0, 0.0], share], dtype)


# Margins


@pytest.mark.parametrize("classes", [1, 2, 15, 16, 17, 33, 100, 101])
def test_pairs_in_pieces(backend, dtype, classes):
    random = np.random.default_rng(classes)
    scores, target = (
        random.normal(0, 1, (3, classes)).astype(dtype),
        (random.uniform(size=(3, classes)) < 0.4).astype(dtype),
    )
    value, gradient = pl.multilabel_margin_loss.value_and_grad(
        backend.asarray(scores), backend.asarray(target), reduction="none"
    )
    expected, slope = margin(scores.astype(np.float64), target)
    close(backend, value, expected, dtype)
    close(backend, gradient, slope, dtype)


def test_no_pairs_cost_nothing(backend, dtype):
    for target in (np.zeros_like(SCORES), np.ones_like(SCORES)):
        arrays = backend.asarray(SCORES, dtype), backend.asarray(target, dtype)
        value, gradient = backend.call(pl.multilabel_margin_loss.value_and_grad, *arrays)
        assert backend.to_numpy(value) == 0
        assert np.all(backend.to_numpy(gradient) == 0)


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e17])
def test_offsets_lose_no_digits(backend, dtype, offset):
    """Equal scores cost the margin, wherever they are."""
    scores, target = (
        np.full((1, 4), offset, dtype=dtype),
        np.asarray([[1.0, 0.0, 0.0, 1.0]], dtype=dtype),
    )
    value, gradient = backend.call(
        pl.multilabel_margin_loss.value_and_grad, backend.asarray(scores), backend.asarray(target)
    )
    assert backend.to_numpy(value) == 1.0
    np.testing.assert_array_equal(backend.to_numpy(gradient), [[-0.5, 0.5, 0.5, -0.5]])


def test_the_smallest_shortfall_counts(backend, dtype):
    """A difference of exactly 1 does not count, and one that is a last place smaller does."""
    eps = float(np.finfo(dtype).eps)
    scores = np.asarray([[1.0, eps], [1.0, 0.0], [1.0, -eps]], dtype=dtype)
    target = np.asarray([[1.0, 0.0]] * 3, dtype=dtype)
    value, gradient = backend.call(
        pl.multilabel_margin_loss.value_and_grad,
        backend.asarray(scores),
        backend.asarray(target),
        reduction="none",
    )
    np.testing.assert_array_equal(backend.to_numpy(value), [0.5 * eps, 0.0, 0.0])
    np.testing.assert_array_equal(backend.to_numpy(gradient), [[-0.5, 0.5], [0.0, 0.0], [0.0, 0.0]])


def test_no_overflow_of_the_largest_logits():
    largest = float(np.finfo(np.float64).max)
    assert pl.multilabel_soft_margin_loss([-largest, largest], [1.0, 0.0]) == largest


# Weights of classes

WEIGHTED = np.asarray([3.0, 0.5, 1.0, 0.0])
OF_ROWS = np.linspace(0.5, 2, 20)
FOUR, FOUR_SETS = SCORES[:, :4], SETS[:, :4]


@once_a_library
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("class_axis", [-1, 0, 1])
def test_class_weights_weight_the_classes_of_a_row(backend, reduction, class_axis):
    """As weights of the binary cross-entropies of all classes; the loss of a row is their mean."""
    dtype = backend.dtypes[-1]
    pred, target = FOUR.astype(dtype), FOUR_SETS.astype(dtype)
    given = [np.moveaxis(x, 1, class_axis) for x in (pred, target)]
    options = {"class_weights": WEIGHTED.astype(dtype), "weights": OF_ROWS.astype(dtype)}
    value, gradient = backend.call(
        pl.multilabel_soft_margin_loss.value_and_grad,
        *map(backend.asarray, given),
        **{key: backend.asarray(x) for key, x in options.items()},
        class_axis=class_axis,
        reduction=reduction,
    )
    elements = pl.binary_cross_entropy_with_logits
    each, slopes = elements.value_and_grad(pred, target, reduction="none")
    weights = OF_ROWS[:, None] * WEIGHTED
    divisor = weights.sum() if reduction == "mean" else 4
    wanted = np.sum(weights * each, axis=1)
    wanted = wanted / divisor if reduction == "none" else wanted.sum() / divisor
    close(backend, value, wanted, dtype)
    slopes = np.moveaxis(slopes * weights / divisor, 1, class_axis)
    close(backend, gradient, slopes, dtype)


def test_class_weights_and_the_other_options():
    pred, target = FOUR.reshape(4, 5, 4), FOUR_SETS.reshape(4, 5, 4)
    loss, kept = pl.multilabel_soft_margin_loss, np.arange(20).reshape(4, 5) % 3 > 0
    each = loss(pred, target, class_weights=WEIGHTED, reduction="none")
    assert each.shape == (4, 5)
    mean = WEIGHTED.mean()
    for axis, options in ((0, {}), (-1, {}), ((0, 1), {}), (1, {"where": kept})):
        found = loss(pred, target, class_weights=WEIGHTED, axis=axis, **options)
        chosen = options.get("where", np.ones((4, 5), bool))
        wanted = np.sum(each * chosen, axis=axis) / np.sum(chosen, axis=axis) / mean
        np.testing.assert_allclose(found, wanted)
    ones = loss(pred, target, class_weights=[2, 2, 2, 2])
    np.testing.assert_allclose(ones, loss(pred, target))
    second = loss.grad_and_hess(pred, target, class_weights=WEIGHTED, reduction="sum")[1]
    plain = loss.grad_and_hess(pred, target, reduction="sum")[1]
    np.testing.assert_allclose(second, plain * WEIGHTED)
    row = loss(pred[0, 0], target[0, 0], class_weights=WEIGHTED, reduction="sum")
    np.testing.assert_allclose(row, each[0, 0])


@pytest.mark.parametrize("class_axis", [0, 1])
def test_class_weights_of_the_classes_that_are_left(backend, class_axis):
    """Partly labelled rows: each is the mean of the classes that it has."""
    dtype = backend.dtypes[-1]
    keep = np.random.default_rng(8).uniform(size=FOUR.shape) < 0.6
    keep[3] = False
    pred, target, mask = (
        backend.asarray(np.moveaxis(x, 1, class_axis))
        for x in (np.where(keep, FOUR, np.nan).astype(dtype), FOUR_SETS.astype(dtype), keep)
    )
    weights, of_rows = (x.astype(dtype) for x in (WEIGHTED, OF_ROWS))
    value, gradient = backend.call(
        pl.multilabel_soft_margin_loss.value_and_grad,
        pred,
        target,
        class_weights=backend.asarray(weights),
        weights=backend.asarray(of_rows),
        where=mask,
        class_axis=class_axis,
    )
    shares = keep * of_rows[:, None] * weights / np.maximum(keep.sum(1, keepdims=True), 1)
    each, slopes = pl.binary_cross_entropy_with_logits.value_and_grad(
        FOUR.astype(dtype), FOUR_SETS.astype(dtype), reduction="none"
    )
    close(backend, value, np.sum(shares * each) / shares.sum(), dtype)
    close(backend, gradient, np.moveaxis(shares * slopes / shares.sum(), 1, class_axis), dtype)


def test_class_weights_that_do_not_fit():
    for weights, said in (
        ([1.0, 2.0], r"one weight for each of the 4 classes, shape \(4,\); its shape is \(2,\)"),
        ([1.0, -2.0, 1.0, 1.0], r"numbers that are not negative, but class_weights\[1\] is -2.0"),
    ):
        with pytest.raises(ValueError, match=said):
            pl.multilabel_soft_margin_loss(FOUR, FOUR_SETS, class_weights=weights)
    with pytest.raises(ValueError, match=r"axis=3 must be an int"):
        pl.multilabel_soft_margin_loss(FOUR, FOUR_SETS, class_weights=WEIGHTED, axis=3)
    with pytest.raises(TypeError, match="class_weights must be an array"):
        pl.multilabel_soft_margin_loss(FOUR, FOUR_SETS, class_weights="balanced")
    with pytest.raises(ValueError, match=r"where of shape \(20, 3\) fits neither pred"):
        pl.multilabel_soft_margin_loss(
            FOUR, FOUR_SETS, class_weights=WEIGHTED, where=np.ones((20, 3), bool)
        )
    with pytest.raises(TypeError, match="has no option 'class_weights'"):
        pl.zlpr_loss(FOUR, FOUR_SETS, class_weights=WEIGHTED)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weights": -1.0}, "weights must not be negative, but weights is -1.0"),
        ({"weights": [1.0, -3.0]}, r"but weights\[1\] is -3.0 "),
        (
            {"weights": [1.0, -3.0], "where": [True, True]},
            r"but weights\[1\] is -3.0 ",
        ),
        ({"weights": [2.0, -3.0], "class_weights": -WEIGHTED}, r"but class_weights\[0\] is -"),
        (
            {"weights": [1.0] * 3},
            r"weights of shape \(3,\) .* losses of shape \(2,\)",
        ),
        ({"where": [True] * 3}, r"where of shape \(3,\) does not fit the losses of shape \(2,\)"),
    ],
)
def test_weights_beside_class_weights_are_shown_as_they_were_passed(options, said):
    """The engine takes the weight of each class of each row, which nobody passed."""
    given = {"class_weights": WEIGHTED, **options}
    with pytest.raises(ValueError, match=said):
        pl.multilabel_soft_margin_loss(FOUR[:2], FOUR_SETS[:2], **given)


def test_weights_beside_class_weights_are_checked_once(monkeypatch):
    """Those of the rows and those of the classes, and not their product."""
    seen, are_weights = [], values._are_weights
    monkeypatch.setattr(values, "_are_weights", lambda x: seen.append(x.shape) or are_weights(x))
    options = {"class_weights": WEIGHTED, "weights": np.asarray([1.0, 2.0])}
    pl.multilabel_soft_margin_loss(FOUR[:2], FOUR_SETS[:2], **options)
    assert seen == [(4,), (2,)]


def test_weights_beside_class_weights_that_are_left_out_or_not_checked():
    """A weight below 0 counts as one where a mask leaves it out, or by rounding."""
    loss = pl.multilabel_soft_margin_loss.bind(class_weights=WEIGHTED, reduction="sum")
    right = loss(FOUR[:1], FOUR_SETS[:1])
    assert loss(FOUR[:2], FOUR_SETS[:2], weights=[1.0, -3.0], where=[True, False]) == right
    np.testing.assert_allclose(loss(FOUR[:2], FOUR_SETS[:2], weights=[1.0, -1e-17]), right)
    with pl.validation(False):
        negative = loss(FOUR[:2], FOUR_SETS[:2], weights=[1.0, -1.0])
    np.testing.assert_allclose(negative, right - loss(FOUR[1:2], FOUR_SETS[1:2]))


@pytest.mark.backends("torch")
def test_class_weights_of_torch(backend):
    import torch

    pred, target, weights = (torch.tensor(x) for x in (FOUR, FOUR_SETS, WEIGHTED))
    theirs = torch.nn.functional.multilabel_soft_margin_loss
    for reduction in ("none", "sum", "mean"):
        wanted = theirs(pred, target, weight=weights, reduction=reduction)
        wanted = wanted / weights.mean() if reduction == "mean" else wanted
        found = pl.multilabel_soft_margin_loss(
            pred, target, class_weights=weights, reduction=reduction
        )
        torch.testing.assert_close(found, wanted)
    learnt = (weights + 0.5).requires_grad_()  # a weight of 0 leaves its class out
    value = pl.multilabel_soft_margin_loss(pred, target, class_weights=learnt, reduction="sum")
    (slope,) = torch.autograd.grad(value, learnt)
    each = pl.binary_cross_entropy_with_logits(pred, target, reduction="none")
    torch.testing.assert_close(slope, each.sum(0) / 4)


# ZLPR


def test_zlpr_of_one_class(backend, dtype):
    """It is the binary cross-entropy."""
    scores, target = SCORES.reshape(-1, 1).astype(dtype), SETS.reshape(-1, 1).astype(dtype)
    expected = pl.binary_cross_entropy_with_logits(scores[:, 0], target[:, 0], reduction="none")
    close(
        backend,
        backend.call(
            pl.zlpr_loss, backend.asarray(scores), backend.asarray(target), reduction="none"
        ),
        expected,
        dtype,
    )


def test_zlpr_by_the_textbook(backend, dtype):
    scores = SCORES.astype(dtype).astype(np.float64)
    expected = np.log(1 + np.sum((SETS == 0) * np.exp(scores), axis=1)) + np.log(
        1 + np.sum(SETS * np.exp(-scores), axis=1)
    )
    arrays = backend.asarray(SCORES, dtype), backend.asarray(SETS, dtype)
    close(backend, backend.call(pl.zlpr_loss, *arrays, reduction="none"), expected, dtype)


def test_zlpr_of_small_losses(backend, dtype):
    """They keep their digits, where a logarithm of a sum that begins with 1 is 0."""
    arrays = backend.asarray([40.0, -40.0, -41.0], dtype), backend.asarray([1.0, 0.0, 0.0], dtype)
    value, gradient = backend.call(pl.zlpr_loss.value_and_grad, *arrays)
    eps = 16 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(backend.to_numpy(value), (2 + np.exp(-1)) * np.exp(-40.0), rtol=eps)
    np.testing.assert_allclose(
        backend.to_numpy(gradient), np.exp([-40.0, -40.0, -41.0]) * [-1, 1, 1], rtol=eps
    )


# All of them


@each
def test_a_target_that_is_nan(backend, dtype, loss):
    """Its row is NaN, and no other."""
    target = SETS.astype(dtype)
    target[3, 2] = np.nan
    value = backend.call(
        loss, backend.asarray(SCORES, dtype), backend.asarray(target), reduction="none"
    )
    np.testing.assert_array_equal(np.isnan(backend.to_numpy(value)), np.arange(20) == 3)


@pytest.mark.parametrize("class_axis", [0, 1, -1])
@each
def test_the_class_axis_may_be_anywhere(backend, dtype, loss, class_axis):
    scores, target = (x.reshape(4, 5, 6).astype(dtype) for x in (SCORES, SETS))
    value, gradient = loss.value_and_grad(scores, target, reduction="none")
    moved = [backend.asarray(np.moveaxis(x, -1, class_axis)) for x in (scores, target)]
    found, slope = loss.value_and_grad(*moved, class_axis=class_axis, reduction="none")
    close(backend, found, value, dtype)
    close(backend, slope, np.moveaxis(gradient, -1, class_axis), dtype)


@pytest.mark.parametrize(
    "loss", [pl.multilabel_margin_loss, pl.zlpr_loss], ids=lambda loss: loss.__name__
)
@pytest.mark.parametrize("wrong", [-1.0, 0.5, 2.0])
def test_targets_are_sets(loss, wrong):
    target = SETS.copy()
    target[1, 3] = wrong
    with pytest.raises(
        ValueError,
        match=rf"target must hold 0 or 1 for each class, but target\[1, 3\] is {wrong} .*labels",
    ):
        loss(SCORES, target)


def test_soft_targets_are_probabilities():
    with pytest.raises(ValueError, match=r"target must hold probabilities"):
        pl.multilabel_soft_margin_loss(SCORES, 2 * SETS)
