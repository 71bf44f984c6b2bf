"""Losses of arrays in files: their calls as those of arrays, of which parts are read."""

from collections.abc import Mapping, Sequence
from typing import Any

from .._backends import NUMBER, default
from ..typing import Array, Axis
from .boxes import grid
from .boxwise import Boxwise
from .entries import with_mask
from .evaluate import Request, check_second, evaluate, request_of
from .formulas import Formulas, Orders
from .given import by_name, read_given
from .masks import StoredMasks, with_masks
from .out import check_out, check_writable, in_a_list
from .signature import KEEP, Signature
from .stores import ghost, is_stored, pieces, read


def evaluate_stored(
    formulas: Formulas,
    orders: Orders,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    out: Any = None,
) -> list[Any]:
    """Evaluate a loss of such arrays, or one whose results go into such: see `evaluate`."""
    arguments, options = by_name(formulas, arguments, options)
    if 2 in orders:
        check_second(formulas)
    names = formulas.signature.arguments
    inputs = dict(zip(names, arguments, strict=True)) | dict(options)
    whole = isinstance(arguments[0], NUMBER) or _is_rearranged(formulas.signature, options)
    request = None if whole else _request(formulas, orders, arguments, options, inputs)
    if request is None or not _in_boxes(request):
        return _at_once(formulas, orders, arguments, options, out, inputs)
    outputs = None
    if out is not None:
        outputs = check_out(request.plan, request.laid_out(), orders, inputs, out)
    sources = {
        key: x if is_stored(x := inputs.get(key)) else y for key, y in request.named().items()
    }
    return Boxwise(request, sources, outputs).results()


def _request(
    formulas: Formulas,
    orders: Orders,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    inputs: dict[str, Any],
) -> Request:
    """Return the request of a call, with arrays that have shapes in place of those in files.

    The inputs get masks in place of class labels. A mask of entries is one of them, beside the mask
    of losses that follows from it.
    """
    signature = formulas.signature
    ghosts = [ghost(x) for x in arguments]
    arrays, extras, settings = read_given(
        formulas, ghosts, {key: ghost(x) for key, x in options.items()}
    )
    if signature.masked and "class_axis" in settings:
        key, labels = signature.arguments[signature.target], arrays[signature.target]

        def masks_of(place: int) -> Array:
            given = inputs[key] if is_stored(inputs[key]) else labels
            inputs[key] = StoredMasks(signature, given, arrays[0], place)
            return ghost(inputs[key])

        arrays, settings = with_masks(signature, arrays, settings, masks_of)
    if "where" in extras and signature.masks_entries:
        mask = inputs["where"]

        def any_of(_: Array, axes: Axis) -> Array:
            inputs[KEEP] = mask
            inputs["where"] = found = _any(mask, axes)
            return found

        _, arrays, extras = with_mask(formulas, arrays, arrays, extras, settings, any_of)
    return request_of(formulas, orders, arrays, extras, settings, False)


def _any(mask: Any, axes: Axis) -> Array:
    """Return whether a mask is True anywhere along axes; it may be in a file."""
    xp = default.xp
    if not is_stored(mask):
        return xp.any(xp.asarray(mask), axis=axes)
    every = [("", i) for i in range(len(mask.shape))]
    sizes = dict(zip(every, mask.shape, strict=True))
    shape = [n for i, n in enumerate(mask.shape) if i not in axes]
    found = xp.zeros(shape, dtype=bool)
    for box in grid(sizes, [dict(zip(every, pieces(mask), strict=True))], [], 1).boxes():
        part = read(mask, tuple(box.values()))
        kept = tuple(cut for (_, i), cut in box.items() if i not in axes)
        found[kept] |= xp.any(part, axis=axes)
    return found


def _is_rearranged(signature: Signature, options: Mapping[str, Any]) -> bool:
    """Return whether a call is evaluated as one of arrays that are made of those given."""
    apart = signature.axisless and not signature.masked and options.get("class_axis", 0) is None
    return apart or (signature.averaged and "class_weights" in options)


def _in_boxes(request: Request) -> bool:
    """Return whether a loss is evaluated box by box.

    What losses of several groups share has a gradient from all groups, each with its own factor.
    """
    plan, layout = request.plan, request.laid_out()
    groups = plan.axis is not None and len(plan.axis) < plan.loops and any(request.orders)
    grouped = groups and (layout.finish is not None or layout.weighted)
    shared = plan.signature.common or any(own is not None for own in layout.shared)
    return plan.backend is default and not layout.void and not (grouped and shared)


def _at_once(
    formulas: Formulas,
    orders: Orders,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    out: Any,
    inputs: Mapping[str, Any],
) -> list[Any]:
    """Read all arrays, evaluate, and write all results."""
    given, buffers = [] if out is None else in_a_list(out), []
    for k, x in enumerate(given):
        if is_stored(x):
            key = "out" if len(given) == 1 else f"out[{k}]"
            check_writable(formulas.name, key, x, inputs)
        buffers.append(default.xp.empty(tuple(x.shape), dtype=x.dtype) if is_stored(x) else x)
    results = evaluate(
        formulas,
        orders,
        [read(x) for x in arguments],
        {key: read(x) for key, x in options.items()},
        out=buffers or None,
    )
    for x, buffer in zip(given, buffers, strict=True):
        if is_stored(x):
            x[...] = buffer
    return results
