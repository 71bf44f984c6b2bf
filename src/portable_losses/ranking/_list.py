"""What the losses of a list share: their option, and the domains of scores and relevances."""

from math import nan
from typing import Annotated

from annotated_types import Interval

from .._elementary import widened
from ..typing import Array, Domain, Namespace, Options

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


def same_infinity(xp: Namespace, left: Array, right: Array) -> Array:
    """Return where two scores are infinite and equal, so that their difference is none."""
    return (left == right) & xp.isinf(left)
