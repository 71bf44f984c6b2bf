"""The Jaccard index of two sets, extended to real numbers by the Lovász extension."""

from math import inf
from typing import Literal, NamedTuple, Unpack

from .._loss import loss
from ..typing import Array, Axis, Kept, Logit, Namespace
from ._region import (
    Chances,
    ClassRegionOptions,
    Mask,
    MaskOrLabels,
    Prediction,
    RegionOptions,
    mask,
    slope_of_logits,
    softmaxes,
)

__all__ = ["lovasz_hinge_loss", "lovasz_softmax_loss"]


@loss("(region),(region)->()", absent=(-inf, 0.0))
def lovasz_hinge_loss(
    xp: Namespace, axis: Axis, pred: Logit, target: Mask, /, **options: Unpack[RegionOptions]
) -> Array:
    r"""Lovász hinge of a region: the Jaccard loss of the hinge losses of its elements.

    The last axis is one region by default: images of shape (N, H, W) need ``region_axis=(1, 2)``.

    Parameters
    ----------
    pred : array
        Predicted scores of the elements along `region_axis`: real numbers, -inf and inf included.
        Elements with a score above 0 are predicted to belong to the region.
    target : array
        The observed region, of the shape of `pred`: 1 for the elements of the region, 0 for the
        others.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit.

    See Also
    --------
    lovasz_softmax_loss : From the probabilities of several classes.
    jaccard_loss : From probabilities, without a sort.
    hinge_loss : For each element separately.

    Notes
    -----
    With the sign :math:`s_i = 2 y_i - 1` the margin of an element is :math:`s_i z_i`, and its error
    :math:`m_i = \max(0, 1 - s_i z_i)`. With the errors in descending order,
    :math:`m_{(1)} \ge m_{(2)} \ge \dots`, the loss is

    .. math:: \ell = \sum_k m_{(k)} \bigl( J_k - J_{k-1} \bigr),

    where :math:`J_k` is 1 minus the intersection over the union if only the first `k` elements are
    wrong. Let the region have `G` elements. Of the first `k` elements let `c` be in the region and
    :math:`f = k - c` outside. Then the difference is :math:`1 / (G + f)` for an element of the
    region and :math:`(G - c) / ((G + f) (G + f - 1))` for another. This form is computed, because
    the :math:`J_k` nearly cancel. It needs one sort, of the margins: 1 minus a small score would
    round the score away. If the region is empty, the loss is the largest error, which is 0 if all
    scores are at most -1.

    The derivative with respect to :math:`z_i` is :math:`-s_i` times that difference, and 0 for a
    margin of 1 or more. Equal errors keep the order of the elements, which selects one of the
    subgradients. There is no second derivative.

    If all errors are 0 or 1, the loss is the Jaccard loss of the sets. The authors' own program
    flattens a batch unless `per_image` is set; here the batch is one region if its axis is in
    `region_axis`. Segmentation Models has the same loss.

    References
    ----------
    .. [1] J. Yu and M. B. Blaschko, "The Lovász Hinge: A Novel Convex Surrogate for Submodular
       Losses", IEEE Transactions on Pattern Analysis and Machine Intelligence 42, 2020.
       :doi:`10.1109/TPAMI.2018.2883039`
    .. [2] M. Berman, A. R. Triki and M. B. Blaschko, "The Lovász-Softmax Loss: A Tractable
       Surrogate for the Optimization of the Intersection-over-Union Measure in Neural Networks",
       CVPR 2018. :doi:`10.1109/CVPR.2018.00464`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.lovasz_hinge_loss([2.0, 0.5, -0.5, 0.0], [1.0, 1.0, 0.0, 0.0]))
    0.5416666...
    >>> pl.lovasz_hinge_loss.grad([2.0, 0.5, -0.5, 0.0], [1.0, 1.0, 0.0, 0.0])
    array([ 0.        , -0.33333333,  0.08333333,  0.33333333])
    """
    return _hinge(xp, axis, pred, target)[0]


