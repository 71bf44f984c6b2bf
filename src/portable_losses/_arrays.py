"""Reading the arrays of a call: one library, one device, real numbers, and the dtype to evaluate them in."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NoReturn

import numpy as np

from ._namespace import default_dtype, device_of, name_of, namespace_of, numpy, scalar
from ._signature import Signature
from .typing import Array, Domain, Namespace

NUMBER = (Real, np.bool_)
"""Python numbers and NumPy scalars: what has no shape to disagree with."""


def prepare_one(name: str, x: Any, key: str = "x") -> tuple[Namespace, Array, Any]:
    """Read the array of a function of one array: its namespace, the array in the dtype of the evaluation, and the result's."""
    xp = namespace_of(x)
    if xp is None or (xp is numpy and type(x) is not np.ndarray):
        x, xp = _numpy_array(name, key, x), numpy
    dtype, result = floating(name, key, xp, x)
    return xp, xp.astype(x, dtype, copy=False), result


def prepare_together(name: str, given: Mapping[str, Any]) -> tuple[Namespace, list[Array], Any]:
    """Read the arrays of a function of several: their namespace, all in the dtype of the evaluation, and the result's dtype.

    A Python number takes the dtype of the arrays. Where there are numbers only, NumPy reads them.
    """
    numbers = {key: value for key, value in given.items() if isinstance(value, NUMBER)}
    if len(numbers) == len(given):
        numbers = {}
    read = {
        key: prepare_one(name, value, key) for key, value in given.items() if key not in numbers
    }
    first, (xp, like, _) = next(iter(read.items()))
    device = None
    for key, (namespace, array, _) in read.items():
        if namespace is not xp:
            raise TypeError(
                f"{name}: {first} is {_described(xp)}, but {key} is {_described(namespace)}: "
                "convert one of them, all arrays of a call belong to one library"
            )
        here = None if xp is numpy else device_of(array)
        device = here if device is None else device
        if here is not None and here != device:
            raise ValueError(
                f"{name}: {first} is on {device}, but {key} is on {here}; nothing is copied to another device"
            )
    dtype = _promoted(xp, [array.dtype for _, array, _ in read.values()])
    arrays = [
        xp.astype(read[key][1], dtype, copy=False)
        if key in read
        else scalar(xp, float(value), dtype, like)
        for key, value in given.items()
    ]
    return xp, arrays, _promoted(xp, [result for _, _, result in read.values()])


def _promoted(xp: Namespace, dtypes: Sequence[Any]) -> Any:
    return dtypes[0] if all(dtype == dtypes[0] for dtype in dtypes) else xp.result_type(*dtypes)


def read_arrays(
    signature: Signature, arguments: Sequence[Any], extras: Mapping[str, Any]
) -> tuple[Namespace, list[Array], dict[str, Array]]:
    """Find the one namespace. What belongs to none is read by NumPy; Python numbers stay, but for the first argument."""
    name = signature.name
    xp = source = device = None
    read: dict[str, Array] = {}
    for key, value in (*zip(signature.arguments, arguments, strict=True), *extras.items()):
        if isinstance(value, NUMBER) and key != signature.arguments[0]:
            read[key] = value
            continue
        namespace = namespace_of(value)
        if namespace is None or (namespace is numpy and type(value) is not np.ndarray):
            value, namespace = _numpy_array(name, key, value), numpy
        if xp is None:
            xp, source = namespace, key
        elif xp is not namespace:
            raise TypeError(
                f"{name}: {source} is an array of {name_of(xp)}, but {key} is {_described(namespace)}: "
                "convert one of them, all arrays of a call belong to one library"
            )
        here = None if xp is numpy else device_of(value)
        device = here if device is None else device
        if here is not None and here != device:
            raise ValueError(
                f"{name}: {source} is on {device}, but {key} is on {here}; nothing is copied to another device"
            )
        read[key] = value
    arrays = [read[key] for key in signature.arguments]
    return xp, arrays, {key: read[key] for key in extras}


def _described(namespace: Namespace) -> str:
    return (
        "an array of NumPy, or was read by it"
        if namespace is numpy
        else f"an array of {name_of(namespace)}"
    )


def _numpy_array(name: str, key: str, value: Any) -> Array:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: {key} is a masked array; pass its data, and what to keep as `where=~{key}.mask`"
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(
            f"{name}: {key} is not an array, and NumPy cannot read it as one: {error}"
        ) from error
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        refuse_dtype(name, key, array.dtype)
    return array


def refuse_dtype(name: str, key: str, dtype: Any) -> NoReturn:
    """Raise the error of an array that does not hold real numbers."""
    hint = (
        "take abs(x), or x.real and x.imag, first"
        if "complex" in str(dtype)
        else "convert it to numbers first"
    )
    raise TypeError(f"{name}: {key} must hold real numbers, got {dtype}: {hint}")


def is_kind(xp: Namespace, dtype: Any, *kinds: str) -> bool:
    """Return whether a dtype is of one of the kinds that the standard names."""
    try:
        return bool(xp.isdtype(dtype, kinds))
    except TypeError:  # numpy on a dtype that is not its own
        return False


def floating(name: str, key: str, xp: Namespace, array: Array) -> tuple[Any, Any]:
    """Return the dtype to evaluate a prediction in, and that of the result."""
    dtype = array.dtype
    if is_kind(xp, dtype, "real floating"):
        if xp is numpy:
            dtype = dtype.newbyteorder("=")
        return (xp.float32 if xp.finfo(dtype).bits < 32 else dtype), dtype
    if str(dtype) == "bfloat16":  # of ml_dtypes: a real dtype, though NumPy does not say so
        return xp.float32, dtype
    if not is_kind(xp, dtype, "integral", "bool"):
        refuse_dtype(name, key, dtype)
    default = default_dtype(xp, array, "real floating")
    return default, default


def check_real(name: str, key: str, xp: Namespace, array: Array) -> None:
    """Refuse what does not hold real numbers."""
    if (
        not is_kind(xp, array.dtype, "real floating", "integral", "bool")
        and str(array.dtype) != "bfloat16"
    ):
        refuse_dtype(name, key, array.dtype)


def check_kind(signature: Signature, i: int, xp: Namespace, array: Array, domain: Domain) -> None:
    """Refuse a target that does not hold what its domain says: integers for labels, real numbers otherwise."""
    key = signature.arguments[i]
    if domain.integer:
        if not is_kind(xp, array.dtype, "integral", "bool"):
            hint = "; probabilities have the class axis as well" if domain.labels else ""
            raise TypeError(
                f"{signature.name}: {key} has the shape of {'labels' if domain.labels else 'lengths'}, {tuple(array.shape)}, "
                f"which are integers, but its dtype is {array.dtype}{hint}"
            )
        return
    check_real(signature.name, key, xp, array)


def filled(
    signature: Signature,
    i: int,
    xp: Namespace,
    value: Any,
    domain: Domain,
    dtype: Any,
    pred: Array,
    loop: tuple[int, ...],
) -> Array:
    """Make an array of a Python number: of the loop shape, as every argument without core dimensions is."""
    number = value.item() if isinstance(value, np.generic) else value
    if domain.integer:
        if not isinstance(number, Integral):  # bool is one
            kind = "label" if domain.labels else "length"
            raise TypeError(
                f"{signature.name}: {signature.arguments[i]} must be an integer {kind}, got {value!r}"
            )
        dtype = default_dtype(xp, pred, "indexing")
    if xp is numpy:
        return np.broadcast_to(np.asarray(number, dtype), loop)
    example = pred[(..., *(0,) * len(signature.core))]
    return xp.full_like(example, number, dtype=dtype)
