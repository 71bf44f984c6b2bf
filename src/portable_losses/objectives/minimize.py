"""Losses of a model's parameters, for SciPy's minimisers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._loss import Loss
from ..typing import Array
from ._bound import Bound, check_switch, is_number

__all__ = ["scipy_objective"]


def scipy_objective(
    loss: Loss[...],
    /,
    model: Array | Callable[[Array], tuple[Array, Callable[[Array], Array]]],
    target: Array,
    *,
    l2: float = 0.0,
    intercept: bool = True,
    **options: Any,
) -> Any:
    r"""Return the loss of a model as a function of its parameters, for ``scipy.optimize.minimize``.

    The function returns the value and the gradient: pass ``jac=True``.

    Parameters
    ----------
    loss : Loss
        The loss, with one prediction and one target.
    model : array of shape (n, d) or callable
        The features of a linear model, a row for each target. Or a function from the vector of
        parameters to the predictions and their pullback: a function from the gradient with respect
        to the predictions to that with respect to the parameters.
    target : array
        The targets: n labels, numbers or rows, as the loss takes them.
    l2 : float, default 0.0
        The weight of the penalty ``l2 / 2 * sum(coef**2)``, from 0. The intercept has none; all
        parameters of a model that is a function have it.
    intercept : bool, default True
        Whether a linear model has an intercept, which is then its last parameter. A function has
        what it has.
    **options
        Parameters and options of the loss, such as ``weights``, ``reduction`` or ``delta``.

    Returns
    -------
    callable
        The objective: from a vector of parameters to the value and its gradient, in float64. Its
        attribute ``start`` is a vector of zeros to begin from, for a linear model. Its method
        ``split`` returns coefficients and intercept, and its method ``hessp`` the product of the
        Hessian with a vector: pass ``hessp=objective.hessp`` to ``newton-cg``, ``trust-ncg`` and
        ``trust-krylov``. For K classes the coefficients have shape (K, d), and the vector of
        parameters holds a row with its intercept after the other.

    Raises
    ------
    TypeError
        If the loss has no such option, or several predictions.
    ValueError
        If the features are not a matrix with a row for each target, `l2` is negative, or a model or
        its pullback returns another shape than it must.

    See Also
    --------
    scipy_rho : For ``scipy.optimize.least_squares``.

    Notes
    -----
    The objective is

    .. math:: L(X w + b, y) + \tfrac{\lambda}{2} \sum_j w_j^2.

    With ``reduction="sum"`` and ``l2=1 / C`` that of the binary cross-entropy is scikit-learn's
    ``LogisticRegression``, divided by C. Classes are counted from the labels: the largest
    label is the last class.

    Where a loss has no curvature, as `pinball_loss` everywhere and `huber_loss` far from the
    targets, ``newton-cg`` stops and reports success: take ``BFGS`` or ``trust-ncg`` for these.

    Examples
    --------
    >>> import numpy as np
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import scipy_objective
    >>> features = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> target = np.array([1.0, 3.0, 50.0, 7.0, 9.0])
    >>> objective = scipy_objective(pl.huber_loss, features, target, delta=0.1)
    >>> value, gradient = objective(objective.start)
    >>> gradient
    array([-0.2, -0.1])

    A robust line, which an outlier does not move far:

    >>> from scipy.optimize import minimize
    >>> found = minimize(objective, objective.start, jac=True, method="BFGS")
    >>> coef, intercept = objective.split(found.x)
    >>> print(coef.round(1), intercept.round(1))
    [2.] 1.0

    Logistic regression by Newton's method, which never forms the Hessian:

    >>> logits = pl.binary_cross_entropy_with_logits
    >>> objective = scipy_objective(logits, features, [0.0, 0.0, 1.0, 0.0, 1.0], l2=0.1)
    >>> found = minimize(
    ...     objective, objective.start, jac=True, hessp=objective.hessp, method="newton-cg"
    ... )
    >>> coef, intercept = objective.split(found.x)
    >>> print(coef.round(3), intercept.round(3))
    [0.782] -2.087

    Your own model, ``exp(a * x)``:

    >>> x = np.array([0.0, 1.0, 2.0])
    >>> def growth(parameters):
    ...     pred = np.exp(parameters[0] * x)
    ...     return pred, lambda gradient: np.array([gradient @ (x * pred)])
    >>> objective = scipy_objective(pl.mse_loss, growth, np.exp(0.7 * x))
    >>> float(minimize(objective, [0.0], jac=True).x[0].round(4))
    0.7
    """
    bound = Bound("scipy_objective", loss, options, reserved=("axis",))
    bound.one_prediction()
    check_switch("scipy_objective", "intercept", intercept)
    if not (is_number(l2) and 0 <= l2 < np.inf):
        raise ValueError(f"scipy_objective: l2 must be a number from 0, got {l2!r}")
    if bound.parameters.get("reduction") == "none":
        raise ValueError("scipy_objective: reduction must be 'mean' or 'sum', got 'none'")
    if callable(model):
        return ModelObjective(bound, model, target, l2)
    return LinearObjective(bound, _features(model), target, l2, intercept)


def _features(model: Any) -> Array:
    """Return features as an array of finite numbers."""
    try:
        features = np.asarray(model, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "scipy_objective: the features must be a matrix of numbers, got "
            f"{type(model).__name__}: {error}"
        ) from error
    wrong = np.argwhere(~np.isfinite(features))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ValueError(
            f"scipy_objective: the features must be finite, but that at {place} is "
            f"{features[place]}; fill gaps first"
        )
    return features


class ModelObjective:
    """The loss of a model of its parameters: see `scipy_objective`."""

    def __init__(self, bound: Bound, model: Any, target: Any, l2: float) -> None:
        self.bound = bound
        self.model = model
        self.target = np.asarray(target)
        self.l2 = l2

    def __call__(self, parameters: Array, /) -> tuple[float, Array]:
        """Return the value and the gradient."""
        parameters = np.asarray(parameters, dtype=np.float64)
        pred, pullback = self.predict(parameters)
        value, gradient = self.bound.loss.value_and_grad(pred, self.target, **self.bound.parameters)
        pulled = np.asarray(pullback(gradient), dtype=np.float64)
        if pulled.shape != parameters.shape:
            raise ValueError(
                f"scipy_objective: the pullback of the model must return the shape of the "
                f"parameters, {parameters.shape}, but returns {pulled.shape}"
            )
        penalised = self.penalised(parameters)
        return (
            float(value) + self.l2 / 2 * float(penalised @ penalised),
            pulled + self.l2 * penalised,
        )

    def predict(self, parameters: Array) -> tuple[Array, Callable[[Array], Array]]:
        """Return the predictions and their pullback."""
        found = self.model(parameters)
        if not (isinstance(found, tuple) and len(found) == 2 and callable(found[1])):
            raise ValueError(
                "scipy_objective: the model must return its predictions and their pullback, a "
                f"function, got {type(found).__name__}"
            )
        pred, pullback = np.asarray(found[0]), found[1]
        labels = self.bound.takes_labels and pred.shape[:-1] == self.target.shape
        if pred.shape != self.target.shape and not labels:
            raise ValueError(
                f"scipy_objective: the model returns predictions of shape {pred.shape} for targets "
                f"of shape {self.target.shape}: it must return one for each target, and for labels "
                "a row of classes"
            )
        return pred, pullback

    def penalised(self, parameters: Array) -> Array:
        """Return the parameters that the penalty is about, and 0 for the others."""
        return parameters


class LinearObjective(ModelObjective):
    """The loss of a linear model of its coefficients: see `scipy_objective`."""

    def __init__(
        self, bound: Bound, features: Array, target: Any, l2: float, intercept: bool
    ) -> None:
        super().__init__(bound, None, target, l2)
        if features.ndim != 2 or not self.target.ndim or len(features) != len(self.target):
            raise ValueError(
                "scipy_objective: the features must be a matrix with a row for each target, got "
                f"shape {features.shape} for targets of shape {self.target.shape}"
            )
        self.features = features
        self.intercept = intercept
        if "class" in bound.core and bound.takes_labels and self.target.ndim == 1:
            self.outputs: tuple[int, ...] = (bound.count_classes(self.target),)
        else:
            self.outputs = self.target.shape[1:]
        self.shape = (*self.outputs, features.shape[1] + intercept)
        self.start = np.zeros(int(np.prod(self.shape)))

    def hessp(self, parameters: Array, vector: Array, /) -> Array:
        """Return the product of the Hessian with a vector of the shape of the parameters.

        The predictions are linear, so only the loss is curved: in the direction in which the vector
        moves them.
        """
        vector = np.asarray(vector, dtype=np.float64)
        if vector.shape != self.start.shape:
            raise ValueError(
                f"scipy_objective: the vector must have the shape of the parameters, "
                f"{self.start.shape}, got {vector.shape}"
            )
        pred, pullback = self.predict(np.asarray(parameters, dtype=np.float64))
        along, _ = self.predict(vector)
        curved = self.bound.loss.hessian_product(pred, self.target, along, **self.bound.parameters)
        return pullback(curved) + self.l2 * self.penalised(vector)

    def predict(self, parameters: Array) -> tuple[Array, Callable[[Array], Array]]:
        """Return the predictions and their pullback."""
        if parameters.shape != self.start.shape:
            raise ValueError(
                f"scipy_objective: the linear model has {self.start.size} parameters, got an array "
                f"of shape {parameters.shape}; begin from `objective.start`"
            )
        coef, intercept = self.split(parameters)

        def pullback(gradient: Array) -> Array:
            rows = gradient.T @ self.features
            if self.intercept:
                rows = np.concatenate([rows, gradient.sum(axis=0)[..., None]], axis=-1)
            return np.reshape(rows, -1)

        return self.features @ coef.T + intercept, pullback

    def penalised(self, parameters: Array) -> Array:
        """Return the coefficients, and 0 for the intercept."""
        rows = np.reshape(parameters, self.shape).copy()
        if self.intercept:
            rows[..., -1] = 0.0
        return rows.reshape(-1)

    def split(self, parameters: Array, /) -> tuple[Array, Array]:
        """Return coefficients and intercept."""
        rows = np.reshape(parameters, self.shape)
        if self.intercept:
            return rows[..., :-1], rows[..., -1]
        return rows, np.zeros(self.outputs)
