"""A peer: the same loss in another package, called with NumPy arrays."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Batch = tuple[np.ndarray, ...]

OF_TORCH = ("torch", "MONAI", "pytorch-metric-learning")
"""The packages that compute with tensors."""

NEUTRAL = {
    "from_logits": False,
    "label_smoothing": 0.0,
    "smooth": 0.0,
    "softcap": None,
    "temperature": 1.0,
    "z_loss": 0.0,
}
"""Options of ours that many peers lack, with the value that changes nothing.

A function that does not name one of them lacks it.
"""


@dataclass(frozen=True)
class Peer:
    """A loss of another package, with the arguments of ours."""

    library: str
    """The package's name. Peers of torch take tensors, those of optax JAX arrays, others NumPy."""
    function: Callable[..., Any]
    """From the arrays and all parameters of our loss to the loss of each element, unreduced."""
    where: Callable[..., Any] | None = None
    """From NumPy arrays and parameters to a mask, or one bool, of where the peer is right."""
    gradient: Callable[..., Any] | None = None
    """The derivative, where a NumPy package has it. Torch and optax use their autodiff."""
    differentiated: bool = True
    """Whether the gradient is that of the value, where there is autodiff."""

    def right(self, arrays: Batch, parameters: Mapping[str, Any]) -> np.ndarray:
        """Return for which losses the peer is right."""
        where = self.where
        answer = True if where is None else where(*arrays, **known(where, parameters))
        own = known(self.function, parameters)
        answer &= all(parameters[key] == NEUTRAL[key] for key in parameters.keys() - own.keys())
        return np.broadcast_to(np.asarray(answer, dtype=bool), (len(arrays[0]),))

    def values(self, arrays: Batch, parameters: Mapping[str, Any]) -> np.ndarray:
        """Return the loss of each element."""
        parameters = known(self.function, parameters)
        if self.library in OF_TORCH:
            import torch

            with torch.no_grad():
                return np.asarray(self.function(*map(torch.tensor, arrays), **parameters))
        if self.library == "optax":
            import jax
            import jax.numpy as jnp

            # or each operation would be compiled
            function = jax.jit(lambda *a: self.function(*a, **parameters))
            return np.asarray(function(*map(jnp.asarray, arrays)))
        with np.errstate(all="ignore"):
            return np.asarray(self.function(*arrays, **parameters))

    def gradients(self, arrays: Batch, parameters: Mapping[str, Any], number: int) -> Batch | None:
        """Return derivatives with respect to the first `number` arrays; None if there are none."""
        if not self.differentiated:
            return None
        parameters = known(self.function, parameters)
        if self.library in OF_TORCH:
            import torch

            given = [torch.tensor(x, requires_grad=i < number) for i, x in enumerate(arrays)]
            self.function(*given, **parameters).sum().backward()
            return tuple(
                np.zeros_like(x) if t.grad is None else t.grad.numpy()
                for t, x in zip(given[:number], arrays, strict=False)
            )
        if self.library == "optax":
            import jax
            import jax.numpy as jnp

            given = [jnp.asarray(x) for x in arrays]
            found = jax.jit(
                jax.grad(lambda *a: self.function(*a, **parameters).sum(), tuple(range(number)))
            )(*given)
            return tuple(np.asarray(part) for part in found)
        if self.gradient is None:
            return None
        with np.errstate(all="ignore"):
            found = self.gradient(*arrays, **parameters)
        return tuple(map(np.asarray, found)) if isinstance(found, tuple) else (np.asarray(found),)


def known(function: Callable[..., Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters without the options that a function lacks."""
    names = inspect.signature(function).parameters
    every = any(one.kind is one.VAR_KEYWORD for one in names.values())
    return {key: x for key, x in parameters.items() if every or key in names or key not in NEUTRAL}
