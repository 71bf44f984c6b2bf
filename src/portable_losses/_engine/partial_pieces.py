"""Partial results of rows in pieces, such as the tiles of an image: sums over entries add up."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any, NamedTuple

from .._backends import default
from .._numerics.standard import device_of
from ..typing import Array, Namespace
from .evaluate import Request, request_of, requested
from .formulas import Formulas
from .given import by_name
from .partial import Partial, check_options, grouped, parameters
from .pieces import Waits, with_next
from .plan import Plan
from .shapes import differ
from .signature import KEEP


class Rows(NamedTuple):
    """What all pieces of the same rows have in common."""

    axis: tuple[int, ...] | None
    """The loop axes that are reduced, None for all."""
    entries: tuple[tuple[str, tuple[int, ...], float], ...]
    """The shape of one entry of each array, and a value inside its domain: an int for labels."""


class PartialOfPieces(Partial):
    """The sums of pieces of rows, from which the loss of the whole rows follows.

    Made by ``Loss.partial(..., pieces=True)``. Pieces of the same rows add up, in any order.

    Parameters
    ----------
    formulas : Formulas
        The formulas of the loss.
    parameters : mapping
        Its parameters.
    sums : sequence of array
        The sums that the formula takes, with the loop axes first; and in how many pieces each row
        is kept. All are in float64 where the library has it.
    dtype : dtype
        The dtype of the loss.
    extras : mapping
        The weights of the rows, if there are any, and the parameters that are arrays.
    rows : Rows
        What all pieces have in common.
    known : sequence of array
        The sums of earlier rounds, of whole rows.
    """

    _holds = "pieces of rows"

    def __init__(
        self,
        formulas: Formulas,
        parameters: Mapping[str, Any],
        sums: Sequence[Array],
        dtype: Any,
        extras: Mapping[str, Any],
        rows: Rows,
        known: Sequence[Array] = (),
    ) -> None:
        super().__init__(formulas, parameters, sums, dtype)
        self._extras, self._rows, self._known = dict(extras), rows, tuple(known)

    def value(self) -> Array:
        """Return the loss of the rows that were put together.

        Returns
        -------
        array
            The loss, or one for each group: NaN where there was nothing.
        """
        backend, every = self._backend, [*self._known, *self.sums]

        def whole(xp: Namespace, *sums: Array) -> list[Array]:
            request = self._request(xp, sums[-1])
            valid = backend.sums(request)
            while len(valid) < len(sums):
                request.sums = valid
                valid = with_next(valid, backend.sums(request))
            # A row of which nothing is kept has the sums of valid values: its loss is no NaN.
            request.sums = [
                xp.where(_spread(sums[-1] != 0, x), x, y) for x, y in zip(sums, valid, strict=True)
            ]
            return list(request.whole(request.bind(rescaled=True)))

        try:
            (value,) = backend.elementwise(whole, every, self._dtype, whole=True)
        except Waits:
            raise ValueError(
                f"{self._formulas.name}: other sums depend on those of this part; add up the parts "
                "of all pieces, pass the result with each piece as `after=`, and add up again"
            ) from None
        return value[()] if backend is default else value

    def _request(self, xp: Namespace, kept: Array) -> Request:
        """Return the request for the loss of the rows, from one entry of each."""
        given = {key: _filled(xp, kept, shape, value) for key, shape, value in self._rows.entries}
        arrays = [given.get(key) for key in self._formulas.signature.arguments]
        settings: dict[str, Any] = {"axis": self._rows.axis}
        for key in self._formulas.signature.parameters.keys() - self._extras:
            settings[key] = self._parameters[key]
        extras = {key: x for key, x in self._extras.items() if x is not None}
        extras["where"] = kept != 0
        return request_of(self._formulas, (0,), arrays, extras, settings, False)

    def __add__(self, other: Partial) -> Partial:
        """Return the part that consists of both."""
        made = super().__add__(other)
        if isinstance(made, PartialOfPieces) and isinstance(other, PartialOfPieces):
            weights = "the weights of the rows differ between two pieces; a row has one weight, "
            agreed = self._agreed(
                self._extras["weights"],
                other._extras["weights"],
                weights + "which is passed with each of its pieces",
            )
            made._extras = {**self._extras, "weights": agreed}
            made._known = tuple(
                self._agreed(x, y, "the parts come after different ones: pass the same `after=`")
                for x, y in zip(self._known, other._known, strict=True)
            )
        return made

    def _check_shapes(self, other: Partial) -> None:
        """Refuse pieces of other rows."""
        assert isinstance(other, PartialOfPieces)
        shapes = [[tuple(x.shape) for x in part.sums] for part in (self, other)]
        rounds = len(self._known) == len(other._known)
        alike = rounds and len(shapes[0]) == len(shapes[1]) and self._rows == other._rows
        if not alike or any(map(differ, *shapes)):
            mine, others = (f"{rows[-1]} and the sums {rows[:-1]}" for rows in shapes)
            raise ValueError(
                f"{self._formulas.name}: pieces of other rows do not add up: one has losses of the "
                f"shape {mine}, the other {others}; pass pieces of the same rows, in the same "
                "order, with the same axes"
            )

    def _agreed(self, one: Any, two: Any, fault: str) -> Any:
        """Return what two pieces have in common; NaN where they differ and it cannot be seen."""
        if one is two:
            return one
        if one is not None and two is not None and not differ(one.shape, two.shape):
            views = [self._backend.view(x) for x in (one, two)]
            if any(x is None for x in views):
                return self._backend.xp.where(one == two, one, nan)
            if (views[0] == views[1]).all():
                return one
        raise ValueError(f"{self._formulas.name}: {fault}")

    def __repr__(self) -> str:
        name, shape = self._formulas.name, tuple(self.sums[-1].shape)
        return f"<partial {name}: sums of pieces of rows, whose losses have the shape {shape}>"

    def tree_flatten(self) -> tuple[Any, Any]:
        """Return the arrays, and the rest, as JAX asks: see `Partial`."""
        arrays = self.sums, self._extras, self._known
        return arrays, (super().tree_flatten()[1], self._rows)

    @classmethod
    def tree_unflatten(cls, rest: Any, arrays: Any) -> "PartialOfPieces":
        """Put a part together from what `tree_flatten` returned: see `Partial`."""
        made = super().tree_unflatten(rest[0], arrays[0])
        assert isinstance(made, PartialOfPieces)
        (made._extras, made._known), made._rows = arrays[1:], rest[1]
        return made


def partial_of_pieces(
    formulas: Formulas,
    arrays: Sequence[Any],
    options: Mapping[str, Any],
    group: Any = None,
    groups: int | None = None,
    after: Partial | None = None,
) -> PartialOfPieces:
    """Return the sums of pieces of rows, or of those of each group, which are one row."""
    name, signature = formulas.name, formulas.signature
    arrays, options = by_name(formulas, arrays, options)
    check_options(name, options, group, groups)
    if not signature.sums or signature.common:
        raise TypeError(
            f"{name}: pieces=True needs a loss that is a function of sums over its rows, such as "
            "dice_loss; leave it out, and pass whole rows"
        )
    if group is not None and options.get("weights") is not None:
        raise TypeError(
            f"{name}: pass weights or group, not both: all pieces of a group are one row, and each "
            "group has its own loss"
        )
    request = requested(formulas, (0,), arrays, {**options, "reduction": "sum"})[0]
    plan = request.plan
    xp = plan.backend.xp
    known: Sequence[Array] = ()
    if after is not None:
        known = _before(formulas, after, group)
        request.sums = [*known, after.sums[-1]]
    *sums, kept = plan.backend.sums(request)
    if not sums:
        raise ValueError(f"{name}: `after` has all sums; take its `.value()`")
    sums = [xp.where(_spread(kept != 0, x), x, xp.zeros_like(x)) for x in sums]
    if group is not None:
        *sums, kept = grouped(name, group, groups, kept, [*sums, kept])
    weights = request.extras.get("weights")
    if weights is not None:  # a copy, as the array may change before the value is asked for
        weights = xp.astype(xp.scalar(weights, kept.dtype, kept), kept.dtype)
    extras = {"weights": weights, **{key: request.extras[key] for key in plan.arrays}}
    axis = plan.axis if group is None else ()
    rows = Rows(axis, _entries(plan, request.laid_out().sizes))
    shared = parameters(signature, options)
    made = PartialOfPieces(formulas, shared, [*sums, kept], plan.result, extras, rows, known)
    if after is not None:
        made._check(after)
    return made


def _before(formulas: Formulas, after: Partial, group: Any) -> list[Array]:
    """Return the sums of the rounds before."""
    name = formulas.name
    if not isinstance(after, PartialOfPieces) or after._formulas.loss != formulas.loss:
        raise TypeError(f"{name}: after must be a part of {name} with pieces=True, got {after!r}")
    if group is not None:
        raise TypeError(f"{name}: pass after or group, not both: whole rows have no groups")
    return [*after._known, *after.sums[:-1]]


def _entries(
    plan: Plan, sizes: Mapping[str, int]
) -> tuple[tuple[str, tuple[int, ...], float], ...]:
    """Return the name, the shape and a valid value of one entry of each array."""
    return tuple(
        (
            key,
            tuple(1 if core == plan.signature.sums else sizes[core] for core in cores),
            int(domain.safe) if domain.integer else domain.safe,
        )
        for key, cores, domain in zip(
            plan.signature.arguments, plan.cores, plan.domains, strict=True
        )
        if key != KEEP
    )


def _filled(xp: Namespace, kept: Array, shape: tuple[int, ...], value: float) -> Array:
    """Return an array of one value, with the loop axes of the rows ahead of a shape."""
    dtype = xp.default_dtype(kept, "indexing") if isinstance(value, int) else kept.dtype
    loops = xp.full_like(kept, value, dtype=dtype)[(..., *(None,) * len(shape))]
    return loops + xp.zeros(shape, dtype=dtype, device=device_of(kept))


def _spread(x: Array, like: Array) -> Array:
    """Return an array of the loop axes with more axes at the end, to broadcast with another."""
    return x[(..., *(None,) * (like.ndim - x.ndim))]
