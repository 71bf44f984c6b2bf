"""Losses that are a function f of the surprise s = -log(p) of the observed class.

The surprise of a class has the derivative p - 1 with respect to its own logit, and p_j with respect
to that of another class. The rest follows by the chain rule.
"""

from typing import Any, NamedTuple, Protocol

from .._numerics.rows import LabelParts, SoftmaxParts
from .._numerics.standard import is_exactly
from ..typing import Array, Axis, Namespace


class Surprise(NamedTuple):
    """The label of each row, or all classes; p and 1 - p are both accurate."""

    xp: Namespace
    nats: Array
    """-log(p)"""
    prob: Array
    """p"""
    complement: Array
    """1 - p"""


class Curve(Protocol):
    """A function f of the surprise, with its derivatives."""

    def value(self, seen: Surprise) -> Array:
        """Return f."""

    def slope(self, seen: Surprise) -> Array:
        """Return f'."""

    def bend(self, seen: Surprise) -> Array:
        """Return (1 - p) * f''."""

    def own(self, seen: Surprise) -> Array:
        """Return p * f' + (1 - p) * f''."""


def parts_of(xp: Namespace, axis: Axis, logits: Array, target: Array) -> LabelParts | SoftmaxParts:
    """Return the parts of the softmax: at the labels, or of all classes."""
    parts: LabelParts | SoftmaxParts
    if target.ndim < logits.ndim:
        parts = xp.label_parts(logits, target, axis)
    else:
        parts = xp.softmax_parts(logits, axis)
    return parts


def surprise(xp: Namespace, parts: LabelParts | SoftmaxParts) -> Surprise:
    """Return the surprise of the labels, or of all classes."""
    return Surprise(xp, xp.log1p(parts.rest) + parts.gap, parts.prob, parts.complement)


def spread(xp: Namespace, axis: Axis, logits: Array, target: Array, label_smoothing: Any) -> Array:
    """Return the target of each class if a share is spread over them, else the target as it is."""
    if is_exactly(label_smoothing, 0):
        return target
    return xp.class_shares(target, logits, axis, label_smoothing)


def value(
    xp: Namespace,
    axis: Axis,
    logits: Array,
    target: Array,
    curve: Curve,
    label_smoothing: Any,
) -> Array:
    """Return f at the label, or the sum of f at all classes, weighted by the target."""
    target = spread(xp, axis, logits, target, label_smoothing)
    return _value(xp, axis, parts_of(xp, axis, logits, target), target, curve)


def _value(
    xp: Namespace, axis: Axis, parts: LabelParts | SoftmaxParts, target: Array, curve: Curve
) -> Array:
    found = curve.value(surprise(xp, parts))
    if isinstance(parts, SoftmaxParts):
        found = xp.row_sum(xp.weighted(target, found), axis)
    return xp.squeeze(found, axis=axis)


def value_and_gradient(
    xp: Namespace,
    axis: Axis,
    logits: Array,
    target: Array,
    curve: Curve,
    label_smoothing: Any,
) -> tuple[Array, Array]:
    """Return the value, and the derivative p_j * sum(y_k * f'_k) - y_j * f'_j."""
    target = spread(xp, axis, logits, target, label_smoothing)
    parts = parts_of(xp, axis, logits, target)
    seen = surprise(xp, parts)
    slope = curve.slope(seen)
    if isinstance(parts, LabelParts):
        own = xp.squeeze(-slope * seen.complement, axis=axis)
        gradient = xp.with_entry(parts.exponential * (slope / parts.total), target, own, axis)
    else:
        share = target * slope
        gradient = seen.prob * xp.sum_of_others(share, axis) - share * seen.complement
    return _value(xp, axis, parts, target, curve), gradient


def diagonal(
    xp: Namespace,
    axis: Axis,
    logits: Array,
    target: Array,
    curve: Curve,
    label_smoothing: Any,
) -> Array:
    """Return the diagonal of the second derivative.

    A class adds (1 - p) * (p * f' + (1 - p) * f'') to the derivative of its own logit, and p_j *
    ((1 - p_j) * f' + p_j * f'') to that of another logit.
    """
    target = spread(xp, axis, logits, target, label_smoothing)
    parts = xp.softmax_parts(logits, axis)
    prob, complement = parts.prob, parts.complement
    if target.ndim < logits.ndim:
        seen = surprise(xp, xp.label_parts(logits, target, axis))
        own = xp.squeeze(seen.complement * curve.own(seen), axis=axis)
        ratio = xp.safe_divide(prob, seen.complement)
        cross = prob * (complement * curve.slope(seen) + ratio * curve.bend(seen))
        return xp.with_entry(cross, target, own, axis)
    seen = surprise(xp, parts)
    slopes = xp.sum_of_others(target * curve.slope(seen), axis)
    bend = target * xp.safe_divide(curve.bend(seen), complement)
    bends = xp.sum_of_others(xp.relu(bend), axis) - xp.sum_of_others(xp.relu(-bend), axis)
    own = target * complement * curve.own(seen)
    return own + prob * (complement * slopes + prob * bends)


def along(
    xp: Namespace,
    axis: Axis,
    logits: Array,
    target: Array,
    vector: Array,
    curve: Curve,
    label_smoothing: Any,
) -> Array:
    """Return the second derivative times a vector.

    With the vector minus its mean, d, the slope of s_k along it is -d_k. A class adds d_k * (p_k *
    f' + (1 - p_k) * f'') to the derivative of its own logit, and p_j * (d_j * f' - d_k * f'') to
    that of another logit.
    """
    target = spread(xp, axis, logits, target, label_smoothing)
    parts = xp.softmax_parts(logits, axis)
    moved = xp.centred(vector, parts, axis)
    if target.ndim < logits.ndim:
        seen = surprise(xp, xp.label_parts(logits, target, axis))
        of_label = xp.pick_kept(moved, target, axis)
        bend = xp.safe_divide(curve.bend(seen), seen.complement)
        own = xp.squeeze(of_label * curve.own(seen), axis=axis)
        cross = parts.prob * (moved * curve.slope(seen) - of_label * bend)
        return xp.with_entry(cross, target, own, axis)
    seen = surprise(xp, parts)
    slopes = xp.sum_of_others(target * curve.slope(seen), axis)
    bend = target * xp.safe_divide(curve.bend(seen), seen.complement) * moved
    bends = xp.sum_of_others(xp.relu(bend), axis) - xp.sum_of_others(xp.relu(-bend), axis)
    return moved * target * curve.own(seen) + parts.prob * (moved * slopes - bends)
