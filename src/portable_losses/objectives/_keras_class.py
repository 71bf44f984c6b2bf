"""The class behind `keras_loss`, in a file that is imported with Keras."""

import importlib
from collections.abc import Mapping
from typing import Any

import keras

from .._loss import Loss
from ._bound import Bound


@keras.saving.register_keras_serializable(package="portable_losses")
class PortableLoss(keras.losses.Loss):  # type: ignore[misc]
    """A loss with its parameters: see `keras_loss`."""

    def __init__(
        self,
        loss: Loss[...] | str,
        parameters: Mapping[str, Any],
        name: str | None = None,
        reduction: str = "mean_with_sample_weight",
        dtype: Any = None,
    ) -> None:
        if isinstance(loss, str):
            module, _, attribute = loss.rpartition(".")
            loss = getattr(importlib.import_module(module), attribute)
        self.bound = Bound("keras_loss", loss, parameters)
        super().__init__(name=name or self.bound.name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the mean loss of each row."""
        target, pred, core = y_true, y_pred, self.bound.core
        if not core and target.ndim == pred.ndim - 1 and pred.shape[-1] == 1:
            target = target[..., None]
        if not core and pred.ndim == target.ndim - 1 and target.shape[-1] == 1:
            pred = pred[..., None]
        if core and self.bound.takes_labels:
            if target.ndim == pred.ndim and target.shape[-1] == 1 != pred.shape[-1]:
                target = target[..., 0]
            if target.ndim == pred.ndim - 1:
                target = keras.ops.cast(target, "int32")
        loops = pred.ndim - len(core)
        options = {"axis": tuple(range(1, loops))} if loops > 1 else {"reduction": "none"}
        return self.bound.loss(pred, target, **options, **self.bound.parameters)

    def get_config(self) -> dict[str, Any]:
        """Return what the loss is made from again."""
        loss = self.bound.loss
        if getattr(importlib.import_module(loss.__module__), loss.__qualname__, None) is not loss:
            raise TypeError(
                f"keras_loss: {self.bound.name} cannot be saved: it is not found under its name in "
                f"{loss.__module__}; define it at the top of a module"
            )
        config = super().get_config()
        return {
            **config,
            "loss": f"{loss.__module__}.{loss.__qualname__}",
            "parameters": self.bound.parameters,
        }
