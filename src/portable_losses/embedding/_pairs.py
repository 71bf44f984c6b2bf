"""The cosines of all pairs of two sets of vectors, and derivatives of what is a function of them.

Vectors are the rows of matrices; a matrix of all pairs is the largest temporary, and there is none
with a vector for each pair.
"""

from typing import NamedTuple

from .._elementary import widened
from .._namespace import places
from ..typing import Array, Namespace, Options
from ._vectors import Direction, direction


class SetOptions(Options, total=False):
    """The options of the losses of a set of vectors."""

    sample_axis: int
    feature_axis: int


class Rows(NamedTuple):
    """The directions of two sets of vectors, and the cosine of each of the first with each of the second."""

    left: Direction
    right: Direction
    cosine: Array

    def transposed(self, xp: Namespace) -> "Rows":
        """Exchange the two sets."""
        return Rows(self.right, self.left, xp.matrix_transpose(self.cosine))

    def slope(self, xp: Namespace, weight: Array) -> Array:
        """Return the derivative of sum(weight * cosine) with respect to the first vectors."""
        pull = xp.matmul(weight, self.right.unit)
        return self.left.per_length(xp, pull - self.left.unit * _dot(xp, self.left.unit, pull))

    def bend(self, xp: Namespace, weight: Array, curvature: Array) -> Array:
        """Return the diagonal of the second derivative, of the slopes of a function and its curvature along the entries."""
        unit = self.left.unit
        pull = xp.matmul(weight, self.right.unit)
        along = _dot(xp, unit, pull)
        turned = 2 * unit * (pull - along * unit) + along * ((1 - unit) * (1 + unit))
        return self.left.per_length(xp, self.left.per_length(xp, curvature - turned))

    def shift(self, xp: Namespace, weight: Array) -> Array:
        """Return the weighted sum of the rates at which cosines change with an entry of a vector, times its length."""
        return xp.matmul(weight, self.right.unit) - self.left.unit * total(xp, weight * self.cosine)

    def spread(self, xp: Namespace, weight: Array) -> Array:
        """Return that of the squares of the rates."""
        unit, cosine = self.left.unit, self.cosine
        squares = xp.matmul(weight, self.right.unit * self.right.unit)
        mixed = xp.matmul(weight * cosine, self.right.unit)
        return squares - 2 * unit * mixed + unit * unit * total(xp, weight * cosine * cosine)


def rows(xp: Namespace, left: Array, right: Array) -> Rows:
    """Return the cosines of all pairs; on NumPy float32 is evaluated in float64."""
    one, other = (direction(xp, -1, widened(xp, x)) for x in (left, right))
    return Rows(one, other, xp.matmul(one.unit, xp.matrix_transpose(other.unit)))


def rows_of_one(xp: Namespace, embedding: Array) -> Rows:
    """Return the cosines of all pairs of one set."""
    one = direction(xp, -1, widened(xp, embedding))
    return Rows(one, one, xp.matmul(one.unit, xp.matrix_transpose(one.unit)))


def diagonal(xp: Namespace, matrix: Array) -> Array:
    """Return of which pairs the two have one number."""
    return places(xp, -1, matrix) == places(xp, -2, matrix)


def _dot(xp: Namespace, left: Array, right: Array) -> Array:
    return total(xp, left * right)


def total(xp: Namespace, x: Array) -> Array:
    """Return the sums of the rows of a matrix."""
    return xp.sum(x, axis=-1, keepdims=True)
