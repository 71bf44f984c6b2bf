"""The option of losses of lists, and the domains of scores and relevances."""

from math import inf, nan
from typing import Annotated

from annotated_types import Interval

from ..typing import Array, Domain, Namespace, Options

Score = Annotated[Array, Domain("real numbers, and -inf for a place that holds no item")]
Relevance = Annotated[Array, Domain("relevances, of which only the order counts")]
Gain = Annotated[
    Array,
    Domain(
        "relevances from 0 upwards",
        interval=Interval(ge=0.0),
        hint="0 means not relevant; to convert ranks, subtract them from the largest",
    ),
]


ABSENT = (-inf, 0.0)
"""The score and the relevance of a place that holds no item."""

LEAST = (-inf, -inf)
"""The same where only the order of the relevances counts."""


class ListOptions(Options, total=False):
    """The options of the losses that compare two lists."""

    item_axis: int


def read(xp: Namespace, pred: Array, target: Array) -> tuple[Array, Array]:
    """Return scores and relevances; where a relevance is NaN the score is NaN as well."""
    return xp.where(target == target, pred, nan), target


def same_infinity(xp: Namespace, left: Array, right: Array) -> Array:
    """Return where two scores are the same infinity, whose difference would be NaN."""
    return (left == right) & xp.isinf(left)
