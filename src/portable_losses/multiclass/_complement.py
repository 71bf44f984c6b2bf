"""One minus the softmax, with twice the digits: a high power multiplies its rounding error."""

from .._compensated import Pair, difference, exponential, over, plus
from .._namespace import one_hot
from ..typing import Array, Axis, Namespace

LOWEST = -800.0
"""An exponent whose exponential is 0 in every dtype."""


def complement(xp: Namespace, axis: Axis, logits: Array, target: Array) -> Pair:
    """Return 1 - p of the label of each row, or of all classes; autodiff of it is right, also where logits are equal."""
    labels, decay = target.ndim < logits.ndim, _decay(xp, axis, logits)
    # What is kept out of the sum of the others, so that nothing cancels: the label, or the largest,
    # which are exactly 1.
    apart = one_hot(xp, target, logits, axis) if labels else decay[0] == 1
    few, many = (tuple(xp.where(apart == kept, x, 0.0) for x in decay) for kept in (True, False))
    kept, rest = (
        (xp.sum(few[0], axis=axis, keepdims=True), xp.sum(few[1], axis=axis, keepdims=True)),
        _total(xp, axis, many),
    )
    total = plus(xp, kept, rest)
    if labels:
        return over(xp, rest, total)
    left, lack = difference(xp, rest[0], many[0])
    others = plus(xp, (kept[0] - few[0], kept[1] - few[1]), (left, lack + (rest[1] - many[1])))
    return over(xp, others, total)


def _decay(xp: Namespace, axis: Axis, logits: Array) -> Pair:
    """Return the exponentials of the logits minus the largest."""
    shifted, error = difference(xp, logits, xp.max(logits, axis=axis, keepdims=True))
    low = shifted < LOWEST
    near, (one, two) = exponential(xp, (xp.where(low, LOWEST, shifted), xp.where(low, 0.0, error)))
    return near[0] * one * two, near[1] * one * two


def _total(xp: Namespace, axis: Axis, x: Pair) -> Pair:
    """Add up along an axis, which stays with size 1: halves of the rows to each other."""

    def part(start: int, stop: int) -> Pair:
        one, two = (array[start:stop, ...] if axis == 0 else array[..., start:stop] for array in x)
        return one, two

    while (size := x[0].shape[axis]) > 1:
        half = size // 2
        total, lack = plus(xp, part(0, half), part(half, 2 * half))
        if size % 2:
            odd = part(size - 1, size)
            total, lack = (
                xp.concat((total, odd[0]), axis=axis),
                xp.concat((lack, odd[1]), axis=axis),
            )
        x = total, lack
    return x
