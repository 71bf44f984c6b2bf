"""Domains at work: parameters are checked at every call, the values of NumPy arrays block by block."""

from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, Literal, NoReturn, get_args, get_origin

import annotated_types as at
import numpy as np

from .typing import Array, Domain, Gap

_validating = ContextVar("portable_losses.validation", default=True)

validating: Callable[[], bool] = _validating.get
"""Whether the values of NumPy arrays are looked at."""


@contextmanager
def validation(enabled: bool) -> Generator[None]:
    """Turn the look at the values of NumPy arrays on or off, in this thread or task, for a block of code.

    Parameters
    ----------
    enabled : bool
        False: arrays are taken to be inside their domains. Outside, the result is that of the other
        array libraries: the value of the formula, and NaN for a label out of range. Dtypes, shapes
        and parameters are checked all the same.

    Yields
    ------
    None
        Nothing: the setting holds inside the ``with`` block, and nests.

    Examples
    --------
    >>> import portable_losses as pl
    >>> with pl.validation(False):
    ...     float(pl.cross_entropy([[0.5, 1.0]], [2]))
    nan
    """
    token = _validating.set(enabled)
    try:
        yield
    finally:
        _validating.reset(token)


# Parameters


@dataclass(frozen=True, slots=True)
class Parameter:
    """A Python parameter of a loss: its default, its type, and the constraints that its annotation adds."""

    name: str
    default: Any
    kind: Any
    constraints: tuple[Any, ...]
    optional: bool = False
    """Whether it may be None."""
    sequence: bool = False
    """Whether it may be a sequence of numbers as well, one for each entry of the last axis of the predictions."""


def check_parameter(loss: str, parameter: Parameter, value: Any) -> Any:
    """Return a parameter as a Python value (a sequence as a tuple), or refuse it: its type is wrong, or it is out of its range."""
    if value is None and parameter.optional:
        return None
    if parameter.sequence and (
        isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim == 1)
    ):
        return tuple(
            _checked(loss, replace(parameter, name=f"{parameter.name}[{i}]"), number)
            for i, number in enumerate(value)
        )
    return _checked(loss, parameter, value)


def _checked(loss: str, parameter: Parameter, value: Any) -> Any:
    kind = parameter.kind
    if get_origin(kind) is Literal:
        if not isinstance(value, Hashable) or value not in get_args(kind):
            raise ValueError(
                f"{loss}: {parameter.name} must be one of {get_args(kind)}, got {value!r}"
            )
    elif kind is bool:
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{loss}: {parameter.name} must be True or False, got {value!r}")
        return bool(value)
    elif kind in (int, float):
        wanted, word = (Integral, "a whole number") if kind is int else (Real, "a number")
        if not isinstance(value, wanted):
            others = f"{' or a sequence of numbers' if parameter.sequence else ''}{' or None' if parameter.optional else ''}"
            raise TypeError(
                f"{loss}: {parameter.name} must be {word}{others}, got {_brief(value)}; "
                "it is a setting for the call, and no array"
            )
        if not all(_holds(constraint, value) for constraint in parameter.constraints):
            bounds = _bounds(parameter.constraints)
            raise ValueError(f"{loss}: {parameter.name} must be {word} in {bounds}, got {value!r}")
        # the scalars of NumPy have a dtype, which would widen that of the predictions
        return kind(value)
    return value


def _brief(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) < 50 else text[:47] + '...'} ({type(value).__name__})"


def _holds(constraint: Any, value: Any) -> Any:
    """Return whether a number, or each value of an array, satisfies a constraint; an interval is asked for a number only."""
    match constraint:
        case at.Gt(bound):
            return value > bound
        case at.Ge(bound):
            return value >= bound
        case at.Lt(bound):
            return value < bound
        case at.Le(bound):
            return value <= bound
        case at.Interval():
            return all(_holds(part, value) for part in constraint)
        case Gap(low, high):
            return not low < value < high
    return True


def _bounds(constraints: tuple[Any, ...]) -> str:
    lower, upper = "(-inf", "inf)"
    parts = [
        part
        for constraint in constraints
        for part in (constraint if isinstance(constraint, at.Interval) else (constraint,))
    ]
    for part in parts:
        match part:
            case at.Gt(bound):
                lower = f"({bound:g}"
            case at.Ge(bound):
                lower = f"[{bound:g}"
            case at.Lt(bound):
                upper = f"{bound:g})"
            case at.Le(bound):
                upper = f"{bound:g}]"
    gaps = "".join(
        f", outside ({part.low:g}, {part.high:g})" for part in parts if isinstance(part, Gap)
    )
    return f"{lower}, {upper}{gaps}"


# Values


def among(domain: Domain, values: Array, limit: int) -> Array:
    """Return of labels or lengths, of any library, which are in the domain: from 0 up to a limit."""
    good = (values >= 0) & (values < limit)
    return good if domain.excluded is None else good & (values != domain.excluded)


def inside(domain: Domain, values: Array, limit: int | None) -> Array:
    """Return of each value of a NumPy array whether it is in the domain; NaN, which is nobody's fault, is."""
    if domain.integer:
        return values == values if limit is None else among(domain, values, limit)
    good = values == values
    for part in domain.interval or ():
        good &= _holds(part, values)
    if domain.members:
        good &= np.isin(values, domain.members)
    if domain.whole:
        good &= values == np.floor(values)
    return good | np.isnan(values)


def all_inside(domain: Domain, values: Array, limit: int | None) -> bool:
    """Return whether a NumPy block is inside its domain, by its extremes where they tell: two reads while it is in the cache."""
    if values.size == 0 or (domain.integer and limit is None):
        return True
    if not (domain.members or domain.whole or domain.excluded is not None):
        low, high = np.minimum.reduce(values, axis=None), np.maximum.reduce(values, axis=None)
        if domain.integer:
            return bool(low >= 0 and high < (limit or 0))
        bounds = domain.interval
        if bounds is None or (
            (bounds.ge is None or low >= bounds.ge)
            and (bounds.gt is None or low > bounds.gt)
            and (bounds.le is None or high <= bounds.le)
            and (bounds.lt is None or high < bounds.lt)
        ):
            return True
    return bool(np.all(inside(domain, values, limit)))


def refuse(loss: str, argument: str, domain: Domain, values: Array, good: Array) -> NoReturn:
    """Raise the error of a NumPy array with a value outside its domain."""
    index = tuple(int(i) for i in np.argwhere(~good)[0])
    bad = values[index].item()
    where = f"{argument}[{', '.join(map(str, index))}]" if index else argument
    hint = f" ({domain.hint})" if domain.hint else ""
    raise ValueError(
        f"{loss}: {argument} must hold {domain.description}, but {where} is {bad!r}{hint}"
    )
