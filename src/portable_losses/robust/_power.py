"""Powers of 1 + x**2 for a residual in units of a scale, to the last digits: a power multiplies the errors of its base."""

from math import exp, fsum, inf, log

from .._compensated import product
from ..typing import Array, Namespace
from ._scaled import SHRINK, Scaled, one_plus


def times_power(
    xp: Namespace, amount: Array, change: Array | float, x: Scaled, alpha: float, order: int
) -> Array:
    """Return (amount + change) * (1 + x**2) ** (alpha / 2 - order), and beyond this times x ** order.

    The change is as small as a rounding error. With t, the smaller of x**2 and 1 / x**2, the power
    is one of 1 + t, beyond times one of x. What was rounded in them and in their exponents is
    known, and added to the amount.
    """
    whole, lack = one_plus(x.square)
    inner = x.square / whole * x.error
    exponent, lost = _minus(alpha, 2 * order)
    if abs(alpha) > 32:  # such powers leave the range of numbers long before their base does
        bound = xp.where(x.beyond, xp.maximum(x.square, 2.0**-100), 1.0)
        base = whole / bound
        back, back_lack = product(xp, base, bound)
        lack = lack + (whole - back - back_lack) / whole
        share = exponent * (xp.where(x.beyond, x.error - inner, inner) + 0.5 * lack)
        if lost:
            share = share + 0.5 * lost * xp.log(base)
        if order:
            divisor = bound if order == 2 else xp.sqrt(bound)
            quotient = amount / divisor
            back, back_lack = product(xp, quotient, divisor)
            amount, change = quotient, (change + (amount - back - back_lack)) / divisor
        return _times(xp, amount + (amount * share + change), base, exponent / 2)
    share = exponent * (0.5 * lack + xp.where(x.beyond, -inner, inner))
    if lost:
        share = share + 0.5 * lost * xp.log1p(x.square)
    outer, outer_lost = _minus(alpha, order)
    size, size_error, enlarge = _beyond(xp, x, outer)
    share = share + outer * size_error
    if outer_lost:
        # inf of an infinite residual
        share = share + outer_lost * xp.minimum(x.logarithm(xp), 2.0**20)
    result = _times(xp, enlarge * (amount + (amount * share + change)), whole, exponent / 2)
    return _times(xp, result, size, outer)


def _beyond(
    xp: Namespace, x: Scaled, exponent: float
) -> tuple[Array, Array | float, Array | float]:
    """Return x beyond, 1 elsewhere; by how much the exact one is larger, as a share of it; and a factor for its power.

    The factor makes up for a power of 2 that is missing where the residual is huge, and x might
    overflow. A high power of such an x overflows anyway, or is 0.
    """
    unit, factor, enlarge = SHRINK * x.scale, 2.0**64, 1.0
    outer = xp.where(x.beyond, xp.abs(x.shrunk), unit)
    divisor = xp.full_like(outer, unit)
    largest = float(xp.finfo(outer.dtype).max)
    if abs(exponent) > 15:
        outer = xp.minimum(outer, min(2.0**512 * unit, largest))
    else:
        huge = x.huge(xp) & x.beyond
        divisor = xp.where(huge, factor * unit, divisor)
        enlarge = xp.where(huge, min(factor**exponent, largest), xp.ones_like(outer))
    size = outer / divisor
    if not x.recovered:
        return size, 0.0, enlarge
    back, back_lack = product(xp, size, divisor)
    lack = outer - back - back_lack + xp.sign(x.shrunk) * x.lack
    error = xp.where(x.beyond, lack / outer - x.scale_error, 0.0)
    # of an infinite residual nothing is lost
    return size, xp.where(error == error, error, 0.0), enlarge


def _minus(alpha: float, order: int) -> tuple[float, float]:
    """Return alpha - order, rounded, and what rounding took from it."""
    return alpha - order, fsum((alpha, -order, -(alpha - order)))


def _times(xp: Namespace, amount: Array, base: Array, exponent: float) -> Array:
    """Return amount * base ** exponent, where the power may be subnormal, or overflow, and the product not: in two halves."""
    if exponent == 0:
        return amount
    largest = -log(max(float(xp.finfo(base.dtype).smallest_normal), 2.0**-1022))
    reach = 0.99 * largest / abs(exponent)
    if reach > largest:
        return amount * base**exponent
    # autodiff of two roots of inf is NaN
    halved = ((base >= exp(reach)) & (base < inf)) | (base <= exp(-reach))
    half = xp.full_like(base, 0.5 * exponent)
    return amount * base ** xp.where(halved, half, exponent) * xp.where(halved, base, 1.0) ** half
