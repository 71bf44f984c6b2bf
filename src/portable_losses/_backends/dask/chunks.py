"""The chunks of Dask: in one task each, NumPy evaluates the whole loss, with weights and options.

A task returns a tuple with the parts of all results. Sums are merged in a tree of tasks; what
belongs to single losses, such as a gradient, is taken out of the tuple.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from operator import attrgetter
from typing import Any

import dask.array
import numpy as np
from dask.base import tokenize

from ..._numerics.standard import known
from ...typing import Array
from ..numpy import backend as numpy
from .results import Gradient, Own, Value, only_sums
from .task import Chunk
from .tree import listed, merged, merged_rows


class Chunks:
    """A call on Dask: the roles of the axes of its arrays, and the lazy arrays of its results.

    Parameters
    ----------
    request : Request
        What is asked for.
    layout : Layout
        The checked shapes.
    """

    def __init__(self, request: Any, layout: Any) -> None:
        self.request, self.layout, self.plan = request, layout, request.plan
        self.name = self.plan.formulas.name
        self.predicted = self.plan.signature.predicted
        given = request.named()
        self.arrays = {key: x for key, x in given.items() if isinstance(x, dask.array.Array)}
        self.rest = {key: x for key, x in given.items() if key not in self.arrays}
        self.roles = {key: request.roles(key) for key in self.arrays}
        if self.plan.absent and not self.cut:
            self.arrays.pop("where", None)  # a chunk finds it from the mask of the entries
        loops = self.plan.loops
        self.loop = [("", i - loops + 1) for i in range(loops)]
        axes = range(loops) if layout.axis is None else layout.axis
        self.axes = () if layout.reduction == "none" else tuple(axes)
        self.sums = layout.reduction != "none" and (bool(axes) or not loops)
        """Whether losses are added up over chunks."""
        self.mean = self.sums and layout.reduction == "mean"
        self.finish = layout.finish if self.sums else None
        self.count = None if layout.weighted else layout.count
        self.waits = self.finish is not None or (self.mean and self.count is None)
        """Whether gradients need the sums over all chunks."""
        self.wide = np.result_type(self.plan.dtype, np.float64)

    def fit(self) -> bool:
        """Return whether NumPy can evaluate each chunk apart.

        What losses of several groups share has a gradient from all groups, each with its divisor.
        """
        if self.layout.void or not all(type(x._meta) is np.ndarray for x in self.arrays.values()):
            return False
        groups = self.waits and len(self.axes) < self.plan.loops and any(self.request.orders)
        return not (groups and any(axes is not None for axes in self.gathered))

    @cached_property
    def gathered(self) -> list[tuple[int, ...] | None]:
        """For each prediction the loop axes along which losses share it, None if they do not."""
        loops, found = self.plan.loops, []
        for i, own in zip(self.predicted, self.layout.shared, strict=True):
            axes: tuple[int, ...] | None = None
            if i in self.plan.signature.common:
                axes = tuple(range(loops))
            elif own is not None:
                lead = loops - len(own)
                alone = (lead + k for k, size in enumerate(own) if known(size) and size == 1)
                axes = (*range(lead), *alone)
            found.append(axes)
        return found

    def results(self) -> list[Any]:
        """Return for each order the reduced value, or a list of gradients; all are lazy."""
        asked: tuple[int, ...] = self.request.orders
        orders = (0, *asked) if self.waits and 0 not in asked else asked
        chunk = self._chunk(orders)
        self._try(chunk)
        self._check_chunks()
        if self.cut:
            values, gradients = self._from_sums(chunk)
            small = values
        else:
            values = gradients = self._every(chunk, self.loop, self.arrays)
            small = self._small(values, orders)
        sums = merged(small, 0, self.axes, self.name) if self.sums and 0 in orders else None
        results: list[Any] = []
        place = 0
        for order in orders:
            if order:
                results.append(
                    [self._gradient(gradients, small, place + k, k, sums) for k in self._each()]
                )
                place += len(self.predicted)
                continue
            results.append(self._value(values, sums))
            place += 2 if isinstance(results[0], tuple) and sums is None else 1
        return results if orders == asked else results[1:]

    def _small(self, every: Array, orders: tuple[int, ...]) -> Array:
        """Return the parts that are sums, without gradients that would be sent along with them."""
        if not any(orders) or all(axes is not None for axes in self.gathered):
            return every
        return self._mapped(only_sums, self.loop, (every, self.loop), what="sums", dtype=object)

    def _each(self) -> range:
        return range(len(self.predicted))

    def _chunk(self, orders: tuple[int, ...]) -> Chunk:
        """Return the task of a chunk."""
        plan, number = self.plan, len(self.predicted)
        start = 0 if 0 not in orders else 2 if self.layout.in_parts and not self.sums else 1
        shared = [k for k in self._each() if self.gathered[k] is not None]
        turns = range(start, start + number * sum(map(bool, orders)), number)
        own = [plan.dtype] * number if self.sums else plan.results
        piece = self.request.piece(
            numpy,
            parts=self.sums,
            dtype=np.dtype(plan.dtype),
            results=[self.wide if k in shared else np.dtype(own[k]) for k in self._each()],
        )
        return Chunk(
            piece,
            orders,
            {key: x.dtype for key, x in self.arrays.items()},
            self.rest,
            self.sums,
            self.axes if self.mean and self.layout.weighted else None,
            frozenset(turn + k for turn in turns for k in shared),
            (self.count or 1) if self.mean else 1,
            self.request.demanded,
        )

    @cached_property
    def cut(self) -> list[Any]:
        """The axes of rows in several chunks, whose entries meet only in sums."""
        sums = self.plan.signature.sums
        if not sums or any(axes is not None for axes in self.gathered):
            return []
        axes = [
            (role, chunks)
            for key, x in self.arrays.items()
            for role, chunks in zip(self.roles[key], x.chunks, strict=True)
            if role[0] == sums
        ]
        if not all(known(size) for _, chunks in axes for size in chunks):
            return []  # it cannot be said which chunk has the first entry
        cut = any(len(chunks) > 1 for _, chunks in axes)
        return sorted({role for role, _ in axes}) if cut else []

    def _from_sums(self, chunk: Chunk) -> tuple[Any, Any]:
        """Return the parts of losses and of gradients, from the sums of rows in several chunks.

        There is one task per chunk for the sums, and one for the gradient. One entry of each row
        has its loss, if the sums are known.
        """
        pieces, values, gradients = [*self.loop, *self.cut], None, None
        rows = self._rows(chunk)
        if 0 in chunk.orders:
            first = {
                key: x[tuple(slice(1 if role in self.cut else None) for role in self.roles[key])]
                for key, x in self.arrays.items()
            }
            values = self._every(replace(chunk, orders=(0,)), self.loop, first, rows)
        if any(chunk.orders):
            gradients = self._every(chunk, pieces, self.arrays, rows)
        return values, gradients

    def _rows(self, chunk: Chunk) -> Array:
        """Return the array whose chunks are lists of the sums of rows."""
        rows = self._round(chunk)
        for _ in self._rounds(chunk)[1:]:
            pair = (rows, self.loop), (self._round(chunk, rows), self.loop)
            rows = self._mapped(chunk.piece.with_next, self.loop, *pair, what="sums", dtype=object)
        return rows

    def _round(self, chunk: Chunk, *known: Array) -> Array:
        """Return the array whose chunks are lists of the next sums of rows."""
        given = [(x, self.roles[key]) for key, x in self.arrays.items()]
        given += [(x, self.loop) for x in known]
        pieces = [*self.loop, *self.cut]
        taken = self._mapped(chunk.taken, pieces, *given, what="sums", dtype=object)
        return merged_rows(taken, range(len(self.loop), len(pieces)), self.name)

    def _rounds(self, chunk: Chunk) -> list[list[Array]]:
        """Return the sums that are taken of no entries, round by round."""
        nothing = self._of_size_0(("", self.plan.signature.sums))
        if not nothing:
            raise ValueError(
                f"{self.name}: the sizes of some chunks are unknown; call `compute_chunk_sizes()`"
            )
        rounds: list[list[Array]] = chunk.piece.rounds(partial(chunk.taken, *nothing))
        return rounds

    def sums_of_pieces(self) -> list[Array]:
        """Return the next sums of rows, if the arrays are pieces of them."""
        chunk, known = self._chunk((0,)), self.request.sums or ()
        rows = self._round(chunk, *([self._listed(known)] if known else []))
        rounds, number = self._rounds(chunk), len(known[:-1])
        while number > 0 and len(rounds) > 1:
            number -= len(rounds.pop(0)) - 1
        found = []
        for k, like in enumerate(rounds[0]):
            inner = {("sum", i): size for i, size in enumerate(like.shape[self.plan.loops :])}
            index = [*self.loop, *inner]
            given = rows, self.loop
            found.append(
                self._mapped(Own(k), index, given, what="sums", dtype=like.dtype, new=inner)
            )
        return found

    def _listed(self, sums: Sequence[Array]) -> Array:
        """Return the array whose chunks are lists of the sums of rows."""
        loops = self.plan.loops
        pairs = [
            (x, [*self.loop, *((k, i) for i in range(x.ndim - loops))]) for k, x in enumerate(sums)
        ]
        return self._mapped(listed, self.loop, *pairs, what="sums", dtype=object)

    def _every(
        self, chunk: Chunk, index: list[Any], arrays: Mapping[str, Array], *rows: Array
    ) -> Array:
        """Return the array whose chunks are tuples with the parts of all results."""
        plan = self.plan
        settings = (
            chunk.orders,
            plan.way,
            plan.reduction,
            plan.axis,
            plan.parameters,
            plan.options,
        )
        token = tokenize(plan.formulas.loss, settings, chunk.checked, self.rest, arrays)
        return self._mapped(
            chunk,
            index,
            *((x, self.roles[key]) for key, x in arrays.items()),
            *((x, self.loop) for x in rows),
            name=f"{self.name}-{token}",
            dtype=object,  # tuples, which blockwise does not inspect
        )

    def _try(self, chunk: Chunk) -> None:
        """Evaluate no losses, so that an error of the formula is raised now, if that is cheap."""
        blocks = self._of_size_0(("",))
        if any(block.size == 0 for block in blocks):
            chunk(*blocks)

    def _of_size_0(self, cores: Collection[str]) -> list[Any]:
        """Return arrays like those of the call, where the axes of some roles have size 0.

        There are none if another size is unknown.
        """
        blocks = []
        for key, x in self.arrays.items():
            pairs = zip(self.roles[key], x.shape, strict=True)
            shape = [0 if core in cores and size != 1 else size for (core, _), size in pairs]
            if not all(map(known, shape)):
                return []
            blocks.append(np.broadcast_to(np.ones((), x.dtype), shape))
        return blocks

    def _check_chunks(self) -> None:
        """Refuse chunks of unknown sizes if there are not as many of them in each array."""
        found: dict[Any, tuple[str, int, bool]] = {}
        for key, x in self.arrays.items():
            for role, sizes in zip(self.roles[key], x.chunks, strict=True):
                number, certain = len(sizes), all(map(known, sizes))
                first, others, both = found.setdefault(role, (key, number, certain))
                if sizes == (1,):
                    continue
                if number != others and not (certain and both) and max(number, others) > 1:
                    raise ValueError(
                        f"{self.name}: {first} has {others} chunks along an axis, {key} has "
                        f"{number}, and not all of their sizes are known; call "
                        f"`compute_chunk_sizes()` of both, or make their chunks alike"
                    )

    def _mapped(
        self,
        function: Callable[..., Any],
        index: list[Any],
        *arrays: tuple[Array, list[Any]],
        what: str = "",
        name: str | None = None,
        dtype: Any,
        new: Mapping[Any, Any] | None = None,
        concatenate: bool = True,
    ) -> Array:
        """Return the array of what a function makes of chunks, with the roles of its axes."""
        number: dict[Any, int] = {}
        for role in chain(index, *(roles for _, roles in arrays)):
            number.setdefault(role, len(number))
        mapped: Array = dask.array.blockwise(
            function,
            [number[role] for role in index],
            *chain(*((x, [number[role] for role in roles]) for x, roles in arrays)),
            name=name,
            token=f"{self.name}-{what}",
            new_axes={number[role]: size for role, size in (new or {}).items()},
            concatenate=concatenate,
            dtype=dtype,
            meta=np.empty([0] * len(index), dtype),
        )
        return mapped

    def _value(self, every: Array, sums: Array | None) -> Any:
        """Return the value, or the two sums of a partial result."""
        wanted: Sequence[Callable[..., Any]]
        kept, source = (self.loop, every) if sums is None else (self._kept(), sums)
        dtype = self.wide if self.layout.in_parts else np.dtype(self.plan.result)
        if sums is None:
            wanted = [Own(0), Own(1)][: 1 + self.layout.in_parts]
        elif self.layout.in_parts:
            wanted = [attrgetter("total"), attrgetter("weight")]
        else:
            wanted = [Value(self.mean, self.finish, dtype)]
        found = [self._mapped(of, kept, (source, kept), what="value", dtype=dtype) for of in wanted]
        return tuple(found) if self.layout.in_parts else found[0]

    def _kept(self) -> list[Any]:
        return [role for i, role in enumerate(self.loop) if i not in self.axes]

    def _gradient(
        self, every: Array, small: Array, place: int, k: int, sums: Array | None
    ) -> Array:
        """Return the gradient with respect to a prediction, in its shape and dtype."""
        key, dtype = self.plan.signature.arguments[self.predicted[k]], self.plan.results[k]
        like = self.arrays.get(key)
        roles = [] if like is None else self.roles[key]
        axes, source, of = self.gathered[k], every, [*self.loop, *self.cut]
        if axes is not None:
            source = merged(small, place, axes, self.name)
            of = [role for i, role in enumerate(self.loop) if i not in axes]
        kept = self._kept()
        gradient = Gradient(
            None if axes is not None else place,
            self.mean and self.count is None,
            self.finish,
            self.mean,
            tuple(slice(None) if role in kept else None for role in roles),
            np.dtype(dtype),
        )
        sizes = {} if like is None else dict(zip(roles, like.shape, strict=True))
        new = {role: n if known(n) else (np.nan,) for role, n in sizes.items() if role not in of}
        others = [(sums, kept)] if self.waits and sums is not None else []
        return self._mapped(
            gradient, roles, (source, of), *others, what="grad", dtype=dtype, new=new
        )
