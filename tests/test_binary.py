"""Binary losses: margins, saturation, soft targets, and losses that contain each other."""

from typing import Any

import numpy as np
import pytest
from cases.binary import MARGIN_LOSSES

import portable_losses as pl

INF = np.inf
margin_losses = pytest.mark.parametrize("loss", MARGIN_LOSSES, ids=lambda loss: loss.__name__)


def parts(
    backend: Any, loss: Any, pred: Any, target: Any, dtype: str, **parameters: Any
) -> list[np.ndarray]:
    """Return value, first and second derivative."""
    arrays = [backend.asarray(x, dtype) for x in (pred, target)]
    value, first = backend.call(loss.value_and_grad, *arrays, reduction="none", **parameters)
    _, second = backend.call(loss.grad_and_hess, *arrays, reduction="none", **parameters)
    return [backend.to_numpy(x) for x in (value, first, second)]


# Margins


@margin_losses
def test_a_target_of_0_raises_on_numpy_and_says_what_to_do(loss):
    with pytest.raises(
        ValueError, match=rf"{loss.__name__}: target .*target\[0\] is 0\.0 .*2 \* target - 1"
    ):
        loss(np.asarray([0.5, 1.0]), np.asarray([0.0, 1.0]))


@margin_losses
def test_only_the_margin_counts(backend, dtype, loss):
    pred, target = np.asarray([0.25, -1.5, 3.0, 0.0]), np.ones(4)
    one, other = (parts(backend, loss, sign * pred, sign * target, dtype) for sign in (1, -1))
    for order, (left, right) in enumerate(zip(one, other, strict=True)):
        np.testing.assert_array_equal(left, -right if order == 1 else right)


@margin_losses
def test_infinite_scores(backend, dtype, loss):
    value, first, _ = parts(backend, loss, [INF, -INF], [1.0, 1.0], dtype)
    np.testing.assert_array_equal(value, [0, INF])
    grows_faster = loss in (pl.squared_hinge_loss, pl.exponential_loss)
    np.testing.assert_array_equal(first, [0, -INF if grows_faster else -1])


def test_kinks_of_the_margin(backend, dtype):
    """At a margin of exactly 1, and at a score of 0, the derivative is that of the wrong side."""
    np.testing.assert_array_equal(
        parts(backend, pl.hinge_loss, [1.0, -1.0, 2.0], [1.0, -1.0, 1.0], dtype)[1], [-1, 1, 0]
    )
    np.testing.assert_array_equal(
        parts(backend, pl.perceptron_loss, [0.0, 0.0, 2.0], [1.0, -1.0, 1.0], dtype)[1], [-1, 1, 0]
    )
    np.testing.assert_array_equal(
        parts(backend, pl.squared_hinge_loss, [1.0, 0.5], [1.0, 1.0], dtype)[2], [0, 2]
    )


def test_soft_margin_is_cross_entropy(backend, dtype):
    pred, target = np.asarray([-3.0, 0.0, 0.5, 20.0, -100.0]), np.asarray([1.0, 0.0, 1.0, 1.0, 0.0])
    signs = parts(backend, pl.soft_margin_loss, pred, 2 * target - 1, dtype)
    for one, other in zip(
        signs, parts(backend, pl.binary_cross_entropy_with_logits, pred, target, dtype), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=16 * np.finfo(dtype).eps)


def test_squared_hinge_is_the_square_of_the_hinge(backend, dtype):
    pred, target = [-3.0, 0.0, 0.5, 20.0], [1.0, -1.0, 1.0, 1.0]
    hinge, _, _ = parts(backend, pl.hinge_loss, pred, target, dtype)
    np.testing.assert_array_equal(
        parts(backend, pl.squared_hinge_loss, pred, target, dtype)[0], hinge**2
    )


# Losses of a logit

LOGITS = np.asarray([-800.0, -30.0, -3.0, -0.1, 0.0, 0.7, 5.0, 40.0, 800.0])
SOFT = np.asarray([0.0, 1.0, 0.25, 0.5, 1.0, 0.0, 0.75, 0.0, 1.0])
SETTINGS = [
    (pl.sigmoid_focal_loss, {}),
    (pl.sigmoid_focal_loss, {"gamma": 0.5}),
    (pl.sigmoid_focal_loss, {"gamma": 3.7, "alpha": 0.3}),
    (pl.asymmetric_loss, {}),
    (pl.asymmetric_loss, {"gamma_negative": 0.0}),
    (pl.asymmetric_loss, {"gamma_negative": 0.5, "gamma_positive": 0.3, "clip": 0.5}),
    (pl.poly_binary_cross_entropy, {}),
    (pl.poly_binary_cross_entropy, {"epsilon": -1.0}),
]


