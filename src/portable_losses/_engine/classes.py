"""What a class axis means for losses that can do without one: masks, single classes, weights."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .._backends import NUMBER, backend_of, default
from ..typing import Array, Namespace
from .arrays import check_weight, floating, visible
from .entries import of_entries
from .masks import with_masks
from .plan import Plan
from .shapes import check_broadcast, differ, loop_axes
from .signature import Signature


class Rearranged(NamedTuple):
    """The arguments of a call, as the engine evaluates them."""

    arrays: Sequence[Any]
    extras: Mapping[str, Any]
    """The options that are arrays."""
    settings: Mapping[str, Any]
    place: int | None = None
    """Where the class axis was, if each class has become a row of its own."""


def rearranged(
    signature: Signature,
    arrays: Sequence[Any],
    extras: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Rearranged:
    """Return the arguments with masks for labels, or with each class as a row of its own."""
    if signature.averaged and extras.get("class_weights") is not None:
        return _weighted(signature, arrays, extras, settings)
    if signature.axisless and "class_axis" in settings:
        if signature.masked:
            arrays, settings = with_masks(signature, arrays, settings)
            return Rearranged(arrays, extras, settings)
        if settings["class_axis"] is None:
            rest = {key: value for key, value in settings.items() if key != "class_axis"}
            return Rearranged(_rows(signature, arrays), extras, rest, -1)
    return Rearranged(arrays, extras, settings)


def check_weights(plan: Plan, given: Mapping[str, Any], place: int) -> None:
    """Refuse weights as they were given: those of the rearranged call are products.

    A mask of the classes of rows, whose axis is `place`, leaves out a row if it leaves out all.
    """
    name, backend = plan.signature.name, plan.backend
    seen = {
        key: x if isinstance(x, NUMBER) else visible(backend, x)
        for key, x in given.items()
        if x is not None
    }
    weights, where = seen.get("weights"), seen.get("where")
    if isinstance(weights, NUMBER):
        check_weight(name, weights, backend.xp.slack(plan.dtype))
        del seen["weights"]
    elif weights is not None and where is not None:
        classes = (place,) if _is_of_classes(given["where"], plan.loops) else ()
        kept = default.xp.any(default.xp.asarray(where), axis=classes)
        seen["weights"] = default.xp.where(kept, weights, 0)
    for key in ("class_weights", "weights"):
        if seen.get(key) is not None:
            default.check_weights(name, key, seen[key])


def _is_of_classes(mask: Any, axes: int) -> bool:
    """Return whether a mask has all axes of the predictions, and not only those of their rows."""
    return getattr(mask, "ndim", None) == axes


def restored(xp: Namespace, results: list[Any], place: int) -> list[Any]:
    """Return gradients with the axes of the predictions; losses have none of them."""

    def moved(gradient: Array) -> Array:
        gradient = gradient[..., 0]
        return gradient if place == -1 else xp.moveaxis(gradient, -1, place)

    return [list(map(moved, each)) if isinstance(each, list) else each for each in results]


def _rows(signature: Signature, arrays: Sequence[Any]) -> list[Any]:
    """Return arrays of one shape with a last axis of one class."""
    first, *others = (x for x in arrays if x is not None)
    for name, x in zip(signature.arguments[1:], others, strict=False):
        shape = () if isinstance(x, NUMBER) else tuple(x.shape)
        if differ(shape, first.shape):
            raise ValueError(
                f"{signature.name}: {signature.arguments[0]} has shape {tuple(first.shape)} and "
                f"{name} has shape {shape}: their shapes must be the same"
            )
    return [x[..., None] for x in (first, *others)]


def _weighted(
    signature: Signature,
    arrays: Sequence[Any],
    extras: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Rearranged:
    """Return each class as a row whose weight is that of the row times that of the class.

    Divided by the number of classes, the weights make sums over the classes their means. A mask of
    the classes of rows is one of the new rows.
    """
    name, pred = signature.name, arrays[0]
    backend = backend_of(pred)
    place = settings.get("class_axis", -1)
    fits = isinstance(place, int) and -pred.ndim <= place < pred.ndim
    if backend is None or not fits or backend_of(extras["class_weights"]) is not backend:
        return Rearranged(arrays, extras, settings)  # which is refused later
    xp, rows = backend.xp, _rows(signature, arrays)
    if place != -1:
        rows = [xp.moveaxis(x, place - (place < 0), -2) for x in rows]
    classes = pred.shape[place]
    given = extras["class_weights"]
    if tuple(given.shape) != (classes,):
        raise ValueError(
            f"{name}: class_weights needs one weight for each of the {classes} classes, shape "
            f"({classes},); its shape is {tuple(given.shape)}"
        )
    losses = tuple(n for i, n in enumerate(pred.shape) if i != place % pred.ndim)
    mask = extras.get("where")
    of_classes = _is_of_classes(mask, pred.ndim)
    for key in ("weights",) if of_classes else ("weights", "where"):
        if key in extras and not isinstance(extras[key], NUMBER):
            check_broadcast(signature, key, extras[key], losses)
    dtype = floating(name, signature.arguments[0], backend, pred)[0]
    modifiers = {
        key: value if isinstance(value, NUMBER) else value[..., None]
        for key, value in extras.items()
        if key != "class_weights"
    }
    divisor: Any = classes
    if of_classes:
        mask = of_entries(signature, backend, mask, pred, (place % pred.ndim,))
        modifiers["where"] = mask = xp.moveaxis(mask, place, -1)
        divisor = xp.maximum(xp.sum(xp.astype(mask, dtype), axis=-1, keepdims=True), 1)
    weights = xp.astype(given, dtype, copy=False) / divisor
    if (of_row := modifiers.get("weights")) is not None:
        number = isinstance(of_row, NUMBER)
        weights = weights * (of_row if number else xp.astype(of_row, dtype, copy=False))
    modifiers["weights"] = weights
    loops = pred.ndim - 1
    axes = loop_axes(name, settings.get("axis"), loops, ("class",))
    changed = {key: value for key, value in settings.items() if key != "class_axis"}
    if settings.get("reduction") == "none":
        changed |= {"reduction": "sum", "axis": (loops,)}
    elif axes is not None:
        changed["axis"] = (*axes, loops)
    return Rearranged(rows, modifiers, changed, place)
