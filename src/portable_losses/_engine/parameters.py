"""The Python parameters of a loss: their types and ranges."""

from collections.abc import Hashable
from dataclasses import asdict, dataclass
from itertools import chain
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin

from annotated_types import Interval

from .._backends import default
from .._numerics.constraints import holds, range_of
from ..typing import Domain, Gap


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a loss: its default, its type, and the constraints of its annotation."""

    name: str
    default: Any
    kind: Any
    constraints: tuple[Any, ...]
    optional: bool = False
    """Whether it may be None."""
    sequence: bool = False
    """Whether it may be a sequence of numbers, one for each entry of the last axis."""
    array: bool = False
    """Whether it may be an array: one number, or, for losses of elements, one for each of them."""

    @property
    def domain(self) -> Domain:
        """The domain of the numbers of an array."""
        gaps = [each for each in self.constraints if isinstance(each, Gap)]
        named = (asdict(each).items() for each in self.constraints if each not in gaps)
        bounds = {key: bound for key, bound in chain.from_iterable(named) if bound is not None}
        return Domain(
            f"numbers in {range_of(self.constraints)}",
            interval=Interval(**bounds),
            gap=gaps[0] if gaps else None,
        )


def check_parameter(loss: str, parameter: Parameter, value: Any) -> Any:
    """Return a parameter as a Python value; refuse a wrong type or range."""
    if value is None and parameter.optional:
        return None
    kind = parameter.kind
    if get_origin(kind) is Literal:
        if not isinstance(value, Hashable) or value not in get_args(kind):
            allowed = get_args(kind)
            raise ValueError(f"{loss}: {parameter.name} must be one of {allowed}, got {value!r}")
    elif kind is bool:
        if not default.is_bool(value):
            raise TypeError(f"{loss}: {parameter.name} must be True or False, got {value!r}")
        return bool(value)
    elif kind in (int, float):
        wanted, word = (Integral, "a whole number") if kind is int else (Real, "a number")
        if not isinstance(value, wanted):
            more = {
                "a sequence of numbers": parameter.sequence,
                "an array": parameter.array,
                "None": parameter.optional,
            }
            *first, last = [word, *(kind for kind, allowed in more.items() if allowed)]
            kinds = f"{', '.join(first)} or {last}" if first else last
            raise TypeError(
                f"{loss}: {parameter.name} must be {kinds}, got {_brief(value)}"
                f"{'' if parameter.array else ': one number, known before the call, not an array'}"
            )
        if not all(holds(constraint, value) for constraint in parameter.constraints):
            bounds = range_of(parameter.constraints)
            raise ValueError(f"{loss}: {parameter.name} must be {word} in {bounds}, got {value!r}")
        return kind(value)  # a scalar of an array library would change the dtype of the result
    return value


def _brief(value: Any) -> str:
    text = " ".join(repr(value).split())
    return f"{text if len(text) < 50 else text[:47] + '...'} ({type(value).__name__})"
