"""The module behind `torch_criterion`, in a file that is imported with PyTorch."""

from typing import Any

import numpy as np
import torch

from ._bound import Bound


class Criterion(torch.nn.Module):  # type: ignore[misc]
    """A loss with its parameters: see `torch_criterion`."""

    def __init__(self, bound: Bound) -> None:
        super().__init__()
        self.loss = bound.loss
        self.settings: dict[str, Any] = {}
        self.arrays: list[str] = []
        self.lists = bound.loss.signature.arrays | {"class_weights", "weights"}
        for name, value in bound.parameters.items():
            if isinstance(value, np.ndarray) and value.ndim:
                value = torch.as_tensor(value)
            if isinstance(value, torch.nn.Parameter):
                self.register_parameter(name, value)
            elif isinstance(value, torch.Tensor):
                self.register_buffer(name, value, persistent=False)
            else:
                self.settings[name] = value
                continue
            self.arrays.append(name)

    def forward(self, *arrays: Any, **options: Any) -> Any:
        """Return the loss."""
        own = {name: getattr(self, name) for name in self.arrays}
        given = {**self.settings, **own, **options}
        if torch.compiler.is_compiling():  # NumPy, which reads lists, is no part of a graph
            given = {name: self._traced(name, x, arrays[0]) for name, x in given.items()}
        return self.loss(*arrays, **given)

    def _traced(self, name: str, value: Any, like: Any) -> Any:
        """Return a list of numbers as a tensor beside the predictions."""
        if name not in self.lists or not isinstance(value, (list, tuple)):
            return value
        dtype = torch.promote_types(like.dtype, torch.float32)
        return torch.tensor(value, dtype=dtype, device=like.device)

    def extra_repr(self) -> str:
        """Return the loss and its settings."""
        settings = (f"{key}={value!r}" for key, value in self.settings.items())
        return ", ".join([self.loss.expression, *settings])
