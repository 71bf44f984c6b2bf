"""The part of a region that is wrong, as a fraction of the whole."""

from typing import NamedTuple

from ..typing import Array, Namespace
from ._region import by_side


class Fraction(NamedTuple):
    """What is wrong, and what is right, which together are the whole.

    A prediction changes both: at one rate above the target, at another below.
    """

    wrong: Array
    right: Array
    above: float
    """The rate of `wrong` above the target, where that of `right` is 0."""
    below: float
    """The rate at which `wrong` falls below the target."""
    common: float
    """The rate of `right` below the target."""

    def value(self, xp: Namespace) -> Array:
        """Return wrong / whole, 0 where there is nothing."""
        return xp.safe_divide(self.wrong, self.wrong + self.right)

    def slope(self, xp: Namespace, pred: Array, target: Array) -> Array:
        """Return the derivative of the value, 0 where there is nothing."""
        whole = self.wrong + self.right
        above = xp.over_square(self.above * self.right, whole)
        below = xp.over_square(self.below * self.right + self.common * self.wrong, whole)
        return by_side(xp, pred, target, above, -below)

    def bend(self, xp: Namespace, pred: Array, target: Array) -> Array:
        """Return the second derivative: -2 times the first, times the rate of the whole over it."""
        rate = by_side(xp, pred, target, self.above, self.common - self.below)
        return -2 * xp.safe_divide(rate * self.slope(xp, pred, target), self.wrong + self.right)
