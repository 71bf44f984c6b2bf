"""Losses of quantiles, of expectiles, and of the interval between two quantiles."""

from collections.abc import Sequence
from typing import Annotated, Any, Unpack

from annotated_types import Gt, Lt

from .._loss import loss
from .._numerics.standard import is_array
from ..typing import Array, Namespace, Number, Options, Real

__all__ = ["expectile_loss", "interval_loss", "pinball_loss"]

Level = Annotated[Number | Sequence[float], Gt(0.0), Lt(1.0)]


@loss(temporaries=8)
def pinball_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    quantile: Level = 0.5,
    **options: Unpack[Options],
) -> Array:
    r"""Pinball loss, which a quantile minimises.

    Parameters
    ----------
    pred : array
        Predicted quantiles, of any shape: real numbers. Several quantiles of one target lie along
        the last axis.
    target : array or number
        Observations, of the shape of `pred`: real numbers. Where `quantile` is a sequence, the last
        axis may be missing.
    quantile : float, sequence of float or array, default 0.5
        The predicted quantile, in (0, 1): the share of the observations that lie below. A sequence
        has one number for each entry of the last axis of `pred`.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target.

    See Also
    --------
    expectile_loss : The same weights on squares.
    interval_loss : Two quantiles at once.
    l1_loss : Twice this loss, where `quantile` is 0.5.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is

    .. math:: \ell = \begin{cases} q\, |r| & r < 0 \\ (1 - q)\, |r| & r > 0. \end{cases}

    It is computed without a branch, as the larger of :math:`(1 - q)(\hat y - y)` and
    :math:`q (y - \hat y)`.

    The derivative is :math:`-q` below the target and :math:`1 - q` above. At :math:`r = 0`, where
    any number between the two is a subgradient, it is 0: a perfect prediction does not move. There
    it is :math:`-q` in scikit-learn, and :math:`1 - q` in XGBoost and LightGBM. The second
    derivative is 0: it leaves out the kink.

    XGBoost and LightGBM have the same factor; LightGBM's default quantile is 0.9. In scikit-learn
    and scoringrules the observation is the first argument.

    References
    ----------
    .. [1] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46, 1978.
       :doi:`10.2307/1913643`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.pinball_loss([1.0, 3.0, 6.0], [2.0, 3.0, 4.0], quantile=0.75, reduction="none")
    array([0.75, 0.  , 0.5 ])
    >>> pl.pinball_loss.grad([1.0, 3.0, 6.0], [2.0, 3.0, 4.0], quantile=0.75, reduction="sum")
    array([-0.75,  0.  ,  0.25])
    >>> pl.pinball_loss([[1.0, 3.0, 6.0]], [2.0], quantile=[0.25, 0.5, 0.75], reduction="none")
    array([[0.25, 0.5 , 1.  ]])
    """
    above, below = _weights(xp, pred, quantile)
    return xp.maximum(above * (pred - target), below * (target - pred))


def _weights(xp: Namespace, pred: Array, level: Any) -> tuple[Any, Any]:
    """Return the weights of too high and too low predictions; arrays for several levels."""
    if not is_array(level):
        return 1 - level, level
    return xp.astype(1 - level, pred.dtype), xp.astype(level, pred.dtype)


@pinball_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, quantile: Level) -> Array:
    above, below = _weights(xp, pred, quantile)
    return xp.clip(xp.sign(pred - target), -below, above)


@pinball_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, quantile: Level) -> Array:
    return xp.zeros_like(pred)


@loss(temporaries=8)
def expectile_loss(
    xp: Namespace,
    pred: Real,
    target: Real,
    /,
    *,
    expectile: Level = 0.5,
    **options: Unpack[Options],
) -> Array:
    r"""Asymmetric squared error, which an expectile minimises.

    Parameters
    ----------
    pred : array
        Predicted expectiles, of any shape: real numbers. Several expectiles of one target lie along
        the last axis.
    target : array or number
        Observations, of the shape of `pred`: real numbers. Where `expectile` is a sequence, the
        last axis may be missing.
    expectile : float, sequence of float or array, default 0.5
        The predicted expectile, in (0, 1): the weight of the observations above the prediction.
        Those below have 1 minus this weight. A sequence has one number for each entry of the last
        axis of `pred`.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    pinball_loss : The same weights on absolute errors.
    mse_loss : Twice this loss, where `expectile` is 0.5.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is

    .. math:: \ell = \begin{cases} \tau\, r^2 & r \le 0 \\ (1 - \tau)\, r^2 & r > 0. \end{cases}

    The derivative is twice the weight times :math:`r`. The second derivative is twice the weight;
    it jumps at :math:`r = 0`, where it is :math:`2 \tau`.

    There is no factor one half. The gradient of XGBoost's ``reg:expectileerror`` is that of half
    this loss, and at :math:`r = 0` its second derivative has the weight :math:`1 - \tau`.

    References
    ----------
    .. [1] W. K. Newey and J. L. Powell, "Asymmetric Least Squares Estimation and Testing",
       Econometrica 55, 1987. :doi:`10.2307/1911031`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.expectile_loss([1.0, 3.0, 6.0], [2.0, 3.0, 4.0], expectile=0.75, reduction="none")
    array([0.75, 0.  , 1.  ])
    >>> pl.expectile_loss.grad([1.0, 3.0, 6.0], [2.0, 3.0, 4.0], expectile=0.75, reduction="sum")
    array([-1.5,  0. ,  1. ])
    >>> pl.expectile_loss([[1.0, 3.0, 6.0]], [2.0], expectile=[0.25, 0.5, 0.75], reduction="none")
    array([[0.25, 0.5 , 4.  ]])
    """
    residual = pred - target
    return _tilted(xp, residual, expectile) * residual


