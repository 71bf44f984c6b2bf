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
        return self.loss(*arrays, **{**self.settings, **own, **options})

    def extra_repr(self) -> str:
        """Return the loss and its settings."""
        settings = (f"{key}={value!r}" for key, value in self.settings.items())
        return ", ".join([self.loss.expression, *settings])
