"""What the losses of a row share."""

from .._namespace import pick
from ..special.rows import Exponentials
from ..typing import Array, Axis, Namespace


def of_label(xp: Namespace, values: Array, labels: Array, axis: Axis) -> Array:
    """Return from each row the entry that its label names; the class axis stays with size 1."""
    picked = pick(xp, values, labels, axis)
    return picked[..., None] if axis == -1 else picked[None, ...]


def shifted_of_label(xp: Namespace, axis: Axis, parts: Exponentials, labels: Array) -> Array:
    """Return the logit of the label minus the largest of its row, without that of all classes."""
    return of_label(xp, parts.entries, labels, axis) - parts.top


def step(xp: Namespace, x: Array) -> Array:
    """Return with 1 and 0 what is positive; what is NaN stays NaN."""
    return xp.where(x > 0, 1.0, xp.where(x <= 0, 0.0, x))
