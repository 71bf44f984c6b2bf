"""Distances between two distributions."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Axis, Namespace
from ._row import Distribution, RowOptions, SumOptions

__all__ = ["hellinger_loss", "total_variation_loss", "wasserstein_loss"]


@loss("(class),(class)->()", temporaries=8, absent=(0.0, 0.0), diagonal=True)
def total_variation_loss(
    xp: Namespace,
    axis: Axis,
    pred: Distribution,
    target: Distribution,
    /,
    **options: Unpack[SumOptions],
) -> Array:
    r"""Total variation distance: the largest difference of the probabilities of any event.

    Parameters
    ----------
    pred : array
        Predicted probabilities of the K classes along `class_axis`: in [0, 1].
    target : array
        Probabilities of the shape of `pred`: in [0, 1].

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, a probability: from 0 to 1 where rows sum to 1.

    See Also
    --------
    hellinger_loss : Its square is at most this loss, and this loss is at most the root of 2 times
        it.
    wasserstein_loss : For ordered classes, where an error of one step costs less than one of two.
    js_divergence_loss : Smooth.

    Notes
    -----
    With :math:`p` for the predicted probabilities the loss of a row is

    .. math:: \ell = \frac{1}{2} \sum_k |p_k - y_k|.

    The derivative is half the sign of :math:`p_k - y_k`; where the two are equal, and any number
    from -1/2 to 1/2 is a subgradient, it is 0. The second derivative is 0: it leaves out the kinks.
    If rows do not sum to 1, the loss is half the Manhattan distance as well.

    References
    ----------
    .. [1] D. A. Levin, Y. Peres and E. L. Wilmer, "Markov Chains and Mixing Times", chapter 4, AMS,
       2009. :doi:`10.1090/mbk/058`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.total_variation_loss([0.5, 0.25, 0.25], [0.25, 0.25, 0.5]))
    0.25
    >>> pl.total_variation_loss.grad([0.5, 0.25, 0.25], [0.25, 0.25, 0.5])
    array([ 0.5,  0. , -0.5])
    >>> pl.total_variation_loss([0.5, 0.25], [0.25, 0.5], class_axis=None, reduction="none")
    array([0.125, 0.125])
    """
    return 0.5 * xp.squeeze(xp.row_sum(xp.abs(pred - target), axis), axis=axis)


@total_variation_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Distribution, target: Distribution, /) -> Array:
    return 0.5 * xp.sign(pred - target)


@total_variation_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Distribution, target: Distribution, /) -> Array:
    return xp.zeros_like(pred)


@loss("(class),(class)->()", absent=(0.0, 0.0))
def hellinger_loss(
    xp: Namespace,
    axis: Axis,
    pred: Distribution,
    target: Distribution,
    /,
    **options: Unpack[RowOptions],
) -> Array:
    r"""Hellinger distance: the Euclidean distance of the roots of probabilities.

    Parameters
    ----------
    pred : array
        Predicted probabilities of the K classes along `class_axis`: in [0, 1].
    target : array
        Probabilities of the shape of `pred`: in [0, 1].

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to 1 where rows sum to 1.

    See Also
    --------
    total_variation_loss : At least the square of this loss.
    js_divergence_loss : Smooth where the distributions are equal.

    Notes
    -----
    With :math:`p` for the predicted probabilities the loss of a row is

    .. math:: \ell = \frac{1}{\sqrt{2}} \sqrt{\sum_k (\sqrt{p_k} - \sqrt{y_k})^2},

    the distance and not its square. A difference of roots is computed as
    :math:`(p - y) / (\sqrt{p} + \sqrt{y})`, in which nothing cancels.

    The derivative is :math:`(1 - \sqrt{y_k / p_k}) / (4 \ell)`. Where the distributions are equal,
    the loss has a tip like a cone; there both derivatives are 0. For a target of 0 the first is
    :math:`1 / (4 \ell)`, at `p` = 0 too. For any other target it is -inf at `p` = 0. With
    :math:`d = \sqrt{p_k} - \sqrt{y_k}` the second derivative is

    .. math:: \frac{1}{8 p_k \ell} \left( 1 - \frac{d^2}{2 \ell^2} - \frac{d}{\sqrt{p_k}} \right).

    References
    ----------
    .. [1] E. Hellinger, "Neue Begründung der Theorie quadratischer Formen von unendlichvielen
       Veränderlichen", Journal für die reine und angewandte Mathematik 136, 1909.
       :doi:`10.1515/crll.1909.136.210`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.hellinger_loss([[1.0, 0.0], [0.64, 0.36]], [[0.0, 1.0], [0.36, 0.64]], reduction="none")
    array([1. , 0.2])
    >>> pred, target = [[0.64, 0.36], [0.5, 0.5]], [[0.36, 0.64], [0.5, 0.5]]
    >>> pl.hellinger_loss.grad(pred, target, reduction="sum")
    array([[ 0.3125    , -0.41666667],
           [ 0.        ,  0.        ]])
    """
    total = xp.row_sum(_squares(xp, pred, target), axis)
    return xp.squeeze(xp.power(0.5 * total, 0.5), axis=axis)


def _squares(xp: Namespace, pred: Array, target: Array) -> Array:
    """Return (sqrt(pred) - sqrt(target))**2, from the difference of pred and target."""
    gap = xp.safe_divide(pred - target, xp.power(pred, 0.5) + xp.power(target, 0.5))
    return xp.where(target == 0, pred, gap * gap)


@hellinger_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Distribution, target: Distribution, /) -> Array:
    distance = xp.power(0.5 * xp.row_sum(_squares(xp, pred, target), axis), 0.5)
    equal = distance == 0
    return xp.where(equal, 0.0, _slope(xp, pred, target)) / xp.where(equal, 1.0, 4 * distance)


def _slope(xp: Namespace, pred: Array, target: Array) -> Array:
    """Return 1 - sqrt(target / pred), which is 1 for a target of 0."""
    mean = xp.power(pred, 0.5) * xp.power(target, 0.5)
    return xp.where(target == 0, 1.0, xp.safe_divide(pred - target, pred + mean))


@hellinger_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Distribution, target: Distribution, /) -> Array:
    squares = _squares(xp, pred, target)
    total = xp.row_sum(squares, axis)
    distance = xp.sqrt(0.5 * total)
    # Two forms of the same difference; the first does not cancel for small targets.
    first = xp.sqrt(target / pred) - squares / total
    second = xp.sum_of_others(squares, axis) / total - _slope(xp, pred, target)
    curved = xp.where(4 * target < pred, first, second) / distance / (8 * pred)
    absent = -0.0625 / distance / distance / distance
    return xp.where(total == 0, 0.0, xp.where(target == 0, absent, curved))


@loss("(class),(class)->()", diagonal=True)
def wasserstein_loss(
    xp: Namespace,
    axis: Axis,
    pred: Distribution,
    target: Distribution,
    /,
    **options: Unpack[RowOptions],
) -> Array:
    r"""Wasserstein distance of ordered classes, one step apart: the earth mover's distance.

    Parameters
    ----------
    pred : array
        Predicted probabilities of the K classes along `class_axis`, in their order: in [0, 1].
    target : array
        Probabilities of the shape of `pred`: in [0, 1].

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in steps from one class to the next: from 0 to K -
        1 where rows sum to 1.

    See Also
    --------
    total_variation_loss : For classes without an order.
    ranked_probability_loss : With squares instead of sizes.

    Notes
    -----
    With the cumulative sums :math:`F_k` of the predicted and :math:`G_k` of the target's
    probabilities the loss of a row is

    .. math:: \ell = \sum_{k=1}^{K-1} |F_k - G_k|,

    the least work, probability times steps, that turns one distribution into the other. The sums of
    all K classes do not count: for rows that sum to 1 they are equal, and after rounding the sign
    of their difference has no meaning. So a row with a smaller sum is not penalised for the
    probability that its last class lacks.

    The cumulative sums of :math:`p - y` include their rounding errors, so that their signs are
    right. The derivative is the sum of the signs of :math:`F_j - G_j` for :math:`k \le j < K`,
    where the sign of 0 is 0, a subgradient. The second derivative is 0.

    It is ``scipy.stats.wasserstein_distance`` of the values 0 to K - 1 with these weights, which
    SciPy divides by their sums.

    References
    ----------
    .. [1] S. S. Vallender, "Calculation of the Wasserstein Distance Between Probability
       Distributions on the Line", Theory of Probability and Its Applications 18, 1974.
       :doi:`10.1137/1118101`
    .. [2] L. Hou, C.-P. Yu and D. Samaras, "Squared Earth Mover's Distance-based Loss for Training
       Deep Neural Networks", 2016. :doi:`10.48550/arXiv.1611.05916`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pred, target = [[0.0, 0.5, 0.5], [0.0, 0.0, 1.0]], [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]
    >>> pl.wasserstein_loss(pred, target, reduction="none")
    array([1., 2.])
    >>> pl.wasserstein_loss.grad([0.0, 0.5, 0.5], [0.5, 0.5, 0.0])
    array([-2., -1.,  0.])
    """
    moved = _moved(xp, axis, pred, target)
    return xp.squeeze(xp.row_sum(xp.abs(moved), axis), axis=axis)


def _moved(xp: Namespace, axis: Axis, pred: Array, target: Array) -> Array:
    """Return the probability to move from each class, and those before it, to those after it.

    It is a cumulative sum with its rounding errors, because its signs are the derivative.
    """
    total, rest = xp.running_sum(*xp.two_sum(pred, -target), axis)
    moved = total + rest
    is_last = xp.places(moved, axis) == moved.shape[axis] - 1
    return xp.where(is_last, 0 * moved, moved)  # NaN stays NaN


@wasserstein_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Distribution, target: Distribution, /) -> Array:
    signs = xp.sign(_moved(xp, axis, pred, target))
    return xp.flip(xp.cumulative_sum(xp.flip(signs, axis=axis), axis=axis), axis=axis)


@wasserstein_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Distribution, target: Distribution, /) -> Array:
    return xp.zeros_like(pred)
