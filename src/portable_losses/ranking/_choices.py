"""The Plackett-Luce model: items are drawn one by one from the rest, by a softmax of the scores.

Sums over all items after one, or before one, are computed by doubling: the sums over 2 k neighbours
follow from those over k. That takes log2(n) steps over whole arrays, on every library.
"""

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from ..typing import Array, Axis, Namespace
from ._list import same_infinity

State = tuple[Array, ...]
Join = Callable[[State, State], State]


class Choices(NamedTuple):
    """The probability that an item is drawn from itself and those after it."""

    surprise: Array
    """-log(p)"""
    prob: Array
    """p"""
    complement: Array
    """1 - p"""


def _doubled(
    xp: Namespace,
    axis: Axis,
    state: State,
    nothing: tuple[float | None, ...],
    join: Join,
    *,
    after: bool,
) -> State:
    """Join each entry with all after it, or all before it.

    `nothing` is the neutral element of `join`; None stands for the entry itself.
    """
    step = 1
    while step < state[0].shape[axis]:
        by = step if after else -step
        state = join(
            state,
            tuple(xp.neighbours(x, axis, by, fill) for x, fill in zip(state, nothing, strict=True)),
        )
        step *= 2
    return state


def choices(xp: Namespace, axis: Axis, scores: Array) -> Choices:
    """Describe the choices that lead to the order of a list of scores.

    The sum of the exponentials of scores is kept as (1 + rest) * exp(top), with the largest of
    them.
    """

    def join(here: State, after: State) -> State:
        (top, rest), (other, beside) = here, after
        decay = _decay(xp, top, other)
        above = other > top
        return xp.where(above, other, top), xp.where(
            above, beside + (1 + rest) * decay, rest + (1 + beside) * decay
        )

    first = xp.where(scores == scores, 0.0, scores)
    # Where 1 + rest is 0 the sum is empty, for every top.
    top, rest = _doubled(xp, axis, (scores, first), (None, -1.0), join, after=True)
    total = 1 + rest
    empty = top == -inf  # no item is left to choose
    is_top = scores == top
    below = xp.where(is_top, 0.0, top - scores)
    prob = xp.where(empty, 0.0, xp.where(is_top, 1.0, _decay(xp, top, scores)) / total)
    complement = xp.where(is_top, rest / total, 1 - prob)
    surprise = below + xp.log1p(xp.where(empty, 0.0, rest))
    return Choices(surprise, prob, xp.where(empty, 0.0, complement))


def _decay(xp: Namespace, left: Array, right: Array) -> Array:
    """Return exp(-abs(left - right)), which is 1 for equal infinities."""
    same = same_infinity(xp, left, right)
    return xp.decay(xp.where(same, 0.0, left - xp.where(same, 0.0, right)))


def slope(xp: Namespace, axis: Axis, drawn: Choices) -> Array:
    """Return the derivative of the sum of the surprises: p_k * b_k - (1 - p_k) for score k.

    The probability of item k at an earlier draw i is p_k times the product of 1 - p from i to k -
    1. The sum b of these products obeys b_{k + 1} = (1 - p_k) * (1 + b_k).
    """

    def join(here: State, before: State) -> State:
        (factor, total), (earlier, others) = here, before
        return factor * earlier, total + factor * others

    q = xp.neighbours(drawn.complement, axis, -1, 0.0)
    _, total = _doubled(xp, axis, (q, q), (1.0, 0.0), join, after=False)
    return drawn.prob * total - drawn.complement


def curvature(xp: Namespace, axis: Axis, drawn: Choices) -> Array:
    """Return the diagonal of the second derivative: p_k * (x_k + (1 - p_k) * w_k).

    The products q are those of `slope`, and 1 for the draw k itself. Then w is the sum of q**2, and
    x is the sum of q * (1 - q). They obey x_{k + 1} = (1 - p_k) * (x_k + p_k * w_k) and w_{k + 1} =
    1 + (1 - p_k)**2 * w_k. A state (a, b, c, d) stands for the map to a * x + b * w + c and a**2 *
    w + d.
    """

    def join(here: State, before: State) -> State:
        (a, b, c, d), (e, f, g, h) = here, before
        return a * e, a * f + b * (e * e), a * g + b * h + c, (a * a) * h + d

    p, q = (xp.neighbours(x, axis, -1, 0.0) for x in (drawn.prob, drawn.complement))
    state = (q, q * p, xp.zeros_like(q), xp.ones_like(q))
    _, _, x, w = _doubled(xp, axis, state, (1.0, 0.0, 0.0, 0.0), join, after=False)
    return drawn.prob * (x + drawn.complement * w)
