"""The logistic sigmoid, its integral, its logarithm and its inverse."""

from math import nan

from .._elementary import magnitude, widened
from ..typing import Array, Namespace
from ._function import Special

__all__ = ["log_sigmoid", "logit", "sigmoid", "softplus"]


@Special
def sigmoid(xp: Namespace, x: Array, /) -> Array:
    r"""Logistic sigmoid.

    Parameters
    ----------
    x : array
        Real numbers of any shape, -inf and inf included.

    Returns
    -------
    array
        ``1 / (1 + exp(-x))``, of the shape and dtype of `x`.

    See Also
    --------
    log_sigmoid : Its logarithm, which keeps its digits where the sigmoid is 0 or 1.
    logit : Its inverse.
    softmax : The same for more than two classes.

    Notes ----- With :math:`e = \exp(-|x|) \le 1`, which does not overflow, it is :math:`1 / (1 +
    e)` for positive and :math:`e / (1 + e)` for negative `x`.

    Examples
    --------
    >>> from portable_losses.special import sigmoid
    >>> sigmoid([-800.0, 0.0, 800.0])
    array([0. , 0.5, 1. ])
    >>> sigmoid.grad([0.0])
    array([0.25])
    """
    exponential = xp.exp(-magnitude(xp, x))
    return xp.where(x >= 0, 1.0, exponential) / (1 + exponential)


@sigmoid.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    exponential = xp.exp(-magnitude(xp, x))
    return exponential / (1 + exponential * (2 + exponential))


@Special
def softplus(xp: Namespace, x: Array, /) -> Array:
    r"""Softplus, the smooth maximum of `x` and 0.

    Parameters
    ----------
    x : array
        Real numbers of any shape, -inf and inf included.

    Returns
    -------
    array
        ``log(1 + exp(x))``, of the shape and dtype of `x`.

    See Also
    --------
    log_sigmoid : ``-softplus(-x)``.

    Notes ----- Computed as :math:`\max(x, 0) + \mathrm{log1p}(\exp(-|x|))`: nothing overflows, and
    nothing cancels.

    Examples
    --------
    >>> from portable_losses.special import softplus
    >>> softplus([-800.0, 0.0, 2.0])
    array([0.        , 0.69314718, 2.12692801])
    """
    return xp.where(x >= 0, x, 0.0) + xp.log1p(xp.exp(-magnitude(xp, x)))


@softplus.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    return sigmoid.formula(xp, x)


@Special
def log_sigmoid(xp: Namespace, x: Array, /) -> Array:
    r"""Logarithm of the sigmoid.

    Parameters
    ----------
    x : array
        Real numbers of any shape, -inf and inf included.

    Returns
    -------
    array
        ``log(sigmoid(x))``, of the shape and dtype of `x`.

    See Also
    --------
    sigmoid : The function whose logarithm this is.
    softplus : This is ``-softplus(-x)``, and so computed.

    Examples
    --------
    >>> from portable_losses.special import log_sigmoid
    >>> log_sigmoid([-800.0, 0.0, 40.0])
    array([-8.00000000e+02, -6.93147181e-01, -4.24835426e-18])
    """
    return -softplus.formula(xp, -x)


@log_sigmoid.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    return sigmoid.formula(xp, -x)


@Special
def logit(xp: Namespace, p: Array, /) -> Array:
    r"""Logit, the inverse of the sigmoid.

    Parameters
    ----------
    p : array
        Probabilities of any shape.

    Returns
    -------
    array
        ``log(p / (1 - p))``, of the shape and dtype of `p`: -inf at 0, inf at 1, NaN outside [0,
        1].

    See Also
    --------
    sigmoid : The function whose inverse this is.

    Notes ----- With the smaller :math:`m` of :math:`p` and :math:`1 - p`, minus the logit of `m` is
    :math:`\mathrm{log1p}((1 - 2m) / m)` for `m` above 1/4: nothing cancels next to 1/2, where the
    logit is 0. For smaller `m` it is :math:`\mathrm{log1p}(-m) - \log m`. The derivative is
    :math:`1 / (p (1 - p))`.

    Examples
    --------
    >>> from portable_losses.special import logit
    >>> logit([0.0, 0.5, 0.75, 1.0])
    array([      -inf, 0.        , 1.09861229,        inf])
    >>> logit.grad([0.5])
    array([4.])
    """
    p = widened(xp, p)
    low = p < 0.5
    smaller = xp.where(low, p, 1 - p)
    central = smaller > 0.25
    ratio = xp.where(central, 1 - 2 * smaller, 0.0) / xp.where(central, smaller, 1.0)
    size = xp.log1p(xp.where(central, ratio, -smaller)) - xp.log(xp.where(central, 1.0, smaller))
    return xp.where(low, -size, size)


@logit.derivative
def _(xp: Namespace, p: Array, /) -> Array:
    p = widened(xp, p)
    return 1 / xp.abs(xp.where((p < 0) | (p > 1), nan, p * (1 - p)))
