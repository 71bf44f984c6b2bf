"""Labels of axes: arrays are paired by position, and labels that contradict that are refused."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._backends.labels import Labels, differing, labels_of
from .plan import Plan
from .shapes import number_of_axes

Role = tuple[str, int]
"""What an axis is: part of a core dimension, or a loop axis, counted from the last."""


def check_labels(plan: Plan, arguments: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Refuse arrays with labels if axes that are paired have different ones."""
    known: dict[Role, tuple[str, Labels, int]] = {}
    for key, labels, roles in _labelled(plan, arguments, options):
        for place, role in enumerate(roles):
            first, of_first, there = known.setdefault(role, (key, labels, place))
            what = labels.fault(place, of_first, there)
            if what:
                raise ValueError(differing(plan.signature.name, first, of_first, key, labels, what))


def _labelled(
    plan: Plan, arguments: Sequence[Any], options: Mapping[str, Any]
) -> Iterator[tuple[str, Labels, list[Role]]]:
    """Return the name, the labels and the roles of the axes of each array that has labels."""
    given = zip(plan.signature.arguments, plan.present(arguments), strict=True)
    for key, x in (*given, *options.items()):
        if labels := labels_of(x):
            yield key, labels, roles(plan, key, len(labels.dims))


def roles(plan: Plan, key: str, ndim: int) -> list[Role]:
    """Return the role of each axis of an argument, or of an option that is an array."""
    if key not in plan.signature.arguments:
        return (
            [("class", 0)] if key == "class_weights" else [("", i - ndim + 1) for i in range(ndim)]
        )
    i = plan.signature.arguments.index(key)
    slot = plan.slots[i]
    own = [
        (core, k)
        for core in plan.cores[i]
        for k in range(number_of_axes(plan.signature, core, plan.options))
    ]
    found: list[Role] = [("", 0)] * ndim
    for place, role in zip(slot.place, own, strict=False):
        found[place] = role
    loops = [place for place in range(ndim) if place not in slot.place]
    for k, place in enumerate(reversed(loops)):
        found[place] = ("", -k - slot.extended)
    return found