@pytest.mark.parametrize(("loss", "parameters"), SETTINGS)
def test_soft_targets_mix_the_classes(backend, dtype, loss, parameters):
    mixed = parts(backend, loss, LOGITS, SOFT, dtype, **parameters)
    yes = parts(backend, loss, LOGITS, np.ones(LOGITS.size), dtype, **parameters)
    no = parts(backend, loss, LOGITS, np.zeros(LOGITS.size), dtype, **parameters)
    for one, left, right in zip(mixed, yes, no, strict=True):
        terms = SOFT * left.astype(float), (1 - SOFT) * right.astype(float)
        scale = np.maximum(np.abs(terms[0]), np.abs(terms[1]))
        assert np.all(np.abs(one - terms[0] - terms[1]) <= 8 * np.finfo(dtype).eps * scale)


@pytest.mark.parametrize("gamma", [0.0, 0.25, 0.5, 1.0, 2.0, 7.0])
def test_focal_loss_at_infinite_logits(backend, dtype, gamma):
    """0 where the target agrees, inf where it does not; the derivative ends at 0 and 1."""
    value, first, second = parts(
        backend,
        pl.sigmoid_focal_loss,
        [INF, INF, -INF, -INF],
        [1.0, 0.0, 1.0, 0.0],
        dtype,
        gamma=gamma,
    )
    np.testing.assert_array_equal(value, [0, INF, INF, 0])
    np.testing.assert_array_equal(first, [0, 1, -1, 0])
    np.testing.assert_array_equal(second, 0)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_alpha_weighs_the_classes(backend, dtype, alpha):
    hard = np.round(SOFT)
    plain = parts(backend, pl.sigmoid_focal_loss, LOGITS, hard, dtype)
    weighed = parts(backend, pl.sigmoid_focal_loss, LOGITS, hard, dtype, alpha=alpha)
    for one, other in zip(weighed, plain, strict=True):
        np.testing.assert_allclose(
            one, np.where(hard == 1, alpha, 1 - alpha) * other, rtol=8 * np.finfo(dtype).eps
        )


def test_alpha_for_each_label(backend, dtype):
    """A number for each entry of the last axis: the same as one call for each."""
    pred = np.stack([LOGITS[2:7]] * 3, axis=1)
    target = np.stack([SOFT[2:7], np.round(SOFT[2:7]), np.ones(5)], axis=1)
    several = parts(backend, pl.sigmoid_focal_loss, pred, target, dtype, alpha=[0.25, 0.9, 1.0])
    for i, alpha in enumerate((0.25, 0.9, 1.0)):
        alone = parts(backend, pl.sigmoid_focal_loss, pred[:, i], target[:, i], dtype, alpha=alpha)
        for one, other in zip(several, alone, strict=True):
            np.testing.assert_allclose(one[:, i], other, rtol=8 * np.finfo(dtype).eps)


def test_alpha_for_each_label_needs_their_axis():
    """A target of one label would be that of all labels."""
    with pytest.raises(ValueError, match=r"pred has shape \(4, 3\) and target has shape \(4,\)"):
        pl.sigmoid_focal_loss(np.zeros((4, 3)), np.zeros(4), alpha=[0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"alpha holds 2 numbers, one for each entry"):
        pl.sigmoid_focal_loss(np.zeros((4, 3)), np.zeros((4, 3)), alpha=[0.1, 0.2])
    with pytest.raises(ValueError, match=r"alpha\[1\] must be a number in \[0, 1\]"):
        pl.sigmoid_focal_loss(np.zeros((4, 2)), np.zeros((4, 2)), alpha=[0.1, 1.2])


@pytest.mark.parametrize("epsilon", [-1.0, -0.5, 0.0, 1.0, 3.0])
def test_poly_is_cross_entropy_and_a_multiple_of_what_was_not_observed(backend, dtype, epsilon):
    entropy = parts(backend, pl.binary_cross_entropy_with_logits, LOGITS, SOFT, dtype)[0].astype(
        float
    )
    yes = np.exp(-np.logaddexp(0, -LOGITS))
    missed = SOFT * (1 - yes) + (1 - SOFT) * yes
    value = parts(backend, pl.poly_binary_cross_entropy, LOGITS, SOFT, dtype, epsilon=epsilon)[0]
    np.testing.assert_allclose(
        value, entropy + epsilon * missed, rtol=1e-5 if dtype == "float32" else 1e-13, atol=1e-7
    )


def test_poly_keeps_its_digits_where_the_first_terms_cancel(backend, dtype):
    """At -1 the loss of a right answer is about half the square of the missed probability."""
    value, _, _ = parts(backend, pl.poly_binary_cross_entropy, [12.0], [1.0], dtype, epsilon=-1.0)
    missed = 1 / (1 + np.exp(12.0))
    expected = missed**2 / 2 * (1 + 2 * missed / 3 + missed**2 / 2)
    np.testing.assert_allclose(value, expected, rtol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 4.0])
