"""Losses as objectives and metrics of XGBoost."""

from typing import Any

import numpy as np

from .._loss import Loss
from ..typing import Array
from ._boosting import Boosted, Hessian, Objective
from ._texts import metric_of, objective_of

__all__ = ["xgboost_metric", "xgboost_objective"]

ROW_FACTOR = 2.0
"""XGBoost's own curvature of the softmax is 2 p (1 - p): the sum of a row of its Hessian."""


@objective_of("XGBoost")
def xgboost_objective(
    loss: Loss[...],
    /,
    *,
    hessian: Hessian = "surrogate",
    factor: float = 1.0,
    **parameters: Any,
) -> Any:
    """Return a loss as an objective of XGBoost, for both of its interfaces.

    Parameters
    ----------
    loss : Loss
        A loss of elements (`huber_loss`), of a row of classes (`cross_entropy`) or of the items of
        a group (`lambdarank_loss`), from the raw scores of the model: of logits, not of
        probabilities.
    hessian : {"surrogate", "exact"} or float, default "surrogate"
        The curvature. "exact" is the second derivative. "surrogate" is the second derivative where
        it is positive, and 1 elsewhere, as for L1 and quantiles; that of a row of classes is
        multiplied by 2. A positive number is the curvature of every row: gradient boosting instead
        of Newton's method.

    Returns
    -------
    callable
        The objective, a function of (predictions, ``DMatrix``) or (targets, predictions,
        sample_weight), that returns gradient and curvature in the shape of the predictions. It can
        be pickled and copied.

    See Also
    --------
    xgboost_metric : The loss as ``custom_metric`` or ``eval_metric``.
    optimal_constant : The ``base_score`` to start from.

    Notes
    -----
    A row of K classes needs ``num_class=K``. Several targets need a matrix of targets, or one
    target and a sequence as parameter: ``quantile=(0.1, 0.5, 0.9)`` with ``num_class=3``. Groups
    are those of the ``DMatrix``; its weights are then one for each group. ``XGBRanker`` takes no
    objective; use ``xgboost.train``.

    With a custom objective XGBoost starts from a score of 0.5: pass
    ``base_score=optimal_constant(loss, target)``. ``model.predict(data, output_margin=True)``
    returns raw scores: apply `special.sigmoid`, `special.softmax` or the exponential. Without
    ``output_margin`` a model of ``xgboost.train`` with `num_class` returns the number of the
    largest score, also for quantiles; all others return raw scores. Only ``XGBClassifier`` keeps
    the link of its built-in objective: its ``base_score`` and its predictions are probabilities,
    those of logits. Where `num_class` is set, ``disable_default_eval_metric=True`` stops XGBoost
    from reading targets as labels.

    Models equal those of the built-in objectives:

    ======================  ======================================================================
    built-in objective      loss
    ======================  ======================================================================
    reg:squarederror        `mse_loss` with ``factor=0.5``
    reg:pseudohubererror    `pseudo_huber_loss`, ``delta`` for ``huber_slope``
    binary:logistic         `binary_cross_entropy_with_logits`
    multi:softprob          `cross_entropy`
    count:poisson           `poisson_nll_loss`, whose curvature is smaller by
                            exp(``max_delta_step``)
    reg:gamma, reg:tweedie  `gamma_deviance_loss`, `tweedie_deviance_loss`, both with
                            ``log_input=True`` and ``factor=0.5``
    reg:quantileerror       `pinball_loss`. XGBoost then replaces the value of each leaf by a
                            quantile of its residuals, which no objective can do, except in trees
                            of ``tree_method="exact"``: those are equal
    ======================  ======================================================================

    Examples
    --------
    >>> import numpy as np
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import xgboost_objective
    >>> objective = xgboost_objective(pl.huber_loss, delta=2.0)
    >>> objective
    xgboost_objective(huber_loss, delta=2.0)

    ``XGBRegressor(objective=objective)`` calls it with targets first:

    >>> target, pred = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 5.0])
    >>> gradient, curvature = objective(target, pred)
    >>> gradient
    array([-1.,  1.,  2.])
    >>> curvature
    array([1., 1., 1.])

    ``xgboost.train(params, data, obj=objective)`` calls it with the predictions and the
    ``DMatrix``.
    """
    return XGBoostObjective("xgboost_objective", loss, parameters, hessian, factor)


@metric_of("XGBoost")
def xgboost_metric(loss: Loss[...], /, **parameters: Any) -> Any:
    """Return a loss as a metric of XGBoost, for both of its interfaces.

    Returns
    -------
    callable
        The metric: ``custom_metric`` of ``xgboost.train``, for which it returns the name of the
        loss and its value; ``eval_metric`` of an estimator, for which it returns the value.

    See Also
    --------
    xgboost_objective : The loss as the objective.

    Examples
    --------
    >>> import numpy as np
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import xgboost_metric
    >>> metric = xgboost_metric(pl.huber_loss, delta=2.0)
    >>> metric(np.array([1.0, 0.0]), np.array([0.0, 5.0]), sample_weight=np.array([3.0, 1.0]))
    2.375
    """
    return XGBoostMetric("xgboost_metric", loss, parameters)


class XGBoostObjective(Objective):
    """A loss as an objective: see `xgboost_objective`."""

    def __call__(
        self, first: Array, second: Any, sample_weight: Array | None = None
    ) -> tuple[Array, Array]:
        """Return gradient and curvature."""
        read = _read(self, first, second, sample_weight)
        return self.derivatives(*read, ROW_FACTOR)


class XGBoostMetric(Boosted):
    """A loss as a metric: see `xgboost_metric`."""

    def __call__(self, first: Array, second: Any, sample_weight: Array | None = None) -> Any:
        """Return the value, with its name where XGBoost passes its own data."""
        value = self.value(*_read(self, first, second, sample_weight))
        return (self.name, value) if hasattr(second, "get_label") else value


def _read(
    boosted: Boosted, first: Array, second: Any, sample_weight: Array | None
) -> tuple[Array, Array, Array | None, Array | None]:
    """Return predictions, targets, weights of the rows, and sizes of the groups."""
    if not hasattr(second, "get_label"):
        pred = np.asarray(second)
        return pred, boosted.target_for(pred, first), sample_weight, None
    pred, weights = np.asarray(first), second.get_weight()
    target = boosted.target_for(pred, second.get_label())
    if not boosted.ranks:
        return pred, target, weights if weights.size else None, None
    sizes = np.diff(second.get_uint_info("group_ptr"))
    return pred, target, np.repeat(weights, sizes) if weights.size else None, sizes
