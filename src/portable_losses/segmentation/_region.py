"""The common part of two regions and the rest of each; the options of losses of regions."""

from typing import Annotated, NamedTuple

from annotated_types import Interval

from ..typing import Array, Axis, Domain, Namespace, Options

Membership = Annotated[
    Array,
    Domain(
        "probabilities in [0, 1]",
        safe=0.5,
        interval=Interval(ge=0.0, le=1.0),
        hint="logits go through `special.sigmoid` or `special.softmax` first; a mask of 0 and 255 "
        "is divided by 255",
    ),
]
"""The degree to which each element belongs to a region."""

_MASK = Domain(
    "0 or 1 for each element of the region",
    interval=Interval(ge=0.0, le=1.0),
    members=(0.0, 1.0),
    hint="compare labels with the number of each class; convert signs by `(1 + target) / 2`, and "
    "soft targets by `target > 0.5`",
)
_LABELS = Domain(
    "class labels, integers from 0 to the number of classes - 1",
    labels=True,
    hint="labels count from 0",
)

Mask = Annotated[Array, _MASK]
MaskOrLabels = Annotated[Array, _MASK, _LABELS]
"""One domain for each signature of the loss: with the class axis, and without it."""


class RegionOptions(Options, total=False):
    """The options of the losses that compare two regions."""

    region_axis: int | tuple[int, ...]


class ClassRegionOptions(RegionOptions, total=False):
    """The options of the losses that compare regions of several classes."""

    class_axis: int


class Parts(NamedTuple):
    """Sums over a region, of terms of one sign; its axis is kept with size 1."""

    common: Array
    """The sum of the smaller of prediction and target: the intersection."""
    excess: Array
    """The sum of the part of the prediction that was not observed."""
    lacking: Array
    """The sum of the part of the target that was not predicted."""


def compared(xp: Namespace, axis: Axis, pred: Array, target: Array) -> Parts:
    """Compare two regions."""
    common = xp.smaller(pred, target)
    sums = (xp.region_sum(x, axis) for x in (common, pred - common, target - common))
    return Parts(*sums)


def overlap(xp: Namespace, axis: Axis, pred: Array, target: Array) -> tuple[Array, Array]:
    """Return the sum of all differences of two regions, and that of the smaller numbers."""
    differences = xp.region_sum(xp.abs(pred - target), axis)
    return differences, xp.region_sum(xp.smaller(pred, target), axis)
