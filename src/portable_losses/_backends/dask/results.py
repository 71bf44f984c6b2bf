"""The results of a call on Dask, from the parts that the tasks of the chunks returned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._numerics.elementwise import chained
from ...typing import Array
from ..numpy import backend as numpy
from .tree import Sums

Finish = Callable[..., tuple[Array, Array]]


def only_sums(parts: Sequence[Any]) -> tuple[Any, ...]:
    """Return the parts of a chunk without those that are no sums."""
    return tuple(x if isinstance(x, Sums) else None for x in parts)


@dataclass(frozen=True)
class Own:
    """One of the parts of a chunk."""

    place: int

    def __call__(self, parts: Sequence[Any]) -> Any:
        """Return the part."""
        return parts[self.place]


@dataclass(frozen=True)
class Value:
    """The reduced loss."""

    mean: bool
    finish: Finish | None
    dtype: Any

    @np.errstate(all="ignore")
    def __call__(self, sums: Sums) -> Any:
        """Return the value of all losses that were added up."""
        value, _ = reduced(sums, self.mean, self.finish)
        return np.asarray(value).astype(self.dtype)


def reduced(sums: Sums, mean: bool, finish: Finish | None) -> tuple[Array, Array | None]:
    """Return the reduced loss, and the derivative of a function of it."""
    value = (
        numpy.xp.mean_of(sums.total, sums.weight) if mean else np.ldexp(sums.total, sums.exponent)
    )
    return (value, None) if finish is None else finish(numpy.xp, value)


@dataclass(frozen=True)
class Gradient:
    """The gradient of the reduced loss, from that of the sum of a chunk."""

    place: int | None
    """Where it is among the parts; None for one that was added up over chunks."""
    divided: bool
    """Whether the sum of the weights divides it."""
    finish: Finish | None
    mean: bool
    index: tuple[Any, ...]
    """What gives an array with the axes that are kept the axes of the gradient."""
    dtype: Any

    @np.errstate(all="ignore")
    def __call__(self, parts: Any, sums: Sums | None = None) -> Array:
        """Return the gradient of a chunk; `sums` are those of all chunks that are reduced."""
        own = parts if self.place is None else parts[self.place]
        exponent = 0 if sums is None else parts.exponent if own is parts else parts[0].exponent
        gradient = own.total if isinstance(own, Sums) else own
        if sums is not None and self.divided:
            weight = np.where(sums.weight == 0, 1, sums.weight).astype(gradient.dtype)
            gradient = gradient / self._spread(weight)
            shift = np.asarray(exponent - sums.exponent)
            if np.any(shift):
                gradient = np.ldexp(gradient, self._spread(shift))
        if sums is not None and self.finish is not None:
            _, slope = reduced(sums, self.mean, self.finish)
            slope = self._spread(np.asarray(slope).astype(gradient.dtype))
            gradient = chained(numpy.xp, gradient, slope)
        return np.asarray(gradient).astype(self.dtype, copy=False)

    def _spread(self, x: Array) -> Array:
        return x[self.index] if np.ndim(x) else x
