"""Powers of 1 + x**2 for a residual in units of a scale, to the last digits: a power multiplies the errors of its base."""

from math import exp, fsum, log

from .._elementary import product
from ..typing import Array, Namespace
from ._scaled import SHRINK, Scaled, one_plus


def times_power(xp: Namespace, amount: Array, change: Array | float, x: Scaled, unit: float, alpha: float, order: int) -> Array:
    """Give (amount + change) * (1 + x**2) ** (alpha / 2 - order), and beyond this times x ** order.

    The change is as small as a rounding error. With t, the smaller of x**2 and 1 / x**2, the power is one of 1 + t, beyond times
    one of 1 / x. What was rounded in them and in their exponents is known, and added to the amount.
    """
    whole, lack = one_plus(x.square)
    inner = x.square / whole * x.error
    exponent, lost = _minus(alpha, 2 * order)
    if abs(alpha) > 32:  # such powers leave the range of numbers long before their base does
        bound = xp.where(x.beyond, xp.maximum(x.square, 2.0**-120), 1.0)
        base = whole / bound
        back, back_lack = product(xp, base, bound)
        lack = lack + (whole - back - back_lack) / whole
        share = exponent * (xp.where(x.beyond, x.error - inner, inner) + 0.5 * lack)
        if lost:
            share = share + 0.5 * lost * xp.log(base)
        amount = amount + (amount * share + change)
        if order:
            amount = amount / (bound if order == 2 else xp.sqrt(bound))
        return _times(xp, amount, base, exponent / 2)
    inverse = xp.where(x.beyond, xp.abs(x.ratio), 1.0)
    outer, outer_lost = _minus(alpha, order)
    ratio_error, boost = x.ratio_error, 1.0
    share = exponent * (0.5 * lack + xp.where(x.beyond, -inner, inner))
    if lost:
        share = share + 0.5 * lost * xp.log1p(x.square)
    if outer_lost:
        share = share - outer_lost * xp.log(inverse)
    if unit < 16 and abs(outer) < 16:  # where 1 / x may underflow it is enlarged
        huge = x.huge(xp) & x.beyond
        enlarged = 2.0**32 * SHRINK * unit / xp.where(huge, xp.abs(x.shrunk), 1.0)
        ratio_error = xp.where(huge & (enlarged != 2.0**32 * inverse), 0.0, ratio_error)
        inverse = xp.where(huge, enlarged, inverse)
        boost = xp.where(huge, 2.0 ** (32 * outer), 1.0)
    share = share + xp.where(x.beyond, outer * ratio_error, 0.0)
    result = _times(xp, (amount + (amount * share + change)) * boost, whole, exponent / 2)
    return _times(xp, result, inverse, -outer)


def _minus(alpha: float, order: int) -> tuple[float, float]:
    """Give alpha - order, rounded, and what rounding took from it."""
    return alpha - order, fsum((alpha, -order, -(alpha - order)))


def _times(xp: Namespace, amount: Array, base: Array, exponent: float) -> Array:
    """Give amount * base ** exponent, where the power may be subnormal, or overflow, and the product not: in two halves."""
    if exponent == 0:
        return amount
    reach = -0.99 * log(float(xp.finfo(base.dtype).smallest_normal)) / abs(exponent)
    if reach > 700:
        return amount * base**exponent
    safe = (base < exp(reach)) & (base > exp(-reach))
    return amount * base ** xp.where(safe, exponent, exponent / 2) * base ** xp.where(safe, 0.0, exponent / 2)
