"""Labels of axes: arrays are paired by position, and labels that contradict that are refused."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._backends.labels import Labels, differing, labels_of, with_labels
from .plan import Inner, Plan
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


def labelled(
    plan: Plan,
    arguments: Sequence[Any],
    orders: Sequence[int],
    results: Sequence[Any],
    ordered: bool,
) -> list[Any]:
    """Return results with the labels of the arguments: gradients, and values that have axes.

    A value has none if the plan is about axes in another order than that of the arguments.
    """
    given = dict(zip(plan.signature.arguments, plan.present(arguments), strict=True))
    seen = {key: labels_of(x) for key, x in given.items()}
    of = {key: labels.dims for key, labels in seen.items() if labels}
    found: list[Any] = []
    for order, result in zip(orders, results, strict=True):
        if not order:
            bare = plan.reduction is Inner.PARTS or not ordered
            found.append(result if bare else _value(plan, given, of, result))
            continue
        keys = [plan.signature.arguments[i] for i in plan.signature.predicted]
        found.append(
            [
                with_labels(x, given[key], of[key]) if key in of else x
                for key, x in zip(keys, result, strict=True)
            ]
        )
    return found


def _value(
    plan: Plan, given: Mapping[str, Any], of: Mapping[str, tuple[Any, ...]], value: Any
) -> Any:
    """Return a value with the labels of the first argument that has all of its axes."""
    axes = range(plan.loops) if plan.axis is None else plan.axis
    reduced = () if plan.reduction == "none" else axes
    kept = [("", i - plan.loops + 1) for i in range(plan.loops) if i not in reduced]
    for key, dims in of.items():
        own = roles(plan, key, len(dims))
        if kept and set(own).issuperset(kept):
            return with_labels(value, given[key], [dims[own.index(role)] for role in kept])
    return value


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
        if place < ndim:  # each class may be a row of its own, with an axis that nobody gave
            found[place] = role
    loops = [place for place in range(ndim) if place not in slot.place]
    for k, place in enumerate(reversed(loops)):
        found[place] = ("", -k - slot.extended)
    return found
