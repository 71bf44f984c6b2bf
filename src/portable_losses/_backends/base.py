"""An array library as the engine sees it: the array API standard, evaluated at once."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from .._numerics import ArrayNamespace
from ..typing import Namespace


class Backend:
    """An array library. This class serves any that keeps the standard; a subclass says what differs.

    Parameters
    ----------
    library : namespace
        The functions of the library, as the standard names them.
    """

    overrides: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    """Functions of the standard, or building blocks, that this library needs in another form."""

    def __init__(self, library: Namespace) -> None:
        self.xp = ArrayNamespace(library, self.overrides)

    @property
    def name(self) -> str:
        """The name of the library, as a message says it."""
        return self.xp.__name__.removeprefix("array_api_compat.")
