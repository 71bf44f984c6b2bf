"""The namespace that formulas see, and how a function becomes a part of it."""

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, TypeVar

from ..typing import Namespace

Function = TypeVar("Function", bound=Callable[..., Any])

BLOCKS: dict[str, Callable[..., Any]] = {}
"""The building blocks by name: each takes the namespace, then its own arguments."""


def building_block(function: Function) -> Function:
    """Make a function a part of every namespace, under its own name."""
    BLOCKS[function.__name__] = function
    return function


class ArrayNamespace:
    """The functions of an array library and the building blocks of losses, as formulas see them.

    Parameters
    ----------
    library : namespace
        The functions of the array API standard.
    overrides : mapping of str to callable
        Functions that take the place of those of the library, or of building blocks.
    """

    def __init__(self, library: Namespace, overrides: Mapping[str, Callable[..., Any]]) -> None:
        public = {name: value for name, value in vars(library).items() if name[:2] != "__"}
        blocks = {name: MethodType(block, self) for name, block in BLOCKS.items()}
        vars(self).update(public | blocks | dict(overrides))
        self.library = library
        self.__name__: str = library.__name__
        self.__array_namespace_info__ = library.__array_namespace_info__

    def __getattr__(self, name: str) -> Any:
        """Return what the library makes on demand."""
        return getattr(vars(self)["library"], name)

    def __repr__(self) -> str:
        return f"<namespace of {self.__name__}>"
