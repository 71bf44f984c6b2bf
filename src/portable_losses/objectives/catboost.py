"""Losses as objectives and metrics of CatBoost."""

from typing import Any

from .._loss import Loss
from ._boosting import Boosted, Hessian
from ._bound import check_switch
from ._catboost_methods import CatBoostMetric, CatBoostObjective

__all__ = ["catboost_metric", "catboost_objective"]


def catboost_objective(
    loss: Loss[...],
    /,
    *,
    hessian: Hessian = "surrogate",
    factor: float = 1.0,
    several_targets: bool = False,
    **parameters: Any,
) -> Any:
    """Return a loss as an objective of CatBoost.

    CatBoost maximises: it wants the negative gradient and the negative curvature, for all rows of a
    loss of elements, and for one row after the other where a row has several predictions. This
    function has the signs and the shapes right.

    Parameters
    ----------
    loss : Loss
        A loss of elements (`huber_loss`) or of a row of classes (`cross_entropy`), from the raw
        scores of the model: of logits, not of probabilities.
    hessian : {"surrogate", "exact"} or float, default "surrogate"
        The curvature. "exact" is the second derivative. "surrogate" is the second derivative where
        it is positive, and 1 elsewhere, as for L1 and quantiles. A positive number is the curvature
        of every row.
    factor : float, default 1.0
        The number that multiplies the loss. With 0.5 `mse_loss` and the deviances are the halves
        that boosting libraries have, beside which regularisation is measured.
    several_targets : bool, default False
        Whether a row has several targets, with a loss of elements for each of them.
    **parameters
        The parameters of the loss, such as ``delta=2.0``.

    Returns
    -------
    object
        The objective, for ``loss_function=`` of ``CatBoost``, ``CatBoostRegressor`` and
        ``CatBoostClassifier``, with the methods ``calc_ders_range`` and ``calc_ders_multi``. It can
        be pickled and copied.

    Raises
    ------
    TypeError
        If the loss has no such parameter, has several predictions, or has no value for a row, as
        `dice_loss` and the ranking losses.
    ValueError
        If `hessian` is none of these, or `factor` is not positive. Targets outside the domain of
        the loss are refused in training.
    ImportError
        If `several_targets` is True and CatBoost is not installed.

    See Also
    --------
    catboost_metric : The loss as ``eval_metric``, which CatBoost needs beside an objective.
    optimal_constant : The baseline to start from.

    Notes
    -----
    Weights multiply gradient and curvature. Nothing is divided by the number of rows. Labels of 0
    and 1 become signs for losses of signs, such as `squared_hinge_loss`.

    ``CatBoostClassifier`` needs the list of classes beside a custom objective, also of two:
    ``class_names=[0, 1]``, or ``class_names=["no", "yes"]``. A row of K classes is
    ``class_names=list(range(K))``. Its curvature is the whole matrix of K x K numbers, from
    `Loss.hessian_product`. The surrogate leaves out negative eigenvalues, which
    `softmax_focal_loss` has. A loss of rows without that product has twice the diagonal.

    With a custom objective CatBoost starts from 0; its prediction of type ``RawFormulaVal`` is what
    the loss takes. Apply `special.sigmoid` or `special.softmax` to it.

    Models equal those of the built-in RMSE (`mse_loss` with ``factor=0.5``), Logloss
    (`binary_cross_entropy_with_logits`) and MultiClass (`cross_entropy`), with
    ``boost_from_average=False`` and the same ``leaf_estimation_method`` and
    ``leaf_estimation_iterations``.

    Examples
    --------
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import catboost_metric, catboost_objective
    >>> objective = catboost_objective(pl.huber_loss, delta=2.0)
    >>> objective.calc_ders_range([0.0, 1.0, 5.0], [1.0, 0.0, 0.0], None)
    [(1.0, -1.0), (-1.0, -1.0), (-2.0, -1.0)]

    ``CatBoostRegressor(loss_function=objective, eval_metric=catboost_metric(pl.huber_loss))`` uses
    it.
    """
    objective = CatBoostObjective("catboost_objective", loss, parameters, hessian, factor)
    _check_rows(objective)
    check_switch("catboost_objective", "several_targets", several_targets)
    if not several_targets:
        return objective
    from ._catboost_targets import TargetsObjective

    return TargetsObjective("catboost_objective", loss, parameters, hessian, factor)


def catboost_metric(loss: Loss[...], /, *, several_targets: bool = False, **parameters: Any) -> Any:
    """Return a loss as a metric of CatBoost: its weighted mean.

    Parameters
    ----------
    loss : Loss
        The loss, from the raw scores of the model, with any objective.
    several_targets : bool, default False
        Whether a row has several targets, with a loss of elements for each of them.
    **parameters
        The parameters of the loss.

    Returns
    -------
    object
        The metric, for ``eval_metric=``, with the methods that CatBoost calls: ``evaluate``,
        ``get_final_error`` and ``is_max_optimal``.

    Raises
    ------
    TypeError
        If the loss has no such parameter, has several predictions, or has no value for a row.
    ImportError
        If `several_targets` is True and CatBoost is not installed.

    See Also
    --------
    catboost_objective : The loss as the objective.

    Examples
    --------
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import catboost_metric
    >>> metric = catboost_metric(pl.huber_loss, delta=2.0)
    >>> total, weight = metric.evaluate([[0.0, 5.0]], [1.0, 0.0], [3.0, 1.0])
    >>> metric.get_final_error(total, weight)
    2.375
    """
    metric = CatBoostMetric("catboost_metric", loss, parameters)
    _check_rows(metric)
    check_switch("catboost_metric", "several_targets", several_targets)
    if not several_targets:
        return metric
    from ._catboost_targets import TargetsMetric

    return TargetsMetric("catboost_metric", loss, parameters)


def _check_rows(boosted: Boosted) -> None:
    """Refuse a loss of groups, of which CatBoost tells neither objectives nor metrics."""
    if boosted.ranks:
        raise TypeError(
            f"{boosted.wrapper}: {boosted.name} ranks the items of a group, and CatBoost passes no "
            "groups; use xgboost_objective or lightgbm_objective"
        )
