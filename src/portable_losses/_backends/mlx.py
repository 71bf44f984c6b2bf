"""MLX, whose functions lack some arguments of the standard (0.32).

data-apis/array-api-compat#450 has the list, with the state of each upstream.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import mlx.core as library

from ..typing import Array
from .base import Backend, Pull


def sum(x: Array, /, *, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Array:  # noqa: A001
    """Convert first: the sum of MLX has no `dtype` (data-apis/array-api-compat#463)."""
    return library.sum(x if dtype is None else x.astype(dtype), axis, keepdims)


def arange(stop: int, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Return the numbers from 0: MLX has no `device` here (data-apis/array-api-compat#452)."""
    return library.arange(stop, dtype=library.int32 if dtype is None else dtype)


def wide_dtype(x: Array, /) -> Any:
    """Return the dtype of the array: float64 is for CPUs only, and arrays name no device."""
    return x.dtype


class Mlx(Backend):
    """MLX."""

    overrides: ClassVar = {
        **{function.__name__: function for function in (sum, arange, wide_dtype)},
        "bool": library.bool_,
    }

    def vjp(self, function: Callable[..., Array], *primals: Array) -> tuple[Array, Pull]:
        """Return the value of a function and its pullback."""

        def pull(along: Array) -> tuple[Array, ...]:
            return tuple(library.vjp(function, list(primals), [along])[1])

        return function(*primals), pull


backend = Mlx(library)
