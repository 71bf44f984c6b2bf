"""A residual in units of a scale: without overflow, and with the digits that rounding takes."""

from typing import Annotated

from annotated_types import Interval

from ..typing import Array, Domain, Namespace

Scale = Annotated[
    Array,
    Domain(
        "positive numbers",
        safe=1.0,
        interval=Interval(gt=0.0),
        shared=True,
        hint="`special.softplus` or an exponential of what a model predicts is positive",
    ),
]


def quotient(xp: Namespace, pred: Array, target: Array, scale: Array) -> Array:
    """Give (pred - target) / scale; the residual may overflow where this does not."""
    residual = pred - target
    return xp.where(xp.isinf(residual), (0.5 * pred - 0.5 * target) / (0.5 * scale), residual / scale)


def difference(xp: Namespace, left: Array, right: Array) -> tuple[Array, Array]:
    """Give left - right, rounded, and what rounding took from it (Knuth's two-sum)."""
    result = left - right
    virtual = result - left
    error = (left - (result - virtual)) - (right + virtual)
    return result, xp.where(xp.isnan(error), 0.0, error)  # NaN where the result is infinite


def product(xp: Namespace, left: Array, right: Array) -> tuple[Array, Array]:
    """Give left * right, rounded, and what rounding took from it (Dekker's product); not for the largest numbers."""
    result = left * right
    left_high, left_low = _halves(xp, left)
    right_high, right_low = _halves(xp, right)
    error = ((left_high * right_high - result) + left_high * right_low + left_low * right_high) + left_low * right_low
    return result, error


def _halves(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """Split numbers into two of half as many digits (Veltkamp)."""
    scaled = x * (2.0**12 + 1 if x.dtype == xp.float32 else 2.0**27 + 1)
    high = scaled - (scaled - x)
    return high, x - high


def unit_of(xp: Namespace, scale: Array) -> Array:
    """Give for each scale a power of two that brings it to where products of its size do neither over- nor underflow."""
    turn, large = (2.0**40, 2.0**60) if scale.dtype == xp.float32 else (2.0**400, 2.0**500)
    return xp.where(scale < 1 / turn, large, xp.where(scale > turn, 1 / large, xp.ones_like(scale)))


def measured(xp: Namespace, pred: Array, target: Array, scale: Array) -> tuple[Array, Array, Array, Array]:
    """Give the size of the residual, what rounding took from it, and the scale; all times the last, so that none overflows."""
    unit = xp.where(xp.isinf(4 * (pred - target)), 0.25, xp.ones_like(pred))
    residual, error = difference(xp, pred * unit, target * unit)
    return xp.abs(residual), error * xp.sign(residual), scale * unit, unit
