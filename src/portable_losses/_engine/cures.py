"""The option or the expression that was probably meant where shapes do not agree."""

from collections.abc import Iterator, Mapping
from typing import Any

from .._backends import default
from ..typing import PerLabel
from .signature import Signature

Shape = tuple[int, ...]


def cure(signature: Signature, way: int, i: int, first: Shape, other: Shape) -> str:
    """Return what to do if the shape of an argument does not fit that of the first, or nothing."""
    name, of_first = signature.arguments[i], signature.ways[way][0]
    if i in signature.common:
        sizes = dict(zip(of_first, first[-len(of_first) :], strict=True))
        known = [sizes.get(axis) for axis in signature.ways[way][i]]
        fits = len(other) == len(known) and all(
            want in (None, size) for want, size in zip(known, other[::-1], strict=True)
        )
        return f"; pass `{name}.T`" if fits else ""
    if [n for n in first if n != 1] == [n for n in other if n != 1]:
        reshaped = f"pass `{name}.reshape({signature.arguments[0]}.shape)`"
        return f"; broadcasting would pair every element with every other: {reshaped}"
    if len(first) == len(other) == 2 and first == other[::-1]:
        return f"; is {name} transposed?"
    ways = dict.fromkeys(each[i] for each in signature.ways)
    for cores in ways:
        if options := _moved(signature, way, first, cores, other):
            return f"; {_pass(options)}"
    levels = any(
        each.sequence and PerLabel() not in each.constraints
        for each in signature.parameters.values()
    )
    for cores in (each for each in ways if levels or len(each) < len(of_first)):
        for k, shape in _without_one(other):
            expression = f"{name}[{_index(k, len(other))}]"
            if shape in (first[:-1], first[: len(first) - len(of_first)]):
                return f"; pass `{expression}`"
            if options := _moved(signature, way, first, cores, shape):
                return f"; {_pass(options, f'`{expression}`')}"
    return ""


def axis_of_labels(first: Shape, other: Shape) -> str:
    """Return the option for class labels that lack one axis of the predictions, or nothing."""
    for k in range(len(first)):
        if len(first) > 1 and (*first[:k], *first[k + 1 :]) == other:
            return f"; for class labels pass `class_axis={k}`"
    return ""


def _moved(
    signature: Signature, way: int, first: Shape, cores: tuple[str, ...], other: Shape
) -> dict[str, int]:
    """Return the options with which the loop axes agree, if the first core axis is elsewhere."""
    of_first = signature.ways[way][0]
    for k in range(len(first) - 1) if of_first else ():
        if k == len(first) - len(of_first):
            continue  # where it is by default
        left = _loop(first, of_first, k)
        if left == _loop(other, cores, None):
            return {f"{of_first[0]}_axis": k}
        same = cores[:1] != of_first[:1] or other[k : k + 1] == first[k : k + 1]
        if cores and same and left == _loop(other, cores, k):
            return {f"{of_first[0]}_axis": k, f"{cores[0]}_axis": k}
    return {}


def _loop(shape: Shape, cores: tuple[str, ...], place: int | None) -> Shape | None:
    """Return the loop axes of a shape: without its last axes, the first of which is at a place."""
    if len(shape) < len(cores):
        return None
    if place is None:
        return shape[: len(shape) - len(cores)]
    rest = (*shape[:place], *shape[place + 1 :])
    return rest[: len(rest) - len(cores) + 1]


def _without_one(shape: Shape) -> Iterator[tuple[int, Shape]]:
    """Return the axes of size 1, the last one first, and the shape without each."""
    for k in reversed(range(len(shape))):
        if shape[k] == 1:
            yield k, (*shape[:k], *shape[k + 1 :])


def _index(k: int, ndim: int) -> str:
    return "..., 0" if k == ndim - 1 and ndim > 2 else ", ".join([":"] * k + ["0"])


def _pass(options: dict[str, int], *expressions: str) -> str:
    given = ", ".join(f"{key}={place}" for key, place in options.items())
    return f"pass {' and '.join((*expressions, f'`{given}`'))}"


def weights_along(key: str, shape: Shape, loop: Shape) -> str:
    """Return the expression for weights that have the first axes of the losses."""
    if not shape or shape != loop[: len(shape)]:
        return ""
    more = ", ".join([":"] * len(shape) + ["None"] * (len(loop) - len(shape)))
    return f"; pass `{key}[{more}]`"


def spelled(message: str, read: Mapping[str, Any]) -> str:
    """Return a message whose expressions suit arguments that are no arrays, such as data frames."""
    for name, value in read.items():
        if array := default.expression(name, value):
            for then in (".", "["):
                message = message.replace(f"`{name}{then}", f"`{array}{then}")
            message = message.replace(f"({name}.shape)", f"({array}.shape)")
    return message
