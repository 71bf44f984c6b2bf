"""Sums over paths, step by step: the total weight of two paths that meet, and the share of each.

Weights are added up by their logarithms; -inf stands for no path.
"""

from ..typing import Array, Namespace, Number

_LOWEST = -1e30
"""Lower than a sum of log-probabilities, and finite in each dtype."""


def joined(
    xp: Namespace, one: Array, other: Array, temperature: Number = 1.0
) -> tuple[Array, Array]:
    """Return log(exp(one) + exp(other)), and the logit of the share of the first.

    At another temperature T it is T * log(exp(one / T) + exp(other / T)).
    """
    gap = (finite(xp, one) - finite(xp, other)) / temperature
    top = xp.where(gap < 0, other, one)
    return top + temperature * xp.log1p(xp.decay(gap)), gap


def finite(xp: Namespace, x: Array) -> Array:
    """Replace -inf by a finite number, because -inf - (-inf) would be NaN."""
    return xp.maximum(x, _LOWEST)
