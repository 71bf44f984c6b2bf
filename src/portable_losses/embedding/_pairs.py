"""The cosines of all pairs of two sets of vectors, and derivatives of functions of them.

Vectors are the rows of matrices. The largest temporary is a matrix of all pairs; no temporary has a
vector for each pair.
"""

from typing import NamedTuple

from ..typing import Array, Namespace, Options
from ._vectors import Direction, direction


class SetOptions(Options, total=False):
    """The options of the losses of a set of vectors."""

    sample_axis: int
    feature_axis: int


class Rows(NamedTuple):
    """The directions of two sets of vectors, and the cosines of all pairs of the two."""

    left: Direction
    right: Direction
    cosine: Array

    def transposed(self, xp: Namespace) -> "Rows":
        """Exchange the two sets."""
        return Rows(self.right, self.left, xp.matrix_transpose(self.cosine))

    def slope(self, xp: Namespace, weight: Array) -> Array:
        """Return the derivative of sum(weight * cosine) with respect to the first vectors."""
        pull = xp.matmul(weight, self.right.unit)
        unit = self.left.unit
        return self.left.per_length * (pull - unit * xp.row_dot(unit, pull, -1))

    def bend(self, xp: Namespace, weight: Array, curvature: Array) -> Array:
        """Return the diagonal of the second derivative of a function of the cosines.

        `weight` has its derivatives, and `curvature` its second derivative along each entry.
        """
        unit = self.left.unit
        pull = xp.matmul(weight, self.right.unit)
        along = xp.row_dot(unit, pull, -1)
        turned = 2 * unit * (pull - along * unit) + along * ((1 - unit) * (1 + unit))
        return (curvature - turned) * self.left.per_length * self.left.per_length

    def shift(self, xp: Namespace, weight: Array) -> Array:
        """Return the weighted sum of the rates of the cosines along each entry, times length."""
        return xp.matmul(weight, self.right.unit) - self.left.unit * xp.row_sum(
            weight * self.cosine, -1
        )

    def spread(self, xp: Namespace, weight: Array) -> Array:
        """Return the weighted sum of the squares of the rates."""
        unit, cosine = self.left.unit, self.cosine
        squares = xp.matmul(weight, self.right.unit * self.right.unit)
        mixed = xp.matmul(weight * cosine, self.right.unit)
        return squares - 2 * unit * mixed + unit * unit * xp.row_sum(weight * cosine * cosine, -1)


def rows(xp: Namespace, left: Array, right: Array) -> Rows:
    """Return the cosines of all pairs."""
    one, other = direction(xp, -1, left), direction(xp, -1, right)
    return Rows(one, other, xp.matmul(one.unit, xp.matrix_transpose(other.unit)))


def rows_of_one(xp: Namespace, embedding: Array) -> Rows:
    """Return the cosines of all pairs of one set."""
    one = direction(xp, -1, embedding)
    return Rows(one, one, xp.matmul(one.unit, xp.matrix_transpose(one.unit)))


def diagonal(xp: Namespace, matrix: Array) -> Array:
    """Return which pairs are on the diagonal."""
    return xp.places(matrix, -1) == xp.places(matrix, -2)
