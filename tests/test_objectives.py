"""The objectives of boosting without its packages: order, signs, curvature, shapes, bad input.

`tests/packages` has the models of the packages themselves.
"""

import copy
import inspect
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from elements import ELEMENTWISE

import portable_losses as pl
from portable_losses import objectives
from portable_losses.objectives import (
    catboost_metric,
    catboost_objective,
    lightgbm_metric,
    lightgbm_objective,
    xgboost_metric,
    xgboost_objective,
)
from portable_losses.typing import Real

PRED, TARGET = np.asarray([0.0, 1.0, 5.0, -0.25]), np.asarray([1.0, 0.0, 0.0, 0.0])
WEIGHTS = np.asarray([1.0, 2.0, 0.5, 0.0])
OBJECTIVES = (xgboost_objective, lightgbm_objective, catboost_objective)
WRAPPERS = (*OBJECTIVES, xgboost_metric, lightgbm_metric, catboost_metric)


@pl.loss
def fourth_power(xp, pred: Real, target: Real, /):
    return (pred - target) ** 4


@fourth_power.derivative
def _(xp, pred, target, /):
    return 4 * (pred - target) ** 3


def matrix(target, weights=None, sizes=None):
    """Return data as XGBoost passes them."""
    return SimpleNamespace(
        get_label=lambda: np.ravel(target).astype(np.float32),
        get_weight=lambda: np.asarray([] if weights is None else weights, dtype=np.float32),
        get_uint_info=lambda name: np.cumsum([0, *(sizes or ())]),
    )


def dataset(target, weights=None, sizes=None):
    """Return data as LightGBM passes them."""
    return SimpleNamespace(
        get_label=lambda: target, get_weight=lambda: weights, get_group=lambda: sizes
    )


# Order, signs, shapes


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    ("make", "data", "last"),
    [(xgboost_objective, matrix, "sample_weight"), (lightgbm_objective, dataset, "weight")],
)
def test_both_interfaces_pass_the_same(make, data, last, weights):
    objective = make(pl.pinball_loss, quantile=0.25)
    slopes = np.asarray([-0.25, 0.75, 0.75, -0.25])
    share = np.ones(4) if weights is None else weights
    for gradient, curvature in (
        objective(PRED, data(TARGET, weights)),
        objective(TARGET, PRED, **{last: weights}),
    ):
        np.testing.assert_allclose(gradient, share * slopes)
        np.testing.assert_allclose(curvature, share)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_metrics_are_weighted_means(weights):
    expected = np.average([0.25, 0.75, 3.75, 0.0625], weights=weights)
    found = xgboost_metric(pl.pinball_loss, quantile=0.25)(PRED, matrix(TARGET, weights))
    assert found == ("pinball_loss", pytest.approx(expected))
    found = xgboost_metric(pl.pinball_loss, quantile=0.25)(TARGET, PRED, sample_weight=weights)
    assert found == pytest.approx(expected)
    metric = lightgbm_metric(pl.pinball_loss, quantile=0.25)
    for found in (metric(PRED, dataset(TARGET, weights)), metric(TARGET, PRED, weights)):
        assert found == ("pinball_loss", pytest.approx(expected), False)
    metric = catboost_metric(pl.pinball_loss, quantile=0.25)
    total, weight = metric.evaluate([PRED], TARGET, weights)
    assert weight == (4 if weights is None else weights.sum())
    assert metric.get_final_error(total, weight) == pytest.approx(expected)
    assert not metric.is_max_optimal()


def test_a_metric_of_vectors_of_probabilities():
    """Of a built-in objective for two classes; brier_loss takes rows as well."""
    prob, target = np.asarray([0.2, 0.9]), np.asarray([0.0, 1.0])
    assert xgboost_metric(pl.brier_loss)(target, prob) == pytest.approx(0.025)


