"""The objectives and metrics of CatBoost, beside its own."""

import pickle

import catboost
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import portable_losses as pl
from packages.data import breast_cancer, diabetes, digits, weights_for
from portable_losses.objectives import catboost_metric, catboost_objective, sklearn_scorer

# It offers to compile Python code with numba.
pytestmark = pytest.mark.filterwarnings("ignore:Failed to import numba:UserWarning")

TREES = {
    "iterations": 20,
    "depth": 4,
    "learning_rate": 0.3,
    "verbose": 0,
    "random_seed": 0,
    "random_strength": 0,
    "bootstrap_type": "No",
    "boost_from_average": False,
    "leaf_estimation_method": "Newton",
    "leaf_estimation_iterations": 1,
    "thread_count": 1,
    "allow_writing_files": False,
}
LOGITS = pl.binary_cross_entropy_with_logits
CASES = {
    "RMSE": (
        diabetes,
        catboost.CatBoostRegressor,
        catboost_objective(pl.mse_loss, factor=0.5),
        catboost_metric(pl.mse_loss),
        np.sqrt,
        1e-9,
    ),
    "Logloss": (
        breast_cancer,
        catboost.CatBoostClassifier,
        catboost_objective(LOGITS),
        catboost_metric(LOGITS),
        np.asarray,
        1e-3,  # CatBoost's own logarithm is a fast one
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("estimator", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_model_equals_that_of_the_built_in_objective(name, estimator, weighted):
    data, kind, objective, metric, link, rtol = CASES[name]
    features, target = data()
    rows = catboost.Pool(features, target, weight=weights_for(target) if weighted else None)

    def trained(**settings):
        settings = {**TREES, **settings}
        model = kind(**settings) if estimator else catboost.CatBoost(settings)
        return model.fit(rows)

    theirs = trained(loss_function=name)
    ours = trained(loss_function=objective, eval_metric=metric)
    expected, found = (
        model.predict(features, prediction_type="RawFormulaVal") for model in (theirs, ours)
    )
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    (losses,) = ours.get_evals_result()["learn"].values()
    (own,) = theirs.get_evals_result()["learn"].values()
    np.testing.assert_allclose(link(losses), own, rtol=rtol)
    weights = weights_for(target) if weighted else None
    last = float(metric.loss(found, target.astype(float), weights=weights))
    assert losses[-1] == pytest.approx(last, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_classes(weighted):
    features, target = digits()
    model = catboost.CatBoostClassifier(
        **{**TREES, "iterations": 5},
        loss_function=catboost_objective(pl.cross_entropy),
        eval_metric=catboost_metric(pl.cross_entropy),
        custom_metric=["MultiClass"],
        class_names=list(range(10)),
    )
    model.fit(features, target, sample_weight=weights_for(target) if weighted else None)
    losses = model.get_evals_result()["learn"]
    own = losses["MultiClass:use_weights=true" if weighted else "MultiClass"]
    found = losses["CatBoostMetric"]
    np.testing.assert_allclose(found, own, rtol=1e-6)
    assert (np.diff(found) < 0).all()
    assert np.mean(model.predict(features)[:, 0] == target) > 0.8
    scores = model.predict(features, prediction_type="RawFormulaVal")
    np.testing.assert_allclose(model.predict_proba(features), pl.special.softmax(scores), rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_model_of_classes_equals_the_built_in(weighted):
    """With the whole matrix; twice its diagonal learns more slowly."""
    features, target = digits()
    weights = weights_for(target) if weighted else None
    settings = {**TREES, "iterations": 10, "class_names": list(range(10))}

    def scores(**chosen):
        model = catboost.CatBoostClassifier(**settings, **chosen)
        model.fit(features, target, sample_weight=weights)
        return model.predict(features, prediction_type="RawFormulaVal")

    metric = catboost_metric(pl.cross_entropy)
    theirs = scores(loss_function="MultiClass")
    ours = scores(loss_function=catboost_objective(pl.cross_entropy), eval_metric=metric)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_focal_loss_of_classes_trains():
    features, target = digits()
    model = catboost.CatBoostClassifier(
        **{**TREES, "iterations": 10, "class_names": list(range(10))},
        loss_function=catboost_objective(pl.softmax_focal_loss),
        eval_metric=catboost_metric(pl.softmax_focal_loss),
    )
    model.fit(features, target)
    (losses,) = model.get_evals_result()["learn"].values()
    assert (np.diff(losses) < 0).all()
    assert np.mean(model.predict(features)[:, 0] == target) > 0.85


@pytest.mark.parametrize("weighted", [False, True])
def test_several_targets(weighted):
    features, target = diabetes()
    targets = np.stack([target, -target], axis=1)
    weights = weights_for(target) if weighted else None
    theirs = catboost.CatBoostRegressor(**TREES, loss_function="MultiRMSE")
    ours = catboost.CatBoostRegressor(
        **TREES,
        loss_function=catboost_objective(pl.mse_loss, factor=0.5, several_targets=True),
        eval_metric=catboost_metric(pl.mse_loss, several_targets=True),
    )
    for model in (theirs, ours):
        model.fit(features, targets, sample_weight=weights)
    np.testing.assert_allclose(ours.predict(features), theirs.predict(features), rtol=1e-5)
    (losses,) = ours.get_evals_result()["learn"].values()
    (own,) = theirs.get_evals_result()["learn"].values()
    np.testing.assert_allclose(np.sqrt(2 * np.asarray(losses)), own, rtol=1e-6)


def test_what_no_package_has_trains_as_well():
    features, target = breast_cancer()
    model = catboost.CatBoostClassifier(
        **TREES,
        loss_function=catboost_objective(pl.sigmoid_focal_loss, gamma=2.0),
        eval_metric=catboost_metric(pl.sigmoid_focal_loss, gamma=2.0),
    )
    model.fit(features, target)
    (losses,) = model.get_evals_result()["learn"].values()
    assert (np.diff(losses) < 0).all()
    scores = model.predict(features, prediction_type="RawFormulaVal")
    assert losses[-1] == pytest.approx(float(pl.sigmoid_focal_loss(scores, target, gamma=2.0)))
    assert np.mean((scores > 0) == target) > 0.97


def test_it_can_be_pickled():
    for several in (False, True):
        objective = catboost_objective(pl.huber_loss, delta=20.0, several_targets=several)
        twin = pickle.loads(pickle.dumps(objective))
        assert repr(twin) == "catboost_objective(huber_loss, delta=20.0)"
        assert twin.calc_ders_multi([1.0, 2.0], [0.0, 0.0], 2.0) == (
            [-2.0, -4.0],
            [[-2.0, 0.0], [0.0, -2.0]],
        )


def test_a_search_clones_it():
    features, target = diabetes()
    model = catboost.CatBoostRegressor(
        **{**TREES, "iterations": 3},
        loss_function=catboost_objective(pl.huber_loss, delta=20.0),
        eval_metric=catboost_metric(pl.huber_loss, delta=20.0),
    )
    scorer = sklearn_scorer(pl.huber_loss, delta=20.0)
    search = GridSearchCV(model, {"depth": [2, 3]}, scoring=scorer, cv=3, n_jobs=2)
    assert np.isfinite(search.fit(features, target).cv_results_["mean_test_score"]).all()


def test_names_of_two_classes():
    features, target = breast_cancer()
    names = np.asarray(["benign", "malign"])[target]
    model = catboost.CatBoostClassifier(
        **TREES,
        class_names=["benign", "malign"],
        loss_function=catboost_objective(LOGITS),
        eval_metric=catboost_metric(LOGITS),
    )
    assert np.mean(model.fit(features, names).predict(features) == names) > 0.97


def test_labels_that_are_no_classes():
    features, target = digits()
    model = catboost.CatBoost(
        {
            **TREES,
            "loss_function": catboost_objective(pl.cross_entropy),
            "eval_metric": catboost_metric(pl.cross_entropy),
        }
    )
    with pytest.raises(catboost.CatBoostError, match="one prediction: set class_names"):
        model.fit(features, target)
