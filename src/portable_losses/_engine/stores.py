"""Arrays in files that are read and written part by part, as those of Zarr and HDF5."""

from collections.abc import Iterable, Sequence
from typing import Any

from .._backends import default
from .._backends.labels import unlabelled
from .given import belongs_to_none

_OWN = default.own_types | {bool, float, int, str, tuple, type(None)}
"""The types of most arguments, which are not looked at."""


def is_stored(x: Any) -> bool:
    """Return whether an object is an array of no library, of which parts can be read."""
    kinds = ("chunks", "shape", "dtype")
    return all(hasattr(x, kind) for kind in kinds) and belongs_to_none(x) and unlabelled(x) is x


def holds_stored(values: Iterable[Any]) -> bool:
    """Return whether any of the arguments of a call is such an array."""
    for x in values:  # noqa: SIM110 (this is the fastest way for arrays of NumPy)
        if type(x) not in _OWN and is_stored(x):
            return True
    return False


def ghost(x: Any) -> Any:
    """Return an array of the shape and dtype of a stored one, which takes no memory."""
    if not is_stored(x):
        return x
    if not x.shape:
        return read(x)
    one = default.xp.zeros((), dtype=x.dtype)
    return default.xp.broadcast_to(one, tuple(x.shape))


def read(x: Any, index: tuple[slice, ...] | None = None) -> Any:
    """Read a part of an array, or all of it; return anything else than an array unchanged."""
    if is_stored(x):
        return default.xp.asarray(x[() if index is None or not x.shape else index])
    return x if index is None else x[index]


def pieces(x: Any) -> Sequence[int]:
    """Return the shape of the smallest part that is read at once."""
    return getattr(x, "chunks", None) or (1,) * len(x.shape)


def shards(x: Any) -> Sequence[int]:
    """Return the shape of the smallest part that is written at once: several pieces may be one."""
    return getattr(x, "shards", None) or pieces(x)


def is_read_only(x: Any) -> bool:
    """Return whether nothing can be written into an array, as far as it says."""
    if not hasattr(x, "__setitem__"):
        return True
    file = getattr(x, "file", None)
    return bool(getattr(x, "read_only", False)) or getattr(file, "mode", "r+") == "r"


def are_same(one: Any, other: Any) -> bool:
    """Return whether two objects are the same array in a file."""
    place = getattr(one, "store_path", None)
    if place is not None:
        return str(place) == str(getattr(other, "store_path", None))
    return one is other or (type(one) is type(other) and (one == other) is True)
