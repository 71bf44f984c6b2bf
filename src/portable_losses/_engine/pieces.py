"""Pieces of rows whose entries meet only in sums: the sums are taken, added up, and given back.

A formula adds up the entries of a row by `xp.region_sum`, and by nothing else. For a piece of a row
it is evaluated twice: once to see which sums it takes, and once with the sums of the whole row in
their place. So a formula for pieces needs no other form than that for whole rows.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any, NoReturn

from ..typing import Array, Axis, Namespace
from .call import Call
from .formulas import Orders
from .reduction import losses_and_gradients
from .signature import Signature
from .weights import Part


def sums_taken(call: Call, part: Part, sequences: Mapping[str, Array]) -> list[Array]:
    """Return the sums that the formula takes of a piece of rows, in a wide dtype.

    The last one counts the pieces in which each row is kept. It is NaN if a label is out of range.
    """
    found: list[Array] = []
    xp = call.backend.xp
    wide = xp.wide_dtype(part.arrays[0])

    def region_sum(x: Array, axis: Axis) -> Array:
        total: Array = xp.region_sum(x, axis)
        found.append(xp.astype(total, wide))
        return total

    arrays = call.backend.guarded(part.arrays)
    call.compute((0,), call.plan.head, arrays, sequences, region_sum)
    if not found:
        _refuse(call.plan.signature)
    loops = part.arrays[0].ndim - call.plan.core
    each = found[0][(..., *(0,) * (found[0].ndim - loops))]
    kept = xp.zeros_like(each) if call.layout.void else xp.ones_like(each)
    if part.weight is not None:
        kept = kept * xp.astype(part.weight != 0, kept.dtype)
    return [*found, kept if part.doubt is None else kept + xp.astype(part.doubt, kept.dtype)]


def from_sums(
    call: Call,
    orders: Orders,
    part: Part,
    sequences: Mapping[str, Array],
    divisor: Any,
    sums: Sequence[Array],
) -> list[Any]:
    """Evaluate the formulas on a piece of rows whose sums are known: see `losses_and_gradients`."""
    *known, kept = sums
    if call.plan.integers and not call.backend.is_all(kept == kept):
        part = part._replace(doubt=call.backend.xp.astype(0 * kept, call.plan.dtype))
    results = []
    given = copy(call)
    for order in orders:
        rest = known[::-1]
        given.summing = partial(_next, call.backend.xp, call.plan.signature, rest)
        results += losses_and_gradients(given, (order,), part, sequences, divisor)
        if rest:
            _refuse(call.plan.signature)
    return results


def one_entry(call: Call, part: Part) -> Part:
    """Return a piece of one entry, from which the losses follow if the sums are known."""
    sums = call.plan.signature.sums
    arrays = [
        x[..., :1] if sums in cores else x
        for x, cores in zip(part.arrays, call.plan.cores, strict=True)
    ]
    return part._replace(arrays=arrays)


def _next(xp: Namespace, signature: Signature, rest: list[Array], x: Array, axis: Axis) -> Array:  # noqa: ARG001
    """Return the next known sum, kept along the axis of the entries.

    It does not know the call: the namespace that has it refers to itself, and the arrays of the
    call would stay in memory until Python looks for such circles.
    """
    if not rest:
        _refuse(signature)
    return xp.astype(rest.pop(), x.dtype)


def _refuse(signature: Signature) -> NoReturn:
    raise ValueError(
        f"{signature.name}: the formulas of the value and of the derivatives must take the same "
        f"sums by `xp.region_sum`, in the same order; or leave out sums={signature.sums!r}"
    )
