"""The objectives and metrics of XGBoost, beside its own."""

import copy
import pickle

import numpy as np
import pytest
import xgboost
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import portable_losses as pl
from packages.data import breast_cancer, diabetes, diabetes_in_hundreds, digits, weights_for
from portable_losses.objectives import optimal_constant, xgboost_metric, xgboost_objective

TREES = {"max_depth": 3, "learning_rate": 0.3, "random_state": 0, "n_jobs": 1}
ROUNDS = 20


def same(z):
    return z


CASES = {
    "reg:squarederror": (
        diabetes,
        {"base_score": 150.0},
        xgboost_objective(pl.mse_loss, factor=0.5),
        {"base_score": 150.0},
        same,
    ),
    "reg:pseudohubererror": (
        diabetes,
        {"base_score": 150.0, "huber_slope": 50.0},
        xgboost_objective(pl.pseudo_huber_loss, delta=50.0),
        {"base_score": 150.0},
        same,
    ),
    # Its leaves are not replaced by quantiles of their residuals.
    "reg:quantileerror": (
        diabetes_in_hundreds,
        {"base_score": 1.505, "quantile_alpha": 0.7, "tree_method": "exact"},
        xgboost_objective(pl.pinball_loss, quantile=0.7),
        {"base_score": 1.505, "tree_method": "exact"},
        same,
    ),
    "binary:logistic": (
        breast_cancer,
        {"base_score": 0.5},
        xgboost_objective(pl.binary_cross_entropy_with_logits),
        {"base_score": 0.0},
        pl.special.sigmoid,
    ),
    "multi:softprob": (
        digits,
        {"base_score": 0.5, "num_class": 10},
        xgboost_objective(pl.cross_entropy),
        {"base_score": 0.5, "num_class": 10},
        pl.special.softmax,
    ),
    "reg:gamma": (
        diabetes,
        {"base_score": 150.0},
        xgboost_objective(pl.gamma_deviance_loss, log_input=True, factor=0.5),
        {"base_score": np.log(150.0)},
        np.exp,
    ),
    "reg:tweedie": (
        diabetes,
        {"base_score": 150.0, "tweedie_variance_power": 1.3},
        xgboost_objective(pl.tweedie_deviance_loss, power=1.3, log_input=True, factor=0.5),
        {"base_score": np.log(150.0)},
        np.exp,
    ),
    "count:poisson": (
        diabetes,
        {"base_score": 150.0, "max_delta_step": 0.0},
        xgboost_objective(pl.poisson_nll_loss),
        {"base_score": np.log(150.0)},
        np.exp,
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_model_equals_that_of_the_built_in_objective(name, weighted):
    data, theirs, objective, ours, link = CASES[name]
    features, target = data()
    weights = weights_for(target) if weighted else None
    matrix = xgboost.DMatrix(features, target, weight=weights)
    expected = xgboost.train({**TREES, "objective": name, **theirs}, matrix, ROUNDS).predict(matrix)
    model = xgboost.train({**TREES, **ours}, matrix, ROUNDS, obj=objective)
    found = link(model.predict(matrix, output_margin=True))
    assert np.ptp(expected) > 0.1 * np.abs(expected).max()  # something has been learnt
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_so_does_that_of_the_interface_of_scikit_learn(name, weighted):
    data, theirs, objective, ours, link = CASES[name]
    features, target = data()
    weights = weights_for(target) if weighted else None
    kind = xgboost.XGBClassifier if data is digits else xgboost.XGBRegressor
    settings = {**TREES, "n_estimators": ROUNDS}
    models = [
        kind(**settings, objective=name, **theirs),
        kind(**settings, objective=objective, **ours),
    ]
    for model in models:
        if data is digits:
            del model.kwargs["num_class"]
        model.fit(features, target, sample_weight=weights)
    if data is digits:
        found, expected = (model.predict_proba(features) for model in models[::-1])
    else:
        expected = models[0].predict(features)
        found = link(models[1].predict(features, output_margin=True))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_classifier_keeps_its_link(weighted):
    features, target = breast_cancer()
    weights = weights_for(target) if weighted else None
    settings = {**TREES, "n_estimators": ROUNDS, "base_score": 0.3}
    objective = xgboost_objective(pl.binary_cross_entropy_with_logits)
    found, expected = (
        xgboost.XGBClassifier(**settings, objective=which)
        .fit(features, target, sample_weight=weights)
        .predict_proba(features)
        for which in (objective, "binary:logistic")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_what_no_package_has_trains_as_well():
    features, target = breast_cancer()
    matrix = xgboost.DMatrix(features, target)
    history = {}
    model = xgboost.train(
        TREES,
        matrix,
        ROUNDS,
        obj=xgboost_objective(pl.sigmoid_focal_loss, gamma=2.0),
        custom_metric=xgboost_metric(pl.sigmoid_focal_loss, gamma=2.0),
        evals=[(matrix, "train")],
        evals_result=history,
        verbose_eval=False,
    )
    losses = history["train"]["sigmoid_focal_loss"]
    assert len(losses) == ROUNDS
    assert (np.diff(losses) < 0).all()
    pred = model.predict(matrix, output_margin=True)
    assert losses[-1] == pytest.approx(
        float(pl.sigmoid_focal_loss(pred, target, gamma=2.0)), abs=1e-6
    )
    assert np.mean((pred > 0) == target) > 0.98


def test_signs_may_be_numbered_from_0():
    features, target = breast_cancer()
    objective = xgboost_objective(pl.squared_hinge_loss)
    model = xgboost.XGBClassifier(**TREES, n_estimators=ROUNDS, objective=objective)
    model.fit(features, target)
    assert np.mean(model.predict(features) == target) > 0.98
    pred = np.linspace(-2, 2, len(target), dtype=np.float32)
    found = objective(target, pred)
    for part, signed in zip(found, objective(2 * target - 1, pred), strict=True):
        np.testing.assert_array_equal(part, signed)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_metric_is_that_of_a_built_in_objective_too(weighted):
    """With a built-in objective it is passed what the model predicts."""
    features, target = breast_cancer()
    weights = weights_for(target) if weighted else None
    model = xgboost.XGBClassifier(
        **TREES, n_estimators=3, eval_metric=xgboost_metric(pl.binary_cross_entropy)
    )
    model.fit(
        features,
        target,
        sample_weight=weights,
        eval_set=[(features, target)],
        sample_weight_eval_set=None if weights is None else [weights],
        verbose=False,
    )
    losses = model.evals_result()["validation_0"]
    np.testing.assert_allclose(losses["binary_cross_entropy"], losses["logloss"], rtol=1e-5)


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_several_targets(strategy):
    features, target = diabetes()
    matrix = xgboost.DMatrix(
        features, np.stack([target, -target], axis=1), weight=weights_for(target)
    )
    settings = {**TREES, "base_score": 0.0, "multi_strategy": strategy, "tree_method": "hist"}
    expected = xgboost.train({**settings, "objective": "reg:squarederror"}, matrix, ROUNDS)
    history = {}
    found = xgboost.train(
        settings,
        matrix,
        ROUNDS,
        obj=xgboost_objective(pl.mse_loss, factor=0.5),
        custom_metric=xgboost_metric(pl.mse_loss),
        evals=[(matrix, "train")],
        evals_result=history,
        verbose_eval=False,
    )
    np.testing.assert_allclose(found.predict(matrix), expected.predict(matrix), rtol=1e-5)
    np.testing.assert_allclose(
        np.sqrt(history["train"]["mse_loss"]), history["train"]["rmse"], rtol=1e-5
    )


def test_several_quantiles_of_one_target():
    features, target = diabetes()
    matrix = xgboost.DMatrix(features, target)
    levels = (0.1, 0.5, 0.9)
    objective = xgboost_objective(pl.pinball_loss, quantile=levels, hessian=0.005)
    settings = {**TREES, "num_class": 3, "disable_default_eval_metric": True, "base_score": 150.0}
    model = xgboost.train(settings, matrix, 200, obj=objective)
    assert model.predict(matrix).shape == target.shape  # the place of the largest score
    shares = np.mean(target[:, None] < model.predict(matrix, output_margin=True), axis=0)
    np.testing.assert_allclose(shares, levels, atol=0.05)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("quantile", [0.2, 0.5])
def test_a_quantile_that_begins_at_a_target(quantile, weighted):
    """Where some residuals are 0."""
    features, target = diabetes()
    assert np.count_nonzero(target == 150) > 1
    weights = weights_for(target) if weighted else None
    matrix = xgboost.DMatrix(features, target, weight=weights)
    settings = {**TREES, "base_score": 150.0, "tree_method": "exact"}
    theirs = {**settings, "objective": "reg:quantileerror", "quantile_alpha": quantile}
    expected = xgboost.train(theirs, matrix, ROUNDS).predict(matrix)
    objective = xgboost_objective(pl.pinball_loss, quantile=quantile)
    found = xgboost.train(settings, matrix, ROUNDS, obj=objective).predict(matrix)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_groups_of_ranked_items(weighted):
    features, target = diabetes()
    sizes = np.asarray([100, 1, 41, 100, 100, 100])
    relevance = np.digitize(target, [100, 200, 300]).astype(float)
    weights = np.linspace(0.5, 2, len(sizes)) if weighted else None
    matrix = xgboost.DMatrix(features, relevance, weight=weights)
    matrix.set_group(sizes)
    objective = xgboost_objective(pl.lambdarank_loss)
    metric = xgboost_metric(pl.lambdarank_loss)
    pred = np.random.default_rng(0).normal(size=len(target)).astype(np.float32)
    gradient, curvature = objective(pred, matrix)
    assert (curvature >= 0).all()
    ends = np.cumsum(sizes)
    losses = []
    for k, (end, size) in enumerate(zip(ends, sizes, strict=True)):
        rows = slice(end - size, end)
        loss, slope = pl.lambdarank_loss.value_and_grad(pred[rows], relevance[rows])
        losses.append(float(loss))
        weight = 1.0 if weights is None else weights[k]
        np.testing.assert_allclose(gradient[rows], weight * slope, rtol=1e-5, atol=1e-7)
    name, value = metric(pred, matrix)
    assert name == "lambdarank_loss"
    assert value == pytest.approx(np.average(losses, weights=weights), rel=1e-5)
    model = xgboost.train({**TREES, "base_score": 0.0}, matrix, ROUNDS, obj=objective)
    better = metric(model.predict(matrix, output_margin=True), matrix)[1]
    assert better < 0.8 * metric(np.zeros_like(pred), matrix)[1]


def test_a_search_clones_and_pickles_it():
    features, target = diabetes()
    base = optimal_constant(pl.huber_loss, target, delta=20.0)
    model = xgboost.XGBRegressor(**TREES, n_estimators=5, base_score=base)
    grid = {"objective": [xgboost_objective(pl.huber_loss, delta=x) for x in (1.0, 20.0)]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(features, target)
    assert search.best_params_["objective"].parameters == {"delta": 20.0}
    for twin in (clone(search.best_estimator_), pickle.loads(pickle.dumps(search.best_estimator_))):
        assert repr(twin.objective) == "xgboost_objective(huber_loss, delta=20.0)"
    objective = grid["objective"][0]
    pred = np.zeros(len(target))
    for twin in (copy.deepcopy(objective), pickle.loads(pickle.dumps(objective))):
        np.testing.assert_array_equal(twin(target, pred), objective(target, pred))


def test_labels_that_are_no_classes():
    features, target = digits()
    matrix = xgboost.DMatrix(features, target)
    objective = xgboost_objective(pl.cross_entropy)
    with pytest.raises(ValueError, match=r"cross_entropy: target must hold class labels, .*is 9"):
        xgboost.train({"num_class": 9}, matrix, 1, obj=objective)
    with pytest.raises(ValueError, match=r"cross_entropy needs a row of predictions .*num_class"):
        xgboost.train({}, matrix, 1, obj=objective)
    halves = xgboost.DMatrix(features, target + 0.5)
    with pytest.raises(ValueError, match=r"must be class labels.* that of row 0 is 0\.5"):
        xgboost.train({"num_class": 10}, halves, 1, obj=objective)


def test_a_loss_of_groups_without_groups():
    objective = xgboost_objective(pl.listnet_loss)
    with pytest.raises(ValueError, match="the data have no groups"):
        objective(np.ones(4), np.zeros(4))
