"""Margin losses of several classes: the largest score decides."""

from math import inf
from typing import Annotated, Any, Literal, Unpack

from .._loss import loss
from ..typing import (
    Array,
    Axis,
    ClassLogit,
    ClassOptions,
    Labels,
    Namespace,
    NonNegative,
    Number,
    OneOfSeveral,
)

__all__ = ["crammer_singer_loss", "multi_margin_loss", "multiclass_perceptron_loss"]


@loss("(class),()->()")
def multi_margin_loss(
    xp: Namespace,
    axis: Axis,
    logits: Annotated[ClassLogit, OneOfSeveral("hinge_loss")],
    target: Labels,
    /,
    *,
    p: Literal[1, 2] = 1,
    margin: NonNegative = 1.0,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Hinge loss of all classes within the margin, by Weston and Watkins.

    Parameters
    ----------
    logits : array
        Scores of the K classes along `class_axis`: real numbers; -inf masks a class.
    target : array or int
        Class labels, of the shape of `logits` without the class axis: integers of any dtype from 0
        to K - 1.
    p : {1, 2}, default 1
        The power of the hinge.
    margin : float or array, default 1.0
        The amount by which the score of the label should exceed each other score: not negative.

    Returns
    -------
    array
        The reduced loss, in the dtype of `logits` and the unit of the scores, or its square.

    See Also
    --------
    crammer_singer_loss : Counts only the class that is nearest to the label.
    hinge_loss : For two classes and one score.

    Notes
    -----
    The loss of a row is

    .. math:: \ell = \frac{1}{K} \sum_{j \ne y} \max(0, m - z_y + z_j)^p.

    The sum is divided by the number of all classes, as in torch. The difference of the scores is
    taken first, then the margin is added. A masked class costs nothing; a masked label costs inf.

    For `p` = 1 the derivative is 1 / K for each class within the margin, and for the label minus
    their sum. At the margin itself, where any number from 0 to 1 / K is a subgradient, it is 0, as
    in torch. The second derivative is 0: it leaves out the kink.

    For `p` = 2 the derivative is :math:`\frac{2}{K} \max(0, m - z_y + z_j)`, and the second
    derivative is 2 / K within the margin and 0 from there on; that of the label is their sum.

    torch's `weight` is `class_weights`, but its mean divides by the number of rows.

    References
    ----------
    .. [1] J. Weston and C. Watkins, "Support Vector Machines for Multi-Class Pattern Recognition",
       ESANN 1999.

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.multi_margin_loss([1.0, 0.5, 0.75], 0))
    0.41666666666666...
    >>> pl.multi_margin_loss([[1.0, 0.5, 0.75], [3.0, 0.0, 1.0]], [0, 0], p=2, reduction="none")
    array([0.27083333, 0.        ])
    >>> pl.multi_margin_loss.grad([1.0, 0.5, -0.5, 0.75], 0)
    array([-0.5 ,  0.25,  0.  ,  0.25])
    """
    return _margin_value(xp, axis, _missing(xp, axis, logits, target, margin), p)


def _margin_value(xp: Namespace, axis: Axis, missing: Array, p: int) -> Array:
    share = missing / missing.shape[axis]
    return xp.squeeze(xp.row_sum(share if p == 1 else share * missing, axis), axis=axis)


def _margin_derivative(xp: Namespace, axis: Axis, target: Array, missing: Array, p: int) -> Array:
    slope = xp.sign(missing) if p == 1 else 2 * missing
    return _against_label(xp, axis, target, slope / missing.shape[axis])


def _missing(xp: Namespace, axis: Axis, logits: Array, target: Array, margin: Number) -> Array:
    """Return how far each class is within the margin: 0 for the label and for masked classes."""
    gap = margin + (logits - xp.pick_kept(logits, target, axis))
    exempt = xp.one_hot(target, logits, axis) | (logits == -inf)
    return xp.relu(xp.where(exempt, 0.0, gap))


def _against_label(xp: Namespace, axis: Axis, target: Array, x: Array) -> Array:
    """Return a row, 0 at the label, with minus its sum there."""
    return xp.where(xp.one_hot(target, x, axis), 0.0 - xp.row_sum(x, axis), x)


@multi_margin_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: Labels,
    /,
    *,
    p: Literal[1, 2],
    margin: NonNegative,
) -> tuple[Array, Array]:
    missing = _missing(xp, axis, logits, target, margin)
    return _margin_value(xp, axis, missing, p), _margin_derivative(xp, axis, target, missing, p)


@multi_margin_loss.derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: Labels,
    /,
    *,
    p: Literal[1, 2],
    margin: NonNegative,
) -> Array:
    return _margin_derivative(xp, axis, target, _missing(xp, axis, logits, target, margin), p)


@multi_margin_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: Labels,
    /,
    *,
    p: Literal[1, 2],
    margin: NonNegative,
) -> Array:
    if p == 1:
        return xp.zeros_like(logits)
    within = xp.sign(_missing(xp, axis, logits, target, margin))
    return 2 * xp.abs(_against_label(xp, axis, target, within)) / logits.shape[axis]


@multi_margin_loss.second_derivative_along
def _(
    xp: Namespace,
    axis: Axis,
    logits: ClassLogit,
    target: Labels,
    vector: Array,
    /,
    *,
    p: Literal[1, 2],
    margin: NonNegative,
) -> Array:
    if p == 1:
        return xp.zeros_like(logits)
    within = xp.sign(_missing(xp, axis, logits, target, margin))
    moved = within * (vector - xp.pick_kept(vector, target, axis))
    return 2 * _against_label(xp, axis, target, moved) / logits.shape[axis]


@loss("(class),()->()", temporaries=8, diagonal=True)
def crammer_singer_loss(
    xp: Namespace,
    axis: Axis,
    logits: Annotated[ClassLogit, OneOfSeveral("hinge_loss")],
    target: Labels,
    /,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Hinge loss of the largest score among the other classes, by Crammer and Singer.

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
        The reduced loss, in the dtype of `logits` and the unit of the scores.

    See Also
    --------
    multi_margin_loss : Counts all classes within the margin.
    multiclass_perceptron_loss : Without the margin.
    hinge_loss : For two classes and one score.

    Notes
    -----
    The loss of a row is

    .. math:: \ell = \max(0, 1 + \max_{j \ne y} z_j - z_y).

    It is 0 where the score of the label exceeds all others by 1. The difference of the scores is
    taken first, then 1 is added. A masked label costs inf.

    The derivative is 1 for the largest score among the other classes and -1 for that of the label,
    and 0 beyond the margin. If several scores are the largest, they share the 1 equally. At the
    margin itself any mixture of the two is a subgradient; it is 0 here, and half of the two in JAX.
    The second derivative is 0; it leaves out the kinks.

    optax and scikit-learn have the same formula. Keras also compares the label with 0, and so has a
    loss where all scores are negative. torchmetrics applies a softmax to scores outside [0, 1].

    References
    ----------
    .. [1] K. Crammer and Y. Singer, "On the Algorithmic Implementation of Multiclass Kernel-based
       Vector Machines", Journal of Machine Learning Research 2, 2001.

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.crammer_singer_loss([[1.0, 0.5, 0.75], [3.0, 0.0, 1.0]], [0, 0], reduction="none")
    array([0.75, 0.  ])
    >>> pl.crammer_singer_loss.grad([1.0, 0.75, 0.75], 0)
    array([-1. ,  0.5,  0.5])
    """
    _, _, lacking = _runner_up(xp, axis, logits, target)
    return xp.squeeze(xp.relu(lacking), axis=axis)


