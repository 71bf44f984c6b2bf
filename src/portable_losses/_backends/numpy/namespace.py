"""Functions that NumPy needs in another form, because its own take several times as long."""

from collections.abc import Callable, Iterator
from math import inf, isnan
from typing import Any

import numpy as np

from ..._numerics import rows
from ..._numerics.loops import Arrays, Step, Stepped, cut
from ..._numerics.standard import is_exactly
from ...typing import Array, Axis
from . import kernels
from .sums import long_sum

_TOGETHER = 2**16
"""The number of pairs that are formed together, about that of a block, which fits the cache."""

_DEFAULTS: dict[str, Any] = dict(np.__array_namespace_info__().default_dtypes())


def sum(  # noqa: A001 - the name in the standard
    x: Array, /, *, axis: Axis | None = None, dtype: Any = None, keepdims: bool = False
) -> Array:
    """Add up without the Python code of `numpy.sum`, which dominates for small arrays."""
    total: Array = np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)  # type: ignore[call-overload]
    return total


def max(x: Array, /, *, axis: Axis | None = None, keepdims: bool = False) -> Array:  # noqa: A001
    """Return the largest number; see `sum`."""
    largest: Array = np.maximum.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]
    return largest


def astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """Call the method: the function is written in Python, which dominates for small arrays."""
    return x.astype(dtype, copy=copy)


def cast(x: Array, dtype: Any) -> Array:
    """Convert an array, or a scalar, unless it has the dtype; see `astype`."""
    if x.dtype == dtype:
        return x
    return dtype.type(x) if isinstance(x, np.generic) else x.astype(dtype)


