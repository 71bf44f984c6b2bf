"""What is wrong in a region as a fraction of the whole."""

from typing import NamedTuple

from ..typing import Array, Namespace


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
        """Return wrong / whole, 0 where there is nothing."""
        nothing, whole = self._whole(xp)
        return xp.where(nothing, 0.0, self.wrong / whole)

    def power(self, xp: Namespace, exponent: float) -> Array:
        """Raise the value to a power; 0 stays 0, whatever the power, and autodiff says 0 there as well."""
        value = self.value(xp)
        if exponent == 1:
            return value
        nothing = value == 0
        power = xp.where(nothing, 1.0, value) ** exponent
        if self.unit != 1:
            # Of a subnormal value the power would multiply the rounding error.
            small = (value < 2.0**-900) & ~nothing
            enlarged = xp.where(small, self.wrong * self.unit / self._whole(xp)[1], 1.0)
            power = xp.where(small, enlarged**exponent * self.unit**-exponent, power)
        return xp.where(nothing, 0.0, power)

    def slopes(self, xp: Namespace, gamma: float = 1.0) -> tuple[Array, Array, Array]:
        """Return the derivative of a power above the target, at it and below, 0 where there is nothing.

        Above, and below, no two terms cancel. At the target the derivative is the mean of both.
        """
        nothing, whole = self._whole(xp)
        above, at, below = (
            xp.where(nothing, 0.0, x / whole * self.unit / whole) for x in self._numerators()
        )
        if gamma == 1:
            return above, at, below
        # Below 1 the exponent gamma - 1 would be rounded, above it the power of gamma would
        # underflow.
        power = (
            self.power(xp, gamma - 1)
            if gamma > 1
            else self.power(xp, gamma) / self._divisor(xp) * whole
        )
        return gamma * power * above, gamma * power * at, gamma * power * below

    def curvatures(self, xp: Namespace, gamma: float = 1.0) -> tuple[Array, Array, Array]:
        """Return the second derivatives of a power.

        That of the fraction is minus two times the first, times the rate of the whole, divided by
        the whole.
        """
        _, whole = self._whole(xp)
        rising, falling = self.above, self.common - self.below
        rates = rising, 0.5 * (rising + falling), falling
        if gamma == 1:
            above, at, below = (
                -2 * rate * (slope * self.unit / whole)
                if rate
                else xp.where(slope == slope, 0.0, slope)
                for rate, slope in zip(rates, self.slopes(xp), strict=True)
            )
            return above, at, below
        bent = (
            ((gamma - 1) * x - 2 * rate * self.wrong) / whole * self.unit
            for rate, x in zip(rates, self._numerators(), strict=True)
        )
        if gamma < 1:
            above, at, below = (
                slope * (x / self._divisor(xp))
                for slope, x in zip(self.slopes(xp, gamma), bent, strict=True)
            )
        else:
            factor = gamma * self.power(xp, gamma - 2)
            above, at, below = (
                factor * slope * (x / whole) for slope, x in zip(self.slopes(xp), bent, strict=True)
            )
        return above, at, below

    def _numerators(self) -> tuple[Array, Array, Array]:
        """Return the derivatives times the square of the whole."""
        return (
            self.above * self.right,
            0.5 * ((self.above - self.below) * self.right - self.common * self.wrong),
            -(self.below * self.right + self.common * self.wrong),
        )

    def _divisor(self, xp: Namespace) -> Array:
        """Return `wrong`, or 1 where it is 0: there the power and its derivatives are 0."""
        return xp.where(self.wrong == 0, 1.0, self.wrong)

    def _whole(self, xp: Namespace) -> tuple[Array, Array]:
        """Return where there is nothing, and give what to divide by."""
        whole = self.right + self.wrong
        nothing = whole == 0
        return nothing, xp.where(nothing, 1.0, whole)


def enlargement(xp: Namespace) -> float:
    """Return a power of 2 that keeps weighted sums of the smallest numbers from underflow; 1 where autodiff divides by squares."""
    return 2.0**100 if xp.__name__ == "numpy" else 1.0
