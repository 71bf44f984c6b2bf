"""Losses of several classes of which any number may be right at once."""

from math import frexp, inf, nan
from typing import Annotated, NamedTuple, Unpack

from annotated_types import Interval

from ._compensated import difference, increased
from ._elementary import magnitude, precise_exp, row_sum, weighted
from ._loss import loss
from ._pairs import against, piece_axis, piece_sum, pieces
from .typing import Array, Axis, Domain, Logit, Namespace, Options, Probability, Real

__all__ = ["multilabel_margin_loss", "multilabel_soft_margin_loss", "zlpr_loss"]

ClassSet = Annotated[
    Array,
    Domain(
        "0 or 1 for each class",
        safe=0.0,
        interval=Interval(ge=0.0, le=1.0),
        members=(0.0, 1.0),
        hint="a list of class labels becomes this by a comparison of each with the numbers of all classes; signs by "
        "`(1 + target) / 2`",
    ),
]


MASKED = -1e4
"""A score that is nothing beside 0: its exponential is 0, as that of -inf, which subtracted from itself would be NaN."""


class RowOptions(Options, total=False):
    """The options of the losses that compare two rows."""

    class_axis: int


@loss("(class),(class)->()")
def multilabel_soft_margin_loss(
    xp: Namespace, axis: Axis, pred: Logit, target: Probability, /, **options: Unpack[RowOptions]
) -> Array:
    r"""Mean binary cross-entropy of the classes of a row.

    Parameters
    ----------
    pred : array
        Predicted logits of the K classes along `class_axis`: real numbers, -inf and inf included.
    target : array
        What was observed, of the shape of `pred`: 1 for the classes that are right, 0 for the
        others, or probabilities in [0, 1].

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also -------- binary_cross_entropy_with_logits : The same for each class, whose mean is
    equal if no weights differ within a row. multilabel_margin_loss : Compares the right classes
    with the others. zlpr_loss : Weighs the classes against each other.

    Notes
    -----
    The loss of a row is

    .. math::

        \ell = \frac{1}{K} \sum_k y_k\, \mathrm{softplus}(-z_k) + (1 - y_k)\, \mathrm{softplus}(z_k).

    The two share :math:`\mathrm{log1p}(\exp(-|z|))`; what is left is :math:`(1 - y) z` for positive
    and :math:`-y z` for negative logits, neither of them negative. At infinite logits the loss is
    exact: 0 where the target agrees, inf where it does not. The derivative is :math:`((1 - y)
    \sigma(z) - y \sigma(-z)) / K`, the second :math:`\sigma(z) \sigma(-z) / K`.

    torch has the same loss, along the last axis whatever the number of axes; its `weight` is that
    of classes, here of rows.

    References
    ----------
    .. [1] D. R. Cox, "The Regression Analysis of Binary Sequences", Journal of the Royal
       Statistical Society B 20, 1958. :doi:`10.1111/j.2517-6161.1958.tb00292.x`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.multilabel_soft_margin_loss([2.0, -1.0, 0.5], [1.0, 0.0, 1.0]))
    0.30475556...
    >>> pl.multilabel_soft_margin_loss.grad([0.0, 800.0], [1.0, 0.0])
    array([-0.25,  0.5 ])
    """
    return _mean_entropy(xp, axis, pred, target, _decay(xp, pred))


def _decay(xp: Namespace, pred: Array) -> Array:
    return xp.exp(-magnitude(xp, pred))


def _mean_entropy(xp: Namespace, axis: Axis, pred: Array, target: Array, decay: Array) -> Array:
    linear = weighted(xp, xp.astype(pred >= 0, pred.dtype) - target, pred)
    # The large part is divided before it is added up, which might overflow, and the small part
    # after, since it might underflow.
    classes = pred.shape[axis]
    total = row_sum(xp, axis, linear / classes) + row_sum(xp, axis, xp.log1p(decay)) / classes
    return xp.squeeze(total, axis=axis)


def _mean_entropy_slope(
    xp: Namespace, axis: Axis, pred: Array, target: Array, decay: Array
) -> Array:
    ones = xp.ones_like(decay)
    yes, no = xp.where(pred >= 0, ones, decay), xp.where(pred >= 0, decay, ones)
    return ((1 - target) * yes - target * no) / (1 + decay) / pred.shape[axis]


@multilabel_soft_margin_loss.value_and_derivative
def _(xp: Namespace, axis: Axis, pred: Logit, target: Probability, /) -> tuple[Array, Array]:
    decay = _decay(xp, pred)
    return _mean_entropy(xp, axis, pred, target, decay), _mean_entropy_slope(
        xp, axis, pred, target, decay
    )


