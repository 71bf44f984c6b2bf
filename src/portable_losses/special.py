"""Special functions of losses that the array API standard lacks: accurate to the last digits, right at the infinities.

Each takes one array of any library, or what NumPy reads as one, and gives an array of the same library and dtype. Functions
of one element have a derivative as well: ``sigmoid.grad(x)``.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ._arrays import prepare_one
from ._docstrings import carry_over
from ._elementary import magnitude, precise_exp, row_sum
from ._namespace import numpy
from .typing import Array, Namespace

__all__ = ["Special", "log_sigmoid", "log_softmax", "logsumexp", "sigmoid", "softmax", "softplus"]


class Special:
    """A special function, made from a formula over a namespace.

    Parameters
    ----------
    formula : callable
        ``formula(xp, x, /, *, ...)``.

    See Also
    --------
    portable_losses.Loss : The same idea with weights, masks and reductions.
    """

    def __init__(self, formula: Callable[..., Array]) -> None:
        self.formula = formula
        self._derivative: Callable[..., Array] | None = None
        carry_over(self, formula)
        parameters = [p for p in inspect.signature(formula).parameters.values() if p.name != "xp"]
        self.__signature__ = inspect.Signature(parameters, return_annotation=Array)

    def __call__(self, x: Array, /, **parameters: Any) -> Array:
        """Evaluate the function."""
        return self._evaluate(self.formula, x, parameters)

    def grad(self, x: Array, /, **parameters: Any) -> Array:
        """Evaluate the derivative, element by element.

        Parameters
        ----------
        x : array
            The argument of the function.
        **parameters
            Those of the function.

        Returns
        -------
        array
            The derivative, of the shape and dtype of `x`.
        """
        if self._derivative is None:
            raise NotImplementedError(f"{self.__name__} mixes the elements of a row: its derivative is not one array")
        return self._evaluate(self._derivative, x, parameters)

    def derivative(self, function: Callable[..., Array]) -> Callable[..., Array]:
        """Register the derivative.

        Parameters
        ----------
        function : callable
            Derivative of each element, a function of the formula's arguments.

        Returns
        -------
        callable
            The same function.
        """
        self._derivative = function
        return function

    def _evaluate(self, formula: Callable[..., Array], x: Array, parameters: dict[str, Any]) -> Array:
        xp, array, result = prepare_one(self.__name__, x)
        value = _quietly(formula, array, parameters) if xp is numpy else formula(xp, array, **parameters)
        return xp.astype(value, result, copy=False)

    __name__: str

    def __reduce__(self) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return f"<special function {self.__name__}>"


@np.errstate(all="ignore")
def _quietly(formula: Callable[..., Array], array: Array, parameters: dict[str, Any]) -> Array:
    """Evaluate on NumPy, which would warn of infinities that are meant."""
    return formula(numpy, array, **parameters)


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
    softmax : The same for more than two classes.

    Notes
    -----
    With :math:`e = \exp(-|x|) \le 1`, which does not overflow, it is :math:`1 / (1 + e)` for positive and
    :math:`e / (1 + e)` for negative `x`.

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

    Notes
    -----
    Computed as :math:`\max(x, 0) + \mathrm{log1p}(\exp(-|x|))`: nothing overflows, and nothing cancels.

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


class Exponentials(NamedTuple):
    """The parts of a softmax over one axis."""

    top: Array
    """The largest entry of each row."""
    shifted: Array
    """The entries minus the largest."""
    exponential: Array
    """The exponentials of these."""
    is_top: Array
    """Which entries are the largest."""
    rest: Array
    """The sum of the exponentials, but for the 1 of a largest entry: ``1 + rest`` is the denominator of the softmax."""

    def others(self, xp: Namespace) -> Array:
        """Give for each entry the sum of the exponentials of the others."""
        return xp.where(self.is_top, self.rest, (1 + self.rest) - self.exponential)


def exponentials(xp: Namespace, axis: int, x: Array) -> Exponentials:
    """Give the parts of a softmax so that none of them loses digits.

    The difference to the largest entry is rounded, and the exponential would multiply that error by the difference itself: at
    -50 it costs 16 ulp. So the error, which is known exactly (Knuth's two-sum), is put back in: exp(d + error) is
    exp(d) * (1 + error). And where one entry dominates, its own exponential, 1, is kept out of the sum of the others.
    """
    top = xp.max(x, axis=axis, keepdims=True)
    shifted = x - top
    virtual = shifted - x
    error = (x - (shifted - virtual)) - (top + virtual)
    error = xp.where(xp.isnan(error), 0.0, error)  # at -inf, whose exponential is 0
    exponential = precise_exp(xp, shifted)
    exponential = exponential + exponential * error
    is_top = x == top
    ties = xp.sum(xp.astype(is_top, x.dtype), axis=axis, keepdims=True) - 1
    rest = row_sum(xp, axis, xp.where(is_top, 0.0, exponential)) + ties
    return Exponentials(top, shifted, exponential, is_top, rest)


@Special
def softmax(xp: Namespace, x: Array, /, *, axis: int = -1) -> Array:
    r"""Softmax: exponentials that are divided by their sum.

    Parameters
    ----------
    x : array
        Real numbers; -inf masks an entry.
    axis : int, default -1
        The axis that sums to 1.

    Returns
    -------
    array
        Probabilities, of the shape and dtype of `x`. A row of nothing but -inf is NaN, as is one with inf.

    See Also
    --------
    log_softmax : Its logarithm, which keeps its digits where a probability is 0 or 1.

    Notes
    -----
    The largest entry is subtracted first, and the rounding error of that difference is put back [1]_.

    References
    ----------
    .. [1] P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax functions", IMA
       Journal of Numerical Analysis 41, 2021. :doi:`10.1093/imanum/draa038`

    Examples
    --------
    >>> from portable_losses.special import softmax
    >>> softmax([1000.0, 1000.0, 0.0])
    array([0.5, 0.5, 0. ])
    """
    parts = exponentials(xp, axis, x)
    return parts.exponential / (1 + parts.rest)


@Special
def log_softmax(xp: Namespace, x: Array, /, *, axis: int = -1) -> Array:
    r"""Logarithm of the softmax.

    Parameters
    ----------
    x : array
        Real numbers; -inf masks an entry.
    axis : int, default -1
        The axis whose exponentials sum to 1.

    Returns
    -------
    array
        Log-probabilities, of the shape and dtype of `x`. A row of nothing but -inf is NaN, as is one with inf.

    See Also
    --------
    softmax : The function whose logarithm this is.

    Notes
    -----
    The entries minus the largest, minus :math:`\mathrm{log1p}` of the sum of the other exponentials: where one entry
    dominates, its log-probability keeps its digits, which ``log(sum)`` rounds to 0.

    Examples
    --------
    >>> from portable_losses.special import log_softmax
    >>> log_softmax([40.0, 0.0])
    array([-4.24835426e-18, -4.00000000e+01])
    """
    parts = exponentials(xp, axis, x)
    return parts.shifted - xp.log1p(parts.rest)


@Special
def logsumexp(xp: Namespace, x: Array, /, *, axis: int = -1) -> Array:
    r"""Logarithm of a sum of exponentials.

    Parameters
    ----------
    x : array
        Real numbers, -inf and inf included.
    axis : int, default -1
        The axis to sum over.

    Returns
    -------
    array
        ``log(sum(exp(x)))``, without `axis`, in the dtype of `x`: -inf where all entries are, inf where one is.

    See Also
    --------
    softmax : Its gradient.

    Examples
    --------
    >>> from portable_losses.special import logsumexp
    >>> float(logsumexp([1000.0, 1000.0]))
    1000.6931471805599
    """
    top = xp.max(x, axis=axis, keepdims=True)
    infinite = xp.isinf(top)
    parts = exponentials(xp, axis, xp.where(infinite, 0.0, x))
    return xp.squeeze(xp.where(infinite, top, parts.top + xp.log1p(parts.rest)), axis=axis)
