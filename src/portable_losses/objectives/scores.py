"""D²: the share of the best constant's loss that a model saves."""

from typing import Any

import numpy as np

from .._loss import Loss
from ..typing import Array
from ._bound import Bound
from .constants import constant_of

__all__ = ["d2_score"]


def d2_score(
    loss: Loss[...],
    pred: Array,
    target: Array,
    /,
    *,
    weights: Array | None = None,
    **parameters: Any,
) -> float:
    r"""Return the share of the best constant's loss that predictions save.

    Predictions come first, as everywhere in this library; scikit-learn's scores take targets first.

    Parameters
    ----------
    loss : Loss
        A loss of elements, or of rows of classes, that is not negative.
    pred : array of shape (n,) or (n, k)
        The predictions.
    target : array of shape (n,) or (n, k)
        The targets.
    weights : array of shape (n,), optional
        The weight of each target, not negative.
    **parameters
        The parameters of the loss, such as ``quantile=0.9``.

    Returns
    -------
    float
        1 for perfect predictions, 0 for those as good as the best constant, negative for worse
        ones. For a matrix of numbers the mean over its columns. If the best constant has no loss,
        the score is 1 for predictions without loss and 0 for others. NaN where there are no
        targets.

    Raises
    ------
    TypeError
        If the loss has no such parameter, several predictions, or no value for a row.
    ValueError
        If predictions and targets do not fit each other or the loss, or the loss of the best
        constant is negative: a deviance is not.
    NotImplementedError
        If the best constant row is not made of class shares, as for `multi_margin_loss`.

    See Also
    --------
    optimal_constant : The constant.
    sklearn_scorer : The loss for cross-validation.

    Notes
    -----
    With the best constant `c` the score is

    .. math:: D^2 = 1 - \frac{L(\hat y, y)}{L(c, y)}.

    It is scikit-learn's ``r2_score`` for `mse_loss`, ``d2_absolute_error_score`` for `l1_loss`,
    ``d2_pinball_score`` for `pinball_loss`, ``d2_tweedie_score`` for `tweedie_deviance_loss`, and
    ``d2_log_loss_score`` for `categorical_cross_entropy` and `binary_cross_entropy`.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani and M. Wainwright, "Statistical Learning with Sparsity", CRC
       Press, 2015, section 3. :doi:`10.1201/b18401`

    Examples
    --------
    >>> import portable_losses as pl
    >>> from portable_losses.objectives import d2_score
    >>> d2_score(pl.mse_loss, [1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    0.5
    >>> d2_score(pl.l1_loss, [2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    0.0
    """
    pred, target = np.asarray(pred), np.asarray(target)
    bound = Bound("d2_score", loss, parameters)
    if weights is not None:
        weights = np.asarray(weights, dtype=np.float64)
    rows = bool(bound.core) and pred.ndim > 1
    if not rows and not bound.takes_elements:
        raise ValueError(
            f"d2_score: {bound.name} needs a row of predictions for each target, got predictions "
            f"of shape {pred.shape} and targets of shape {target.shape}; predictions come first"
        )
    classes = pred.shape[-1] if rows else 0
    constant = constant_of(bound, target, weights, rows=rows, classes=classes)
    base = np.array(np.broadcast_to(constant, pred.shape), dtype=np.float64)
    options = dict(parameters)
    if pred.ndim > 1 and not bound.core:
        options["axis"] = 0
        weights = None if weights is None else weights[:, None]
    found = np.asarray(loss(pred, target, weights=weights, **options), dtype=np.float64)
    of_constant = np.asarray(loss(base, target, weights=weights, **options), dtype=np.float64)
    if (of_constant < 0).any():
        raise ValueError(
            f"d2_score: the best constant has the loss {of_constant.min():.6g}: the score "
            f"needs a loss that is not negative, such as a deviance in place of {bound.name}"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.where(of_constant == 0, np.where(found == 0, 1.0, 0.0), 1 - found / of_constant)
    return float(scores.mean())
