"""Losses in SciPy's optimisers, beside scikit-learn's models and SciPy's own robust losses."""

import pickle

import numpy as np
import pytest
from scipy.optimize import approx_fprime, least_squares, minimize
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import HuberRegressor, LogisticRegression, PoissonRegressor, Ridge
from sklearn.preprocessing import scale

import portable_losses as pl
from portable_losses.objectives import scipy_objective, scipy_rho

LOGITS = pl.binary_cross_entropy_with_logits


def weights_for(target):
    return np.random.default_rng(1).uniform(0.5, 2.0, len(target))


# minimize


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_logistic_regression(weighted, intercept):
    features, target = load_breast_cancer(return_X_y=True)
    features, weights = scale(features), weights_for(target) if weighted else None
    objective = scipy_objective(
        LOGITS, features, target, l2=2.0, intercept=intercept, reduction="sum", weights=weights
    )
    found = minimize(objective, objective.start, jac=True, method="BFGS", options={"gtol": 1e-7})
    model = LogisticRegression(
        C=0.5, fit_intercept=intercept, tol=1e-12, solver="newton-cholesky", max_iter=1000
    )
    model.fit(features, target, sample_weight=weights)
    coef, constant = objective.split(found.x)
    np.testing.assert_allclose(coef, model.coef_[0], atol=1e-6)
    np.testing.assert_allclose(constant, model.intercept_[0], atol=1e-6)


def test_logistic_regression_of_classes():
    features, target = load_digits(n_class=3, return_X_y=True)
    features = features / 16
    objective = scipy_objective(pl.cross_entropy, features, target, l2=10.0, reduction="sum")
    assert objective.start.shape == (3 * 65,)
    options = {"gtol": 1e-7, "ftol": 1e-16, "maxcor": 30}
    found = minimize(objective, objective.start, jac=True, method="L-BFGS-B", options=options)
    model = LogisticRegression(C=0.1, tol=1e-10, solver="newton-cholesky").fit(features, target)
    coef, constant = objective.split(found.x)
    np.testing.assert_allclose(coef, model.coef_, atol=1e-6)
    np.testing.assert_allclose(
        constant - constant.mean(), model.intercept_ - model.intercept_.mean(), atol=1e-6
    )


NEWTON = {
    "newton-cg": {"xtol": 1e-10},
    "trust-ncg": {"gtol": 1e-8},
    "trust-krylov": {"gtol": 1e-8},
}


@pytest.mark.parametrize("method", NEWTON)
@pytest.mark.parametrize("weighted", [False, True])
def test_newton_without_a_hessian(method, weighted):
    features, target = load_breast_cancer(return_X_y=True)
    features, weights = scale(features), weights_for(target) if weighted else None
    objective = scipy_objective(LOGITS, features, target, l2=2.0, reduction="sum", weights=weights)
    given = {"jac": True, "hessp": objective.hessp, "method": method, "options": NEWTON[method]}
    found = minimize(objective, objective.start, **given)
    model = LogisticRegression(C=0.5, tol=1e-12, solver="newton-cholesky", max_iter=1000)
    model.fit(features, target, sample_weight=weights)
    coef, constant = objective.split(found.x)
    np.testing.assert_allclose(coef, model.coef_[0], atol=1e-6)
    np.testing.assert_allclose(constant, model.intercept_[0], atol=1e-6)
    assert found.nit < 30


@pytest.mark.parametrize("method", NEWTON)
def test_newton_for_classes(method):
    features, target = load_digits(n_class=3, return_X_y=True)
    features = features / 16
    objective = scipy_objective(pl.cross_entropy, features, target, l2=10.0, reduction="sum")
    given = {"jac": True, "hessp": objective.hessp, "method": method, "options": NEWTON[method]}
    found = minimize(objective, objective.start, **given)
    model = LogisticRegression(C=0.1, tol=1e-10, solver="newton-cholesky").fit(features, target)
    coef, constant = objective.split(found.x)
    np.testing.assert_allclose(coef, model.coef_, atol=1e-6)
    np.testing.assert_allclose(
        constant - constant.mean(), model.intercept_ - model.intercept_.mean(), atol=1e-6
    )


