"""The shapes of a call: the signature that fits, the core axes, and whether arrays agree."""

from collections.abc import Mapping, Sequence
from math import prod
from numbers import Integral
from typing import Any, NamedTuple, NoReturn

from .._backends import NUMBER
from .._numerics.standard import known
from ..typing import Array, Namespace
from .cures import axis_of_labels, cure, fitting, weights_along, within_rows
from .signature import Signature

MAY_BE_EMPTY = frozenset({"item", "region", "sample"})
"""The core dimensions that may be empty, as a batch may: there is no loss then."""


def way_of(
    signature: Signature,
    arrays: Sequence[Array],
    sharing: Sequence[bool],
    options: Mapping[str, Any],
) -> int:
    """Return the index of the gufunc signature that fits; `sharing` marks arrays that broadcast.

    Vectors fit a signature with a core axis, as a single row, and one without. They are a row if
    the option for the axis is given.
    """
    vectors = all(not isinstance(array, NUMBER) and array.ndim == 1 for array in arrays)
    numbers_only = all(isinstance(array, NUMBER) or array.ndim == 0 for array in arrays)
    rows = any(options[f"{core}_axis"] is not None for core in signature.core)
    fitting = []
    for way, cores in enumerate(signature.ways):
        numbers = [
            sum(number_of_axes(signature, core, options) for core in of_array) for of_array in cores
        ]
        loops = arrays[0].ndim - numbers[0]
        if signature.core and not any(cores) and (rows or not (vectors or numbers_only)):
            continue
        if loops >= 0 and all(
            not number if isinstance(array, NUMBER) else shared or array.ndim == number + ahead
            for array, number, shared, ahead in zip(
                arrays, numbers, sharing, signature.ahead(loops), strict=True
            )
        ):
            fitting.append((any(cores), way))
    if fitting:
        return min(fitting)[1]
    if len(signature.ways) == 1 and not any(map(len, signature.ways[0])):
        return 0  # the shapes differ, and check_agreement has the better message
    shapes = ", ".join(
        f"{key} {'a number' if isinstance(array, NUMBER) else tuple(array.shape)}"
        for key, array in zip(signature.arguments, arrays, strict=True)
    )
    wanted = " or ".join(
        ", ".join(
            f"{key} ({', '.join(core if i in signature.common else ('...', *core))})"
            for i, (key, core) in enumerate(zip(signature.arguments, cores, strict=True))
        )
        for cores in signature.ways
    )
    target = arrays[signature.target]
    masked = signature.masked and not isinstance(target, NUMBER)
    hint = fitting_axes(signature, arrays, options)
    if masked and not hint:
        hint = axis_of_labels(tuple(arrays[0].shape), tuple(target.shape))
    raise ValueError(
        f"{signature.name}: the shapes do not fit: {shapes}; it takes {wanted}, "
        f"where ... are the same axes for all{hint}"
    )


def fitting_axes(signature: Signature, arrays: Sequence[Array], options: Mapping[str, Any]) -> str:
    """Return the expressions with which arrays fit whose core axes are last, or nothing."""
    for key, default in signature.options.items():
        axis = options[key]
        if key.endswith("_axis") and axis != default and not isinstance(axis, tuple):
            return ""
    shapes = [() if isinstance(x, NUMBER) else tuple(x.shape) for x in arrays]
    return fitting(signature, shapes, lambda core: number_of_axes(signature, core, options))


def number_of_axes(signature: Signature, core: str, options: Mapping[str, Any]) -> int:
    """Return how many axes a core dimension has: several, if its option is a tuple."""
    axis = options.get(f"{core}_axis")
    return len(axis) if core in signature.several and isinstance(axis, tuple) else 1


def places_of(
    signature: Signature, cores: tuple[str, ...], array: Array, options: Mapping[str, Any]
) -> tuple[int, ...]:
    """Return the positions of an array's core axes; one dimension may have several.

    By default they are last, in their order. If an option gives their position, -1 is the last
    axis.
    """
    said = [options[f"{core}_axis"] for core in cores]
    unsaid = [
        axis is None and signature.options[f"{core}_axis"] is None
        for core, axis in zip(cores, said, strict=True)
    ]
    if all(
        none or (isinstance(axis, Integral) and axis == -1)
        for none, axis in zip(unsaid, said, strict=True)
    ):
        said = [i - len(cores) for i in range(len(cores))]
    else:
        said = [-1 if none else axis for none, axis in zip(unsaid, said, strict=True)]
    places = []
    for core, axis in zip(cores, said, strict=True):
        axes = axis if core in signature.several and isinstance(axis, tuple) and axis else (axis,)
        for place in axes:
            if not isinstance(place, Integral) or not -array.ndim <= place < array.ndim:
                fault = "is no axis" if axes == (axis,) else "are not all axes"
                raise ValueError(
                    f"{signature.name}: {core}_axis={axis!r} {fault} of an array of shape "
                    f"{tuple(array.shape)}{_as_tuple(axis)}"
                )
            places.append(int(place) % array.ndim)
    if len(set(places)) != len(places):
        given = " and ".join(
            f"{core}_axis={axis!r}" for core, axis in zip(cores, said, strict=True)
        )
        raise ValueError(f"{signature.name}: {given} name one axis twice; pass each of them")
    return tuple(places)


