"""Loss and gradient by the formula alone, with Python's own numbers and finite differences.

Neither the engine nor a registered derivative contributes to them.
"""

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from .._numerics import ArrayNamespace
from ..typing import Array
from .calls import Call

_STEP = 2.0**-17


def value_and_gradients(call: Call) -> tuple[Array, tuple[Array, ...]]:
    """Return the mean loss, and its gradients with respect to each prediction."""
    gradients = []
    for i in call.loss.signature.predicted:
        gradient = np.zeros(call.inputs[i].shape)
        for index in np.ndindex(gradient.shape):
            above = _value(call, _moved(call.inputs, i, index, _STEP))
            below = _value(call, _moved(call.inputs, i, index, -_STEP))
            gradient[index] = (above - below) / (2 * _STEP)
        gradients.append(gradient)
    return np.asarray(_value(call, call.inputs)), tuple(gradients)


def _moved(inputs: Sequence[Array], i: int, index: tuple[int, ...], step: float) -> list[Array]:
    """Return the inputs with one number of one of them moved by a step."""
    moved = [*inputs]
    moved[i] = inputs[i].copy()
    moved[i][index] += step
    return moved


def _value(call: Call, inputs: Sequence[Array]) -> float:
    """Return the mean loss."""
    formulas = call.loss.formulas
    numbers = [x if x.dtype.kind == "i" else x.astype(object) for x in inputs]
    parameters = {**call.loss.signature.defaults, **call.parameters}
    losses = formulas.value(_NAMESPACE, *call.head, *numbers, **parameters)
    mean: float = math.fsum(losses.flat) / losses.size
    if formulas.finish is None:
        return mean
    return float(formulas.finish(_NAMESPACE, np.asarray(mean, object))[0])


def _each(name: str) -> Callable[..., Array]:
    """Return a function of `math` as a function of arrays of Python numbers."""
    function = getattr(math, name)

    def guarded(*numbers: Any) -> Any:
        try:
            return function(*numbers)
        except (OverflowError, ValueError):
            return math.nan  # a formula may compute numbers that it does not select

    each = np.frompyfunc(guarded, getattr(np, name).nin, 1)
    return (lambda x: each(x).astype(bool)) if name in ("isfinite", "isinf", "isnan") else each


def _namespace() -> Any:
    """Return a namespace of Python's own numbers and the functions of `math`.

    NumPy serves as a container: arithmetic on its arrays of objects is that of the objects.
    """
    of_math = {
        name: _each(name) for name in dir(math) if isinstance(getattr(np, name, None), np.ufunc)
    }
    del of_math["remainder"]  # that of `math` has another sign
    # The numbers are Python's floats.
    own = {**of_math, "finfo": lambda _: np.finfo(np.float64)}
    return ArrayNamespace(SimpleNamespace(**vars(np) | own), {})


_NAMESPACE = _namespace()
