"""Losses of all residuals together: functions of the reduced loss."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Namespace, Options, Real

__all__ = ["rmse_loss"]


@loss(temporaries=8)
def rmse_loss(xp: Namespace, pred: Real, target: Real, /, **options: Unpack[Options]) -> Array:
    r"""Root of the mean squared error.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.

    Returns
    -------
    array
        The root of the reduced squared error, in the dtype of `pred` and the unit of the target.

    See Also
    --------
    mse_loss : Its square. Means of batches of equal size can be averaged; their roots cannot.

    Notes
    -----
    The squared residuals are reduced first, then the root is taken. With `axis` there is one root
    for each result. With ``reduction="sum"`` it is the Euclidean norm of the residuals, with
    ``"none"`` the root of weight * residual ** 2 for each element.

    The gradient of the root of a mean is :math:`w_i r_i / (\sum_j w_j\, \ell)`. Where all residuals
    are 0 it is 0, a subgradient; torch and JAX return NaN there. The second derivative is a full
    matrix and is not available. The squares are computed in the dtype: in float32 they underflow
    for residuals below 1e-19 and overflow above 1e19, in float64 below 1e-154 and above 1e154.

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy",
       International Journal of Forecasting 22, 2006. :doi:`10.1016/j.ijforecast.2006.03.001`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.rmse_loss([1.0, 2.0, 7.0], [1.0, 4.0, 5.0], reduction="sum"))
    2.8284271247461903
    >>> pl.rmse_loss.grad([3.0, 4.0], [0.0, 0.0], reduction="sum")
    array([0.6, 0.8])
    >>> pl.rmse_loss.grad([3.0, 4.0], [3.0, 4.0])
    array([0., 0.])
    """
    residual = pred - target
    return residual * residual


@rmse_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
    return 2 * (pred - target)


@rmse_loss.finish
def _(xp: Namespace, reduced: Array, /) -> tuple[Array, Array]:
    zero = reduced == 0
    root = xp.sqrt(xp.where(zero, 1.0, reduced))  # the root of 0 has an infinite derivative
    return xp.where(zero, 0.0, root), 0.5 / root
