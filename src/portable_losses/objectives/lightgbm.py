"""Losses as objectives and metrics of LightGBM."""

from typing import Any

import numpy as np

from .._loss import Loss
from ..typing import Array
from ._boosting import Boosted, Hessian, Objective
from ._texts import metric_of, objective_of

__all__ = ["lightgbm_metric", "lightgbm_objective"]


@objective_of("LightGBM")
def lightgbm_objective(
    loss: Loss[...],
    /,
    *,
    hessian: Hessian = "surrogate",
    factor: float = 1.0,
    **parameters: Any,
) -> Any:
    """Return a loss as an objective of LightGBM, for both of its interfaces.

    Parameters
    ----------
    loss : Loss
        A loss of elements (`fair_loss`), of a row of classes (`cross_entropy`) or of the items of a
        group (`lambdarank_loss`), from the raw scores of the model: of logits, not of
        probabilities.
    hessian : {"surrogate", "exact"} or float, default "surrogate"
        The curvature. "exact" is the second derivative. "surrogate" is the second derivative where
        it is positive, and 1 elsewhere, as for L1, quantiles and the linear parts of Huber's loss;
        that of a row of K classes is multiplied by K / (K - 1). A positive number is the curvature
        of every row: gradient boosting instead of Newton's method.

    Returns
    -------
    callable
        The objective, a function of (predictions, ``Dataset``) or (targets, predictions, weight,
        group), that returns gradient and curvature in the shape of the predictions. It can be
        pickled and copied.

    See Also
    --------
    lightgbm_metric : The loss as ``feval`` or ``eval_metric``.
    optimal_constant : The ``init_score`` to start from.

    Notes
    -----
    A row of K classes needs ``num_class=K``; ``LGBMClassifier`` sets it itself for more than two.
    Several quantiles of one target need it too: ``quantile=(0.1, 0.5, 0.9)`` with ``num_class=3``.

    With a custom objective LightGBM starts from 0 and predicts raw scores: give the
    ``Dataset`` an ``init_score`` of ``optimal_constant(loss, target)``, add it to the predictions,
    and apply `special.sigmoid`, `special.softmax` or the exponential. Far from the targets all
    gradients of `huber_loss` or `l1_loss` are the same, so from 0 it may find nothing to split.
    Its own default metric of a classifier takes raw scores for probabilities: pass
    ``metric="None"`` and `lightgbm_metric`, above all for early stopping.

    Models equal those of the built-in objectives, with ``boost_from_average=False``:

    ===================  =========================================================================
    built-in objective   loss
    ===================  =========================================================================
    regression           `mse_loss` with ``factor=0.5``
    fair                 `fair_loss`, ``scale`` for ``fair_c``
    huber                `huber_loss`, ``delta`` for ``alpha``
    poisson              `poisson_nll_loss`, whose curvature is smaller by
                         exp(``poisson_max_delta_step``)
    gamma, tweedie       `gamma_deviance_loss`, `tweedie_deviance_loss`, both with
                         ``log_input=True`` and ``factor=0.5``
    binary               `binary_cross_entropy_with_logits`
    multiclass           `cross_entropy`
    quantile             `pinball_loss`. LightGBM then replaces the value of each leaf by a quantile
                         of its residuals, which no objective can do: the first tree splits in the
                         same places, but the steps of its leaves are smaller
    ===================  =========================================================================

    Examples
    --------
    >>> import numpy as np
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import lightgbm_objective
    >>> objective = lightgbm_objective(pl.huber_loss, delta=2.0)
    >>> objective
    lightgbm_objective(huber_loss, delta=2.0)

    ``LGBMRegressor(objective=objective)`` calls it with targets first:

    >>> target, pred = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 5.0])
    >>> gradient, curvature = objective(target, pred)
    >>> gradient
    array([-1.,  1.,  2.])

    ``lightgbm.train({"objective": objective}, data)`` calls it with the predictions and the
    ``Dataset``.
    """
    return LightGBMObjective("lightgbm_objective", loss, parameters, hessian, factor)


@metric_of("LightGBM")
def lightgbm_metric(loss: Loss[...], /, **parameters: Any) -> Any:
    """Return a loss as a metric of LightGBM, for both of its interfaces.

    Returns
    -------
    callable
        The metric: ``feval`` of ``lightgbm.train``, or ``eval_metric`` of an estimator. It returns
        the name of the loss, its value, and False: less is better.

    See Also
    --------
    lightgbm_objective : The loss as the objective.

    Examples
    --------
    >>> import numpy as np
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import lightgbm_metric
    >>> metric = lightgbm_metric(pl.huber_loss, delta=2.0)
    >>> metric(np.array([1.0, 0.0]), np.array([0.0, 5.0]), np.array([3.0, 1.0]))
    ('huber_loss', 2.375, False)
    """
    return LightGBMMetric("lightgbm_metric", loss, parameters)


class LightGBMObjective(Objective):
    """A loss as an objective: see `lightgbm_objective`."""

    # LightGBM counts the parameters to see what it may pass.
    def __call__(
        self, first: Array, second: Any, weight: Array | None = None, group: Array | None = None
    ) -> tuple[Array, Array]:
        """Return gradient and curvature: K / (K - 1) is of Friedman's multiclass boosting."""
        pred, target, weights, sizes = _read(self, first, second, weight, group)
        classes = pred.shape[-1] if pred.ndim > 1 else 2
        return self.derivatives(pred, target, weights, sizes, classes / (classes - 1))


class LightGBMMetric(Boosted):
    """A loss as a metric: see `lightgbm_metric`."""

    def __call__(
        self, first: Array, second: Any, weight: Array | None = None, group: Array | None = None
    ) -> tuple[str, float, bool]:
        """Return the name, the value, and that more is not better."""
        return self.name, self.value(*_read(self, first, second, weight, group)), False


def _read(
    boosted: Boosted, first: Array, second: Any, weight: Array | None, group: Array | None
) -> tuple[Array, Array, Array | None, Array | None]:
    """Return predictions, targets, weights of the rows, and sizes of the groups."""
    if hasattr(second, "get_label"):
        pred, target = first, second.get_label()
        weight, group = second.get_weight(), second.get_group()
    else:
        pred, target = second, first
    pred = np.asarray(pred)
    return pred, boosted.target_for(pred, target), weight, group
