"""The namespace that formulas see, and how a function becomes a part of it."""

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, TypeVar

from ..typing import Namespace
from .elsewhere import meant

Function = TypeVar("Function", bound=Callable[..., Any])

STANDARD = "2024.12"
"""The version of the array API standard that formulas are written in."""

BLOCKS: dict[str, Callable[..., Any]] = {}
"""The building blocks by name: each takes the namespace, then its own arguments."""


SUBSTITUTES: dict[str, Callable[..., Any]] = {}
"""Functions of the standard by name, written in others, for libraries that lack them."""


def building_block(function: Function) -> Function:
    """Make a function a part of every namespace, under its own name."""
    BLOCKS[function.__name__] = function
    return function


def substitute(function: Function) -> Function:
    """Make a function a part of the namespaces of libraries that lack it."""
    SUBSTITUTES[function.__name__] = function
    return function


class ArrayNamespace:
    """The functions of an array library and the building blocks of losses, as formulas see them.

    Parameters
    ----------
    library : namespace
        The functions of the array API standard.
    overrides : mapping of str to callable
        Functions that take the place of those of the library, or of building blocks.

    Raises
    ------
    TypeError
        If the library follows an older version of the standard.
    """

    def __init__(self, library: Namespace, overrides: Mapping[str, Callable[..., Any]]) -> None:
        if not hasattr(library, "__array_namespace_info__"):
            raise TypeError(
                f"{library.__name__} follows an old version of the array API standard, if any; "
                f"version {STANDARD} or later is needed: update the library, or convert the arrays"
            )
        public = {name: value for name, value in vars(library).items() if name[:2] != "__"}
        lacking = {name: f for name, f in SUBSTITUTES.items() if not hasattr(library, name)}
        blocks = BLOCKS | lacking
        self._blocks = {name: f for name, f in blocks.items() if name not in overrides}
        bound = {name: MethodType(f, self) for name, f in self._blocks.items()}
        vars(self).update(public | bound | dict(overrides))
        self.library = library
        self.__name__: str = library.__name__
        self.__array_namespace_info__ = library.__array_namespace_info__

    def replacing(self, **functions: Callable[..., Any]) -> "ArrayNamespace":
        """Return the namespace with other functions, which its building blocks use as well."""
        return _Replaced(self, functions)

    def __getattr__(self, name: str) -> Any:
        """Return what the library makes on demand."""
        library = vars(self)["library"]
        try:
            return getattr(library, name)
        except AttributeError:
            if name[:2] == "__":  # what Python asks for
                raise
            raise self._lack(name) from None

    def _lack(self, name: str) -> AttributeError:
        """Return the error of a function that does not exist, with the one to use instead."""
        known = [each for each in vars(self) if each[0] != "_" and each != "library"]
        return AttributeError(
            f"xp.{name}: {self.__name__} has no such function, and it is no building block of "
            f"losses; {meant(name, known)}\nFormulas use the functions of version {STANDARD} of "
            'the array API standard, and the building blocks that "A loss of your own" in the '
            "documentation lists",
            name=name,
            obj=self,
        )

    def __repr__(self) -> str:
        return f"<namespace of {self.__name__}>"


class _Replaced(ArrayNamespace):
    """A namespace with other functions. It takes the rest from its origin when that is asked for.

    So it is made in a microsecond, for each piece of an array.
    """

    def __init__(self, origin: ArrayNamespace, functions: Mapping[str, Callable[..., Any]]) -> None:
        vars(self).update(functions, _origin=origin)

    def __getattr__(self, name: str) -> Any:
        """Return a building block, which uses the other functions, or what the origin has."""
        origin = vars(self)["_origin"]
        block = origin._blocks.get(name)
        if block is not None:  # not kept, as a cycle of references would keep arrays
            return MethodType(block, self)
        found = vars(self)[name] = getattr(origin, name)
        return found
