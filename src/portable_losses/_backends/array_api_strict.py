"""array-api-strict, the reference implementation: tests use it to find other functions."""

from typing import ClassVar

import array_api_strict as library

from ..typing import Array
from .base import Backend


def argsort(x: Array, /, *, axis: int = -1, stable: bool = True) -> Array:
    """Sort on a device that has int64, the dtype of the result.

    array-api-strict (2.6.1) returns int64 also on a device without it.
    """
    index = library.__array_namespace_info__().default_dtypes(device=x.device)["indexing"]
    cpu = x.to_device(library.Device("CPU_DEVICE"))
    order = library.argsort(cpu, axis=axis, stable=stable)
    return library.astype(order, index).to_device(x.device)


class Strict(Backend):
    """array-api-strict."""

    overrides: ClassVar = {"argsort": argsort}


backend = Strict(library)
