"""The option or the expression that was probably meant where shapes do not agree."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
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
    if levels and len(first) == 2 and other == first[1:]:
        return f"; the levels are the last axis: pass `{signature.arguments[0]}.T`"
    for cores in (each for each in ways if levels or len(each) < len(of_first)):
        for k, shape in _without_one(other):
            expression = f"{name}[{_index(k, len(other))}]"
            if shape in (first[:-1], first[: len(first) - len(of_first)]):
                return f"; pass `{expression}`"
            if options := _moved(signature, way, first, cores, shape):
                return f"; {_pass(options, f'`{expression}`')}"
    if signature.masked:
        for k, shape in _without_one(other):
            if hint := axis_of_labels(first, shape):
                return f"{hint} and `{name}[{_index(k, len(other))}]`"
    return ""


def fitting(signature: Signature, shapes: Sequence[Shape], axes: Callable[[str], int]) -> str:
    """Return the expressions with which shapes fit that do not, or nothing.

    One argument has an axis of size 1 too much or too few, or all lack their last axis. `axes`
    counts those of a core dimension, which are last.
    """
    names = signature.arguments
    for i in reversed(range(len(shapes))):
        for expression, shape in _near(names[i], shapes[i]):
            if _fit(signature, [*shapes[:i], shape, *shapes[i + 1 :]], axes):
                return f"; pass `{expression}`"
    lacking = [i for i in range(len(shapes)) if any(way[i] for way in signature.ways)]
    longer = [(*x, 1) if i in lacking else x for i, x in enumerate(shapes)]
    if _fit(signature, longer, axes):
        return f"; pass {' and '.join(f'`{names[i]}[..., None]`' for i in lacking)}"
    first, target = shapes[0], shapes[signature.target]
    rows = all("class" in way[signature.target] for way in signature.ways)
    if rows and first[:-1] == target:
        one_hot = f"{names[signature.target]}[..., None] == arange({first[-1]})"
        return f"; class labels become rows by `{one_hot}`"
    return ""


def _near(name: str, shape: Shape) -> Iterator[tuple[str, Shape]]:
    """Return the expressions for an array with one axis of size 1 less, or one more."""
    for k, fewer in _without_one(shape):
        yield f"{name}[{_index(k, len(shape))}]", fewer
    for k in range(len(shape) + 1):
        ahead = ", ".join([":"] * k + ["None"])
        yield f"{name}[{ahead}]", (*shape[:k], 1, *shape[k:])


def _fit(signature: Signature, shapes: Sequence[Shape], axes: Callable[[str], int]) -> bool:
    """Return whether shapes agree in one of the ways to call a loss."""
    return any(_agree(way, shapes, signature.common, axes) for way in signature.ways)


def _agree(
    way: Sequence[tuple[str, ...]],
    shapes: Sequence[Shape],
    common: Collection[int] = (),
    axes: Callable[[str], int] | None = None,
) -> bool:
    """Return whether loop axes and core dimensions agree, where core axes are last."""
    axes = axes or dict.fromkeys(chain(*way), 1).__getitem__
    sizes: dict[str, Shape] = {}
    for i, (cores, shape) in enumerate(zip(way, shapes, strict=True)):
        start = len(shape) - sum(map(axes, cores))
        if start < 0 or (i in common and start):
            return False
        if i not in common and sizes.setdefault("", shape[:start]) != shape[:start]:
            return False
        for core in cores:
            own = shape[start : start + axes(core)]
            start += axes(core)
            if sizes.setdefault(core, own) != own:
                return False
    return True


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
        moved = _behind(first, of_first, k)
        if _agree((of_first, cores), (moved, other)):
            return {f"{of_first[0]}_axis": k}
        if cores and _agree((of_first, cores), (moved, _behind(other, cores, k))):
            return {f"{of_first[0]}_axis": k, f"{cores[0]}_axis": k}
    return {}


def _behind(shape: Shape, cores: tuple[str, ...], place: int) -> Shape:
    """Return a shape with the axis at a place as the first of its core axes, which are last."""
    rest = (*shape[:place], *shape[place + 1 :])
    start = max(len(shape) - len(cores), 0)
    return (*rest[:start], *shape[place : place + 1], *rest[start:])


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
    """Return the expression for weights with axes of size 1 too many, or with the first axes."""
    for k, fewer in _without_one(shape):
        if fewer == loop:
            return f"; pass `{key}[{_index(k, len(shape))}]`"
    if not shape or shape != loop[: len(shape)]:
        return ""
    more = ", ".join([":"] * len(shape) + ["None"] * (len(loop) - len(shape)))
    return f"; pass `{key}[{more}]`"


def within_rows(signature: Signature, key: str, shape: Shape, loop: Shape) -> str:
    """Return what to pass for a mask with axes that only rows have."""
    if key != "where" or not signature.core or len(shape) <= len(loop):
        return ""
    lengths = [
        name
        for name, domain in zip(signature.arguments, signature.domains[0], strict=True)
        if domain.counted
    ]
    if not lengths:
        return f"; {signature.name} takes rows as a whole"
    example = f", such as `{lengths[0]}=where.sum(-1)`" if len(shape) == len(loop) + 1 else ""
    return f"; for padding pass {' and '.join(lengths)}{example}"


def spelled(message: str, read: Mapping[str, Any]) -> str:
    """Return a message whose expressions suit arguments that are no arrays, such as data frames."""
    for name, value in read.items():
        if array := default.expression(name, value):
            for then in (".", "["):
                message = message.replace(f"`{name}{then}", f"`{array}{then}")
            message = message.replace(f"({name}.shape)", f"({array}.shape)")
    return message