class Order(NamedTuple):
    """The elements of a region in the order of their errors, the largest first."""

    places: Array
    """The place of each element in the region."""
    steps: Array
    """The part of the Jaccard loss that each element adds if it and all before it are wrong."""

    def sorted(self, xp: Namespace, axis: Axis, x: Array) -> Array:
        """Return the numbers of the elements in this order."""
        return xp.take_along_axis(x, self.places, axis=axis)


def _ordered(xp: Namespace, axis: Axis, rising: Array, target: Array) -> Order:
    """Sort elements by numbers that rise as the errors fall.

    Counts have the widest dtype: float32 does not represent all whole numbers above 2**24.
    """
    place = xp.stable_order(rising, axis)
    inside = xp.astype(xp.take_along_axis(target, place, axis=axis), xp.wide_dtype(rising))
    size = xp.row_sum(inside, axis)
    found = xp.cumulative_sum(inside, axis=axis)
    rank = xp.places(inside, axis, inside.dtype) + 1
    union = size + (rank - found)
    of_others = (size - found) / union / xp.where(union > 1, union - 1, 1.0)
    of_others = xp.where(size == 0, xp.astype(rank == 1, inside.dtype), of_others)
    return Order(place, xp.astype(xp.where(inside == 1, 1 / union, of_others), rising.dtype))


def _missing(xp: Namespace, axis: Axis, x: Array) -> Array:
    """Return NaN for a region with NaN and 0 for others: a difference of 0 may have hidden it."""
    return xp.row_sum(xp.where(x == x, 0.0, x), axis)


def _hinge(xp: Namespace, axis: Axis, pred: Array, target: Array) -> tuple[Array, Array]:
    """Return the loss, and minus its derivative with respect to the margins."""
    margin = xp.where(target == 1, pred, -pred)
    order = _ordered(xp, axis, margin, target)
    error = 1 - order.sorted(xp, axis, margin)
    wrong = error > 0
    value = xp.region_sum(xp.weighted(order.steps, xp.where(wrong, error, 0.0)), axis)
    slope = xp.put_back(xp.where(wrong, order.steps, 0.0), order.places, axis)
    missing = _missing(xp, axis, margin)
    return xp.squeeze(value + missing, axis=axis), slope + missing


@lovasz_hinge_loss.value_and_derivative
def _(xp: Namespace, axis: Axis, pred: Logit, target: Mask, /) -> tuple[Array, Array]:
    value, slope = _hinge(xp, axis, pred, target)
    return value, xp.where(target == 1, 0 - slope, slope)


