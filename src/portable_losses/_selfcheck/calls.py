"""Every public loss, each way to call it, and inputs drawn from its domains."""

import importlib
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

import numpy as np

from .._engine.signature import KEEP
from .._loss import Loss
from .._numerics.constraints import holds
from ..typing import Array, Domain

_PACKAGE = __name__.rpartition("._selfcheck")[0]

_LOOP = (2, 3)
_SHORTEST_CORE = 3
_GRID = 2**16
"""Inputs are multiples of 1 over this: exact in float32, and hardly ever at a kink."""


@dataclass(frozen=True)
class Call:
    """A loss, one of the ways to call it, and inputs for this call."""

    label: str
    loss: Loss
    head: tuple[Any, ...]
    """The position of the core axes, for a formula that takes it."""
    inputs: Sequence[Array]
    parameters: dict[str, float]

    @property
    def family(self) -> str:
        """The module of the package that defines the loss."""
        return self.loss.__module__.removeprefix(f"{_PACKAGE}.").split(".")[0]


def calls() -> Iterator[Call]:
    """Draw inputs for each way to call each public loss."""
    package = importlib.import_module(_PACKAGE)
    for name in package.__all__:
        loss = getattr(package, name)
        if isinstance(loss, Loss):
            yield from calls_of(name, loss)


def calls_of(
    name: str, loss: Loss, given: Mapping[str, Any] = MappingProxyType({}), seed: str = ""
) -> Iterator[Call]:
    """Draw inputs for each way to call a loss with some parameters given."""
    signature = loss.signature.without(loss.signature.optional & {KEEP})
    generator = random.Random(name + seed)
    parameters = {**signature.defaults, **given} if given else signature.defaults
    for way, cores in enumerate(signature.ways):
        domains = signature.domains_for(way, parameters)
        sizes: dict[str, int] = {}
        for core in (core for of_argument in cores for core in of_argument):
            sizes.setdefault(core, _SHORTEST_CORE + len(sizes))
        vectors = bool(signature.core) and not any(cores)
        loop = (math.prod(_LOOP),) if vectors else _LOOP
        shapes = [
            (*(() if i in signature.common else loop), *(sizes[core] for core in of_argument))
            for i, of_argument in enumerate(cores)
        ]
        layout = ",".join(f"({','.join(of_argument)})" for of_argument in cores)
        yield Call(
            label=f"{name} {layout}" if len(signature.ways) > 1 else name,
            loss=loss,
            head=(None,) if vectors else _head(len(cores[0])),
            inputs=[
                _lengths(domain, shape, sizes, cores[0])
                if domain.counted
                else drawn(domain, shape, generator)
                for domain, shape in zip(domains, shapes, strict=True)
            ],
            parameters={
                parameter.name: _between(parameter.constraints, generator)
                for parameter in signature.parameters.values()
                if parameter.name not in parameters
            },
        )


def other_parameters(loss: Loss, given: Mapping[str, Any]) -> dict[str, Any]:
    """Draw values for the parameters of a loss that are not given, unlike their defaults.

    They are of the size of the defaults, so that a bound such as 1e-15 stays out of the way.
    """
    generator = random.Random(loss.__name__)
    drawn: dict[str, Any] = {}
    for name, parameter in loss.signature.parameters.items():
        if name in given:
            continue
        if parameter.kind is float:
            near = [x * (parameter.default or 0.0) for x in (1.75, 0.625)]
            fits = [x for x in near if x and all(holds(c, x) for c in parameter.constraints)]
            drawn[name] = fits[0] if fits else _between(parameter.constraints, generator)
        elif parameter.kind is bool:
            drawn[name] = not parameter.default
        elif get_origin(parameter.kind) is Literal:
            drawn[name] = next(x for x in get_args(parameter.kind)[::-1] if x != parameter.default)
    return drawn


def tie(loss: Loss[...], arrays: list[Any]) -> None:
    """Let the first number predict its target: there many a formula divides 0 by 0."""
    first, *others = loss.signature.domains[0]
    for domain, other in zip(others, arrays[1:], strict=False):
        if first.unbounded and domain.unbounded and other.shape == arrays[0].shape:
            arrays[0].flat[0] = other.flat[0]
            return


def _head(cores: int) -> tuple[Any, ...]:
    """Return the position of the last `cores` axes: an int, or a tuple of several."""
    positions = tuple(range(-cores, 0))
    return positions if cores < 2 else (positions,)


def _lengths(
    domain: Domain, shape: tuple[int, ...], sizes: dict[str, int], predicted: tuple[str, ...]
) -> Array:
    """Return the full length for predictions, and the length 1, which fits into it, for targets."""
    return np.full(shape, sizes[domain.counted] if domain.counted in predicted else 1)


def drawn(domain: Domain, shape: tuple[int, ...], generator: random.Random) -> Array:
    """Draw an array from a domain."""
    values = np.empty(shape, np.int64 if domain.labels else np.float64)
    for index in np.ndindex(shape):
        if domain.labels:
            values[index] = generator.randrange(domain.excluded is not None, _SHORTEST_CORE)
        elif domain.members:
            values[index] = generator.choice(domain.members)
        else:
            number = _between(tuple(domain.interval or ()), generator)
            values[index] = round(number) if domain.whole else number
    return values


def _between(constraints: tuple[Any, ...], generator: random.Random) -> float:
    """Draw a number from the inside of an interval, further from its ends than a small step."""
    parts = [
        part
        for constraint in constraints
        for part in (constraint if hasattr(constraint, "__iter__") else (constraint,))
    ]
    lows = [getattr(part, end) for part in parts for end in ("gt", "ge") if hasattr(part, end)]
    highs = [getattr(part, end) for part in parts for end in ("lt", "le") if hasattr(part, end)]
    low, high = max(lows, default=-math.inf), min(highs, default=math.inf)
    if low == -math.inf:
        low = high - 8.0 if high < math.inf else -4.0
    high = min(high, low + 8.0)
    return float(low + (high - low) * generator.randrange(_GRID // 8, _GRID - _GRID // 8) / _GRID)
