"""`Special`: from a formula to a public function of arrays, with its derivatives."""

import inspect
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from .._engine.arrays import read_one, read_together
from .._engine.docstrings import carry_over
from .._engine.shapes import Merge, axes_from_zero
from .._numerics.standard import known
from ..typing import Array, Namespace

P = ParamSpec("P")
Formula = TypeVar("Formula", bound=Callable[..., Any])


class Special(Generic[P]):
    """A special function, made from a formula over a namespace.

    Parameters
    ----------
    formula : callable
        ``formula(xp, x, /)``, or with several arrays, which are broadcast. A formula that mixes the
        elements of a row is ``formula(xp, x, /, *, axis)``.

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
        return self._evaluate(self.formula, arrays, parameters)[0]

    def grad(self, *arrays: P.args, **parameters: P.kwargs) -> Any:
        """Evaluate the derivative, element by element.

        Parameters
        ----------
        *arrays, **parameters
            Those of the function.

        Returns
        -------
        array or tuple of arrays
            The derivative, of the shape and dtype of the function's result. If the function has
            several arrays, a tuple of the derivatives with respect to each of them.
        """
        if self._derivative is None:
            raise NotImplementedError(
                f"{self.__name__} mixes the elements of a row: its derivative is not one array"
            )
        derivatives = self._evaluate(self._derivative, arrays, parameters)
        return derivatives[0] if len(derivatives) == 1 else tuple(derivatives)

    def derivative(self, function: Formula) -> Formula:
        """Register the derivative.

        Parameters
        ----------
        function : callable
            Derivative of each element, a function of the formula's arguments. For several arrays it
            returns a tuple of derivatives, each of the shape to which the arrays broadcast.

        Returns
        -------
        callable
            The same function.
        """
        self._derivative = function
        return function

    def _evaluate(
        self, formula: Callable[..., Any], given: Sequence[Any], parameters: Any
    ) -> list[Array]:
        """Evaluate a formula on the arrays."""
        name = self.__name__
        if len(given) != len(self._arguments):
            names = ", ".join(self._arguments)
            cure = "" if self._by_element else "; pass `axis` by keyword"
            raise TypeError(
                f"{name} takes the arrays ({names}), got {len(given)} by position{cure}"
            )
        known = () if self._by_element else ("axis",)
        if unknown := sorted(parameters.keys() - set(known)):
            has = "its only option is axis" if known else "it has no options"
            raise TypeError(f"{name} has no option {unknown[0]!r}: {has}")
        if len(given) == 1:
            backend, array, result = read_one(name, given[0], self._arguments[0])
            arrays = [array]
        else:
            named = dict(zip(self._arguments, given, strict=True))
            backend, arrays, result = read_together(name, named)
            self._check_shapes(arrays)

        axes = () if self._by_element else self._axes(arrays[0], **parameters)

        def each(xp: Namespace, *parts: Array) -> tuple[Array, ...]:
            if axes:
                return (_of_rows(xp, formula, parts[0], axes),)
            values = formula(xp, *parts, **parameters)
            return values if isinstance(values, tuple) else (values,)

        return backend.elementwise(each, arrays, result, whole=not self._by_element)

    def _axes(self, x: Array, *, axis: Any = -1) -> tuple[int, ...]:
        """Return the axes of the rows as numbers from 0."""
        name = f"{self.__name__}: {self._arguments[0]}"
        if not x.ndim:
            raise ValueError(f"{name} needs an axis, but it is a number; pass a list of numbers")
        axes = axes_from_zero(tuple(range(x.ndim)) if axis is None else axis, x.ndim)
        if axes is None:
            raise ValueError(
                f"{name} has the shape {tuple(x.shape)}, and axis={axis!r} is none of its axes; "
                "pass an int, a tuple of int, or None for all axes"
            )
        if not axes or len(set(axes)) < len(axes):
            raise ValueError(f"{name}: axis={axis!r} must name one axis or more, each once")
        return axes

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

    def __get__(self, instance: Any, owner: Any = None) -> "Special[P]":
        """Return the function itself; `help` shows its signature because of this method."""
        return self

    def __repr__(self) -> str:
        return f"<special function {self.__name__}>"


def _of_rows(
    xp: Namespace, formula: Callable[..., Array], x: Array, axes: tuple[int, ...]
) -> Array:
    """Evaluate a function of rows, which lie along some axes, as of rows along the last one."""
    last = tuple(range(-len(axes), 0))
    lead, sizes = x.ndim - len(axes), tuple(x.shape[a] for a in axes)
    rows = x if axes == tuple(range(lead, x.ndim)) else xp.moveaxis(x, axes, last)
    several = len(axes) > 1
    if several:
        rows = xp.reshape(rows, (*rows.shape[:lead], prod(sizes)))
    result = formula(xp, rows, axis=-1)
    if result.ndim == lead or rows is x:
        return result
    return Merge(axes, sizes, 1).undone(xp, result) if several else xp.moveaxis(result, last, axes)
