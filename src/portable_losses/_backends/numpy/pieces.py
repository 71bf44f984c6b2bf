"""Rows of NumPy arrays that are larger than a block, in pieces: first their sums, then all else."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ...typing import Array
from .blocks import Index

Addend = tuple[Array, Index, Any]
"""An array of sums, the place of a sum, and what a block adds to it."""

Piece = tuple[int, slice]
"""The number of a block of rows, and a part of their entries."""


class _Known(NamedTuple):
    """What is known of rows from their pieces."""

    sums: list[Array]
    """The sums that the formula takes."""
    one: Any
    """One entry of each row."""


def sums(run: Any) -> list[Array]:
    """Return the next sums of all rows."""
    rows = list(run.blocks())
    before = [each.sums for each in _given(run, rows)] if run.request.sums else None
    found = [each.sums for each in _round(run, rows, before)[0]]
    results = []
    for parts in zip(*found, strict=True):
        inner = parts[0].shape[len(run.loop) :]
        total = np.empty((*run.loop, *inner), parts[0].dtype)
        for index, part in zip(rows, parts, strict=True):
            total[index] = part
        results.append(total.reshape((*run.call.layout.loop, *inner)))
    return results


def evaluated(run: Any) -> Iterator[list[Addend]]:
    """Write the results of all rows; return the sums to add, and their places."""
    rows = list(run.blocks())
    known = _known(run, rows) if run.request.sums is None else _given(run, rows)
    if 0 in run.orders:
        outputs = run.written[run.orders.index(0)]
        for index, each in zip(rows, known, strict=True):
            (losses,) = _from_sums(run, (0,), index, each, each.one)
            added: list[Addend] = []
            run.keep_losses(losses, outputs, each.one.weight, index, added)
            yield added
    orders = tuple(order for order in run.orders if order)

    def gradients(piece: Piece) -> list[Addend]:
        row, entries = piece
        index = rows[row]
        results = _from_sums(run, orders, index, known[row], run.read(index, entries))
        for order, result in zip(orders, results, strict=True):
            written, plan = run.written[run.orders.index(order)], run.call.plan
            outputs = run.request.cut(plan, written, entries, plan.signature.predicted)
            run.keep_gradients(result, outputs, index, run.divisor_of(index), [])
        return []

    if orders:
        yield from run.in_order(gradients, lambda: _pieces(run, rows))


def _from_sums(
    run: Any, orders: tuple[int, ...], index: Index, known: _Known, part: Any
) -> list[Any]:
    """Evaluate a piece of rows whose sums are known."""
    parameters = run.parameters(index)
    results: list[Any] = run.request.from_sums(run.call, orders, part, parameters, 1, known.sums)
    return results


def _known(run: Any, rows: Sequence[Index]) -> list[_Known]:
    """Return all sums of each block of rows, round by round."""
    known, waits = _round(run, rows)
    while waits:
        taken, waits = _round(run, rows, [each.sums for each in known])
        known = [
            each._replace(sums=run.request.with_next(each.sums, more.sums))
            for each, more in zip(known, taken, strict=True)
        ]
    return known


def _round(
    run: Any, rows: Sequence[Index], before: Sequence[Sequence[Array]] | None = None
) -> tuple[list[_Known], bool]:
    """Add up the next sums of the pieces of each block of rows; tell whether others depend on them.

    `before` are those of the rounds before.
    """
    call, request = run.call, run.request

    def of_piece(piece: Piece) -> tuple[int, Any, Any]:
        row, entries = piece
        part = run.read(rows[row], entries)
        known = before[row] if before else ()
        taken = request.sums_taken(call, part, run.parameters(rows[row]), known)
        return row, taken, request.one_entry(call, part)

    found: dict[int, _Known] = {}
    waits = False
    for row, taken, one in run.in_order(of_piece, lambda: _pieces(run, rows)):
        waits = taken.waits
        if row not in found:
            found[row] = _Known(taken.sums, one)
            continue
        totals = found[row].sums
        for k, more in enumerate(taken.sums):
            totals[k] += more  # in place: they may be large
    return list(found.values()), waits


def _given(run: Any, rows: Sequence[Index]) -> list[_Known]:
    """Return the sums that were given, of the whole rows of which the arrays are pieces."""
    flat = [x.reshape(*run.loop, *x.shape[len(run.call.layout.loop) :]) for x in run.request.sums]
    ones = (run.request.one_entry(run.call, run.read(index, slice(1))) for index in rows)
    return [_Known([x[index] for x in flat], one) for index, one in zip(rows, ones, strict=True)]


def _pieces(run: Any, rows: Sequence[Index]) -> Iterator[Piece]:
    """Cut the entries of the rows."""
    whole = run.call.layout.sizes[run.call.plan.signature.sums]
    size = run.call.layout.kept.piece or whole
    cuts = [slice(start, start + size) for start in range(0, whole, max(size, 1))] or [slice(0)]
    return product(range(len(rows)), cuts)
