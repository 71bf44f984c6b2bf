"""Class labels in place of the mask of each class, for losses that compare one region at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

from .._backends import NUMBER, backend_of, default
from ..typing import Domain
from .arrays import check_kind, visible
from .cures import axis_of_labels
from .shapes import axes_from_zero, differ
from .signature import Signature

_LABELS = Domain(
    "class labels, integers from 0 to the number of classes - 1",
    labels=True,
    hint="labels count from 0",
)


def with_masks(
    signature: Signature, arrays: Sequence[Any], settings: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Replace labels by one mask for each class, if the axis of the classes is given.

    A mask has the shape of the predictions. A target of that shape holds masks already.
    """
    rest = {key: value for key, value in settings.items() if key != "class_axis"}
    axis, i = settings["class_axis"], signature.target
    pred, target = arrays[0], arrays[i]
    if axis is None or isinstance(target, NUMBER) or target.ndim == pred.ndim:
        return arrays, rest
    name, key = signature.name, signature.arguments[i]
    places = None if isinstance(axis, tuple) else axes_from_zero(axis, pred.ndim)
    if places is None:
        raise ValueError(
            f"{name}: class_axis={axis!r} is no axis of an array of shape {tuple(pred.shape)}"
        )
    (place,) = places
    wanted = (*pred.shape[:place], *pred.shape[place + 1 :])
    if differ(target.shape, wanted):
        raise ValueError(
            f"{name}: {signature.arguments[0]} has shape {tuple(pred.shape)} and {key} has shape "
            f"{tuple(target.shape)}: labels have the shape without the class axis, {wanted}, and "
            f"masks have the whole shape{axis_of_labels(tuple(pred.shape), tuple(target.shape))}"
        )
    backend = backend_of(pred)
    if backend is None or backend_of(target) is not backend:
        return arrays, rest  # which is refused later
    check_kind(signature, i, backend, target, _LABELS)
    if (labels := visible(backend, target)) is not None:
        default.check_labels(name, key, labels, pred.shape[place], _LABELS)
    masks = backend.masks(target, pred, place)
    return [*arrays[:i], masks, *arrays[i + 1 :]], rest
