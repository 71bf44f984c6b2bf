"""The bell curve of a residual, to the last digits in its tail."""

from math import exp, frexp, ldexp
from typing import NamedTuple

from .._compensated import difference
from .._elementary import widened
from ..typing import Array, Namespace


class Gaussian(NamedTuple):
    """The bell curve of a residual."""

    residual: Array
    """The residual, but for its outliers: those at which the curve is 0 are all 64 scales off."""
    square: Array
    """That of the residual in units of the scale."""
    factors: tuple[Array, Array, Array]
    """The curve is their product, and none of them is subnormal."""

    def times(self, amount: Array) -> Array:
        """Return the product of the curve with something else: it is rounded to a subnormal number at the end only."""
        first, second, third = self.factors
        return amount * first * second * third


def gaussian(xp: Namespace, pred: Array, target: Array, scale: float, rate: float) -> Gaussian:
    """Return exp(rate * x**2) for x = (pred - target) / scale, and a rate that is a power of 2, to the last digits.

    At x = 20 the exponential multiplies the rounding errors of the residual, the quotient and the
    square by 800 each. So x is split: `upper` has so few digits that its product with as few digits
    of the scale, and its square, are exact in every dtype; what is left of the residual is then
    exact as well, and small. In the tail the exponential is multiplied by exp(45), and divided by
    it at the end: of the powers that a dtype may need this is the one nearest to a number.
    """
    exact, lack = difference(xp, widened(xp, pred), widened(xp, target))
    residual = xp.clip(exact, -64 * scale, 64 * scale)
    lack = xp.where(residual == exact, lack, 0.0)
    upper = xp.round(residual * (256 / scale)) / 256
    mantissa, exponent = frexp(scale)
    scale_upper = ldexp(round(ldexp(mantissa, 12)), exponent - 12)
    lower = (residual - upper * scale_upper - upper * (scale - scale_upper) + lack) / scale
    main, rest = upper * upper, lower * (2 * upper + lower)
    tail = rate * main < -45
    first = xp.exp(xp.where(tail, 45 + rate * main, rate * main))
    return Gaussian(
        residual,
        main + rest,
        (first, xp.exp(rate * rest), xp.where(tail, exp(-45), xp.ones_like(first))),
    )
