"""Best constants, D² and scorers, beside scikit-learn's scores."""

import pickle
from math import inf, log

import numpy as np
import pytest
import sklearn
from elements import ELEMENTWISE
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    RidgeClassifier,
)
from sklearn.metrics import (
    d2_absolute_error_score,
    d2_brier_score,
    d2_log_loss_score,
    d2_pinball_score,
    d2_tweedie_score,
    hinge_loss,
    log_loss,
    mean_absolute_error,
    mean_gamma_deviance,
    mean_pinball_loss,
    r2_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import portable_losses as pl
from portable_losses.objectives import d2_score, optimal_constant, sklearn_scorer

RNG = np.random.default_rng(0)
AMOUNTS = RNG.gamma(2.0, 3.0, 501)
PRED = AMOUNTS * RNG.uniform(0.5, 1.5, 501)
WEIGHTS = RNG.uniform(0.5, 2.0, 501)
LABELS = RNG.integers(0, 4, 501)
PROB = RNG.dirichlet(np.ones(4), 501)


# Constants


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    ("loss", "parameters", "link"),
    [
        (pl.mse_loss, {}, float),
        (pl.poisson_deviance_loss, {}, float),
        (pl.gamma_deviance_loss, {}, float),
        (pl.tweedie_deviance_loss, {"power": 1.7}, float),
        (pl.tweedie_deviance_loss, {"power": 3.0}, float),
        (pl.poisson_nll_loss, {}, log),
        (pl.gamma_deviance_loss, {"log_input": True}, log),
        (pl.tweedie_deviance_loss, {"log_input": True}, log),
        (pl.msle_loss, {}, None),
    ],
)
def test_means(loss, parameters, link, weights):
    if link is None:  # the mean of logarithms
        expected = np.expm1(np.average(np.log1p(AMOUNTS), weights=weights))
    else:
        expected = link(np.average(AMOUNTS, weights=weights))
    found = optimal_constant(loss, AMOUNTS, weights=weights, **parameters)
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("count", [1, 2, 500, 501])
def test_the_median(count):
    found = optimal_constant(pl.l1_loss, AMOUNTS[:count])
    assert found == pytest.approx(np.median(AMOUNTS[:count]), rel=1e-14)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantiles(quantile):
    """500 targets and 501 have a single best one at these."""
    found = optimal_constant(pl.pinball_loss, AMOUNTS, quantile=quantile)
    expected = np.quantile(AMOUNTS, quantile, method="inverted_cdf")
    assert found == pytest.approx(expected, rel=1e-14)


def test_several_constants():
    found = optimal_constant(pl.pinball_loss, AMOUNTS, quantile=(0.1, 0.9))
    each = [optimal_constant(pl.pinball_loss, AMOUNTS, quantile=q) for q in (0.1, 0.9)]
    np.testing.assert_array_equal(found, each)
    columns = np.stack([AMOUNTS, -AMOUNTS], axis=1)
    found = optimal_constant(pl.mse_loss, columns, weights=WEIGHTS)
    np.testing.assert_allclose(found, np.average(columns, axis=0, weights=WEIGHTS), rtol=1e-14)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_log_odds(weights):
    target = (LABELS > 1).astype(float)
    share = np.average(target, weights=weights)
    found = optimal_constant(pl.binary_cross_entropy_with_logits, target, weights=weights)
    assert found == pytest.approx(log(share / (1 - share)), rel=1e-13)
    found = optimal_constant(pl.binary_cross_entropy, target, weights=weights)
    assert found == pytest.approx(share, rel=1e-13)


def test_labels_that_are_all_the_same():
    ones, zeros = np.ones(5), np.zeros(5)
    assert optimal_constant(pl.binary_cross_entropy_with_logits, ones) == inf
    assert optimal_constant(pl.binary_cross_entropy_with_logits, zeros) == -inf
    assert optimal_constant(pl.binary_cross_entropy, ones) == 1
    assert optimal_constant(pl.binary_cross_entropy, zeros) == 0


def test_no_targets():
    assert np.isnan(optimal_constant(pl.mse_loss, np.empty(0)))
    assert np.isnan(optimal_constant(pl.mse_loss, np.ones(3), weights=np.zeros(3)))


