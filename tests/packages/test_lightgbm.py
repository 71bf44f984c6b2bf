"""The objectives and metrics of LightGBM, beside its own."""

import copy
import pickle

import lightgbm
import numpy as np
import pytest
from sklearn.base import clone

import portable_losses as pl
from packages.data import breast_cancer, diabetes, digits, weights_for
from portable_losses.objectives import lightgbm_metric, lightgbm_objective, optimal_constant

TREES = {
    "verbose": -1,
    "num_leaves": 7,
    "boost_from_average": False,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "seed": 0,
}
ROUNDS = 20
CASES = {
    "regression": (diabetes, {}, lightgbm_objective(pl.mse_loss, factor=0.5), 150.0),
    "fair": (diabetes, {"fair_c": 20.0}, lightgbm_objective(pl.fair_loss, scale=20.0), 150.0),
    "huber": (diabetes, {"alpha": 20.0}, lightgbm_objective(pl.huber_loss, delta=20.0), 150.0),
    "poisson": (
        diabetes,
        {"poisson_max_delta_step": 1e-9},
        lightgbm_objective(pl.poisson_nll_loss),
        float(np.log(150.0)),
    ),
    "gamma": (
        diabetes,
        {},
        lightgbm_objective(pl.gamma_deviance_loss, log_input=True, factor=0.5),
        float(np.log(150.0)),
    ),
    "tweedie": (
        diabetes,
        {"tweedie_variance_power": 1.3},
        lightgbm_objective(pl.tweedie_deviance_loss, power=1.3, log_input=True, factor=0.5),
        float(np.log(150.0)),
    ),
    "binary": (
        breast_cancer,
        {},
        lightgbm_objective(pl.binary_cross_entropy_with_logits),
        0.0,
    ),
    "multiclass": (digits, {"num_class": 10}, lightgbm_objective(pl.cross_entropy), 0.0),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_model_equals_that_of_the_built_in_objective(name, weighted):
    data, theirs, objective, start = CASES[name]
    features, target = data()
    classes = theirs.get("num_class", 1)

    def scores(settings):
        rows = lightgbm.Dataset(
            features,
            target,
            weight=weights_for(target) if weighted else None,
            init_score=np.full(len(target) * classes, start),
        )
        model = lightgbm.train({**TREES, "num_class": classes, **settings}, rows, ROUNDS)
        return model.predict(features, raw_score=True)

    expected = scores({"objective": name, **theirs})
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(scores({"objective": objective}), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_so_does_that_of_the_interface_of_scikit_learn(name, weighted):
    data, theirs, objective, start = CASES[name]
    features, target = data()
    kind = lightgbm.LGBMRegressor if data is diabetes else lightgbm.LGBMClassifier
    shape = (len(target), 10) if data is digits else len(target)

    def scores(settings):
        model = kind(n_estimators=ROUNDS, **TREES, **settings)
        weights = weights_for(target) if weighted else None
        model.fit(features, target, sample_weight=weights, init_score=np.full(shape, start))
        return model.predict(features, raw_score=True)

    theirs = {key: value for key, value in theirs.items() if key != "num_class"}
    expected = scores({"objective": name, **theirs})
    np.testing.assert_allclose(scores({"objective": objective}), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["regression", "poisson", "gamma", "tweedie", "binary"])
def test_the_built_in_starts_from_the_optimal_constant(name, weighted):
    data, theirs, objective, _ = CASES[name]
    features, target = data()
    weights = weights_for(target) if weighted else None
    start = optimal_constant(objective.loss, target, weights=weights, **objective.parameters)

    def scores(settings, init_score=None):
        rows = lightgbm.Dataset(features, target, weight=weights, init_score=init_score)
        model = lightgbm.train({**TREES, **settings}, rows, ROUNDS)
        return model.predict(features, raw_score=True)

    expected = scores({"objective": name, "boost_from_average": True, **theirs})
    found = start + scores({"objective": objective}, np.full(len(target), start))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_first_tree_of_a_quantile_splits_where_the_built_in_does(weighted):
    """Afterwards LightGBM replaces the values of its leaves, which no objective can."""
    features, target = diabetes()

    def tree(objective):
        weights = weights_for(target) if weighted else None
        rows = lightgbm.Dataset(features, target, weight=weights)
        rows.set_init_score(np.full(len(target), 150.5))
        model = lightgbm.train({**TREES, "objective": objective, "alpha": 0.7}, rows, 1)
        found = model.trees_to_dataframe()
        columns = ["split_feature", "threshold", "split_gain", "count"]
        return found[columns].to_numpy(dtype=object, na_value="")

    np.testing.assert_array_equal(
        tree(lightgbm_objective(pl.pinball_loss, quantile=0.7)), tree("quantile")
    )


def test_a_quantile_arrives_with_larger_steps():
    features, target = diabetes()
    objective = lightgbm_objective(pl.pinball_loss, quantile=0.7, hessian=1 / float(target.std()))
    settings = {**TREES, "objective": objective, "min_sum_hessian_in_leaf": 0.0}
    model = lightgbm.train(
        settings, lightgbm.Dataset(features, target, init_score=np.full(len(target), 150.0)), 100
    )
    assert np.mean(target < 150.0 + model.predict(features)) == pytest.approx(0.7, abs=0.03)


def test_what_no_package_has_trains_as_well():
    features, target = breast_cancer()
    history = {}
    model = lightgbm.LGBMClassifier(
        n_estimators=ROUNDS, **TREES, objective=lightgbm_objective(pl.sigmoid_focal_loss, gamma=2.0)
    )
    model.fit(
        features,
        target,
        eval_X=features,
        eval_y=target,
        eval_metric=lightgbm_metric(pl.sigmoid_focal_loss, gamma=2.0),
        callbacks=[lightgbm.record_evaluation(history)],
    )
    (losses,) = (set_["sigmoid_focal_loss"] for set_ in history.values())
    assert len(losses) == ROUNDS
    assert (np.diff(losses) < 0).all()
    scores = model.predict(features, raw_score=True)
    assert losses[-1] == pytest.approx(float(pl.sigmoid_focal_loss(scores, target, gamma=2.0)))
    assert np.mean((scores > 0) == target) > 0.98


@pytest.mark.parametrize("weighted", [False, True])
def test_the_metric_beside_a_built_in_objective(weighted):
    features, target = digits()
    weights = weights_for(target) if weighted else None
    rows = lightgbm.Dataset(features, target, weight=weights)
    history = {}
    lightgbm.train(
        {**TREES, "objective": "multiclass", "num_class": 10, "metric": "multi_logloss"},
        rows,
        3,
        valid_sets=[rows],
        feval=lightgbm_metric(pl.categorical_cross_entropy),
        callbacks=[lightgbm.record_evaluation(history)],
    )
    (losses,) = history.values()
    np.testing.assert_allclose(
        losses["categorical_cross_entropy"], losses["multi_logloss"], rtol=1e-6
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_groups_of_ranked_items(weighted):
    features, target = diabetes()
    sizes = [100, 1, 41, 100, 100, 100]
    relevance = np.digitize(target, [100, 200, 300])
    weights = weights_for(target) if weighted else None
    objective, metric = lightgbm_objective(pl.ranknet_loss), lightgbm_metric(pl.ranknet_loss)
    history = {}
    model = lightgbm.LGBMRanker(n_estimators=ROUNDS, **TREES, objective=objective)
    model.fit(
        features,
        relevance,
        group=sizes,
        sample_weight=weights,
        eval_X=features,
        eval_y=relevance,
        eval_group=[sizes],
        eval_sample_weight=None if weights is None else [weights],
        eval_metric=metric,
        callbacks=[lightgbm.record_evaluation(history)],
    )
    (losses,) = (set_["ranknet_loss"] for set_ in history.values())
    assert (np.diff(losses) < 0).all()
    pred = model.predict(features, raw_score=True)
    gradient, _ = objective(relevance, pred, weights, sizes)
    each, ends = [], np.cumsum(sizes)
    for end, size in zip(ends, sizes, strict=True):
        rows = slice(end - size, end)
        loss, slope = pl.ranknet_loss.value_and_grad(pred[rows], relevance[rows].astype(float))
        factor = 1.0 if weights is None else weights[rows]
        np.testing.assert_allclose(gradient[rows], slope * factor, rtol=1e-12)
        each.append((float(loss), np.mean(factor)))
    expected = np.average([loss for loss, _ in each], weights=[share for _, share in each])
    assert losses[-1] == pytest.approx(expected, rel=1e-6)


def test_several_quantiles_of_one_target():
    features, target = diabetes()
    levels = (0.1, 0.5, 0.9)
    objective = lightgbm_objective(pl.pinball_loss, quantile=levels, hessian=0.01)
    settings = {**TREES, "objective": objective, "num_class": 3, "min_sum_hessian_in_leaf": 0.0}
    rows = lightgbm.Dataset(features, target, init_score=np.full(3 * len(target), 150.0))
    model = lightgbm.train(settings, rows, 300)
    shares = np.mean(target[:, None] < 150.0 + model.predict(features), axis=0)
    np.testing.assert_allclose(shares, levels, atol=0.05)


def test_it_can_be_cloned_and_pickled():
    features, target = diabetes()
    objective = lightgbm_objective(pl.huber_loss, delta=20.0)
    model = lightgbm.LGBMRegressor(n_estimators=3, **TREES, objective=objective)
    expected = clone(model).fit(features, target).predict(features)
    model.fit(features, target)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(features), expected)
    for twin in (copy.deepcopy(objective), pickle.loads(pickle.dumps(objective))):
        assert repr(twin) == "lightgbm_objective(huber_loss, delta=20.0)"


def test_labels_that_are_no_classes():
    features, target = digits()
    objective = lightgbm_objective(pl.cross_entropy)
    with pytest.raises(ValueError, match=r"cross_entropy: target must hold class labels, .*is 9"):
        lightgbm.train(
            {**TREES, "objective": objective, "num_class": 9}, lightgbm.Dataset(features, target)
        )
    with pytest.raises(ValueError, match=r"cross_entropy needs a row of predictions .*num_class"):
        lightgbm.train({**TREES, "objective": objective}, lightgbm.Dataset(features, target))
