"""Losses between two rows: zeros, logarithms, equal rows, and relations between the losses."""

from typing import Any

import exact.divergence
import numpy as np
import pytest
from marks import compiled_too
from mpmath import mp, mpf

import portable_losses as pl

RANDOM = np.random.default_rng(8)
FIRST, SECOND = RANDOM.dirichlet(np.ones(5), (2, 30))
CLASSES = (2, 3, 99, 101, 300)

OF_PROBABILITIES = (
    pl.generalized_kl_loss,
    pl.js_divergence_loss,
    pl.total_variation_loss,
    pl.hellinger_loss,
    pl.wasserstein_loss,
)
each = pytest.mark.parametrize("loss", OF_PROBABILITIES, ids=lambda loss: loss.__name__)


def close(backend: Any, actual: Any, desired: Any, dtype: str, ulps: int = 16) -> None:
    eps = float(np.finfo(dtype).eps)
    found = actual if isinstance(actual, np.ndarray) else backend.to_numpy(actual)
    np.testing.assert_allclose(found, desired, rtol=ulps * eps, atol=ulps * eps)


def logarithm(x: Any) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(x)


# Kullback-Leibler


def test_kl_div_of_two_rows(backend, dtype):
    """Per row, as in SciPy, Keras and optax; also with a class impossible in both (optax: NaN)."""
    target = np.asarray([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.0, 0.5, 0.5]], dtype=dtype)
    log_pred = logarithm(
        np.asarray([[0.25, 0.5, 0.25], [0.2, 0.3, 0.5], [0.0, 0.5, 0.5]], dtype=dtype)
    )
    arrays = backend.asarray(log_pred), backend.asarray(target)
    value, gradient = backend.call(pl.kl_div.value_and_grad, *arrays, reduction="none")
    close(backend, value, [0.34657359, 0.07024064, 0.0], "float32")
    np.testing.assert_array_equal(backend.to_numpy(gradient), -target)
    close(
        backend, backend.call(pl.kl_div, *arrays), np.mean([0.34657359, 0.07024064, 0.0]), "float32"
    )


def test_kl_div_of_logarithms(backend, dtype):
    target = FIRST.astype(dtype).copy()
    target[:10, 0], target[10, :] = 0.0, [1.0, 0.0, 0.0, 0.0, 0.0]
    log_pred, log_target = logarithm(SECOND).astype(dtype), logarithm(target)
    log_pred[:5, 0] = -np.inf
    arrays = backend.asarray(log_pred), backend.asarray(log_target)
    value, gradient = backend.call(
        pl.kl_div.value_and_grad, *arrays, reduction="none", log_target=True
    )
    wide = np.exp(log_target.astype(np.float64))
    with np.errstate(invalid="ignore"):
        terms = np.where(wide == 0, 0.0, wide * (log_target.astype(np.float64) - log_pred))
    close(backend, value, terms.sum(axis=1), dtype)
    close(backend, gradient, -wide, dtype)
    _, second = pl.kl_div.grad_and_hess(*arrays, log_target=True)
    assert np.all(backend.to_numpy(second) == 0)


@pytest.mark.parametrize(
    ("log_target", "target"), [(False, 0.5), (True, -1.0), (True, -800.0), (True, -2000.0)]
)
def test_kl_div_of_what_was_impossible(backend, dtype, log_target, target):
    """The loss is inf, also where the probability underflows; the derivative is finite."""
    arrays = backend.asarray([[-np.inf, 0.0]], dtype), backend.asarray([[target, target]], dtype)
    value, gradient = backend.call(
        pl.kl_div.value_and_grad, *arrays, reduction="none", log_target=log_target
    )
    assert backend.to_numpy(value) == np.inf
    assert np.all(np.isfinite(backend.to_numpy(gradient)))


def test_the_domains_of_kl_div():
    probabilities, logarithms = np.asarray([0.25, 0.75]), np.log([0.25, 0.75])
    assert pl.kl_div(logarithms, probabilities) == pytest.approx(0.0, abs=1e-16)
    assert pl.kl_div(logarithms, logarithms, log_target=True) == 0
    with pytest.raises(
        ValueError,
        match=r"log_pred must hold log-probabilities, .* log_pred\[0\] is 0.25 .*log_softmax",
    ):
        pl.kl_div(probabilities, probabilities)
    with pytest.raises(
        ValueError,
        match=r"target must hold probabilities in \[0, 1\], but target\[0\] is -1.38.*`exp`",
    ):
        pl.kl_div(logarithms, logarithms)
    with pytest.raises(
        ValueError, match=r"target must hold log-probabilities, .* target\[0\] is 0.25"
    ):
        pl.kl_div(logarithms, probabilities, log_target=True)
    with pytest.raises(ValueError, match="reduction='mean'"):
        pl.kl_div(logarithms, probabilities, reduction="batchmean")  # type: ignore[arg-type]