@pytest.mark.parametrize("name", ["cauchy_loss", "welsch_loss", "tukey_biweight_loss"])
def test_a_loss_with_other_minima_has_the_one_of_the_larger_group(name):
    target = np.concatenate([np.full(40, 0.0), np.full(60, 100.0)])
    assert optimal_constant(getattr(pl, name), target) == pytest.approx(100.0, abs=0.1)


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=lambda loss: loss.__name__)
def test_no_neighbour_is_better(loss):
    target_domain = loss.signature.domains[0][1]
    target = np.round(AMOUNTS) + 1
    if target_domain.members:
        target = np.where(LABELS > 1, 1.0, -1.0)
    elif target_domain.interval is not None and target_domain.interval.le == 1:
        target = (LABELS > 1).astype(float)
    best = optimal_constant(loss, target)
    values = [
        float(loss(np.full(len(target), best * (1 + by)), target)) for by in (-1e-3, 0.0, 1e-3)
    ]
    assert values[1] <= min(values) + 1e-15 * abs(values[1])


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_class_shares(weights):
    counts = np.bincount(LABELS, weights=weights)
    shares = counts / counts.sum()
    for loss, expected in (
        (pl.categorical_cross_entropy, shares),
        (pl.brier_loss, shares),
        (pl.cross_entropy, np.log(shares)),
        (pl.nll_loss, np.log(shares)),
    ):
        found = optimal_constant(loss, LABELS, weights=weights)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    found = optimal_constant(pl.cross_entropy, PROB, weights=weights)
    np.testing.assert_allclose(np.exp(found), np.average(PROB, axis=0, weights=weights), rtol=1e-12)


def test_class_weights_count():
    per_class = np.asarray([1.0, 2.0, 0.5, 3.0])
    shares = np.bincount(LABELS) * per_class
    found = optimal_constant(pl.cross_entropy, LABELS, class_weights=per_class)
    np.testing.assert_allclose(np.exp(found), shares / shares.sum(), rtol=1e-12)


def test_rows_that_are_ignored():
    target = np.where(LABELS == 3, -100, LABELS)
    found = optimal_constant(pl.cross_entropy, target, weights=WEIGHTS, ignore_index=-100)
    kept = target >= 0
    expected = optimal_constant(pl.cross_entropy, target[kept], weights=WEIGHTS[kept])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ([0, 1, -1], ValueError, r"class labels, .* but target\[2\] is -1"),
        ([0.0, 1.5], TypeError, "dtype is float64"),
    ],
)
def test_labels_that_are_no_classes(target, error, message):
    with pytest.raises(error, match=message):
        optimal_constant(pl.cross_entropy, target)


def test_constants_that_there_are_not():
    with pytest.raises(NotImplementedError, match=r"multi_margin_loss.* is not that of the class"):
        optimal_constant(pl.multi_margin_loss, LABELS)
    with pytest.raises(NotImplementedError, match="cross_entropy with these parameters"):
        optimal_constant(pl.cross_entropy, LABELS, label_smoothing=0.1)
    for loss in (pl.dice_loss, pl.ranknet_loss, pl.rmse_loss):
        with pytest.raises(TypeError, match=f"{loss.__name__} is no loss of elements"):
            optimal_constant(loss, AMOUNTS)
    with pytest.raises(ValueError, match=r"weights \(n,\), got \(501,\) and \(3,\)"):
        optimal_constant(pl.mse_loss, AMOUNTS, weights=np.ones(3))
    with pytest.raises(ValueError, match="gamma_deviance_loss: target must hold positive numbers"):
        optimal_constant(pl.gamma_deviance_loss, -AMOUNTS)


