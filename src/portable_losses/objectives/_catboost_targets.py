"""Objectives and metrics of several targets, which CatBoost knows by their base classes."""

from typing import Any

import catboost
import numpy as np

from ._catboost_methods import CatBoostMetric, CatBoostObjective


class TargetsObjective(CatBoostObjective, catboost.MultiTargetCustomObjective):  # type: ignore[misc]
    """A loss as an objective of several targets."""


class TargetsMetric(CatBoostMetric, catboost.MultiTargetCustomMetric):  # type: ignore[misc]
    """A loss as a metric of several targets."""

    def evaluate(self, approxes: Any, target: Any, weight: Any) -> tuple[float, float]:
        """Return the weighted sum of the loss, and the sum of the weights."""
        return super().evaluate(approxes, np.asarray(target, dtype=np.float64).T, weight)
