"""Products with logarithms, as in entropies, and the logarithm of a complement."""

from math import inf, nan

from ..typing import Array, Namespace
from ._function import Special

__all__ = ["log1mexp", "rel_entr", "xlog1py", "xlogy"]


@Special
def xlogy(xp: Namespace, x: Array, y: Array, /) -> Array:
    r"""Product of a number and a logarithm, 0 where the number is 0.

    Parameters
    ----------
    x : array or number
        Real numbers of any shape.
    y : array or number
        Real numbers of a shape that broadcasts with that of `x`, 0 and inf included.

    Returns
    -------
    array
        ``x * log(y)``, of the dtype to which `x` and `y` are promoted. It is 0 where `x` is 0,
        for any `y` except NaN. Elsewhere it is NaN for negative `y`.

    See Also
    --------
    xlog1py : The same with the logarithm of ``1 + y``.
    rel_entr : With the logarithm of a quotient.

    Notes
    -----
    The term :math:`x \log y` of an entropy is 0 in the limit :math:`x \to 0`, where the product
    itself may be 0 times infinity. There the logarithm of 1 is taken, so that autodiff is finite as
    well.

    The derivatives are :math:`\log y` and :math:`x / y`, where 0 / 0 is 0. At `x` = `y` = 0 the
    first is -inf, its limit. Autodiff returns 0 there, which leaves the sum of a gradient finite.

    Examples
    --------
    >>> from portable_losses.special import xlogy
    >>> xlogy([0.0, 0.5, 2.0], [0.0, 0.5, 1.0])
    array([ 0.        , -0.34657359,  0.        ])
    >>> xlogy.grad([0.0, 2.0], 0.5)
    (array([-0.69314718, -0.69314718]), array([0., 4.]))
    """
    return xp.xlogy(x, y)


@xlogy.derivative
def _(xp: Namespace, x: Array, y: Array, /) -> tuple[Array, Array]:
    return _beside(xp, x, xp.log(y)), _slope(xp, x, y)


@Special
def xlog1py(xp: Namespace, x: Array, y: Array, /) -> Array:
    r"""Product of a number and the logarithm of one plus another, 0 where the number is 0.

    Parameters
    ----------
    x : array or number
        Real numbers of any shape.
    y : array or number
        Real numbers of a shape that broadcasts with that of `x`, -1 and inf included.

    Returns
    -------
    array
        ``x * log1p(y)``, of the dtype to which `x` and `y` are promoted. It is 0 where `x` is 0,
        for any `y` except NaN. Elsewhere it is NaN for `y` below -1.

    See Also
    --------
    xlogy : The same with the logarithm of `y`.

    Notes
    -----
    :math:`x \, \mathrm{log1p}(y)` is accurate for small `y`: the second half of a binary entropy is
    ``xlog1py(1 - target, -pred)``. 0 times infinity, here at `y` = -1, is 0 as in `xlogy`, and so
    are the derivatives.

    Examples
    --------
    >>> from portable_losses.special import xlog1py
    >>> xlog1py([0.0, 2.0], [-1.0, 1e-20])
    array([0.e+00, 2.e-20])
    >>> xlog1py.grad([0.0, 2.0], [-1.0, 1.0])
    (array([      -inf, 0.69314718]), array([0., 1.]))
    """
    return xp.xlog1py(x, y)


@xlog1py.derivative
def _(xp: Namespace, x: Array, y: Array, /) -> tuple[Array, Array]:
    return _beside(xp, x, xp.log1p(y)), _slope(xp, x, 1 + y)


def _beside(xp: Namespace, x: Array, value: Array) -> Array:
    """Return a value broadcast with `x`, NaN where `x` is NaN."""
    return xp.where(x == x, value, nan)


def _slope(xp: Namespace, x: Array, y: Array) -> Array:
    """Return the derivative of x * log(y) with respect to y: x / y, and NaN for negative y.

    It is 0 where x is 0 and y is not positive: the function is 0 there.
    """
    nothing = (x == 0) & (y <= 0)
    return x / xp.where(nothing, 1.0, xp.where(y < 0, nan, xp.abs(y)))


