"""Dtypes, devices and casts, by the array API standard."""

from math import inf, log, prod
from numbers import Integral
from typing import Any

from ..typing import Array, Namespace
from .namespace import building_block


def device_of(array: Array) -> Any:
    """Return the device of an array, or None where the library has none (or none yet: a tracer)."""
    return getattr(array, "device", None)


def known(size: Any) -> bool:
    """Return whether a size is known: a lazy library returns None or NaN for an unknown size."""
    return size is not None and size == size


def is_array(parameter: Any) -> bool:
    """Return whether a parameter is an array, whose values a formula cannot ask for."""
    return not isinstance(parameter, (int, float)) and hasattr(parameter, "dtype")


def is_exactly(parameter: Any, number: float) -> bool:
    """Return whether a parameter is a certain number, for which a formula is simpler."""
    return not is_array(parameter) and parameter == number


def may_be(parameter: Any, number: float) -> bool:
    """Return whether a parameter is a certain number, or an array, which may hold it."""
    return bool(is_array(parameter) or parameter == number)


def log_of(xp: Namespace, parameter: Any) -> Any:
    """Return the logarithm of a parameter, -inf for 0."""
    if is_array(parameter):
        return xp.log(parameter)
    return log(parameter) if parameter else -inf


def select(xp: Namespace, condition: Any, one: Any, other: Any) -> Any:
    """Return `one` where a condition on parameters holds, and `other` elsewhere.

    Either may be a function that computes it. If the parameters are numbers, the condition is True
    or False, and only what it selects is computed. A formula in both must be finite everywhere, as
    arrays compute both.
    """
    if isinstance(condition, bool):
        chosen = one if condition else other
        return chosen() if callable(chosen) else chosen
    computed = (x() if callable(x) else x for x in (one, other))
    return xp.where(condition, *computed)


@building_block
def known_size(xp: Namespace, x: Array) -> int:
    """Return the number of entries of an array along the axes whose sizes are known numbers.

    The size of an axis may be unknown to a lazy library, or a symbol of a compiler.
    """
    return prod(int(size) for size in x.shape if isinstance(size, Integral))


@building_block
def default_dtype(xp: Namespace, like: Array, kind: str) -> Any:
    """Return the default dtype of a kind, as the standard names it, on the device of an array."""
    return xp.__array_namespace_info__().default_dtypes(device=device_of(like))[kind]


@building_block
def wide_dtype(xp: Namespace, like: Array) -> Any:
    """Return float64 where the device of an array has it, otherwise the dtype of the array."""
    info = xp.__array_namespace_info__()
    return info.dtypes(device=device_of(like), kind="real floating").get("float64", like.dtype)


@building_block
def cast(xp: Namespace, array: Array, dtype: Any) -> Array:
    """Convert an array unless it has the dtype."""
    return array if array.dtype == dtype else xp.astype(array, dtype)


@building_block
def scalar(xp: Namespace, number: Any, dtype: Any, like: Array) -> Array:
    """Make a 0-d array of a number, on the device of an array; an array is only converted."""
    if is_array(number):
        return xp.cast(number, dtype)
    return xp.asarray(number, dtype=dtype, device=device_of(like))


@building_block
def numbers(xp: Namespace, size: Any, like: Array, dtype: Any = None) -> Array:
    """Return the numbers from 0 to a size, without it, on the device of an array."""
    return xp.arange(size, dtype=dtype, device=device_of(like))
