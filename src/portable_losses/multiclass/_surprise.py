"""Losses that are a function of the surprise, -log(p), at what was observed: values and derivatives by the chain rule.

The surprise of class k, s_k, has the derivative p_j with respect to the logit of another class j,
and p_k - 1 with respect to its own. With 1 - p from a sum of the other exponentials nothing here
cancels but what is a difference by nature.
"""

from typing import NamedTuple, Protocol

from .._compensated import difference, exp_of_product, increased
from .._elementary import row_sum, sum_of_others, widened
from .._namespace import one_hot
from ..special.rows import Exponentials, exponentials
from ..typing import Array, Axis, Namespace
from ._rows import of_label, shifted_of_label

FAR = 1000.0
"""A class so surprising has a probability of 0 in every dtype."""


class Surprise(NamedTuple):
    """The surprise of one class of each row, or of all, and what powers of its probability are made of; float64 on NumPy."""

    nats: Array
    """-log(p)"""
    shifted: Array
    """The logit minus the largest of the row."""
    error: Array
    """What rounding took from it."""
    total: Array
    """The sum of the exponentials of a row, divided by that of the largest logit."""
    complement: Array
    """1 - p"""

    def power(self, xp: Namespace, exponent: float) -> Array:
        """Return p**exponent to the last digits, where p itself is too small for the dtype as well."""
        if exponent == 0:
            return xp.ones_like(self.nats)
        # whose product with an upper half is finite
        largest = float(xp.finfo(self.shifted.dtype).max) * 2.0**-30
        shifted = xp.maximum(self.shifted, -min(2 * FAR / exponent, largest))
        power = exp_of_product(xp, exponent, shifted)
        return increased(xp, power, exponent * self.error) * self.total**-exponent

    def times_probability(self, xp: Namespace, x: Array) -> Array:
        """Return p * x, where p may be subnormal and p * x not."""
        root = xp.exp(0.5 * xp.maximum(self.shifted, -2 * FAR))
        return increased(xp, (root * x) * root, self.error) / self.total


class Curve(Protocol):
    """A function f of the surprise, and its slope."""

    def value(self, xp: Namespace, nats: Array) -> Array:
        """Return f; its autodiff is right everywhere from 0 to inf."""

    def slope(self, xp: Namespace, seen: Surprise) -> Array:
        """Return f'."""


class Curved(Curve, Protocol):
    """A function f of the surprise, with second derivatives as well."""

    def own(self, xp: Namespace, seen: Surprise) -> Array:
        """Return the second derivative with respect to the logit of the class itself: p * (1 - p) * f' + (1 - p)**2 * f''."""

    def bend(self, xp: Namespace, seen: Surprise) -> Array:
        """Return (1 - p) * f''."""


def mixture(xp: Namespace, axis: Axis, parts: Exponentials, target: Array, curve: Curve) -> Array:
    """Return the loss of each row: f at its label, or the sum of f at all classes, weighted by the target."""
    tail = xp.log1p(widened(xp, parts.rest))
    if target.ndim < parts.entries.ndim:
        nats = tail - widened(xp, shifted_of_label(xp, axis, parts, target))
        return xp.squeeze(curve.value(xp, nats), axis=axis)
    shifted = parts.shifted
    # A masked class whose target is 0 costs nothing. Autodiff must not see it either: 0 times its
    # slope would be NaN.
    nats = xp.where((target == 0) & xp.isinf(shifted), 0.0, tail - widened(xp, shifted))
    return xp.squeeze(row_sum(xp, axis, target * curve.value(xp, nats)), axis=axis)


def gradient(
    xp: Namespace, axis: Axis, logits: Array, parts: Exponentials, target: Array, curve: Curve
) -> Array:
    """Return the derivative: p_j * sum(y_k * f'_k) - y_j * f'_j, with the other classes standing for 1 - p_j."""
    others, total = parts.others(xp), 1 + parts.rest
    if target.ndim < logits.ndim:
        hit = one_hot(xp, target, logits, axis)
        complement = of_label(xp, others, target, axis) / total  # of one class, and not of all
        share = (
            curve.slope(xp, surprise(xp, of_label(xp, logits, target, axis), parts, complement))
            / total
        )
        return xp.where(hit, -others, parts.exponential) * xp.astype(
            share, logits.dtype, copy=False
        )
    share = target * curve.slope(xp, surprise(xp, logits, parts, others / total))
    return (parts.exponential * sum_of_others(xp, axis, share) - share * others) / total


def diagonal(xp: Namespace, axis: Axis, logits: Array, target: Array, curve: Curved) -> Array:
    """Return the diagonal of the second derivative.

    What class k adds to that of its own logit is `Curved.own`, and to that of another j it is p_j *
    ((1 - p_j) * f' + p_j * f'').
    """
    parts = exponentials(xp, axis, logits)
    prob, complement = parts.shares(xp)
    if target.ndim < logits.ndim:
        hit = one_hot(xp, target, logits, axis)
        seen = surprise_of_label(xp, axis, logits, parts, complement, target)
        # the share of a class in what is not the label's
        ratio = prob / xp.where(seen.complement == 0, 1.0, seen.complement)
        cross = prob * (complement * curve.slope(xp, seen) + ratio * curve.bend(xp, seen))
        return xp.where(hit, curve.own(xp, seen), cross)
    seen = surprise(xp, logits, parts, complement)
    bend = target * (
        curve.bend(xp, seen)
        / xp.maximum(seen.complement, float(xp.finfo(seen.nats.dtype).smallest_normal))
    )
    bends = sum_of_others(xp, axis, xp.where(bend < 0, 0.0, bend)) - sum_of_others(
        xp, axis, xp.where(bend < 0, -bend, 0.0)
    )
    slopes = sum_of_others(xp, axis, target * curve.slope(xp, seen))
    return target * curve.own(xp, seen) + prob * (complement * slopes + prob * bends)


def surprise(xp: Namespace, logits: Array, parts: Exponentials, complement: Array) -> Surprise:
    """Return the surprise of classes by their logits and 1 - p, in the rows of `parts`."""
    rest = widened(xp, parts.rest)
    shifted, error = difference(xp, widened(xp, logits), widened(xp, parts.top))
    return Surprise(xp.log1p(rest) - shifted, shifted, error, 1 + rest, widened(xp, complement))


def surprise_of_label(
    xp: Namespace, axis: Axis, logits: Array, parts: Exponentials, complement: Array, labels: Array
) -> Surprise:
    """Return the surprise of the label of each row."""
    return surprise(
        xp, of_label(xp, logits, labels, axis), parts, of_label(xp, complement, labels, axis)
    )
