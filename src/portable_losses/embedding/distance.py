"""Losses of the distances between vectors."""

from typing import Annotated, NamedTuple, Unpack

from annotated_types import Ge, Lt

from .._elementary import row_sum, widened
from .._loss import loss
from ..typing import Array, Axis, Namespace, NonNegative, Positive, Real, Sign
from ._vectors import Direction, FeatureOptions, along, by_sign, direction, power_near

__all__ = ["contrastive_loss", "triplet_margin_loss"]


@loss("(feature),(feature),()->()", predicted=2)
def contrastive_loss(
    xp: Namespace,
    axis: Axis,
    left: Real,
    right: Real,
    target: Sign,
    /,
    *,
    margin: Positive = 1.0,
    **options: Unpack[FeatureOptions],
) -> Array:
    r"""Half the squared distance of pairs that belong together, and of what the others lack of a margin.

    Parameters
    ----------
    left : array
        The first vector of each pair, along `feature_axis`: real numbers.
    right : array
        The second vectors, in the shape of `left`: real numbers.
    target : array or number
        Of the shape of `left` without the feature axis: +1 for a pair that belongs together, -1 for
        one that does not.
    margin : float, default 1
        The distance from which a pair that does not belong together costs nothing: positive.

    Returns
    -------
    array
        The reduced loss, in the dtype of `left`, in its squared unit.

    See Also
    --------
    cosine_embedding_loss : The same by angles.
    hinge_embedding_loss : Of distances that are given, and not squared.
    triplet_margin_loss : Compares two distances, and needs no distance to be large in itself.

    Notes
    -----
    With the Euclidean distance :math:`D = |a - b|` the loss of a pair is

    .. math::

        \ell = \begin{cases} \frac{1}{2} D^2 & y = +1 \\ \frac{1}{2} \max(0, m - D)^2 & y = -1. \end{cases}

    The derivative with respect to `left` is :math:`r = a - b` for +1 and :math:`-(m - D)\, r / D`
    for -1, that with respect to `right` its negative. The second derivative, with respect to
    either, is 1 for +1 and :math:`1 - (m / D) (1 - r_k^2 / D^2)` for -1 inside the margin. Where
    two vectors that do not belong together coincide, no direction is better than another: both
    derivatives are 0 there. A vector with an infinite entry has no gradient: NaN.

    The paper counts the other way: there 1 says that a pair does not belong together. Some packages
    leave out the factor one half, and pytorch-metric-learning the squares.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra and Y. LeCun, "Dimensionality Reduction by Learning an Invariant
       Mapping", CVPR 2006. :doi:`10.1109/CVPR.2006.100`

    Examples
    --------
    >>> import portable_losses as pl
    >>> left, right = [[0.0, 0.0], [0.0, 0.0]], [[0.3, 0.4], [0.3, 0.4]]
    >>> pl.contrastive_loss(left, right, [1.0, -1.0], reduction="none")
    array([0.125, 0.125])
    >>> pl.contrastive_loss.grad([0.0, 0.0], [0.3, 0.4], 1.0)
    (array([-0.3, -0.4]), array([0.3, 0.4]))
    """
    found = direction(xp, axis, widened(xp, left) - widened(xp, right))
    return _contrast(xp, axis, found, target, margin)


def _contrast(xp: Namespace, axis: Axis, found: Direction, target: Array, margin: float) -> Array:
    lacking = xp.where(found.length >= margin, 0.0, margin - found.length)
    squares = by_sign(xp, along(axis, target), found.length * found.length, lacking * lacking)
    return 0.5 * xp.squeeze(squares, axis=axis)


@contrastive_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, left: Real, right: Real, target: Sign, /, *, margin: Positive
) -> tuple[Array, tuple[Array, Array]]:
    residual = widened(xp, left) - widened(xp, right)
    found = direction(xp, axis, residual)
    apart = xp.where(found.length >= margin, 0.0, (found.length - margin) * found.unit)
    slope = by_sign(xp, along(axis, target), residual, apart)
    return _contrast(xp, axis, found, target, margin), (slope, -slope)