def test_kl_div_is_cross_entropy_without_the_entropy_of_the_target(backend, dtype):
    logits = RANDOM.normal(0, 3, (30, 5)).astype(dtype)
    target = FIRST.astype(dtype)
    log_pred = pl.special.log_softmax(logits)
    entropy = -np.sum(target * np.log(target), axis=-1)
    arrays = [backend.asarray(x) for x in (log_pred, target, logits)]
    divergence = backend.to_numpy(pl.kl_div(*arrays[:2], reduction="none"))
    close(
        backend,
        pl.cross_entropy(arrays[2], arrays[1], reduction="none"),
        divergence + entropy,
        dtype,
        64,
    )


@pytest.mark.backends("torch", "jax")
@pytest.mark.parametrize("loss", [pl.kl_div, *OF_PROBABILITIES], ids=lambda loss: loss.__name__)
def test_gradients_with_respect_to_the_target(backend, dtype, loss):
    """Distillation differentiates both sides; a target of 0 has a finite gradient, not NaN."""
    pred = np.asarray([[0.25, 0.5, 0.25], [0.125, 0.5, 0.375], [0.25, 0.25, 0.5]], dtype=dtype)
    target = np.asarray([[0.0, 1.0, 0.0], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]], dtype=dtype)
    first = np.log(pred) if loss is pl.kl_div else pred

    def of_target(given: Any) -> Any:
        return loss(backend.asarray(first), given, reduction="sum")

    if backend.base == "jax":
        import jax

        found = jax.grad(of_target)(backend.asarray(target))
    else:
        import torch

        found = torch.func.grad(of_target)(backend.asarray(target))
    found = backend.to_numpy(found)
    assert np.all(np.isfinite(found))
    if loss is pl.js_divergence_loss:  # it is symmetric
        close(backend, found[1:], loss.grad(target, pred, reduction="sum")[1:], dtype)
    if loss is pl.kl_div:
        close(backend, found[1:], np.log(target[1:] / pred[1:]) + 1, dtype)


# Rows that are the same, and nearly


@each
def test_the_same_row_costs_nothing(backend, dtype, loss):
    rows = np.concatenate([FIRST, np.eye(5), np.zeros((1, 5)), np.ones((1, 5))]).astype(dtype)
    rows[:5, 2] = 0
    value, gradient = backend.call(
        loss.value_and_grad, backend.asarray(rows), backend.asarray(rows), reduction="none"
    )
    assert np.all(backend.to_numpy(value) == 0)
    slope = backend.to_numpy(gradient)
    of_nothing = {pl.generalized_kl_loss: 1.0, pl.js_divergence_loss: np.log(2) / 2}.get(loss, 0.0)
    assert np.all(slope[rows > 0] == 0)
    close(backend, slope[rows == 0], of_nothing, dtype)
    _, second = backend.call(
        loss.grad_and_hess, backend.asarray(rows), backend.asarray(rows), reduction="none"
    )
    assert np.all(np.isfinite(backend.to_numpy(second)))


@pytest.mark.parametrize("gap", [2.0**-52, 1e-12, 1e-8, 1e-4])
@pytest.mark.parametrize(
    "loss",
    [pl.generalized_kl_loss, pl.js_divergence_loss, pl.hellinger_loss],
    ids=lambda x: x.__name__,
)
def test_a_small_difference_keeps_its_digits(loss, gap):
    pred, target = np.asarray([0.5 + gap, 0.5 - gap]), np.asarray([0.5, 0.5])
    with mp.workdps(50):
        reference = getattr(exact.divergence, loss.__name__)
        parameters = {"beta": mpf(0.5)} if loss is pl.js_divergence_loss else {}
        expected = reference([mpf(x) for x in pred], [mpf(x) for x in target], **parameters)[0]
        assert abs(loss(pred, target) / expected - 1) < 8e-16


# Where a prediction is 0


