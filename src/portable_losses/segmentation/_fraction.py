"""What is wrong in a region as a fraction of the whole."""

from typing import NamedTuple

from ..typing import Array, Namespace
from ._region import Parts


class Fraction(NamedTuple):
    """What is wrong, and what is right, which together are the whole.

    A prediction changes both, at one rate above the target and at another below.
    """

    wrong: Array
    right: Array
    above: float
    """The rate of `wrong` above the target, where that of `right` is 0."""
    below: float
    """The rate at which `wrong` falls below the target."""
    common: float
    """The rate of `right` below the target."""
    unit: float = 1.0
    """What the sums were multiplied by."""

    def value(self, xp: Namespace) -> Array:
        """Give wrong / whole, 0 where there is nothing."""
        nothing, whole = self._whole(xp)
        return xp.where(nothing, 0.0, self.wrong / whole)

    def slopes(self, xp: Namespace) -> tuple[Array, Array, Array]:
        """Give the derivative above the target, at it and below, 0 where there is nothing.

        Above, and below, no two terms cancel. At the target the derivative is the mean of both.
        """
        nothing, whole = self._whole(xp)
        numerators = (
            self.above * self.right,
            0.5 * ((self.above - self.below) * self.right - self.common * self.wrong),
            -(self.below * self.right + self.common * self.wrong),
        )
        above, at, below = (xp.where(nothing, 0.0, x / whole / whole * self.unit) for x in numerators)
        return above, at, below

    def curvatures(self, xp: Namespace) -> tuple[Array, Array, Array]:
        """Give the second derivatives: minus two times the first, times the rate of the whole, divided by the whole."""
        _, whole = self._whole(xp)
        rising, falling = self.above, self.common - self.below
        rates = rising, 0.5 * (rising + falling), falling
        above, at, below = (
            -2 * rate * (slope / whole * self.unit) if rate else xp.zeros_like(slope)
            for rate, slope in zip(rates, self.slopes(xp), strict=True)
        )
        return above, at, below

    def _whole(self, xp: Namespace) -> tuple[Array, Array]:
        """Say where there is nothing, and give what to divide by."""
        whole = self.right + self.wrong
        nothing = whole == 0
        return nothing, xp.where(nothing, 1.0, whole)


def by_side(xp: Namespace, parts: Parts, above: Array, at: Array, below: Array) -> Array:
    """Give each element of a region the number of its side."""
    return xp.where(parts.share == 1, above, xp.where(parts.share == 0, below, at))


def enlargement(xp: Namespace) -> float:
    """Give a power of 2 that keeps weighted sums of the smallest numbers from underflow; 1 where autodiff divides by squares."""
    return 2.0**100 if xp.__name__ == "numpy" else 1.0
