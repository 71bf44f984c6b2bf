"""The methods that CatBoost calls."""

from typing import Any

import numpy as np

from ..typing import Array
from ._boosting import Boosted, Objective

ROW_FACTOR = 2.0
"""With twice its diagonal the Hessian of the softmax is exceeded in every direction."""

_ROUNDING = 1e-12
"""The share of the largest eigenvalue that a negative one may have by rounding."""


class CatBoostObjective(Objective):
    """A loss as an objective: see `catboost_objective`."""

    outputs = "class_names to the list of classes"

    def calc_ders_range(
        self, approxes: Any, targets: Any, weights: Any
    ) -> list[tuple[float, float]]:
        """Return the negative derivatives of all rows, which have one prediction each."""
        pred = np.asarray(approxes, dtype=np.float64)
        first, second = self._derivatives(pred, targets, weights)
        return list(zip(first.tolist(), second.tolist(), strict=True))

    def calc_ders_multi(
        self, approxes: Any, targets: Any, weight: Any
    ) -> tuple[list[float], list[list[float]]]:
        """Return the negative derivatives of one row with several predictions."""
        weight = 1.0 if weight is None else weight
        pred = np.asarray(approxes, dtype=np.float64)[None]
        target = np.reshape(np.asarray(targets, dtype=np.float64), (1, -1))
        first, second = self._derivatives(pred, target, np.asarray([weight]))
        matrix = self._matrix(pred, self.target_for(pred, target))
        if matrix is None:
            return first[0].tolist(), np.diag(second[0]).tolist()
        return first[0].tolist(), (-weight * self.factor * matrix).tolist()

    def _matrix(self, pred: Array, target: Array) -> Array | None:
        """Return the second derivative of a row; None if it has no use, or is not known.

        Its columns are products with the unit vectors. The surrogate is its part that is not
        negative.
        """
        known = self.core and self.loss.formulas.knows_product()
        if not known or not isinstance(self.hessian, str):
            return None
        size = pred.shape[-1]
        rows = [np.repeat(x, size, axis=0) for x in (pred, target)]
        options = {**self.parameters, "reduction": "sum"}
        matrix: Array = self.loss.hessian_product(*rows, np.eye(size), **options)
        if self.hessian == "exact":
            return matrix
        values, vectors = np.linalg.eigh(matrix)
        if not values[-1] > 0:
            return None
        if values[0] < -_ROUNDING * values[-1]:
            matrix = (vectors * np.maximum(values, 0.0)) @ vectors.T
        return matrix

    def _derivatives(self, pred: Array, targets: Any, weights: Any) -> tuple[Array, Array]:
        weights = None if weights is None else np.asarray(weights, dtype=np.float64)
        target = self.target_for(pred, targets)
        first, second = self.derivatives(pred, target, weights, None, ROW_FACTOR)
        return -first, -second


class CatBoostMetric(Boosted):
    """A loss as a metric: see `catboost_metric`."""

    outputs = "class_names to the list of classes"

    def evaluate(self, approxes: Any, target: Any, weight: Any) -> tuple[float, float]:
        """Return the weighted sum of the loss, and the sum of the weights."""
        pred = np.asarray(approxes, dtype=np.float64)
        pred = pred[0] if len(pred) == 1 else pred.T
        targets = np.asarray(target, dtype=np.float64)
        weights = None if weight is None else np.asarray(weight, dtype=np.float64)
        total = float(len(pred) if weights is None else weights.sum())
        return self.value(pred, self.target_for(pred, targets), weights) * total, total

    def get_final_error(self, error: float, weight: float) -> float:
        """Return the weighted mean."""
        return error / weight if weight else float("nan")

    def is_max_optimal(self) -> bool:
        """Return that less is better."""
        return False
