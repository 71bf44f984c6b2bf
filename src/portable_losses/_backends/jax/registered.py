"""Registered derivatives in place of those of the operations."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from ...typing import Array


def registered(call: Any, head: tuple[Any, ...]) -> Callable[[Any, Any], Array]:
    """Return the function from arrays to losses with the registered derivative."""
    predicted = call.plan.signature.predicted

    def formula(arrays: Any, sequences: Any) -> Array:
        losses: Array = call.compute((0,), head, arrays, sequences)[0]
        return losses

    def differentiated(primals: Any, tangents: Any) -> tuple[Array, Array]:
        (arrays, sequences), (moves, others) = primals, tangents
        value, derivatives = call.compute((0, 1), head, arrays, sequences)
        slope = jnp.zeros_like(value)
        moved = {i: x for i, x in enumerate(moves) if not isinstance(x, SymbolicZero)}
        for i, derivative in zip(predicted, derivatives, strict=True):
            if i in moved:
                along = derivative * moved.pop(i)
                slope = slope + jnp.sum(along, axis=tuple(range(value.ndim, along.ndim)))
        numbers = {k: x for k, x in others.items() if not isinstance(x, SymbolicZero)}
        if moved or numbers:

            def rest(given: Any, named: Any) -> Array:
                every = [given.get(i, x) for i, x in enumerate(arrays)]
                return formula(every, {**sequences, **named})

            points = {i: arrays[i] for i in moved}, {k: sequences[k] for k in numbers}
            slope = slope + jax.jvp(rest, points, (moved, numbers))[1]
        return value, slope

    ruled: Callable[[Any, Any], Array] = jax.custom_jvp(formula)
    ruled.defjvp(differentiated, symbolic_zeros=True)  # type: ignore[attr-defined]
    return ruled
