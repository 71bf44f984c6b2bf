"""Losses as scikit-learn's scorers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._loss import Loss
from ..typing import Array
from ._bound import Bound

__all__ = ["sklearn_scorer"]

METHODS = ("predict", "predict_proba", "decision_function")


def sklearn_scorer(
    loss: Loss[...],
    /,
    *,
    response_method: str | None = None,
    labels: Sequence[Any] | None = None,
    **parameters: Any,
) -> Any:
    """Return a loss as a scorer, for ``cross_val_score``, ``GridSearchCV`` and their like.

    scikit-learn's metrics take targets first, and more is better for its scorers. A loss that is
    passed by itself, or through ``make_scorer``, is silently wrong in both. This scorer passes
    predictions first, and returns minus the loss.

    Parameters
    ----------
    loss : Loss
        A loss of elements, or of rows of classes.
    response_method : {"predict", "predict_proba", "decision_function"}, optional
        What the loss is computed from. By default probabilities for losses of probabilities,
        decision values for losses of logits and of signs, and predictions for all others.
    labels : sequence, optional
        The labels of the classes, in the order of the probabilities or decision values. By default
        ``classes_`` of the estimator.
    **parameters
        The parameters of the loss, such as ``quantile=0.9``.

    Returns
    -------
    callable
        The scorer, a function of (estimator, X, y) and optionally ``sample_weight``, which
        ``set_score_request(sample_weight=True)`` asks for. It can be pickled and cloned.

    Raises
    ------
    TypeError
        If the loss has no such parameter, several predictions, or takes log-probabilities.
    ValueError
        If `response_method` is none of these. The scorer raises it for labels that the estimator
        has not seen, and for another number of classes.
    ImportError
        If scikit-learn is not installed.

    See Also
    --------
    d2_score : A score between models: the share of the best constant's loss that one saves.

    Notes
    -----
    In binary classification, probability and decision value are those of the second class, whose
    label is 1 for the loss. For a loss of rows they become two columns, 1 - p and p, or 0 and the
    decision value. Models of counts and amounts predict means, so ``log_input`` is False here where
    the loss has it.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import QuantileRegressor
    >>> from sklearn.model_selection import cross_val_score
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import sklearn_scorer
    >>> scorer = sklearn_scorer(pl.pinball_loss, quantile=0.9)
    >>> X, y = load_diabetes(return_X_y=True)
    >>> cross_val_score(QuantileRegressor(quantile=0.9, alpha=0.01), X, y, scoring=scorer).round(1)
    array([-15.1, -14.6, -14.7, -12.7, -13.7])
    """
    from ._sklearn_scorer import LossScorer

    score = LossScore(loss, None, parameters)  # checks the loss and its parameters
    method = score.response if response_method is None else response_method
    if method not in METHODS:
        raise ValueError(
            f"sklearn_scorer: response_method must be one of {', '.join(METHODS)}, got {method!r}"
        )
    return LossScorer(loss=loss, response_method=method, labels=labels, parameters=parameters)


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
        pred, target = self.loss.signature.domains[0]
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
