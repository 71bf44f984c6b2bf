"""Losses of a residual relative to the size of the target, or of a ratio."""

from math import inf, nan
from typing import Annotated, Unpack

from annotated_types import Interval

from .._compensated import difference
from .._elementary import widened
from .._loss import loss
from ..typing import Array, Domain, Namespace, NonNegative, Options, Real

__all__ = ["mape_loss", "msle_loss", "smape_loss"]

AboveMinusOne = Annotated[
    Array,
    Domain(
        "numbers above -1",
        interval=Interval(gt=-1.0),
        hint="the loss compares logarithms of 1 + what is given: counts, prices and the like, which are not negative",
    ),
]


@loss(temporaries=8)
def mape_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    eps: NonNegative = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Absolute error relative to the target, whose mean is the mean absolute percentage error, as a fraction.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    eps : float, default 0.0
        Floor of the denominator, not negative, in the unit of the target. It makes the loss finite
        where a target is 0.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`: a fraction, which has no unit. Times 100 it is in
        percent.

    See Also -------- smape_loss : Relative to the prediction as well, and at most 2. msle_loss : Of
    the ratio, alike for predictions that are too high and too low by the same factor.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is

    .. math:: \ell = \frac{|r|}{\max(|y|, \varepsilon)},

    with 0 / 0 = 0: without a floor, the loss of a target that is 0 is 0 if it is predicted exactly,
    and otherwise inf. The residual may overflow where the loss does not.

    The derivative is the sign of the residual over the same denominator, 0 for a residual of 0. The
    second derivative is 0: the kink is not in it.

    Keras gives percent, with a floor of 1e-7; scikit-learn and torchmetrics give fractions, with
    floors of 2.2e-16 and 1.2e-6.

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
    size = xp.abs(pred - target)
    denominator = _at_least(xp, xp.abs(target), eps)
    overflow = xp.isinf(size)
    size = xp.where(overflow, xp.abs(0.5 * pred - 0.5 * target), size)
    denominator = xp.where(overflow, 0.5 * denominator, denominator)
    return size / _nonzero(xp, size, denominator)


@mape_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, eps: NonNegative) -> Array:
    sign = xp.sign(pred - target)
    return sign / _nonzero(xp, sign, _at_least(xp, xp.abs(target), eps))


@mape_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, eps: NonNegative) -> Array:
    return xp.zeros_like(pred)


@loss
def smape_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    eps: NonNegative = 0.0,
    **options: Unpack[Options],
) -> Array:
    r"""Absolute error relative to the mean of the sizes of prediction and target, as a fraction: the symmetric MAPE.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    eps : float, default 0.0
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

    with 0 / 0 = 0. It is 2, whatever their sizes, where prediction and target have different signs,
    or one of them is 0, or infinite. Residual and sum may overflow where the loss does not.

    With :math:`s = |\hat y| + |y|` the derivative is :math:`4 |y| \operatorname{sign}(r) / s^2` for
    a prediction of the sign of the target, 0 for one of the other sign, and the mean of the two for
    a prediction of 0. The second derivative is :math:`-8 |y| \operatorname{sign}(r)
    \operatorname{sign}(\hat y) / s^3`, or 0. Both are 0 where the residual is 0. Where the
    denominator is the floor the derivative is :math:`2 \operatorname{sign}(r) / \varepsilon`, and
    the second 0.

    torchmetrics has the same factor, with a floor of 1.2e-6. Others leave out the 2, or give
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
    total, unit = _sum_of_sizes(xp, pred, target)
    size = xp.abs(unit * pred - unit * target)
    denominator = _nonzero(xp, size, _at_least(xp, total, eps))
    infinite = xp.isinf(size)
    return 2 * (xp.where(infinite, 1.0, size) / xp.where(infinite, 1.0, denominator))


@smape_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, eps: NonNegative) -> Array:
    pred, target = widened(xp, pred), widened(xp, target)
    total, unit = _sum_of_sizes(xp, pred, target)
    first, back = _smape_slope(xp, pred, target, total, unit)
    return _but_below(xp, total, eps, 2 * xp.sign(pred - target), first * back)


@smape_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, eps: NonNegative) -> Array:
    pred, target = widened(xp, pred), widened(xp, target)
    total, unit = _sum_of_sizes(xp, pred, target)
    first, back = _smape_slope(xp, pred, target, total, unit)
    ones, large = xp.ones_like(back), xp.abs(first) > 1
    first = (
        -2 * xp.sign(pred) * unit * xp.where(pred == 0, 0.0, first) * xp.where(large, back, ones)
    )
    return _but_below(
        xp, total, eps, 0 * total, first / _nonzero(xp, first, total) * xp.where(large, ones, back)
    )


def _sum_of_sizes(xp: Namespace, pred: Array, target: Array) -> tuple[Array, Array]:
    """Return the sum of sizes in units that keep it from overflow, and these units."""
    total = xp.abs(pred) + xp.abs(target)
    unit = xp.where(xp.isinf(total), 0.5, xp.ones_like(total))
    return xp.abs(unit * pred) + xp.abs(unit * target), unit


def _smape_slope(
    xp: Namespace, pred: Array, target: Array, total: Array, unit: Array
) -> tuple[Array, Array]:
    """Return the derivative, times a power of 2 where the quotient of target and sum might underflow, and its inverse."""
    size = xp.abs(unit * target)
    small = size < 2.0**-64 * total
    # 0 for different signs, half where one is 0
    side = 2 * xp.sign(pred - target) * (1 + xp.sign(pred) * xp.sign(target))
    nonzero = _nonzero(xp, size, total)
    ones = xp.ones_like(size)
    first = side * unit * (xp.where(small, 2.0**64, ones) * size / nonzero) / nonzero
    return first, xp.where(small, 2.0**-64, ones)


def _but_below(xp: Namespace, total: Array, eps: float, slope: Array, above: Array) -> Array:
    """Return the slope over the floor, where the sum is not above it."""
    return xp.where(total > eps, above, slope / eps) if eps else above


@loss(temporaries=64)
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

    The difference of the logarithms cancels where prediction and target are close: with their
    maximum :math:`M` and minimum :math:`m` the size of :math:`L` is computed as
    :math:`\mathrm{log1p}((M - m) / (1 + m))`. Where :math:`m < 0 < M` the quotient may overflow:
    there it is the sum of that of 0 and :math:`m` and that of :math:`M` and 0.

    The derivative is :math:`2 L / (1 + \hat y)`, the second :math:`2 (1 - L) / (1 + \hat y)^2`,
    which is negative for predictions that are high by more than a factor of `e`. On NumPy a value
    of -1 or less raises an error; elsewhere it gives NaN below -1, and inf or NaN at -1.

    Keras clips both at 1e-7, scikit-learn refuses -1 and less as well. XGBoost's has a factor 1 /
    2.

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
    infinite = pred == inf  # where autodiff would multiply it by 0
    size, lack, _ = _log_of_ratio(
        xp, widened(xp, xp.where(infinite, 0.0, pred)), widened(xp, target)
    )
    return xp.where(infinite, inf, size * (size + 2 * lack))


@msle_loss.derivative
def _(xp: Namespace, pred: AboveMinusOne, target: AboveMinusOne, /) -> Array:
    pred, target = widened(xp, pred), widened(xp, target)
    return 2 * _signed_log(xp, pred, target) / (1 + pred)


@msle_loss.second_derivative
def _(xp: Namespace, pred: AboveMinusOne, target: AboveMinusOne, /) -> Array:
    pred, target = widened(xp, pred), widened(xp, target)
    return (2 - 2 * _signed_log(xp, pred, target)) / (1 + pred) / (1 + pred)


def _log_of_ratio(xp: Namespace, pred: Array, target: Array) -> tuple[Array, Array, Array]:
    """Return the size of log((1 + pred) / (1 + target)), what rounding in difference and denominator took from it, and its sign."""
    above = pred >= target
    high, low = xp.where(above, pred, target), xp.where(above, target, pred)
    across = (low < 0) & (high > 0)
    middle = xp.where(across, 0.0, high)
    residual, residual_lack = difference(xp, middle, low)
    denominator, denominator_lack = difference(xp, low, -1.0)
    ratio = residual / xp.where(low < -1, nan, denominator)
    lack = (residual_lack - ratio * denominator_lack) / (1 + middle)
    size = xp.log1p(ratio) + xp.log1p(xp.where(across, high, 0.0))
    return size, xp.where(xp.isnan(lack), 0.0, lack), xp.where(above, 1.0, -xp.ones_like(size))


def _signed_log(xp: Namespace, pred: Array, target: Array) -> Array:
    """Return log((1 + pred) / (1 + target)), but 0 for infinite predictions: the derivatives divide it by them."""
    size, lack, sign = _log_of_ratio(xp, pred, target)
    return xp.where(xp.isinf(pred), 0.0, sign * (size + lack))


def _at_least(xp: Namespace, x: Array, floor: float) -> Array:
    return xp.where(x > floor, x, xp.full_like(x, floor)) if floor else x


def _nonzero(xp: Namespace, numerator: Array, denominator: Array) -> Array:
    """Return the denominator, but 1 where both are 0, so that the quotient is 0."""
    return xp.where((numerator == 0) & (denominator == 0), 1.0, denominator)
