"""From the arguments of a call to what is evaluated: one namespace, one dtype, shapes that agree, parameters in range."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from numbers import Integral, Real
from typing import Any, get_args

import numpy as np

from ._domains import check_parameter
from ._namespace import default_dtype, device_of, name_of, namespace_of, numpy
from ._signature import Signature
from .typing import Array, Domain, Namespace, Reduction

REDUCTIONS = get_args(Reduction)


@dataclass(slots=True)
class Call:
    """A call that has passed its checks. The arrays are as they came, but for core axes, which are last."""

    signature: Signature
    xp: Namespace
    arrays: list[Array]
    domains: tuple[Domain, ...]
    parameters: Mapping[str, Any]
    dtype: Any
    """The dtype that the formula is evaluated in."""
    results: list[Any]
    """The dtype of each prediction, as a result."""
    loop: tuple[int, ...]
    """The shape of the loop dimensions, some of them None or NaN where a lazy library does not know them."""
    core: int
    """How many core dimensions the first argument has."""
    places: list[tuple[int, ...]]
    """Where the core axes of each argument were."""
    reduction: str
    axis: tuple[int, ...] | None
    """The loop axes to reduce, None for all."""
    weights: Array | None
    where: Array | None
    class_weights: Array | None
    ignore_index: int | None

    @property
    def classes(self) -> int:
        """The size of the core dimension."""
        size: int = prod(self.arrays[0].shape[-self.core :]) if self.core else 1
        return size


def prepare(signature: Signature, arguments: Sequence[Any], given: Mapping[str, Any]) -> Call:
    """Check a call and read its arrays; nothing is computed."""
    parameters, options = _settings(signature, given)
    _count(signature, arguments)
    name = signature.name
    extras = {key: options[key] for key in ("weights", "where", "class_weights") if options.get(key) is not None}
    xp, arrays, extras = _read(signature, arguments, extras)
    pred = arrays[0]
    core = len(signature.core)
    if pred.ndim < core:
        raise ValueError(
            f"{name}: {signature.arguments[0]} needs the axis {', '.join(signature.core)}; its shape is {pred.shape}"
        )
    way = _way(signature, arrays, pred.ndim - core)
    places = []
    for i, cores in enumerate(signature.ways[way]):
        place = () if isinstance(arrays[i], Real) else _places(signature, cores, arrays[i], options)
        if place and place != tuple(range(arrays[i].ndim - len(place), arrays[i].ndim)):
            arrays[i] = xp.moveaxis(arrays[i], place, tuple(range(-len(place), 0)))
        places.append(place)
    pred = arrays[0]
    loop = tuple(pred.shape[: pred.ndim - core])
    _agree(signature, way, arrays, places, arguments)
    kinds = [_floating(name, signature.arguments[i], xp, arrays[i]) for i in range(signature.predicted)]
    dtype = kinds[0][0] if len(kinds) == 1 else xp.result_type(*(compute for compute, _ in kinds))
    for i, domain in enumerate(signature.domains[way]):
        if isinstance(arrays[i], Real):
            arrays[i] = _filled(signature, i, xp, arrays[i], domain, dtype, pred, loop)
        elif i >= signature.predicted:
            _check_kind(signature, i, xp, arrays[i], domain)
    weights, where = (_broadcastable(signature, key, xp, extras.get(key), loop) for key in ("weights", "where"))
    class_weights = extras.get("class_weights")
    if class_weights is not None and class_weights.shape != pred.shape[-1:]:
        raise ValueError(
            f"{name}: class_weights needs one weight for each of the {pred.shape[-1]} classes, shape {tuple(pred.shape[-1:])}; "
            f"its shape is {tuple(class_weights.shape)}"
        )
    return Call(
        signature=signature,
        xp=xp,
        arrays=arrays,
        domains=signature.domains[way],
        parameters=parameters,
        dtype=dtype,
        results=[result for _, result in kinds],
        loop=loop,
        core=core,
        places=places,
        reduction=options["reduction"],
        axis=_axes(name, options["axis"], len(loop)),
        weights=weights,
        where=where,
        class_weights=class_weights,
        ignore_index=options.get("ignore_index"),
    )


def prepare_one(name: str, x: Any) -> tuple[Namespace, Array, Any]:
    """Read the array of a function of one array: its namespace, the array in the dtype of the evaluation, and the result's."""
    xp = namespace_of(x)
    if xp is None or xp is numpy and type(x) is not np.ndarray:
        x, xp = _numpy_array(name, "x", x), numpy
    dtype, result = _floating(name, "x", xp, x)
    return xp, xp.astype(x, dtype, copy=False), result


