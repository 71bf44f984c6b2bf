"""The namespace of torch as formulas see it: that of array-api-compat with its gaps filled.

A module of its own, where other libraries are mended by a call: ``torch.compile`` may be the first
to meet it, and imports what it would otherwise trace.
"""

from math import inf
from typing import Any

import array_api_compat.torch
from torch import Tensor, promote_types

from ._lent import evaluated as lent_to_numpy  # noqa: F401 - which the engine asks of a namespace
from ._recorded_torch import recorded  # noqa: F401 - so it does with this
from .typing import Array, Axis

_PRIVATE = {
    name
    for name in vars(array_api_compat.torch)
    if name.startswith("__") and name != "__array_namespace_info__"
}
globals().update(
    {name: value for name, value in vars(array_api_compat.torch).items() if name not in _PRIVATE}
)


def minimum(x1: Array, x2: Array, /) -> Array:
    """Take Python numbers (data-apis/array-api-compat#271).

    array-api-compat does so by now, by a conversion that breaks ``torch.compile(fullgraph=True)``.
    """
    return x1.minimum(x2) if isinstance(x2, Tensor) else x1.clamp(max=x2)


def maximum(x1: Array, x2: Array, /) -> Array:
    """Take Python numbers; see `minimum`."""
    return x1.maximum(x2) if isinstance(x2, Tensor) else x1.clamp(min=x2)


def clip(x: Array, low: Any, high: Any, /) -> Array:
    """Call `clamp`: array-api-compat asks first whether a bound is NaN, which breaks ``torch.compile(dynamic=True)`` (1.16)."""
    return x.clamp(low, high)


def isinf(x: Array, /) -> Array:
    """Compare, which the compiler for CPUs does with vectors: it asks `torch.isinf` of one number at a time (2.13)."""
    return x.abs() == inf


def isnan(x: Array, /) -> Array:
    """Compare; see `isinf`."""
    return x != x


def moveaxis(x: Array, source: Axis, destination: Axis, /) -> Array:
    """Call `movedim`, which is the same: `torch.func.vmap` knows no `moveaxis` of one axis."""
    return x.movedim(source, destination)


def cumulative_sum(x: Array, /, *, axis: int) -> Array:
    """Call torch's own: that of array-api-compat looks up the namespace again, in a cache which ``torch.compile`` warns of."""
    return x.cumsum(axis)


def result_type(dtype: Any, *others: Any) -> Any:
    """Promote dtypes, which is all that is asked for: array-api-compat's breaks ``torch.compile(fullgraph=True)``."""
    for other in others:
        dtype = promote_types(dtype, other)
    return dtype


def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Call `gather`: torch's `take_along_dim` divides each index by the length of the row, for those below 0."""
    return x.gather(axis, indices)


def sign(x: Array, /) -> Array:
    """Keep NaN, of which torch says 0, by a selection: array-api-compat assigns it, which breaks `torch.func.vmap`."""
    return x.sign().where(~isnan(x), x)


__name__ = "torch"  # by which array-api-compat and error messages know a namespace