# D²


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    ("loss", "parameters", "score", "theirs"),
    [
        (pl.mse_loss, {}, r2_score, {}),
        (pl.l1_loss, {}, d2_absolute_error_score, {}),
        *(
            (pl.pinball_loss, {"quantile": q}, d2_pinball_score, {"alpha": q})
            for q in (0.1, 0.5, 0.9)
        ),
        *(
            (pl.tweedie_deviance_loss, {"power": p}, d2_tweedie_score, {"power": p})
            for p in (0, 1, 1.5, 2, 3)
        ),
    ],
)
@pytest.mark.parametrize("count", [500, 501])
def test_it_is_the_score_of_scikit_learn(loss, parameters, score, theirs, weights, count):
    pred, target = PRED[:count], AMOUNTS[:count]
    weights = None if weights is None else weights[:count]
    found = d2_score(loss, pred, target, weights=weights, **parameters)
    expected = score(target, pred, sample_weight=weights, **theirs)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_it_is_the_score_of_log_loss(weights):
    expected = d2_log_loss_score(LABELS, PROB, sample_weight=weights)
    for loss, pred in (
        (pl.categorical_cross_entropy, PROB),
        (pl.cross_entropy, np.log(PROB)),
        (pl.nll_loss, np.log(PROB)),
    ):
        assert d2_score(loss, pred, LABELS, weights=weights) == pytest.approx(expected, rel=1e-12)
    target = (LABELS > 1).astype(float)
    found = d2_score(pl.binary_cross_entropy, PROB[:, 0], target, weights=weights)
    assert found == pytest.approx(d2_log_loss_score(target, PROB[:, 0], sample_weight=weights))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_brier_of_two_classes_and_of_more(weights):
    target = (LABELS > 1).astype(float)
    found = d2_score(pl.brier_loss, PROB[:, 0], target, weights=weights)
    assert found == pytest.approx(d2_brier_score(target, PROB[:, 0], sample_weight=weights))
    found = d2_score(pl.brier_loss, PROB, LABELS, weights=weights)
    assert found == pytest.approx(d2_brier_score(LABELS, PROB, sample_weight=weights))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_matrix_has_the_mean_of_its_columns(weights):
    pred = np.stack([PRED, -PRED, PRED**2], axis=1)
    target = np.stack([AMOUNTS, -AMOUNTS, AMOUNTS**2], axis=1)
    expected = r2_score(target, pred, sample_weight=weights)
    assert d2_score(pl.mse_loss, pred, target, weights=weights) == pytest.approx(expected)


def test_constants_are_finite_scores():
    """As scikit-learn's with `force_finite`."""
    same = np.ones(3)
    assert d2_score(pl.mse_loss, same, same) == 1
    assert d2_score(pl.mse_loss, same + 1, same) == 0
    mean = np.full(501, AMOUNTS.mean())
    assert d2_score(pl.mse_loss, mean, AMOUNTS) == pytest.approx(0, abs=1e-15)


def test_a_class_that_no_target_has():
    """The columns say how many classes there are."""
    found = d2_score(pl.cross_entropy, np.log(PROB), np.minimum(LABELS, 2))
    expected = d2_log_loss_score(np.minimum(LABELS, 2), PROB, labels=range(4))
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_loss_that_is_negative():
    with pytest.raises(ValueError, match="needs a loss that is not negative, such as a deviance"):
        d2_score(pl.poisson_nll_loss, np.log(PRED), AMOUNTS * 5)


# Scorers


@pytest.fixture
def binary():
    features, target = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(features), target


@pytest.mark.parametrize("names", [None, ("bad", "good"), (-1, 1), (0, 1)])
@pytest.mark.parametrize(
    ("loss", "estimator"),
    [
        (pl.binary_cross_entropy, LogisticRegression()),
        (pl.binary_cross_entropy_with_logits, LogisticRegression()),
        (pl.categorical_cross_entropy, LogisticRegression()),
        (pl.cross_entropy, LogisticRegression()),
    ],
)
def test_binary_classification(binary, names, loss, estimator):
    features, target = binary
    target = target if names is None else np.asarray(names)[target]
    found = cross_val_score(estimator, features, target, scoring=sklearn_scorer(loss), cv=3)
    expected = cross_val_score(estimator, features, target, scoring="neg_log_loss", cv=3)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_brier_score(binary):
    features, target = binary
    scorer = sklearn_scorer(pl.brier_loss)
    found = cross_val_score(LogisticRegression(), features, target, scoring=scorer, cv=3)
    expected = cross_val_score(
        LogisticRegression(), features, target, scoring="neg_brier_score", cv=3
    )
    np.testing.assert_allclose(found, expected)


def test_losses_of_signs(binary):
    features, target = binary
    model = RidgeClassifier().fit(features, target)
    found = sklearn_scorer(pl.hinge_loss)(model, features, target)
    assert found == pytest.approx(-hinge_loss(target, model.decision_function(features)))