def known(size: Any) -> bool:
    """Say whether a size is known: a lazy library has None or NaN where it is not."""
    return size is not None and size == size


# Options and parameters


def _settings(signature: Signature, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    options = dict(signature.options)
    parameters = signature.defaults
    for key, value in given.items():
        if key in signature.parameters:
            check_parameter(signature.name, signature.parameters[key], value)
            parameters = {**parameters, key: value}
        elif key in options:
            options[key] = value
        else:
            _unknown_option(signature, key)
    missing = signature.parameters.keys() - parameters.keys()
    if missing:
        raise TypeError(f"{signature.name}: the parameter {sorted(missing)[0]} has no default and must be given")
    if options["reduction"] not in REDUCTIONS:
        hint = (
            "; a mean over the batch is reduction='mean' here, whatever the loss" if options["reduction"] == "batchmean" else ""
        )
        raise ValueError(f"{signature.name}: reduction must be 'mean', 'sum' or 'none', got {options['reduction']!r}{hint}")
    ignored = options.get("ignore_index")
    if ignored is not None and not isinstance(ignored, Integral):
        raise TypeError(f"{signature.name}: ignore_index must be an integer label or None, got {ignored!r}")
    return parameters, options


def _unknown_option(signature: Signature, key: str) -> None:
    known_keys = [*signature.parameters, *signature.options]
    close = difflib.get_close_matches(key, known_keys, n=1)
    if key in signature.arguments:
        hint = f"{key} is an array, and arrays are passed by position"
    elif close:
        hint = f"did you mean {close[0]}?"
    else:
        hint = f"it has {', '.join(known_keys)}"
    raise TypeError(f"{signature.name} has no option {key!r}: {hint}")


def _count(signature: Signature, arguments: Sequence[Any]) -> None:
    if len(arguments) != len(signature.arguments):
        raise TypeError(
            f"{signature.name} takes {len(signature.arguments)} arrays ({', '.join(signature.arguments)}), got {len(arguments)}; "
            "everything else is passed by keyword"
        )


# Arrays


def _read(
    signature: Signature, arguments: Sequence[Any], extras: Mapping[str, Any]
) -> tuple[Namespace, list[Array], dict[str, Array]]:
    """Find the one namespace. What belongs to none is read by NumPy; Python numbers stay, but for the first argument."""
    name = signature.name
    xp = source = device = None
    read: dict[str, Array] = {}
    for key, value in (*zip(signature.arguments, arguments, strict=True), *extras.items()):
        if isinstance(value, Real) and key in signature.arguments[1:]:
            read[key] = value
            continue
        namespace = namespace_of(value)
        if namespace is None or namespace is numpy and type(value) is not np.ndarray:
            value, namespace = _numpy_array(name, key, value), numpy
        if xp is None:
            xp, source = namespace, key
        elif xp is not namespace:
            raise TypeError(
                f"{name}: {source} is an array of {name_of(xp)}, but {key} is {_described(namespace)}: "
                "convert one of them, all arrays of a call belong to one library"
            )
        if xp is not numpy:
            here = device_of(value)
            device = here if device is None else device
            if here != device:
                raise ValueError(f"{name}: {source} is on {device}, but {key} is on {here}; nothing is copied to another device")
        read[key] = value
    arrays = [read[key] for key in signature.arguments]
    return xp, arrays, {key: read[key] for key in extras}


def _described(namespace: Namespace) -> str:
    return "an array of NumPy, or was read by it" if namespace is numpy else f"an array of {name_of(namespace)}"


def _numpy_array(name: str, key: str, value: Any) -> Array:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: {key} is a masked array; pass its data, and what to keep as `where=~{key}.mask`")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{name}: {key} is not an array, and NumPy cannot read it as one: {error}") from error
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        _refuse_dtype(name, key, array.dtype)
    return array


