"""The score that a scorer of scikit-learn computes: targets come first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._loss import Loss
from ..typing import Array
from ._bound import Bound


class LossScore(Bound):
    """A loss with targets first, as scikit-learn's metrics have them: see `sklearn_scorer`."""

    def __init__(
        self,
        loss: Loss[...],
        labels: Sequence[Any] | None,
        parameters: Mapping[str, Any],
        classifies: bool = False,
    ) -> None:
        super().__init__("sklearn_scorer", loss, parameters)
        self.one_prediction()
        if "log_input" in loss.signature.parameters:
            self.parameters.setdefault("log_input", False)
        self.__name__ = self.name
        self.labels = labels
        self.classifies = classifies
        if self.core not in ((), ("class",)):
            raise TypeError(
                f"sklearn_scorer: {self.name} is a loss of a whole {self.core[0]}, not of rows"
            )

    def __repr__(self) -> str:
        return f"<{self.summary}>"

    @property
    def response(self) -> str:
        """What the loss is computed from, by its domains."""
        pred, target = self.loss.signature.domains[0][:2]
        if pred.interval is not None and pred.interval.le == 1:
            return "predict_proba"
        if pred.description.startswith("log-probabilities"):
            raise TypeError(
                f"sklearn_scorer: {self.name} takes log-probabilities, which scorers have not; use "
                "categorical_cross_entropy"
            )
        kinds = self.takes_labels or self.takes_signs
        if kinds or (target.interval is not None and target.interval.le == 1):
            return "decision_function"
        return "predict"

    def __call__(self, target: Any, pred: Any, sample_weight: Array | None = None) -> float:
        """Return the loss."""
        pred, target = np.asarray(pred), np.asarray(target)
        if target.shape == (*pred.shape, 1):
            target = target[..., 0]  # a column of a table
        elif pred.shape == (*target.shape, 1) and self.takes_elements:
            pred = pred[..., 0]
        if self.classifies and target.ndim == 1:
            target = self._codes(target, pred)
            if pred.ndim == 1 and not self.takes_elements:
                rest = 1 - pred if self.response == "predict_proba" else np.zeros_like(pred)
                pred = np.stack([rest, pred], axis=1)
            if pred.ndim == 1 or not self.takes_labels:
                target = 2.0 * target - 1 if self.takes_signs else target.astype(np.float64)
        if sample_weight is not None:
            sample_weight = np.asarray(sample_weight, dtype=np.float64)
            if pred.ndim > 1 and not self.core:
                sample_weight = sample_weight[:, None]
        return float(self.loss(pred, target, weights=sample_weight, **self.parameters))

    def _codes(self, target: Array, pred: Array) -> Array:
        """Return the class of each target, from 0."""
        count = 2 if pred.ndim == 1 else pred.shape[1]
        labels = np.asarray(self.labels)
        order = np.argsort(labels)
        places = np.searchsorted(labels, target, sorter=order).clip(max=len(labels) - 1)
        codes = order[places]
        if len(labels) != count or (labels[codes] != target).any():
            raise ValueError(
                f"sklearn_scorer: the estimator has {count} classes, {labels.tolist()}, and the "
                f"targets have the labels {np.unique(target).tolist()}: train on all classes, as "
                "StratifiedKFold does"
            )
        return codes
