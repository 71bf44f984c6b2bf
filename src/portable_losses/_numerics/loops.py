"""Loops of formulas: steps along an axis, and all pairs of entries, piece by piece."""

from collections.abc import Callable, Iterator

from ..typing import Array, Axis, Namespace
from .namespace import building_block

Arrays = tuple[Array, ...]

Stepped = tuple[Arrays, Arrays]
"""The result of a step. It has a name because some compilers cannot subscript a type where a step
is defined."""

Step = Callable[[Arrays, Arrays], Stepped]
"""A step: from the carried arrays and the entries of this step to the next carried arrays and the
results."""

_MOST_PIECES = 16


@building_block
def scan(
    xp: Namespace,
    step: Step,
    carried: Arrays,
    sequences: Arrays,
    *,
    reverse: bool = False,
    remember: bool = True,
) -> Stepped:
    """Take a step for each entry of the sequences, along their first axis.

    Parameters
    ----------
    xp : namespace
        The namespace of the arrays.
    step : callable
        ``carried, results = step(carried, entries)``. Carried arrays keep their shapes and dtypes.
        The results have the same shapes and dtypes at each step.
    carried : tuple of arrays
        The start of the first step.
    sequences : tuple of arrays
        One entry for each step, at least one.
    reverse : bool, default False
        Whether the last entry comes first.
    remember : bool, default True
        Whether autodiff keeps the intermediate arrays of a step. If False it repeats the step,
        which needs less memory where steps are few and large.

    Returns
    -------
    carried : tuple of arrays
        The result of the last step.
    results : tuple of arrays
        The results of all steps, along a new first axis, in the order of the entries.
    """
    number = sequences[0].shape[0]
    steps = []
    for i in range(number)[::-1] if reverse else range(number):
        carried, results = step(carried, tuple(sequence[i, ...] for sequence in sequences))
        steps.append(results)
    ordered = steps[::-1] if reverse else steps
    return carried, tuple(xp.stack(results) for results in zip(*ordered, strict=True))


@building_block
def pieces(xp: Namespace, rows: Array, axis: Axis) -> Iterator[slice]:
    """Cut the entries of rows into pieces, for the pairs of each piece with all entries.

    There are at most 16 pieces, because a compiler traces each of them.
    """
    entries = rows.shape[axis]
    return cut(entries, -(-entries // _MOST_PIECES))


def cut(entries: int, size: int) -> Iterator[slice]:
    """Cut a number of entries into slices of a size."""
    return (slice(start, min(start + size, entries)) for start in range(0, entries, size))


def against(rows: Array, piece: slice, axis: Axis) -> tuple[Array, Array]:
    """Return a piece of the entries on a new first axis, and all entries: the two broadcast."""
    if axis == 0:
        return rows[piece, None, ...], rows[None, ...]
    return rows[..., piece, None], rows[..., None, :]


def piece_axis(axis: Axis) -> int:
    """Return the axis along which a piece lies."""
    return 0 if axis == 0 else -2


@building_block
def piece_sum(xp: Namespace, pairs: Array, axis: Axis) -> Array:
    """Add up, for each entry, its pairs with the entries of a piece."""
    return xp.sum(pairs, axis=piece_axis(axis))
