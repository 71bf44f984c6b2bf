"""An evaluation box by box: arrays in files are read, evaluated and written part by part."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import Any

from .._backends import NUMBER, default, shown
from .._numerics.elementwise import chained
from ..typing import Array, Namespace
from .boxes import Box, Grid, grid, sizes_of
from .evaluate import Request
from .formulas import Orders
from .labelled import Role
from .signature import KEEP
from .stores import is_stored, pieces, read, shards

_ALL = slice(None)


class Boxwise:
    """An evaluation box by box.

    If a box holds pieces of rows, whose entries meet only in sums, the sums of all pieces come
    first: losses and gradients follow from them.

    Parameters
    ----------
    request : Request
        What is asked for, of arrays that have the shapes of the sources.
    sources : mapping
        The arrays, of which parts are read, and the numbers among the arguments.
    outputs : sequence, optional
        The arrays for the results.
    """

    def __init__(
        self, request: Request, sources: Mapping[str, Any], outputs: Sequence[Any] | None
    ) -> None:
        self.plan, self.layout = request.plan, request.laid_out()
        self.orders, self.sources, self.outputs = request.orders, sources, outputs
        plan, loops = self.plan, self.plan.loops
        self.roles = {
            key: [] if isinstance(x, NUMBER) else request.roles(key) for key, x in sources.items()
        }
        self.loop: list[Role] = [("", i - loops + 1) for i in range(loops)]
        self.reduces, self.mean = plan.reduction != "none", plan.reduction == "mean"
        axes = () if not self.reduces else range(loops) if plan.axis is None else plan.axis
        self.kept = [role for i, role in enumerate(self.loop) if i not in axes]
        self.predicted = [plan.signature.arguments[i] for i in plan.signature.predicted]
        self.added = [
            i in plan.signature.common or own is not None
            for i, own in zip(plan.signature.predicted, self.layout.shared, strict=True)
        ]
        """Which gradients are sums over boxes."""
        self.wide = default.xp.result_type(plan.dtype, default.xp.float64)
        self.piece = request.piece(
            default,
            parts=self.reduces,
            dtype=plan.dtype,
            results=[self.wide if added else plan.dtype for added in self.added],
        )
        self.grid = self._grid()
        self.sums = [role for role in self.grid.sizes if role not in self.loop]
        self.taken: list[Array] | None = None
        """The sums of whole rows, if a box holds pieces of them."""

    def _grid(self) -> Grid:
        """Return the boxes: along the losses, and along rows if they are larger than a box."""
        key = self.plan.signature.arguments[0]
        first, roles, sums = self.sources[key], self.roles[key], self.plan.signature.sums
        sizes = sizes_of(roles, first.shape)
        loops = {role: n for role, n in sizes.items() if role in self.loop}
        cut = {role: n for role, n in sizes.items() if role in loops or role[0] == sums}
        liked = [
            dict(zip(self.roles[name], pieces(x), strict=True))
            for name, x in self.sources.items()
            if is_stored(x)
        ][:1]
        least = [
            dict(zip(self._of_output(k), shards(x), strict=True))
            for k, x in enumerate(self.outputs or ())
            if is_stored(x)
        ] or liked
        every = first.dtype.itemsize * prod(first.shape)
        rows = grid(loops, least, liked, every // max(1, prod(loops.values())))
        if rows.fits or not sums or any(self.added):
            return rows
        return grid(cut, least, liked, every // max(1, prod(cut.values())))

    def _of_output(self, k: int) -> list[Role]:
        """Return the roles of the axes of an array for results."""
        return self.roles[self.predicted[k]] if 1 in self.orders else self.loop

    def results(self) -> list[Any]:
        """Return for each order the reduced value, or a list of gradients."""
        waits = self.reduces and (
            (self.mean and self.layout.weighted) or self.layout.finish is not None
        )
        rest = tuple(order for order in self.orders if order)
        orders = (0, *rest) if waits else self.orders
        self.found = {order: self._empty(order) for order in orders}
        self.factor: Any = 1 / (self.layout.count or 1) if self.mean and not waits else 1
        apart = self.grid.is_cut(self.sums)
        if apart:
            self._take()
        for together in [orders] if not (apart or waits) else [(0,), rest]:
            if together and together[0] in orders:
                self._evaluate(together)
            if 0 in together and self.reduces and 0 in orders:
                self._reduce()
        return [self._final(order) for order in self.orders]

    def _empty(self, order: int) -> list[Any]:
        """Return the arrays for the results of an order, as far as it is known now."""
        xp, plan = default.xp, self.plan
        if not order and self.reduces:
            kept = [self.layout.loop[self.loop.index(role)] for role in self.kept]
            return [xp.zeros(kept, dtype=self.wide), xp.zeros(kept, dtype=self.wide)]
        given = self.outputs if order == (1 if 1 in self.orders else 0) else None
        if not order:
            return list(given or [xp.empty(self.layout.loop, dtype=plan.result)])
        found: list[Any] = []
        for k, key in enumerate(self.predicted):
            shape = tuple(getattr(self.sources[key], "shape", ()))
            if self.added[k]:
                found.append(xp.zeros(shape, dtype=self.wide))
            else:
                found.append(given[k] if given else xp.empty(shape, dtype=plan.results[k]))
        return found

    def _take(self) -> None:
        """Add up the sums that the formula takes of the pieces of rows, round by round."""
        self.taken = self._round()
        for _ in range(self._rounds() - 1):
            self.taken = self.piece.with_next(self.taken, self._round(self.taken))

    def _rounds(self) -> int:
        """Return the number of rounds, from those of no entries."""
        nothing = {**self.grid.boxes()[0], **dict.fromkeys(self.sums, slice(0))}
        return len(self.piece.rounds(partial(self.piece.sums, self._parts(nothing), False)))

    def _round(self, known: Sequence[Array] | None = None) -> list[Array]:
        """Return the next sums of all rows."""
        xp, loops = default.xp, len(self.loop)
        totals: list[Array] = []
        for box, given in self._read(self.grid.boxes()):
            before = None if known is None else self._of_rows(known, box)
            with self._noted(box):
                parts = self.piece.sums(given, known is None, before)
            if not totals:
                shapes = [(*self.layout.loop, *x.shape[loops:]) for x in parts]
                totals = [xp.zeros(n, dtype=x.dtype) for n, x in zip(shapes, parts, strict=True)]
            for total, part in zip(totals, parts, strict=True):
                total[self._at(self.loop, box)] += part
        return totals

    def _of_rows(self, sums: Sequence[Array], box: Box) -> list[Array]:
        """Return the sums of the rows of a box."""
        return [x[self._at(self.loop, box)] for x in sums]

    def _evaluate(self, orders: Orders) -> None:
        """Evaluate all boxes, and keep their results.

        One entry of each row is enough for its loss, if the sums are known.
        """
        boxes = self.grid.boxes(self.loop if orders == (0,) else None)
        if self.taken is not None and orders == (0,):
            boxes = [{**box, **dict.fromkeys(self.sums, slice(1))} for box in boxes]
        for box, given in self._read(boxes):
            known = [] if self.taken is None else [self._of_rows(self.taken, box)]
            with self._noted(box):
                results = self.piece(orders, given, not known, *known)
            for order, result in zip(orders, results, strict=True):
                if order:
                    self._keep_gradients(order, result, box)
                elif self.reduces:
                    for total, part in zip(self.found[0], result, strict=True):
                        total[self._at(self.kept, box)] += part
                else:
                    self.found[0][0][self._at(self.loop, box)] = result

    def _read(self, boxes: Sequence[Box]) -> Iterator[tuple[Box, dict[str, Any]]]:
        """Read the parts of all arrays that belong to each box."""
        for box in shown(boxes, self.plan.formulas.name, boxes):
            with self._noted(box):
                given = self._parts(box)
            yield box, given

    def _parts(self, box: Box) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, x in self.sources.items():
            number = isinstance(x, NUMBER)
            found[key] = x if number else read(x, self._at(self.roles[key], box, x.shape))
        if KEEP in found:  # a mask of entries is broadcast
            first = found[self.plan.signature.arguments[0]]
            found[KEEP] = default.xp.broadcast_to(found[KEEP], first.shape)
        return found

    @contextmanager
    def _noted(self, box: Box) -> Iterator[None]:
        """Add to an error of a value which part of the predictions it belongs to."""
        try:
            yield
        except ValueError as error:
            key = self.plan.signature.arguments[0]
            index = self._at(self.roles[key], box, self.sources[key].shape)
            if all(cut == _ALL for cut in index):
                raise
            part = ", ".join(":" if cut == _ALL else f"{cut.start}:{cut.stop}" for cut in index)
            raise ValueError(f"{error}; indices are counted in {key}[{part}]") from None

    def _at(
        self, roles: Sequence[Role], box: Box, shape: Sequence[int] | None = None
    ) -> tuple[slice, ...]:
        """Return the index of a box in an array; an axis of size 1 is broadcast."""
        sizes = shape or (0,) * len(roles)
        return tuple(
            _ALL if n == 1 else box.get(role, _ALL) for role, n in zip(roles, sizes, strict=True)
        )

    def _keep_gradients(self, order: int, gradients: Sequence[Array], box: Box) -> None:
        """Write the gradients of a box, or add up those with respect to what boxes share."""
        for k, (key, gradient) in enumerate(zip(self.predicted, gradients, strict=True)):
            roles, factor, xp = self.roles[key], default.xp.asarray(self.factor), default.xp
            if factor.ndim:
                spread = tuple(_ALL if role in self.kept else None for role in roles)
                factor = factor[self._at(self.kept, box)][spread]
            x, dtype = self.found[order][k], self.wide if self.added[k] else self.plan.results[k]
            (gradient,) = default.elementwise(_chained, [xp.asarray(gradient), factor], dtype)
            index = self._at(roles, box, x.shape)
            if self.added[k]:
                x[index] += gradient
            else:
                x[index] = gradient

    def _reduce(self) -> None:
        """Replace the sums of all boxes by the loss, and find the factor of the gradients."""
        if self.layout.in_parts:
            return
        finish, mean = self.plan.formulas.finish, self.mean

        def reduced(xp: Namespace, total: Array, weight: Array) -> Sequence[Array]:
            value = xp.mean_of(total, weight) if mean else total
            value, slope = (value, xp.ones_like(value)) if finish is None else finish(xp, value)
            return value, slope / xp.where(weight == 0, 1.0, weight) if mean else slope

        value, self.factor = default.elementwise(reduced, self.found[0], self.wide, whole=True)
        self.found[0] = [default.xp.cast(value, self.plan.result)]

    def _final(self, order: int) -> Any:
        """Return the results of an order, and write those that were added up."""
        results = list(self.found[order])
        if not order and self.layout.in_parts:
            return tuple(x[()] for x in results)
        if not order:
            in_out = self.outputs is not None and 1 not in self.orders
            return results[0] if in_out else results[0][()]
        for k, x in enumerate(results):
            if self.added[k]:
                results[k] = default.xp.astype(x, self.plan.results[k])[()]
                if order == 1 and self.outputs is not None:
                    self.outputs[k][...] = results[k]
        return results


def _chained(xp: Namespace, gradient: Array, factor: Array) -> Sequence[Array]:
    return (chained(xp, gradient, factor),)
