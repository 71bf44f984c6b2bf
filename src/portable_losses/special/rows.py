"""Functions of rows: softmax, its logarithm, and the logarithm of a sum of exponentials."""

from typing import NamedTuple

from .._compensated import exp_of_difference
from .._elementary import all_but_one, row_sum, widened
from .._namespace import with_entry
from ..typing import Array, Namespace
from ._function import Special

__all__ = ["Exponentials", "exponentials", "log_softmax", "logsumexp", "softmax"]


class Exponentials(NamedTuple):
    """The parts of a softmax over one axis."""

    entries: Array
    top: Array
    """The largest entry of each row."""
    exponential: Array
    """The exponentials of the entries minus the largest."""
    rest: Array
    """The sum of these, but for the 1 of a largest entry: ``1 + rest`` is the denominator of the softmax."""

    @property
    def shifted(self) -> Array:
        """The entries minus the largest."""
        return self.entries - self.top

    @property
    def is_top(self) -> Array:
        """Which entries are the largest."""
        return self.entries == self.top

    def others(self, xp: Namespace) -> Array:
        """Return for each entry the sum of the exponentials of the others, with the rounding error of ``1 + rest`` in it.

        So a quotient of the two has less of it. Of one of the largest entries nothing may be lost.
        """
        return xp.where(self.is_top, self.rest, (1 + self.rest) - self.exponential)

    def share(self) -> Array:
        """Return the softmax."""
        return self.exponential / (1 + self.rest)

    def shares(self, xp: Namespace) -> tuple[Array, Array]:
        """Return the softmax, and what it lacks of 1: that is at least one half but for the largest entry, and loses nothing."""
        share = self.share()
        return share, xp.where(self.is_top, self.rest / (1 + self.rest), 1 - share)


def exponentials(xp: Namespace, axis: int, x: Array) -> Exponentials:
    """Return the parts of a softmax so that none of them loses digits.

    Where one entry dominates, its own exponential, 1, is kept out of the sum of the others.
    """
    top = widened(xp, xp.max(x, axis=axis, keepdims=True))
    exponential = exp_below(xp, x, top)
    return Exponentials(x, top, exponential, _rest(xp, axis, x, top, exponential))


def exp_below(xp: Namespace, x: Array, top: Array) -> Array:
    """Return the exponential of what x is below the top of its row, which is widened, with all its digits.

    The difference is rounded, and the exponential would multiply that error by the difference
    itself: at -50 it costs 16 ulp. On NumPy float32 is evaluated in float64, which has no such
    error. Otherwise the error, which is known exactly, is put back in: exp(d + error) is exp(d) *
    (1 + error).
    """
    shifted = widened(xp, x)
    if shifted.dtype == x.dtype:
        return exp_of_difference(xp, x, top)
    shifted -= top
    return xp.exp(shifted, out=shifted)


def _rest(xp: Namespace, axis: int, x: Array, top: Array, exponential: Array) -> Array:
    """Add up rows but for one of their largest entries, whose exponential is 1."""
    if xp.__name__ != "numpy":
        return all_but_one(xp, axis, x, top, exponential)
    if axis in (-1, x.ndim - 1):
        # A mask would be three passes over all entries.
        place = xp.argmax(x, axis=-1)
        rest = row_sum(xp, axis, with_entry(xp, exponential, place, 0.0))
        with_entry(xp, exponential, place, 1.0)
        return rest
    is_top = x == xp.astype(top, x.dtype)  # of one dtype: a third of the time
    rest = row_sum(xp, axis, exponential - is_top)
    unique = xp.count_nonzero(is_top) == rest.size
    return rest if unique else rest + (xp.sum(is_top, axis=axis, keepdims=True) - 1)


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
        Probabilities, of the shape and dtype of `x`. A row that is all -inf, or has an inf, is NaN.

    See Also
    --------
    log_softmax : Its logarithm, which keeps its digits where a probability is 0 or 1.

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
    return xp.softmax(x, axis)


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
        Log-probabilities, of the shape and dtype of `x`. A row that is all -inf, or has an inf, is
        NaN.

    See Also
    --------
    softmax : The function whose logarithm this is.

    Notes
    -----
    It is computed as the entries minus the largest, minus :math:`\mathrm{log1p}` of the sum of the
    other exponentials. Where one entry dominates, its log-probability keeps its digits;
    ``log(sum)`` would round it to 0.

    Examples
    --------
    >>> from portable_losses.special import log_softmax
    >>> log_softmax([40.0, 0.0])
    array([-4.24835426e-18, -4.00000000e+01])
    """
    return xp.log_softmax(x, axis)


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
    return xp.squeeze(xp.logsumexp(x, axis), axis=axis)
