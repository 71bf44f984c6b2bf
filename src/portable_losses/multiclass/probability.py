"""Cross-entropy of probabilities, or of their logarithms."""

from typing import Annotated, Unpack

from annotated_types import Ge, Interval, Lt

from .._loss import loss
from .._numerics.standard import log_of
from ..typing import (
    Array,
    Axis,
    ClassOptions,
    Domain,
    LabelsOrProbability,
    Namespace,
    Number,
    OneOfSeveral,
    UnitInterval,
)
from ._surprise import spread

__all__ = ["categorical_cross_entropy", "nll_loss"]

LogProbability = Annotated[
    Array,
    Domain(
        "log-probabilities, from -inf to 0",
        interval=Interval(le=0.0),
        hint="logits belong to `cross_entropy`, or go through `special.log_softmax` first; "
        "probabilities belong to `categorical_cross_entropy`",
    ),
]
ClassProbability = Annotated[
    Array,
    Domain(
        "probabilities in [0, 1]",
        safe=0.5,
        interval=Interval(ge=0.0, le=1.0),
        hint="logits belong to `cross_entropy`, or go through `special.softmax` first",
    ),
]
Floor = Annotated[Number, Ge(0.0), Lt(1.0)]
BINARY = OneOfSeveral("binary_cross_entropy", constant=False)