@expectile_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, expectile: Level) -> Array:
    return 2 * _tilted(xp, pred - target, expectile)


def _tilted(xp: Namespace, residual: Array, expectile: Any) -> Array:
    """Return the residual times its weight."""
    above, below = _weights(xp, residual, expectile)
    return xp.where(residual > 0, above * residual, below * residual)


@expectile_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, expectile: Level) -> Array:
    above, below = _weights(xp, pred, expectile)
    return 2 * xp.where(pred > target, above, below + xp.zeros_like(pred))


@loss(predicted=2, temporaries=8, diagonal=True)
def interval_loss(
    xp: Namespace,
    lower: Real,
    upper: Real,
    target: Real,
    /,
    *,
    alpha: Level = 0.1,
    **options: Unpack[Options],
) -> Array:
    r"""Interval score (Winkler's), which the central prediction interval minimises.

    Parameters
    ----------
    lower : array
        Predicted lower ends of the intervals, of any shape: real numbers. Several intervals of one
        target lie along the last axis.
    upper : array
        Predicted upper ends, of the shape of `lower`: real numbers.
    target : array or number
        Observations, of the shape of `lower`: real numbers. Where `alpha` is a sequence, the last
        axis may be missing.
    alpha : float, sequence of float or array, default 0.1
        The share of the observations that the interval may miss, half of them on each side, in (0,
        1). A sequence has one number for each entry of the last axis of `lower`.

    Returns
    -------
    array
        The reduced loss, in the dtype of `lower` and `upper` and the unit of the target.

    See Also
    --------
    pinball_loss : For one quantile.

    Notes
    -----
    The loss of an element is the width of the interval, plus a penalty if it misses the target:

    .. math:: \ell = (u - l) + \frac{2}{\alpha} \max(l - y, 0) + \frac{2}{\alpha} \max(y - u, 0).

    It is :math:`2 / \alpha` times the sum of the pinball losses of the two ends, as quantiles
    :math:`\alpha / 2` and :math:`1 - \alpha / 2`. This sum is computed: no term is negative.
    Crossed ends are allowed; they cost more than their distance.

    The derivative is :math:`-1` with respect to the lower end and 1 with respect to the upper end.
    An observation below the interval adds :math:`2 / \alpha` to the first; one above subtracts it
    from the second. Where the observation equals an end, the penalty has derivative 0. The second
    derivative is 0: it leaves out the kinks.

    References
    ----------
    .. [1] R. L. Winkler, "A Decision-Theoretic Approach to Interval Estimation", Journal of the
       American Statistical Association 67, 1972. :doi:`10.1080/01621459.1972.10481224`
    .. [2] T. Gneiting and A. E. Raftery, "Strictly Proper Scoring Rules, Prediction, and
       Estimation", Journal of the American Statistical Association 102, 2007.
       :doi:`10.1198/016214506000001437`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.interval_loss([1.0, 3.0], [2.0, 5.0], [1.5, 2.0], alpha=0.5, reduction="none")
    array([1., 6.])
    >>> pl.interval_loss.grad([1.0, 3.0], [2.0, 5.0], [1.5, 2.0], alpha=0.5, reduction="sum")
    (array([-1.,  3.]), array([1., 1.]))
    >>> lower, upper = [[1.0, 0.5]], [[2.0, 2.5]]
    >>> pl.interval_loss(lower, upper, [3.0], alpha=[0.5, 0.1], reduction="none")
    array([[ 5., 12.]])
    """
    _, slope = _penalties(xp, lower, alpha)
    of_lower = xp.maximum(slope * (lower - target), target - lower)
    of_upper = xp.maximum(slope * (target - upper), upper - target)
    return of_lower + of_upper


@interval_loss.derivative
def _(
    xp: Namespace, lower: Real, upper: Real, target: Real, /, *, alpha: Level
) -> tuple[Array, Array]:
    below, above = xp.relu(xp.sign(lower - target)), xp.relu(xp.sign(target - upper))
    penalty, _ = _penalties(xp, lower, alpha)
    return penalty * below - 1, 1 - penalty * above


def _penalties(xp: Namespace, lower: Array, alpha: Any) -> tuple[Any, Any]:
    """Return the penalty of a miss by 1, and that penalty minus 1; arrays for several levels."""
    penalty = 2 / alpha
    if not is_array(penalty):
        return penalty, penalty - 1
    return xp.astype(penalty, lower.dtype), xp.astype(penalty - 1, lower.dtype)


@interval_loss.second_derivative
def _(
    xp: Namespace, lower: Real, upper: Real, target: Real, /, *, alpha: Level
) -> tuple[Array, Array]:
    return xp.zeros_like(lower), xp.zeros_like(upper)
