"""Sums over paths, step by step: what two paths that meet are worth together, and what part of that is whose."""

from sys import float_info

from .._elementary import widened
from ..typing import Array, Namespace


def floor(xp: Namespace, x: Array) -> float:
    """Return the lowest finite number of the dtype that paths through an array are added up in."""
    return max(float(xp.finfo(widened(xp, x[..., :0]).dtype).min), -float_info.max)


def joined(
    xp: Namespace, one: Array, other: Array, lowest: float, temperature: float = 1.0
) -> tuple[Array, Array]:
    """Return log(exp(one) + exp(other)), and the odds of the smaller to the larger; -inf is the logarithm of no path at all.

    At another temperature T it is T * log(exp(one / T) + exp(other / T)).
    """
    top, low = xp.maximum(one, other), xp.minimum(one, other)
    # no path against no path: 0, and not NaN
    odds = xp.exp((low - xp.maximum(top, lowest)) / temperature)
    return top + temperature * xp.log1p(odds), odds


def shares(xp: Namespace, one: Array, other: Array, odds: Array) -> tuple[Array, Array]:
    """Return what parts of the paths that were joined are those of the one and of the other: the derivative of `joined`."""
    larger = 1 / (1 + odds)
    smaller = odds * larger
    first = one >= other
    return xp.where(first, larger, smaller), xp.where(first, smaller, larger)
