"""Functions of rows: softmax, its logarithm, and the logarithm of a sum of exponentials."""

from math import inf

from ..typing import Array, Namespace
from ._function import Special

__all__ = ["log_softmax", "logsumexp", "softmax"]


@Special
def softmax(xp: Namespace, x: Array, /, *, axis: int | tuple[int, ...] | None = -1) -> Array:
    r"""Softmax: exponentials divided by their sum.

    Parameters
    ----------
    x : array
        Real numbers; -inf masks an entry.
    axis : int, tuple of int or None, default -1
        The axis that sums to 1, or the axes; None for all.

    Returns
    -------
    array
        Probabilities, of the shape and dtype of `x`. A row that is all -inf, or has an inf, is NaN.

    See Also
    --------
    log_softmax : Its logarithm, accurate where a probability is nearly 0 or 1.

    Notes
    -----
    The largest entry is subtracted first, so that no exponential overflows [1]_. The exponential of
    the largest, 1, is kept out of the sum of the others.

    References
    ----------
    .. [1] P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
       softmax functions", IMA Journal of Numerical Analysis 41, 2021. :doi:`10.1093/imanum/draa038`

    Examples
    --------
    >>> from portable_losses.special import softmax
    >>> softmax([1000.0, 1000.0, 0.0])
    array([0.5, 0.5, 0. ])
    """
    return x if x.shape[axis] == 0 else xp.softmax(x, axis)


@Special
def log_softmax(xp: Namespace, x: Array, /, *, axis: int | tuple[int, ...] | None = -1) -> Array:
    r"""Logarithm of the softmax.

    Parameters
    ----------
    x : array
        Real numbers; -inf masks an entry.
    axis : int, tuple of int or None, default -1
        The axis whose exponentials sum to 1, or the axes; None for all.

    Returns
    -------
    array
        Log-probabilities, of the shape and dtype of `x`. A row that is all -inf, or has an inf, is
        NaN.

    See Also
    --------
    softmax : The function whose logarithm this is.

    Notes
    -----
    It is computed as the entries minus the largest, minus :math:`\mathrm{log1p}` of the sum of the
    other exponentials. Where one entry dominates, its log-probability is accurate; ``log(sum)``
    would round it to 0.

    Examples
    --------
    >>> from portable_losses.special import log_softmax
    >>> log_softmax([40.0, 0.0])
    array([-4.24835426e-18, -4.00000000e+01])
    """
    return x if x.shape[axis] == 0 else xp.log_softmax(x, axis)


@Special
def logsumexp(xp: Namespace, x: Array, /, *, axis: int | tuple[int, ...] | None = -1) -> Array:
    r"""Logarithm of a sum of exponentials.

    Parameters
    ----------
    x : array
        Real numbers, -inf and inf included.
    axis : int, tuple of int or None, default -1
        The axis to sum over, or the axes; None for all.

    Returns
    -------
    array
        ``log(sum(exp(x)))``, without `axis`, in the dtype of `x`: -inf where all entries are, inf
        where one is.

    See Also
    --------
    softmax : Its gradient.

    Examples
    --------
    >>> from portable_losses.special import logsumexp
    >>> float(logsumexp([1000.0, 1000.0]))
    1000.6931471805599
    """
    if x.shape[axis] == 0:
        return xp.sum(x, axis=axis) - inf
    return xp.squeeze(xp.logsumexp(x, axis), axis=axis)
