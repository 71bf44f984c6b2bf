"""The task of a chunk of Dask: NumPy evaluates the loss, or takes the sums of pieces of rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...typing import Array
from ..numpy import backend as numpy
from .tree import Sums, scaled


@dataclass(frozen=True)
class Chunk:
    """The task of a chunk."""

    piece: Any
    """What evaluates a loss on a part of the arrays; the engine makes it."""
    orders: tuple[int, ...]
    dtypes: Mapping[str, Any]
    """The dtypes of the arguments that are arrays, in the order of the blocks."""
    given: Mapping[str, Any]
    """The other arguments."""
    sums: bool
    """Whether the losses are added up."""
    scaled: tuple[int, ...] | None
    """The loop axes of a mean with weights."""
    shared: frozenset[int]
    """Which parts are sums over chunks: gradients of what losses share."""
    count: int
    """What divides gradients: the number of losses of a mean, or 1."""
    checked: bool

    def taken(self, *blocks: Any) -> list[Array]:
        """Return the next sums that the formula takes of a chunk of rows.

        The last block may hold those of the rounds before, of whole rows.
        """
        given, known = self._arguments(blocks), blocks[len(self.dtypes) :]
        with self._noted(given):
            found: list[Array] = self.piece.sums(given, self.checked and not known, *known)
        return found

    def __call__(self, *blocks: Any) -> tuple[Any, ...]:
        """Evaluate a chunk; the last block may hold the sums of the whole rows."""
        given, known = self._arguments(blocks), blocks[len(self.dtypes) :]
        exponent: Any = 0
        if self.scaled is not None:
            given, exponent = scaled(given, self.scaled, self.piece.plan.loops)
        with self._noted(given):
            results = self.piece(self.orders, given, self.checked and not known, *known)
        parts: list[Any] = []
        for order, result in zip(self.orders, results, strict=True):
            if order == 0 and self.sums:
                total, weight = result
                parts.append(Sums(total, weight, exponent))
            elif order:
                parts += map(self._divided, result)
            else:
                parts += result if isinstance(result, tuple) else [result]
        return tuple(Sums(x, 0.0, exponent) if k in self.shared else x for k, x in enumerate(parts))

    def _arguments(self, blocks: Sequence[Any]) -> dict[str, Any]:
        read = [self._read(*each) for each in zip(self.dtypes, blocks, strict=False)]
        return {**self.given, **dict(zip(self.dtypes, read, strict=True))}

    @contextmanager
    def _noted(self, given: Mapping[str, Any]) -> Iterator[None]:
        """Add to an error which chunk it belongs to."""
        try:
            yield
        except Exception as error:
            shapes = ", ".join(f"{key} {given[key].shape}" for key in self.dtypes)
            error.add_note(f"{self.piece.name}: in a chunk with the shapes {shapes}")
            raise

    def _divided(self, gradient: Any) -> Any:
        """Divide a gradient, which is an array of its own, in place."""
        if self.count == 1:
            return gradient
        out = gradient if isinstance(gradient, np.ndarray) else None
        with np.errstate(all="ignore"):
            return np.divide(gradient, self.count, out=out)

    def _read(self, key: str, block: Any) -> Array:
        """Return a block as what Dask was told that it is."""
        array, dtype = block, self.dtypes[key]
        if type(block) is not np.ndarray:
            array = numpy.read(self.piece.name, key, block)
        if array.dtype == dtype:
            return array
        if not np.can_cast(array.dtype, dtype, "same_kind"):
            raise TypeError(
                f"{self.piece.name}: a chunk of {key} holds {array.dtype}, but Dask was told "
                f"{dtype}: state the right dtype where {key} is made, or pass "
                f"`{key}.map_blocks(np.asarray, dtype={array.dtype})`"
            )
        return array.astype(dtype)
