"""Arrays that are read part by part, as those of Zarr and HDF5, some rows at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

from .._backends import default, shown
from .._backends.labels import unlabelled
from ..typing import Array
from .entries import with_mask
from .evaluate import evaluate, request_of
from .formulas import Formulas, Orders
from .given import belongs_to_none, by_name, read_given
from .layout import Layout
from .out import check_out
from .plan import Inner, Plan

_TOGETHER = 2**25
"""Bytes of the predictions that are read together, if a chunk is not larger."""


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


def evaluate_stored(
    formulas: Formulas,
    orders: Orders,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    out: Any = None,
) -> list[Any]:
    """Evaluate a loss of such arrays: see `evaluate`. Read them part by part if possible."""
    arguments, options = by_name(formulas, arguments, options)
    ghosts = [_ghost(x) for x in arguments]
    of_options = {key: _ghost(x) for key, x in options.items()}
    arrays, extras, settings = read_given(formulas, ghosts, of_options)
    of_rows = dict(extras)
    if "where" in extras and formulas.signature.masks_entries:
        _, arrays, extras = with_mask(formulas, ghosts, arrays, extras, settings)
    request = request_of(formulas, orders, arrays, extras, settings, False)
    plan, layout = request.plan, request.bind().layout
    first = arguments[0]
    if not (is_stored(first) and _in_rows(plan, layout, options)):
        read = [_read(x) for x in arguments]
        given = {key: _read(x) for key, x in options.items()}
        return evaluate(formulas, orders, read, given, out=out)
    loops, size = len(layout.loop), layout.loop[0]
    present = [i for i, x in enumerate(arguments) if x is not None]
    cut = {
        i
        for i, slot in zip(present, plan.slots, strict=False)
        if _has_rows(arrays[i], size, loops + len(slot.place) - slot.extended)
    }
    cut_options = {
        key
        for key, x in of_rows.items()
        if key != "class_weights"
        and any(_has_rows(x, size, rank) for rank in (loops, len(first.shape)))
    }
    outputs = None
    if any(orders) and out is not None:
        outputs = check_out(plan, arrays, extras, out, None)

    def at(rows: slice) -> tuple[list[Any], dict[str, Any]]:
        arrays = [_read(x, rows) if i in cut else _read(x) for i, x in enumerate(arguments)]
        given = {
            key: _read(x, rows) if key in cut_options else _read(x) for key, x in options.items()
        }
        return arrays, given

    run = _Run(formulas, plan, size, _rows(first), at)
    return run.results(orders, arrays, outputs)


class _Run:
    """An evaluation of some rows at a time."""

    def __init__(
        self,
        formulas: Formulas,
        plan: Plan,
        size: int,
        step: int,
        at: Callable[[slice], tuple[list[Any], dict[str, Any]]],
    ) -> None:
        self.formulas, self.plan, self.at = formulas, plan, at
        self.rows = [slice(k, min(k + step, size)) for k in range(0, size, step)]

    def evaluated(
        self, orders: Orders, reduction: str | Inner
    ) -> Iterator[tuple[slice, list[Any]]]:
        """Evaluate the rows part by part."""
        for rows in shown(self.rows, self.formulas.name, self.rows):
            arrays, given = self.at(rows)
            try:
                found = evaluate(self.formulas, orders, arrays, {**given, "reduction": reduction})
            except ValueError as error:
                raise ValueError(f"{error}; rows are counted from row {rows.start}") from None
            yield rows, found

    def results(
        self, orders: Orders, ghosts: Sequence[Any], outputs: Sequence[Array] | None
    ) -> list[Any]:
        """Return for each order the reduced value, or a list of gradients."""
        plan, reduction = self.plan, self.plan.reduction
        predicted = [ghosts[i] for i in plan.signature.predicted]
        xp = default.xp
        found: dict[int, Any] = {
            order: [
                xp.empty(x.shape, dtype=dtype)
                for x, dtype in zip(predicted, plan.results, strict=True)
            ]
            for order in orders
            if order
        }
        if outputs is not None:
            found[1] = list(outputs)
        factor: Any = 1
        if reduction != "none" and (0 in orders or reduction == "mean" or self.formulas.finish):
            value, factor = self._reduced()
            found[0] = value
        elif 0 in orders:
            losses = [loss for _, (loss,) in self.evaluated((0,), "none")]
            found[0] = xp.concat(losses)
        rest = tuple(order for order in orders if order)
        if rest:
            each = (
                "none" if reduction == "none" else Inner.PARTS
            )  # the sum, before a function of it
            for rows, results in self.evaluated(rest, each):
                for order, gradients in zip(rest, results, strict=True):
                    for x, gradient in zip(found[order], gradients, strict=True):
                        still = gradient == 0  # stays 0 even if the factor is NaN
                        x[rows] = xp.where(still, gradient, gradient * factor)
        return [found[order] for order in orders]

    def _reduced(self) -> tuple[Any, Any]:
        """Return the reduced loss, and the factor of the gradients of the sum."""
        xp, finish = default.xp, self.formulas.finish
        total: Any = 0.0
        weight: Any = 0.0
        for _, ((part, of_part),) in self.evaluated((0,), Inner.PARTS):
            total, weight = total + part, weight + of_part
        value = xp.mean_of(total, weight) if self.plan.reduction == "mean" else total
        slope: Any = 1.0
        if finish is not None:
            value, slope = finish(xp, value)
        if self.plan.reduction == "mean":
            slope = slope / (weight or 1)
        return xp.cast(xp.asarray(value), self.plan.result)[()], float(slope)


def _ghost(x: Any) -> Any:
    """Return an array of the shape and dtype of a stored one, which takes no memory."""
    if not is_stored(x):
        return x
    one = default.xp.zeros((), dtype=x.dtype)
    return default.xp.broadcast_to(one, tuple(x.shape))


def _read(x: Any, rows: slice = slice(None)) -> Any:
    """Read rows of an array, or all of it; return anything else unchanged."""
    if is_stored(x):
        return default.xp.asarray(x[rows] if x.shape else x[()])
    return x if x is None or rows == slice(None) else default.xp.asarray(x)[rows]


def _in_rows(plan: Plan, layout: Layout, options: Mapping[str, Any]) -> bool:
    """Return whether a loss can be evaluated for some rows of the first axis at a time."""
    signature = plan.signature
    rearranged = (signature.axisless and "class_axis" in options) or (
        signature.averaged and "class_weights" in options
    )
    return (
        plan.backend is default
        and plan.axis is None
        and not (rearranged or signature.common or layout.void)
        and len(layout.loop) > 0
        and layout.loop[0] > 1
        and all(own is None for own in layout.shared)
        and all(0 not in slot.place for slot in plan.slots)
    )


def _has_rows(x: Any, size: int, rank: int) -> bool:
    """Return whether the first axis of an array is that of the rows, by its size and rank."""
    shape: tuple[int, ...] = getattr(x, "shape", ())
    return len(shape) == rank and shape[:1] == (size,)


def _rows(x: Any) -> int:
    """Return how many rows to read at a time: whole chunks, if they are not too large."""
    chunk = (x.chunks or (1,))[0]
    bytes_of_chunk = chunk * prod(x.shape[1:]) * x.dtype.itemsize
    return int(chunk * max(1, _TOGETHER // max(1, bytes_of_chunk)))
