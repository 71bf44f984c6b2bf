"""The logarithm of the gamma function and its derivative."""

from ..typing import Array, Namespace
from ._function import Special

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
        - 1``. It is inf at the poles 0, -1, -2, ... and at both infinities.

    See Also
    --------
    xlogy : The other logarithm in the likelihood of a count.

    Notes
    -----
    It is computed from :math:`L(w) = \log \Gamma(1 + w)` for :math:`w \ge 0`:

    .. math:: \log |\Gamma(x)| = \begin{cases}
        L(x - 1) & x \ge 1, \\
        L(x) - \log x & 0 \le x < 1, \\
        -L(-x) - \log(|\sin \pi x| / \pi) & x < 0.\end{cases}

    :math:`L` has the zeros 0 and 1. Up to 2.25 it is :math:`w (w - 1)` times a quotient of
    polynomials, so the result is accurate next to its zeros at 1 and 2. From 2.25 on it is
    Stirling's formula plus a remainder, which is a quotient of polynomials as well. Its form
    :math:`(w + 1/2)(\log w - 1) + \ldots` overflows only where the result does. The argument of the
    sine is `x` minus the nearest whole number, which is exact. Between the poles below -2 the
    result crosses 0; there its error is that of the two terms that cancel.

    The derivative is the digamma function, computed in the same way. It is NaN at the negative
    poles, where it has no limit, and -inf or inf at 0.

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
    return xp.lgamma(x)


@lgamma.derivative
def _(xp: Namespace, x: Array, /) -> Array:
    return xp.digamma(x)