@pytest.mark.parametrize("loss", [pl.categorical_cross_entropy, pl.cross_entropy])
def test_classes(loss):
    features, target = load_digits(n_class=4, return_X_y=True)
    model = LogisticRegression(C=0.01, max_iter=1000)
    names = np.asarray(["zero", "one", "two", "three"])
    for labels in (target, names[target]):
        found = cross_val_score(model, features, labels, scoring=sklearn_scorer(loss), cv=3)
        expected = cross_val_score(model, features, labels, scoring="neg_log_loss", cv=3)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_fold_without_a_class():
    features, target = load_digits(n_class=4, return_X_y=True)
    model = LogisticRegression(C=0.01, max_iter=1000).fit(features, target)
    few = target < 2
    expected = -log_loss(target[few], model.predict_proba(features[few]), labels=range(4))
    scorer = sklearn_scorer(pl.cross_entropy)
    assert scorer(model, features[few], target[few]) == pytest.approx(expected)
    names = np.asarray(["a", "b", "c", "d"])
    for labels in (target + 1, 3 - target, names[target]):
        model.fit(features, labels)
        codes = np.searchsorted(model.classes_, labels[few])
        expected = -log_loss(codes, model.predict_proba(features[few]), labels=range(4))
        assert scorer(model, features[few], labels[few]) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"4 classes, .* labels \['e'\]: train on all classes"):
        scorer(model, features, np.full(len(target), "e"))


def test_a_fold_of_one_class(binary):
    """Its label alone does not say whether it is the first or the second class."""
    features, target = binary
    scorer, model = sklearn_scorer(pl.binary_cross_entropy), LogisticRegression()
    for labels in (target, target + 1, 2 * target - 1, target.astype(bool)):
        model.fit(features, labels)
        for one in (0, 1):
            rows = features[target == one]
            prob = model.predict_proba(rows)[:, one]
            found = scorer(model, rows, labels[target == one])
            assert found == pytest.approx(np.log(prob).mean())


def test_a_column_of_targets():
    features, target = load_diabetes(return_X_y=True)
    column = target[:, None]
    for model in (
        LinearRegression().fit(features, target),
        LinearRegression().fit(features, column),
    ):
        for given in (target, column):
            found = sklearn_scorer(pl.l1_loss)(model, features, given)
            assert found == -mean_absolute_error(target, model.predict(features))


def test_numbers():
    features, target = load_diabetes(return_X_y=True)
    cv = KFold(3)
    for loss, parameters, model, score in (
        (pl.l1_loss, {}, LinearRegression(), mean_absolute_error),
        (
            pl.pinball_loss,
            {"quantile": 0.9},
            QuantileRegressor(quantile=0.9, alpha=0.01),
            lambda y, p: mean_pinball_loss(y, p, alpha=0.9),
        ),
    ):
        scorer = sklearn_scorer(loss, **parameters)
        found = cross_val_score(model, features, target, scoring=scorer, cv=cv)
        expected = [
            -score(target[test], model.fit(features[train], target[train]).predict(features[test]))
            for train, test in cv.split(features)
        ]
        np.testing.assert_allclose(found, expected)


def test_models_predict_means_and_not_their_logarithms():
    features, target = load_diabetes(return_X_y=True)
    model = PoissonRegressor().fit(features, target)
    expected = pl.poisson_nll_loss(model.predict(features), target, log_input=False)
    found = sklearn_scorer(pl.poisson_nll_loss)(model, features, target)
    assert found == pytest.approx(-float(expected))
    found = sklearn_scorer(pl.gamma_deviance_loss)(model, features, target)
    assert found == pytest.approx(-mean_gamma_deviance(target, model.predict(features)))


def test_several_targets_and_weights():
    features, target = load_diabetes(return_X_y=True)
    targets, weights = np.stack([target, -target], axis=1), RNG.uniform(0.5, 2, len(target))
    model = LinearRegression().fit(features, targets)
    found = sklearn_scorer(pl.l1_loss)(model, features, targets, sample_weight=weights)
    expected = mean_absolute_error(targets, model.predict(features), sample_weight=weights)
    assert found == pytest.approx(-expected)