@Special
def rel_entr(xp: Namespace, x: Array, y: Array, /) -> Array:
    r"""Relative entropy, element by element: the terms of a Kullback-Leibler divergence.

    Parameters
    ----------
    x : array or number
        Probabilities, or other numbers that are not negative, of any shape.
    y : array or number
        The same, of a shape that broadcasts with that of `x`.

    Returns
    -------
    array
        ``x * log(x / y)``, of the dtype to which `x` and `y` are promoted. It is 0 where `x` is 0.
        It is inf where `y` alone is 0 and, as in SciPy, where one of them is negative.

    See Also
    --------
    xlogy : With the logarithm of one number.

    Notes
    -----
    Where the two numbers differ by a factor of at most 2, the logarithm is :math:`\mathrm{log1p}((x
    - y) / y)`, whose difference is exact. The logarithm of the rounded quotient would be inaccurate
    near 1. Elsewhere it is :math:`2 \log(\sqrt{x} / \sqrt{y})`: the quotient of the roots neither
    overflows nor underflows.

    The derivatives are :math:`\log(x / y) + 1` and :math:`-x / y`, where 0 / 0 is 0. They are NaN
    where one of the numbers is negative. At `x` = 0 the first is -inf, or inf if `y` is 0 as well;
    autodiff returns 0 there.

    References
    ----------
    .. [1] S. Kullback and R. A. Leibler, "On Information and Sufficiency", The Annals of
       Mathematical Statistics 22, 1951. :doi:`10.1214/aoms/1177729694`

    Examples
    --------
    >>> from portable_losses.special import rel_entr
    >>> rel_entr([0.0, 0.5, 0.5], [0.5, 0.5, 0.0])
    array([ 0.,  0., inf])
    >>> rel_entr.grad([1.0], [0.5])
    (array([1.69314718]), array([-2.]))
    """
    return xp.rel_entr(x, y)


@rel_entr.derivative
def _(xp: Namespace, x: Array, y: Array, /) -> tuple[Array, Array]:
    x, y = (xp.where(value < 0, nan, xp.abs(value)) for value in (x, y))
    by_x = xp.where((y == 0) & (x == x), inf, xp.log_ratio(x, y) + 1)
    return by_x, -xp.safe_divide(x, y)


@Special
def log1mexp(xp: Namespace, x: Array, /) -> Array:
    r"""Logarithm of one minus the exponential of minus a number.

    Parameters
    ----------
    x : array
        Real numbers from 0 to inf, of any shape: minus the logarithm of a probability.

    Returns
    -------
    array
        ``log(1 - exp(-x))``, of the shape and dtype of `x`: -inf at 0, 0 at inf, NaN below 0.

    See Also
    --------
    log_sigmoid : The logarithm of a probability from its logit.

    Notes
    -----
    If `x` is minus the logarithm of a probability, this is the logarithm of its complement. The
    sign of `x` is that of R's ``log1mexp`` and of ``jax.nn.log1mexp``; TensorFlow Probability
    accepts both signs.

    It is :math:`\log(-\mathrm{expm1}(-x))` for `x` below :math:`\log 2`, where the exponential is
    near 1, and :math:`\mathrm{log1p}(-\exp(-x))` above, where it is near 0 [1]_. The derivative is
    :math:`\exp(-x) / (1 - \exp(-x))`.

    References
    ----------
    .. [1] M. Mächler, "Accurately Computing log(1 - exp(-\|a\|))", 2012, vignette of the R package
       Rmpfr.

    Examples
    --------
    >>> from portable_losses.special import log1mexp
    >>> log1mexp([0.0, 1e-20, 40.0])
    array([           -inf, -4.60517019e+01, -4.24835426e-18])
    >>> log1mexp.grad([1.0])
    array([0.58197671])
    """
    return xp.log1mexp(x)


@log1mexp.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    return xp.where(x < 0, nan, xp.exp(-x) / xp.abs(xp.expm1(-x)))