@pytest.mark.parametrize("name", ["cross_entropy", "softmax_focal_loss", "huber_loss"])
def test_the_product_is_the_slope_of_the_gradient(name):
    rng = np.random.default_rng(6)
    features, target = rng.normal(size=(9, 4)), rng.integers(0, 3, 9)
    objective = scipy_objective(getattr(pl, name), features, target, l2=0.3)
    at, vector = rng.normal(size=(2, *objective.start.shape))
    step = 1e-6
    ends = [objective(at + sign * step * vector)[1] for sign in (1, -1)]
    right = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(objective.hessp(at, vector), right, atol=1e-8)


def test_a_vector_of_another_shape():
    objective = scipy_objective(pl.mse_loss, np.ones((3, 2)), np.ones(3))
    with pytest.raises(ValueError, match=r"vector must have the shape .*\(3,\), got \(2,\)"):
        objective.hessp(objective.start, np.ones(2))


def test_several_targets():
    features, target = load_diabetes(return_X_y=True)
    targets = np.stack([target, target**2 / 100], axis=1)
    objective = scipy_objective(pl.mse_loss, features, targets, l2=1.0, reduction="sum")
    found = minimize(objective, objective.start, jac=True, method="BFGS", options={"gtol": 1e-5})
    model = Ridge(alpha=0.5).fit(features, targets)
    coef, constant = objective.split(found.x)
    np.testing.assert_allclose(coef, model.coef_, rtol=1e-6)
    np.testing.assert_allclose(constant, model.intercept_, rtol=1e-6)


def test_poisson_regression():
    features, target = load_diabetes(return_X_y=True)
    objective = scipy_objective(pl.poisson_nll_loss, scale(features), target, l2=0.1)
    start = objective.start.copy()
    start[-1] = np.log(target.mean())
    found = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-8})
    model = PoissonRegressor(alpha=0.1, tol=1e-10, solver="newton-cholesky")
    model.fit(scale(features), target)
    coef, constant = objective.split(found.x)
    np.testing.assert_allclose(coef, model.coef_, atol=1e-6)
    np.testing.assert_allclose(constant, model.intercept_, atol=1e-6)


def test_a_robust_line():
    features, target = load_diabetes(return_X_y=True)
    features = scale(features)
    model = HuberRegressor(epsilon=1.5, alpha=0.0, tol=1e-10, max_iter=10000)
    model.fit(features, target)
    objective = scipy_objective(pl.huber_loss, features, target, delta=1.5 * model.scale_)
    found = minimize(objective, objective.start, jac=True, method="BFGS", options={"gtol": 1e-8})
    coef, constant = objective.split(found.x)
    np.testing.assert_allclose(coef, model.coef_, atol=1e-2)
    np.testing.assert_allclose(constant, model.intercept_, atol=1e-2)


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (pl.fair_loss, np.asarray([0.3, 2.0, -1.0, 0.5])),
        (LOGITS, np.asarray([0.0, 1.0, 1.0, 0.0])),
        (pl.cross_entropy, np.asarray([0, 2, 1, 1])),
        (pl.cross_entropy, np.asarray([[0.2, 0.8], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])),
    ],
)
@pytest.mark.parametrize("intercept", [False, True])
def test_the_gradient_is_that_of_the_value(loss, target, intercept):
    rng = np.random.default_rng(0)
    objective = scipy_objective(
        loss,
        rng.normal(size=(4, 3)),
        target,
        l2=0.3,
        intercept=intercept,
        weights=np.arange(1.0, 5),
    )
    point = rng.normal(size=objective.start.shape)
    slope = approx_fprime(point, lambda x: objective(x)[0], 1e-7)
    np.testing.assert_allclose(objective(point)[1], slope, atol=1e-6)


