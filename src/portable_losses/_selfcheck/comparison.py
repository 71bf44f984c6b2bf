"""The difference between two ways to compute a loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .._backends.installed import Library, brief
from ..typing import Array
from . import plain_python
from .calls import Call

_ROUNDING = 64
"""The tolerance for results, in eps of the dtype."""

_SLOPE_ERROR = 1e-6
"""The tolerance for finite differences."""

Results: TypeAlias = tuple[Array, tuple[Array, ...]]
"""A loss, and its gradient with respect to each prediction."""


@dataclass(frozen=True)
class Outcome:
    """The result of a comparison."""

    difference: float = 0.0
    """The difference, relative to the largest expected number."""
    problem: str = ""
    """The problem, if the difference is more than rounding."""


# array-api-strict and Dask use NumPy, which warns of numbers that a formula does not select.
@np.errstate(all="ignore")
def outcomes(call: Call, libraries: Sequence[Library]) -> list[Outcome]:
    """Compare value and gradient of NumPy with plain Python, then each other library with NumPy."""
    reference, *others = libraries
    by_numpy = _attempt(_evaluated, call, reference)
    by_python = _attempt(plain_python.value_and_gradients, call)
    found = [*_compared(reference.dtype, by_numpy, by_python, _SLOPE_ERROR)]
    for library in others:
        by_library = _attempt(_evaluated, call, library)
        value, gradient = _compared(library.dtype, by_library, by_numpy, 0.0)
        worst = max(value.difference, gradient.difference)
        found.append(Outcome(worst, value.problem or gradient.problem))
    return found


def _evaluated(call: Call, library: Library) -> Results:
    """Return loss and gradients by an array library, as arrays of NumPy."""

    def value_and_gradients(*arrays: Array) -> Results:
        value, gradient = call.loss.value_and_grad(*arrays, **call.parameters)
        return value, gradient if isinstance(gradient, tuple) else (gradient,)

    value, gradients = library.evaluate(value_and_gradients, [*map(library.asarray, call.inputs)])
    return library.as_numpy(value), tuple(map(library.as_numpy, gradients))


def _attempt(function: Callable[..., Results], *arguments: Any) -> Results | Exception:
    """Return the results of a function, or its error: the rest of the table is worth having."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 # it is reported
        return error


def _compared(
    dtype: str, found: Results | Exception, expected: Results | Exception, slope_error: float
) -> tuple[Outcome, Outcome]:
    """Compare values, and gradients with a larger tolerance."""
    if isinstance(found, Exception):
        return (Outcome(problem=brief(found)),) * 2
    if isinstance(expected, Exception):
        return (Outcome(problem=f"nothing to compare with ({brief(expected)})"),) * 2
    rounding = _ROUNDING * float(np.finfo(dtype).eps)
    value, slope = _difference(found[:1], expected[:1]), _difference(found[1], expected[1])
    wrong_value = f"the value is {float(found[0])!r}, not {float(expected[0])!r}"
    wrong_slope = f"the gradient is off by {slope:.0e} of its largest entry"
    return (
        Outcome(value, "" if value <= rounding else wrong_value),
        Outcome(slope, "" if slope <= max(rounding, slope_error) else wrong_slope),
    )


def _difference(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """Return the largest difference of arrays, relative to the largest number expected in each."""
    relative = [
        np.max(np.abs(x - right)) / (np.max(np.abs(right)) or 1.0)
        for x, right in zip(found, expected, strict=True)
    ]
    return float(np.max(relative))  # NaN stays NaN
