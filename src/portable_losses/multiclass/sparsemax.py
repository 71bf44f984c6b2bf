"""Sparsemax: the projection onto the probability simplex in place of the softmax."""

from math import inf
from typing import Annotated, NamedTuple, Unpack

from .._loss import loss
from ..typing import Array, Axis, ClassLogit, ClassOptions, Labels, Namespace, OneOfSeveral

__all__ = ["sparsemax_loss"]

OUTSIDE = -2.0
"""A score this far below the largest, or only 1 below it, has probability 0."""


@loss("(class),()->()")
def sparsemax_loss(
    xp: Namespace,
    axis: Axis,
    logits: Annotated[ClassLogit, OneOfSeveral("binary_cross_entropy_with_logits")],
    target: Labels,
    /,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Sparsemax loss: like cross-entropy, but exactly 0 where the right class leads by 1.

    Parameters
    ----------
    logits : array
        Scores of the K classes along `class_axis`: real numbers; -inf masks a class.
    target : array or int
        Class labels, of the shape of `logits` without the class axis: integers of any dtype from 0
        to K - 1.

    Returns
    -------
    array
        The reduced loss, in the dtype of `logits`.

    See Also
    --------
    cross_entropy : With the softmax, whose probabilities are never 0.
    crammer_singer_loss : Has the same margin.

    Notes
    -----
    The sparsemax of a row is the nearest point of the probability simplex: :math:`p_j = \max(0, z_j
    - \tau)`, with the threshold :math:`\tau` that makes the sum 1. The loss is

    .. math::

        \ell &= \tfrac{1}{2} \sum_{j : p_j > 0} (z_j^2 - \tau^2) + \tfrac{1}{2} - z_y \\
        &= \tfrac{1}{2} \sum_{j \ne y} p_j^2
        + \tfrac{1}{2} \Big(\sum_{j \ne y} p_j\Big)^2 + \max(0, \tau - z_y).

    The second form is computed: no two terms cancel. One sort finds the threshold, from a sum of
    differences to the largest score. Their upper digits are added without rounding, because a
    rounding error could decide which probabilities are 0. A masked label costs inf.

    The derivative is :math:`p_j`, minus 1 for the label; for the label it is computed as minus the
    sum of the others. It is continuous. The diagonal of the second derivative is :math:`1 - 1 / n`
    for the `n` classes with a positive probability, and 0 for the others.

    optax has the same loss, but its terms of the size of 1/2 cancel near the margin, where the loss
    is small.

    References
    ----------
    .. [1] A. F. T. Martins and R. F. Astudillo, "From Softmax to Sparsemax: A Sparse Model of
       Attention and Multi-Label Classification", ICML 2016. :doi:`10.48550/arXiv.1602.02068`
    .. [2] M. Blondel, A. F. T. Martins and V. Niculae, "Learning with Fenchel-Young Losses",
       Journal of Machine Learning Research 21, 2020. :doi:`10.48550/arXiv.1901.02324`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.sparsemax_loss([[1.0, 0.5, -3.0], [2.0, 0.0, 1.0]], [0, 0], reduction="none")
    array([0.0625, 0.    ])
    >>> pl.sparsemax_loss.grad([1.0, 0.5, -3.0], 1)
    array([ 0.75, -0.75,  0.  ])
    """
    return _value_and_derivative(xp, axis, logits, target)[0]


class Projection(NamedTuple):
    """The nearest point of the simplex to each row."""

    prob: Array
    """Its coordinates."""
    count: Array
    """The number of positive coordinates."""
    height: Array
    """The scores minus the threshold, except those `OUTSIDE`."""
    threshold: Array
    """The threshold minus the largest score."""
    shifted: Array
    """The scores minus the largest."""


def _projection(xp: Namespace, axis: Axis, logits: Array) -> Projection:
    """Project rows: each of n positive coordinates is (1 + its differences to all n) / n."""
    top = xp.max(logits, axis=axis, keepdims=True)
    falling = xp.sort(-logits, axis=axis)
    upper, lower = _digits(xp, *xp.two_sum(-falling, -top))
    sums = (xp.cumulative_sum(digits, axis=axis) for digits in (upper, lower))
    heights = _raised(1 + xp.places(falling, axis, falling.dtype), upper, lower, *sums)
    last = xp.max(xp.where(heights > 0, falling, -inf), axis=axis, keepdims=True)
    chosen = -logits <= last
    # a row with NaN has none
    count = xp.maximum(xp.sum(xp.astype(chosen, logits.dtype), axis=axis, keepdims=True), 1)
    shifted, error = xp.two_sum(logits, -top)
    upper, lower = _digits(xp, shifted, error)
    whole, rest = (
        xp.sum(xp.where(chosen, x, 0.0), axis=axis, keepdims=True) for x in (upper, lower)
    )
    height = _raised(count, upper, lower, whole, rest) / count
    return Projection(
        xp.where(height <= 0, 0.0, height), count, height, (whole - 1 + rest) / count, shifted
    )


def _digits(xp: Namespace, shifted: Array, error: Array) -> tuple[Array, Array]:
    """Split numbers from `OUTSIDE` to 0 into upper digits, whose sums are exact, and the rest."""
    outside = shifted <= OUTSIDE
    shifted, error = xp.where(outside, OUTSIDE, shifted), xp.where(outside, 0.0, error)
    unit = 2.0 ** -(26 if xp.finfo(shifted.dtype).bits == 64 else 11)
    upper = xp.floor(shifted / unit + 0.5) * unit
    return upper, (shifted - upper) + error


def _raised(count: Array, upper: Array, lower: Array, uppers: Array, lowers: Array) -> Array:
    """Return 1 + count * x - the sum of `count` numbers like x; the upper digits are exact."""
    return ((count * upper - uppers) + 1) + (count * lower - lowers)


def _value_and_derivative(
    xp: Namespace, axis: Axis, logits: Array, target: Array
) -> tuple[Array, Array]:
    near, hit = _projection(xp, axis, logits), xp.one_hot(target, logits, axis)
    others = xp.where(hit, 0.0, near.prob)
    mass = xp.row_sum(others, axis)
    shifted, height = (xp.pick_kept(x, target, axis) for x in (near.shifted, near.height))
    below = xp.where(
        shifted <= OUTSIDE, near.threshold - shifted, xp.where(height < 0, -height, 0.0)
    )
    value = 0.5 * (xp.row_sum(others * others, axis) + mass * mass) + below
    return xp.squeeze(value, axis=axis), xp.where(hit, 0.0 - mass, near.prob)


@sparsemax_loss.value_and_derivative
def _(xp: Namespace, axis: Axis, logits: ClassLogit, target: Labels, /) -> tuple[Array, Array]:
    return _value_and_derivative(xp, axis, logits, target)


@sparsemax_loss.second_derivative
def _(xp: Namespace, axis: Axis, logits: ClassLogit, target: Labels, /) -> Array:
    near = _projection(xp, axis, logits)
    return xp.sign(near.prob) * ((near.count - 1) / near.count)


@sparsemax_loss.second_derivative_along
def _(xp: Namespace, axis: Axis, logits: ClassLogit, target: Labels, vector: Array, /) -> Array:
    near = _projection(xp, axis, logits)
    chosen = near.prob > 0
    inside = xp.where(chosen, vector, 0.0)
    return xp.where(chosen, vector - xp.row_sum(inside, axis) / near.count, 0.0)
