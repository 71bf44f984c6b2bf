"""What losses of several labels share: the targets, and means over the classes of a row."""

from typing import Annotated

from annotated_types import Interval

from ..typing import Array, Axis, Domain, Namespace, Options

ClassSet = Annotated[
    Array,
    Domain(
        "0 or 1 for each class",
        interval=Interval(ge=0.0, le=1.0),
        members=(0.0, 1.0),
        hint="compare class labels with the numbers of all classes; convert signs by "
        "`(1 + target) / 2`",
    ),
]


class RowOptions(Options, total=False):
    """The options of the losses that compare two rows."""

    class_axis: int


def mean(xp: Namespace, x: Array, axis: Axis, keep: Array | None) -> Array:
    """Return the mean of rows. Each entry is divided, because their sum might overflow."""
    return xp.squeeze(xp.row_sum(part(xp, x, axis, keep), axis), axis=axis)


def part(xp: Namespace, x: Array, axis: Axis, keep: Array | None) -> Array:
    """Return the part of each class in the mean of a row: 0 for those that are left out."""
    return x / x.shape[axis] if keep is None else keep * x / xp.row_sum(keep, axis)
