"""Losses of a residual relative to the size of the target, or of a ratio."""

from typing import Annotated, Unpack

from annotated_types import Interval

from .._loss import loss
from .._numerics.standard import select
from ..typing import Array, Domain, Floor, Namespace, Options, Real

__all__ = ["mape_loss", "msle_loss", "smape_loss"]

AboveMinusOne = Annotated[
    Array,
    Domain(
        "numbers above -1",
        interval=Interval(gt=-1.0),
        hint="the loss compares logarithms of 1 + x for counts, prices and similar numbers, "
        "which are not negative",
    ),
]


@loss(temporaries=8)
def mape_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    eps: Floor = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Absolute error relative to the target.

    Its mean is the mean absolute percentage error, as a fraction.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    eps : float or array, default 0.0
        Floor of the denominator, not negative, in the unit of the target. It makes the loss finite
        where a target is 0.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`: a fraction, which has no unit. Times 100 it is in
        percent.

    See Also
    --------
    smape_loss : Relative to the prediction as well, and at most 2.
    msle_loss : Of the ratio: equal for predictions too high and too low by the same factor.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is

    .. math:: \ell = \frac{|r|}{\max(|y|, \varepsilon)},

    with 0 / 0 = 0: without a floor, the loss of a target of 0 is 0 if it is predicted exactly, and
    otherwise inf.

    The derivative is the sign of the residual over the same denominator, 0 for a residual of 0. The
    second derivative is 0: it leaves out the kink.

    Keras returns percent, with a floor of 1e-7; scikit-learn and torchmetrics return fractions,
    with floors of 2.2e-16 and 1.2e-6.

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy",
       International Journal of Forecasting 22, 2006. :doi:`10.1016/j.ijforecast.2006.03.001`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.mape_loss([1.0, 3.0, 0.0], [2.0, 2.0, 0.0], reduction="none")
    array([0.5, 0.5, 0. ])
    >>> pl.mape_loss.grad([1.0, 3.0, 0.5], [2.0, 4.0, 0.0], eps=0.25, reduction="sum")
    array([-0.5 , -0.25,  4.  ])
    """
    return xp.safe_divide(xp.abs(pred - target), xp.maximum(xp.abs(target), eps))


@mape_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, eps: Floor) -> Array:
    return xp.safe_divide(xp.sign(pred - target), xp.maximum(xp.abs(target), eps))


@mape_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, eps: Floor) -> Array:
    return xp.zeros_like(pred)


@loss(temporaries=8)
def smape_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    eps: Floor = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Absolute error relative to the mean size of prediction and target: symmetric MAPE.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    eps : float or array, default 0.0
        Floor of the denominator, not negative, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`: a fraction from 0 to 2, which has no unit.

    See Also
    --------
    mape_loss : Relative to the target alone.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is

    .. math:: \ell = \frac{2 |r|}{\max(|\hat y| + |y|, \varepsilon)},

    with 0 / 0 = 0. It is 2 where prediction and target have different signs, where one of them is
    0, and where the prediction is infinite.

    With :math:`s = |\hat y| + |y|` the derivative is :math:`4 |y| \operatorname{sign}(r) / s^2` for
    a prediction of the sign of the target, 0 for one of the other sign, and the mean of the two for
    a prediction of 0. The second derivative is :math:`-8 |y| \operatorname{sign}(r)
    \operatorname{sign}(\hat y) / s^3`, or 0. Both are 0 where the residual is 0. Where the
    denominator is the floor the derivative is :math:`2 \operatorname{sign}(r) / \varepsilon`, and
    the second 0. Each is computed as this product, in which nothing cancels.

    torchmetrics has the same factor, with a floor of 1.2e-6. Others leave out the 2, or return
    percent.

    References
    ----------
    .. [1] S. Makridakis, "Accuracy measures: theoretical and practical concerns", International
       Journal of Forecasting 9, 1993. :doi:`10.1016/0169-2070(93)90079-3`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.smape_loss([1.0, 3.0, 2.0, 0.0], [3.0, 1.0, -1.0, 0.0], reduction="none")
    array([1., 1., 2., 0.])
    >>> pl.smape_loss.grad([1.0, 3.0, 2.0, 0.0], [3.0, 1.0, -1.0, 0.0], reduction="sum")
    array([-0.75,  0.25,  0.  ,  0.  ])
    """
    size, total = xp.abs(pred - target), xp.abs(pred) + xp.abs(target)
    largest = float(xp.finfo(pred.dtype).max)  # inf / inf would be NaN
    return 2 * xp.safe_divide(
        xp.minimum(size, largest), xp.minimum(xp.maximum(total, eps), largest)
    )


@smape_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, eps: Floor) -> Array:
    total = xp.abs(pred) + xp.abs(target)
    slope = _symmetric_slope(xp, pred, target, total)
    return select(
        xp,
        eps == 0,
        slope,
        lambda: xp.where(total > eps, slope, 2 / eps * xp.sign(pred - target)),
    )


@smape_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, eps: Floor) -> Array:
    total = xp.abs(pred) + xp.abs(target)
    slope = _symmetric_slope(xp, pred, target, total)
    return xp.where(total > eps, xp.safe_divide(-2 * xp.sign(pred) * slope, total), 0.0)


def _symmetric_slope(xp: Namespace, pred: Array, target: Array, total: Array) -> Array:
    """Return the derivative over the sum of the sizes, without a floor."""
    same = 1 + xp.sign(pred) * xp.sign(target)  # 2 for the same sign, 0 for different ones
    return 2 * xp.sign(pred - target) * same * xp.over_square(xp.abs(target), total)


@loss(temporaries=8)
def msle_loss(
    xp: Namespace, pred: AboveMinusOne, target: AboveMinusOne, /, **options: Unpack[Options]
) -> Array:
    r"""Squared difference of logarithms, whose mean is the mean squared logarithmic error.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: numbers above -1.
    target : array or number
        Observations, of the shape of `pred`: numbers above -1.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`; it has no unit.

    See Also
    --------
    mse_loss : Of the numbers themselves.
    mape_loss : Relative to the target.

    Notes
    -----
    The loss of an element is :math:`L^2` with

    .. math:: L = \log(1 + \hat y) - \log(1 + y).

    The difference of the logarithms cancels where prediction and target are close. With their
    maximum :math:`M` and minimum :math:`m` the size of :math:`L` is computed as
    :math:`\mathrm{log1p}((M - m) / (1 + m))`, in which nothing cancels.

    The derivative is :math:`2 L / (1 + \hat y)`, the second :math:`2 (1 - L) / (1 + \hat y)^2`,
    which is negative for predictions that are too high by more than a factor of `e`. On NumPy a
    value of -1 or less raises an error. Elsewhere the loss is NaN if prediction and target lie on
    different sides of -1, and inf if one of them is -1.

    Keras clips both at 1e-7; scikit-learn refuses -1 and less as well. XGBoost has a factor 1 / 2.

    References
    ----------
    .. [1] C. Tofallis, "A better measure of relative prediction accuracy for model selection and
       model estimation", Journal of the Operational Research Society 66, 2015.
       :doi:`10.1057/jors.2014.103`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.msle_loss([0.0, 1.0, 99.0], [0.0, 3.0, 9.0], reduction="none")
    array([0.        , 0.48045301, 5.30189811])
    >>> pl.msle_loss.grad([0.0, 1.0, 99.0], [0.0, 3.0, 9.0], reduction="sum")
    array([ 0.        , -0.69314718,  0.0460517 ])
    """
    log_ratio = _log_ratio(xp, pred, target)
    return log_ratio * log_ratio


@msle_loss.derivative
def _(xp: Namespace, pred: AboveMinusOne, target: AboveMinusOne, /) -> Array:
    return xp.weighted(2 / (1 + pred), _log_ratio(xp, pred, target))


@msle_loss.second_derivative
def _(xp: Namespace, pred: AboveMinusOne, target: AboveMinusOne, /) -> Array:
    inverse = 1 / (1 + pred)
    return inverse * xp.weighted(2 * inverse, 1 - _log_ratio(xp, pred, target))


def _log_ratio(xp: Namespace, pred: Array, target: Array) -> Array:
    """Return log((1 + pred) / (1 + target)).

    It is computed from a ratio of at least 1, times a sign. For autodiff the sign is not 0 where
    the two are equal.
    """
    below = pred < target
    sign = xp.where(below, -1.0, xp.ones_like(pred))
    return sign * xp.log1p(sign * (pred - target) / (1 + xp.where(below, pred, target)))