def places_left(
    signature: Signature, way: int, i: int, first: tuple[int, ...], options: Mapping[str, Any]
) -> tuple[int, ...]:
    """Return the positions of core axes of an array that lacks some of them, as labels do.

    Options name axes of the first array; the axes that are left keep their order. The result is
    empty for an array with all axes.
    """
    cores = signature.ways[way][0]
    if i == 0 or not set(signature.ways[way][i]) < set(cores):
        return ()
    rest = iter(first)
    axes = {
        core: [next(rest) for _ in range(number_of_axes(signature, core, options))]
        for core in cores
    }
    kept = [place for core in signature.ways[way][i] for place in axes[core]]
    gone = set(first) - set(kept)
    return tuple(place - sum(other < place for other in gone) for place in kept)


class Merge(NamedTuple):
    """How several axes of an array became one."""

    places: tuple[int, ...]
    """Where the core axes were."""
    sizes: tuple[int, ...]
    """Their sizes."""
    cores: int
    """The number of axes after the merge."""

    def undone(self, xp: Namespace, array: Array) -> Array:
        """Split the axes of such an array again."""
        split = xp.reshape(array, (*array.shape[: array.ndim - self.cores], *self.sizes))
        return xp.moveaxis(split, tuple(range(-len(self.places), 0)), self.places)


def merged(
    signature: Signature,
    way: int,
    i: int,
    xp: Namespace,
    array: Array,
    place: tuple[int, ...],
    options: Mapping[str, Any],
    sizes: dict[str, tuple[int, ...]],
    given: Sequence[Any],
) -> tuple[Array, Merge]:
    """Merge the axes of each core dimension, which are last, into one axis.

    `sizes` has the sizes from previous arrays.
    """
    loops, cores = array.ndim - len(place), signature.ways[way][i]
    shape, start = list(array.shape[:loops]), loops
    for core in cores:
        end = start + number_of_axes(signature, core, options)
        own = tuple(array.shape[start:end])
        if differ(own, sizes.setdefault(core, own)):
            _refuse(signature, way, i, given)
        shape.append(prod(own))
        start = end
    return xp.reshape(array, tuple(shape)), Merge(place, tuple(array.shape[loops:]), len(cores))


def check_agreement(
    signature: Signature,
    way: int,
    arrays: Sequence[Array],
    sharing: Sequence[bool],
    given: Sequence[Any],
) -> tuple[tuple[int, ...], dict[str, int]]:
    """Check that the loop dimensions agree; return them, and the sizes of the core dimensions."""
    cores = signature.ways[way]
    first = tuple(arrays[0].shape)
    loops = len(first) - len(cores[0])
    loop, sizes = first[:loops], dict(zip(cores[0], first[loops:], strict=True))
    for core, size in sizes.items():
        if known(size) and not size and core not in MAY_BE_EMPTY:
            raise ValueError(
                f"{signature.name}: {signature.arguments[0]} of shape {tuple(given[0].shape)} has "
                f"no {core}, and a loss needs at least one; only a batch may be empty"
            )
    for i, shared in enumerate(sharing):
        if i == 0 or isinstance(arrays[i], NUMBER):
            continue
        if shared:
            if len(given[i].shape) < arrays[i].ndim and not _broadcasts(arrays[i].shape, loop):
                _refuse(signature, way, i, given)
            check_broadcast(signature, signature.arguments[i], arrays[i], loop)
            continue
        shape = tuple(arrays[i].shape)
        ahead = () if i in signature.common else loop
        own = zip(cores[i], shape[len(ahead) :], strict=False)
        expected = (*ahead, *(sizes.setdefault(core, size) for core, size in own))
        if shape != expected and differ(shape, expected):
            _refuse(signature, way, i, given)
    choice = signature.choice
    if choice is not None and choice.constant and loop and sizes.get("class") == 1:
        i = next(i for i, of_array in enumerate(cores) if "class" in of_array)
        named = "class_axis" in signature.options
        hint = "; if another axis holds the classes, pass class_axis" if named else ""
        raise ValueError(
            f"{signature.name}: {signature.arguments[i]} of shape {tuple(given[i].shape)} "
            "has one class, for which the loss is constant; one score for each row belongs to "
            f"{choice.binary}{hint}"
        )
    return loop, sizes


