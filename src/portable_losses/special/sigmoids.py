"""The logistic sigmoid, its integral, its logarithm and its inverse."""

from math import nan

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
    log_sigmoid : Its logarithm, accurate where the sigmoid is nearly 0 or 1.
    logit : Its inverse.
    softmax : The same for more than two classes.

    Notes
    -----
    With :math:`e = \exp(-|x|) \le 1`, which does not overflow, it is :math:`1 / (1 + e)` for
    positive and :math:`e / (1 + e)` for negative `x`.

    Examples
    --------
    >>> from portable_losses.special import sigmoid
    >>> sigmoid([-800.0, 0.0, 800.0])
    array([0. , 0.5, 1. ])
    >>> sigmoid.grad([0.0])
    array([0.25])
    """
    return xp.sigmoid(x)


@sigmoid.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    return xp.logistic_density(x)


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
    log_sigmoid : It equals ``-softplus(-x)``.

    Notes
    -----
    It is computed as :math:`\max(x, 0) + \mathrm{log1p}(\exp(-|x|))`, in which nothing overflows
    and nothing cancels.

    Examples
    --------
    >>> from portable_losses.special import softplus
    >>> softplus([-800.0, 0.0, 2.0])
    array([0.        , 0.69314718, 2.12692801])
    """
    return xp.softplus(x)


@softplus.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    return xp.sigmoid(x)


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
    softplus : This is computed as ``-softplus(-x)``.

    Examples
    --------
    >>> from portable_losses.special import log_sigmoid
    >>> log_sigmoid([-800.0, 0.0, 40.0])
    array([-8.00000000e+02, -6.93147181e-01, -4.24835426e-18])
    """
    return xp.log_sigmoid(x)


@log_sigmoid.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    return xp.sigmoid(-x)


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

    Notes
    -----
    Between 1/4 and 3/4 it is :math:`\mathrm{log1p}((2p - 1) / (1 - p))`: nothing cancels next to
    1/2, where the logit is 0. Elsewhere it is :math:`\log p - \mathrm{log1p}(-p)`. The derivative
    is :math:`1 / (p (1 - p))`.

    Examples
    --------
    >>> from portable_losses.special import logit
    >>> logit([0.0, 0.5, 0.75, 1.0])
    array([      -inf, 0.        , 1.09861229,        inf])
    >>> logit.grad([0.5])
    array([4.])
    """
    return xp.logit(p)


@logit.derivative
def _(xp: Namespace, p: Array, /) -> Array:
    return 1 / xp.abs(xp.where((p < 0) | (p > 1), nan, p * (1 - p)))
