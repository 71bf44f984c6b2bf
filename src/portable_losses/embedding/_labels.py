"""The pairs of one set of vectors, with labels that mark which belong together."""

from typing import NamedTuple

from .._numerics.rows import SoftmaxParts
from ..typing import Array, Namespace
from ._pairs import Rows, diagonal, rows_of_one

OUT = -2000.0
"""An exponent whose exponential is negligible beside any other, in every dtype.

With -inf the softmax would be NaN where no pair is left.
"""


class Pairs(NamedTuple):
    """The pairs of one set."""

    rows: Rows
    same: Array
    """1 for two different vectors of one label, otherwise 0."""
    other: Array
    """1 for two of different labels, otherwise 0."""
    themselves: Array
    """1 for a vector and itself, otherwise 0."""

    def slope(self, xp: Namespace, weight: Array) -> Array:
        """Return the derivative of sum(weight * cosine): each vector is on both sides."""
        return self.rows.slope(xp, weight + xp.matrix_transpose(weight))

    def bend(self, xp: Namespace, weight: Array, curvature: Array, alone: Array) -> Array:
        """Return the diagonal of the second derivative.

        `curvature` belongs to a vector's own row, and `alone` has the second derivatives of the
        other rows.
        """
        curvature = curvature + self.rows.spread(xp, xp.matrix_transpose(alone))
        return self.rows.bend(xp, weight + xp.matrix_transpose(weight), curvature)


def labelled_pairs(xp: Namespace, embedding: Array, labels: Array) -> Pairs:
    """Return the pairs of a set of vectors with labels."""
    found = rows_of_one(xp, embedding)
    alike, themselves = labels[..., :, None] == labels[..., None, :], diagonal(xp, found.cosine)
    masks = (alike & ~themselves, ~alike, themselves)
    return Pairs(found, *(xp.astype(mask, found.cosine.dtype) for mask in masks))


def softmax_of(xp: Namespace, exponent: Array, some: Array, width: float) -> SoftmaxParts:
    """Return the parts of a softmax over some of the pairs of each vector.

    Exponents are not below -width.
    """
    parts: SoftmaxParts = xp.softmax_parts(xp.where(some == 1, exponent, OUT - width), -1)
    return parts


def count(xp: Namespace, x: Array) -> Array:
    """Return the sum of a matrix, with 1 in place of 0."""
    number = xp.sum(x, axis=(-2, -1), keepdims=True)
    return xp.where(number == 0, 1.0, number)