def test_asymmetric_loss_of_a_negative_below_the_clip_is_0(backend, dtype, gamma):
    below = [-INF, -800.0, -10.0, -1e-30, 0.0]
    for part in parts(
        backend, pl.asymmetric_loss, below, np.zeros(5), dtype, gamma_negative=gamma, clip=0.5
    ):
        np.testing.assert_array_equal(part, 0)


@pytest.mark.parametrize("clip", [0.5, 0.05, 0.9])
def test_asymmetric_loss_keeps_its_digits_next_to_the_clip(backend, dtype, clip):
    """There the loss of a negative is the square of the clipped probability, with the power 1."""
    centre = np.log(clip / (1 - clip))
    logit = np.asarray(centre + (1e-3 if dtype == "float32" else 1e-4), dtype)
    value, _, _ = parts(
        backend, pl.asymmetric_loss, [logit], [0.0], dtype, gamma_negative=1.0, clip=clip
    )
    left = clip * (1 - clip) * (float(logit) - centre)
    np.testing.assert_allclose(value, left**2, rtol=1e-2 if dtype == "float32" else 1e-3)


def test_asymmetric_loss_of_infinite_logits(backend, dtype):
    value, first, second = parts(
        backend, pl.asymmetric_loss, [INF, INF, -INF, -INF], [1.0, 0.0, 1.0, 0.0], dtype
    )
    np.testing.assert_allclose(value, [0, -(0.95**4) * np.log(0.05), INF, 0], rtol=1e-6)
    np.testing.assert_array_equal(first, [0, 0, -1, 0])
    np.testing.assert_array_equal(second, 0)
    value, _, _ = parts(
        backend, pl.asymmetric_loss, [INF, INF, -INF, -INF], [1.0, 0.0, 1.0, 0.0], dtype, clip=0.0
    )
    np.testing.assert_array_equal(value, [0, INF, INF, 0])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_asymmetric_loss_with_equal_powers_is_the_focal_loss(backend, dtype, gamma):
    settings = {"gamma_negative": gamma, "gamma_positive": gamma, "clip": 0.0}
    one = parts(backend, pl.asymmetric_loss, LOGITS, SOFT, dtype, **settings)
    for left, right in zip(
        one, parts(backend, pl.sigmoid_focal_loss, LOGITS, SOFT, dtype, gamma=gamma), strict=True
    ):
        np.testing.assert_allclose(
            left, right, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps
        )


@pytest.mark.parametrize(
    "loss",
    [*MARGIN_LOSSES, pl.sigmoid_focal_loss, pl.asymmetric_loss, pl.poly_binary_cross_entropy],
)
def test_nan_stays_nan(backend, dtype, loss):
    """In the value and in the derivative, of that element and of no other."""
    value, first, _ = parts(backend, loss, [np.nan, 0.5, 3.0], [1.0, 1.0, 1.0], dtype)
    for part in (value, first):
        np.testing.assert_array_equal(np.isnan(part), [True, False, False])


@pytest.mark.parametrize(
    ("loss", "parameters", "message"),
    [
        (pl.sigmoid_focal_loss, {"gamma": -0.5}, r"gamma must be a number in \[0, inf\), got -0.5"),
        (pl.sigmoid_focal_loss, {"gamma": np.nan}, "gamma"),
        (pl.sigmoid_focal_loss, {"alpha": 1.5}, r"alpha must be a number in \[0, 1\], got 1.5"),
        (pl.asymmetric_loss, {"gamma_negative": -1.0}, "gamma_negative"),
        (pl.asymmetric_loss, {"gamma_positive": INF}, "gamma_positive"),
        (pl.asymmetric_loss, {"clip": 1.0}, r"clip must be a number in \[0, 1\), got 1"),
        (pl.poly_binary_cross_entropy, {"epsilon": INF}, "epsilon"),
    ],
)
def test_parameters_out_of_range_raise(loss, parameters, message):
    with pytest.raises(ValueError, match=f"{loss.__name__}: {message}"):
        loss(np.asarray([0.5]), np.asarray([1.0]), **parameters)
