"""Sums over paths, step by step: what two paths that meet are worth together, and each one's share.

Paths are added up by the logarithms of their worth; -inf is the logarithm of no path at all.
"""

from ..typing import Array, Namespace


def joined(
    xp: Namespace, one: Array, other: Array, temperature: float = 1.0
) -> tuple[Array, Array]:
    """Return log(exp(one) + exp(other)), and the odds of the smaller to the larger.

    At another temperature T it is T * log(exp(one / T) + exp(other / T)).
    """
    top, low = xp.maximum(one, other), xp.minimum(one, other)
    odds = xp.exp((low - finite(xp, top)) / temperature)
    return top + temperature * xp.log1p(odds), odds


def finite(xp: Namespace, x: Array) -> Array:
    """Return the lowest finite number in place of -inf, so that no path less no path is not NaN."""
    return xp.maximum(x, float(xp.finfo(x.dtype).min))


def shares(xp: Namespace, one: Array, other: Array, odds: Array) -> tuple[Array, Array]:
    """Return the share of each of two paths that were joined: the derivative of `joined`."""
    larger = 1 / (1 + odds)
    smaller = odds * larger
    first = one >= other
    return xp.where(first, larger, smaller), xp.where(first, smaller, larger)
