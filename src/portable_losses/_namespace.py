"""The namespace as formulas see it: the array API standard, with the gaps of the libraries filled.

A formula is written in the plain standard. Where a library does not keep the standard's promise, or
keeps it at a price, its namespace is mended here, one small function a gap, with the reason and,
where there is one, the upstream link.
"""

from typing import Any

import numpy as np

from ._backends import backend_of
from ._backends import default as _numpy_backend
from .typing import Array, Axis, Namespace

numpy: Namespace = _numpy_backend.xp

_NUMPY_DEFAULTS: dict[str, Any] = dict(np.__array_namespace_info__().default_dtypes())
_BITS = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}


def namespace_of(array: Array) -> Namespace | None:
    """Return the namespace that formulas use on an array, or None for no array."""
    backend = backend_of(array)
    return None if backend is None else backend.xp


def device_of(array: Array) -> Any:
    """Return the device of an array, None where the library has no such thing, or none yet (a traced array)."""
    return getattr(array, "device", None)


def name_of(xp: Namespace) -> str:
    """Return the name of the library behind a namespace: ``"torch"``, ``"jax.numpy"``, ..."""
    name: str = xp.__name__
    return name.removeprefix("array_api_compat.")


def default_dtype(xp: Namespace, array: Array, kind: str) -> Any:
    """Return the dtype that a library takes where nothing is said (`kind` as in the standard), on the device of an array."""
    if xp is numpy:
        return _NUMPY_DEFAULTS[kind]
    return xp.__array_namespace_info__().default_dtypes(device=device_of(array))[kind]


def wide_dtype(xp: Namespace, array: Array) -> Any:
    """Return float64 where the device of an array has it, otherwise the dtype of the array."""
    return (
        xp.__array_namespace_info__()
        .dtypes(device=device_of(array), kind="real floating")
        .get("float64", array.dtype)
    )


def scalar(xp: Namespace, number: Any, dtype: Any, like: Array) -> Array:
    """Make a 0-d array of a Python number, on the device of an array."""
    return (
        np.asarray(number, dtype)
        if xp is numpy
        else xp.asarray(number, dtype=dtype, device=device_of(like))
    )


def cast(xp: Namespace, array: Array, dtype: Any) -> Array:
    """Convert an array unless it has the dtype."""
    return array if array.dtype == dtype else xp.astype(array, dtype)


def pick(xp: Namespace, values: Array, labels: Array, axis: int) -> Array:
    """Return from each row of `values`, which lies along `axis`, the entry that its label names."""
    # a third of the time of its take_along_axis, which is written in Python
    if xp is numpy and axis in (0, -1):
        return values.reshape(-1).take(_counted(values, labels, axis)).reshape(labels.shape)
    picked = xp.take_along_axis(values, _with_axis(labels, axis), axis=axis)
    return picked[..., 0] if axis == -1 else picked[0, ...]


def _counted(values: Array, labels: Array, axis: int) -> Array:
    """Return where the entries that labels name are among those of a NumPy array, counted in C order."""
    row, label = np.arange(labels.size), labels.reshape(-1)
    return row * values.shape[-1] + label if axis else label * labels.size + row


def _with_axis(labels: Array, axis: int) -> Array:
    # By an index: expand_dims fails on a Dask array whose shape is not known. Core axes are first
    # or last.
    return labels[..., None] if axis == -1 else labels[None, ...]


def one_hot(xp: Namespace, labels: Array, like: Array, axis: int) -> Array:
    """Return for each entry of the rows of `like`, which lie along `axis`, whether its label names it."""
    return _with_axis(labels, axis) == places(xp, axis, like, labels.dtype)


def places(xp: Namespace, axis: int, like: Array, dtype: Any = None) -> Array:
    """Return the numbers from 0 along an axis of an array, in a shape that broadcasts with it."""
    shape = [1] * like.ndim
    shape[axis] = -1
    return xp.reshape(
        xp.arange(like.shape[axis], dtype=dtype, device=device_of(like)), tuple(shape)
    )


def entry(xp: Namespace, x: Array, place: Array) -> Array:
    """Return from each row, along the last axis, the number at a place, 0 where that is not in the row."""
    inside = (place >= 0) & (place < x.shape[-1])
    return xp.where(inside, pick(xp, x, xp.where(inside, place, 0), -1), 0.0)


def with_entry(xp: Namespace, x: Array, place: Array, number: Any, axis: Axis = -1) -> Array:
    """Put a number, or one for each row, at a place of each row, which lies along an axis, if the row has that place.

    NumPy writes it into the array, which has to be one that nobody else needs: a selection would be
    a pass over all of it.
    """
    if xp is numpy:
        where, inside = _counted(x, place, axis), (place >= 0) & (place < x.shape[axis])
        if not np.all(inside):
            where, number = (
                where[np.reshape(inside, -1)],
                np.broadcast_to(number, place.shape)[inside],
            )
        x.put(where, number)  # through a copy, if the array is in another order
        return x
    number = _with_axis(number, axis) if hasattr(number, "shape") else number
    return xp.where(one_hot(xp, place, x, axis), number, x)


def neighbours(xp: Namespace, axis: int, x: Array, by: int, fill: float | None) -> Array:
    """Return for each entry the one that is so many places after it (before it, if less than 0), and `fill` where there is none.

    None stands for what is there itself. They are taken, and not joined, which Dask can do with
    rows of unknown number.
    """
    size = x.shape[axis]
    if xp is numpy and fill is not None:
        result = np.full_like(x, fill)
        inner, outer = np.moveaxis(x, axis, -1), np.moveaxis(result, axis, -1)
        outer[..., max(-by, 0) : max(size - by, 0)] = inner[..., max(by, 0) : max(size + by, 0)]
        return result
    place = xp.arange(size, device=device_of(x))
    taken = xp.take(
        x, xp.where((place + by < 0) | (place + by >= size), place, place + by), axis=axis
    )
    if fill is None:
        return taken
    source = places(xp, axis, x) + by
    return xp.where((source < 0) | (source >= size), fill, taken)


def stable_order(xp: Namespace, axis: int, x: Array) -> Array:
    """Return where each place of a row finds its entry, in rising order; equal ones stay in the order of the row."""
    return xp.argsort(x, axis=axis, stable=True)  # the default of the standard, but not of NumPy


def put_back(xp: Namespace, axis: int, order: Array, x: Array) -> Array:
    """Bring what is in an order, a permutation of the places of a row, to the places that it came from."""
    if xp is numpy:
        result = np.empty_like(x)
        np.put_along_axis(result, order, x, axis=axis)
        return result
    return xp.take_along_axis(x, stable_order(xp, axis, order), axis=axis)
