"""How far a residual goes before a loss is at its limit."""

from ..typing import Array, Namespace

_FAR = 1e18
"""At this many scales a bounded share has its limit in every dtype, and the square is finite."""


def within_far(xp: Namespace, x: Array) -> Array:
    """Clip a residual, in units of the scale, for the shares of it that are bounded.

    At an infinite residual they would be inf / inf.
    """
    return xp.clip(x, -_FAR, _FAR)