def reshape(x: Array, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Array:
    """Call the method; see `astype`."""
    return np.reshape(x, shape, copy=copy) if copy is not None else x.reshape(shape)


def squeeze(x: Array, /, axis: Any) -> Array:
    """Call the method; see `astype`."""
    return x.squeeze(axis)


def default_dtype(like: Array, kind: str) -> Any:
    """Return the default dtype of a kind, without a call to NumPy."""
    return _DEFAULTS[kind]


def scalar(number: Any, dtype: Any, like: Array) -> Array:
    """Make a 0-d array; NumPy has only one device."""
    return np.asarray(number, dtype)


def decay(x: Array) -> Array:
    """Return exp(-abs(x)) without a selection, which only autodiff needs."""
    size = np.abs(x)
    return np.exp(np.negative(size, out=size if size.ndim else None))


def relu(x: Array) -> Array:
    """Return max(x, 0) without a selection, which only autodiff needs."""
    return kernels.maximum(x, 0.0)


def unit_step(x: Array) -> Array:
    """Return 1 from 0 on, 0 below; a selection is made only if there is NaN."""
    step = (x >= 0).astype(x.dtype)
    return np.where(np.isnan(x), x, step) if has_nan(x) else step


def weighted(weight: Array, value: Array) -> Array:
    """Return weight * value, where 0 * inf is 0; a selection is made only if NaN results."""
    product = weight * value
    if not has_nan(product):
        return product
    return np.where((weight == 0) & np.isinf(value), 0.0, product)


def mean_of(total: Array, count: Array) -> Array:
    """Return total / count; 0 / 0 is NaN."""
    return np.divide(total, count)


def safe_divide(x: Array, y: Array) -> Array:
    """Return x / y, where 0 / 0 is 0; a selection is made only if NaN results."""
    ratio = x / y
    return np.where((x == 0) & (y == 0), 0.0, ratio) if has_nan(ratio) else ratio


def power(x: Array, exponent: float) -> Array:
    """Return x**exponent without a selection, which only autodiff needs."""
    raised: Array = x**exponent
    return raised


def floored_log(x: Array, floor: Any) -> Array:
    """Return max(log(x), floor) without a selection, which only autodiff needs."""
    if is_exactly(floor, -inf):
        return np.log(x)
    return kernels.maximum(np.log(kernels.maximum(x, 0.0)), floor)


def floored_log1m(x: Array, floor: Any) -> Array:
    """Return max(log(1 - x), floor), likewise."""
    if is_exactly(floor, -inf):
        return np.log1p(-x)
    return kernels.maximum(np.log1p(-kernels.minimum(x, 1.0)), floor)


def group_sum(values: Array, labels: Array, number: int) -> Array:
    """Add up values by their labels, in one pass."""
    inside = (labels >= 0) & (labels < number)
    values = np.where(inside, values, 0.0).ravel()
    return np.bincount(np.where(inside, labels, 0).ravel(), values, number)[:number]


def xlogy(x: Array, y: Array) -> Array:
    """Return x * log(y), which is 0 where x is 0; a selection is made only if NaN results."""
    product = x * np.log(y)
    return np.where((x == 0) & (y == y), 0.0, product) if has_nan(product) else product


def relative_difference(x: Array, y: Array) -> Array:
    """Return (x - y) / x, 1 where y is 0 or x is infinite; selected only if NaN results."""
    ratio = (x - y) / x
    return np.where((y == 0) | np.isinf(x), 1.0, ratio) if has_nan(ratio) else ratio


def log_quotient(x: Array, y: Array) -> Array:
    """Return log(x / y), from the roots where a quotient overflowed or underflowed."""
    ratio = x / y
    extreme = ~((ratio >= np.finfo(ratio.dtype).smallest_normal) & (ratio < inf))
    if not extreme.any():
        return np.log(ratio)
    roots = safe_divide(np.sqrt(x), np.sqrt(y))
    return np.where(extreme, 2 * np.log(roots), np.log(ratio))


def has_nan(x: Array) -> bool:
    """Return whether a block contains NaN: its maximum is NaN then, and so is its square.

    BLAS is faster for few numbers, and has threads of its own for many.
    """
    if x.size <= _ONE_THREAD:
        return isnan(np.vdot(x, x))
    return isnan(np.maximum.reduce(x, axis=None))


_ONE_THREAD = 8192
"""Up to this number of numbers BLAS is faster, and does not start threads."""


def row_sum(x: Array, axis: Axis) -> Array:
    """Add up along an axis, which is kept with size 1; along the first axis some rows at a time.

    NumPy adds contiguous numbers in pairs, but others one after the other, so that a long sum has a
    large rounding error.
    """
    size = x.shape[axis]
    if axis == 0 and size > 2 * _IN_A_ROW:
        number = size // _IN_A_ROW
        kept = number * _IN_A_ROW
        groups = x[:kept].reshape(number, _IN_A_ROW, *x.shape[1:])
        x = np.concatenate((np.add.reduce(groups, axis=1), x[kept:]))
    total: Array = np.add.reduce(x, axis=axis, keepdims=True)
    return total


_IN_A_ROW = 32
"""The number of rows that are added one after the other."""


def softmax_parts(x: Array, axis: Axis) -> rows.SoftmaxParts:
    """Return the parts of the softmax; search the largest entries only in dominated rows.

    Elsewhere it is accurate to subtract the 1 of the largest entry from the sum.
    """
    top = np.maximum.reduce(x, axis=axis, keepdims=True)
    exponential = np.subtract(x, top)
    exponential = np.exp(exponential, out=exponential if exponential.ndim else None)
    rest = row_sum(exponential, axis)
    rest -= 1
    dominated = rest < _DOMINATED
    if dominated.any():
        shape, across = ((len(x), -1), 1) if axis == 0 else ((-1, x.shape[-1]), 0)
        few = exponential.reshape(shape).compress(dominated.reshape(-1), axis=across)
        largest = np.floor(few)
        rest[dominated] = (few - largest).sum(1 - across) + (largest.sum(1 - across) - 1)
    return rows.SoftmaxParts(x, top, exponential, rest)


_DOMINATED = 0.25
"""Below this, a sum of the other exponentials is inaccurate if computed as the total minus 1."""


def row_dot(x: Array, y: Array, axis: Axis) -> Array:
    """Return dot products without an array of the products, except for long rows.

    BLAS adds up float32 less accurately than `numpy.sum`.
    """
    if axis == -1 and x.shape[-1] <= _SHORT:
        return np.vecdot(x, y)[..., None]
    return np.add.reduce(x * y, axis=axis, keepdims=True)


_SHORT = 4096
"""Up to this number of products BLAS adds up to within an ulp."""


def norm(x: Array, axis: Axis) -> Array:
    """Return the norm without a selection, which only autodiff needs."""
    square = row_dot(x, x, axis)
    return np.sqrt(square, out=square)


def smaller(pred: Array, target: Array) -> Array:
    """Return the smaller number without a selection, which only autodiff needs."""
    return np.minimum(pred, target)


def by_side(pred: Array, target: Array, above: Array, at: Array, below: Array) -> Array:
    """Return a number for each side, by arithmetic if all targets are 0 or 1."""
    if ((target == 0) | (target == 1)).all():
        return above * (1 - target) + below * target
    is_at = (pred == target) & (target > 0) & (target < 1)
    is_below = (pred < target) | (target == 1)
    return kernels.where(is_at, at, kernels.where(is_below, below, above))


def label_parts(x: Array, labels: Array, axis: Axis) -> rows.LabelParts:
    """Return the parts of the softmax at the labels; set their exponentials to 0 for the sum."""
    top = np.maximum.reduce(x, axis=axis, keepdims=True)
    exponential = np.ascontiguousarray(x - top)
    np.exp(exponential, out=exponential)
    at, flat = _counted(x, labels, axis), exponential.reshape(-1)
    label, own = x.reshape(-1).take(at).reshape(top.shape), flat.take(at)
    flat[at] = 0.0
    others = row_sum(exponential, axis)
    flat[at] = own
    return rows.LabelParts(x, top, exponential, label, own.reshape(top.shape), others)


def moveaxis(x: Array, source: Axis, destination: Axis, /) -> Array:
    """Transpose: numpy.moveaxis checks more, which takes longer than a small loss."""
    if not isinstance(source, tuple):
        source, destination = (source,), (destination,)
    size = x.ndim
    pairs = sorted((to % size, place % size) for place, to in zip(source, destination, strict=True))
    moved = [place for _, place in pairs]
    axes = [i for i in range(size) if i not in moved]
    for to, place in pairs:
        axes.insert(to, place)
    return x.transpose(axes)


def pick(values: Array, labels: Array, axis: Axis) -> Array:
    """Take entries by their position in memory: numpy.take_along_axis is written in Python."""
    return values.reshape(-1).take(_counted(values, labels, axis)).reshape(labels.shape)


def _counted(values: Array, labels: Array, axis: Axis) -> Array:
    """Return the positions of the entries that labels name, counted in C order."""
    row, label = np.arange(labels.size), labels.reshape(-1)
    return row * values.shape[-1] + label if axis else label * labels.size + row


def with_entry(x: Array, place: Array, number: Any, axis: Axis = -1) -> Array:
    """Write a number, or one per row, at a place of each row: a selection needs a whole pass."""
    at, size = _counted(x, place, axis), x.shape[axis]
    if place.size and place.astype(np.uintp).max() >= size:  # negative ones become the largest
        inside = (place >= 0) & (place < size)
        at, number = at[np.reshape(inside, -1)], np.broadcast_to(number, place.shape)[inside]
    x = np.ascontiguousarray(x)
    x.reshape(-1)[at] = np.reshape(number, -1)  # numpy.put takes three times as long
    return x


def neighbours(x: Array, axis: Axis, by: int, fill: float | None) -> Array:
    """Return for each entry the one `by` places after it, by a copy of a view."""
    size = x.shape[axis]
    result = x.copy() if fill is None else np.full_like(x, fill)
    inner, outer = np.moveaxis(x, axis, -1), np.moveaxis(result, axis, -1)
    start, stop = [0, by] if by > 0 else [-by, 0]
    kept = size - start - stop
    if kept > 0:
        outer[..., start : start + kept] = inner[..., stop : stop + kept]
    return result


def put_back(x: Array, order: Array, axis: Axis) -> Array:
    """Undo an order without sorting it."""
    result = np.empty_like(x)
    np.put_along_axis(result, order, x, axis=axis)
    return result


def scan(
    step: Step, carried: Arrays, sequences: Arrays, *, reverse: bool = False, remember: bool = True
) -> Stepped:
    """Write each result to its place: to stack them at the end would take twice the memory."""
    number = sequences[0].shape[0]
    every: Arrays = ()
    for i in range(number)[::-1] if reverse else range(number):
        carried, results = step(carried, tuple(sequence[i] for sequence in sequences))
        if not every:
            every = tuple(np.empty((number, *x.shape), x.dtype) for x in results)
        for whole, result in zip(every, results, strict=True):
            whole[i] = result
    return carried, every


def pieces(x: Array, axis: Axis) -> Iterator[slice]:
    """Cut the entries of rows into pieces whose pairs fit the cache."""
    return cut(x.shape[axis], _TOGETHER // (x.size or 1) or 1)


OVERRIDES: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        sum,
        max,
        astype,
        cast,
        reshape,
        squeeze,
        default_dtype,
        scalar,
        decay,
        relu,
        unit_step,
        weighted,
        safe_divide,
        row_sum,
        power,
        floored_log,
        floored_log1m,
        group_sum,
        xlogy,
        relative_difference,
        log_quotient,
        mean_of,
        softmax_parts,
        row_dot,
        norm,
        long_sum,
        smaller,
        by_side,
        label_parts,
        moveaxis,
        pick,
        with_entry,
        neighbours,
        put_back,
        scan,
        pieces,
    )
} | kernels.KERNELS