@pytest.mark.parametrize(
    "loss",
    [pl.generalized_kl_loss, pl.js_divergence_loss, pl.hellinger_loss],
    ids=lambda x: x.__name__,
)
def test_a_prediction_of_0(backend, dtype, loss):
    pred, target = (
        backend.asarray([[0.0, 0.5, 0.5]], dtype),
        backend.asarray([[0.5, 0.5, 0.0]], dtype),
    )
    value, gradient = backend.call(loss.value_and_grad, pred, target)
    expected = {
        pl.generalized_kl_loss: (np.inf, 1.0),
        pl.js_divergence_loss: (np.log(2) / 2, np.log(2) / 2),
        pl.hellinger_loss: (np.sqrt(0.5), 0.25 / np.sqrt(0.5)),
    }[loss]
    close(backend, value, expected[0], dtype)
    found = backend.to_numpy(gradient)[0]
    assert found[0] == -np.inf
    assert found[1] == 0
    np.testing.assert_allclose(found[2], expected[1], rtol=16 * float(np.finfo(dtype).eps))
    _, second = backend.call(loss.grad_and_hess, pred, target)
    assert backend.to_numpy(second)[0, 0] == np.inf


@pytest.mark.backends("torch", "jax")
@pytest.mark.parametrize(
    "loss", [pl.js_divergence_loss, pl.hellinger_loss], ids=lambda x: x.__name__
)
def test_autodiff_at_a_prediction_of_0(backend, dtype, loss):
    """There the derivative is infinite, as the registered one is."""
    pred, target = (
        backend.asarray([[0.0, 0.5, 0.5]], dtype),
        backend.asarray([[0.5, 0.5, 0.0]], dtype),
    )
    expected = backend.to_numpy(loss.grad(pred, target))
    assert expected[0, 0] == -np.inf
    if backend.base == "jax":
        import jax

        found = jax.grad(loss)(pred, target)
    else:
        import torch

        functional = torch.func.grad(loss)(pred, target)
        np.testing.assert_allclose(backend.to_numpy(functional), expected, rtol=1e-6)
        (found,) = torch.autograd.grad(loss(pred.requires_grad_(), target), pred)
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=1e-6)


# Jensen-Shannon


def test_js_divergence_is_symmetric(backend, dtype):
    first, second = backend.asarray(FIRST.astype(dtype)), backend.asarray(SECOND.astype(dtype))
    for beta in (0.5, 0.125, 0.75):
        one = backend.call(pl.js_divergence_loss, first, second, beta=beta, reduction="none")
        other = backend.call(pl.js_divergence_loss, second, first, beta=1 - beta, reduction="none")
        np.testing.assert_allclose(
            backend.to_numpy(one), backend.to_numpy(other), rtol=16 * float(np.finfo(dtype).eps)
        )


def test_js_divergence_of_what_has_nothing_in_common(backend, dtype):
    """It is the entropy of beta."""
    pred, target = (
        backend.asarray([0.25, 0.75, 0.0, 0.0], dtype),
        backend.asarray([0.0, 0.0, 0.5, 0.5], dtype),
    )
    for beta in (0.5, 0.1, 1e-3):
        entropy = -beta * np.log(beta) - (1 - beta) * np.log1p(-beta)
        close(backend, backend.call(pl.js_divergence_loss, pred, target, beta=beta), entropy, dtype)


