"""Losses of embeddings: directions, points that coincide, and sets of points."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from marks import compiled_too
from test_every_loss import close, numpy_of

import portable_losses as pl

RANDOM = np.random.default_rng(11)
QUERY, KEY = RANDOM.normal(size=(2, 6, 4))
LABELS = np.asarray([4, 4, -7, 100, -7, 4])
OF_SETS = (pl.ntxent_loss, pl.supcon_loss, pl.circle_loss)
OF_TWO = (pl.info_nce_loss, pl.barlow_twins_loss, pl.vicreg_loss)


def name(loss: Any) -> Any:
    return getattr(loss, "__name__", None)


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    left, right = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (left, right))
    return left @ right.T


# Directions


@compiled_too
def test_equal_vectors_have_no_distance(backend, dtype):
    """Equal vectors have no rounding error; compilers may round the two directions differently."""
    rounding = np.finfo(dtype).eps if backend.compiled else 0
    arrays = [backend.asarray(QUERY, dtype) for _ in range(2)]
    value, gradient = backend.call(
        pl.cosine_distance_loss.value_and_grad, *arrays, reduction="none"
    )
    assert np.all(backend.to_numpy(value) <= rounding**2)
    assert np.all(np.abs(backend.to_numpy(gradient)) <= rounding)


@compiled_too
def test_small_angles_keep_their_digits(backend, dtype):
    """Of an angle of 1e-5 the cosine is 1 in float32."""
    arrays = backend.asarray([[1.0, 1e-5]], dtype), backend.asarray([[1.0, 0.0]], dtype)
    expected = -np.expm1(
        -0.5 * np.log1p(float(np.float32(1e-5)) ** 2 if dtype == "float32" else 1e-10)
    )
    np.testing.assert_allclose(
        backend.to_numpy(backend.call(pl.cosine_distance_loss, *arrays)), expected, rtol=1e-5
    )


@compiled_too
def test_lengths_do_not_matter(backend, dtype):
    """As long as their squares neither overflow nor underflow."""
    size = 2.0 ** np.asarray([-55, -30, 0, 30, 55, 3])[:, None]
    arrays = backend.asarray(QUERY * size, dtype), backend.asarray(KEY / size, dtype)
    expected = pl.cosine_distance_loss(QUERY.astype(dtype), KEY.astype(dtype), reduction="none")
    close(
        backend.to_numpy(backend.call(pl.cosine_distance_loss, *arrays, reduction="none")),
        expected,
        dtype,
    )
    for loss, others in (
        (pl.info_nce_loss, [arrays[1]]),
        (pl.ntxent_loss, [backend.asarray(LABELS)]),
    ):
        same = [KEY.astype(dtype)] if loss is pl.info_nce_loss else [LABELS]
        expected = loss(QUERY.astype(dtype), *same)
        np.testing.assert_allclose(
            backend.to_numpy(backend.call(loss, arrays[0], *others)),
            expected,
            rtol=300 * np.finfo(dtype).eps,
        )


@compiled_too
def test_zero_vectors_are_at_right_angles_to_all(backend, dtype):
    """Their gradient is 0, and so is that of the vectors compared with them."""
    left, right = (
        backend.asarray([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]], dtype),
        backend.asarray([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]], dtype),
    )
    value, gradient = backend.call(
        pl.cosine_distance_loss.value_and_grad, left, right, reduction="none"
    )
    assert np.all(backend.to_numpy(value) == 1)
    assert np.all(backend.to_numpy(gradient) == 0)
    _, second = backend.call(pl.cosine_distance_loss.grad_and_hess, left, right)
    assert np.all(backend.to_numpy(second) == 0)


@pytest.mark.parametrize("margin", [-1.5, 1.01, float("nan")])
def test_a_cosine_is_at_most_one(margin):
    with pytest.raises(
        ValueError, match=r"cosine_embedding_loss: margin must be a number in \[-1, 1\]"
    ):
        pl.cosine_embedding_loss(QUERY, KEY, np.ones(6), margin=margin)


# Distances


@compiled_too
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 4.0])
@pytest.mark.parametrize("swap", [False, True])
def test_points_that_coincide(backend, dtype, p, swap):
    """Their distance is 0, with a gradient of 0."""
    here = backend.asarray(QUERY, dtype)
    value, gradient = backend.call(
        pl.triplet_margin_loss.value_and_grad, here, here, here, p=p, swap=swap, margin=0.25
    )
    assert backend.to_numpy(value) == 0.25
    assert all(np.all(part == 0) for part in numpy_of(backend, gradient))
    value, gradient = backend.call(
        pl.contrastive_loss.value_and_grad, here, here, backend.asarray(-np.ones(6), dtype)
    )
    assert backend.to_numpy(value) == 0.5
    assert all(np.all(part == 0) for part in numpy_of(backend, gradient))


def test_swap_takes_the_nearer_one():
    anchor, positive, negative = (
        np.zeros((1, 2)),
        np.asarray([[3.0, 4.0]]),
        np.asarray([[6.0, 4.0]]),
    )
    assert pl.triplet_margin_loss(anchor, positive, negative, margin=3.0) == 8 - np.sqrt(52)
    assert pl.triplet_margin_loss(anchor, positive, negative, margin=3.0, swap=True) == 5
    slopes = pl.triplet_margin_loss.grad(anchor, positive, negative, margin=3.0, swap=True)
    np.testing.assert_allclose(slopes, [[[-0.6, -0.8]], [[1.6, 0.8]], [[-1.0, 0.0]]], rtol=1e-15)


def test_hinge_embedding_of_distances_is_the_contrast():
    distance = np.linalg.norm(QUERY - KEY, axis=-1)
    target = np.asarray([1.0, -1.0, 1.0, -1.0, -1.0, 1.0])
    hinges = pl.hinge_embedding_loss(distance, target, margin=3.0, reduction="none")
    contrast = pl.contrastive_loss(QUERY, KEY, target, margin=3.0, reduction="none")
    np.testing.assert_allclose(contrast, 0.5 * hinges**2, rtol=1e-14)


@pytest.mark.parametrize(
    "loss",
    [
        pl.cosine_embedding_loss,
        pl.contrastive_loss,
        pl.hinge_embedding_loss,
        pl.margin_ranking_loss,
    ],
)
def test_targets_are_signs(loss):
    first = QUERY[:, 0] if loss in (pl.hinge_embedding_loss, pl.margin_ranking_loss) else QUERY
    others = [] if loss is pl.hinge_embedding_loss else [first + 1]
    with pytest.raises(
        ValueError, match=r"target must hold signs, -1 or \+1, but target\[2\] is 0.0"
    ):
        loss(first, *others, np.asarray([1.0, -1.0, 0.0, 1.0, 1.0, 1.0]))
    with pl.validation(False):
        found = loss(first, *others, np.asarray([1.0, -1.0, 0.0, 1.0, 1.0, 1.0]), reduction="none")
    np.testing.assert_array_equal(np.isnan(found), np.arange(6) == 2)


# Sets


@compiled_too
def test_info_nce_is_a_cross_entropy(backend, dtype):
    similarity = cosines(QUERY, KEY) / 0.5
    arrays = [backend.asarray(x, dtype) for x in (QUERY, KEY)]
    found = backend.to_numpy(backend.call(pl.info_nce_loss, *arrays, temperature=0.5))
    np.testing.assert_allclose(
        found, pl.cross_entropy(similarity, np.arange(6)), rtol=64 * np.finfo(dtype).eps
    )


def test_one_positive_each_makes_no_difference():
    """Then NT-Xent, supervised contrast and InfoNCE of the rest are the same."""
    labels = np.asarray([0, 0, 1, 1, 2, 2])
    similarity = cosines(QUERY, QUERY) / 0.2
    similarity[np.diag_indices(6)] = -np.inf
    expected = pl.cross_entropy(similarity, [1, 0, 3, 2, 5, 4])
    for loss in (pl.ntxent_loss, pl.supcon_loss):
        np.testing.assert_allclose(loss(QUERY, labels, temperature=0.2), expected, rtol=1e-13)


@compiled_too
@pytest.mark.parametrize("loss", OF_SETS, ids=name)
def test_without_a_positive_pair(backend, dtype, loss):
    """The loss and the gradient are 0; a set of one vector has no positive either."""
    for embedding in (QUERY, QUERY[:1], np.zeros((3, 2))):
        arrays = backend.asarray(embedding, dtype), backend.asarray(np.arange(len(embedding)))
        value, gradient = backend.call(loss.value_and_grad, *arrays)
        assert backend.to_numpy(value) == 0
        assert np.all(backend.to_numpy(gradient) == 0)


@compiled_too
@pytest.mark.parametrize("loss", [pl.ntxent_loss, pl.circle_loss], ids=name)
def test_without_a_negative(backend, dtype, loss):
    arrays = backend.asarray(QUERY, dtype), backend.asarray(np.full(6, 3))
    value, gradient = backend.call(loss.value_and_grad, *arrays)
    assert backend.to_numpy(value) == 0
    assert np.all(backend.to_numpy(gradient) == 0)


@compiled_too
def test_circle_loss_by_the_textbook(backend, dtype):
    """Of vectors with and without a positive."""
    similarity, terms = cosines(QUERY, QUERY), []
    for i in (0, 1, 2, 4, 5):  # 3 has no positive
        alike = (LABELS[i] == LABELS) & (np.arange(6) != i)
        near, far = similarity[i][alike], similarity[i][LABELS[i] != LABELS]
        positive = np.exp(-2 * np.maximum(1.25 - near, 0) * (near - 0.75))
        negative = np.exp(2 * np.maximum(far + 0.25, 0) * (far - 0.25))
        terms.append(np.log(1 + np.sum(negative) * np.sum(positive)))
    found = backend.call(
        pl.circle_loss,
        backend.asarray(QUERY, dtype),
        backend.asarray(LABELS),
        margin=0.25,
        gamma=2.0,
    )
    np.testing.assert_allclose(
        backend.to_numpy(found), np.mean(terms), rtol=64 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("loss", OF_SETS, ids=name)
def test_labels_are_only_names(loss):
    """Any integers are valid, in any dtype, but no fractions."""
    expected = loss(QUERY, LABELS)
    assert loss(QUERY, np.asarray([1, 1, 0, 2, 0, 1], np.uint8)) == expected
    with pytest.raises(TypeError, match=rf"{loss.__name__}: labels .*integers.*float64"):
        loss(QUERY, LABELS.astype(np.float64))
    with pytest.raises(ValueError, match=rf"{loss.__name__}: .*\(6, 4\).*\(5,\)"):
        loss(QUERY, LABELS[:5])


@pytest.mark.parametrize("loss", [*OF_SETS, *OF_TWO], ids=name)
def test_a_batch_of_sets_on_other_axes(backend, dtype, loss):
    left, right = RANDOM.normal(size=(2, 3, 6, 4)).astype(dtype)
    labels = np.stack([LABELS, LABELS[::-1], LABELS])
    second, moved = (
        (labels, labels.T) if loss in OF_SETS else (right, np.transpose(right, (1, 2, 0)))
    )
    value, gradient = loss.value_and_grad(left, second, reduction="none")
    np.testing.assert_allclose(
        value, [loss(*pair) for pair in zip(left, second, strict=True)], rtol=1e-5
    )
    arrays = backend.asarray(np.transpose(left, (1, 2, 0))), backend.asarray(moved)
    found, slope = backend.call(
        loss.value_and_grad, *arrays, sample_axis=0, feature_axis=1, reduction="none"
    )
    np.testing.assert_allclose(backend.to_numpy(found), value, rtol=1e3 * np.finfo(dtype).eps)
    expected = np.transpose(gradient if loss in OF_SETS else gradient[0], (1, 2, 0))
    np.testing.assert_allclose(
        numpy_of(backend, slope)[0],
        expected,
        rtol=0,
        atol=1e3 * np.finfo(dtype).eps * np.max(np.abs(expected)),
    )


@pytest.mark.parametrize("loss", OF_SETS, ids=name)
def test_axes_are_those_of_the_embedding(loss):
    """Labels have the axes that are left."""
    several, labels = RANDOM.normal(size=(3, 6, 4)), np.stack([LABELS, LABELS[::-1], LABELS])
    expected = loss(several, labels, reduction="none")
    for place in (0, 1, 2):
        for sign in (0, 3):
            axes = {"sample_axis": (place + 1) % 3 - sign, "feature_axis": place - sign}
            given = np.moveaxis(several, (1, 2), (axes["sample_axis"], axes["feature_axis"]))
            beside = np.take(given, 0, axis=place).shape
            found = loss(given, labels if beside == (3, 6) else labels.T, reduction="none", **axes)
            np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(
        loss(QUERY.T, LABELS, sample_axis=1, feature_axis=0), loss(QUERY, LABELS), rtol=1e-13
    )


@pytest.mark.parametrize("loss", [*OF_SETS, *OF_TWO], ids=name)
def test_no_vector_for_each_pair(loss):
    """It would be 256 times the matrix of all pairs, the largest temporary."""
    samples, features = (300, 256) if loss not in OF_TWO[1:] else (256, 300)
    left, right = RANDOM.normal(size=(2, samples, features))
    second = RANDOM.integers(0, 40, samples) if loss in OF_SETS else right
    loss.value_and_grad(left[:4], second[:4])
    tracemalloc.start()
    loss.value_and_grad(left, second)
    loss.grad_and_hess(left, second)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * 8 * 300 * 300


# Two views


@compiled_too
def test_barlow_twins_by_the_textbook(backend, dtype):
    correlation = np.corrcoef(QUERY.T, KEY.T)[:4, 4:]
    own = np.eye(4, dtype=bool)
    expected = np.sum((1 - correlation[own]) ** 2) + 0.1 * np.sum(correlation[~own] ** 2)
    arrays = [backend.asarray(x, dtype) for x in (QUERY, KEY)]
    found = backend.to_numpy(backend.call(pl.barlow_twins_loss, *arrays, redundancy=0.1))
    np.testing.assert_allclose(found, expected, rtol=64 * np.finfo(dtype).eps)


@compiled_too
def test_vicreg_by_the_textbook(backend, dtype):
    expected = 3 * np.mean((QUERY - KEY) ** 2)
    for view in (QUERY, KEY):
        covariance = np.cov(view.T)
        deviation = np.sqrt(np.diag(covariance) + 0.01)
        expected += (
            5 * np.mean(np.maximum(0, 1 - deviation))
            + 2 * np.sum((covariance - np.diag(np.diag(covariance))) ** 2) / 4
        )
    arrays = [backend.asarray(x, dtype) for x in (QUERY, KEY)]
    found = backend.call(
        pl.vicreg_loss, *arrays, invariance=3.0, variance=5.0, covariance=2.0, eps=0.01
    )
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=64 * np.finfo(dtype).eps)


@compiled_too
@pytest.mark.parametrize("loss", OF_TWO[1:], ids=name)
def test_features_that_are_constant(backend, dtype, loss):
    """The mean of six times 0.1 is not 0.1, but a constant has no variance."""
    still = np.where(np.arange(4) == 1, 0.1, QUERY)
    arrays = backend.asarray(still, dtype), backend.asarray(KEY, dtype)
    value, (gradient, _) = backend.call(loss.value_and_grad, *arrays)
    assert np.isfinite(backend.to_numpy(value))
    assert np.all(np.isfinite(backend.to_numpy(gradient)))
    if loss is pl.barlow_twins_loss:
        assert np.all(backend.to_numpy(gradient)[:, 1] == 0)
    alone = backend.call(
        loss.value_and_grad, backend.asarray(QUERY[:1], dtype), backend.asarray(KEY[:1], dtype)
    )
    assert all(np.all(np.isfinite(backend.to_numpy(part))) for part in (alone[0], *alone[1]))
