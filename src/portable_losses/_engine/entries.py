"""Leaving out entries of rows: a mask with the axes of the predictions, not of the losses."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._backends import NUMBER, Backend, backend_of
from .._numerics.standard import known
from ..typing import Array, Axis
from .arrays import is_kind
from .formulas import Formulas
from .plan import Plan
from .shapes import places_of
from .signature import KEEP, Signature


def with_mask(
    formulas: Formulas,
    arguments: Sequence[Any],
    arrays: Sequence[Any],
    extras: Mapping[str, Any],
    settings: Mapping[str, Any],
    any_of: Callable[[Array, Axis], Array] | None = None,
) -> tuple[Sequence[Any], Sequence[Any], Mapping[str, Any]]:
    """Make a mask of entries one of the arrays, given and read, and one of losses of it.

    A loss is left out if each of its entries is, as `any_of` finds out. A mask of losses stays what
    it is.
    """
    signature, mask, first = formulas.signature, extras["where"], arrays[0]
    options = {**signature.options, **settings}
    if isinstance(mask, NUMBER) or mask.ndim != first.ndim or mask.ndim == 0:
        return arguments, arrays, extras
    if all(options[f"{core}_axis"] is None for core in signature.core):
        return arguments, arrays, extras  # each element is a loss
    backend = backend_of(mask)
    if backend is None or not is_kind(backend, mask.dtype, "bool"):
        return arguments, arrays, extras  # it is refused with the other options
    places = places_of(signature, signature.core, first, options)
    xp, whole = backend.xp, of_entries(signature, backend, mask, first, places)
    if any_of is None:
        kept = xp.any(whole, axis=places)
    else:
        losses = tuple(n for i, n in enumerate(first.shape) if i not in places)
        kept = xp.broadcast_to(any_of(mask, places), losses)
    mask, extras = whole, {**extras, "where": kept}
    end = len(signature.arguments)
    place = signature.arguments.index(KEEP) if KEEP in signature.arguments else end
    given, read = ([*x[:place], mask, *x[place + 1 :]] for x in (arguments, arrays))
    return given, read, extras


def of_entries(
    signature: Signature, backend: Backend, mask: Array, first: Array, places: tuple[int, ...]
) -> Array:
    """Return a mask of the shape of the predictions; raise an error if it does not fit."""
    sizes = list(zip(mask.shape, first.shape, strict=True))
    if any(known(a) and known(b) and a not in (1, b) for a, b in sizes):
        losses = tuple(n for i, n in enumerate(first.shape) if i not in places)
        raise ValueError(
            f"{signature.name}: where of shape {tuple(mask.shape)} fits neither "
            f"{signature.arguments[0]} of shape {tuple(first.shape)}, of whose rows it would leave "
            f"out entries, nor the losses of shape {losses}"
        )
    if any(a != b for a, b in sizes if known(a) and known(b)):
        return backend.xp.broadcast_to(mask, first.shape)
    return mask


def kept_rows(plan: Plan, mask: Array) -> Array:
    """Return the mask of losses that follows from a mask of the entries of whole rows."""
    rows: Array = plan.backend.xp.any(mask, axis=plan.slots[plan.mask].place)
    return rows
