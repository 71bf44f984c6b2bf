"""Gradients in arrays of the caller's: `out=`."""

from collections.abc import Mapping, Sequence
from typing import Any

from .._backends import NUMBER, backend_of, default
from ..typing import Array
from .plan import Plan


def check_out(
    plan: Plan,
    arrays: Sequence[Any],
    extras: Mapping[str, Any],
    out: Any,
    place: int | None,
) -> list[Array]:
    """Return the arrays for the gradients, in the form of the predictions.

    If each class is a row of its own, `place` is where the classes are in the array of the caller.
    """
    name, predicted = plan.signature.name, plan.signature.predicted
    given = list(out) if isinstance(out, (tuple, list)) else [out]
    if len(given) != len(predicted):
        names = ", ".join(plan.signature.arguments[i] for i in predicted)
        raise TypeError(
            f"{name}: out must have an array for each of the predictions ({names}), "
            f"got {len(given)}; pass a tuple"
        )
    if plan.backend is not default:
        raise TypeError(
            f"{name}: out goes with arrays of NumPy; the predictions belong to {plan.backend.name}"
        )
    inputs = dict(zip(plan.signature.arguments, plan.present(arrays), strict=True)) | dict(extras)
    views: list[Array] = []
    for k, (i, x) in enumerate(zip(predicted, given, strict=True)):
        key = "out" if len(given) == 1 else f"out[{k}]"
        like, dtype = inputs[plan.signature.arguments[i]], plan.results[k]
        shape = () if isinstance(like, NUMBER) else tuple(like.shape)
        if place is not None:
            shape = default.xp.moveaxis(like[..., 0], -1, place).shape
        if backend_of(x) is not default:
            raise TypeError(f"{name}: {key} must be an array of NumPy, got {type(x).__name__}")
        if tuple(x.shape) != shape or default.native(x.dtype) != dtype:
            raise ValueError(
                f"{name}: {key} must have the shape {shape} and the dtype {dtype} of the gradient, "
                f"but has {tuple(x.shape)} and {x.dtype}"
            )
        if not x.flags.writeable:
            raise ValueError(f"{name}: {key} is read-only; open a memmap with mode='r+'")
        others = {**inputs, **{f"out[{n}]": view for n, view in enumerate(views)}}
        for other, array in others.items():
            if default.overlap(x, array):
                raise ValueError(f"{name}: {key} shares memory with {other}; pass another array")
        x = default.plain(x)
        views.append(x if place is None else default.xp.moveaxis(x, place, -1)[..., None])
    return views


def keep(gradients: Sequence[Array], out: Sequence[Array]) -> None:
    """Write gradients into the arrays for them, unless they were computed in place."""
    for gradient, x in zip(gradients, out, strict=True):
        if not default.overlap(gradient, x):
            x[...] = gradient
