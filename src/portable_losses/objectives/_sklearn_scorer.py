"""The class behind `sklearn_scorer`, in a file that is imported with scikit-learn."""

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.metrics import make_scorer

from .._loss import Loss
from ._sklearn_score import LossScore


class LossScorer(BaseEstimator):  # type: ignore[misc]
    """A scorer that knows the classes of the estimator: see `sklearn_scorer`.

    The functions of ``make_scorer`` are not told them, and a fold may lack one. The base class has
    the requests of metadata.
    """

    def __init__(
        self,
        loss: Loss[...],
        response_method: str,
        labels: Sequence[Any] | None,
        parameters: Mapping[str, Any],
    ) -> None:
        self.loss = loss
        self.response_method = response_method
        self.labels = labels
        self.parameters = parameters

    def score(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return minus the loss."""
        labels = getattr(estimator, "classes_", None) if self.labels is None else self.labels
        classifies = self.response_method != "predict"
        scorer = make_scorer(
            LossScore(self.loss, labels, self.parameters, classifies),
            response_method=self.response_method,
            greater_is_better=False,
        )
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return float(scorer(estimator, X, y, **weights))

    __call__ = score

    def __repr__(self) -> str:
        score = LossScore(self.loss, self.labels, self.parameters)
        return f"sklearn_scorer({score.summary}, response_method={self.response_method!r})"
