"""A residual in units of a scale: without overflow, and with the digits that rounding takes."""

from typing import Annotated

from annotated_types import Interval

from .._compensated import difference
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
    """Return (pred - target) / scale; the residual may overflow where this does not."""
    residual = pred - target
    over = xp.isinf(residual)
    return xp.where(over, 0.5 * pred - 0.5 * target, residual) / xp.where(over, 0.5 * scale, scale)


def unit_of(xp: Namespace, scale: Array, power: int = 1) -> Array:
    """Return a power of two for each scale, or square of one, so that products of their size do neither over- nor underflow."""
    turn, large = (
        (2.0 ** (40 * power), 2.0**60)
        if scale.dtype == xp.float32
        else (2.0 ** (400 * power), 2.0**500)
    )
    return xp.where(scale < 1 / turn, large, xp.where(scale > turn, 1 / large, xp.ones_like(scale)))


def measured(
    xp: Namespace, pred: Array, target: Array, scale: Array
) -> tuple[Array, Array, Array, Array]:
    """Return the size of the residual, what rounding took from it, and the scale; all times the last, so that none overflows."""
    unit = xp.where(xp.isinf(4 * (pred - target)), 0.25, xp.ones_like(pred))
    residual, error = difference(xp, pred * unit, target * unit)
    return xp.abs(residual), error * xp.sign(residual), scale * unit, unit