@multilabel_soft_margin_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Logit, target: Probability, /) -> Array:
    return _mean_entropy_slope(xp, axis, pred, target, _decay(xp, pred))


@multilabel_soft_margin_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Logit, target: Probability, /) -> Array:
    decay = _decay(xp, pred)
    return decay / (1 + decay * (2 + decay)) / pred.shape[axis]


@loss("(class),(class)->()")
def multilabel_margin_loss(
    xp: Namespace, axis: Axis, pred: Real, target: ClassSet, /, **options: Unpack[RowOptions]
) -> Array:
    r"""Hinge loss of each right class against each other class.

    Parameters
    ----------
    pred : array
        Predicted scores of the K classes along `class_axis`: real numbers.
    target : array
        What was observed, of the shape of `pred`: 1 for the classes that are right, 0 for the
        others.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit.

    See Also
    --------
    multi_margin_loss : For one right class.
    zlpr_loss : A smooth loss of the same comparisons.

    Notes
    -----
    With :math:`P` for the classes that are right the loss of a row is

    .. math:: \ell = \frac{1}{K} \sum_{i \in P} \sum_{j \notin P} \max(0, 1 - (z_i - z_j)),

    0 where all classes are right, or none. What rounding takes from a difference of scores is put
    back, so that the smallest shortfall counts. Of many classes only some of the pairs are held in
    memory at a time.

    The derivative is, divided by K, minus the number of other classes that are less than 1 below,
    for a right class, and the number of right classes that are less than 1 above, for another. A
    pair that is exactly 1 apart does not count, as in torch. The second derivative is 0.

    torch takes lists of labels that end with -1. In a row of three classes ``[2, 0, -1]`` is ``[1,
    0, 1]`` here.

    References
    ----------
    .. [1] J. Weston and C. Watkins, "Support Vector Machines for Multi-Class Pattern Recognition",
       ESANN 1999.

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.multilabel_margin_loss([0.1, 0.2, 0.4, 0.8], [1.0, 0.0, 0.0, 1.0]))
    0.85...
    >>> pl.multilabel_margin_loss.grad([0.1, 0.2, 0.4, 0.8], [1.0, 0.0, 0.0, 1.0])
    array([-0.5,  0.5,  0.5, -0.5])
    """
    # Divided before it is added up, which might overflow, by a power of 2: that rounds nothing.
    mantissa, exponent = frexp(pred.shape[axis])
    half = 0.5 * pred  # a whole difference might overflow
    total = xp.where(pred == pred, 0.0, pred)  # a NaN counts even where there is no pair
    for piece in pieces(xp, axis, pred):
        right, other = against(axis, target, piece)
        gap, error = difference(xp, *against(axis, half, piece))
        lacking = (0.5 - gap) - error
        count = right * (1 - other) * 2.0 ** (1 - exponent)
        total = total + piece_sum(
            xp, axis, weighted(xp, count, xp.where(lacking <= 0, 0.0, lacking))
        )
    return xp.squeeze(row_sum(xp, axis, total), axis=axis) / mantissa


@multilabel_margin_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Real, target: ClassSet, /) -> Array:
    slope = xp.where(pred == pred, 0.0, pred)
    for piece in pieces(xp, axis, pred):
        here, there = against(axis, target, piece)
        gap, error = difference(xp, *against(axis, pred, piece))
        to_other = xp.where((1 - gap) - error > 0, here * (1 - there), 0.0)
        to_right = xp.where((1 + gap) + error > 0, (1 - here) * there, 0.0)
        slope = slope + xp.sum(to_other - to_right, axis=piece_axis(axis))
    return slope / pred.shape[axis]


@multilabel_margin_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Real, target: ClassSet, /) -> Array:
    return xp.zeros_like(pred)