@contrastive_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, left: Real, right: Real, target: Sign, /, *, margin: Positive
) -> tuple[Array, Array]:
    found = direction(xp, axis, widened(xp, left) - widened(xp, right))
    across = (1 - found.unit) * (1 + found.unit)
    inside = xp.where(found.length >= margin, 0.0, 1 - margin * found.per_length(xp, across))
    bend = by_sign(
        xp, along(axis, target), xp.ones_like(across), xp.where(found.absent, 0.0, inside)
    )
    return bend, bend


@loss("(feature),(feature),(feature)->()", predicted=3)
def triplet_margin_loss(
    xp: Namespace,
    axis: Axis,
    anchor: Real,
    positive: Real,
    negative: Real,
    /,
    *,
    margin: NonNegative = 1.0,
    p: Annotated[float, Ge(1.0), Lt(float("inf"))] = 2.0,
    swap: bool = False,
    **options: Unpack[FeatureOptions],
) -> Array:
    r"""Hinge loss of the distance of a positive from an anchor, which should be a margin below that of a negative.

    Parameters
    ----------
    anchor : array
        Vectors along `feature_axis`: real numbers.
    positive : array
        Vectors of the shape of `anchor` that should be near to it.
    negative : array
        Vectors of the shape of `anchor` that should be far from it.
    margin : float, default 1
        How much farther: not negative.
    p : float, default 2
        The norm of the distances, from 1: 2 is Euclid's, 1 that of Manhattan.
    swap : bool, default False
        Whether the negative's distance from the positive counts where it is smaller than that from
        the anchor.

    Returns
    -------
    array
        The reduced loss, in the dtype of `anchor` and in its unit.

    See Also
    --------
    contrastive_loss : Of pairs.
    margin_ranking_loss : The same of scores that are given.

    Notes
    -----
    With :math:`D(a, b) = (\sum_k |a_k - b_k|^p)^{1/p}` the loss of a triplet is

    .. math:: \ell = \max(0, D(a, p) - D(a, n) + m),

    with :math:`\min(D(a, n), D(p, n))` in place of :math:`D(a, n)` if `swap`. Distances are exact:
    nothing is added to them or to the differences, which are divided by a power of 2 so that powers
    neither overflow nor underflow.

    The derivative of a distance with respect to its first vector is :math:`u_k = \mathrm{sign}(r_k)
    (|r_k| / D)^{p - 1}`, and the second :math:`(p - 1) (|r_k| / D)^{p - 2} (1 - (|r_k| / D)^p) /
    D`, inf for `p` below 2 where :math:`r_k` is 0. Where two vectors coincide both are 0. Where the
    loss is 0, at the margin too, so are its derivatives. Of two equal distances the anchor's
    counts. A vector with an infinite entry has no gradient: NaN.

    torch adds its `eps` to each difference, optax and MLX theirs under the root, so that the
    distance of equal vectors is not 0; optax takes no absolute values where `p` is not 2. torch
    refuses a margin of 0. pytorch-metric-learning builds triplets of labels, and has a margin of
    0.05.

    References
    ----------
    .. [1] V. Balntas, E. Riba, D. Ponsa and K. Mikolajczyk, "Learning local feature descriptors
       with triplets and shallow convolutional neural networks", BMVC 2016. :doi:`10.5244/C.30.119`

    Examples
    --------
    >>> import portable_losses as pl
    >>> float(pl.triplet_margin_loss([0.0, 0.0], [0.3, 0.4], [0.6, 0.8]))
    0.5
    >>> anchor, positive, negative = [0.0, 0.0], [3.0, 4.0], [4.0, 3.0]
    >>> pl.triplet_margin_loss.grad(anchor, positive, negative)
    (array([ 0.2, -0.2]), array([0.6, 0.8]), array([-0.8, -0.6]))
    """
    return _triplet(xp, axis, _distances(xp, axis, anchor, positive, negative, p, swap), margin)


