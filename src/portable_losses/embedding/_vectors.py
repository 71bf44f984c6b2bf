"""Directions and lengths of vectors, and the angle between two of them."""

from math import inf, nan
from typing import Any, NamedTuple

from ..typing import Array, Axis, Namespace, Options


class FeatureOptions(Options, total=False):
    """The options of the losses that compare vectors."""

    feature_axis: int


def inverse(xp: Namespace, length: Array) -> Array:
    """Return 1 / length, and 0 for the zero vector, which has no direction."""
    return 1 / xp.where(length == 0, inf, length)


class Direction(NamedTuple):
    """Vectors along an axis: their direction, and one over their length."""

    unit: Array
    """The vector divided by its length; 0 for the zero vector."""
    per_length: Array
    """1 / length, and 0 for the zero vector. It keeps the axis with size 1."""


def direction(xp: Namespace, axis: Axis, x: Array) -> Direction:
    """Return the direction of vectors."""
    return direction_of(xp, x, xp.norm(x, axis))


def direction_of(xp: Namespace, x: Array, length: Array) -> Direction:
    """Return the direction of vectors whose lengths are known."""
    divisor = xp.where(length == 0, inf, length)  # so the zero vector has derivative 0
    return Direction(x / divisor, 1 / divisor)


class Angle(NamedTuple):
    """Two directions, and the cosine of the angle between them; 0 for a zero vector."""

    left: Direction
    right: Direction
    cosine: Array
    gap: Array
    """1 - cosine, accurate where the two directions are similar."""

    def slopes(self, xp: Namespace) -> tuple[Array, ...]:
        """Return the derivatives of the cosine with respect to both vectors."""
        return tuple(
            this.per_length * self._tangent(xp, this, other) for this, other in self._both()
        )

    def bends(self, xp: Namespace) -> tuple[Array, ...]:
        """Return the diagonals of the second derivatives of the cosine."""
        return tuple(self._bend(xp, this, other) for this, other in self._both())

    def _both(self) -> tuple[tuple[Direction, Direction], ...]:
        return (self.left, self.right), (self.right, self.left)

    def _tangent(self, xp: Namespace, this: Direction, other: Direction) -> Array:
        """Return the part of the other direction orthogonal to this one, without cancellation."""
        near = self.gap * this.unit - (this.unit - other.unit)
        return xp.where(self.cosine > 0.5, near, other.unit - self.cosine * this.unit)

    def _bend(self, xp: Namespace, this: Direction, other: Direction) -> Array:
        turned = 2 * this.unit * self._tangent(xp, this, other)
        shortened = self.cosine * ((1 - this.unit) * (1 + this.unit))
        return -(turned + shortened) * this.per_length * this.per_length


def angle(xp: Namespace, axis: Axis, left: Array, right: Array) -> Angle:
    """Return the angle between vectors."""
    one, other = direction(xp, axis, left), direction(xp, axis, right)
    cosine = xp.row_dot(one.unit, other.unit, axis)
    apart = one.unit - other.unit
    return Angle(one, other, cosine, gap_between(xp, one, other, xp.row_dot(apart, apart, axis)))


def gap_between(xp: Namespace, left: Direction, right: Direction, square: Array) -> Array:
    """Return 1 - cosine, as half the square of the difference of the directions.

    A zero vector has the direction 0, whose square is 0 instead of 1; the difference is added.
    """
    absent = (xp.astype(x.per_length == 0, square.dtype) for x in (left, right))
    return 0.5 * (square + sum(absent))


def along(axis: Axis, x: Array) -> Array:
    """Return one number for each pair with an axis of size 1, to broadcast with the vectors."""
    return x[None, ...] if axis == 0 else x[..., None]


def by_sign(xp: Namespace, target: Array, same: Any, other: Any) -> Array:
    """Choose by a target that is +1 or -1; NaN where it is neither."""
    return xp.where(target == 1, same, xp.where(target == -1, other, xp.full_like(other, nan)))
