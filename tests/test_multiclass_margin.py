"""Losses of scores, the largest of which decides."""

from typing import Any

import numpy as np
import pytest
from test_multiclass import close
from test_multiclass_losses import orders, same

import portable_losses as pl

LOSSES = (
    pl.multi_margin_loss,
    pl.crammer_singer_loss,
    pl.multiclass_perceptron_loss,
    pl.sparsemax_loss,
)
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)


def one(
    backend: Any, loss: Any, scores: list[float], label: int, dtype: str, **parameters: Any
) -> list[np.ndarray]:
    return orders(backend, loss, backend.asarray(scores, dtype), label, **parameters)


def test_known_losses(backend, dtype):
    """Of one row the four, by hand; peers differ on the last."""
    scores = [1.0, 0.5, 0.875]
    assert one(backend, pl.crammer_singer_loss, scores, 0, dtype)[0] == 0.875
    assert one(backend, pl.multiclass_perceptron_loss, scores, 0, dtype)[0] == 0
    np.testing.assert_allclose(
        one(backend, pl.multi_margin_loss, scores, 0, dtype)[0],
        1.375 / 3,
        rtol=4 * np.finfo(dtype).eps,
    )
    # the threshold is 1.375 / 3
    value, gradient, second = one(backend, pl.sparsemax_loss, scores, 0, dtype)
    others = 0.5 - 1.375 / 3, 0.875 - 1.375 / 3
    expected = (others[0] ** 2 + others[1] ** 2 + sum(others) ** 2) / 2
    np.testing.assert_allclose(value, expected, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(gradient, [-sum(others), *others], rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(second, np.full(3, 2 / 3), rtol=4 * np.finfo(dtype).eps)
    # Where all scores are negative, so is the largest of the others; Keras returns 2.
    assert one(backend, pl.crammer_singer_loss, [-1.0, -2.0, -3.0], 0, dtype)[0] == 0
    assert one(backend, pl.crammer_singer_loss, [-1.0, -1.5, -3.0], 0, dtype)[0] == 0.5


def test_subgradients(backend, dtype):
    """The derivative at the margin is 0; several largest scores share it."""
    at_the_margin = [1.0, 0.0, -1.0]
    for loss in (pl.multi_margin_loss, pl.crammer_singer_loss, pl.sparsemax_loss):
        value, gradient, second = one(backend, loss, at_the_margin, 0, dtype)
        assert value == 0
        assert np.all(gradient == 0)
        assert np.all(second == 0)
    value, gradient, second = one(
        backend, pl.multi_margin_loss, [1.0, 0.0, 0.5, 2.0], 0, dtype, p=2
    )
    np.testing.assert_array_equal(gradient, [-1.25, 0, 0.25, 1])
    np.testing.assert_array_equal(second, [1, 0, 0.5, 0.5])
    np.testing.assert_array_equal(
        one(backend, pl.crammer_singer_loss, [0.0, 1.0, 1.0], 0, dtype)[1], [-1, 0.5, 0.5]
    )
    np.testing.assert_array_equal(
        one(backend, pl.multiclass_perceptron_loss, [0.0] * 4, 1, dtype)[1],
        [0.25, -0.75, 0.25, 0.25],
    )
    np.testing.assert_array_equal(
        one(backend, pl.multiclass_perceptron_loss, [0.0, 1.0, 1.0], 0, dtype)[1], [-1, 0.5, 0.5]
    )


@pytest.mark.parametrize("label", [0, 1])
def test_two_classes(backend, dtype, label):
    """They are one score and a sign."""
    score = np.asarray([-3.0, -1.5, -1.0, -0.25, 0.5, 1.0, 4.0], dtype=dtype)
    rows = backend.asarray(np.stack([np.zeros_like(score), score], axis=1))
    sign = 2.0 * label - 1
    signs = backend.asarray(np.full(score.shape, sign), dtype)

    def binary(loss: Any, scale: float = 1.0) -> list[np.ndarray]:
        value, gradient, second = orders(
            backend, loss, backend.asarray(score), signs, reduction="sum"
        )
        return [
            scale * value,
            scale * np.stack([-gradient, gradient], axis=1),
            scale * np.stack([second, second], axis=1),
        ]

    def of_rows(loss: Any, **parameters: Any) -> list[np.ndarray]:
        return orders(backend, loss, rows, label, reduction="sum", **parameters)

    hinge = binary(pl.hinge_loss)
    hinge[1] = hinge[1] * (sign * score != 1)[:, None]  # at the margin it has another subgradient
    same(of_rows(pl.crammer_singer_loss), hinge, dtype)
    same(of_rows(pl.multi_margin_loss), [x / 2 for x in hinge], dtype)
    same(of_rows(pl.multi_margin_loss, p=2), binary(pl.squared_hinge_loss, 0.5), dtype)
    same(of_rows(pl.multiclass_perceptron_loss), binary(pl.perceptron_loss), dtype)
    lead = sign * score
    expected = np.where(lead >= 1, 0, np.where(lead <= -1, -lead, (1 - lead) ** 2 / 4))
    value, gradient, second = of_rows(pl.sparsemax_loss)
    close(backend, backend.asarray(value), expected.sum(), dtype)
    slope = -sign * np.clip((1 - lead) / 2, 0, 1)
    close(backend, backend.asarray(gradient), np.stack([-slope, slope], axis=1), dtype)
    close(
        backend,
        backend.asarray(second),
        np.repeat(0.5 * (np.abs(lead) < 1), 2).reshape(-1, 2),
        dtype,
    )


@every_loss
def test_masked_classes_of_every_loss_of_scores(backend, dtype, loss):
    """They cost nothing, but count as classes in the mean over these; a masked label costs inf."""
    kept = np.asarray([[0.5, 1.25], [2.0, -1.0]], dtype=dtype)
    masked = np.insert(kept, 1, -np.inf, axis=1)
    expected = orders(
        backend, loss, backend.asarray(kept), backend.asarray([1, 0]), reduction="sum"
    )
    found = orders(backend, loss, backend.asarray(masked), backend.asarray([2, 0]), reduction="sum")
    if loss is pl.multi_margin_loss:
        expected = [x * 2 / 3 for x in expected]
    assert all(np.all(order[:, 1] == 0) for order in found[1:])
    same([found[0], *(np.delete(order, 1, axis=1) for order in found[1:])], expected, dtype)
    value, gradient, second = orders(backend, loss, backend.asarray(masked), 1, reduction="none")
    assert np.all(value == np.inf)
    assert np.all(np.isfinite(gradient))
    assert np.all(np.isfinite(second))
    lonely = backend.asarray([[-np.inf, 3.0, -np.inf]], dtype)
    assert all(np.all(order == 0) for order in orders(backend, loss, lonely, 1, reduction="sum"))


@every_loss
def test_an_offset_changes_nothing(backend, dtype, loss):
    """As long as the scores have their digits."""
    scores = np.asarray([[0.5, 0.25, 0.0, -0.5], [0.0, 1.0, 0.75, -8.0]], dtype=dtype)
    far = 2.0**20 if dtype == "float32" else 2.0**48
    expected = orders(backend, loss, backend.asarray(scores), backend.asarray([1, 2]))
    same(
        orders(backend, loss, backend.asarray(scores + far), backend.asarray([1, 2])),
        expected,
        dtype,
    )


@pytest.mark.backends("numpy")
def test_what_is_missing_to_a_margin_keeps_its_digits():
    """The label leads by 1 minus a few ulp."""
    scores = np.asarray([1.0, 2.0**-50])
    assert pl.crammer_singer_loss(scores, 0) == 2.0**-50
    assert pl.multi_margin_loss(scores, 0) == 2.0**-51
    np.testing.assert_array_equal(pl.crammer_singer_loss.grad(scores, 0), [-1, 1])
    assert pl.crammer_singer_loss(-scores, 1) == 2.0**-50
    np.testing.assert_array_equal(pl.sparsemax_loss.grad(scores, 0), [-(2.0**-51), 2.0**-51])
    assert pl.sparsemax_loss(scores, 0) == 2.0**-102


@pytest.mark.parametrize("classes", [3, 30])
def test_the_gradient_of_sparsemax_is_a_projection(backend, dtype, classes):
    """Scores minus the nearest point are equal where the point is positive, and less elsewhere."""
    rng = np.random.default_rng(5)
    scores = (rng.standard_normal((40, classes)) * np.geomspace(0.01, 10, 40)[:, None]).astype(
        dtype
    )
    labels = rng.integers(0, classes, 40)
    value, gradient, second = orders(
        backend,
        pl.sparsemax_loss,
        backend.asarray(scores),
        backend.asarray(labels),
        reduction="sum",
    )
    point = gradient + np.eye(classes)[labels]
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(point.sum(axis=1), 1, rtol=tolerance)
    assert np.all(point >= -tolerance)
    positive = point > tolerance
    threshold = np.where(positive, scores - point, -np.inf).max(axis=1, keepdims=True)
    np.testing.assert_allclose(
        np.where(positive, scores - point, threshold),
        np.broadcast_to(threshold, scores.shape),
        atol=80 * tolerance,
    )
    assert np.all(np.where(positive, -np.inf, scores) <= threshold + 80 * tolerance)
    counts = np.sum(positive, axis=1, keepdims=True)
    np.testing.assert_allclose(second, (1 - 1 / counts) * positive, rtol=tolerance)
    assert value >= 0


def test_perceptron_is_the_limit_of_cross_entropy(backend, dtype):
    scores = np.asarray([[0.5, 1.25, -1.0], [2.0, -1.0, 0.0]], dtype=dtype)
    labels = backend.asarray([2, 1])
    cold = backend.call(pl.cross_entropy, backend.asarray(scores * 2.0**10), labels)
    close(
        backend,
        backend.call(pl.multiclass_perceptron_loss, backend.asarray(scores), labels),
        backend.to_numpy(cold) / 2**10,
        dtype,
    )


@pytest.mark.backends("numpy")
def test_bad_parameters_and_targets():
    scores = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"multi_margin_loss: p must be one of \(1, 2\), got 3"):
        pl.multi_margin_loss(scores, [0, 1], p=3)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"multi_margin_loss: margin must be a number in \[0, inf\), got -1.0"
    ):
        pl.multi_margin_loss(scores, [0, 1], margin=-1.0)
    for loss in LOSSES:
        with pytest.raises(ValueError, match=loss.__name__):
            loss(scores, np.eye(3)[:2])
        with pytest.raises(ValueError, match=rf"{loss.__name__}: target .* 3"):
            loss(scores, [0, 3])