def test_a_model_of_ones_own():
    x = np.linspace(0, 2, 30)
    target = 3 * np.exp(-0.7 * x)

    def decay(parameters):
        size, rate = parameters
        pred = size * np.exp(-rate * x)
        return pred, lambda gradient: np.asarray(
            [gradient @ np.exp(-rate * x), -(gradient @ (x * pred))]
        )

    objective = scipy_objective(pl.huber_loss, decay, target)
    found = minimize(objective, [1.0, 0.0], jac=True, method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(found.x, [3.0, 0.7], rtol=1e-6)
    point = np.asarray([2.0, 0.3])
    penalised = scipy_objective(pl.huber_loss, decay, target, l2=0.1)
    np.testing.assert_allclose(penalised(point)[0], objective(point)[0] + 0.05 * point @ point)
    np.testing.assert_allclose(penalised(point)[1], objective(point)[1] + 0.1 * point)


def test_bad_models():
    features, target = np.zeros((4, 2)), np.zeros(4)
    with pytest.raises(ValueError, match=r"a matrix with a row for each target.*\(3, 2\).*\(4,\)"):
        scipy_objective(pl.mse_loss, features[:3], target)
    with pytest.raises(ValueError, match="l2 must be a number from 0, got -1"):
        scipy_objective(pl.mse_loss, features, target, l2=-1.0)
    for l2 in ("1", [1.0], True, np.nan):
        with pytest.raises(ValueError, match="l2 must be a number from 0, got"):
            scipy_objective(pl.mse_loss, features, target, l2=l2)
    with pytest.raises(TypeError, match="intercept must be True or False, got 'yes'"):
        scipy_objective(pl.mse_loss, features, target, intercept="yes")
    with pytest.raises(TypeError, match="features must be a matrix of numbers, got str"):
        scipy_objective(pl.mse_loss, "abcd", target)
    gaps = np.where(np.arange(8).reshape(4, 2) == 5, np.nan, features)
    with pytest.raises(ValueError, match=r"features must be finite, but that at \(2, 1\) is nan"):
        scipy_objective(pl.mse_loss, gaps, target)
    with pytest.raises(ValueError, match="reduction must be 'mean' or 'sum', got 'none'"):
        scipy_objective(pl.mse_loss, features, target, reduction="none")
    with pytest.raises(TypeError, match="scipy_objective: axis is set for every call"):
        scipy_objective(pl.mse_loss, features, target, axis=0)
    with pytest.raises(TypeError, match="one prediction and one target"):
        scipy_objective(pl.gaussian_nll_loss, features, target)
    objective = scipy_objective(pl.mse_loss, features, target)
    with pytest.raises(ValueError, match=r"has 3 parameters, got an array of shape \(2,\)"):
        objective(np.zeros(2))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (["a", "b", "b", "c"], TypeError, "labels, .* which are integers.*number the classes"),
        ([0.0, 1.0, 1.0, np.nan], TypeError, "labels, .* which are integers.*missing"),
        ([0.5, 1.0, 2.0, 2.0], TypeError, "labels, .* which are integers"),
        ([-1, 0, 1, 2], ValueError, r"class labels.*target\[0\] is -1"),
    ],
)
def test_labels_are_checked_before_they_are_counted(labels, error, message):
    with pytest.raises(error, match=f"cross_entropy: target .*{message}"):
        scipy_objective(pl.cross_entropy, np.zeros((4, 2)), np.asarray(labels))


def test_a_region_has_one_prediction_for_each_target():
    target = np.asarray([0.0, 1.0, 1.0, 0.0])
    objective = scipy_objective(pl.dice_loss, np.zeros((4, 2)), target, from_logits=True)
    value, gradient = objective(objective.start)
    assert gradient.shape == (3,)
    assert value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda p: np.zeros(4), "must return its predictions and their pullback.*got ndarray"),
        (lambda p: (np.zeros(3), lambda g: p), r"predictions of shape \(3,\) for targets .*\(4,\)"),
        (lambda p: (np.zeros((4, 1)), lambda g: p), r"predictions of shape \(4, 1\) for targets"),
        (lambda p: (np.zeros(4), lambda g: g), r"shape of the parameters, \(2,\).* returns \(4,\)"),
    ],
)
def test_a_model_that_returns_another_shape(model, message):
    with pytest.raises(ValueError, match=message):
        scipy_objective(pl.mse_loss, model, np.zeros(4))(np.zeros(2))


