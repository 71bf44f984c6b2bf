"""Boxes: parts of the arrays of a call that are read, evaluated and written one after the other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import ceil, lcm, prod
from typing import NamedTuple

from .labelled import Role

TOGETHER = 2**24
"""Bytes of the predictions that are read together, if a chunk is not larger."""

Box = Mapping[Role, slice]
"""The part of each axis that is cut."""


class Grid(NamedTuple):
    """The boxes of a call: a chunk of each file is in one of them."""

    sizes: Mapping[Role, int]
    """The sizes of the axes that are cut."""
    steps: Mapping[Role, int]
    """Those of a box."""
    bytes: int
    """The bytes of a box of the predictions."""

    @property
    def fits(self) -> bool:
        """Whether a box is as small as it should be."""
        return self.bytes <= TOGETHER

    def boxes(self, roles: Iterable[Role] | None = None) -> list[Box]:
        """Return all boxes in the order of the axes; the last one varies fastest."""
        kept = [role for role in self.sizes if roles is None or role in roles]
        return [dict(zip(kept, box, strict=True)) for box in product(*map(self._cuts, kept))]

    def is_cut(self, roles: Iterable[Role]) -> bool:
        """Return whether there is more than one box along some axes."""
        return any(self.steps.get(role, 1) < self.sizes.get(role, 0) for role in roles)

    def _cuts(self, role: Role) -> Iterator[slice]:
        size, step = self.sizes[role], self.steps[role]
        return (slice(start, min(start + step, size)) for start in range(0, size, step))


def grid(
    sizes: Mapping[Role, int],
    least: Sequence[Mapping[Role, int]],
    liked: Sequence[Mapping[Role, int]],
    itemsize: int,
) -> Grid:
    """Return boxes of whole pieces, and of as many as may be read together, last axes first.

    Parameters
    ----------
    sizes : mapping
        The sizes of the axes that are cut, in the order in which they lie in memory.
    least, liked : sequence of mappings
        The sizes of pieces that a box must not cut, and of those that it had better not cut.
    itemsize : int
        The bytes of an element of all cut axes.
    """
    steps = {role: min(_common(least, role), n) or 1 for role, n in sizes.items()}
    room = TOGETHER // max(1, itemsize * prod(steps.values()))
    for role in reversed(list(sizes)):
        step, number = steps[role], max(1, ceil(sizes[role] / steps[role]))
        if number > room:
            number = max(1, room)
            together = lcm(step, _common(liked, role)) // step
            number -= number % together if number > together else 0
        steps[role] = step * number
        room //= number
    return Grid(sizes, steps, itemsize * prod(steps.values()))


def _common(pieces: Sequence[Mapping[Role, int]], role: Role) -> int:
    """Return the smallest size that is a whole number of each of some pieces."""
    return lcm(*(x.get(role, 1) for x in pieces))


def sizes_of(roles: Sequence[Role], shape: Sequence[int]) -> dict[Role, int]:
    """Return the sizes of axes by their roles; one that is broadcast has none."""
    return {role: n for role, n in zip(roles, shape, strict=True) if n != 1}
