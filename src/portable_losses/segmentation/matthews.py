"""The correlation of two regions."""

from typing import NamedTuple, Unpack

from .._loss import loss
from ..typing import Array, Axis, Namespace
from ._fraction import enlargement
from ._region import Membership, Parts, RegionOptions, by_side, compared, share_of, total

__all__ = ["matthews_loss"]


@loss("(region),(region)->()")
def matthews_loss(
    xp: Namespace,
    axis: Axis,
    pred: Membership,
    target: Membership,
    /,
    **options: Unpack[RegionOptions],
) -> Array:
    r"""Loss of Matthews: 1 minus the correlation of two regions, in which what is right outside of them counts too.

    Parameters
    ----------
    pred : array
        Predicted probabilities that the elements along `region_axis` belong to the region: in [0,
        1].
    target : array
        What was observed, of the shape of `pred`: 1 for the elements of the region, 0 for the
        others, or probabilities in [0, 1].

    Returns
    -------
    array
        The reduced loss, in the dtype of `pred`, without a unit: from 0 to 2, and 1 for what is no
        better than chance.

    See Also
    --------
    dice_loss : Does not count what is right outside of the region.

    Notes ----- With :math:`a = \sum_i \min(p_i, y_i)` for what is right in the region, :math:`b =
    \sum_i \max(p_i - y_i, 0)` for what is predicted wrongly, :math:`c = \sum_i \max(y_i - p_i, 0)`
    for what is missed and :math:`d = \sum_i (1 - \max(p_i, y_i))` for what is right outside, which
    for targets of 0 and 1 are the sums of the products, the loss of a region is

    .. math:: \ell = 1 - \frac{a d - b c}{Q}, \quad Q = \sqrt{(a + b) (a + c) (b + d) (c + d)}.

    Where the correlation is positive the difference is :math:`n (b c (a + d) + a d (b + c)) / (Q (Q
    + a d - b c))` with `n` for the number of elements, in which nothing cancels. If the prediction
    or the target is empty, or full, :math:`Q` is 0: then the loss is 0 if both are the same, 1 if
    they are not, and the derivatives are 0. With :math:`P = a + b` and :math:`N = c + d` for what
    is predicted inside and outside, the derivative is

    .. math:: \frac{n}{2 Q} \left( \frac{a}{P} + \frac{c}{N} \right) \text{ above the target, }
              -\frac{n}{2 Q} \left( \frac{b}{P} + \frac{d}{N} \right) \text{ below it.}

    What it is at the target is said in `dice_loss`. The second derivative is

    .. math::

        \frac{n}{4 Q} \left( \frac{3 c}{N^2} - \frac{3 a}{P^2} + \frac{a - c}{P N} \right), \quad
              \frac{n}{4 Q} \left( \frac{3 b}{P^2} - \frac{3 d}{N^2} + \frac{d - b}{P N} \right).

    For targets of 0 and 1 it is equal to that of Segmentation Models and of MONAI, but for the 1e-5
    that one adds to each sum and the other under the root; with soft targets both have the product
    for :math:`\min`. scikit-learn's coefficient is 0 for an empty region that is predicted to be
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
    return xp.squeeze(
        _tabulated(xp, axis, compared(xp, axis, pred, target), pred, target).value(xp), axis=axis
    )


class Table(NamedTuple):
    """The sums of a region, in a table of what is right and what is wrong."""

    inside: Array
    """What is right in the region."""
    excess: Array
    lacking: Array
    outside: Array
    """What is right outside."""
    degenerate: Array
    """Where a margin is 0. The sums are others there, and do not count."""
    chance: Array
    """What the loss is there."""
    unit: float
    """What the sums were multiplied by."""

    def value(self, xp: Namespace) -> Array:
        """Return 1 minus the correlation."""
        root = self._root(xp)
        covariance = self.inside * self.outside - self.excess * self.lacking
        positive = covariance > 0
        sum_of_both = xp.where(positive, root + covariance, root)
        outnumbered = self.inside < self.outside
        fewer = xp.where(outnumbered, self.inside, self.outside)
        more = xp.where(outnumbered, self.outside, self.inside)
        right, wrong = self.inside + self.outside, self.excess + self.lacking
        # Quotients first: the products of small sums would underflow.
        unit = self.unit
        crossed = right / unit * (self.excess * unit / root) * (self.lacking * unit / sum_of_both)
        along = more / unit * (fewer * unit / root) * (wrong * unit / sum_of_both)
        value = xp.where(
            positive, (right + wrong) / unit * (crossed + along), 1 - covariance / root
        )
        return xp.where(self.degenerate, self.chance, value)

    def slopes(self, xp: Namespace) -> tuple[Array, Array, Array]:
        """Return the derivative above the target, at it and below."""
        inside, lacking, excess, outside = self._shares()
        above, below = inside + lacking, excess + outside
        return self._scaled(xp, 0.5, above, 0.5 * (above - below), -below)

    def curvatures(self, xp: Namespace) -> tuple[Array, Array, Array]:
        """Return the second derivatives."""
        inside, lacking, excess, outside = self._shares()
        predicted, left = self._margins()
        above = (3 * lacking + inside) * self.unit / left - (
            3 * inside + lacking
        ) * self.unit / predicted
        below = (3 * excess + outside) * self.unit / predicted - (
            3 * outside + excess
        ) * self.unit / left
        return self._scaled(xp, 0.25, above, 0.5 * (above + below), below)

    def _margins(self) -> tuple[Array, Array]:
        """Return how much is predicted to be inside, and outside."""
        return self.inside + self.excess, self.lacking + self.outside

    def _shares(self) -> tuple[Array, Array, Array, Array]:
        """Return as shares of what is predicted: right inside, wrong outside, wrong inside, right outside."""
        predicted, left = self._margins()
        return (
            self.inside / predicted,
            self.lacking / left,
            self.excess / predicted,
            self.outside / left,
        )

    def _root(self, xp: Namespace) -> Array:
        """Return the root of the product of the margins, each by itself, as the product may underflow."""
        predicted, left = self._margins()
        observed, other = self.inside + self.lacking, self.excess + self.outside
        return (xp.sqrt(predicted) * xp.sqrt(observed)) * (xp.sqrt(left) * xp.sqrt(other))

    def _scaled(self, xp: Namespace, factor: float, *numbers: Array) -> tuple[Array, Array, Array]:
        size = (self.inside + self.outside) + (self.excess + self.lacking)
        scale = factor * (size / self._root(xp))
        above, at, below = (
            xp.where(self.degenerate, 0 * self.chance, x * self.unit * scale) for x in numbers
        )
        return above, at, below


def _tabulated(xp: Namespace, axis: Axis, parts: Parts, pred: Array, target: Array) -> Table:
    outside = total(xp, axis, _beyond(xp, pred, target))
    inside, excess, lacking = parts
    wrong = excess + lacking
    degenerate = (inside + xp.minimum(excess, lacking) == 0) | (
        outside + xp.minimum(excess, lacking) == 0
    )
    unit = enlargement(xp)
    inside, excess, lacking, outside = (
        xp.where(degenerate, 1.0, x * unit) for x in (inside, excess, lacking, outside)
    )
    return Table(
        inside, excess, lacking, outside, degenerate, xp.where(wrong == 0, 0.0, 1 + 0 * wrong), unit
    )


def _beyond(xp: Namespace, pred: Array, target: Array) -> Array:
    """Return 1 minus the larger of the two, which changes with the prediction as the excess does."""
    if xp.__name__ == "numpy":
        return 1 - xp.maximum(pred, target)
    share = share_of(xp, pred, target)
    return xp.where(share == 1, 1 - pred, (1 - target) - share * (pred - target))


@matthews_loss.value_and_derivative
def _(xp: Namespace, axis: Axis, pred: Membership, target: Membership, /) -> tuple[Array, Array]:
    parts = compared(xp, axis, pred, target)
    table = _tabulated(xp, axis, parts, pred, target)
    return xp.squeeze(table.value(xp), axis=axis), by_side(xp, pred, target, *table.slopes(xp))


@matthews_loss.second_derivative
def _(xp: Namespace, axis: Axis, pred: Membership, target: Membership, /) -> Array:
    parts = compared(xp, axis, pred, target)
    return by_side(xp, pred, target, *_tabulated(xp, axis, parts, pred, target).curvatures(xp))
