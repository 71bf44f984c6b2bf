"""What two regions have in common, and what each has beyond the other; the options of the losses of regions."""

from typing import Annotated, NamedTuple

from annotated_types import Interval

from .._elementary import row_sum
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

_MASK = Domain(
    "0 or 1 for each element of the region",
    safe=0.0,
    interval=Interval(ge=0.0, le=1.0),
    members=(0.0, 1.0),
    hint="labels become this by a comparison of each with the numbers of all classes; signs by `(1 + target) / 2`; what is soft, "
    "by `target > 0.5`",
)
_LABELS = Domain(
    "class labels, integers from 0 to the number of classes - 1",
    labels=True,
    hint="labels count from 0",
)

Mask = Annotated[Array, _MASK]
MaskOrLabels = Annotated[Array, _MASK, _LABELS]
"""One domain for each signature of the loss, in their order: with the class axis, and without it."""


class RegionOptions(Options, total=False):
    """The options of the losses that compare two regions."""

    region_axis: int | tuple[int, ...]


class ClassRegionOptions(RegionOptions, total=False):
    """The options of the losses that compare regions of several classes."""

    class_axis: int


class Parts(NamedTuple):
    """Sums over a region, none of them of terms of both signs; they keep its axis, with size 1, and on NumPy are float64."""

    common: Array
    """What belongs to both: the smaller of the two."""
    excess: Array
    """What is predicted and not observed."""
    lacking: Array
    """What is observed and not predicted."""


def compared(xp: Namespace, axis: Axis, pred: Array, target: Array) -> Parts:
    """Compare two regions.

    Under autodiff half of a change of a prediction that is equal to its target is excess, half what
    is lacking no longer.
    """
    gap = pred - target
    if xp.__name__ == "numpy":
        excess = xp.maximum(gap, 0.0)
        return Parts(
            total(xp, axis, xp.minimum(pred, target)),
            total(xp, axis, excess),
            total(xp, axis, xp.subtract(excess, gap, out=gap)),
        )
    share = share_of(xp, pred, target)
    common = xp.where(share == 1, target, pred - share * gap)
    return Parts(
        total(xp, axis, common), total(xp, axis, share * gap), total(xp, axis, (share - 1) * gap)
    )


def share_of(xp: Namespace, pred: Array, target: Array) -> Array:
    """Return how much of a change of the predictions is excess: 1 above the target, 0 below, 1/2 where they are equal.

    Above a target of 0, and below one of 1, is all of the domain: what counts at such a target is
    the side that is inside.
    """
    above, below = _sides(pred, target)
    share = xp.astype(above, pred.dtype)
    return xp.where(above | below, share, xp.where(pred == pred, 0.5, pred))


def by_side(
    xp: Namespace, pred: Array, target: Array, above: Array, at: Array, below: Array
) -> Array:
    """Return each element of a region the number of its side; that `at` the target is for those that are equal."""
    is_above, is_below = _sides(pred, target)
    above, at, below = (xp.astype(x, pred.dtype, copy=False) for x in (above, at, below))
    return xp.where(is_above, above, xp.where(is_below, below, at))


def _sides(pred: Array, target: Array) -> tuple[Array, Array]:
    below = ((pred < target) & (target != 0)) | (target == 1)
    return ((pred > target) & (target != 1)) | (target == 0), below


def total(xp: Namespace, axis: Axis, x: Array) -> Array:
    """Add up a region, float32 in float64 where the device has it: a region may have more elements than float32 can count."""
    if xp.__name__ == "numpy":
        return (
            row_sum(xp, axis, x)
            if x.dtype != xp.float32
            else xp.sum(x, axis=axis, keepdims=True, dtype=xp.float64)
        )
    return xp.astype(xp.sum(x, axis=axis, keepdims=True, dtype=wide_dtype(xp, x)), x.dtype)
