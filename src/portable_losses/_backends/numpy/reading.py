"""Reading objects of no array library: lists, numbers, data frames.

What NumPy would lose, or cannot read, is refused; the error says what to pass instead.
"""

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from ...typing import Array


def read(name: str, key: str, value: Any) -> Array:
    """Read a value that belongs to no array library, or is an array with more than numbers."""
    if _is_masked(value):
        raise TypeError(f"{name}: {key} is a masked array; pass its data, and `where=~{key}.mask`")
    if any(map(_is_masked, _arrays_in(value))):
        raise TypeError(
            f"{name}: {key} is a list of masked arrays, whose masks NumPy would lose; pass one "
            "array without them, and what to keep as `where`"
        )
    if hasattr(value, "todense"):
        dense = "toarray" if hasattr(value, "toarray") else "todense"
        raise TypeError(f"{name}: {key} is a sparse array; pass `{key}.{dense}()`")
    if unit := _unit(value) or _unit(_first(value)):
        raise TypeError(
            f"{name}: {key} has the unit {unit}, which a loss cannot know; convert all arrays "
            "to one unit, and pass their numbers"
        )
    try:
        array = np.asarray(value)
    except Exception as error:  # each library has its own errors for this
        raise TypeError(
            f"{name}: {key} is not an array, and NumPy cannot read it as one: {error}"
        ) from error
    if isinstance(value, (list, tuple)) and not array.size:
        return array.astype(bool)  # an empty list may hold labels as well as numbers
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        one = array.dtype.kind in "OSU" and not array.ndim
        found = f"{value!r:.50}" if one else array.dtype
        raise TypeError(
            f"{name}: {key} must hold real numbers, got {found}: {_cure(key, value, array)}"
        )
    return array


def _is_masked(value: Any) -> bool:
    """Return whether an object has a mask, as in NumPy and astropy.

    What pandas and Awkward call mask is a function.
    """
    return isinstance(getattr(value, "mask", None), (np.ndarray, np.bool_, list))


def _unit(value: Any) -> str:
    """Return the unit of a quantity, as in astropy, pint and unyt; nothing for plain numbers."""
    for name in ("unit", "units"):
        if hasattr(type(value), name) or (isinstance(value, np.ndarray) and hasattr(value, name)):
            unit = str(getattr(value, name))
            return "" if unit in ("dimensionless", "None") else unit
    return ""


def _arrays_in(value: Any) -> list[Any]:
    """Return the arrays in a list, which may hold lists."""
    if not isinstance(value, (list, tuple)) or not isinstance(_first(value), np.ndarray):
        return []
    return [y for x in value for y in (x, *_arrays_in(x))]


def _first(value: Any) -> Any:
    """Return the first number of a list, which may hold lists."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return value


def _cure(key: str, value: Any, array: Array) -> str:
    """Return what to do with an array that does not hold real numbers."""
    if array.dtype.kind == "c":
        return "take abs(x), or x.real and x.imag, first"
    if hasattr(value, "collect"):
        return f"pass `{key}.collect()`, as a lazy frame holds no numbers yet"
    if array.dtype.kind == "O" and array.ndim:
        kinds = {type(x) for x in array.flat}
        missing = {kind for kind in kinds if kind.__name__ in ("NoneType", "NAType")}
        if missing:
            return "some are missing; drop them, or fill them and leave them out with `where`"
        if kinds and all(issubclass(kind, (Real, Decimal, np.bool_)) for kind in kinds):
            return f"pass `{key}.astype(float)`"
        array = array.astype(str) if kinds == {str} else array
    if array.dtype.kind in "US" and array.ndim:
        codes = f"`np.unique({key}, return_inverse=True)[1]`"
        return f"numbers are converted by `astype(float)`, names of classes numbered by {codes}"
    return "convert it to numbers first"