@loss(
    "(class,region),(class,region),(class,region)->()",
    "(class,region),(region),(class,region)->()",
    absent=(0.0, 0.0, 1.0),
)
def lovasz_softmax_loss(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: MaskOrLabels,
    /,
    keep: Kept | None = None,
    *,
    classes: Literal["present", "all"] = "present",
    from_logits: bool = False,
    **options: Unpack[ClassRegionOptions],
) -> Array:
    r"""Lovász-softmax loss: the mean over classes of the Jaccard loss of the probability errors.

    The last two axes are classes and elements by default: images of shape (N, C, H, W) need
    ``class_axis=1, region_axis=(2, 3)``. Predictions are probabilities, unless
    ``from_logits=True``.

    Parameters
    ----------
    pred : array
        Predicted probabilities, such as the result of a softmax, that the elements along
        `region_axis` belong to the classes along `class_axis`: in [0, 1]. Logits, -inf included, if
        `from_logits` is set.
    target : array
        The observed classes: the label of each element, of the shape of `pred` without the class
        axis: integers of any dtype from 0 to K - 1. Or, of the shape of `pred`, 1 for the class of
        each element and 0 for the others. The number of axes decides between the two.
    classes : {"present", "all"}, default "present"
        The classes that count: those with an element in the region, or all.
    from_logits : bool, default False
        Whether `pred` holds logits, of which the softmax over the classes is the probability.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to 1. All classes together
        have one loss.

    See Also
    --------
    lovasz_hinge_loss : From the scores of one class.
    generalized_dice_loss : For several classes as well, without a sort.
    jaccard_loss : One loss for each class.

    Notes
    -----
    The error of an element in a class is :math:`1 - p` if it belongs to the class and :math:`p` if
    it does not. The loss of a class is the sum of its errors, in descending order, times the
    differences of the Jaccard loss that `lovasz_hinge_loss` describes, with one sort for each
    class. The loss of an absent class is its largest probability. No terms cancel. If only present
    classes count and none is present, the loss and the derivative are 0.

    The derivative is the difference divided by the number of classes that count, negative in the
    class of the element. Equal errors keep the order of the elements, which selects one of the
    subgradients. There is no second derivative. With only one class the loss compares its
    probabilities with the rest, if an element of the class is present.

    By default the present classes count, as in the authors' own program and in Segmentation Models;
    in kornia 0.9 all count. Up to 0.8 kornia sorts the labels in place of the mask of each class,
    which is a mistake and no other choice.

    References
    ----------
    .. [1] M. Berman, A. R. Triki and M. B. Blaschko, "The Lovász-Softmax Loss: A Tractable
       Surrogate for the Optimization of the Intersection-over-Union Measure in Neural Networks",
       CVPR 2018. :doi:`10.1109/CVPR.2018.00464`

    Examples
    --------
    >>> import portable_losses as pl
    >>> pred = [[0.75, 0.75, 0.5, 0.5], [0.25, 0.25, 0.5, 0.5]]
    >>> target = [[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    >>> float(pl.lovasz_softmax_loss(pred, target))
    0.4375
    >>> float(pl.lovasz_softmax_loss(pred, [0, 0, 0, 1]))
    0.4375
    >>> pl.lovasz_softmax_loss.grad(pred, target)
    array([[-0.125     , -0.125     , -0.16666667,  0.08333333],
           [ 0.        ,  0.        ,  0.25      , -0.25      ]])
    """
    chances = softmaxes(xp, pred, axis[0], from_logits)
    return _softmax(xp, axis, chances, mask(xp, axis[0], pred, target, keep), classes)[0]


def _softmax(
    xp: Namespace, axis: Axis, chances: Chances, target: Array, classes: str
) -> tuple[Array, Array]:
    """Return the loss, and its derivative with respect to the errors."""
    class_axis, region_axis = axis
    prob, rest = chances
    error = xp.where(target == 1, 1 - prob if rest is None else rest, prob)
    order = _ordered(xp, region_axis, -error, target)
    counts = xp.max(target, axis=region_axis, keepdims=True)
    if classes == "all":
        counts = xp.ones_like(counts)
    share = xp.safe_divide(counts, xp.row_sum(counts, class_axis))
    sorted_errors = order.sorted(xp, region_axis, error)
    value = xp.row_sum(share * xp.region_sum(order.steps * sorted_errors, region_axis), class_axis)
    slope = xp.put_back(order.steps, order.places, region_axis)
    slope = slope + _missing(xp, region_axis, error)
    return xp.squeeze(value, axis=axis), slope * share


@lovasz_softmax_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: MaskOrLabels,
    /,
    keep: Kept | None = None,
    *,
    classes: Literal["present", "all"],
    from_logits: bool,
) -> tuple[Array, Array]:
    chances, target = (
        softmaxes(xp, pred, axis[0], from_logits),
        mask(xp, axis[0], pred, target, keep),
    )
    value, slope = _softmax(xp, axis, chances, target, classes)
    slope = xp.where(target == 1, 0 - slope, slope)
    return value, slope_of_logits(xp, axis[0], chances, slope)