def differ(shape: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether two shapes differ, as far as their sizes are known."""
    pairs = zip(shape, other, strict=False)
    return len(shape) != len(other) or any(known(a) and known(b) and a != b for a, b in pairs)


def check_indices(
    signature: Signature, parameters: Mapping[str, Any], sizes: Mapping[str, int]
) -> None:
    """Check that parameters that are positions in a core dimension lie inside it."""
    for key, core in signature.indices.items():
        value, size = parameters[key], sizes[core]
        if known(size) and not 0 <= value < size:
            raise ValueError(
                f"{signature.name}: {key} must be a {core}, from 0 to {size - 1}, got {value!r}"
            )


def _refuse(signature: Signature, way: int, i: int, given: Sequence[Any]) -> NoReturn:
    """Raise the error of an array whose shape does not fit the first array."""
    names, cores = signature.arguments, signature.ways[way]
    first, other = (() if isinstance(x, NUMBER) else tuple(x.shape) for x in (given[0], given[i]))
    *others, last = dict.fromkeys((*cores[0], *cores[i])) or ("",)
    if i in signature.common:
        wanted = f"{names[i]} must have the shape ({', '.join(cores[i])})"
    elif cores[0] == cores[i]:
        wanted = "their shapes must be the same"
    else:
        excepted = f"{', '.join(others)} and {last}" if others else last
        wanted = f"their axes must be the same, except {excepted}"
    hint = cure(signature, way, i, first, other)
    raise ValueError(
        f"{signature.name}: {names[0]} has shape {first} and {names[i]} has shape {other}: "
        f"{wanted}{hint}"
    )


def check_broadcast(signature: Signature, key: str, array: Array, loop: tuple[int, ...]) -> None:
    """Refuse weights or a mask that do not broadcast to the losses, or would enlarge them."""
    shape = tuple(array.shape)
    if not _broadcasts(shape, loop):
        hint = weights_along(key, shape, loop) or within_rows(signature, key, shape, loop)
        raise ValueError(
            f"{signature.name}: {key} of shape {shape} does not fit the losses of shape {loop}: "
            f"it is broadcast to that shape and may not enlarge it{hint}"
        )


def _broadcasts(shape: Sequence[Any], loop: tuple[int, ...]) -> bool:
    """Return whether a shape broadcasts to that of the losses, as far as sizes are known."""
    sizes = zip(reversed(shape), reversed(loop), strict=False)
    fits = all(a in (1, b) for a, b in sizes if known(a) and known(b))
    return fits and len(shape) <= len(loop)


def spread(xp: Namespace, array: Array, pred: Array, loop: tuple[int, ...]) -> Array:
    """Broadcast an array to the loop shape.

    For a lazy library with unknown shapes it adds zeros of that shape.
    """
    if all(map(known, loop)):
        return xp.broadcast_to(array, loop)
    return array + xp.astype(xp.zeros_like(pred), array.dtype)


def _as_tuple(axis: Any) -> str:
    """Return the cure for a list of axes."""
    whole = isinstance(axis, list) and all(isinstance(a, Integral) for a in axis)
    return f"; pass the tuple {tuple(axis)}" if whole else ""


def axes_from_zero(axis: Any, ndim: int) -> tuple[int, ...] | None:
    """Return an int or a tuple of int as axes counted from 0; None if one of them is no axis."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not all(isinstance(a, Integral) and -ndim <= int(a) < ndim for a in axes):
        return None
    return tuple(int(a) % ndim for a in axes)


def loop_axes(name: str, axis: Any, loops: int, cores: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return the loop axes to reduce as numbers from 0, or None for all."""
    if axis is None:
        return None
    axes = axes_from_zero(axis, loops)
    if axes is None:
        hint = _as_tuple(axis)
        if cores and isinstance(axis, Integral):
            hint = f"; where the {cores[0]} axis is, is said by {cores[0]}_axis"
        raise ValueError(
            f"{name}: axis={axis!r} must be an int or a tuple of int that names axes of the "
            f"losses, of which there are {loops}{hint}"
        )
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: axis={axis!r} names an axis twice")
    return axes
