"""The correlation of two regions."""

from typing import NamedTuple, Unpack

from .._loss import loss
from ..typing import Array, Axis, Kept, Namespace
from ._region import (
    Chances,
    LabelRegionOptions,
    Membership,
    Prediction,
    bend_of_logit,
    compared,
    sigmoids,
    slope_of_logit,
)

__all__ = ["matthews_loss"]


@loss("(region),(region),(region)->()", absent=(0.0, 0.0, 1.0), sums="region")
def matthews_loss(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    keep: Kept | None = None,
    *,
    from_logits: bool = False,
    **options: Unpack[LabelRegionOptions],
) -> Array:
    r"""Loss of Matthews: 1 minus the correlation of two regions. True negatives count too.

    The last axis is one region by default: images of shape (N, C, H, W) need ``region_axis=(2,
    3)``. Predictions are probabilities, unless ``from_logits=True``.

    Parameters
    ----------
    pred : array
        Predicted probabilities that the elements along `region_axis` belong to the region: in [0,
        1]. Logits, -inf and inf included, if `from_logits` is set.
    target : array
        The observed region, of the shape of `pred`: 1 for the elements of the region, 0 for the
        others, or probabilities in [0, 1]. Or class labels, if `class_axis` is given, of that shape
        without the class axis: integers of any dtype from 0 to K - 1.
    from_logits : bool, default False
        Whether `pred` holds logits, of which the sigmoid is the probability.

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to 2, and 1 for chance.

    See Also
    --------
    dice_loss : Does not count true negatives.

    Notes
    -----
    With the true positives :math:`a = \sum_i \min(p_i, y_i)`, the false positives :math:`b = \sum_i
    \max(p_i - y_i, 0)`, the false negatives :math:`c = \sum_i \max(y_i - p_i, 0)` and the true
    negatives :math:`d = \sum_i (1 - \max(p_i, y_i))`, which for targets of 0 and 1 are sums of
    products, the loss of a region is

    .. math:: \ell = 1 - \frac{a d - b c}{Q}, \quad Q = \sqrt{(a + b) (a + c) (b + d) (c + d)}.

    Where the correlation is positive, the computed form is :math:`n (b c (a + d) + a d (b + c)) /
    (Q (Q + a d - b c))` with `n` for the number of elements: no terms cancel. If the prediction or
    the target is empty, or full, :math:`Q` is 0. Then the loss is 0 if both are equal and 1 if they
    differ, and the derivatives are 0. With :math:`P = a + b` and :math:`N = c + d`, the parts
    predicted inside and outside, the derivative is

    .. math:: \frac{n}{2 Q} \left( \frac{a}{P} + \frac{c}{N} \right) \text{ above the target, }
              -\frac{n}{2 Q} \left( \frac{b}{P} + \frac{d}{N} \right) \text{ below it.}

    For its value at the target see `dice_loss`. The second derivative is

    .. math::

        \frac{n}{4 Q} \left( \frac{3 c}{N^2} - \frac{3 a}{P^2} + \frac{a - c}{P N} \right), \quad
              \frac{n}{4 Q} \left( \frac{3 b}{P^2} - \frac{3 d}{N^2} + \frac{d - b}{P N} \right).

    For targets of 0 and 1 Segmentation Models and MONAI have the same loss, except that one adds
    1e-5 to each sum and the other under the root. With soft targets both have the product in place
    of :math:`\min`. scikit-learn's coefficient is 0 for an empty region that is predicted to be
    empty.

    References
    ----------
    .. [1] B. W. Matthews, "Comparison of the Predicted and Observed Secondary Structure of T4 Phage
       Lysozyme", Biochimica et Biophysica Acta 405, 1975. :doi:`10.1016/0005-2795(75)90109-9`
    .. [2] K. Abhishek and G. Hamarneh, "Matthews Correlation Coefficient Loss for Deep
       Convolutional Networks: Application to Skin Lesion Segmentation", ISBI 2021.
       :doi:`10.1109/ISBI48211.2021.9433782`

    Examples
    --------
    >>> import portable_losses as pl
    >>> target = [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    >>> pl.matthews_loss([[0.5, 1.0, 0.0, 0.5], [0.0, 1.0, 0.0, 1.0]], target, reduction="none")
    array([0.5, 1. ])
    >>> pl.matthews_loss.grad([0.5, 1.0, 0.0, 0.5], [1.0, 1.0, 0.0, 0.0])
    array([-0.5, -0.5,  0.5,  0.5])
    """
    table = _tabulated(xp, axis, sigmoids(xp, pred, from_logits), target, keep)
    return xp.squeeze(table.value(xp), axis=axis)


