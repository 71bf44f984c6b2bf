"""Dynamic time warping with a soft minimum, for time series of different pace."""

from math import inf
from typing import Annotated, NamedTuple, Unpack

from .._loss import loss
from .._numerics.loops import Arrays, Stepped
from ..typing import Array, Axis, Domain, Namespace, Number, Options, Positive, Real
from ._paths import finite, joined

__all__ = ["soft_dtw_loss"]


class WarpingOptions(Options, total=False):
    """The options of losses of two sequences of vectors, whose times differ."""

    time_axis: int
    target_time_axis: int
    d_axis: int


def _lengths(core: str, argument: str) -> Domain:
    return Domain(
        f"lengths, integers from 1 to the number of times of {argument}",
        safe=1.0,
        counted=core,
        excluded=0,
        hint="of the sequences without their padding",
    )


PredLengths = Annotated[Array, _lengths("time", "pred")]
TargetLengths = Annotated[Array, _lengths("target_time", "target")]


@loss("(time,d),(target_time,d),(),()->()", steps="time", temporaries=32)
def soft_dtw_loss(
    xp: Namespace,
    axis: Axis,
    pred: Real,
    target: Real,
    /,
    pred_lengths: PredLengths | None = None,
    target_lengths: TargetLengths | None = None,
    *,
    gamma: Positive = 1.0,
    **options: Unpack[WarpingOptions],
) -> Array:
    r"""Soft dynamic time warping: the squared distance of two time series of different pace.

    Parameters
    ----------
    pred : array
        Predicted sequences of vectors, with the times along `time_axis` and the features along
        `d_axis`.
    target : array
        Observed sequences, of the shape of `pred` except for the number of times, which lie along
        `target_time_axis`.
    pred_lengths : array, optional
        How many of the times of `pred` count: integers from 1, one for each sequence. All by
        default. Entries beyond the length may have any value, even NaN; their gradient is 0.
    target_lengths : array, optional
        How many of the times of `target` count.
    gamma : float or array, default 1
        The softness of the minimum over all alignments, in units of the squared distance: positive.
        Near 0 only the best alignment counts.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred` and the squared unit of its entries. It may be
        negative.

    See Also
    --------
    mse_loss : For sequences of equal pace.
    ctc_loss : For labels at unknown times.

    Notes
    -----
    An alignment leads from the first times of both sequences to the last. Each step moves one time
    ahead in one sequence, in the other, or in both. Its cost is the sum of the squared Euclidean
    distances :math:`\delta_{ij} = \lVert x_i - y_j \rVert^2` of the vectors that it pairs. With the
    cost :math:`C_A` of an alignment `A` the loss is

    .. math:: \ell = -\gamma \log \sum_A e^{-C_A / \gamma}.

    It is at most the cost of the best alignment, and less by at most :math:`\gamma` times the
    logarithm of the number of alignments. So it is negative for sequences that are alike, and equal
    sequences are not quite its minimum. Take :math:`\ell(x, y) - (\ell(x, x) + \ell(y, y)) / 2`,
    three calls, for a divergence with its minimum there. For :math:`\gamma \to 0` it is dynamic
    time warping (the squared distance).

    It is computed by :math:`R_{ij} = \delta_{ij} + \min\nolimits^\gamma(R_{i-1,j-1}, R_{i-1,j},
    R_{i,j-1})`, along one diagonal after the other, for all sequences at once. At each diagonal the
    smallest entry of the last two is subtracted and kept apart, so that the numbers stay small. No
    matrix of distances is held: they are computed as differences when they are needed.

    The derivative with respect to :math:`x_i` is :math:`2 \sum_j E_{ij} (x_i - y_j)`. Here
    :math:`E_{ij}`, from 0 to 1, is the share of the alignments that pair the two, where each
    alignment counts :math:`e^{-C_A / \gamma}`. The shares of the three terms of each soft minimum
    lead back from the end to the beginning. There is no second derivative. Infinite entries have
    loss inf and derivative NaN.

    tslearn has the same values and, by its matrix of alignments, the same gradients. Here only
    `pred` has a gradient. The loss is symmetric: exchange the arrays for the other gradient.

    References
    ----------
    .. [1] M. Cuturi and M. Blondel, "Soft-DTW: a Differentiable Loss Function for Time-Series",
       ICML 2017, PMLR 70, 894-903.
    .. [2] M. Blondel, A. Mensch and J.-P. Vert, "Differentiable Divergences Between Time Series",
       AISTATS 2021, PMLR 130.

    Examples
    --------
    >>> import portable_losses as pl
    >>> pred, target = [[1.0], [2.0], [4.0]], [[1.0], [1.0], [2.0], [3.0]]
    >>> float(pl.soft_dtw_loss(pred, target))
    -0.1809372...
    >>> pl.soft_dtw_loss.grad(pred, target).round(3)
    array([[-0.401],
           [ 0.278],
           [ 2.07 ]])
    """
    return _forward(xp, *_ended(xp, pred, target, pred_lengths, target_lengths), gamma)[0]


