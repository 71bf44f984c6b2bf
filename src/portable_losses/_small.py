"""Small calls: where there is nothing to prepare, nothing is prepared.

On four numbers all the checks and views of the general way cost ten times the loss. A call is small
if it has one block of NumPy arrays of one dtype, in the shapes of the first way to call the loss,
and no options but the loss's own parameters: what is left to do is to look at the values, evaluate,
and divide by the number of losses. Results are those of the general way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ._blocks import core_in_front, laid_out
from ._domains import all_inside, check_parameter, validating
from ._namespace import numpy
from ._reduce import block_sum
from ._signature import Signature
from .typing import Array

_INDEX = np.dtype(np.intp)
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


@np.errstate(all="ignore")
def mean(
    signature: Signature,
    formula: Callable[..., Array],
    arrays: Sequence[Any],
    given: Mapping[str, Any],
) -> Any:
    """Return the mean loss of a small call, None if the call is not one."""
    ready = _ready(signature, arrays, given)
    if ready is None:
        return None
    head, arrays, parameters = ready
    losses = formula(numpy, *head, *arrays, **parameters)
    return arrays[0].dtype.type(block_sum(losses) / losses.size)


@np.errstate(all="ignore")
def derivatives_of_mean(
    signature: Signature,
    compute: Callable[..., Any],
    orders: tuple[int, ...],
    arrays: Sequence[Any],
    given: Mapping[str, Any],
) -> list[Any] | None:
    """Return for each order the mean loss of a small call, or a list of its gradients; None if the call is not one."""
    ready = _ready(signature, arrays, given)
    if ready is None:
        return None
    head, laid, parameters = ready
    dtype, size = laid[0].dtype, laid[0].size // (arrays[0].shape[-1] if signature.core else 1)
    results: list[Any] = []
    for order, result in zip(orders, compute(orders, numpy, head, laid, parameters), strict=True):
        if order == 0:
            results.append(dtype.type(block_sum(result) / size))
            continue
        gradients = [np.empty(arrays[i].shape, dtype) for i in signature.predicted]
        for derivative, gradient, i in zip(result, gradients, signature.predicted, strict=True):
            cored, _ = signature.small[i]
            np.divide(
                derivative,
                size,
                out=core_in_front(gradient) if cored and head == (0,) else gradient,
                casting="unsafe",
            )
        results.append([gradient[()] for gradient in gradients])
    return results


def _ready(
    signature: Signature, arrays: Sequence[Any], given: Mapping[str, Any]
) -> tuple[tuple[int, ...], Sequence[Array], Mapping[str, Any]] | None:
    """Return where the core axis is, the arrays as the formula takes them, and the parameters; None if a call is not small."""
    first = arrays[0]
    dtype, shape = first.dtype, first.shape
    if dtype is not _FLOAT64 and dtype is not _FLOAT32:
        return None
    if not 0 < first.nbytes <= signature.block or len(arrays) != len(signature.small):
        return None
    loop = shape
    if signature.core:
        if not shape:
            return None
        loop = shape[:-1]
    parameters = signature.defaults
    if given:
        if not given.keys() <= signature.parameters.keys():
            return None
        own = {
            key: check_parameter(signature.name, signature.parameters[key], value)
            for key, value in given.items()
        }
        if any(type(value) is tuple for value in own.values()):
            return None
        parameters = {**parameters, **own}
    for array, (cored, labels), domain in zip(
        arrays, signature.small, signature.domains_for(0, parameters), strict=False
    ):
        if (array is not first or signature.core) and (
            type(array) is not np.ndarray
            or array.dtype is not (_INDEX if labels else dtype)
            or array.shape != (shape if cored else loop)
        ):
            return None
        if (
            not domain.unbounded
            and (validating() or labels)
            and not all_inside(domain, array, shape[-1] if labels else 0)
        ):
            return None
    if not signature.core:
        return (), arrays, parameters
    return *laid_out(arrays, [cored for cored, _ in signature.small]), parameters