def _runner_up(
    xp: Namespace, axis: Axis, logits: Array, target: Array
) -> tuple[Array, Array, Array]:
    """Return the scores of the other classes, their maximum, and its depth in the margin."""
    others = xp.where(xp.one_hot(target, logits, axis), -inf, logits)
    largest = xp.max(others, axis=axis, keepdims=True)
    return others, largest, 1.0 + (largest - xp.pick_kept(logits, target, axis))


@crammer_singer_loss.derivative
def _(xp: Namespace, axis: Axis, logits: ClassLogit, target: Labels, /) -> Array:
    others, largest, lacking = _runner_up(xp, axis, logits, target)
    share = _shared(xp, axis, others == largest, logits.dtype)
    return _against_label(xp, axis, target, share * xp.sign(xp.relu(lacking)))


def _shared(xp: Namespace, axis: Axis, chosen: Array, dtype: Any) -> Array:
    """Share 1 equally among the chosen classes of each row."""
    share = xp.astype(chosen, dtype)
    # a row with NaN has none
    return share / xp.maximum(xp.sum(share, axis=axis, keepdims=True), 1)


@crammer_singer_loss.second_derivative
def _(xp: Namespace, axis: Axis, logits: ClassLogit, target: Labels, /) -> Array:
    return xp.zeros_like(logits)


@loss("(class),()->()", temporaries=8, diagonal=True)
def multiclass_perceptron_loss(
    xp: Namespace,
    axis: Axis,
    logits: Annotated[ClassLogit, OneOfSeveral("perceptron_loss")],
    target: Labels,
    /,
    **options: Unpack[ClassOptions],
) -> Array:
    r"""Perceptron loss of several classes: the largest score minus that of the right class.

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
        The reduced loss, in the dtype of `logits` and the unit of the scores.

    See Also
    --------
    crammer_singer_loss : The same with a margin of 1.
    perceptron_loss : For two classes and one score.

    Notes
    -----
    The loss of a row is

    .. math:: \ell = \max_j z_j - z_y,

    0 where the label has the largest score. It is the limit of ``cross_entropy(logits / t, target)
    * t`` for `t` to 0, and the Fenchel-Young loss of the maximum. A masked label costs inf.

    The derivative is 1 for the largest score, minus 1 for that of the label. If several scores are
    the largest, they share the 1 equally, also if the label is one of them. So a perceptron that
    starts with scores of 0 moves, as in optax. The second derivative is 0; it leaves out the kinks.

    References
    ----------
    .. [1] M. Collins, "Discriminative Training Methods for Hidden Markov Models: Theory and
       Experiments with Perceptron Algorithms", EMNLP 2002. :doi:`10.3115/1118693.1118694`

    Examples
    --------
    >>> import portable_losses as pl
    >>> scores = [[1.0, 0.5, 0.75], [1.0, 0.5, 0.75]]
    >>> pl.multiclass_perceptron_loss(scores, [0, 1], reduction="none")
    array([0. , 0.5])
    >>> pl.multiclass_perceptron_loss.grad([0.0, 0.0, -1.0], 0)
    array([-0.5,  0.5,  0. ])
    """
    return xp.squeeze(
        xp.max(logits, axis=axis, keepdims=True) - xp.pick_kept(logits, target, axis), axis=axis
    )


@multiclass_perceptron_loss.derivative
def _(xp: Namespace, axis: Axis, logits: ClassLogit, target: Labels, /) -> Array:
    top = xp.max(logits, axis=axis, keepdims=True)
    share = _shared(xp, axis, logits == top, logits.dtype)
    return xp.where(top == top, xp.where(xp.one_hot(target, logits, axis), share - 1, share), top)


@multiclass_perceptron_loss.second_derivative
def _(xp: Namespace, axis: Axis, logits: ClassLogit, target: Labels, /) -> Array:
    return xp.zeros_like(logits)