class Distance(NamedTuple):
    """Distances of vectors, which keep the feature axis with size 1."""

    value: Array
    turn: Array
    """The differences of the entries divided by it; 0 where it is 0."""

    def slope(self, xp: Namespace, p: float) -> Array:
        """Return the derivative with respect to the first vector."""
        return self.turn if p == 2 else xp.sign(self.turn) * xp.abs(self.turn) ** (p - 1)

    def bend(self, xp: Namespace, p: float) -> Array:
        """Return the diagonal of the second derivative, with respect to either vector."""
        if p == 1:
            return xp.zeros_like(self.turn)
        share, none = xp.abs(self.turn), self.value == 0
        rest = (1 - share) * (1 + share) if p == 2 else (p - 1) * share ** (p - 2) * (1 - share**p)
        return xp.where(none, 0.0, rest / xp.where(none, 1.0, self.value))


class Distances(NamedTuple):
    """The two distances of a triplet."""

    near: Distance
    far: Distance
    swapped: Array
    """Whether the far one is from the positive and not from the anchor."""

    def lacking(self, margin: float) -> Array:
        """Return what lacks of the margin; what is less than 0 is left over."""
        return self.near.value - self.far.value + margin

    def derivatives(
        self, xp: Namespace, margin: float, near: Array, far: Array, sign: int
    ) -> tuple[Array, ...]:
        """Return the derivatives of the loss by those of its distances, whose `sign` is that for the second of two vectors."""
        from_anchor, from_positive = (
            xp.where(self.swapped, 0.0, far),
            xp.where(self.swapped, far, 0.0),
        )
        satisfied = self.lacking(margin) <= 0
        found = near - from_anchor, sign * near - from_positive, -sign * far
        return tuple(xp.where(satisfied, 0.0, x) for x in found)


def _distances(
    xp: Namespace, axis: Axis, anchor: Array, positive: Array, negative: Array, p: float, swap: bool
) -> Distances:
    anchor, positive, negative = (widened(xp, x) for x in (anchor, positive, negative))
    near, far = _distance(xp, axis, anchor - positive, p), _distance(xp, axis, anchor - negative, p)
    other = _distance(xp, axis, positive - negative, p) if swap else far
    swapped = other.value < far.value
    far = (
        Distance(*(xp.where(swapped, *both) for both in zip(other, far, strict=True)))
        if swap
        else far
    )
    return Distances(near, far, swapped)


def _distance(xp: Namespace, axis: Axis, residual: Array, p: float) -> Distance:
    if p == 2:
        found = direction(xp, axis, residual)
        return Distance(found.length, found.unit)
    scale = power_near(xp, axis, residual)
    scaled = residual / scale
    total = row_sum(xp, axis, xp.abs(scaled) ** p)
    absent = total == 0
    root = xp.where(absent, 1.0, total) ** (1 / p)
    return Distance(xp.where(absent, 0.0, scale * root), scaled / root)


def _triplet(xp: Namespace, axis: Axis, found: Distances, margin: float) -> Array:
    lacking = found.lacking(margin)
    return xp.squeeze(xp.where(lacking <= 0, 0.0, lacking), axis=axis)


@triplet_margin_loss.value_and_derivative
def _(
    xp: Namespace,
    axis: Axis,
    anchor: Real,
    positive: Real,
    negative: Real,
    /,
    *,
    margin: NonNegative,
    p: float,
    swap: bool,
) -> tuple[Array, tuple[Array, ...]]:
    found = _distances(xp, axis, anchor, positive, negative, p, swap)
    slopes = found.derivatives(xp, margin, found.near.slope(xp, p), found.far.slope(xp, p), -1)
    return _triplet(xp, axis, found, margin), slopes


@triplet_margin_loss.second_derivative
def _(
    xp: Namespace,
    axis: Axis,
    anchor: Real,
    positive: Real,
    negative: Real,
    /,
    *,
    margin: NonNegative,
    p: float,
    swap: bool,
) -> tuple[Array, ...]:
    found = _distances(xp, axis, anchor, positive, negative, p, swap)
    return found.derivatives(xp, margin, found.near.bend(xp, p), found.far.bend(xp, p), 1)