def test_the_names_of_arguments_that_packages_look_for():
    assert "sample_weight" in inspect.signature(xgboost_objective(pl.mse_loss)).parameters
    assert len(inspect.signature(lightgbm_objective(pl.mse_loss)).parameters) == 4
    assert xgboost_metric(pl.mse_loss).__name__ == "mse_loss"


def test_catboost_maximises():
    objective = catboost_objective(pl.mse_loss)
    assert objective.calc_ders_range([3.0, 0.0], [1.0, 1.0], [1.0, 0.5]) == [(-4, -2), (1, -1)]
    first, second = objective.calc_ders_multi([3.0, 0.0], [1.0, 1.0], 0.5)
    assert first == [-2, 1]
    assert second == [[-1, 0], [0, -1]]
    assert objective.calc_ders_multi([3.0, 0.0], [1.0, 1.0], None)[0] == [-4, 2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_classes(dtype):
    logits = np.asarray([[0.0, 1.0, 2.0], [3.0, 0.0, -1.0]], dtype)
    labels, weights = np.asarray([2.0, 1.0], np.float32), np.asarray([1.0, 3.0])
    prob = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    slopes = weights[:, None] * (prob - np.eye(3)[[2, 1]])
    curvature = weights[:, None] * prob * (1 - prob)
    for make, factor in ((xgboost_objective, 2.0), (lightgbm_objective, 1.5)):
        found = make(pl.cross_entropy)(labels, logits, weights)
        np.testing.assert_allclose(found, [slopes, factor * curvature], rtol=1e-5)
        assert {x.dtype.name for x in found} == {dtype}
        found = make(pl.cross_entropy, hessian="exact")(labels, logits, weights)
        np.testing.assert_allclose(found, [slopes, curvature], rtol=1e-5)
    first, second = catboost_objective(pl.cross_entropy).calc_ders_multi(logits[1], 1.0, 3.0)
    np.testing.assert_allclose(first, -slopes[1], rtol=1e-5)
    matrix = np.diag(prob[1]) - np.outer(prob[1], prob[1])
    np.testing.assert_allclose(second, -3.0 * matrix, rtol=1e-5, atol=1e-12)


def test_the_matrix_of_a_row_of_catboost():
    """It is exact, or without what is negative, or a number, or twice the diagonal."""
    logits, label = np.asarray([-3.0, 2.0, 0.5]), 0.0

    def matrix(loss, **settings):
        return -np.asarray(
            catboost_objective(loss, **settings).calc_ders_multi(logits, label, 1)[1]
        )

    exact = matrix(pl.softmax_focal_loss, hessian="exact")
    columns = [
        pl.softmax_focal_loss.hessian_product(logits, 0, unit, reduction="sum")
        for unit in np.eye(3)
    ]
    np.testing.assert_allclose(exact, columns, rtol=1e-12)
    assert np.linalg.eigvalsh(exact)[0] < -1e-3
    positive = matrix(pl.softmax_focal_loss)
    assert np.linalg.eigvalsh(positive)[0] > -1e-12
    lowest = np.linalg.eigh(exact)[1][:, 0]
    np.testing.assert_allclose(positive @ lowest, 0.0, atol=1e-12)
    rest = np.eye(3) - np.outer(lowest, lowest)
    np.testing.assert_allclose(positive, rest @ exact @ rest, atol=1e-12)
    np.testing.assert_array_equal(matrix(pl.cross_entropy, hessian=0.5), 0.5 * np.eye(3))
    np.testing.assert_array_equal(matrix(pl.crammer_singer_loss), np.diag([1.0, 1.0, 0.0]))
    doubled = matrix(pl.cross_entropy, factor=2.0)
    np.testing.assert_allclose(doubled, 2 * matrix(pl.cross_entropy), rtol=1e-12)


def test_rows_of_probabilities_are_targets_too():
    logits, target = np.zeros((2, 2)), np.asarray([[0.5, 0.5], [1.0, 0.0]])
    gradient, _ = xgboost_objective(pl.cross_entropy)(logits, matrix(target))
    np.testing.assert_allclose(gradient, [[0, 0], [-0.5, 0.5]])


def test_class_weights():
    logits, labels, per_class = np.zeros((3, 2)), np.asarray([0.0, 1.0, 1.0]), [3.0, 0.5]
    objective = xgboost_objective(pl.cross_entropy, class_weights=np.asarray(per_class))
    gradient, _ = objective(labels, logits)
    np.testing.assert_allclose(gradient[:, 1], [1.5, -0.25, -0.25])


# Curvature


@pytest.mark.parametrize("make", [xgboost_objective, lightgbm_objective])
def test_curvature(make):
    slope = np.asarray([-1.0, 1.0, 2.0, -0.25])
    for hessian, expected in (("exact", [1, 1, 0, 1]), ("surrogate", [1, 1, 1, 1]), (0.5, 0.5)):
        found = make(pl.huber_loss, delta=2.0, hessian=hessian)(TARGET, PRED, WEIGHTS)
        np.testing.assert_array_equal(found[0], slope * WEIGHTS)
        np.testing.assert_array_equal(found[1], expected * WEIGHTS)


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=lambda loss: loss.__name__)
def test_the_surrogate_is_positive_where_there_is_a_gradient(loss):
    target = np.asarray([1.0, 1.0, 1.0, 1.0])
    gradient, curvature = xgboost_objective(loss)(target, np.asarray([0.1, 0.5, 0.9, 0.99]))
    assert (curvature[gradient != 0] > 0).all()
    assert np.isfinite(curvature).all()