@loss("(class),()->()", "(class),(class)->()", temporaries=8, diagonal=True)
def nll_loss(
    xp: Namespace,
    axis: Axis,
    log_prob: Annotated[LogProbability, BINARY],
    target: LabelsOrProbability,
    /,
    *,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Negative log-likelihood of class labels, from log-probabilities.

    Parameters
    ----------
    log_prob : array
        Logarithms of the probabilities of the K classes along `class_axis`: from -inf to 0.
    target : array or int
        Class labels, of the shape of `log_prob` without the class axis: integers of any dtype from
        0 to K - 1. Or probabilities, of the shape of `log_prob`: in [0, 1]. The number of axes
        decides between the two.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over all classes, in [0, 1]: targets become
        (1 - s) * target + s / K.

    Returns
    -------
    array
        The reduced loss, in the dtype of `log_prob`, in nats.

    See Also
    --------
    cross_entropy : From logits: the softmax and this loss in one function.
    categorical_cross_entropy : From probabilities.

    Notes
    -----
    The loss of a row is

    .. math:: \ell = -\sum_k y_k \log p_k,

    of which a label selects one term. Where a target is 0 its term is 0, also at -inf. The
    derivative is :math:`-y_k`, the second derivative 0.

    The probabilities need not sum to 1. torch checks no values: given logits, it returns a number
    that is not a likelihood. Here positive values raise an error on NumPy. Where values are not
    checked, they have a negative loss, as in torch.

    References
    ----------
    .. [1] I. J. Good, "Rational Decisions", Journal of the Royal Statistical Society B 14, 1952.
       :doi:`10.1111/j.2517-6161.1952.tb00104.x`

    Examples
    --------
    >>> import portable_losses as pl
    >>> from portable_losses.special import log_softmax
    >>> log_prob = log_softmax([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0]])
    >>> pl.nll_loss(log_prob, [0, 2], reduction="none")
    array([0.24131..., 1.09861...])
    >>> pl.nll_loss.grad([-0.5, -1.0], 1)
    array([ 0., -1.])
    >>> pl.nll_loss.grad([-0.5, -1.0], 1, label_smoothing=0.5)
    array([-0.25, -0.75])
    """
    target = spread(xp, axis, log_prob, target, label_smoothing)
    if target.ndim < log_prob.ndim:
        return 0.0 - xp.pick(log_prob, target, axis)
    return 0.0 - xp.squeeze(xp.row_sum(xp.weighted(target, log_prob), axis), axis=axis)


@nll_loss.derivative
def _(
    xp: Namespace,
    axis: Axis,
    log_prob: LogProbability,
    target: LabelsOrProbability,
    /,
    *,
    label_smoothing: UnitInterval,
) -> Array:
    share = xp.class_shares(target, log_prob, axis, label_smoothing)
    return xp.where(log_prob == log_prob, 0.0 - share, log_prob)


@nll_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    log_prob: LogProbability,
    target: LabelsOrProbability,
    /,
    *,
    label_smoothing: UnitInterval,
) -> Array:
    return xp.zeros_like(log_prob)


@loss("(class),()->()", "(class),(class)->()", temporaries=8, diagonal=True)
def categorical_cross_entropy(
    xp: Namespace,
    axis: Axis,
    prob: Annotated[ClassProbability, BINARY],
    target: LabelsOrProbability,
    /,
    *,
    eps: Floor = 1e-15,
    label_smoothing: UnitInterval = 0.0,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Cross-entropy of probabilities with class labels, or with probabilities.

    Parameters
    ----------
    prob : array
        Probabilities of the K classes along `class_axis`: in [0, 1].
    target : array or int
        Class labels, of the shape of `prob` without the class axis: integers of any dtype from 0 to
        K - 1. Or probabilities, of the shape of `prob`: in [0, 1]. The number of axes decides
        between the two.
    eps : float or array, default 1e-15
        Floor of the probabilities under the logarithm, in [0, 1). It makes the loss of a label with
        probability 0 finite: ``-log(eps)``, 34.54 by default. With 0 that loss is inf.
    label_smoothing : float or array, default 0.0
        The share s of each target that is spread evenly over all classes, in [0, 1]: targets become
        (1 - s) * target + s / K.

    Returns
    -------
    array
        The reduced loss, in the dtype of `prob`, in nats.

    See Also
    --------
    cross_entropy : From logits, which are more precise near the probabilities 0 and 1. Prefer it if
        you have logits.
    nll_loss : From log-probabilities.
    binary_cross_entropy : For binary labels.

    Notes
    -----
    The loss of a row is

    .. math:: \ell = -\sum_k y_k \log \max(p_k, \varepsilon),

    of which a label selects one term. Its derivative is :math:`-y_k / \max(p_k, \varepsilon)`, so
    that gradient descent leaves a certain but wrong prediction; the derivative of the formula
    itself is 0 below `eps`. The second derivative is :math:`y_k / \max(p_k, \varepsilon)^2`. With
    `eps` 0 both are infinite at a probability of 0, unless the target is 0 too.

    The probabilities need not sum to 1. Keras divides a row by its sum and clips to [1e-7, 1 -
    1e-7], so that a perfect prediction has a loss. scikit-learn warns, and clips to the eps of the
    dtype.

    References
    ----------
    .. [1] I. J. Good, "Rational Decisions", Journal of the Royal Statistical Society B 14, 1952.
       :doi:`10.1111/j.2517-6161.1952.tb00104.x`

    Examples
    --------
    >>> import portable_losses as pl
    >>> prob = [[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]
    >>> pl.categorical_cross_entropy(prob, [0, 0], reduction="none")
    array([ 0.35667494, 34.53877639])
    >>> pl.categorical_cross_entropy(prob, [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]], reduction="none")
    array([0.35667494, 0.69314718])
    >>> pl.categorical_cross_entropy.grad([0.75, 0.25], 1)
    array([ 0., -4.])
    >>> float(pl.categorical_cross_entropy([0.75, 0.25], 0, label_smoothing=0.5))
    0.56233...
    """
    floor = log_of(xp, eps)
    target = spread(xp, axis, prob, target, label_smoothing)
    if target.ndim < prob.ndim:
        return 0.0 - xp.floored_log(xp.pick(prob, target, axis), floor)
    log_prob = xp.floored_log(prob, floor)
    return 0.0 - xp.squeeze(xp.row_sum(xp.weighted(target, log_prob), axis), axis=axis)


@categorical_cross_entropy.derivative
def _(
    xp: Namespace,
    axis: Axis,
    prob: ClassProbability,
    target: LabelsOrProbability,
    /,
    *,
    eps: Floor,
    label_smoothing: UnitInterval,
) -> Array:
    share = xp.class_shares(target, prob, axis, label_smoothing)
    return 0.0 - xp.safe_divide(share, xp.maximum(prob, eps))


@categorical_cross_entropy.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    prob: ClassProbability,
    target: LabelsOrProbability,
    /,
    *,
    eps: Floor,
    label_smoothing: UnitInterval,
) -> Array:
    share = xp.class_shares(target, prob, axis, label_smoothing)
    return xp.over_square(share, xp.maximum(prob, eps))
