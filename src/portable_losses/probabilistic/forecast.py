"""Scores of forecasts: of the probabilities of classes, ordered or not, or of a binary event."""

from typing import Unpack

from .._loss import loss
from ..typing import Array, Axis, ClassOptions, LabelsOrProbability, Namespace, Probability

__all__ = ["brier_loss", "ranked_probability_loss"]


@loss("(class),()->()", "(class),(class)->()", "(),()->()", temporaries=8, diagonal=True)
def brier_loss(
    xp: Namespace,
    axis: Axis,
    pred: Probability,
    target: LabelsOrProbability,
    /,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Brier score: the squared error of probabilities.

    Parameters
    ----------
    pred : array
        Predicted probabilities of the K classes along `class_axis`: in [0, 1]. Or a vector of
        probabilities of a binary event.
    target : array or int
        Class labels, of the shape of `pred` without the class axis: integers of any dtype from 0 to
        K - 1. Or probabilities, of the shape of `pred`: in [0, 1]. The number of axes decides
        between the two. With a vector of probabilities of a binary event, a vector of observations:
        1 where it happened, 0 where it did not, or probabilities.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to 2, or to 1 for a binary
        event.

    See Also
    --------
    ranked_probability_loss : For classes that have an order.
    categorical_cross_entropy : Grows without bound where the right class has no probability.
    mse_loss : The same for any numbers.

    Notes
    -----
    The loss of a row is

    .. math:: \ell = \sum_k (p_k - y_k)^2,

    with :math:`y_k` 1 for the right class and 0 for the others. The derivative is :math:`2 (p_k -
    y_k)`, the second 2. The loss of a binary event is :math:`(p - y)^2`, half that of a row of two
    classes. Rows need not add up to 1.

    The loss of a row is Brier's own definition; that of a binary event is the later common one.
    scikit-learn has the same two by default; others halve both, or neither. Two vectors are one
    binary event per element, unless `class_axis` is given: then they are one row. A vector and a
    number are a row and its label.

    References
    ----------
    .. [1] G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly
       Weather Review 78, 1950. :doi:`10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.brier_loss([[0.75, 0.25, 0.0], [0.0, 0.5, 0.5]], [0, 1], reduction="none")
    array([0.125, 0.5  ])
    >>> pl.brier_loss([0.75, 0.5], [1, 0], reduction="none")
    array([0.0625, 0.25  ])
    >>> pl.brier_loss.grad([[0.75, 0.25, 0.0]], [0])
    array([[-0.5,  0.5,  0. ]])
    """
    square = (pred - _as_rows(xp, axis, pred, target)) ** 2
    return square if axis is None else xp.squeeze(xp.row_sum(square, axis), axis=axis)


def _as_rows(xp: Namespace, axis: Axis, pred: Array, target: Array) -> Array:
    """Return labels as rows of 0 and 1; other targets are returned as they are."""
    if target.ndim == pred.ndim:
        return target
    return xp.astype(xp.one_hot(target, pred, axis), pred.dtype)


@brier_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Probability, target: LabelsOrProbability, /) -> Array:
    return 2 * (pred - _as_rows(xp, axis, pred, target))


@brier_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Probability, target: LabelsOrProbability, /) -> Array:
    return xp.full_like(pred, 2.0)


@loss("(class),()->()", "(class),(class)->()", "(),()->()")
def ranked_probability_loss(
    xp: Namespace,
    axis: Axis,
    pred: Probability,
    target: LabelsOrProbability,
    /,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Ranked probability score: the squared error of cumulative probabilities.

    The classes have an order.

    Parameters
    ----------
    pred : array
        Predicted probabilities of the K classes, in their order, along `class_axis`: in [0, 1]. Or
        a vector of probabilities of a binary event.
    target : array or int
        Class labels, of the shape of `pred` without the class axis: integers of any dtype from 0 to
        K - 1. Or probabilities, of the shape of `pred`: in [0, 1]. The number of axes decides
        between the two. With a vector of probabilities of a binary event, a vector of observations:
        1 where it happened, 0 where it did not, or probabilities.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to K - 1.

    See Also
    --------
    brier_loss : For classes that have no order.
    crps_ensemble_loss : The same for a sample of real numbers.
    wasserstein_loss : With absolute instead of squared errors.

    Notes
    -----
    With the cumulative probabilities :math:`F_k = \sum_{i \le k} p_i` and :math:`O_k = \sum_{i \le
    k} y_i` the loss of a row is

    .. math:: \ell = \sum_k (F_k - O_k)^2.

    The differences :math:`p_i - y_i` are added up, because :math:`F_k` and :math:`O_k` may be
    nearly equal. The derivative is :math:`2 \sum_{i \ge k} (F_i - O_i)`, the second
    :math:`2 (K - k)`, with k from 0. The last term is 0 where rows add up to 1; they need not. The
    loss of a binary event is :math:`(p - y)^2`.

    Some packages divide by :math:`K - 1`, so that the loss is at most 1. scoringrules counts labels
    from 1.

    References
    ----------
    .. [1] E. S. Epstein, "A Scoring System for Probability Forecasts of Ranked Categories", Journal
       of Applied Meteorology 8, 1969. :doi:`10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.ranked_probability_loss([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]], [0, 2], reduction="none")
    array([0.3125, 0.8125])
    >>> pl.ranked_probability_loss.grad([[0.5, 0.25, 0.25]], [0])
    array([[-1.5, -0.5,  0. ]])
    """
    if axis is None:
        return (pred - target) ** 2
    return xp.squeeze(xp.row_sum(_cumulative_error(xp, axis, pred, target) ** 2, axis), axis=axis)


def _cumulative_error(xp: Namespace, axis: Axis, pred: Array, target: Array) -> Array:
    return xp.cumulative_sum(pred - _as_rows(xp, axis, pred, target), axis=axis)


@ranked_probability_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Probability, target: LabelsOrProbability, /) -> Array:
    if axis is None:
        return 2 * (pred - target)
    reverse = xp.flip(_cumulative_error(xp, axis, pred, target), axis=axis)
    return 2 * xp.flip(xp.cumulative_sum(reverse, axis=axis), axis=axis)


@ranked_probability_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Probability, target: LabelsOrProbability, /) -> Array:
    if axis is None:
        return xp.full_like(pred, 2.0)
    return xp.zeros_like(pred) + 2 * (pred.shape[axis] - xp.places(pred, axis, pred.dtype))


@ranked_probability_loss.second_derivative_along
def _(
    xp: Namespace,
    axis: Axis,
    pred: Probability,
    target: LabelsOrProbability,
    vector: Array,
    /,
) -> Array:
    if axis is None:
        return 2 * vector
    reverse = xp.flip(xp.cumulative_sum(vector, axis=axis), axis=axis)
    return 2 * xp.flip(xp.cumulative_sum(reverse, axis=axis), axis=axis)
