"""Losses of the distances between vectors."""

from math import inf
from typing import Annotated, NamedTuple, Unpack

from annotated_types import Ge, Lt

from .._loss import loss
from .._numerics.standard import is_exactly
from ..typing import Array, Axis, Namespace, NonNegative, Number, Positive, Real, Sign
from ._vectors import FeatureOptions, along, by_sign, inverse

__all__ = ["contrastive_loss", "triplet_margin_loss"]

Norm = Annotated[Number, Ge(1.0), Lt(inf)]


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
    r"""Half the squared distance of positive pairs, and squared shortfall of negative ones.

    Parameters
    ----------
    left : array
        The first vector of each pair, along `feature_axis`: real numbers.
    right : array
        The second vectors, in the shape of `left`: real numbers.
    target : array or number
        Of the shape of `left` without the feature axis: +1 for a pair that belongs together, -1 for
        one that does not.
    margin : float or array, default 1
        The distance from which a negative pair costs nothing: positive.

    Returns
    -------
    array
        The reduced loss, in the dtype of `left`, in its squared unit.

    See Also
    --------
    cosine_embedding_loss : From angles instead of distances.
    hinge_embedding_loss : From given distances, without squares.
    triplet_margin_loss : Compares two distances; only their difference counts.

    Notes
    -----
    With the Euclidean distance :math:`D = |a - b|` the loss of a pair is

    .. math::

        \ell = \begin{cases} \frac{1}{2} D^2 & y = +1 \\
               \frac{1}{2} \max(0, m - D)^2 & y = -1. \end{cases}

    The derivative with respect to `left` is :math:`r = a - b` for +1 and :math:`-(m - D)\, r / D`
    for -1; that with respect to `right` is its negative. The second derivative, with respect to
    either, is 1 for +1 and :math:`1 - (m / D) (1 - r_k^2 / D^2)` for -1 inside the margin, where
    :math:`1 - r_k^2 / D^2` is computed as the share of the other entries. If the two vectors of a
    negative pair coincide, no direction is better than another, and both derivatives are 0. The
    squares of the differences must neither overflow nor underflow. The gradient of a vector with an
    infinite entry is NaN.

    In the paper the target 1 marks a negative pair. Some packages leave out the factor one half;
    pytorch-metric-learning leaves out the squares.

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
    return _contrast(xp, axis, xp.norm(left - right, axis), target, margin)


def _contrast(xp: Namespace, axis: Axis, distance: Array, target: Array, margin: Number) -> Array:
    lacking = xp.relu(margin - distance)
    squares = by_sign(xp, along(axis, target), distance * distance, lacking * lacking)
    return 0.5 * xp.squeeze(squares, axis=axis)


@contrastive_loss.value_and_derivative
def _(
    xp: Namespace, axis: Axis, left: Real, right: Real, target: Sign, /, *, margin: Positive
) -> tuple[Array, tuple[Array, Array]]:
    residual = left - right
    distance = xp.norm(residual, axis)
    push = -xp.relu(margin - distance) * inverse(xp, distance)
    slope = by_sign(xp, along(axis, target), xp.ones_like(push), push) * residual
    return _contrast(xp, axis, distance, target, margin), (slope, -slope)


@contrastive_loss.second_derivative
def _(
    xp: Namespace, axis: Axis, left: Real, right: Real, target: Sign, /, *, margin: Positive
) -> tuple[Array, Array]:
    found = _distance(xp, axis, left - right, 2.0)
    inside = (found.value > 0) & (found.value < margin)
    other = xp.where(inside, 1 - margin * found.bend(xp, axis, 2.0), 0.0)
    bend = by_sign(xp, along(axis, target), xp.ones_like(other), other)
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
    p: Norm = 2.0,
    swap: bool = False,
    **options: Unpack[FeatureOptions],
) -> Array:
    r"""Hinge loss of a triplet: a positive should be nearer to an anchor than a negative.

    Parameters
    ----------
    anchor : array
        Vectors along `feature_axis`: real numbers.
    positive : array
        Vectors of the shape of `anchor` that should be near to it.
    negative : array
        Vectors of the shape of `anchor` that should be far from it.
    margin : float or array, default 1
        The distance by which the negative should be farther: not negative.
    p : float or array, default 2
        The norm of the distances, from 1: 2 is Euclid's, 1 that of Manhattan.
    swap : bool, default False
        Whether the distance of the negative from the positive replaces that from the anchor where
        it is smaller.

    Returns
    -------
    array
        The reduced loss, in the dtype of `anchor` and in its unit.

    See Also
    --------
    contrastive_loss : For pairs.
    margin_ranking_loss : For given scores.

    Notes
    -----
    With :math:`D(a, b) = (\sum_k |a_k - b_k|^p)^{1/p}` the loss of a triplet is

    .. math:: \ell = \max(0, D(a, p) - D(a, n) + m),

    with :math:`\min(D(a, n), D(p, n))` in place of :math:`D(a, n)` if `swap` is True. Nothing is
    added to the distances or to the differences. If `p` is not 2, differences are divided by the
    largest one, so that their powers do not overflow. If it is 2, their squares must neither
    overflow nor underflow.

    The derivative of a distance with respect to its first vector is :math:`u_k = \mathrm{sign}(r_k)
    (|r_k| / D)^{p - 1}`. The second is :math:`(p - 1) (|r_k| / D)^{p - 2} (1 - (|r_k| / D)^p) / D`,
    and inf for `p` below 2 where :math:`r_k` is 0; the difference in it is computed as the share of
    the other entries. If two vectors coincide, both are 0. Where the loss is 0, also at the margin,
    its derivatives are 0. Of two equal distances the anchor's counts. The gradient of a vector with
    an infinite entry is NaN.

    torch adds its `eps` to each difference; optax and MLX add theirs under the root. So the
    distance of equal vectors is not 0 there. optax takes no absolute values if `p` is not 2. torch
    refuses a margin of 0. pytorch-metric-learning builds triplets from labels, and has a margin of
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
    return _hinge(xp, axis, _distances(xp, axis, anchor, positive, negative, p, swap), margin)


