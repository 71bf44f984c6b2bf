"""Pieces of rows whose entries meet only in sums: the sums are taken, added up, and given back.

What a formula adds up over the entries of a row goes through `xp.whole`, or through
`xp.first_sums` if other sums depend on it. For a piece of a row the formula is evaluated several
times: once for each round of sums, in which those of earlier rounds are known, and once with all
sums of the whole row. So a formula for pieces needs no other form than that for whole rows.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from typing import Any, NamedTuple, NoReturn

from ..typing import Array, Axis, Namespace
from .call import Call
from .formulas import Orders
from .plan import Plan
from .reduction import losses_and_gradients
from .weights import Part


class Taken(NamedTuple):
    """The sums of a round."""

    sums: list[Array]
    """The sums, and at the end in how many pieces a row is kept: NaN for a label out of range."""
    waits: bool
    """Whether other sums depend on them."""


class Waits(Exception):
    """The formula needs sums of whole rows to go on."""


class _Sums:
    """What takes the place of `xp.whole` and `xp.first_sums`.

    Parameters
    ----------
    xp : namespace
        The functions of the library.
    known : sequence of array
        The sums of whole rows that are known, in the order in which the formula takes them.
    """

    def __init__(self, xp: Namespace, known: Sequence[Array]) -> None:
        self.xp, self.known = xp, list(reversed(known))
        self.found: list[Array] = []
        """The sums of the piece that come next."""
        self.waits = False

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The functions for the namespace of the formula."""
        return {"whole": self._whole, "first_sums": self._first_sums}

    def _whole(self, take: Callable[..., Array], x: Array, *more: Any) -> Array:
        if self.known:
            return self.xp.cast(self.known.pop(), x.dtype)
        self.found.append(take(x, *more))
        return self.found[-1]

    def _first_sums(self, axis: Axis, *arrays: Array) -> list[Array]:
        self.waits = not self.known
        found = [self._whole(self.xp.long_sum, x, axis) for x in arrays]
        if self.waits:
            raise Waits
        return found


def sums_taken(
    call: Call, part: Part, sequences: Mapping[str, Array], known: Sequence[Array] = ()
) -> Taken:
    """Return the next sums that the formula takes of a piece of rows, in a wide dtype.

    `known` are those of the rounds before, of whole rows; see `with_next`.
    """
    xp = call.backend.xp
    sums = _Sums(xp, known[:-1])
    arrays = call.backend.guarded(part.arrays)
    with suppress(Waits):
        call.compute((0,), call.plan.head, arrays, sequences, sums.functions)
    if not sums.found and not known:
        _refuse(call.plan)
    wide = xp.wide_dtype(part.arrays[0])
    like = sums.found[0] if sums.found else known[0]
    loops = part.arrays[0].ndim - call.plan.core
    each = xp.astype(like[(..., *(0,) * (like.ndim - loops))], wide)
    kept = xp.zeros_like(each) if call.layout.void else xp.ones_like(each)
    if part.weight is not None:
        kept = kept * xp.astype(part.weight != 0, wide)
    if part.doubt is not None:
        kept = kept + xp.astype(part.doubt, wide)
    return Taken([*(xp.cast(x, wide) for x in sums.found), kept], sums.waits)


def rounds(taken: Callable[..., list[Array]]) -> list[list[Array]]:
    """Return the sums of no entries, round by round; `taken` takes those that are known, if any."""
    known = taken()
    found = [known]
    while len(more := taken(known)) > 1:
        found.append(more)
        known = with_next(known, more)
    return found


def with_next(known: Sequence[Array], taken: Sequence[Array]) -> list[Array]:
    """Return the sums that are known with those of the next round."""
    return [*known[:-1], *taken]


def from_sums(
    call: Call,
    orders: Orders,
    part: Part,
    sequences: Mapping[str, Array],
    divisor: Any,
    sums: Sequence[Array],
) -> list[Any]:
    """Evaluate the formulas on a piece of rows whose sums are known: see `losses_and_gradients`.

    It raises `Waits` if some of them are missing.
    """
    xp, kept = call.backend.xp, sums[-1]
    if call.plan.integers and not call.backend.is_all(kept == kept):
        part = part._replace(doubt=xp.astype(0 * kept, call.plan.dtype))
    results: list[Any] = []
    given = copy(call)
    for order in orders:
        known = _Sums(xp, sums[:-1])
        given.summing = known.functions
        with suppress(Waits):
            results += losses_and_gradients(given, (order,), part, sequences, divisor)
        if (known.waits or known.found) and not order:
            raise Waits
        if known.waits or known.found or known.known:
            _refuse(call.plan)
    return results


def one_entry(call: Call, part: Part) -> Part:
    """Return a piece of one entry, from which the losses follow if the sums are known."""
    return part._replace(arrays=cut(call.plan, part.arrays, slice(1)))


def cut(
    plan: Plan, arrays: Sequence[Array], entries: slice, which: Sequence[int] | None = None
) -> list[Array]:
    """Return arguments with some entries of each row; core axes are last.

    They are all arguments, or those that `which` names.
    """
    found = []
    every = plan.cores if which is None else [plan.cores[i] for i in which]
    for x, cores in zip(arrays, every, strict=True):
        if (sums := plan.signature.sums) in cores:
            behind = len(cores) - cores.index(sums) - 1
            x = x[(..., entries, *(slice(None),) * behind)]
        found.append(x)
    return found


def _refuse(plan: Plan) -> NoReturn:
    raise ValueError(
        f"{plan.formulas.name}: the formulas of the value and of the derivatives must take "
        "the same sums in the same order, by `xp.region_sum`, `xp.first_sums` and `xp.whole`; or "
        f"leave out sums={plan.signature.sums!r}"
    )