# least_squares


NAMED = {
    "soft_l1": pl.pseudo_huber_loss,
    "huber": pl.huber_loss,
    "cauchy": pl.cauchy_loss,
    "arctan": pl.arctan_loss,
}


def rho_of(name, z):
    """Return SciPy's own rho and derivatives: the cost of one residual at a time."""
    if name == "soft_l1":
        return [2 * ((1 + z) ** 0.5 - 1), (1 + z) ** -0.5, -0.5 * (1 + z) ** -1.5]
    if name == "huber":
        far = z > 1
        safe = np.where(far, z, 1.0)
        return [
            np.where(far, 2 * safe**0.5 - 1, z),
            np.where(far, safe**-0.5, 1.0),
            np.where(far, -0.5 * safe**-1.5, 0.0),
        ]
    if name == "cauchy":
        return [np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2]
    return [np.arctan(z), 1 / (1 + z**2), -2 * z / (1 + z**2) ** 2]


@pytest.mark.parametrize("name", NAMED)
def test_rho_is_that_of_the_named_loss(name):
    z = np.asarray([0.0, *10.0 ** np.arange(-12, 7), 0.5, 2.0])
    found, expected = scipy_rho(NAMED[name])(z), np.asarray(rho_of(name, z))
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(found[2], expected[2], atol=1e-7)
    np.testing.assert_allclose(z * found[2], z * expected[2], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("f_scale", [1.0, 30.0])
def test_a_robust_fit_is_that_of_scipy(name, f_scale):
    features, target = load_diabetes(return_X_y=True)
    features = scale(features)[:, 2:4]

    def residuals(p):
        return features @ p[:2] + p[2] - target

    start = np.asarray([20.0, 20.0, 150.0])
    ours, theirs = (
        least_squares(residuals, start, loss=loss, f_scale=f_scale, xtol=1e-12, ftol=1e-12)
        for loss in (scipy_rho(NAMED[name]), name)
    )
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-6)
    assert ours.cost == pytest.approx(theirs.cost, rel=1e-10)


def test_the_cost_is_the_sum_of_the_losses():
    target = np.asarray([1.0, 3.0, 5.0, 90.0])
    rho = pickle.loads(pickle.dumps(scipy_rho(pl.tukey_biweight_loss, scale=3.0)))
    found = least_squares(lambda p: p[0] + p[1] * np.arange(4.0) - target, [1.0, 1.8], loss=rho)
    pred = found.x[0] + found.x[1] * np.arange(4.0)
    np.testing.assert_allclose(found.x, [1, 2], atol=1e-3)
    total = pl.tukey_biweight_loss(pred, target, scale=3.0, reduction="sum")
    assert found.cost == pytest.approx(float(total))
    assert repr(rho) == "scipy_rho(tukey_biweight_loss, scale=3.0)"


@pytest.mark.parametrize("loss", [pl.pinball_loss, pl.expectile_loss])
def test_signs_are_lost_in_squares(loss):
    with pytest.raises(ValueError, match="depends on the sign of the residual"):
        scipy_rho(loss, **{next(iter(loss.signature.parameters)): 0.3})


@pytest.mark.parametrize("loss", [pl.mape_loss, pl.smape_loss])
def test_a_loss_that_is_of_more_than_the_residual(loss):
    with pytest.raises(TypeError, match=f"scipy_rho: {loss.__name__} depends on more than"):
        scipy_rho(loss)


@pytest.mark.parametrize("loss", [pl.cross_entropy, LOGITS, pl.poisson_deviance_loss, pl.rmse_loss])
def test_a_loss_that_is_of_no_residual(loss):
    with pytest.raises(TypeError, match=f"scipy_rho: {loss.__name__} is no loss of a residual"):
        scipy_rho(loss)