@loss("(class),(class)->()")
def zlpr_loss(
    xp: Namespace, axis: Axis, pred: Logit, target: ClassSet, /, **options: Unpack[RowOptions]
) -> Array:
    r"""Zero-bounded log-sum-exp and pairwise rank-based loss of any number of right classes.

    Parameters
    ----------
    pred : array
        Predicted scores of the K classes along `class_axis`: real numbers, -inf and inf included.
        Those above 0 are predicted to be right.
    target : array
        What was observed, of the shape of `pred`: 1 for the classes that are right, 0 for the
        others.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, in nats.

    See Also
    --------
    multilabel_soft_margin_loss : Looks at each class alone.
    cross_entropy : For exactly one right class.
    multilabel_margin_loss : With hinges.

    Notes
    -----
    With :math:`P` for the classes that are right the loss of a row is

    .. math::

        \ell = \log \Bigl( 1 + \sum_{j \notin P} e^{z_j} \Bigr) + \log \Bigl( 1 + \sum_{i \in P} e^{-z_i} \Bigr),

    which compares each right class with 0, 0 with each other class, and so right classes with
    others. Each logarithm is the largest of 0 and the scores in it plus :math:`\mathrm{log1p}` of
    the sum of the other exponentials: neither term is negative, nothing overflows, and small losses
    keep their digits. At infinite scores the loss is exact: 0 for what is right, inf for what is
    not.

    The derivative is a softmax in which 0 takes part: :math:`s_j` for a class that is not right,
    :math:`-s_i` for one that is, with the shares :math:`s` of the exponentials in the sums under
    the logarithms. The second is :math:`s (1 - s)`.

    References
    ----------
    .. [1] J. Su, M. Zhu, A. Murtadha, S. Pan, B. Wen and Y. Liu, "ZLPR: A Novel Loss for
       Multi-label Classification", 2022. :doi:`10.48550/arXiv.2208.02955`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pl.zlpr_loss([[2.0, -1.0, 0.5], [800.0, 800.0, -800.0]], [[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]], reduction="none")
    array([  0.86821861, 800.        ])
    >>> pl.zlpr_loss.grad([0.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    array([-0.5       ,  0.33333333,  0.33333333])
    """
    wrong, right = (_parts(xp, axis, scores) for scores in _sides(xp, pred, target))
    return xp.squeeze(
        (wrong.top + xp.log1p(wrong.rest)) + (right.top + xp.log1p(right.rest)), axis=axis
    )


class Parts(NamedTuple):
    """The parts of a softmax of the scores of a row and 0, as those of `special.rows.exponentials`."""

    top: Array
    """The largest score of each row, or 0."""
    exponential: Array
    """The exponentials of the scores minus that."""
    is_top: Array
    """Which scores are the largest, and above 0."""
    rest: Array
    """The sum of the exponentials, that of 0 included, but for the 1 of a largest."""

    def shares(self, xp: Namespace) -> tuple[Array, Array]:
        """Return for each score its share in the sum, and that of all others."""
        total = 1 + self.rest
        share = self.exponential / total
        return share, xp.where(self.is_top, self.rest / total, 1 - share)


def _sides(xp: Namespace, pred: Array, target: Array) -> tuple[Array, Array]:
    """Return the scores against 0 of the classes that are not right, and of those that are; the others are masked."""
    pred = xp.where(target == target, pred, nan)
    return xp.where(target == 1, MASKED, pred), xp.where(target == 0, MASKED, -pred)


def _parts(xp: Namespace, axis: Axis, scores: Array) -> Parts:
    scores = xp.where(scores < MASKED, MASKED, scores)
    largest = xp.max(scores, axis=axis, keepdims=True)
    positive, infinite = largest > 0, largest == inf
    top = xp.where(positive, largest, 0.0)
    is_top = positive & (scores == largest)
    # Beside infinite scores all others are nothing, and one of them is as good as another.
    scores = xp.where(infinite, xp.where(is_top, xp.zeros_like(scores), MASKED), scores)
    shifted, error = difference(xp, scores, xp.where(infinite, 0.0, top))
    exponential = increased(xp, precise_exp(xp, shifted), error)
    ties = xp.sum(xp.astype(is_top, scores.dtype), axis=axis, keepdims=True) - 1
    beside_top = xp.where(positive, ties + precise_exp(xp, -top), 0.0)
    rest = row_sum(xp, axis, xp.where(is_top, 0.0, exponential)) + beside_top
    return Parts(xp.where(positive | (largest == largest), top, largest), exponential, is_top, rest)


@zlpr_loss.derivative
def _(xp: Namespace, axis: Axis, pred: Logit, target: ClassSet, /) -> Array:
    wrong, right = (_parts(xp, axis, scores).shares(xp) for scores in _sides(xp, pred, target))
    return wrong[0] - right[0]


@zlpr_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Logit, target: ClassSet, /) -> Array:
    wrong, right = (_parts(xp, axis, scores).shares(xp) for scores in _sides(xp, pred, target))
    return wrong[0] * wrong[1] + right[0] * right[1]
