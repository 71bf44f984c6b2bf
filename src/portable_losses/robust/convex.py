"""Robust losses that are convex: linear where the residual is large."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Namespace, Options, Positive, Real

__all__ = ["huber_loss"]


@loss
def huber_loss(xp: Namespace, pred: Real, target: Real, /, *, delta: Positive = 1.0, **options: Unpack[Options]) -> Array:
    r"""Huber loss: quadratic for residuals up to `delta`, linear beyond.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.
    delta : float, default 1.0
        Where the loss turns from quadratic to linear: positive, in the unit of the target.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    mse_loss : Twice this loss, as `delta` grows.
    l1_loss : This loss divided by `delta`, as `delta` goes to 0.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is

    .. math:: \ell = \begin{cases} r^2 / 2 & |r| \le \delta \\ \delta (|r| - \delta / 2) & |r| > \delta, \end{cases}

    computed without a branch as :math:`q (|r| - q / 2)` with :math:`q = \min(|r|, \delta)`, in which nothing cancels. The
    derivative is :math:`r` clipped to :math:`\pm\delta`. The second derivative is 1 up to `delta` (and there), 0 beyond.

    torch and optax have the same factor. ``smooth_l1_loss`` in torch is this loss divided by `delta`. In
    ``scipy.special.huber`` `delta` is the first argument. A weighted mean divides by the sum of the weights; that of
    ``torch.nn.functional.huber_loss`` by the number of elements.

    References
    ----------
    .. [1] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35, 1964.
       :doi:`10.1214/aoms/1177703732`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.huber_loss([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.125, 1.5  , 3.5  ])
    >>> pl.huber_loss.grad([0.5, 2.0, -4.0], [0.0, 0.0, 0.0], delta=3.0, reduction="sum")
    array([ 0.5,  2. , -3. ])
    """
    half = xp.abs(0.5 * pred - 0.5 * target)  # of the residual, which may overflow where the loss does not
    quadratic = xp.minimum(half, 0.5 * delta)
    return 4 * quadratic * (half - 0.5 * quadratic)


@huber_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, delta: Positive) -> Array:
    return xp.clip(pred - target, -delta, delta)


@huber_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /, *, delta: Positive) -> Array:
    return xp.astype(xp.abs(pred - target) <= delta, pred.dtype)