def test_weights_by_metadata_routing(binary):
    features, target = binary
    weights = RNG.uniform(0.5, 2, len(target))
    scorer = sklearn_scorer(pl.binary_cross_entropy)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer.set_score_request(sample_weight=True)
        model = LogisticRegression().set_fit_request(sample_weight=False)
        found = cross_validate(
            model, features, target, scoring=scorer, cv=2, params={"sample_weight": weights}
        )["test_score"]
    expected = []
    for train, test in StratifiedKFold(2).split(features, target):
        model = LogisticRegression().fit(features[train], target[train])
        prob = model.predict_proba(features[test])
        expected.append(-log_loss(target[test], prob, sample_weight=weights[test]))
    np.testing.assert_allclose(found, expected)


def test_a_search_finds_the_quantile():
    features, target = load_diabetes(return_X_y=True)
    search = GridSearchCV(
        QuantileRegressor(alpha=0.01),
        {"quantile": [0.5, 0.7, 0.9]},
        scoring=sklearn_scorer(pl.pinball_loss, quantile=0.9),
        cv=3,
        n_jobs=2,
    )
    assert search.fit(features, target).best_params_ == {"quantile": 0.9}


def test_what_it_is_computed_from(binary):
    features, target = binary
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, target)
    scorer = sklearn_scorer(pl.brier_loss, response_method="predict_proba")
    half = sklearn_scorer(pl.mse_loss, response_method="predict_proba")
    prob = model.predict_proba(features)[:, 1]
    assert half(model, features, target) == pytest.approx(-np.mean((prob - target) ** 2))
    assert scorer(model, features, target) < 0
    flat = DummyClassifier(strategy="prior").fit(features, target)
    with pytest.raises(AttributeError, match="decision_function"):
        sklearn_scorer(pl.hinge_loss)(flat, features, target)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (["a", "b", "b"], TypeError, "number the classes from 0"),
        ([0.0, np.nan, 1.0], TypeError, "some are missing"),
        ([-1, 0, 1], ValueError, r"target\[0\] is -1"),
    ],
)
def test_bad_labels(labels, error, message):
    with pytest.raises(error, match=f"categorical_cross_entropy: target .*{message}"):
        optimal_constant(pl.categorical_cross_entropy, labels)
    with pytest.raises(error, match=f"categorical_cross_entropy: target .*{message}"):
        d2_score(pl.categorical_cross_entropy, np.full((3, 2), 0.5), labels)


def test_targets_before_predictions():
    with pytest.raises(ValueError, match=r"d2_score: categorical_.* a row of .* come first"):
        d2_score(pl.categorical_cross_entropy, [0, 1, 1], np.full((3, 2), 0.5))


def test_what_is_bound_to_the_loss():
    target = np.arange(11.0)
    found = optimal_constant(pl.pinball_loss.bind(quantile=(0.1, 0.9)), target)
    np.testing.assert_allclose(found, [1.0, 9.0], rtol=1e-12)
    bound = sklearn_scorer(pl.poisson_nll_loss.bind(log_input=True))
    assert repr(bound) == repr(sklearn_scorer(pl.poisson_nll_loss, log_input=True))


def test_bad_scorers():
    with pytest.raises(ValueError, match=r"response_method must be one of predict, .*'proba'"):
        sklearn_scorer(pl.mse_loss, response_method="proba")
    with pytest.raises(TypeError, match=r"nll_loss takes log-probabilities.*categorical_cross_ent"):
        sklearn_scorer(pl.nll_loss)
    for method in (None, "predict"):
        with pytest.raises(TypeError, match="dice_loss is a loss of a whole region"):
            sklearn_scorer(pl.dice_loss, response_method=method)
    with pytest.raises(TypeError, match="has no parameter 'alpha'; it has quantile"):
        sklearn_scorer(pl.pinball_loss, alpha=0.9)


def test_scorers_can_be_pickled_and_say_what_they_are(binary):
    features, target = binary
    model = LogisticRegression().fit(features, target)
    scorer = sklearn_scorer(pl.sigmoid_focal_loss, gamma=2.0)
    twin = pickle.loads(pickle.dumps(scorer))
    assert twin(model, features, target) == scorer(model, features, target) < 0
    name = "sklearn_scorer(sigmoid_focal_loss, gamma=2.0, response_method='decision_function')"
    assert repr(scorer) == repr(twin) == repr(clone(scorer)) == name
    assert clone(scorer)(model, features, target) == scorer(model, features, target)
