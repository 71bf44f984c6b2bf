"""The logarithm of the gamma function and its derivative, in the functions of the array API standard."""

from math import nan, pi

from .._elementary import widened
from ..typing import Array, Namespace
from ._function import Special
from ._stirling import (
    DIGAMMA,
    DIGAMMA_STIRLING,
    DIGAMMA_ZERO,
    STIRLING,
    STIRLING_CONSTANT,
    UP_TO,
    ZEROS,
    polynomial_quotient,
)

__all__ = ["lgamma"]


@Special
def lgamma(xp: Namespace, x: Array, /) -> Array:
    r"""Logarithm of the absolute value of the gamma function.

    Parameters
    ----------
    x : array
        Real numbers of any shape, -inf and inf included.

    Returns
    -------
    array
        ``log(abs(gamma(x)))``, of the shape and dtype of `x`: the logarithm of the factorial of ``x
        - 1``. It is inf at the poles 0, -1, -2, ..., and at both infinities.

    See Also
    --------
    xlogy : The other logarithm in the likelihood of a count.

    Notes
    -----
    It is put together from :math:`L(w) = \log \Gamma(1 + w)` for :math:`w \ge 0`:

    .. math:: \log |\Gamma(x)| = \begin{cases}
        L(x - 1) & x \ge 1, \\
        L(x) - \log x & 0 \le x < 1, \\
        -L(-x) - \log(|\sin \pi x| / \pi) & x < 0.\end{cases}

    :math:`L` has the zeros 0 and 1, and is :math:`w (w - 1)` times a quotient of polynomials up to
    2.25: next to 1 and 2 `x` loses no digit. From there on it is Stirling's series, whose remainder
    is a quotient of polynomials as well, in the form :math:`(w + 1/2)(\log w - 1) + \ldots`, which
    overflows only where the result does. Before the sine is taken the nearest whole number is
    subtracted from `x`, which is exact. Between the poles below -2 the result crosses 0, and is as
    precise there as the two terms that cancel.

    The derivative is the digamma function, in the same manner: NaN at the negative poles, where it
    has no limit, and -inf or inf at 0.

    References
    ----------
    .. [1] R. A. Askey and R. Roy, "Gamma Function", chapter 5 of the NIST Digital Library of
       Mathematical Functions. https://dlmf.nist.gov/5

    Examples
    --------
    >>> from portable_losses.special import lgamma
    >>> lgamma([0.0, 0.5, 1.0, 5.0, 1e300])
    array([           inf, 5.72364943e-001, 0.00000000e+000, 3.17805383e+000,
           6.89775528e+302])
    >>> lgamma.grad([1.0, 2.0])
    array([-0.57721566,  0.42278434])
    """
    x = widened(xp, x)
    # All of these are infinite: as if at a pole, where no intermediate result is.
    x = xp.where(xp.isinf(x) | (x < -(2.0**60)), -1.0, x)
    large, w = _shifted(xp, x)
    near = xp.where(large, 1.0, w)
    far = xp.where(large, w, UP_TO)
    inverse = 1 / far
    stirling = (far + 0.5) * (xp.log(far) - 1) + (
        STIRLING_CONSTANT + inverse * polynomial_quotient(inverse * inverse, STIRLING)
    )
    value = xp.where(large, stirling, near * (near - 1) * polynomial_quotient(near, ZEROS))
    fraction = x - xp.round(x)
    sine = xp.sin(pi * fraction)
    # the derivative of the product is NaN at a pole, where that of abs is 0 on JAX
    size = sine * xp.sign(sine) / pi
    factor = xp.where(x < 0, size, xp.where(x < 1, x, 1.0))
    # 0 - log(1) is 0, where -log(1) is -0
    return (0 - xp.log(factor)) + xp.where(x < 0, -value, value)


@lgamma.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    x = widened(xp, x)
    large, w = _shifted(xp, x)
    near = xp.where(large, 1.0, w)
    far = xp.where(large, w, UP_TO)
    inverse = 1 / far
    square = inverse * inverse
    stirling = xp.log(far) + (
        0.5 * inverse - square * polynomial_quotient(square, DIGAMMA_STIRLING)
    )
    first, second, third = DIGAMMA_ZERO
    value = xp.where(
        large, stirling, (near - first - second - third) * polynomial_quotient(near, DIGAMMA)
    )
    fraction = x - xp.round(x)
    fraction = xp.where(fraction == 0, nan, fraction)
    # The cotangent by two sines, of which neither is near pi: both keep their digits.
    cotangent = xp.sin(pi * (0.5 - xp.abs(fraction))) / xp.sin(pi * fraction)
    return value - xp.where(x < 0, pi * cotangent, xp.where(x < 1, 1 / x, 0.0))


def _shifted(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """Return the argument of L, and whether it is large: without rounding, for x - 1 is exact from 1 on."""
    w = xp.where(x >= 1, x - 1, xp.abs(x))
    return w > UP_TO, w
