"""Derivatives that nobody has registered: by the autodiff of the library, where it has one."""

import sys
from collections.abc import Callable
from typing import Any

from ._namespace import name_of
from .typing import Array, Namespace


def value_and_derivatives(
    loss: str,
    what: str,
    xp: Namespace,
    function: Callable[..., Array],
    predictions: tuple[Array, ...],
    share: Array | None = None,
) -> tuple[Array, tuple[Array, ...]]:
    """Differentiate the sum of `function`, or of its product with `share`, with respect to each of its arguments.

    The losses of a batch do not depend on each other's predictions, so that the sum has the
    derivative of each loss, unless they share some.
    """
    if name_of(xp) == "torch":
        vjp = sys.modules["torch"].func.vjp
    elif name_of(xp) == "jax.numpy":
        import jax

        vjp = jax.vjp
    else:
        raise NotImplementedError(
            f"{loss} has no registered {what}, and {xp.__name__} has no autodiff: register it with `@{loss}.{what}`, a "
            "function of the same arguments as the formula"
        )
    value, pull = vjp(function, *predictions)
    gradients: tuple[Any, ...] = pull(xp.ones_like(value) if share is None else share)
    return value, gradients
