"""The logarithm of the gamma function and its derivative, in the functions of the array API standard."""

from collections.abc import Sequence
from math import nan, pi

from .._elementary import widened
from ..typing import Array, Namespace
from ._function import Special

__all__ = ["lgamma"]

# The quotients of polynomials, highest power first, were fitted with mpmath at 50 digits: least squares at 150 Chebyshev nodes,
# linearised in the denominator, and reweighted (Lawson) until the largest errors are alike. Relative to the result they are at
# most 3.1e-17, 3.5e-18, 1.8e-18 and 2e-17, in the order of this file. That of a float64 is up to 1.1e-16.

_UP_TO = 2.25
"""From here on the asymptotic series, below the quotients between the zeros."""

_ZEROS = (
    (
        1.0943413140642157e-06,
        0.0005269965938394532,
        0.01729412944383198,
        0.17712983313852707,
        0.7746979976123708,
        1.6116718461059008,
        1.5720202299986479,
        0.5772156649015329,
    ),
    (
        0.00013471730612492377,
        0.007224634463700888,
        0.11140573766783396,
        0.7272760323914244,
        2.3341202111726966,
        3.8605543697158238,
        3.1483407485679202,
        1.0,
    ),
)
"""lgamma(1 + w) / (w * (w - 1)) for w in [0, 2.25]."""

_STIRLING = (
    (
        -0.0016564361891399672,
        0.17397122101049922,
        1.2718515642820059,
        1.8194496618718043,
        0.7523582399188294,
        0.08333333333332689,
    ),
    (2.4622469124879625, 15.920591132850667, 22.125926542257233, 9.061632212337539, 1.0),
)
"""What Stirling's formula for lgamma(1 + w) lacks, times w, of 1 / w**2 for w from 2.25."""

_STIRLING_CONSTANT = 1.4189385332046727
"""(1 + log(2 * pi)) / 2"""

_DIGAMMA = (
    (
        1.2718696315653692e-05,
        0.0012156977088863365,
        0.02852362168471655,
        0.25975693883662726,
        1.0610187648549452,
        1.9304761320894437,
        1.2503801375034054,
    ),
    (
        2.0573708905176994e-06,
        0.00029706629579160076,
        0.009480910466549409,
        0.11546718708091415,
        0.6481603896725052,
        1.769337309777827,
        2.227458201833157,
        1.0,
    ),
)
"""digamma(1 + w) / (w - zero) for w in [0, 2.25]."""

_DIGAMMA_ZERO = (0.4616321325302124, 1.2438149938918909e-08, 4.341643069426251e-25)
"""The zero, in parts: the first has 24 bits, so that it is subtracted exactly in float32 as well."""

_DIGAMMA_STIRLING = (
    (
        -0.007050005819121078,
        0.3157762349596023,
        2.0111253113045886,
        2.432591722581847,
        0.8629999308580346,
        0.08333333333327637,
    ),
    (5.454129064035842, 26.70450582628479, 30.189081563589777, 10.455999170087072, 1.0),
)
"""(log(w) + 1 / (2 * w) - digamma(1 + w)) * w**2, of 1 / w**2 for w from 2.25."""


def _quotient(x: Array, polynomials: tuple[Sequence[float], Sequence[float]]) -> Array:
    """Give the quotient of two polynomials by Horner's rule."""
    values = []
    for first, second, *rest in polynomials:
        value = first * x + second
        for coefficient in rest:
            value = value * x + coefficient
        values.append(value)
    return values[0] / values[1]


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
        ``log(abs(gamma(x)))``, of the shape and dtype of `x`: the logarithm of the factorial of ``x - 1``. It is inf at the
        poles 0, -1, -2, ..., and at both infinities.

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

    :math:`L` has the zeros 0 and 1, and is :math:`w (w - 1)` times a quotient of polynomials up to 2.25: next to 1 and 2
    `x` loses no digit. From there on it is Stirling's series, whose remainder is a quotient of polynomials as well, in the form
    :math:`(w + 1/2)(\log w - 1) + \ldots`, which overflows only where the result does. Before the sine is taken the nearest
    whole number is subtracted from `x`, which is exact. Between the poles below -2 the result crosses 0, and is as precise
    there as the two terms that cancel.

    The derivative is the digamma function, in the same manner: NaN at the negative poles, where it has no limit, and -inf
    or inf at 0.

    References
    ----------
    .. [1] R. A. Askey and R. Roy, "Gamma Function", chapter 5 of the NIST Digital Library of Mathematical Functions.
       https://dlmf.nist.gov/5

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
    far = xp.where(large, w, _UP_TO)
    inverse = 1 / far
    stirling = (far + 0.5) * (xp.log(far) - 1) + (_STIRLING_CONSTANT + inverse * _quotient(inverse * inverse, _STIRLING))
    value = xp.where(large, stirling, near * (near - 1) * _quotient(near, _ZEROS))
    fraction = x - xp.round(x)
    sine = xp.abs(xp.sin(pi * fraction)) / pi
    factor = xp.where(x < 0, sine, xp.where(x < 1, x, 1.0))
    return (0 - xp.log(factor)) + xp.where(x < 0, -value, value)  # 0 - log(1) is 0, where -log(1) is -0


@lgamma.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    x = widened(xp, x)
    large, w = _shifted(xp, x)
    near = xp.where(large, 1.0, w)
    far = xp.where(large, w, _UP_TO)
    inverse = 1 / far
    square = inverse * inverse
    stirling = xp.log(far) + (0.5 * inverse - square * _quotient(square, _DIGAMMA_STIRLING))
    first, second, third = _DIGAMMA_ZERO
    value = xp.where(large, stirling, (near - first - second - third) * _quotient(near, _DIGAMMA))
    fraction = x - xp.round(x)
    fraction = xp.where(fraction == 0, nan, fraction)
    # The cotangent by two sines, of which neither is near pi: both keep their digits.
    cotangent = xp.sin(pi * (0.5 - xp.abs(fraction))) / xp.sin(pi * fraction)
    return value - xp.where(x < 0, pi * cotangent, xp.where(x < 1, 1 / x, 0.0))


def _shifted(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """Give the argument of L, and whether it is large: without rounding, for x - 1 is exact from 1 on."""
    w = xp.where(x >= 1, x - 1, xp.abs(x))
    return w > _UP_TO, w
