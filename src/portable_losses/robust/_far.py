"""The residual beyond which bounded losses are at their limit."""

from ..typing import Array, Namespace

_FAR = 1e18
"""In units of the scale. Beyond it bounded factors have their limit; squares are finite."""


def within_far(xp: Namespace, x: Array) -> Array:
    """Clip a residual, in units of the scale, for bounded factors of a loss.

    At an infinite residual they would be inf / inf.
    """
    return xp.clip(x, -_FAR, _FAR)
