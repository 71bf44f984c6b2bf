"""The shapes of a call: which way it is meant, where the core axes are, and whether all arrays agree."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from ._arrays import NUMBER
from ._signature import Signature
from .typing import Array, Namespace


def known(size: Any) -> bool:
    """Say whether a size is known: a lazy library has None or NaN where it is not."""
    return size is not None and size == size


def way_of(signature: Signature, arrays: Sequence[Array], sharing: Sequence[bool], options: Mapping[str, Any]) -> int:
    """Give the number of the gufunc signature that the numbers of axes fit; `sharing` says which arrays broadcast.

    Vectors fit one with a core axis, as a single row, and one without. They are a row if the option says where its axis is.
    """
    vectors = all(not isinstance(array, NUMBER) and array.ndim == 1 for array in arrays)
    rows = any(options[f"{core}_axis"] is not None for core in signature.core)
    fitting = []
    for way, cores in enumerate(signature.ways):
        loops = arrays[0].ndim - len(cores[0])
        if signature.core and not any(cores) and (rows or not vectors):
            continue
        if loops >= 0 and all(
            not core if isinstance(array, NUMBER) else shared or array.ndim == loops + len(core)
            for array, core, shared in zip(arrays, cores, sharing, strict=True)
        ):
            fitting.append((any(cores), way))
    if fitting:
        return min(fitting)[1]
    if len(signature.ways) == 1 and not any(map(len, signature.ways[0])):
        return 0  # the shapes differ, which check_agreement says best
    shapes = ", ".join(
        f"{key} {'a number' if isinstance(array, NUMBER) else tuple(array.shape)}"
        for key, array in zip(signature.arguments, arrays, strict=True)
    )
    wanted = " or ".join(
        ", ".join(
            f"{key} ({', '.join(('...', *core))})" if core else f"{key} (...)"
            for key, core in zip(signature.arguments, cores, strict=True)
        )
        for cores in signature.ways
    )
    raise ValueError(f"{signature.name}: the shapes do not fit: {shapes}; it takes {wanted}, where ... are the same axes for all")


def places_of(signature: Signature, cores: tuple[str, ...], array: Array, options: Mapping[str, Any]) -> tuple[int, ...]:
    """Give where an array has its core axes: last, in their order, unless an option says otherwise."""
    places = []
    for i, core in enumerate(cores):
        place = options[f"{core}_axis"]
        unsaid = place is None and signature.options[f"{core}_axis"] is None
        if unsaid or (isinstance(place, Integral) and place == -1):
            place = i - len(cores)
        if not isinstance(place, Integral) or not -array.ndim <= place < array.ndim:
            raise ValueError(f"{signature.name}: {core}_axis={place!r} is no axis of an array of shape {tuple(array.shape)}")
        places.append(int(place) % array.ndim)
    if len(set(places)) != len(places):
        raise ValueError(f"{signature.name}: {', '.join(f'{core}_axis' for core in cores)} name one axis twice")
    return tuple(places)


def check_agreement(
    signature: Signature,
    way: int,
    arrays: Sequence[Array],
    sharing: Sequence[bool],
    places: Sequence[tuple[int, ...]],
    given: Sequence[Any],
) -> None:
    """Check that the loop dimensions are the same everywhere, and core dimensions of one name of one size."""
    cores = signature.ways[way]
    first = arrays[0].shape
    loop = first[: len(first) - len(cores[0])]
    sizes = dict(zip(cores[0], first[len(loop) :], strict=True))
    if any(known(size) and size == 0 for size in sizes.values()):
        raise ValueError(f"{signature.name}: {signature.arguments[0]} of shape {tuple(given[0].shape)} has no {', '.join(sizes)}")
    for i, shared in enumerate(sharing):
        if i == 0 or isinstance(arrays[i], NUMBER):
            continue
        if shared:
            check_broadcast(signature.name, signature.arguments[i], arrays[i], loop)
            continue
        shape = arrays[i].shape
        expected = (*loop, *(sizes.setdefault(core, size) for core, size in zip(cores[i], shape[len(loop) :], strict=False)))
        if len(shape) != len(expected) or any(known(a) and known(b) and a != b for a, b in zip(shape, expected, strict=True)):
            _differ(signature, i, tuple(np.shape(given[0])), tuple(np.shape(given[i])), places[i] == places[0])


def _differ(signature: Signature, i: int, first: tuple[int, ...], other: tuple[int, ...], same: bool) -> None:
    names = signature.arguments
    wanted = "their shapes must be the same" if same else "their shapes must agree on all axes but the core axes"
    hint = ""
    if same and tuple(n for n in first if n != 1) == tuple(n for n in other if n != 1):
        hint = f"; broadcasting would pair every element with every other: pass `{names[i]}.reshape({names[0]}.shape)`"
    elif same and len(first) == len(other) == 2 and first == other[::-1]:
        hint = f"; is {names[i]} transposed?"
    raise ValueError(f"{signature.name}: {names[0]} has shape {first} and {names[i]} has shape {other}: {wanted}{hint}")


def check_broadcast(name: str, key: str, array: Array, loop: tuple[int, ...]) -> None:
    """Refuse weights or a mask that do not broadcast to the losses, or would enlarge them."""
    shape = tuple(array.shape)
    sizes = zip(reversed(shape), reversed(loop), strict=False)
    if len(shape) > len(loop) or any(known(a) and known(b) and a not in (1, b) for a, b in sizes):
        raise ValueError(
            f"{name}: {key} of shape {shape} does not fit the losses of shape {loop}: it is broadcast to that shape and "
            "may not enlarge it"
        )


def spread(xp: Namespace, array: Array, pred: Array, loop: tuple[int, ...]) -> Array:
    """Broadcast an array to the loop shape; a lazy library that does not know it finds out by adding zeros of that shape."""
    if all(map(known, loop)):
        return xp.broadcast_to(array, loop)
    return array + xp.astype(xp.zeros_like(pred), array.dtype)


def loop_axes(name: str, axis: Any, loops: int) -> tuple[int, ...] | None:
    """Give the loop axes to reduce as numbers from 0, or None for all."""
    if axis is None:
        return None
    axes = [int(a) if isinstance(a, Integral) else loops for a in (axis if isinstance(axis, tuple) else (axis,))]
    if not all(-loops <= a < loops for a in axes):
        raise ValueError(f"{name}: axis={axis!r} names no axis, or not only axes, of the losses, which have {loops}")
    normal = tuple(a % loops for a in axes)
    if len(set(normal)) != len(normal):
        raise ValueError(f"{name}: axis={axis!r} names an axis twice")
    return normal