def test_js_divergence_of_other_packages():
    """As in torchmetrics, and as the mean of SciPy's squared."""
    target = np.asarray([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    pred = np.asarray([[0.25, 0.5, 0.25], [0.2, 0.3, 0.5]])
    assert pl.js_divergence_loss(pred, target) == pytest.approx(0.06257, abs=5e-6)


@pytest.mark.parametrize("beta", [side for k in range(1, 13) for side in (10.0**-k, 1 - 10.0**-k)])
def test_js_divergence_towards_the_ends_of_beta(beta):
    """Divided by beta or by 1 - beta it tends to a Kullback-Leibler divergence, accurately."""
    for pred, target in zip(FIRST[:4], SECOND[:4], strict=True):
        with mp.workdps(50):
            rows = [mpf(x) for x in pred], [mpf(x) for x in target]
            value, first, _ = exact.divergence.js_divergence_loss(*rows, beta=mpf(beta))
            assert abs(pl.js_divergence_loss(pred, target, beta=beta) / value - 1) < 1e-15
            found = pl.js_divergence_loss.grad(pred, target, beta=beta)
            assert max(abs(x / y - 1) for x, y in zip(found, first, strict=True)) < 1e-15
    limit = (
        pl.generalized_kl_loss(FIRST, SECOND)
        if beta < 0.5
        else pl.generalized_kl_loss(SECOND, FIRST)
    )
    smaller = min(beta, 1 - beta)
    assert pl.js_divergence_loss(FIRST, SECOND, beta=beta) / smaller == pytest.approx(
        limit, rel=3 * smaller**0.5
    )


@pytest.mark.parametrize("beta", [0.0, 1.0, -0.1, 1.5, np.nan])
def test_js_divergence_needs_both(beta):
    with pytest.raises(ValueError, match="beta"):
        pl.js_divergence_loss(FIRST, SECOND, beta=beta)


# Distances


def test_the_distances_bound_each_other(backend, dtype):
    arrays = [backend.asarray(x.astype(dtype)) for x in (FIRST, SECOND)]
    variation, hellinger, wasserstein, divergence = (
        backend.to_numpy(backend.call(loss, *arrays, reduction="none"))
        for loss in (
            pl.total_variation_loss,
            pl.hellinger_loss,
            pl.wasserstein_loss,
            pl.js_divergence_loss,
        )
    )
    assert np.all(hellinger**2 <= variation)
    assert np.all(variation <= np.sqrt(2) * hellinger)
    assert np.all(variation <= wasserstein * (1 + 1e-6))
    assert np.all(wasserstein <= 4 * variation)
    assert np.all(divergence <= np.log(2) * variation)


@pytest.mark.parametrize(
    "loss", [pl.total_variation_loss, pl.hellinger_loss], ids=lambda x: x.__name__
)
def test_the_distance_of_what_has_nothing_in_common_is_1(backend, dtype, loss):
    pred, target = (
        backend.asarray([0.25, 0.75, 0.0, 0.0], dtype),
        backend.asarray([0.0, 0.0, 0.5, 0.5], dtype),
    )
    close(backend, backend.call(loss, pred, target), 1.0, dtype, 2)


def test_the_way_between_two_classes(backend, dtype):
    """It is the number of steps; of two classes it is the total variation."""
    corners = np.eye(4, dtype=dtype)
    value = backend.call(
        pl.wasserstein_loss,
        backend.asarray(np.repeat(corners, 4, axis=0)),
        backend.asarray(np.tile(corners, (4, 1))),
        reduction="none",
    )
    np.testing.assert_array_equal(
        backend.to_numpy(value), [abs(i - j) for i in range(4) for j in range(4)]
    )
    pair = (
        np.stack([FIRST[:, 0], 1 - FIRST[:, 0]], axis=1),
        np.stack([SECOND[:, 0], 1 - SECOND[:, 0]], axis=1),
    )
    arrays = [backend.asarray(x.astype(dtype)) for x in pair]
    expected = backend.to_numpy(pl.total_variation_loss(*arrays, reduction="none"))
    close(backend, pl.wasserstein_loss(*arrays, reduction="none"), expected, dtype)


def test_the_last_class_has_nowhere_to_go(backend, dtype):
    """Sums that differ, by rounding or more, do not count; a single class never does."""
    pred, target = (
        backend.asarray([0.25, 0.25, 0.25], dtype),
        backend.asarray([0.25, 0.25, 0.5], dtype),
    )
    value, gradient = backend.call(pl.wasserstein_loss.value_and_grad, pred, target)
    assert backend.to_numpy(value) == 0
    assert np.all(backend.to_numpy(gradient) == 0)
    assert (
        backend.to_numpy(
            pl.wasserstein_loss(backend.asarray([1.0], dtype), backend.asarray([0.5], dtype))
        )
        == 0
    )


def test_the_sign_of_what_rounding_hides():
    """0.1 + 0.2 exceeds 0.3 by less than the spacing of float64, and 1e-20 exceeds 0."""
    gradient = pl.wasserstein_loss.grad([0.1, 0.2, 0.0, 0.7], [0.0, 0.3, 0.0, 0.7])
    with mp.workdps(50):
        assert mpf(0.1) + mpf(0.2) - mpf(0.3) > 0
    np.testing.assert_array_equal(gradient, [3.0, 2.0, 1.0, 0.0])
    np.testing.assert_array_equal(
        pl.wasserstein_loss.grad([1.0, 1e-20, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]), [3.0, 2.0, 1.0, 0.0]
    )


# All of them


@pytest.mark.parametrize("class_axis", [0, 1, -1])
@pytest.mark.parametrize("loss", [pl.kl_div, *OF_PROBABILITIES], ids=lambda loss: loss.__name__)
def test_the_class_axis_may_be_anywhere(backend, dtype, loss, class_axis):
    pred, target = (x.reshape(6, 5, 5).astype(dtype) for x in (FIRST, SECOND))
    pred = np.log(pred) if loss is pl.kl_div else pred
    value, gradient = loss.value_and_grad(pred, target, reduction="none")
    moved = [backend.asarray(np.moveaxis(x, -1, class_axis)) for x in (pred, target)]
    found, slope = loss.value_and_grad(*moved, class_axis=class_axis, reduction="none")
    close(backend, found, value, dtype)
    close(backend, slope, np.moveaxis(gradient, -1, class_axis), dtype, 64)


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("classes", CLASSES)
@each
def test_both_layouts_of_many_blocks(backend, dtype, loss, classes):
    """Few classes are copied in front, many stay in place; the rows fill more than one block."""
    pred, target = (
        np.random.default_rng(9).dirichlet(np.ones(classes), (2, 2**17 // classes)).astype(dtype)
    )
    value, gradient = loss.value_and_grad(pred, target, reduction="none")
    for i in range(0, len(pred), len(pred) // 7):
        one, slope = loss.value_and_grad(pred[i], target[i])
        np.testing.assert_allclose(value[i], one, rtol=4 * float(np.finfo(dtype).eps))
        np.testing.assert_allclose(gradient[i], slope, rtol=16 * float(np.finfo(dtype).eps))


@each
def test_bad_rows(loss):
    for bad, name in ((np.asarray([-0.25, 1.25]), "pred"), (np.asarray([0.5, np.inf]), "pred")):
        with pytest.raises(ValueError, match=rf"{loss.__name__}: {name} must hold .* \("):
            loss(bad, np.asarray([0.5, 0.5]))
    with pytest.raises(ValueError, match="target must hold"):
        loss(np.asarray([0.5, 0.5]), np.asarray([0.5, -0.5]))
    with pytest.raises(ValueError, match="same"):
        loss(np.ones((2, 3)) / 3, np.ones((2, 4)) / 4)


# Each class by itself

SUMS = (pl.kl_div, pl.generalized_kl_loss, pl.js_divergence_loss, pl.total_variation_loss)
of_sums = pytest.mark.parametrize("loss", SUMS, ids=lambda loss: loss.__name__)


def two_rows(loss, dtype):
    rng = np.random.default_rng(41)
    pred, target = rng.dirichlet(np.ones(4), (2, 5)).astype(dtype)
    target[0, 1] = 0
    return (np.log(pred) if loss is pl.kl_div else pred), target


@compiled_too
@of_sums
def test_without_a_class_axis_each_class_has_a_loss(backend, loss):
    """The terms of the sum, with derivatives of the shape of the predictions."""
    dtype = backend.dtypes[0]
    pred, target = two_rows(loss, dtype)
    arrays = backend.asarray(pred), backend.asarray(target)
    value, gradient = backend.call(loss.value_and_grad, *arrays, class_axis=None, reduction="none")
    _, second = backend.call(loss.grad_and_hess, *arrays, class_axis=None, reduction="none")
    assert value.shape == gradient.shape == second.shape == pred.shape
    rows, slopes = loss.value_and_grad(pred, target, reduction="none")
    tolerance = {"rtol": 32 * np.finfo(dtype).eps, "atol": 8 * np.finfo(dtype).eps}
    np.testing.assert_allclose(backend.to_numpy(value).sum(axis=1), rows, **tolerance)
    np.testing.assert_allclose(backend.to_numpy(gradient), slopes, **tolerance)
    mean = backend.to_numpy(backend.call(loss, *arrays, class_axis=None))
    np.testing.assert_allclose(mean, rows.sum() / pred.size, **tolerance)


@of_sums
def test_weights_of_classes_by_themselves(loss):
    """The losses have the shape of the arrays, and so have their options."""
    pred, target = two_rows(loss, "float64")
    each = loss(pred, target, class_axis=None, reduction="none")
    weights, kept = [1.0, 0.0, 2.0, 0.5], target > 0.1
    value = loss(pred, target, class_axis=None, weights=weights, where=kept)
    np.testing.assert_allclose(value, np.sum(each * weights * kept) / np.sum(weights * kept))
    assert loss(pred, target, class_axis=None, axis=0).shape == (4,)
    assert loss(pred[0], target[0], class_axis=None, reduction="none").shape == (4,)
    with pytest.raises(ValueError, match=rf"{loss.__name__}: .*shape \(5, 4\) and .*\(4,\).*same"):
        loss(pred, target[0], class_axis=None)


@pytest.mark.backends("torch")
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # of torch about its own mean
def test_the_terms_of_torch(backend):
    import torch

    pred, target = map(torch.tensor, two_rows(pl.kl_div, "float64"))
    for reduction in ("none", "mean", "sum"):
        theirs = torch.nn.functional.kl_div(pred, target, reduction=reduction)
        torch.testing.assert_close(
            pl.kl_div(pred, target, class_axis=None, reduction=reduction), theirs
        )
