"""Losses of classes of which one is right: one class, and a batch taken for one row."""

from typing import Any

import numpy as np
import pytest
from marks import once_a_library

import portable_losses as pl

MEANT = {
    "cross_entropy": "binary_cross_entropy_with_logits",
    "softmax_focal_loss": "sigmoid_focal_loss",
    "generalized_cross_entropy": "binary_cross_entropy_with_logits",
    "poly_cross_entropy": "poly_binary_cross_entropy",
}
OF_LABELS = {
    "multi_margin_loss": "hinge_loss",
    "crammer_singer_loss": "hinge_loss",
    "multiclass_perceptron_loss": "perceptron_loss",
    "sparsemax_loss": "binary_cross_entropy_with_logits",
}
"""The loss of one score for each row, by that of several classes; the latter take labels only."""


@once_a_library
@pytest.mark.parametrize("name", [*MEANT, *OF_LABELS])
def test_one_class_is_an_error_that_names_the_loss_meant(backend: Any, name: str) -> None:
    """The loss would be 0 for all logits."""
    loss = getattr(pl, name)
    logits = backend.asarray(np.zeros((5, 1)), backend.dtypes[0])
    labels = backend.asarray(np.zeros(5, np.int64))
    meant = (MEANT | OF_LABELS)[name]
    assert meant in pl.__all__
    for method in (loss, loss.grad):
        with pytest.raises(ValueError, match=rf"one class.* belongs to {meant}; if another"):
            method(logits, labels)
    assert np.isfinite(backend.to_numpy(loss(logits, labels[:1], class_axis=0)))
    assert backend.to_numpy(loss(logits[0, :], 0)) == 0  # a row by itself is meant


def test_one_class_of_a_vocabulary() -> None:
    with pytest.raises(ValueError, match=r"weight of shape \(1, 2\) has one class.*_with_logits$"):
        pl.linear_cross_entropy(np.zeros((5, 2)), np.zeros((1, 2)), np.zeros(5, int))


@pytest.mark.parametrize("name", MEANT)
def test_one_class_in_rows_of_targets(name: str) -> None:
    with pytest.raises(ValueError, match=rf"belongs to {MEANT[name]}"):
        getattr(pl, name)(np.zeros((5, 1)), np.ones((5, 1)))


def test_where_one_class_is_sensible_it_stays() -> None:
    """Probabilities of one class are not constant; nor is what compares a row with another."""
    prob, one = np.asarray([[0.5], [0.25]]), np.ones((2, 1))
    nats = -np.log([0.5, 0.25])
    for loss, pred in (
        (pl.nll_loss, np.log(prob)),
        (pl.categorical_cross_entropy, prob),
        (pl.kl_div, np.log(prob)),
    ):
        np.testing.assert_allclose(loss(pred, one, reduction="none"), nats)
    for loss in (pl.multilabel_soft_margin_loss, pl.zlpr_loss, pl.total_variation_loss):
        assert np.all(loss(prob, one, reduction="none") > 0)


@pytest.mark.parametrize(
    "target", [[1, 0, 1], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [True, True, True]]
)
@pytest.mark.parametrize("name", [*MEANT, "categorical_cross_entropy", "nll_loss"])
def test_a_batch_taken_for_one_row_is_an_error(name: str, target: list[Any]) -> None:
    loss, scores = getattr(pl, name), np.asarray([0.3, 0.2, 0.9])
    meant = MEANT.get(name, "binary_cross_entropy")
    for method in (loss, loss.value_and_grad):
        with pytest.raises(ValueError, match=rf"one row of 3 classes.*belongs to {meant}$"):
            method(scores - (name == "nll_loss"), target)


def test_one_row_is_taken_where_it_may_be_one() -> None:
    logits, off = [0.3, -0.2, 1.0], pl.cross_entropy([[0.3, -0.2, 1.0]], [[1.0, 0.0, 1.0]])
    assert pl.cross_entropy(logits, [0.3, 0.2, 0.5]) > 0
    assert pl.cross_entropy(logits, [0.9, 0.2, 0.7]) > 0  # a row of any mass
    assert pl.cross_entropy(logits, [0, 0, 1]) > 0
    assert pl.cross_entropy(np.float16(logits), np.full(3, 1 / 3, np.float16)) > 0
    assert pl.cross_entropy(logits, 2) > 0
    assert off > 0  # a batch of one row says that it is one
    assert np.isnan(pl.cross_entropy(logits, [1.0, 0.0, 1.0], where=False))
    with pl.validation(False):
        assert pl.cross_entropy(logits, [1.0, 0.0, 1.0]) == off


@pytest.mark.backends("strict", "torch", "jax", "dask")
def test_elsewhere_the_values_of_one_row_are_not_looked_at(backend: Any) -> None:
    arrays = [backend.asarray(x, "float32") for x in ([0.3, -0.2, 1.0], [1.0, 0.0, 1.0])]
    assert np.isfinite(backend.to_numpy(pl.cross_entropy(*arrays)))