def _refuse_dtype(name: str, key: str, dtype: Any) -> None:
    hint = "take abs(x), or x.real and x.imag, first" if "complex" in str(dtype) else "convert it to numbers first"
    raise TypeError(f"{name}: {key} must hold real numbers, got {dtype}: {hint}")


def _is_kind(xp: Namespace, dtype: Any, *kinds: str) -> bool:
    try:
        return bool(xp.isdtype(dtype, kinds))
    except TypeError:  # numpy on a dtype that is not its own
        return False


def _floating(name: str, key: str, xp: Namespace, array: Array) -> tuple[Any, Any]:
    """Give the dtype to evaluate a prediction in, and that of the result."""
    dtype = array.dtype
    if _is_kind(xp, dtype, "real floating"):
        if xp is numpy:
            dtype = dtype.newbyteorder("=")
        return (xp.float32 if xp.finfo(dtype).bits < 32 else dtype), dtype
    if str(dtype) == "bfloat16":  # of ml_dtypes: a real dtype, though NumPy does not say so
        return xp.float32, dtype
    if not _is_kind(xp, dtype, "integral", "bool"):
        _refuse_dtype(name, key, dtype)
    default = default_dtype(xp, array, "real floating")
    return default, default


def _check_kind(signature: Signature, i: int, xp: Namespace, array: Array, domain: Domain) -> None:
    key = signature.arguments[i]
    if domain.labels:
        if not _is_kind(xp, array.dtype, "integral", "bool"):
            raise TypeError(
                f"{signature.name}: {key} has the shape of labels, {tuple(array.shape)}, which are integers, but its dtype is "
                f"{array.dtype}; probabilities have the class axis as well"
            )
    elif not _is_kind(xp, array.dtype, "real floating", "integral", "bool") and str(array.dtype) != "bfloat16":
        _refuse_dtype(signature.name, key, array.dtype)


def _filled(
    signature: Signature, i: int, xp: Namespace, value: Any, domain: Domain, dtype: Any, pred: Array, loop: tuple[int, ...]
) -> Array:
    """Make an array of a Python number: of the loop shape, as every argument without core dimensions is."""
    number = value.item() if isinstance(value, np.generic) else value
    if domain.labels:
        if not isinstance(number, Integral):
            raise TypeError(f"{signature.name}: {signature.arguments[i]} must be an integer label, got {value!r}")
        dtype = default_dtype(xp, pred, "indexing")
    if xp is numpy:
        return np.broadcast_to(np.asarray(number, dtype), loop)
    example = pred[(..., *(0,) * len(signature.core))]
    return xp.full_like(example, number, dtype=dtype)


# Shapes


def _way(signature: Signature, arrays: Sequence[Array], loops: int) -> int:
    for way, cores in enumerate(signature.ways):
        if all(
            not core if isinstance(array, Real) else array.ndim == loops + len(core)
            for array, core in zip(arrays, cores, strict=True)
        ):
            return way
    if len(signature.ways) == 1 and not any(map(len, signature.ways[0])):
        return 0  # the shapes differ, which _agree says best
    shapes = ", ".join(
        f"{key} {'a number' if isinstance(array, Real) else tuple(array.shape)}"
        for key, array in zip(signature.arguments, arrays, strict=True)
    )
    wanted = " or ".join(
        ", ".join(
            f"{key} ({', '.join(('...', *core))})" if core else f"{key} (...)"
            for key, core in zip(signature.arguments, cores, strict=True)
        )
        for cores in signature.ways
    )
    raise ValueError(f"{signature.name}: the shapes do not fit: {shapes}; it takes {wanted}, where ... are the same axes for all")


