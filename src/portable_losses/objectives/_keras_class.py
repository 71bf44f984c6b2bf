"""The class behind `keras_loss`, in a file that is imported with Keras."""

import importlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

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
        self.bound = bound = Bound("keras_loss", loss, parameters)
        bound.parameters = {key: _plain(value) for key, value in bound.parameters.items()}
        super().__init__(name=name or self.bound.name, reduction=reduction, dtype=dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the weighted mean over a batch, without what Keras masks."""
        shape = y_pred.shape[:-1] or y_pred.shape
        if sample_weight is not None:
            sample_weight = _spread(keras.ops.convert_to_tensor(sample_weight, self.dtype), shape)
        if self._weighs:
            tensors = (keras.ops.convert_to_tensor(x, self.dtype) for x in (y_true, y_pred))
            _, own = self._parts(*tensors)
            sample_weight = own if sample_weight is None else sample_weight * own
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses of rows, which are the last axis, as Keras's own losses do."""
        if self._weighs:
            total, own = self._parts(y_true, y_pred)
            return keras.ops.divide_no_nan(total, own)
        target, pred = self._fitted(y_true, y_pred)
        numbers = self.bound.core or pred.ndim == 1
        options: dict[str, Any] = {"reduction": "none"} if numbers else {"axis": -1}
        return self.bound.loss(pred, target, **options, **self.bound.parameters)

    @property
    def _weighs(self) -> bool:
        """Whether the loss itself has weights for its rows, by their classes."""
        return not self.bound.parameters.keys().isdisjoint(("class_weights", "ignore_index"))

    def _parts(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Return for each row the weighted loss, and the weight."""
        target, pred = self._fitted(y_true, y_pred)
        part = self.bound.loss.partial(pred, target, axis=(), **self.bound.parameters)
        return keras.ops.cast(part.total, self.dtype), keras.ops.cast(part.weight, self.dtype)

    def _fitted(self, target: Any, pred: Any) -> tuple[Any, Any]:
        """Return targets and predictions without a last axis of size 1 that one of them has."""
        core = self.bound.core
        spread = any(isinstance(x, (tuple, list)) for x in self.bound.parameters.values())
        if not core and target.ndim == pred.ndim - 1 and pred.shape[-1] == 1:
            target = target[..., None]
        if not core and pred.ndim == target.ndim - 1 and target.shape[-1] == 1:
            pred = pred[..., None]
        if not core and spread and target.ndim == pred.ndim and target.shape[-1] == 1:
            target = target[..., 0]  # several quantiles of one target
        if core and self.bound.takes_labels:
            if target.ndim == pred.ndim and target.shape[-1] == 1 != pred.shape[-1]:
                target = target[..., 0]
            if target.ndim == pred.ndim - 1:
                target = keras.ops.cast(target, "int32")
        return target, pred

    def get_config(self) -> dict[str, Any]:
        """Return what the loss is made from again."""
        loss: Loss[...] = self.bound.loss
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


def _plain(value: Any) -> Any:
    """Return an array of NumPy as a list, which goes with every backend and into a file."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _spread(weights: Any, shape: tuple[int, ...]) -> Any:
    """Return weights that begin with the batch in the shape of the losses.

    Keras divides by their sum, so it has to see each of them.
    """
    while weights.ndim > len(shape) and weights.shape[-1] == 1:
        weights = weights[..., 0]
    ends = (1,) * (len(shape) - weights.ndim)
    return keras.ops.reshape(weights, (*weights.shape, *ends)) * keras.ops.ones(shape)
