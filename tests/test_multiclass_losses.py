"""Focal, generalised and poly cross-entropy, and the losses of class probabilities."""

from typing import Any

import exact
import numpy as np
import pytest
from mpmath import mp, mpf
from test_multiclass import CLASSES, ROWS, close, data, log_probabilities

import portable_losses as pl
from portable_losses import special

OF_LOGITS = (
    (pl.softmax_focal_loss, {}),
    (pl.softmax_focal_loss, {"gamma": 0.5}),
    (pl.softmax_focal_loss, {"gamma": 3.0}),
    (pl.generalized_cross_entropy, {}),
    (pl.generalized_cross_entropy, {"q": 0.01}),
    (pl.poly_cross_entropy, {}),
    (pl.poly_cross_entropy, {"epsilon": -1.0}),
)
LABELLED = (
    pl.nll_loss,
    pl.categorical_cross_entropy,
    pl.softmax_focal_loss,
    pl.generalized_cross_entropy,
    pl.poly_cross_entropy,
    pl.multi_margin_loss,
    pl.crammer_singer_loss,
    pl.multiclass_perceptron_loss,
    pl.sparsemax_loss,
)
of_logits = pytest.mark.parametrize(
    ("loss", "parameters"),
    OF_LOGITS,
    ids=[f"{loss.__name__}-{parameters}" for loss, parameters in OF_LOGITS],
)
labelled = pytest.mark.parametrize("loss", LABELLED, ids=lambda loss: loss.__name__)


def taken_by(loss: Any, logits: np.ndarray) -> np.ndarray:
    """Return logits as this loss takes them: log-probabilities, probabilities or logits."""
    domain = loss.signature.domains[0][0].description
    if "probabilities" not in domain:
        return logits
    log_p = log_probabilities(logits)
    return (log_p if domain.startswith("log") else np.exp(log_p)).astype(logits.dtype)


def orders(backend: Any, loss: Any, *arrays: Any, **options: Any) -> list[np.ndarray]:
    value, gradient = backend.call(loss.value_and_grad, *arrays, **options)
    _, second = backend.call(loss.grad_and_hess, *arrays, **options)
    return [backend.to_numpy(x) for x in (value, gradient, second)]


def same(actual: list[np.ndarray], desired: list[np.ndarray], dtype: str) -> None:
    for one, other in zip(actual, desired, strict=True):
        np.testing.assert_allclose(
            one, other, rtol=32 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps
        )


@labelled
@pytest.mark.parametrize("class_axis", [0, -1])
def test_options_of_every_loss(backend, dtype, loss, class_axis):
    """Class weights, weights, ignored labels: the weighted mean of the rows kept, on any axis."""
    _, _, values, labels = data(backend, dtype)
    rows = taken_by(loss, values)
    each, gradients = loss.value_and_grad(rows, labels, reduction="none")
    weights, class_weights = (
        np.linspace(0.5, 2, ROWS).astype(dtype),
        np.linspace(1, 3, CLASSES).astype(dtype),
    )
    ignored = int(labels[0])
    counted = weights * class_weights[labels] * (labels != ignored)
    value, gradient = loss.value_and_grad(
        backend.asarray(np.moveaxis(rows, -1, class_axis)),
        backend.asarray(labels),
        class_axis=class_axis,
        weights=backend.asarray(weights),
        class_weights=backend.asarray(class_weights),
        ignore_index=ignored,
    )
    close(backend, value, np.sum(counted * each) / np.sum(counted), dtype)
    expected = (counted / np.sum(counted))[:, None] * gradients
    close(backend, gradient, np.moveaxis(expected, -1, class_axis), dtype)


@labelled
def test_a_stray_label_of_every_loss(backend, dtype, loss):
    _, _, values, labels = data(backend, dtype)
    rows = taken_by(loss, values)
    wrong = labels.copy()
    wrong[3] = CLASSES
    with pl.validation(False):
        given = [backend.asarray(rows), backend.asarray(wrong)]
        value, gradient = backend.call(loss.value_and_grad, *given, reduction="none")
    assert np.all(np.isnan(backend.to_numpy(value)) == (np.arange(ROWS) == 3))
    assert np.all(np.isnan(backend.to_numpy(gradient)) == (np.arange(ROWS) == 3)[:, None])