def _places(signature: Signature, cores: tuple[str, ...], array: Array, options: Mapping[str, Any]) -> tuple[int, ...]:
    places = []
    for i, core in enumerate(cores):
        place = options[f"{core}_axis"]
        if place == -1:
            place = i - len(cores)
        if not isinstance(place, Integral) or not -array.ndim <= place < array.ndim:
            raise ValueError(f"{signature.name}: {core}_axis={place!r} is no axis of an array of shape {tuple(array.shape)}")
        places.append(int(place) % array.ndim)
    if len(set(places)) != len(places):
        raise ValueError(f"{signature.name}: {', '.join(f'{core}_axis' for core in cores)} name one axis twice")
    return tuple(places)


def _agree(
    signature: Signature, way: int, arrays: Sequence[Array], places: Sequence[tuple[int, ...]], given: Sequence[Any]
) -> None:
    """Check that the loop dimensions are the same everywhere, and core dimensions of one name of one size."""
    cores = signature.ways[way]
    first = arrays[0].shape
    loop = first[: len(first) - len(cores[0])]
    sizes = dict(zip(cores[0], first[len(loop) :], strict=True))
    if any(known(size) and size == 0 for size in sizes.values()):
        raise ValueError(f"{signature.name}: {signature.arguments[0]} of shape {tuple(given[0].shape)} has no {', '.join(sizes)}")
    for i in range(1, len(arrays)):
        if isinstance(arrays[i], Real):
            continue
        shape = arrays[i].shape
        expected = (*loop, *(sizes.setdefault(core, size) for core, size in zip(cores[i], shape[len(loop) :], strict=False)))
        if len(shape) != len(expected) or any(known(a) and known(b) and a != b for a, b in zip(shape, expected, strict=True)):
            _differ(signature, i, tuple(np.shape(given[0])), tuple(np.shape(given[i])), places[i] == places[0])


def _differ(signature: Signature, i: int, first: tuple[int, ...], other: tuple[int, ...], same: bool) -> None:
    names = signature.arguments
    wanted = "their shapes must be the same" if same else "their shapes must agree on all axes but the core axes"
    hint = ""
    if same and tuple(n for n in first if n != 1) == tuple(n for n in other if n != 1):
        hint = f"; broadcasting would pair every element with every other: pass `{names[i]}.reshape({names[0]}.shape)`"
    elif same and len(first) == len(other) == 2 and first == other[::-1]:
        hint = f"; is {names[i]} transposed?"
    raise ValueError(f"{signature.name}: {names[0]} has shape {first} and {names[i]} has shape {other}: {wanted}{hint}")


def _broadcastable(signature: Signature, key: str, xp: Namespace, array: Any, loop: tuple[int, ...]) -> Array | None:
    if array is None:
        return None
    if key == "where" and not _is_kind(xp, array.dtype, "bool"):
        raise TypeError(
            f"{signature.name}: where must be a boolean array (what to keep), its dtype is {array.dtype}: pass `where != 0`"
        )
    if key != "where" and not _is_kind(xp, array.dtype, "real floating", "integral", "bool"):
        _refuse_dtype(signature.name, key, array.dtype)
    shape = tuple(array.shape)
    sizes = zip(reversed(shape), reversed(loop), strict=False)
    if len(shape) > len(loop) or any(known(a) and known(b) and a not in (1, b) for a, b in sizes):
        raise ValueError(
            f"{signature.name}: {key} of shape {shape} does not fit the losses of shape {loop}: it is broadcast to that shape and "
            "may not enlarge it"
        )
    return array


def _axes(name: str, axis: Any, loops: int) -> tuple[int, ...] | None:
    if axis is None:
        return None
    axes = [int(a) if isinstance(a, Integral) else loops for a in (axis if isinstance(axis, tuple) else (axis,))]
    if not all(-loops <= a < loops for a in axes):
        raise ValueError(f"{name}: axis={axis!r} names no axis, or not only axes, of the losses, which have {loops}")
    normal = tuple(a % loops for a in axes)
    if len(set(normal)) != len(normal):
        raise ValueError(f"{name}: axis={axis!r} names an axis twice")
    return normal