@soft_dtw_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Real,
    target: Real,
    /,
    pred_lengths: PredLengths | None = None,
    target_lengths: TargetLengths | None = None,
    *,
    gamma: Positive,
) -> tuple[Array, Array]:
    pred, target, end = _ended(xp, pred, target, pred_lengths, target_lengths)
    value, steps = _forward(xp, pred, target, end, gamma, parts=True)
    return value, _backward(xp, pred, target, end, value, steps)


class _End(NamedTuple):
    """Where the alignments of padded sequences end, one place for each pair of sequences."""

    row: Array
    diagonal: Array


def _ended(
    xp: Namespace,
    pred: Array,
    target: Array,
    pred_lengths: Array | None,
    target_lengths: Array | None,
) -> tuple[Array, Array, _End | None]:
    """Replace the padding, and return where the alignments end; None without padding."""
    if pred_lengths is None and target_lengths is None:
        return pred, target, None
    ends = []
    for x, lengths in ((pred, pred_lengths), (target, target_lengths)):
        place = xp.places(x[..., 0], -1)
        ends.append(place[..., -1] if lengths is None else lengths - 1)
    row, column = ends
    pred = xp.where(xp.places(pred, -2) <= row[..., None, None], pred, 0.0)
    target = xp.where(xp.places(target, -2) <= column[..., None, None], target, 0.0)
    return pred, target, _End(row, row + column)


def _diagonals(xp: Namespace, pred: Array, target: Array) -> Arrays:
    """Return for each diagonal and each time of the prediction the time of the target it meets.

    The second array is whether there is such a time.
    """
    rows, columns = pred.shape[-2], target.shape[-2]
    row = xp.places(pred[..., 0], -1)
    number = xp.numbers(rows + columns - 1, pred)
    column = number[:, None] - xp.reshape(row, (1, -1))
    met = (column >= 0) & (column < columns)
    return xp.where(met, column, 0), met


def _forward(
    xp: Namespace,
    pred: Array,
    target: Array,
    end: _End | None,
    gamma: Number,
    parts: bool = False,
) -> tuple[Array, Arrays]:
    """Return the loss, and for each diagonal the shares of alignments by their previous step.

    The step is diagonal, from the left or from above. The logarithm of a path's weight is minus its
    cost; -inf is no path.
    """

    def step(paths: Arrays, entries: Arrays) -> Stepped:
        left, diagonal = paths
        column, met = entries
        above = xp.neighbours(left, -1, -1, -inf)
        both, gap = joined(xp, diagonal, left, gamma)
        every, gap_of_both = joined(xp, both, above, gamma)
        apart = pred - xp.take(target, column, axis=-2)
        here = xp.where(met, every - xp.sum(apart * apart, axis=-1), -inf)
        # A diagonal step skips one diagonal, never two.
        level = finite(xp, xp.max(xp.maximum(here, above), axis=-1, keepdims=True))
        last = here[..., -1] if end is None else xp.pick(here, end.row, -1)
        results = [level[..., 0], last - level[..., 0]]
        if parts:
            of_both, of_above = xp.sigmoids(gap_of_both)
            of_diagonal, of_left = xp.sigmoids(gap)
            results += [of_both * of_diagonal, of_both * of_left, of_above]
        return (here - level, above - level), tuple(results)

    nothing = xp.full_like(pred[..., 0], -inf)
    start = xp.where(xp.places(nothing, -1) == 0, 0.0, nothing)
    diagonals = _diagonals(xp, pred, target)
    _, (levels, lasts, *steps) = xp.scan(step, (nothing, start), diagonals)
    if end is None:
        return 0 - (lasts[-1, ...] + xp.sum(levels, axis=0)), tuple(steps)
    number = xp.places(levels, 0)
    levels = xp.where(number <= end.diagonal, levels, 0.0)
    ending = xp.where(number == end.diagonal, lasts, 0.0)
    return 0 - (xp.sum(ending, axis=0) + xp.sum(levels, axis=0)), tuple(steps)


def _backward(
    xp: Namespace, pred: Array, target: Array, end: _End | None, value: Array, steps: Arrays
) -> Array:
    """Follow the alignments back from the end, and add up the derivatives of their costs."""

    def step(carried: Arrays, entries: Arrays) -> Stepped:
        gone, skipped, slope = carried
        of_diagonal, of_left, of_above, column, met, *number = entries
        if end is not None:
            here = (number[0] == end.diagonal)[..., None] & last
            gone = xp.where(here, whole, gone)
        here = xp.where(met, gone, 0.0)
        slope = slope + here[..., None] * (pred - xp.take(target, column, axis=-2))
        above = xp.neighbours(here * of_above + skipped, -1, 1, 0.0)
        return (here * of_left + above, here * of_diagonal, slope), ()

    nothing = xp.zeros_like(pred[..., 0])
    row = pred.shape[-2] - 1 if end is None else end.row[..., None]
    last = xp.places(nothing, -1) == row
    # NaN where the loss is not finite
    whole = xp.where(xp.isfinite(value), 1.0, value - value)[..., None]
    diagonals = _diagonals(xp, pred, target)
    first = xp.where(last, whole, nothing) if end is None else nothing
    numbers = () if end is None else (xp.numbers(diagonals[0].shape[0], pred),)
    entries = (*steps, *diagonals, *numbers)
    slope = xp.scan(step, (first, nothing, xp.zeros_like(pred)), entries, reverse=True)[0][2]
    return 2 * slope
