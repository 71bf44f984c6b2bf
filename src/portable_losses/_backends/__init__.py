"""Array libraries: one file for each that needs more than the standard. No other code names any.

A file is named after the top-level module of the library's arrays, and holds `backend`, an instance
of a subclass of `base.Backend`. Libraries without a file are served by `base.Backend` itself.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import array_api_compat
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..typing import Array
from .base import Backend
from .numpy import NUMBER, set_workers
from .numpy import backend as default
from .progress import progress, shown
from .validation import validating, validation

__all__ = [
    "NUMBER",
    "Backend",
    "backend_of",
    "default",
    "progress",
    "set_workers",
    "shown",
    "validating",
    "validation",
]

_ALIASES = {"jaxlib": "jax"}
"""Where arrays of a library are defined by another module."""

_package = sys.modules[__name__]
_by_type: dict[type, Backend | None] = {}
_by_library: dict[Any, Backend] = {}


def backend_of(array: Array) -> Backend | None:
    """Return the backend of an array, or None for an object that belongs to no array library."""
    if hasattr(array, "__torch_function__"):
        # Not from the dict, which grows: torch.compile compiles again if what it read has changed.
        found: Backend = _package.torch.backend
        return found
    kind = type(array)
    if kind not in _by_type:
        _by_type[kind] = _found(array)
    return _by_type[kind]


def __getattr__(name: str) -> Any:
    """Import the file of a library when it is first used."""
    if find_spec(f"{__name__}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def _found(array: Array) -> Backend | None:
    for base in type(array).__mro__:
        if base is NDArrayOperatorsMixin:
            continue  # NumPy's operators for the arrays of other libraries, such as sparse
        module = base.__module__.partition(".")[0]
        path = f"{__name__}.{_ALIASES.get(module, module)}"
        if find_spec(path) is not None:
            found: Backend = import_module(path).backend
            return found
    if not array_api_compat.is_array_api_obj(array):
        return None
    library = array_api_compat.array_namespace(array)
    return _by_library.setdefault(library, Backend(library))