class Table(NamedTuple):
    """The sums of a region in a table: a, b, c, d of the formula."""

    inside: Array
    """True positives."""
    excess: Array
    lacking: Array
    outside: Array
    """True negatives."""

    def value(self, xp: Namespace) -> Array:
        """Return 1 minus the correlation."""
        a, b, c, d = self
        root, covariance = self.margins(xp).root(xp), a * d - b * c
        total = root + xp.relu(covariance)
        # Quotients come first: the products of small sums would underflow.
        near = (a + d) * (b / root) * (c / total) + (a / root) * d * ((b + c) / total)
        value = xp.where(covariance > 0, (a + b + c + d) * near, 1 - covariance / root)
        chance = xp.where(b + c == 0, 0.0, xp.ones_like(root))
        return xp.where(self.degenerate(xp), chance, value)

    def slope(self, xp: Namespace, pred: Array, target: Array) -> Array:
        """Return the derivative."""
        a, b, c, d = self
        inside, left, scale = self.scaled(xp)
        above, below = a / inside + c / left, b / inside + d / left
        sides = above, 0.5 * (above - below), -below
        return xp.by_side(pred, target, *(0.5 * scale * x for x in sides))

    def bend(self, xp: Namespace, pred: Array, target: Array) -> Array:
        """Return the second derivative."""
        a, b, c, d = self
        inside, left, scale = self.scaled(xp)
        above = (3 * c / left + a / inside) / left - (3 * a / inside + c / left) / inside
        below = (3 * b / inside + d / left) / inside - (3 * d / left + b / inside) / left
        sides = above, 0.5 * (above + below), below
        return xp.by_side(pred, target, *(0.25 * scale * x for x in sides))

    def degenerate(self, xp: Namespace) -> Array:
        """Return whether the prediction or the target is empty, or full."""
        less = xp.minimum(self.excess, self.lacking)
        return (self.inside + less == 0) | (self.outside + less == 0)

    def margins(self, xp: Namespace) -> "Margins":
        """Return the margins, 1 where one of them is 0."""
        a, b, c, d = self
        sums, none = (a + b, c + d, a + c, b + d), self.degenerate(xp)
        return Margins(*(xp.where(none, 1.0, x) for x in sums))

    def scaled(self, xp: Namespace) -> tuple[Array, Array, Array]:
        """Return the sums predicted inside and outside, and n / Q, or 0 where Q is 0."""
        margins = self.margins(xp)
        size = self.inside + self.excess + self.lacking + self.outside
        scale = xp.where(self.degenerate(xp), 0.0, size / margins.root(xp))
        return margins.predicted, margins.left, scale


class Margins(NamedTuple):
    """The sums of the rows and of the columns of a table."""

    predicted: Array
    left: Array
    observed: Array
    other: Array

    def root(self, xp: Namespace) -> Array:
        """Return the root of their product, from their roots, as the product may overflow."""
        predicted, left, observed, other = map(xp.sqrt, self)
        return (predicted * observed) * (left * other)


def _tabulated(
    xp: Namespace, axis: Axis, chances: Chances, target: Array, keep: Array | None
) -> Table:
    prob, rest = chances
    outside = xp.smaller(1 - prob if rest is None else rest, 1 - target)
    outside = outside if keep is None else outside * keep
    return Table(*compared(xp, axis, chances, target), xp.region_sum(outside, axis))


@matthews_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    keep: Kept | None = None,
    *,
    from_logits: bool,
) -> tuple[Array, Array]:
    chances = sigmoids(xp, pred, from_logits)
    table = _tabulated(xp, axis, chances, target, keep)
    slope = slope_of_logit(chances, table.slope(xp, chances[0], target))
    return xp.squeeze(table.value(xp), axis=axis), slope


@matthews_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    pred: Prediction,
    target: Membership,
    /,
    keep: Kept | None = None,
    *,
    from_logits: bool,
) -> Array:
    chances = sigmoids(xp, pred, from_logits)
    table = _tabulated(xp, axis, chances, target, keep)
    bend = table.bend(xp, chances[0], target)
    if not from_logits:
        return bend
    return bend_of_logit(chances, table.slope(xp, chances[0], target), bend)