class Distance(NamedTuple):
    """Distances of vectors, with the feature axis kept with size 1."""

    residual: Array
    value: Array

    def slope(self, xp: Namespace, p: Number, share: Array) -> Array:
        """Return a share of the derivative with respect to the first vector."""
        per_length = inverse(xp, self.value)
        if is_exactly(p, 2):
            return self.residual * (share * per_length)
        return share * xp.sign(self.residual) * xp.power(xp.abs(self.residual) * per_length, p - 1)

    def bend(self, xp: Namespace, axis: Axis, p: Number) -> Array:
        """Return the diagonal of the second derivative, with respect to either vector."""
        per_length = inverse(xp, self.value)
        ratio = xp.abs(self.residual) * per_length
        powers = xp.power(ratio, p)
        share = xp.safe_divide(xp.sum_of_others(powers, axis), xp.row_sum(powers, axis))
        return xp.weighted((p - 1) * share * per_length, xp.power(ratio, p - 2))


class Distances(NamedTuple):
    """The distances in a triplet."""

    near: Distance
    far: Distance
    between: Distance | None
    """The distance of the negative from the positive, if it may replace the far one."""

    def lacking(self, xp: Namespace, margin: Number) -> Array:
        """Return the missing part of the margin; negative if nothing is missing."""
        far = self.far.value
        if self.between is not None:
            far = xp.where(self.between.value < far, self.between.value, far)
        return self.near.value - far + margin

    def shares(self, xp: Namespace, margin: Number) -> tuple[Array, Array, Array]:
        """Return for each distance whether the loss changes with it: 1 or 0."""
        lacking = self.lacking(xp, margin)
        active = xp.where(lacking <= 0, 0.0, xp.ones_like(lacking))
        if self.between is None:
            return active, active, xp.zeros_like(active)
        swapped = self.between.value < self.far.value
        return active, xp.where(swapped, 0.0, active), xp.where(swapped, active, 0.0)


def _distances(
    xp: Namespace,
    axis: Axis,
    anchor: Array,
    positive: Array,
    negative: Array,
    p: Number,
    swap: bool,
) -> Distances:
    return Distances(
        _distance(xp, axis, anchor - positive, p),
        _distance(xp, axis, anchor - negative, p),
        _distance(xp, axis, positive - negative, p) if swap else None,
    )


def _distance(xp: Namespace, axis: Axis, residual: Array, p: Number) -> Distance:
    if is_exactly(p, 2):
        return Distance(residual, xp.norm(residual, axis))
    size = xp.abs(residual)
    top = xp.max(size, axis=axis, keepdims=True)
    scale = xp.where((top == 0) | (top == inf), 1.0, top)
    total = xp.row_sum(xp.power(size / scale, p), axis)
    return Distance(residual, scale * xp.power(total, 1 / p))


def _hinge(xp: Namespace, axis: Axis, found: Distances, margin: Number) -> Array:
    lacking = found.lacking(xp, margin)
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
    p: Norm,
    swap: bool,
) -> tuple[Array, tuple[Array, ...]]:
    found = _distances(xp, axis, anchor, positive, negative, p, swap)
    near, far, between = found.shares(xp, margin)
    pull, push = found.near.slope(xp, p, near), found.far.slope(xp, p, far)
    slopes = pull - push, -pull, push
    if found.between is not None:
        apart = found.between.slope(xp, p, between)
        slopes = pull - push, -pull - apart, push + apart
    return _hinge(xp, axis, found, margin), slopes


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
    p: Norm,
    swap: bool,
) -> tuple[Array, ...]:
    found = _distances(xp, axis, anchor, positive, negative, p, swap)
    near, far, between = found.shares(xp, margin)
    pull, push = near * found.near.bend(xp, axis, p), far * found.far.bend(xp, axis, p)
    if found.between is None:
        return pull - push, pull, -push
    apart = between * found.between.bend(xp, axis, p)
    return pull - push, pull - apart, -(push + apart)
