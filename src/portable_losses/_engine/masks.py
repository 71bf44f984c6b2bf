"""Class labels in place of the mask of each class, for losses that compare one region at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._backends import NUMBER, backend_of, default, validating
from ..typing import Array, Domain
from .arrays import check_kind, visible
from .cures import axis_of_labels
from .shapes import axes_from_zero, differ
from .signature import Signature
from .stores import pieces, read

_LABELS = Domain(
    "class labels, integers from 0 to the number of classes - 1",
    labels=True,
    hint="labels count from 0",
)


def with_masks(
    signature: Signature,
    arrays: Sequence[Any],
    settings: Mapping[str, Any],
    made: Callable[[int], Array] | None = None,
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Replace labels by one mask for each class, if the axis of the classes is given.

    A mask has the shape of the predictions. A target of that shape holds masks already. If labels
    are not read yet, `made` returns what takes the place of their masks, from the class axis.
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
    if made is not None:
        return [*arrays[:i], made(place), *arrays[i + 1 :]], rest
    if (labels := visible(backend, target)) is not None:
        default.check_labels(name, key, labels, pred.shape[place], _LABELS)
    masks = backend.masks(target, pred, place)
    return [*arrays[:i], masks, *arrays[i + 1 :]], rest


class StoredMasks:
    """The masks of labels in a file: the part of each box is made when it is read.

    Parameters
    ----------
    signature : Signature
        That of the loss.
    labels : array in a file
        The labels.
    like : array
        The predictions, or an array of their shape and dtype.
    place : int
        The class axis of the predictions.
    """

    def __init__(self, signature: Signature, labels: Any, like: Array, place: int) -> None:
        self.name, self.key = signature.name, signature.arguments[signature.target]
        self.labels, self.like, self.place = labels, like, place
        self.shape = tuple(like.shape)
        of_labels = pieces(labels)
        self.chunks = (*of_labels[:place], 1, *of_labels[place:])
        self.dtype = self._masks(
            default.xp.zeros((0,) * (like.ndim - 1), dtype=labels.dtype), 0, 1
        ).dtype

    def __getitem__(self, index: tuple[slice, ...]) -> Array:
        """Return a part of the masks."""
        place = self.place
        labels = read(self.labels, (*index[:place], *index[place + 1 :]))
        start, stop, _ = index[place].indices(self.shape[place])
        if validating() is not False:
            default.check_labels(self.name, self.key, labels, self.shape[place], _LABELS)
        return self._masks(labels, start, stop)

    def _masks(self, labels: Array, start: int, stop: int) -> Array:
        shape = (*labels.shape[: self.place], stop - start, *labels.shape[self.place :])
        one = default.xp.zeros((), dtype=self.like.dtype)
        like = default.xp.broadcast_to(one, shape)
        return default.masks(labels, like, self.place, start, self.shape[self.place])