@pytest.mark.parametrize(
    ("loss", "parameters"),
    [*OF_LOGITS, (pl.nll_loss, {}), (pl.categorical_cross_entropy, {})],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_labels_are_rows_of_0_and_1(backend, dtype, loss, parameters):
    _, _, values, labels = data(backend, dtype)
    rows = backend.asarray(taken_by(loss, values))
    weights = backend.asarray(np.linspace(1, 3, CLASSES), dtype)
    one_hot = backend.asarray(np.eye(CLASSES)[labels], dtype)
    found = orders(
        backend, loss, rows, backend.asarray(labels), class_weights=weights, **parameters
    )
    same(orders(backend, loss, rows, one_hot, class_weights=weights, **parameters), found, dtype)


def test_what_is_a_cross_entropy(backend, dtype):
    logits, labels, _, _ = data(backend, dtype)
    expected = orders(backend, pl.cross_entropy, logits, labels)
    same(orders(backend, pl.softmax_focal_loss, logits, labels, gamma=0.0), expected, dtype)
    same(orders(backend, pl.generalized_cross_entropy, logits, labels, q=0.0), expected, dtype)
    same(orders(backend, pl.poly_cross_entropy, logits, labels, epsilon=0.0), expected, dtype)
    value = backend.call(pl.nll_loss, special.log_softmax(logits), labels)
    close(backend, value, expected[0], dtype)
    value = backend.call(pl.categorical_cross_entropy, special.softmax(logits), labels)
    close(backend, value, expected[0], dtype)


@pytest.mark.parametrize(
    ("loss", "binary", "parameters"),
    [
        *(
            (pl.softmax_focal_loss, pl.sigmoid_focal_loss, {"gamma": gamma})
            for gamma in (2.0, 0.5, 0.0)
        ),
        *(
            (pl.poly_cross_entropy, pl.poly_binary_cross_entropy, {"epsilon": epsilon})
            for epsilon in (1.0, -1.0, 2.5)
        ),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_two_classes_are_a_yes_or_no(backend, dtype, loss, binary, parameters):
    """This holds also where the second derivative of the right or a wrong class nearly vanishes."""
    logit = np.asarray([-80.0, -20.0, -1.0, 0.25, 3.0, 30.0, 80.0], dtype=dtype)
    for label in (0, 1):
        value, gradient, second = orders(
            backend, binary, backend.asarray(logit), label, reduction="sum", **parameters
        )
        rows = backend.asarray(np.stack([np.zeros_like(logit), logit], axis=1))
        found = orders(backend, loss, rows, label, reduction="sum", **parameters)
        expected = [
            value,
            np.stack([-gradient, gradient], axis=1),
            np.stack([second, second], axis=1),
        ]
        eps = np.finfo(dtype).eps
        for one, other in zip(found[:2], expected[:2], strict=True):
            np.testing.assert_allclose(one, other, rtol=64 * eps)
        # a sum of terms of both signs, as large as the probability of the label
        prob = 1 / (1 + np.exp(-logit if label else logit))[:, None]
        np.testing.assert_allclose(found[2] / prob, expected[2] / prob, rtol=64 * eps, atol=4 * eps)


@of_logits
def test_masked_classes_of_every_loss_of_logits(backend, dtype, loss, parameters):
    """They change nothing and have no gradient; a masked label has the largest possible loss."""
    kept = np.asarray([[0.5, 1.5], [2.0, -1.0]], dtype=dtype)
    masked = np.insert(kept, 1, -np.inf, axis=1)
    target = np.asarray([[0.25, 0.75], [1.0, 0.0]], dtype=dtype)
    for given, with_masked in (
        (np.asarray([1, 0]), np.asarray([2, 0])),
        (target, np.insert(target, 1, 0.0, axis=1)),
    ):
        expected = orders(
            backend,
            loss,
            backend.asarray(kept),
            backend.asarray(given),
            reduction="sum",
            **parameters,
        )
        found = orders(
            backend,
            loss,
            backend.asarray(masked),
            backend.asarray(with_masked),
            reduction="sum",
            **parameters,
        )
        assert all(np.all(order[:, 1] == 0) for order in found[1:])
        same([found[0], *(np.delete(order, 1, axis=1) for order in found[1:])], expected, dtype)
    value, gradient, second = orders(
        backend, loss, backend.asarray(masked), 1, reduction="none", **parameters
    )
    most = 1 / parameters.get("q", 0.7) if loss is pl.generalized_cross_entropy else np.inf
    np.testing.assert_allclose(value, most, rtol=4 * np.finfo(dtype).eps)
    assert np.all(np.isfinite(gradient))
    assert np.all(np.isfinite(second))


@of_logits
def test_a_dominant_logit_keeps_its_digits_in_every_loss(backend, dtype, loss, parameters):
    logits = np.asarray([16.94, 0.0], dtype=dtype)
    value, gradient, second = orders(backend, loss, backend.asarray(logits), 0, **parameters)
    with mp.workdps(60):
        right = exact.of(loss.__name__)
        settings = {key: mpf(x) for key, x in {**loss.signature.defaults, **parameters}.items()}
        expected = right(tuple(map(mpf, logits.tolist())), mpf(0), **settings)
    np.testing.assert_allclose(value, float(expected[0]), rtol=16 * np.finfo(dtype).eps)
    for found, numbers in ((gradient, expected[1]), (second, expected[2])):
        numbers = [float(getattr(x, "exact", x)) for x in numbers]
        np.testing.assert_allclose(found, numbers, rtol=32 * np.finfo(dtype).eps)


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("decade", range(13))
@pytest.mark.parametrize(
    ("loss", "name", "limits"),
    [
        (pl.generalized_cross_entropy, "q", (0.0, 1.0)),
        (pl.softmax_focal_loss, "gamma", (0.0, 1.0)),
        (pl.poly_cross_entropy, "epsilon", (0.0, -1.0, 1.0)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_limits_of_parameters(backend, dtype, loss, name, limits, decade):
    """From both sides, if there are two: up to rounding, and without a step."""
    logits = np.asarray(
        [[0.5, -1.0, 2.0], [40.0, 3.0, 2.0], [-300.0, 1.0, 0.0], [1e-3, 0.0, 1e8]], dtype=dtype
    )
    labels = np.asarray([1, 0, 0, 2])
    for limit in limits:
        for value in (limit - 10.0**-decade, limit + 10.0**-decade):
            if name != "epsilon" and not 0 <= value <= (1 if name == "q" else np.inf):
                continue
            found = loss(logits, labels, reduction="none", **{name: value})
            for row, label, number in zip(logits.tolist(), labels.tolist(), found, strict=True):
                largest, second = sorted(row, reverse=True)[:2]
                lead = largest - second if row[label] == largest else 0
                with mp.workdps(50):
                    found_by = exact.of(loss.__name__)
                    point = tuple(map(mpf, row)), mpf(label), mpf(value), mpf(0)
                    right = found_by(*point)[0]
                    allowed = 8 + 4 * lead  # moving a logit by an ulp does that much
                    assert exact.ulps(number, right, np.dtype(dtype)) <= allowed, (value, row)


@of_logits
def test_a_sure_prediction_has_a_finite_gradient(backend, dtype, loss, parameters):
    """Where 1 - p is 0, and its power has an infinite slope."""
    logits = backend.asarray([[800.0, 0.0, -np.inf], [2000.0, -2000.0, 0.0]], dtype)
    for label in (0, 1):
        _, gradient, second = orders(backend, loss, logits, label, reduction="sum", **parameters)
        assert np.all(np.isfinite(gradient))
        assert np.all(np.isfinite(second))
        if label == 0:
            np.testing.assert_allclose(gradient, 0, atol=1e-30)


def test_the_floor_of_a_probability(backend, dtype):
    prob = backend.asarray([[0.0, 1.0], [0.5, 0.5]], dtype)
    value, gradient, second = orders(
        backend, pl.categorical_cross_entropy, prob, 0, reduction="none"
    )
    close(backend, backend.asarray(value), [34.538776394910684, np.log(2)], dtype)
    np.testing.assert_allclose(gradient, [[-1e15, 0], [-2, 0]], rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(second, [[1e30, 0], [4, 0]], rtol=4 * np.finfo(dtype).eps)
    value, gradient, _ = orders(
        backend, pl.categorical_cross_entropy, prob, 0, reduction="none", eps=0.0
    )
    np.testing.assert_array_equal(value, [np.inf, np.log(np.asarray(2, dtype))])
    np.testing.assert_array_equal(gradient, [[-np.inf, 0], [-2, 0]])


def test_probabilities_are_not_divided_by_their_sum(backend, dtype):
    value = backend.call(pl.categorical_cross_entropy, backend.asarray([0.2, 0.2], dtype), 0)
    np.testing.assert_allclose(backend.to_numpy(value), -np.log(0.2), rtol=4 * np.finfo(dtype).eps)


def test_logits_for_log_probabilities(backend, dtype):
    """NumPy raises an error; elsewhere the result is a number without meaning, as in torch."""
    logits = backend.asarray([[2.0, -1.0]], dtype)
    if backend.base == "numpy":
        with pytest.raises(
            ValueError, match=r"nll_loss: log_prob must hold .*\[0, 0\] is 2.0 .*cross_entropy"
        ):
            pl.nll_loss(logits, [0])
    with pl.validation(False):
        assert backend.to_numpy(backend.call(pl.nll_loss, logits, backend.asarray([0]))) == -2


def test_a_sure_likelihood_costs_0(backend, dtype):
    """And no -0; a class without a likelihood costs nothing while its target is 0."""
    log_prob = backend.asarray([[0.0, -np.inf]], dtype)
    for target in (backend.asarray([0]), backend.asarray([[1.0, 0.0]], dtype)):
        value = backend.to_numpy(backend.call(pl.nll_loss, log_prob, target))
        assert value == 0
        assert not np.signbit(value)
        value = backend.to_numpy(
            backend.call(
                pl.categorical_cross_entropy, backend.asarray([[1.0, 0.0]], dtype), target, eps=0.0
            )
        )
        assert value == 0
        assert not np.signbit(value)
    assert backend.to_numpy(backend.call(pl.nll_loss, log_prob, backend.asarray([1]))) == np.inf
