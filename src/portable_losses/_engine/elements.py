"""Losses of rows that are sums over classes, evaluated for each class: rows of one class."""

from collections.abc import Mapping, Sequence
from typing import Any

from .._backends import NUMBER
from .._numerics.standard import known
from ..typing import Array
from .signature import Signature


def as_rows(
    signature: Signature, arrays: Sequence[Any], settings: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return arrays with a last axis of one class, and the settings without the class axis."""
    first, *others = arrays
    for name, x in zip(signature.arguments[1:], others, strict=True):
        shape = () if isinstance(x, NUMBER) else tuple(x.shape)
        pairs = zip(shape, first.shape, strict=False)
        if len(shape) != first.ndim or any(known(a) and known(b) and a != b for a, b in pairs):
            raise ValueError(
                f"{signature.name}: {signature.arguments[0]} has shape {tuple(first.shape)} and "
                f"{name} has shape {shape}: their shapes must be the same"
            )
    rest = {key: value for key, value in settings.items() if key != "class_axis"}
    return [x[..., None] for x in arrays], rest


def from_rows(results: list[Any]) -> list[Any]:
    """Return gradients without the axis of one class; losses have none."""

    def without(gradients: list[Array]) -> list[Array]:
        return [x[..., 0] for x in gradients]

    return [without(each) if isinstance(each, list) else each for each in results]
