"""What two regions have in common, and what each has beyond the other; the options of the losses of regions."""

from typing import Annotated, NamedTuple

from annotated_types import Interval

from .._elementary import row_sum, widened
from .._namespace import wide_dtype
from ..typing import Array, Axis, Domain, Namespace, Options

Membership = Annotated[
    Array,
    Domain(
        "probabilities in [0, 1]",
        safe=0.5,
        interval=Interval(ge=0.0, le=1.0),
        hint="logits go through `special.sigmoid`, or `special.softmax`, first; a mask of 0 and 255 is divided by 255",
    ),
]
"""How far each element belongs to a region."""

Mask = Annotated[
    Array,
    Domain(
        "0 or 1 for each element of the region",
        safe=0.0,
        interval=Interval(ge=0.0, le=1.0),
        members=(0.0, 1.0),
        hint="labels become this by a comparison of each with the numbers of all classes; signs by `(1 + target) / 2`; what is "
        "soft, by `target > 0.5`",
    ),
]


class RegionOptions(Options, total=False):
    """The options of the losses that compare two regions."""

    region_axis: int | tuple[int, ...]


class ClassRegionOptions(RegionOptions, total=False):
    """The options of the losses that compare regions of several classes."""

    class_axis: int


class Parts(NamedTuple):
    """The sums over a region, none of them of terms of both signs, and how they change."""

    common: Array
    """Of what belongs to both: the smaller of the two."""
    excess: Array
    """Of what is predicted and not observed."""
    lacking: Array
    """Of what is observed and not predicted."""
    share: Array
    """For each element the derivative of its excess: 1 above the target, 0 below, 1/2 where they are equal."""


def share_of(xp: Namespace, pred: Array, target: Array) -> Array:
    """Say how much of a change of the prediction is excess.

    Above a target of 0, and below one of 1, is all of the domain; so the derivative is that inside of it there.
    """
    side = 0.5 * (xp.astype(pred > target, pred.dtype) + xp.astype(pred >= target, pred.dtype))
    return xp.where(target == 0, 1.0, xp.where(target == 1, 0.0, side))


def compared(xp: Namespace, axis: Axis, pred: Array, target: Array) -> Parts:
    """Compare two regions; the sums keep their axis, with size 1, and on NumPy are at least float64."""
    pred, target = widened(xp, pred), widened(xp, target)
    share, gap = share_of(xp, pred, target), pred - target
    return Parts(
        total(xp, axis, xp.where(share == 1, target, pred - share * gap)),
        total(xp, axis, share * gap),
        total(xp, axis, (share - 1) * gap),
        share,
    )


def total(xp: Namespace, axis: Axis, x: Array) -> Array:
    """Add up a region, float32 in float64 where the device has it: a region may have more elements than float32 can count."""
    if xp.__name__ == "numpy":
        return row_sum(xp, axis, x)
    return xp.astype(xp.sum(x, axis=axis, keepdims=True, dtype=wide_dtype(xp, x)), x.dtype)
