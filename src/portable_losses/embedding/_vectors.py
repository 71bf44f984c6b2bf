"""Vectors by their direction and length, and the angle between two of them."""

from math import inf
from typing import Any, NamedTuple

from .._elementary import row_sum, widened
from ..typing import Array, Axis, Namespace, Options


class FeatureOptions(Options, total=False):
    """The options of the losses that compare vectors."""

    feature_axis: int


def inverse(xp: Namespace, length: Array) -> Array:
    """Return 1 / length, and 0 for the length 0: the zero vector has no direction."""
    zero = length == 0
    return xp.where(zero, 0.0, 1 / xp.where(zero, 1.0, length))


class Direction(NamedTuple):
    """Vectors along an axis: where they point to, and how far."""

    unit: Array
    """The vector divided by its length; 0 for the zero vector."""
    length: Array
    """Its length; it keeps the axis with size 1, as all that follows."""
    absent: Array
    """Whether it is the zero vector."""

    def per_length(self, xp: Namespace, x: Array) -> Array:
        """Divide by the length; 0 for the zero vector."""
        return x / xp.where(self.absent, inf, self.length)


def direction(xp: Namespace, axis: Axis, x: Array) -> Direction:
    """Return the direction of vectors of any size: squares neither overflow nor underflow."""
    scale = power_near(xp, axis, x)
    scaled = x / scale
    square = row_sum(xp, axis, scaled * scaled)
    absent = square == 0
    # Autodiff must not see the root of 0, nor the quotient 0 / 1, whose derivative is not 0.
    root = xp.sqrt(xp.where(absent, 1.0, square))
    return Direction(
        xp.where(absent, 0.0, scaled / root), xp.where(absent, 0.0, scale * root), absent
    )


def power_near(xp: Namespace, axis: Axis, x: Array) -> Array:
    """Return a power of 2 near the largest entry of a vector: to divide by it is exact, and autodiff takes it for a constant."""
    largest = xp.max(xp.abs(x), axis=axis, keepdims=True)
    smallest = float(xp.finfo(x.dtype).smallest_normal)
    return 2.0 ** xp.floor(xp.log2(xp.where(largest == inf, 1.0, xp.maximum(largest, smallest))))


class Angle(NamedTuple):
    """Two directions, and the cosine of the angle between them, 0 where one is that of the zero vector."""

    left: Direction
    right: Direction
    cosine: Array
    gap: Array
    """1 - cosine, which keeps its digits where the two point nearly the same way."""

    def slopes(self, xp: Namespace) -> tuple[Array, Array]:
        """Return the derivatives of the cosine with respect to both vectors."""
        return tuple(
            this.per_length(xp, self._tangent(xp, this, other)) for this, other in self._both()
        )

    def bends(self, xp: Namespace) -> tuple[Array, Array]:
        """Return the diagonals of the second derivatives of the cosine."""
        return tuple(self._bend(xp, this, other) for this, other in self._both())

    def _both(self) -> tuple[tuple[Direction, Direction], ...]:
        return (self.left, self.right), (self.right, self.left)

    def _tangent(self, xp: Namespace, this: Direction, other: Direction) -> Array:
        """Return what is left of the other direction beside this one: of two forms the one whose terms are smaller."""
        near = self.gap * this.unit - (this.unit - other.unit)
        return xp.where(self.cosine > 0.5, near, other.unit - self.cosine * this.unit)

    def _bend(self, xp: Namespace, this: Direction, other: Direction) -> Array:
        turned = 2 * this.unit * self._tangent(xp, this, other)
        shortened = self.cosine * ((1 - this.unit) * (1 + this.unit))
        return -this.per_length(xp, this.per_length(xp, turned + shortened))


def angle(xp: Namespace, axis: Axis, left: Array, right: Array) -> Angle:
    """Return the angle between vectors; on NumPy float32 is evaluated in float64."""
    one, other = (direction(xp, axis, widened(xp, x)) for x in (left, right))
    cosine = row_sum(xp, axis, one.unit * other.unit)
    return Angle(one, other, cosine, gap_between(xp, axis, one, other))


def gap_between(xp: Namespace, axis: Axis, left: Direction, right: Direction) -> Array:
    """Return 1 - cosine, as half the square of the difference of the directions: where one is not there, what lacks is put back."""
    apart = left.unit - right.unit
    lacking = xp.astype(left.absent, apart.dtype) + xp.astype(right.absent, apart.dtype)
    return 0.5 * (row_sum(xp, axis, apart * apart) + lacking)


def along(axis: Axis, x: Array) -> Array:
    """Return what there is of each loss an axis of its own, so that it broadcasts with the vectors."""
    return x[None, ...] if axis == 0 else x[..., None]


def by_sign(xp: Namespace, target: Array, same: Any, other: Any) -> Array:
    """Choose by a target that is +1 or -1; NaN where it is neither."""
    return xp.where(
        target == 1, same, xp.where(target == -1, other, xp.full_like(other, float("nan")))
    )