def test_what_is_content_has_no_say():
    """A hinge beyond its margin: with a curvature it would shrink the step of all others."""
    target, pred = np.asarray([1.0, 1.0]), np.asarray([2.0, 0.5])
    _, curvature = xgboost_objective(pl.squared_hinge_loss)(target, pred)
    np.testing.assert_array_equal(curvature, [0, 2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kinks_have_the_curvature_of_the_rows_beside_them(dtype):
    """And a quantile has the slope of XGBoost and LightGBM there."""
    target, pred = np.asarray([1.0, 3.0, 2.0]), np.asarray([1.0, 3.0, 5.0], dtype)
    for quantile in (0.25, 0.5):
        found = lightgbm_objective(pl.pinball_loss, quantile=quantile)(target, pred)
        np.testing.assert_array_equal(found, [np.full(3, 1 - quantile), np.ones(3)])
    found = xgboost_objective(pl.l1_loss)(target, pred)
    np.testing.assert_array_equal(found, [[0, 0, 1], [1, 1, 1]])
    exact = xgboost_objective(pl.huber_loss, hessian="exact")(target, pred)
    np.testing.assert_array_equal(exact, [[0, 0, 1], [1, 1, 0]])


def test_a_factor_multiplies_both():
    found = xgboost_objective(pl.mse_loss, factor=0.5)(TARGET, PRED)
    np.testing.assert_array_equal(found, [PRED - TARGET, np.ones(4)])


def test_a_loss_without_second_derivative():
    with pytest.raises(NotImplementedError, match=r"fourth_power .*or pass hessian=1\.0"):
        xgboost_objective(fourth_power)(TARGET, PRED)
    gradient, curvature = xgboost_objective(fourth_power, hessian=1.0)(TARGET, PRED)
    np.testing.assert_allclose(gradient, 4 * (PRED - TARGET) ** 3)
    np.testing.assert_array_equal(curvature, 1)


def test_curvature_that_is_positive_nowhere():
    with pytest.raises(ValueError, match=r"l1_loss is positive nowhere.*hessian='surrogate'"):
        lightgbm_objective(pl.l1_loss, hessian="exact")(TARGET, PRED)


# Groups


def test_groups():
    rng = np.random.default_rng(0)
    sizes, pred = [3, 2, 1, 3], rng.normal(size=9)
    target, weights = rng.integers(0, 3, 9).astype(float), rng.uniform(0.5, 2, 9)
    objective, metric = lightgbm_objective(pl.listnet_loss), lightgbm_metric(pl.listnet_loss)
    gradient, curvature = objective(target, pred, weights, sizes)
    losses, ends = [], np.cumsum(sizes)
    for start, end in zip(ends - sizes, ends, strict=True):
        rows = slice(start, end)
        first, second = pl.listnet_loss.grad_and_hess(pred[rows], target[rows])
        np.testing.assert_allclose(gradient[rows], first * weights[rows])
        np.testing.assert_allclose(curvature[rows], second * weights[rows])
        losses.append(pl.listnet_loss(pred[rows], target[rows]))
    shares = [weights[end - size : end].mean() for end, size in zip(ends, sizes, strict=True)]
    _, value, _ = metric(pred, dataset(target, weights, sizes))
    assert value == pytest.approx(np.average(losses, weights=shares))
    of_groups = np.asarray([1.0, 0.5, 2.0, 0.0])
    gradient, _ = xgboost_objective(pl.listnet_loss)(pred, matrix(target, of_groups, sizes))
    plain, _ = objective(target, pred, None, sizes)
    np.testing.assert_allclose(gradient, plain * np.repeat(of_groups, sizes), rtol=1e-6)


@pytest.mark.parametrize(
    ("sizes", "message"), [(None, "the data have no groups"), ([3, 2], "add up to 5.*shape \\(4,")]
)
def test_bad_groups(sizes, message):
    with pytest.raises(ValueError, match=message):
        lightgbm_objective(pl.ranknet_loss)(TARGET, PRED, None, sizes)


def test_catboost_passes_no_groups():
    for make in (catboost_objective, catboost_metric):
        with pytest.raises(TypeError, match="CatBoost passes no groups"):
            make(pl.ranknet_loss)


# Bad input


@pytest.mark.parametrize("make", WRAPPERS)
@pytest.mark.parametrize(
    ("loss", "parameters", "message"),
    [
        ("huber_loss", {}, "loss must be a loss of portable_losses.*'huber_loss'"),
        (pl.huber_loss, {"detla": 1.0}, "huber_loss has no parameter 'detla'; it has delta"),
        (pl.huber_loss, {"reduction": "mean"}, "reduction is set for every call"),
        (pl.huber_loss, {"weights": WEIGHTS}, "weights is set for every call"),
        (pl.gaussian_nll_loss, {}, "one prediction and one target.*mean, variance, target"),
        (pl.rmse_loss, {}, "function of the mean over all rows.*mse_loss for rmse_loss"),
        (pl.dice_loss, {}, "dice_loss is a loss of a whole region"),
        (pl.soft_dtw_loss, {}, "loss of a whole time and d"),
    ],
)
def test_losses_that_cannot_be_boosted(make, loss, parameters, message):
    with pytest.raises(TypeError, match=f"^{make.__name__}: .*{message}"):
        make(loss, **parameters)


@pytest.mark.parametrize("make", OBJECTIVES)
@pytest.mark.parametrize("setting", ["hessian", "factor"])
@pytest.mark.parametrize("value", ["diagonal", 0.0, -1.0, np.inf, np.nan, True, None])
def test_bad_settings(make, setting, value):
    with pytest.raises(ValueError, match=f"{setting} must be .*{value!r}$"):
        make(pl.mse_loss, **{setting: value})


@pytest.mark.parametrize("make", OBJECTIVES)
def test_settings_may_be_numbers_of_numpy(make):
    objective = make(pl.l1_loss, hessian=1 / np.asarray([0, 4], np.float32).std(), factor=2)
    first, second = objective.derivatives(PRED, TARGET, None, None, 1.0)
    np.testing.assert_array_equal(first, [-2, 2, 2, -2])
    np.testing.assert_array_equal(second, 1)


@pytest.mark.parametrize("make", WRAPPERS)
def test_parameters_are_checked_at_once(make):
    with pytest.raises(
        ValueError, match=r"huber_loss: delta must be a number in \(0, inf\), got -1"
    ):
        make(pl.huber_loss, delta=-1.0)


@pytest.mark.parametrize("make", WRAPPERS)
def test_what_is_bound_to_the_loss_is_a_parameter(make):
    assert repr(make(pl.huber_loss.bind(delta=2.0))) == repr(make(pl.huber_loss, delta=2.0))
    replaced = make(pl.huber_loss.bind(delta=2.0), delta=3.0)
    assert repr(replaced) == repr(make(pl.huber_loss, delta=3.0))
    with pytest.raises(TypeError, match="reduction is set for every call"):
        make(pl.huber_loss.bind(reduction="sum"))


def test_bound_quantiles_share_one_target():
    objective = xgboost_objective(pl.pinball_loss.bind(quantile=(0.25, 0.75)))
    gradient, _ = objective(np.asarray([1.0, 2.0]), np.zeros((2, 2)))
    np.testing.assert_array_equal(gradient, [[-0.25, -0.75], [-0.25, -0.75]])


def test_a_sum_of_losses():
    made = xgboost_objective(0.5 * pl.huber_loss.bind(delta=3.0) + pl.mse_loss)
    gradient, curvature = made(TARGET, PRED)
    np.testing.assert_array_equal(gradient, [-2.5, 2.5, 11.5, -0.625])
    np.testing.assert_array_equal(curvature, [2.5, 2.5, 2.0, 2.5])


@pytest.mark.parametrize("make", WRAPPERS)
def test_a_copy_is_itself(make):
    """CatBoost hands out copies of its parameters, and scikit-learn clones only what is kept."""
    made = make(pl.huber_loss)
    assert copy.deepcopy(made) is made


@pytest.mark.parametrize(
    ("loss", "target", "pred", "message"),
    [
        (
            pl.hinge_loss,
            [1, 2, 1, 1],
            PRED,
            r"hinge_loss: target .*signs.*target\[1\] is 2",
        ),
        (pl.poisson_nll_loss, [-1, 1, 1, 1], PRED, r"poisson_nll_loss: target must hold amounts"),
        (pl.cross_entropy, [0, 1, 1, 1], PRED, "needs a row of predictions .*num_class"),
        (pl.cross_entropy, [0, 1, 0.5], np.zeros((3, 2)), "that of row 2 is 0.5"),
        (pl.cross_entropy, [0, np.nan, 1], np.zeros((3, 2)), "that of row 1 is nan"),
        (
            pl.cross_entropy,
            [0, 1, 2],
            np.zeros((3, 2)),
            "cross_entropy: target must hold class",
        ),
        (pl.cross_entropy, [0, 1], np.zeros((3, 2)), r"shape \(2,\) and the predictions \(3, 2\)"),
        (pl.mse_loss, [0, 1, 2], np.zeros((3, 2)), "needs one target for each prediction"),
    ],
)
@pytest.mark.parametrize("make", [xgboost_objective, xgboost_metric])
def test_bad_targets(make, loss, target, pred, message):
    with pytest.raises(ValueError, match=message):
        make(loss)(np.asarray(target, dtype=float), pred)


def test_signs_may_be_numbered_from_0():
    target, pred = np.asarray([0.0, 1.0]), np.asarray([0.5, 0.5])
    gradient, _ = xgboost_objective(pl.hinge_loss)(target, pred)
    np.testing.assert_array_equal(gradient, [1, -1])
    assert xgboost_metric(pl.hinge_loss)(target, pred) == 1.0
    np.testing.assert_array_equal(target, [0, 1])


@pytest.mark.parametrize("make", WRAPPERS)
def test_they_can_be_pickled_and_say_what_they_are(make):
    made = pickle.loads(pickle.dumps(make(pl.huber_loss, delta=2.0)))
    assert repr(made) == f"{make.__name__}(huber_loss, delta=2.0)"


def test_every_wrapper_is_public():
    assert {make.__name__ for make in WRAPPERS} < set(objectives.__all__)
