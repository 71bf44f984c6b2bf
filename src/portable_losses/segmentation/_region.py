"""The common part of two regions and the rest of each; the options of losses of regions."""

from math import inf
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
_LOGITS = Domain("real numbers, -inf and inf included", absent=-inf)


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


Chances = tuple[Array, Array | None]
"""The predicted probabilities p; 1 - p without cancellation, if p comes from logits, else None."""


def sigmoids(xp: Namespace, pred: Array, from_logits: bool) -> Chances:
    """Return the predicted probabilities of one region."""
    return xp.sigmoids(pred) if from_logits else (pred, None)


def slope_of_logit(chances: Chances, slope: Array) -> Array:
    """Return the derivative with respect to what was given, from that with respect to p."""
    prob, rest = chances
    return slope if rest is None else slope * prob * rest


def bend_of_logit(chances: Chances, slope: Array, bend: Array) -> Array:
    """Return the second derivative with respect to logits, from both with respect to p."""
    prob, rest = chances
    return (bend * prob * rest + slope * (rest - prob)) * prob * rest


def softmaxes(xp: Namespace, pred: Array, class_axis: Axis, from_logits: bool) -> Chances:
    """Return the predicted probabilities of classes that exclude each other."""
    if not from_logits:
        return pred, None
    logits = xp.moveaxis(pred, class_axis, -1)
    absent = xp.max(logits, axis=-1, keepdims=True) == -inf  # it belongs to no class
    parts = xp.softmax_parts(xp.where(absent, 0.0, logits), -1)
    prob, rest = xp.where(absent, 0.0, parts.prob), xp.where(absent, 1.0, parts.complement)
    return xp.moveaxis(prob, -1, class_axis), xp.moveaxis(rest, -1, class_axis)


def slope_of_logits(xp: Namespace, class_axis: Axis, chances: Chances, slope: Array) -> Array:
    """Return the derivative with respect to what was given, from that with respect to p."""
    prob, rest = chances
    if rest is None:
        return slope
    share = xp.moveaxis(prob * slope, class_axis, -1)
    others = (xp.sum_of_others(xp.relu(x), -1) for x in (share, -share))
    more, less = (xp.moveaxis(x, -1, class_axis) for x in others)
    return prob * (slope * rest - (more - less))


def mask(
    xp: Namespace, class_axis: Axis, pred: Array, target: Array, keep: Array | None = None
) -> Array:
    """Return 1 for the class of each element and 0 for the others, if labels are given.

    It is 0 for all classes of an element that is not kept.
    """
    if target.ndim == pred.ndim:
        return target
    own = target[..., None, :] == xp.places(pred, class_axis, target.dtype)
    return xp.astype(own, pred.dtype) if keep is None else xp.where(own, keep, 0.0)


def compared(xp: Namespace, axis: Axis, chances: Chances, target: Array) -> Parts:
    """Compare two regions."""
    prob, rest = chances
    common = xp.smaller(prob, target)
    if rest is None:
        excess, lacking = prob - common, target - common
    else:
        gap = _gap(xp, prob, rest, target)
        excess, lacking = xp.relu(gap), xp.relu(-gap)
    return Parts(*(xp.region_sum(x, axis) for x in (common, excess, lacking)))


def overlap(xp: Namespace, axis: Axis, chances: Chances, target: Array) -> tuple[Array, Array]:
    """Return the sum of all differences of two regions, and that of the smaller numbers."""
    prob, rest = chances
    gap = prob - target if rest is None else _gap(xp, prob, rest, target)
    return xp.region_sum(xp.abs(gap), axis), xp.region_sum(xp.smaller(prob, target), axis)


def _gap(xp: Namespace, prob: Array, rest: Array, target: Array) -> Array:
    """Return p - target, from 1 - p where that does not cancel."""
    return xp.where(target > 0.5, (1 - target) - rest, prob - target)
