"""Arrays whose memory is a file."""

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ...typing import Array


class _Place(NamedTuple):
    """The part of a file that an array covers."""

    path: str
    start: int
    stop: int


def share_a_file(one: Array, other: Array) -> bool:
    """Return whether two arrays cover a part of a file together, each by its own memmap."""
    places = _place(one), _place(other)
    first, second = places
    return (
        first is not None
        and second is not None
        and first.path == second.path
        and first.start < second.stop
        and second.start < first.stop
    )


def _place(array: Array) -> _Place | None:
    """Return the part of a file that is the memory of an array; None if there is none."""
    root: Any = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    if not isinstance(root, np.memmap) or root.filename is None or root.mode == "c":
        return None
    low, high = byte_bounds(array)
    ahead = root.offset - root.__array_interface__["data"][0]
    return _Place(os.path.realpath(root.filename), low + ahead, high + ahead)
