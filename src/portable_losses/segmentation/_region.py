"""The common part of two regions and the rest of each; the options of losses of regions."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from annotated_types import Interval

from ..typing import Array, Axis, DependentDomain, Domain, Namespace, Options

_MEMBERSHIP = Domain(
    "probabilities in [0, 1]",
    safe=0.5,
    interval=Interval(ge=0.0, le=1.0),
    hint="pass `from_logits=True` for logits, or apply `special.sigmoid` or `special.softmax`; a "
    "mask of 0 and 255 is divided by 255",
)
_LOGITS = Domain("real numbers, -inf and inf included")


def _predicted_domain(*, from_logits: bool, **_: object) -> Domain:
    return _LOGITS if from_logits else _MEMBERSHIP


Prediction = Annotated[Array, DependentDomain(_predicted_domain)]
"""The predicted degree to which each element belongs to a region, or its logit."""

Membership = Annotated[Array, _MEMBERSHIP]
"""The observed degree."""

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

MembershipOrLabels = Annotated[Array, _MEMBERSHIP, _LABELS]
"""Likewise."""


class RegionOptions(Options, total=False):
    """The options of the losses that compare two regions."""

    region_axis: int | tuple[int, ...]


class LabelRegionOptions(RegionOptions, total=False):
    """Those of the losses whose regions may be given by class labels."""

    class_axis: int | None


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


class Member(NamedTuple):
    """The predicted probability p of each element, from itself or from a logit.

    The methods return derivatives with respect to what was given.
    """

    prob: Array
    rest: Array | None = None
    """1 - p without cancellation, if logits were given."""

    def gap(self, xp: Namespace, target: Array) -> Array:
        """Return p - target, from 1 - p where that does not cancel."""
        gap = self.prob - target
        return gap if self.rest is None else xp.where(target > 0.5, (1 - target) - self.rest, gap)

    def other(self) -> Array:
        """Return 1 - p."""
        return 1 - self.prob if self.rest is None else self.rest

    def slope(self, slope: Array) -> Array:
        """Return the derivative from that with respect to p."""
        return slope if self.rest is None else slope * self.prob * self.rest

    def bend(self, bend: Array, slope: Callable[[], Array]) -> Array:
        """Return the second derivative from both with respect to p."""
        if self.rest is None:
            return bend
        turn = slope() * (self.rest - self.prob)
        return (bend * self.prob * self.rest + turn) * self.prob * self.rest


def member(xp: Namespace, pred: Array, from_logits: bool) -> Member:
    """Return the predicted probabilities."""
    return Member(*xp.sigmoids(pred)) if from_logits else Member(pred)


def of_classes(xp: Namespace, pred: Array, class_axis: Axis, from_logits: bool) -> Member:
    """Return the predicted probabilities of classes that exclude each other."""
    if not from_logits:
        return Member(pred)
    parts = xp.softmax_parts(xp.moveaxis(pred, class_axis, -1), -1)
    return Member(*(xp.moveaxis(x, -1, class_axis) for x in (parts.prob, parts.complement)))


def through_softmax(xp: Namespace, class_axis: Axis, member: Member, slope: Array) -> Array:
    """Return the derivative with respect to logits from that with respect to their softmax."""
    share = xp.moveaxis(member.prob * slope, class_axis, -1)
    others = (xp.sum_of_others(xp.relu(x), -1) for x in (share, -share))
    more, less = (xp.moveaxis(x, -1, class_axis) for x in others)
    return member.prob * (slope * member.rest - (more - less))


def mask(xp: Namespace, class_axis: Axis, pred: Array, target: Array) -> Array:
    """Return 1 for the class of each element and 0 for the others, if labels are given."""
    if target.ndim == pred.ndim:
        return target
    return xp.astype(target[..., None, :] == xp.places(pred, class_axis, target.dtype), pred.dtype)


def compared(xp: Namespace, axis: Axis, member: Member, target: Array) -> Parts:
    """Compare two regions."""
    common = xp.smaller(member.prob, target)
    if member.rest is None:
        excess, lacking = member.prob - common, target - common
    else:
        gap = member.gap(xp, target)
        excess, lacking = xp.relu(gap), xp.relu(-gap)
    return Parts(*(xp.region_sum(x, axis) for x in (common, excess, lacking)))


def overlap(xp: Namespace, axis: Axis, member: Member, target: Array) -> tuple[Array, Array]:
    """Return the sum of all differences of two regions, and that of the smaller numbers."""
    differences = xp.region_sum(xp.abs(member.gap(xp, target)), axis)
    return differences, xp.region_sum(xp.smaller(member.prob, target), axis)
