"""Identities for all inputs: losses that are limits, special cases or other forms of each other."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as draw

import portable_losses as pl
from portable_losses import special

MODERATE = st.floats(-30, 30, allow_subnormal=False)
SHARES = st.floats(0, 1, allow_subnormal=False)
CLASSES = 4
VECTORS = draw.arrays(np.float64, 6, elements=MODERATE)
UNITS = draw.arrays(np.float64, 6, elements=SHARES)
ROWS = draw.arrays(np.float64, (6, CLASSES), elements=MODERATE)
LABELS = draw.arrays(np.int64, 6, elements=st.integers(0, CLASSES - 1))
CLASS_WEIGHTS = draw.arrays(np.float64, CLASSES, elements=st.floats(0.1, 10))

settings.register_profile("no deadline", deadline=None)  # a busy machine is no fault of a loss
settings.load_profile("no deadline")


def equal(left: Any, right: Any, rtol: float = 1e-12, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(left, right, rtol=rtol, atol=atol)


def same_at_every_order(left: Any, right: Any) -> None:
    """Compare two ways to get value, gradient and second derivative."""
    for first, second in zip(left, right, strict=True):
        equal(first, second)


def orders(loss: Any, *arrays: np.ndarray, **options: Any) -> tuple[Any, ...]:
    return (loss(*arrays, **options), *loss.grad_and_hess(*arrays, **options))


@given(VECTORS, VECTORS)
def test_huber_with_a_large_delta_is_half_the_squared_error(
    pred: np.ndarray, target: np.ndarray
) -> None:
    same_at_every_order(
        orders(pl.huber_loss, pred, target, delta=1e3),
        (0.5 * x for x in orders(pl.mse_loss, pred, target)),
    )


@pytest.mark.parametrize("delta", 10.0 ** -np.arange(1, 13))
def test_huber_over_delta_goes_to_the_absolute_error(delta: float) -> None:
    pred = np.linspace(-5, 5, 101)
    value, gradient = pl.huber_loss.value_and_grad(pred, 0.0, delta=delta, reduction="none")
    expected, sign = pl.l1_loss.value_and_grad(pred, 0.0, reduction="none")
    equal(value / delta, expected, atol=0.5 * delta + 1e-12)  # the gap is half of delta
    linear = np.abs(pred) >= delta
    equal(gradient[linear] / delta, sign[linear])


@given(VECTORS, UNITS)
def test_cross_entropy_of_a_logit_is_that_of_its_sigmoid(
    logit: np.ndarray, target: np.ndarray
) -> None:
    logit = logit / 10  # further out the sigmoid has lost the digits that the logit has
    value, gradient = pl.binary_cross_entropy_with_logits.value_and_grad(logit, target)
    expected, by_probability = pl.binary_cross_entropy.value_and_grad(
        special.sigmoid(logit), target
    )
    equal(value, expected)
    equal(gradient, by_probability * special.sigmoid.grad(logit))


@given(VECTORS, st.lists(st.booleans(), min_size=6, max_size=6))
def test_two_classes_are_one_logit(logit: np.ndarray, yes: list[bool]) -> None:
    labels = np.asarray(yes, np.int64)
    rows = np.stack([np.zeros(6), logit], axis=-1)
    binary = orders(pl.binary_cross_entropy_with_logits, logit, labels)
    value, gradient, second = orders(pl.cross_entropy, rows, labels)
    same_at_every_order((value, gradient[:, 1], second[:, 1]), binary)
    equal(gradient[:, 0], -gradient[:, 1])


@given(ROWS, LABELS, CLASS_WEIGHTS, st.sampled_from([0.0, 0.1, 1.0]))
def test_labels_are_rows_of_zeros_and_a_one(
    logits: np.ndarray, labels: np.ndarray, class_weights: np.ndarray, label_smoothing: float
) -> None:
    options = {"class_weights": class_weights, "label_smoothing": label_smoothing}
    one_hot = np.eye(CLASSES)[labels]
    same_at_every_order(
        orders(pl.cross_entropy, logits, labels, **options),
        orders(pl.cross_entropy, logits, one_hot, **options),
    )


@given(ROWS, LABELS, st.floats(0, 1))
def test_label_smoothing_is_a_smoothed_row(
    logits: np.ndarray, labels: np.ndarray, smoothing: float
) -> None:
    smooth = (1 - smoothing) * np.eye(CLASSES)[labels] + smoothing / CLASSES
    same_at_every_order(
        orders(pl.cross_entropy, logits, labels, label_smoothing=smoothing),
        orders(pl.cross_entropy, logits, smooth),
    )


@given(ROWS, LABELS)
def test_an_ignored_label_is_a_row_less(logits: np.ndarray, labels: np.ndarray) -> None:
    kept = labels != 1
    options = {"class_weights": np.arange(1.0, CLASSES + 1), "label_smoothing": 0.2}
    value = pl.cross_entropy(logits, labels, ignore_index=1, **options)
    equal(value, pl.cross_entropy(logits[kept], labels[kept], **options))


@given(VECTORS, UNITS, st.floats(0.1, 10))
def test_pos_weight_of_hard_targets_is_a_weight_of_the_sum(
    logit: np.ndarray, target: np.ndarray, pos_weight: float
) -> None:
    hard = target.round()
    equal(
        pl.binary_cross_entropy_with_logits(logit, hard, pos_weight=pos_weight, reduction="sum"),
        pl.binary_cross_entropy_with_logits(
            logit, hard, weights=np.where(hard == 1, pos_weight, 1), reduction="sum"
        ),
    )


@given(UNITS, UNITS)
def test_yes_and_no_change_places(pred: np.ndarray, target: np.ndarray) -> None:
    inside = 0.01 + 0.98 * pred
    equal(pl.binary_cross_entropy(inside, target), pl.binary_cross_entropy(1 - inside, 1 - target))


@given(VECTORS, VECTORS, st.floats(-100, 100))
def test_losses_of_a_residual_do_not_see_a_shift(
    pred: np.ndarray, target: np.ndarray, shift: float
) -> None:
    for loss in (pl.mse_loss, pl.l1_loss, pl.huber_loss):
        equal(loss(pred + shift, target + shift), loss(pred, target), rtol=1e-10, atol=1e-10)


@given(ROWS, st.floats(-100, 100))
def test_softmax(rows: np.ndarray, shift: float) -> None:
    equal(special.softmax(rows).sum(axis=-1), 1)
    equal(np.exp(special.log_softmax(rows)), special.softmax(rows))
    equal(special.softmax(rows + shift), special.softmax(rows), rtol=1e-10)
    equal(special.log_softmax(rows), rows - special.logsumexp(rows)[:, None])


@given(VECTORS)
def test_sigmoids(x: np.ndarray) -> None:
    equal(special.sigmoid(x) + special.sigmoid(-x), 1)
    equal(special.softplus(x) - special.softplus(-x), x)
    equal(special.log_sigmoid(x), np.log(special.sigmoid(x)))
    equal(special.softmax(np.stack([x, np.zeros(6)], axis=-1))[:, 0], special.sigmoid(x))
