"""Losses of a residual: the prediction minus the target."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Namespace, Options, Real

__all__ = ["l1_loss", "log_cosh_loss", "mse_loss"]


@loss(temporaries=8)
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
    l1_loss : Less sensitive to outliers. Its minimum is the median, that of this loss the mean.
    huber_loss : Between the two.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is :math:`r^2`, its derivative
    :math:`2r` and its second derivative 2. There is no factor one half, as in torch and
    scikit-learn; ``optax.l2_loss`` and the gradient-boosting libraries have one.

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


@loss(temporaries=8)
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
    The loss of an element is :math:`|\hat y - y|`. Its derivative is the sign of the residual. At
    0, where any number from -1 to 1 is a subgradient, it is 0, as in torch (in JAX it is 1). The
    second derivative is 0: it leaves out the kink at 0.

    Integers are converted before they are subtracted: in torch and MLX the error of 1 against 2 in
    uint8 is 255.

    References
    ----------
    .. [1] P. Bloomfield and W. L. Steiger, "Least Absolute Deviations", Birkhäuser, 1983.
       :doi:`10.1007/978-1-4684-8574-5`

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


@loss
def log_cosh_loss(xp: Namespace, pred: Real, target: Real, /, **options: Unpack[Options]) -> Array:
    r"""Logarithm of the hyperbolic cosine of the residual.

    Parameters
    ----------
    pred : array
        Predictions, of any shape: real numbers.
    target : array or number
        Observations, of the shape of `pred`: real numbers.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats. Scale the target so that its noise is
        about 1.

    See Also
    --------
    pseudo_huber_loss : Similar, with a parameter for the scale.
    huber_loss : Exactly quadratic, then exactly linear.

    Notes
    -----
    With the residual :math:`r = \hat y - y` the loss of an element is :math:`\log \cosh r`, about
    :math:`r^2 / 2` for small residuals and :math:`|r| - \log 2` for large ones. It is the negative
    log-likelihood, up to a constant, of the hyperbolic secant distribution.

    With :math:`b = \min(|r|, 40)` and :math:`g = e^b - 1` it is computed as
    :math:`\mathrm{log1p}(g^2 / (2 (1 + g))) + |r| - b`. The quotient is :math:`\cosh b - 1`, so
    nothing cancels, and the exponential does not overflow. Above 40 the loss is linear in every
    dtype. In float32 optax, Keras, MLX and torchmetrics return 0 for a residual of 1e-4, where the
    loss is 5e-9: they subtract the logarithm of 2, which cancels. torchmetrics returns inf at 100.

    The derivative is :math:`\tanh r`. The second is :math:`1 / \cosh^2 r`, computed as
    :math:`4 d / (1 + d)^2` with :math:`d = e^{-2 |r|}`. It is accurate where the derivative is
    nearly 1.

    References
    ----------
    .. [1] R. A. Saleh and A. K. M. E. Saleh, "Statistical Properties of the log-cosh Loss Function
       Used in Machine Learning", 2022. :doi:`10.48550/arXiv.2208.04564`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.log_cosh_loss([1e-10, 1.0, -1000.0], [0.0, 0.0, 0.0], reduction="none")
    array([5.00000000e-21, 4.33780830e-01, 9.99306853e+02])
    >>> pl.log_cosh_loss.grad([0.5, -1000.0], [0.0, 0.0], reduction="sum")
    array([ 0.46211716, -1.        ])
    """
    size = xp.abs(pred - target)
    bounded = xp.minimum(size, 40.0)
    growth = xp.expm1(bounded)
    cosh_minus_one = 0.5 * growth * (growth / (1 + growth))
    return xp.log1p(cosh_minus_one) + (size - bounded)


@log_cosh_loss.derivative
def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
    return xp.tanh(pred - target)


@log_cosh_loss.second_derivative
def _(xp: Namespace, pred: Real, target: Real, /) -> Array:
    return 4 * xp.logistic_density(2 * (pred - target))
