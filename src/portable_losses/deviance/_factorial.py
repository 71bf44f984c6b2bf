"""Factorials of counts: their logarithms, next to Stirling's formula and far from it."""

from math import log, pi

from ..special._stirling import STIRLING, UP_TO, ZEROS, polynomial_quotient
from ..typing import Array, Namespace

HALF_LOG_TWO_PI = 0.5 * log(2 * pi)


def log_factorial_excess(xp: Namespace, count: Array) -> Array:
    """Return log(y!) - (y * log(y) - y) for y from 0: not negative, and 0 at 0.

    It is the least negative log-likelihood of a count. From 2.25 on it is log(2 * pi * y) / 2 and
    the remainder of Stirling's formula; below, log(y!) is y * (y - 1) times a quotient.
    """
    small = xp.where(count < UP_TO, count, 1.0)
    large = xp.where(count < UP_TO, UP_TO, count)
    log_small = xp.log(xp.where(small == 0, 1.0, small))
    near = small * (1 - log_small) + small * (small - 1) * polynomial_quotient(small, ZEROS)
    far = 0.5 * xp.log(large) + HALF_LOG_TWO_PI + _remainder(large)
    return xp.where(count < UP_TO, near, far)


def stirling_remainder(xp: Namespace, x: Array) -> Array:
    """Return what Stirling's formula lacks, about 1 / (12 * x): log(x!) - ((x + 1/2) * log(x) - x + log(2 * pi) / 2) for x > 0."""
    small = xp.where(x < UP_TO, x, 1.0)
    near = (
        small * (small - 1) * polynomial_quotient(small, ZEROS)
        - (small + 0.5) * xp.log(small)
        + small
        - HALF_LOG_TWO_PI
    )
    return xp.where(x < UP_TO, near, _remainder(xp.where(x < UP_TO, UP_TO, x)))


def stirling_remainder_of_number(x: float) -> float:
    """Return the remainder of a Python number; see `stirling_remainder`."""
    near = (
        x * (x - 1) * polynomial_quotient(x, ZEROS) - (x + 0.5) * log(x) + x - HALF_LOG_TWO_PI
        if x < UP_TO
        else _remainder(x)
    )
    return float(near)


def _remainder(large: Array) -> Array:
    inverse = 1 / large
    return inverse * polynomial_quotient(inverse * inverse, STIRLING)
