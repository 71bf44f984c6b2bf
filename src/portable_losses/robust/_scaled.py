"""A residual in units of a scale: in a form that neither overflows nor underflows, and with its rounding error."""

from collections.abc import Callable
from math import log
from typing import NamedTuple

from .._compensated import difference, product
from .._elementary import widened
from ..typing import Array, Namespace

SHRINK = 2.0**-32
"""Residuals are shrunk by this, so that they do not overflow, nor the products that recover a rounding error."""


class Scaled(NamedTuple):
    """A residual r, whose size in units of a scale c is x = abs(r) / c."""

    scale: float
    scale_error: float
    """By how much the exact scale is larger than that, as a share of it."""
    residual: Array
    """The residual. It may overflow, where it is `beyond`."""
    shrunk: Array
    """The residual times `SHRINK`, which does not overflow."""
    beyond: Array
    """Where x > 1."""
    ratio: Array
    """r / c, or c / r beyond: from -1 to 1."""
    square: Array
    """Its square: x**2, or 1 / x**2 beyond."""
    recovered: bool = False
    """Whether the next three are known; else they are 0."""
    lack: Array | float = 0.0
    """What rounding took from `shrunk`."""
    ratio_error: Array | float = 0.0
    """By how much the exact x is larger than that of `ratio`, as a share of it."""
    error: Array | float = 0.0
    """By how much the exact x is larger than that of `square`, as a share of it."""

    def size(self, xp: Namespace) -> Array:
        """Return the smaller of abs(r) and c."""
        return xp.where(self.beyond, self.scale, xp.abs(self.inside(xp)))

    def inside(self, xp: Namespace) -> Array:
        """Return r, and 0 beyond, where a formula for small residuals is not used but must not overflow."""
        return xp.where(self.beyond, 0.0, self.residual)

    def folded(self, xp: Namespace) -> Array:
        """Return r, but c**2 / r beyond: this over 1 + `square` is r / (1 + x**2)."""
        return xp.where(self.beyond, self.scale * self.ratio, self.residual)

    def square_shares(self, xp: Namespace, whole: Array) -> tuple[Array, Array]:
        """Return 1 / (1 + x**2) and x**2 / (1 + x**2), from 1 + `square`."""
        return xp.where(self.beyond, self.square, 1.0) / whole, xp.where(
            self.beyond, 1.0, self.square
        ) / whole

    def logarithm(self, xp: Namespace) -> Array:
        """Return log(x), and 0 where x < 1.

        On NumPy it is that of `ratio`, so that a formula of both has one rounding error; where c /
        r may underflow it is the sum of log(r) and log(1 / c), then of one sign. Autodiff would
        have the square of r underflow in the derivative of c / r.
        """
        if xp.__name__ == "numpy" and self.scale >= 2:
            return -xp.log(xp.where(self.beyond, xp.abs(self.ratio), 1.0))
        unit = SHRINK * self.scale
        outer = xp.where(self.beyond, xp.abs(self.shrunk), unit)
        huge = self.huge(xp)
        if xp.__name__ != "numpy":
            return xp.log(outer / xp.where(huge, 1.0, xp.full_like(outer, unit))) - xp.where(
                huge, log(unit), 0.0 * outer
            )
        size = xp.log(xp.where(huge, outer, xp.where(self.beyond, xp.abs(self.ratio), 1.0)))
        return xp.where(huge, size - log(unit), -size)

    def huge(self, xp: Namespace) -> Array:
        """Return where abs(r) > 2**100."""
        return xp.abs(self.shrunk) > 2.0**100 * SHRINK


def scaled(
    xp: Namespace,
    pred: Array,
    target: Array,
    scale: float,
    *,
    precisely: bool = False,
    scale_error: float = 0.0,
) -> Scaled:
    """Measure residuals by a scale, and recover, on NumPy, what was rounded if a formula would multiply it.

    In NumPy's float32, which is widened, nothing is rounded that would matter.
    """
    precisely = precisely and xp.__name__ == "numpy" and pred.dtype == xp.float64
    pred, target = widened(xp, pred), widened(xp, target)
    unit = SHRINK * scale
    shrunk, lack = (
        difference(xp, SHRINK * pred, SHRINK * target)
        if precisely
        else (SHRINK * pred - SHRINK * target, 0.0)
    )
    beyond = xp.abs(shrunk) > unit
    numerator, denominator = xp.where(beyond, unit, shrunk), xp.where(beyond, shrunk, unit)
    ratio = _bounded(xp, numerator, denominator)
    if not precisely:
        return Scaled(scale, scale_error, pred - target, shrunk, beyond, ratio, ratio * ratio)
    sign = xp.where(beyond, -1.0, xp.ones_like(ratio))
    back, back_lack = product(xp, ratio, denominator)
    ratio_lack = (numerator - back - back_lack + lack * xp.where(beyond, -ratio, 1.0)) / denominator
    ratio_error = sign * _share(xp, ratio_lack, ratio) - scale_error
    square, square_lack = product(xp, ratio, ratio)
    error = ratio_error + 0.5 * sign * _share(xp, square_lack, square)
    return Scaled(
        scale,
        scale_error,
        pred - target,
        shrunk,
        beyond,
        ratio,
        square,
        True,
        lack,
        ratio_error,
        error,
    )


def _bounded(xp: Namespace, numerator: Array, denominator: Array) -> Array:
    """Divide by what may be infinite, where autodiff has derivative 0. NumPy, which has no autodiff, is spared the selections."""
    if xp.__name__ == "numpy":
        return numerator / denominator
    infinite = xp.isinf(denominator)
    return xp.where(infinite, 0.0, numerator / xp.where(infinite, 1.0, denominator))


def _share(xp: Namespace, part: Array, whole: Array) -> Array:
    """Return part / whole, 0 where the whole is 0."""
    zero = whole == 0
    return xp.where(zero, 0.0, part / xp.where(zero, 1.0, whole))


def one_plus(x: Array) -> tuple[Array, Array]:
    """Return 1 + x for x from 0 to 1, rounded, and by how much the exact sum is larger, as a share of it."""
    total = 1 + x
    return total, (x - (total - 1)) / total


def per_argument(xp: Namespace, function: Callable[[Array], Array], x: Array) -> Array:
    """Return function(x) / x, which is 1 at 0."""
    zero = x == 0
    nonzero = xp.where(zero, 1.0, x)
    return xp.where(zero, 1.0, function(nonzero) / nonzero)
