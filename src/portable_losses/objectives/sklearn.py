"""Losses as scikit-learn's scorers."""

from collections.abc import Sequence
from typing import Any

from .._loss import Loss
from ._sklearn_score import LossScore

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
