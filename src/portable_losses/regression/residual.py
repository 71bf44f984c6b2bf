"""Losses of a residual: what is predicted minus the target."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Namespace, Options, Real

__all__ = ["l1_loss", "mse_loss"]


@loss
def mse_loss(xp: Namespace, pred: Real, target: Real, /, **options: Unpack[Options]) -> Array:
    r"""Squared error, whose mean is the mean squared error.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target, squared.

    See Also
    --------
    l1_loss : Less moved by outliers; its minimum is the median, where that of this loss is the mean.
    huber_loss : Between the two.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is :math:`r^2`, its derivative :math:`2r` and its second
    derivative 2. There is no factor one half, as in torch and scikit-learn; ``optax.l2_loss`` and the gradient-boosting
    libraries have one.

    A weighted mean divides by the sum of the weights. Keras divides by the number of elements.

    References
    ----------
    .. [1] C. F. Gauss, "Theoria combinationis observationum erroribus minimis obnoxiae", 1823.

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.mse_loss([1.5, 2.5, 3.5], [2.0, 3.5, 5.0]))
    1.1666666666666667
    >>> pl.mse_loss.grad([1.5, 2.5, 3.5], [2.0, 3.5, 5.0], reduction="sum")
    array([-1., -2., -3.])
    """
    residual = pred - target
    return residual * residual


@mse_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
    return 2 * (pred - target)


@mse_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
    return xp.full_like(pred, 2.0)


@loss
def l1_loss(xp: Namespace, pred: Real, target: Real, /, **options: Unpack[Options]) -> Array:
    r"""Absolute error.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the unit of the target.

    See Also
    --------
    mse_loss : Weighs large residuals more.
    huber_loss : Smooth at 0.

    Notes
    -----
    The loss of an element is :math:`|\hat y - y|`. Its derivative is the sign of the residual; at 0, where any number from
    -1 to 1 is a subgradient, it is 0, as in torch (JAX says 1). The second derivative is 0: the kink at 0 is not in it.

    Integers are converted before they are subtracted: in torch and MLX the error of 1 against 2 in uint8 is 255.

    References
    ----------
    .. [1] P. Bloomfield and W. L. Steiger, "Least Absolute Deviations", Birkhäuser, 1983. :doi:`10.1007/978-1-4684-8574-5`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.l1_loss([1.0, 2.0, 4.0], [1.0, 3.0, 2.0]))
    1.0
    >>> pl.l1_loss.grad([1.0, 2.0, 4.0], [1.0, 3.0, 2.0], reduction="sum")
    array([ 0., -1.,  1.])
    """
    return xp.abs(pred - target)


@l1_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
    return xp.sign(pred - target)


@l1_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
    return xp.zeros_like(pred)
