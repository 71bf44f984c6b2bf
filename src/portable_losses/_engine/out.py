"""Results in arrays of the caller's: `out=`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._backends import NUMBER, backend_of, default
from ..typing import Array
from .formulas import Orders
from .layout import Layout
from .plan import Plan
from .stores import are_same, is_read_only, is_stored


def check_out(
    plan: Plan,
    layout: Layout,
    orders: Orders,
    inputs: Mapping[str, Any],
    out: Any,
    place: int | None = None,
) -> list[Any]:
    """Return the arrays for the gradients, in the form of the predictions, or that for the losses.

    Arrays in files are returned unchanged. If each class is a row of its own, `place` is where the
    classes are in the array of the caller.
    """
    name, given = plan.signature.name, in_a_list(out)
    wanted = list(_wanted(plan, layout, orders, inputs, place))
    if len(given) != len(wanted):
        names = ", ".join(plan.signature.arguments[i] for i in plan.signature.predicted)
        each = f"each of the predictions ({names}), " if 1 in orders else "the losses, "
        raise TypeError(
            f"{name}: out must have an array for {each}got {len(given)}"
            f"{'; pass a tuple' if len(wanted) > 1 else ''}"
        )
    if plan.backend is not default:
        raise TypeError(
            f"{name}: out goes with arrays of NumPy; the predictions belong to {plan.backend.name}"
        )
    what = "gradient" if 1 in orders else "losses"
    views: list[Any] = []
    for k, ((shape, dtype), x) in enumerate(zip(wanted, given, strict=True)):
        key = "out" if len(given) == 1 else f"out[{k}]"
        check_writable(
            name, key, x, {**inputs, **{f"out[{n}]": y for n, y in enumerate(given[:k])}}
        )
        if tuple(x.shape) != shape or default.native(x.dtype) != dtype:
            raise ValueError(
                f"{name}: {key} must have the shape {shape} and the dtype {dtype} of the {what}, "
                f"but has {tuple(x.shape)} and {x.dtype}"
            )
        if not is_stored(x):
            x = default.plain(x)
            if place is not None and 1 in orders:
                x = default.xp.moveaxis(x, place, -1)[..., None]
        views.append(x)
    return views


def check_reduction(name: str, options: Mapping[str, Any]) -> None:
    """Refuse an array for a reduced loss."""
    if options.get("reduction") != "none":
        raise TypeError(
            f"{name}: out of a call is for the loss of each element or row; pass reduction='none' "
            "with it. `value_and_grad` and `grad` take out for the gradient"
        )


def in_a_list(out: Any) -> list[Any]:
    """Return the arrays for the results, of which there may be one or a tuple."""
    return list(out) if isinstance(out, (tuple, list)) else [out]


def check_writable(name: str, key: str, x: Any, inputs: Mapping[str, Any]) -> None:
    """Refuse what cannot be written into, and what is an input as well."""
    stored = is_stored(x)
    if not stored and backend_of(x) is not default:
        raise TypeError(
            f"{name}: {key} must be an array of NumPy, or one in a file that is written part by "
            f"part, got {type(x).__name__}"
        )
    if is_read_only(x) if stored else not x.flags.writeable:
        kind = "it for writing" if stored else "a memmap with mode='r+'"
        raise ValueError(f"{name}: {key} is read-only; open {kind}")
    for other, array in inputs.items():
        if are_same(x, array) if stored else default.overlap(x, array):
            what = "is the same array as" if stored else "shares memory with"
            raise ValueError(f"{name}: {key} {what} {other}; pass another array")


def keep(results: Sequence[Any], orders: Orders, out: Sequence[Array]) -> None:
    """Write results into the arrays for them, unless they were computed in place."""
    found = results[orders.index(1)] if 1 in orders else results
    for result, x in zip(found, out, strict=True):
        if not default.overlap(result, x):
            x[...] = result


def _wanted(
    plan: Plan, layout: Layout, orders: Orders, inputs: Mapping[str, Any], place: int | None
) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Return the shapes and dtypes of the results."""
    if 1 not in orders:
        axes = plan.axis if plan.axis is not None and plan.reduction != "none" else ()
        yield tuple(n for i, n in enumerate(layout.loop) if i not in axes), plan.result
        return
    for i, dtype in zip(plan.signature.predicted, plan.results, strict=True):
        like = inputs[plan.signature.arguments[i]]
        shape = () if isinstance(like, NUMBER) else tuple(like.shape)
        if place is not None:
            shape = default.xp.moveaxis(like[..., 0], -1, place).shape
        yield shape, dtype
