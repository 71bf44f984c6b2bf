"""The first evaluation of a formula: whether it is written for every array library."""

from collections.abc import Mapping, Sequence
from types import FrameType, ModuleType, TracebackType
from typing import Any

from .._backends import backend_of
from ..typing import Array
from .call import Call
from .formulas import Orders
from .shapes import differ


def proved(
    call: Call, orders: Orders, head: Any, arrays: Sequence[Array], sequences: Mapping[str, Array]
) -> list[Any]:
    """Evaluate the formulas of a call, and check that their results are arrays of its shapes.

    The formulas cannot write to the arrays of the caller.
    """
    try:
        guarded = call.backend.guarded(arrays)
        results = call.backend.compute(call, orders, head, guarded, sequences)
    except Exception as error:
        used = _foreign(call, error.__traceback__)
        if not used:
            raise
        raise TypeError(
            f"{_name(call)}: the formula fails on arrays of {call.backend.name}, because it uses "
            f"`{used}`; write `xp.` in place of `{used}.`. {_WHY}"
        ) from error
    front = call.plan.core > 0 and head == (0,)
    shape = tuple(arrays[0].shape)
    loop = shape[1:] if front else shape[: len(shape) - call.plan.core]
    for order, result in zip(orders, results, strict=True):
        if order:
            _check_derivatives(call, arrays, result)
        else:
            _check(call, "the formula", result, loop, _meant(call, result, shape))
    call.plan.proved[orders] = call.backend.compute
    return results


_WHY = (
    "A formula receives the arrays of any library: CPU tensors, for example, are lent to another "
    "one, which is faster"
)


def _name(call: Call) -> str:
    return call.plan.formulas.name


def _check_derivatives(call: Call, arrays: Sequence[Array], derivatives: Sequence[Array]) -> None:
    """Check the derivative with respect to each prediction."""
    predicted, arguments = call.plan.signature.predicted, call.plan.signature.arguments
    if len(derivatives) != len(predicted):
        names = ", ".join(arguments[i] for i in predicted)
        raise ValueError(
            f"{_name(call)}: the derivative must be a tuple with an array for each prediction "
            f"({names}), but it has {len(derivatives)}"
        )
    for i, derivative in zip(predicted, derivatives, strict=True):
        shape = tuple(arrays[i].shape)
        if call.layout.scalars:  # arguments that are one number, shared by all losses
            if getattr(derivative, "shape", None) == ():
                continue
            shape = tuple(arrays[0].shape)
        what = f"the derivative with respect to {arguments[i]}"
        cure = f"return an array like {arguments[i]}, before weights and the reduction"
        _check(call, what, derivative, shape, cure)


def _meant(call: Call, result: Any, given: tuple[int, ...]) -> str:
    """Return what to do about losses of a wrong shape."""
    if not call.plan.core:
        cure = "leave out its own sum or mean: `reduction`, `weights` and `where` are added to it"
    elif tuple(getattr(result, "shape", ())) == given:
        cure = "reduce over the axis that the formula receives: `xp.sum(..., axis=axis)`"
    else:
        cure = "reduce over the axis that the formula receives, and over no other"
    return cure


def _check(call: Call, what: str, result: Any, shape: tuple[Any, ...], cure: str) -> None:
    """Refuse a result that is no array of the library, or of a wrong shape."""
    backend = backend_of(result)
    if backend is not call.backend and getattr(result, "shape", None) != ():
        found = type(result).__name__ if backend is None else f"an array of {backend.name}"
        raise TypeError(
            f"{_name(call)}: {what} must return an array of {call.backend.name}, but returns "
            f"{found}; compute with the functions of `xp`. {_WHY}"
        )
    own = getattr(result, "shape", ())
    if differ(own, shape):
        each = "element" if not call.plan.core else "row"
        wanted = f"one loss for each {each}" if what == "the formula" else "an array"
        raise ValueError(
            f"{_name(call)}: {what} must return {wanted}, of shape {shape}, but returns shape "
            f"{tuple(own)}; {cure}"
        )


def _foreign(call: Call, traceback: TracebackType | None) -> str:
    """Return the name of another array library that the formula was using when it failed."""
    modules = call.plan.formulas.modules
    library = call.backend.name.partition(".")[0]
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_globals.get("__name__") in modules:
            for name, used in _modules(frame):
                if used.__name__.partition(".")[0] != library:
                    return name
        traceback = traceback.tb_next
    return ""


def _modules(frame: FrameType) -> list[tuple[str, ModuleType]]:
    """Return the array libraries that a function names."""
    code = frame.f_code
    names = (*code.co_names, *code.co_varnames, *code.co_freevars)
    seen = {**frame.f_globals, **frame.f_locals}
    found = [(name, seen.get(name)) for name in names]
    return [(n, x) for n, x in found if isinstance(x, ModuleType) and hasattr(x, "asarray")]
