"""Each entry of a row against each other, some at a time: all pairs of long rows would take the memory of many rows."""

from collections.abc import Iterator

from ._elementary import row_sum
from .typing import Array, Axis, Namespace

_TOGETHER = 2**16
"""So many pairs are formed together on NumPy: as many as a block has numbers, which stay in the cache."""


def pieces(xp: Namespace, axis: Axis, rows: Array) -> Iterator[slice]:
    """Cut the entries of rows into pieces, each of which is held against all entries.

    There are at most 16 of them where they are traced, as many as it takes on NumPy.
    """
    entries = rows.shape[axis]
    size = max(1, _TOGETHER // max(1, rows.size)) if xp.__name__ == "numpy" else -(-entries // 16)
    return (slice(start, min(start + size, entries)) for start in range(0, entries, size))


def against(axis: Axis, rows: Array, piece: slice) -> tuple[Array, Array]:
    """Return a piece of the entries on an axis of its own, before that of the entries, and all of them, so that they broadcast."""
    if axis == 0:
        return rows[piece, None, ...], rows[None, ...]
    return rows[..., piece, None], rows[..., None, :]


def piece_axis(axis: Axis) -> int:
    """Return the axis along which a piece lies."""
    return 0 if axis == 0 else -2


def piece_sum(xp: Namespace, axis: Axis, pairs: Array) -> Array:
    """Add up, for each entry, its pairs with the entries of a piece, as `row_sum` does."""
    if xp.__name__ != "numpy":
        return xp.sum(pairs, axis=piece_axis(axis))
    return row_sum(xp, 0, xp.moveaxis(pairs, piece_axis(axis), 0))[0]
