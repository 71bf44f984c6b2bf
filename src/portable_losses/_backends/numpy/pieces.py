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

    sums: Sequence[Array]
    """The sums that the formula takes."""
    one: Any
    """One entry of each row."""

    def plus(self, other: "_Known") -> "_Known":
        """Return what is known of these pieces and others."""
        return _Known([x + y for x, y in zip(self.sums, other.sums, strict=True)], self.one)


def sums(run: Any) -> list[Array]:
    """Return the sums of all rows."""
    rows = list(run.blocks())
    found = [each.sums for each in _known(run, rows)]
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
            outputs = [x[..., entries] for x in run.written[run.orders.index(order)]]
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
    """Add up the sums of the pieces of each block of rows."""
    call, request = run.call, run.request

    def of_piece(piece: Piece) -> tuple[int, _Known]:
        row, entries = piece
        part = run.read(rows[row], entries)
        taken = request.sums_taken(call, part, run.parameters(rows[row]))
        return row, _Known(taken, request.one_entry(call, part))

    known: dict[int, _Known] = {}
    for row, found in run.in_order(of_piece, lambda: _pieces(run, rows)):
        known[row] = known[row].plus(found) if row in known else found
    return list(known.values())


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
