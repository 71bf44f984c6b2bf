"""The wrong part of a region, as a fraction of the whole."""

from typing import Any, NamedTuple

from ..typing import Array, Namespace, Number

Sides = tuple[Array, Array, Array]
"""One number for predictions above their target, at it, and below: see `xp.by_side`."""


class Fraction(NamedTuple):
    """The wrong part and the right part of a region, which together are the whole.

    A prediction changes both, at different rates above and below the target.
    """

    wrong: Array
    right: Array
    above: Number
    """The rate of `wrong` above the target, where that of `right` is 0."""
    below: Number
    """The rate at which `wrong` falls below the target."""
    common: Number
    """The rate of `right` below the target."""

    def value(self, xp: Namespace) -> Array:
        """Return wrong / whole, 0 where the whole is 0."""
        return xp.safe_divide(self.wrong, self.wrong + self.right)

    def slopes(self, xp: Namespace) -> Sides:
        """Return the derivatives of the value, 0 where the whole is 0.

        No two terms cancel, neither above nor below. At the target it is the mean of both sides.
        """
        whole = self.wrong + self.right
        above = self.above * self.right
        below = -(self.below * self.right + self.common * self.wrong)
        at = 0.5 * ((self.above - self.below) * self.right - self.common * self.wrong)
        return tuple(xp.over_square(x, whole) for x in (above, at, below))

    def bends(self, xp: Namespace) -> Sides:
        """Return the second derivatives: -2 times the first, times the rate of log(whole)."""
        whole = self.wrong + self.right
        return tuple(
            -2 * xp.safe_divide(rate * slope, whole)
            for rate, slope in zip(self.rates(), self.slopes(xp), strict=True)
        )

    def rates(self) -> tuple[Any, Any, Any]:
        """Return the derivatives of the whole."""
        rising, falling = self.above, self.common - self.below
        return rising, 0.5 * (rising + falling), falling
