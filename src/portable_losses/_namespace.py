"""The namespace as formulas see it: the array API standard, with the gaps of the libraries filled.

A formula is written in the plain standard. Where a library does not keep the standard's promise, or
keeps it at a price, its namespace is mended here, one small function a gap, with the reason and,
where there is one, the upstream link.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from math import copysign, inf
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np

from .typing import Array, Axis, Namespace

_SMALL = 1024
"""Up to this many elements the call itself costs more than a mispredicted branch for each element."""

_NUMPY_DEFAULTS: dict[str, Any] = dict(np.__array_namespace_info__().default_dtypes())
_BITS = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}

_namespaces: dict[type, Namespace] = {}
_mended_libraries: dict[Any, Namespace] = {}


def namespace_of(array: Array) -> Namespace | None:
    """Return the namespace that formulas use on an array, or None for what belongs to no array library."""
    kind = type(array)
    if kind not in _namespaces:
        torch = sys.modules.get("torch")
        if torch is not None and issubclass(kind, torch.Tensor):
            from . import _torch

            _namespaces[kind] = _torch
        elif not array_api_compat.is_array_api_obj(array):
            return None
        else:
            library = array_api_compat.array_namespace(array)
            if library not in _mended_libraries:
                _mended_libraries[library] = (
                    numpy if array_api_compat.is_numpy_namespace(library) else _mended(library)
                )
            _namespaces[kind] = _mended_libraries[library]
    return _namespaces[kind]


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


def _mended(library: Namespace) -> Namespace:
    if array_api_compat.is_jax_namespace(library):
        return _with(
            library,
            abs=_jax_abs(library),
            minimum=_jax_bounded(library.minimum, library.greater),
            maximum=_jax_bounded(library.maximum, library.less),
            recorded=_jax_recorded,
        )
    if array_api_compat.is_dask_namespace(library):
        return _with(
            library,
            clip=partial(_dask_clip, library),
            max=partial(_dask_max, library),
            stack=partial(_dask_stack, library),
            take_along_axis=_dask_take_along_axis,
            in_chunks=_dask_in_chunks,
        )
    if array_api_compat.is_array_api_strict_namespace(library):
        return _with(library, argsort=partial(_strict_argsort, library))
    return library


def _with(library: Namespace, **mended: Any) -> ModuleType:
    module = ModuleType(library.__name__, library.__doc__)
    module.__dict__.update(
        {name: value for name, value in vars(library).items() if name not in vars(module)}
    )
    module.__dict__.update(mended)
    return module


def _numpy_where(condition: Array, x1: Array, x2: Array, /) -> Array:
    """Select without a branch: `numpy.where` costs 4 ns an element on a mask without pattern, this 0.4.

    The mask, spread to all bits, selects between the two bit patterns: ``x2 ^ ((x1 ^ x2) & mask)``.
    Most masks of formulas are for edges that data seldom have: where nothing is selected, `x2` is
    handed back as it is, for no formula writes into arrays.
    """
    if condition.size < _SMALL:
        return np.where(condition, x1, x2)
    dtypes = {x.dtype for x in (x1, x2) if isinstance(x, np.ndarray)}
    dtype = dtypes.pop() if len(dtypes) == 1 else None
    bits = _BITS.get(dtype)
    if bits is None or not all(
        isinstance(x, np.ndarray) or type(x) in (int, float) for x in (x1, x2)
    ):
        return np.where(condition, x1, x2)
    if (
        np.shape(x2) == condition.shape
        and np.shape(x1) in ((), condition.shape)
        and not condition.any()
    ):
        return x2
    mask = condition.view(np.int8).astype(bits)
    if not isinstance(x1, np.ndarray) and x1 == 0 and copysign(1, x1) > 0:
        mask -= 1
        return (x2.view(bits) & mask).view(dtype)
    np.negative(mask, out=mask)
    first, second = (np.asarray(x, dtype).view(bits) for x in (x1, x2))
    return (second ^ ((first ^ second) & mask)).view(dtype)


def _numpy_minimum(x1: Array, x2: Array, /) -> Array:
    """Compare with a number as fast as with an array: NumPy has vectorised its clip for that, but not its minimum."""
    if isinstance(x2, (int, float)) and x1.size >= _SMALL:
        return np.clip(x1, -inf, x2)
    return np.minimum(x1, x2)


def _numpy_maximum(x1: Array, x2: Array, /) -> Array:
    """Compare with a number as fast as with an array; see `_numpy_minimum`."""
    if isinstance(x2, (int, float)) and x1.size >= _SMALL:
        return np.clip(x1, x2, inf)
    return np.maximum(x1, x2)


def _jax_recorded(*call: Any) -> Array | None:
    from ._recorded_jax import recorded

    return recorded(*call)


def _jax_abs(library: Namespace) -> Callable[[Array], Array]:
    """Have derivative 0 at 0, as the registered derivatives and torch do: JAX says 1 (jax-ml/jax#37820).

    The value is JAX's own. A selection in its place is what XLA's fast kernels for a CPU do not
    know: ten times the time.
    """
    import jax

    size = jax.custom_jvp(library.abs)
    size.defjvp(lambda primals, tangents: (size(*primals), library.sign(primals[0]) * tangents[0]))
    mended: Callable[[Array], Array] = size
    return mended


def _jax_bounded(
    function: Callable[..., Array], beyond: Callable[..., Array]
) -> Callable[..., Array]:
    """Have derivative 0 where a number is chosen, as torch has: JAX multiplies by 0, which is NaN where it multiplies inf.

    As in `_jax_abs` the value is JAX's own.
    """
    import jax

    @partial(jax.custom_jvp, nondiff_argnums=(1,))
    def bounded(x1: Array, x2: float) -> Array:
        return function(x1, x2)

    @bounded.defjvp  # type: ignore[untyped-decorator]
    def _(x2: float, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        return bounded(*primals, x2), jax.numpy.where(beyond(*primals, x2), 0.0, *tangents)

    def mended(x1: Array, x2: Any, /) -> Array:
        return function(x1, x2) if hasattr(x2, "dtype") else bounded(x1, x2)

    return mended


def _dask_clip(library: Namespace, x: Array, low: Any, high: Any, /) -> Array:
    """Clip arrays of unknown shape, which array-api-compat's own clip asks for (1.16)."""
    return library.minimum(library.maximum(x, low), high)


def _dask_max(
    library: Namespace, x: Array, /, *, axis: int | None = None, keepdims: bool = False
) -> Array:
    """Have no objection to rows that are not there: Dask reduces an empty batch of them in a way that NumPy refuses."""
    if axis is None or x.shape[axis] == 0 or 0 not in x.shape:
        return library.max(x, axis=axis, keepdims=keepdims)
    return library.sum(x, axis=axis, keepdims=keepdims)  # nothing at all, of the right shape


def _dask_stack(library: Namespace, arrays: Sequence[Array], /) -> Array:
    """Trust that arrays of unknown shapes have the same, which Dask does not by default."""
    return library.stack(arrays, allow_unknown_chunksizes=True)


def _dask_take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Pick block by block, each of whole rows: there is no take_along_axis for Dask (dask/dask#3663)."""
    import dask.array

    loops = [*range(x.ndim)]
    row, chosen = x.ndim, x.ndim + 1
    rows, result = ([*loops], [*loops])
    rows[axis], result[axis] = row, chosen
    # Of the arrays in the blocks, which need not be NumPy's, NumPy calls their own function.
    return dask.array.blockwise(
        np.take_along_axis,
        result,
        x,
        rows,
        indices,
        result,
        axis=axis,
        dtype=x.dtype,
        concatenate=True,
        meta=x._meta,
    )


def _dask_in_chunks(*given: Any) -> Any:
    """Have NumPy evaluate a formula chunk by chunk: see `_chunks.evaluated`."""
    from . import _chunks

    return _chunks.evaluated(*given)


def _strict_argsort(
    library: Namespace, x: Array, /, *, axis: int = -1, stable: bool = True
) -> Array:
    """Sort on a device that has int64, of which the result is: array-api-strict (2.6.1) keeps it also on one that has not."""
    index = library.__array_namespace_info__().default_dtypes(device=x.device)["indexing"]
    order = library.argsort(x.to_device(library.Device("CPU_DEVICE")), axis=axis, stable=stable)
    return library.astype(order, index).to_device(x.device)


def _numpy_sum(
    x: Array, /, *, axis: Axis | None = None, dtype: Any = None, keepdims: bool = False
) -> Array:
    """Add up without the Python of `numpy.sum`, which takes three times as long as four numbers do."""
    total: Array = np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)  # type: ignore[call-overload]
    return total


def _numpy_max(x: Array, /, *, axis: Axis | None = None, keepdims: bool = False) -> Array:
    """Return the largest; see `_numpy_sum`."""
    largest: Array = np.maximum.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]
    return largest


numpy: Namespace = _with(
    np,
    where=_numpy_where,
    minimum=_numpy_minimum,
    maximum=_numpy_maximum,
    sum=_numpy_sum,
    max=_numpy_max,
)
_namespaces[np.ndarray] = numpy
_mended_libraries[np] = numpy
