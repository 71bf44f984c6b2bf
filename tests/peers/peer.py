"""What a peer is: the same loss in another package."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Peer:
    """A loss of another package, called with the arguments of ours."""

    library: str
    """The name of the package; arrays of torch and optax are those of torch and JAX, all others take NumPy's."""
    function: Callable[..., Any]
    """From the arrays and all parameters of our loss to the loss of each element, unreduced."""
    where: Callable[..., Any] | None = None
    """From the NumPy arrays and the parameters to a mask, or one answer, of where the peer is right; everywhere by default."""
    gradient: Callable[..., Any] | None = None
    """The derivative, where a package of NumPy's has it. Those of torch and optax are from their autodiff."""
