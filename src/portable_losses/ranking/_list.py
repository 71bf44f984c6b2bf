"""What the losses of a list share: their option, the domains of scores and relevances, and the order of a list."""

from math import nan
from typing import Annotated

from annotated_types import Interval

from .._elementary import widened
from ..typing import Array, Axis, Domain, Namespace, Options

Score = Annotated[Array, Domain("real numbers, and -inf for a place that holds no item")]
Relevance = Annotated[Array, Domain("relevances, of which only the order counts")]
Gain = Annotated[
    Array,
    Domain(
        "relevances from 0 upwards",
        interval=Interval(ge=0.0),
        hint="0 stands for what is not relevant; ranks become relevances by a subtraction from the largest",
    ),
]


class ListOptions(Options, total=False):
    """The options of the losses that compare two lists."""

    item_axis: int


def read(xp: Namespace, pred: Array, target: Array) -> tuple[Array, Array]:
    """Widen scores and relevances; what has a relevance that is NaN has such a score."""
    return xp.where(target == target, widened(xp, pred), nan), widened(xp, target)


def falling_order(xp: Namespace, axis: Axis, x: Array) -> Array:
    """Give where each place of a list finds its entry, in falling order; equal ones stay in the order of the list."""
    return xp.argsort(-x, axis=axis, stable=True)  # stable is the default of the standard, but not of NumPy


def back(xp: Namespace, axis: Axis, order: Array, x: Array) -> Array:
    """Bring what is in an order to the places that it came from."""
    return xp.take_along_axis(x, xp.argsort(order, axis=axis, stable=True), axis=axis)


def same_infinity(xp: Namespace, left: Array, right: Array) -> Array:
    """Say where two scores are infinite and equal, so that their difference is none."""
    return (left == right) & xp.isinf(left)
