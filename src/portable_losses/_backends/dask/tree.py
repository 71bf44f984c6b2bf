"""Sums over chunks, merged in a tree of tasks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import product
from operator import add
from typing import Any

import dask.array
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from ...typing import Array

_TOGETHER = 16
"""How many sums a task adds up."""

_NOTHING = -5000
"""The exponent of weights that are all 0: smaller than that of any number."""


@dataclass(frozen=True, slots=True)
class Sums:
    """The sum of weighted losses, and that of the weights, each times a power of two."""

    total: Any
    weight: Any
    exponent: Any = 0

    def __add__(self, other: "Sums") -> "Sums":
        one, two = self, other
        exponent: Any = 0
        if np.any(one.exponent != two.exponent):
            exponent = np.maximum(one.exponent, two.exponent)
            one, two = one._to(exponent), two._to(exponent)
        return Sums(one.total + two.total, one.weight + two.weight, one.exponent)

    def _to(self, exponent: Any) -> "Sums":
        """Return the same sums with another exponent."""
        shift = self.exponent - exponent
        return Sums(np.ldexp(self.total, shift), np.ldexp(self.weight, shift), exponent)


def scaled(
    given: Mapping[str, Any], axes: tuple[int, ...], loops: int
) -> tuple[dict[str, Any], Any]:
    """Return arguments with weights of a usual size, and the exponents of what divides them.

    Only their ratios matter to a mean, and their products with losses could over- or underflow.
    """
    found: dict[str, Any] = dict(given)
    exponent: Any = 0
    for key in ("weights", "class_weights"):
        weights = given.get(key)
        if not isinstance(weights, np.ndarray) or weights.dtype != np.float64 or not weights.size:
            continue
        ahead = loops - weights.ndim
        own = tuple(a - ahead for a in axes if a >= ahead) if key == "weights" else (0,)
        largest = np.max(weights, axis=own, keepdims=True)
        usual = (largest > 1e-15) & (largest < 1e15) | ~np.isfinite(largest)
        if np.all(usual):
            continue
        power = np.where(usual, 0, np.where(largest > 0, np.frexp(largest)[1], _NOTHING))
        found[key] = np.ldexp(weights, -power)
        full = power.reshape((1,) * ahead + power.shape)
        exponent = exponent + (full.max() if key != "weights" else np.squeeze(full, axis=axes))
    return found, exponent


def merged(parts: Array, place: int, axes: Collection[int], name: str) -> Array:
    """Return the sums of one of the parts over the chunks along axes, as an array of the others."""
    return _tree(parts, axes, f"{name}-{place}", partial(_added, place), _all_added)


def merged_rows(taken: Array, axes: Collection[int], name: str) -> Array:
    """Return the sums of whole rows, lists of arrays, from those of the chunks along axes."""
    return _tree(taken, axes, f"{name}-rows", added, added)


def _tree(
    parts: Array,
    axes: Collection[int],
    name: str,
    start: Callable[..., Any],
    add_up: Callable[..., Any],
) -> Array:
    """Merge chunks along axes, a few at a time: chunks by `start`, and the results by `add_up`."""
    kept = [i for i in range(parts.ndim) if i not in axes]
    key = f"{name}-sum-{tokenize(parts.name, name, sorted(axes))}"
    graph: dict[Any, Any] = {}
    for index in product(*(range(parts.numblocks[i]) for i in kept)):
        of_kept = dict(zip(kept, index, strict=True))
        every = product(
            *([of_kept[i]] if i in of_kept else range(n) for i, n in enumerate(parts.numblocks))
        )
        keys: list[Any] = [(parts.name, *block) for block in every]
        level = 0
        function = start
        while len(keys) > _TOGETHER:
            groups = [keys[n : n + _TOGETHER] for n in range(0, len(keys), _TOGETHER)]
            keys = [(f"{key}-{level}", *index, n) for n in range(len(groups))]
            graph |= {k: (function, group) for k, group in zip(keys, groups, strict=True)}
            level, function = level + 1, add_up
        graph[key, *index] = (function, keys)
    layers = HighLevelGraph.from_collections(key, graph, dependencies=[parts])
    chunks = tuple(parts.chunks[i] for i in kept)
    meta = np.empty([0] * len(kept), object)
    return dask.array.Array(layers, key, chunks, dtype=object, meta=meta)


def _added(place: int, parts: Sequence[Sequence[Any]]) -> Any:
    return reduce(add, (part[place] for part in parts))


def _all_added(sums: Sequence[Any]) -> Any:
    return reduce(add, sums)


def added(parts: Sequence[Sequence[Array]]) -> list[Array]:
    """Add up the sums of pieces of rows."""
    return [reduce(add, each) for each in zip(*parts, strict=True)]


def listed(*sums: Array) -> list[Array]:
    """Return the sums of rows as a list."""
    return list(sums)
