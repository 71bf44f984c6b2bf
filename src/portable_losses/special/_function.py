"""`Special`: from a formula to a public function of arrays, with its derivatives."""

import inspect
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar

import numpy as np

from .._arrays import prepare_one, prepare_together
from .._blocks import TEMPORARIES, block_bytes, blocks, flattened
from .._docstrings import carry_over
from .._namespace import numpy
from .._shapes import known
from ..typing import Array, Namespace

P = ParamSpec("P")
Formula = TypeVar("Formula", bound=Callable[..., Any])


class Special(Generic[P]):
    """A special function, made from a formula over a namespace.

    Parameters
    ----------
    formula : callable
        ``formula(xp, x, /)``, or of several arrays, which are broadcast; ``formula(xp, x, /, *,
        axis)`` where it mixes the elements of a row.

    See Also
    --------
    portable_losses.Loss : The same idea with weights, masks and reductions.
    """

    def __init__(self, formula: Callable[Concatenate[Namespace, P], Array]) -> None:
        self.formula: Callable[..., Array] = formula
        self._derivative: Callable[..., Any] | None = None
        carry_over(self, formula)
        parameters = [p for p in inspect.signature(formula).parameters.values() if p.name != "xp"]
        self.__signature__ = inspect.Signature(parameters, return_annotation=Array)
        self._arguments = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
        self._by_element = len(self._arguments) == len(parameters)

    def __call__(self, *arrays: P.args, **parameters: P.kwargs) -> Array:
        """Evaluate the function."""
        return self._evaluate(self.formula, 1, arrays, parameters)[0]

    def grad(self, *arrays: P.args, **parameters: P.kwargs) -> Any:
        """Evaluate the derivative, element by element.

        Parameters
        ----------
        *arrays, **parameters
            Those of the function.

        Returns
        -------
        array or tuple of arrays
            The derivative, of the shape and dtype of the function's result. Where the function has
            several arrays, a tuple of the derivatives with respect to each of them.
        """
        if self._derivative is None:
            raise NotImplementedError(
                f"{self.__name__} mixes the elements of a row: its derivative is not one array"
            )
        derivatives = self._evaluate(self._derivative, len(self._arguments), arrays, parameters)
        return derivatives[0] if len(derivatives) == 1 else tuple(derivatives)

    def derivative(self, function: Formula) -> Formula:
        """Register the derivative.

        Parameters
        ----------
        function : callable
            Derivative of each element, a function of the formula's arguments. Where these are
            several arrays, a tuple of derivatives, each of the shape that the arrays broadcast to.

        Returns
        -------
        callable
            The same function.
        """
        self._derivative = function
        return function

    def _evaluate(
        self, formula: Callable[..., Any], count: int, given: Sequence[Any], parameters: Any
    ) -> list[Array]:
        """Evaluate a formula that gives `count` arrays."""
        name = self.__name__
        if len(given) != len(self._arguments):
            raise TypeError(
                f"{name} takes the arrays ({', '.join(self._arguments)}), got {len(given)} by position"
            )
        if len(given) == 1:
            xp, array, result = prepare_one(name, given[0], self._arguments[0])
            arrays = [array]
        else:
            xp, arrays, result = prepare_together(
                name, dict(zip(self._arguments, given, strict=True))
            )
            self._check_shapes(arrays)
        if xp is numpy:
            return _on_numpy(formula, count, arrays, parameters, result, self._by_element)
        return [
            xp.astype(x, result, copy=False) for x in _as_tuple(formula(xp, *arrays, **parameters))
        ]

    def _check_shapes(self, arrays: Sequence[Array]) -> None:
        """Refuse arrays that do not broadcast, with one error for all libraries."""
        for i in range(1, max(array.ndim for array in arrays) + 1):
            sizes = {array.shape[-i] for array in arrays if array.ndim >= i}
            if len({size for size in sizes if known(size) and size != 1}) > 1:
                shapes = (
                    f"{key} of shape {tuple(x.shape)}"
                    for key, x in zip(self._arguments, arrays, strict=True)
                )
                raise ValueError(f"{self.__name__}: {' and '.join(shapes)} do not broadcast")

    __name__: str

    def __reduce__(self) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return f"<special function {self.__name__}>"


@np.errstate(all="ignore")
def _on_numpy(
    formula: Callable[..., Any],
    count: int,
    arrays: Sequence[Array],
    parameters: Any,
    result: Any,
    by_element: bool,
) -> list[Array]:
    """Evaluate without warnings of infinities that are meant, and many elements in blocks that stay in the cache."""
    shape = arrays[0].shape if len(arrays) == 1 else np.broadcast_shapes(*(x.shape for x in arrays))
    size = block_bytes(TEMPORARIES) // np.dtype(result).itemsize
    if not by_element or prod(shape) <= size:
        values = _as_tuple(formula(numpy, *arrays, **parameters))
        return [numpy.astype(x, result, copy=any(x is given for given in arrays)) for x in values]
    order: Literal["C", "F"] = "F" if any(x.flags.fnc for x in arrays) else "C"
    outputs = [np.empty(shape, result, order=order) for _ in range(count)]
    everything = [*(np.broadcast_to(x, shape) for x in arrays), *outputs]
    flat = flattened(everything, shape)
    views: list[Array] = flat[0] if flat else everything
    for index in blocks(flat[1] if flat else shape, size):
        inputs = [x[index] for x in views[: len(arrays)]]
        for output, value in zip(
            views[len(arrays) :], _as_tuple(formula(numpy, *inputs, **parameters)), strict=True
        ):
            output[index] = value
    return outputs


def _as_tuple(values: Any) -> tuple[Array, ...]:
    return values if isinstance(values, tuple) else (values,)
