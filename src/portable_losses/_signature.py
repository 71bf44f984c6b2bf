"""What a formula says of itself: its core dimensions, its arrays and their domains, its parameters and their ranges."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Unpack, get_args, get_origin, get_type_hints

from ._domains import Parameter, check_parameter
from .typing import ClassOptions, Domain, Options

DEFAULTS: Mapping[str, Any] = {
    "reduction": "mean",
    "weights": None,
    "where": None,
    "axis": None,
    "class_axis": -1,
    "class_weights": None,
    "ignore_index": None,
}
"""The options of the engine. Which of them a loss has is said by the TypedDict that its ``**options`` unpack."""

_BRACKET = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Signature:
    """Everything that the engine knows of a formula before the first call."""

    name: str
    arguments: tuple[str, ...]
    ways: tuple[tuple[tuple[str, ...], ...], ...]
    """For each way to call the loss, the core dimensions of each argument."""
    domains: tuple[tuple[Domain, ...], ...]
    """For each way to call the loss, the domain of each argument."""
    parameters: Mapping[str, Parameter]
    defaults: Mapping[str, Any]
    """The defaults of the parameters."""
    options: Mapping[str, Any]
    """The options of the engine and their defaults."""
    predicted: int
    """How many of the arguments, from the first, are predicted: a derivative is taken with respect to each."""
    public: inspect.Signature

    core: tuple[str, ...]
    """The core dimensions of the first argument: none for a pointwise loss."""
    small: tuple[tuple[bool, bool, Domain | None], ...]
    """For each argument of the first way to call the loss: whether it has the core dimension, whether it holds labels, and the
    domain to look at, if any. Empty where a call without options always has something to prepare."""


def read(formula: Callable[..., Any], layouts: tuple[str, ...], predicted: int) -> Signature:
    """Read a formula: its annotations say the domains, `layouts` (gufunc signatures) the core dimensions."""
    name = formula.__qualname__
    hints = get_type_hints(formula, include_extras=True)
    parameters = list(inspect.signature(formula).parameters.values())
    positional = [p for p in parameters if p.kind is p.POSITIONAL_ONLY][2 if layouts else 1 :]
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    rest = [p for p in parameters if p.kind is p.VAR_KEYWORD]
    if not positional or any(p.kind in (p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL) for p in parameters):
        given = "xp, axis, pred, target" if layouts else "xp, pred, target"
        raise TypeError(f"{name}: write a formula as `def {name}({given}, /, *, parameter=default, ...)`")
    arguments = tuple(p.name for p in positional)
    ways = tuple(_cores(name, layout, arguments) for layout in layouts) or (((),) * len(arguments),)
    if any(way[0] != ways[0][0] for way in ways):
        raise ValueError(f"{name}: the first argument has the same core dimensions in each signature, not {layouts}")
    if not 1 <= predicted <= len(arguments):
        raise ValueError(
            f"{name}: predicted counts the arguments that are predicted, from 1 to {len(arguments)}, not {predicted!r}"
        )
    own = {p.name: _parameter(name, p, hints.get(p.name, Any)) for p in keywords}
    options = {name: DEFAULTS[name] for name in _option_names(hints.get(rest[0].name) if rest else None)}
    options |= {f"{core}_axis": -1 for way in ways for cores in way for core in cores}
    if taken := own.keys() & options.keys():
        raise TypeError(f"{name}: every loss has an option {taken.pop()!r}; a parameter of that name would hide it")
    shown = [inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=value) for option, value in options.items()]
    domains = tuple(tuple(_domain(hints.get(argument), way) for argument in arguments) for way in range(len(ways)))
    defaults = {p.name: p.default for p in own.values() if p.default is not inspect.Parameter.empty}
    return Signature(
        name=name,
        arguments=arguments,
        ways=ways,
        domains=domains,
        parameters=own,
        defaults=defaults,
        options=options,
        predicted=predicted,
        core=ways[0][0],
        small=_small(ways[0], domains[0]) if len(defaults) == len(own) else (),
        public=inspect.Signature(positional + keywords + shown, return_annotation=hints.get("return", Any)),
    )


def _cores(name: str, layout: str, arguments: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    inputs, _, output = layout.replace(" ", "").partition("->")
    brackets = _BRACKET.findall(inputs)
    cores = [tuple(bracket.split(",")) if bracket else () for bracket in brackets]
    commas = "," * (len(brackets) - 1)
    named = all(core.isidentifier() for bracket in cores for core in bracket) and all(len(set(c)) == len(c) for c in cores)
    if _BRACKET.sub("", inputs) != commas or not named or output != "()" or len(brackets) != len(arguments):
        raise ValueError(
            f"{name}: {layout!r} is not the signature of a loss of {', '.join(arguments)}: that has a bracket for each of them, "
            "with the names of its core dimensions, and gives one value, as '(class),()->()'"
        )
    return tuple(cores)


def _small(way: tuple[tuple[str, ...], ...], domains: tuple[Domain, ...]) -> tuple[tuple[bool, bool, Domain | None], ...]:
    if any(cores not in ((), way[0]) or len(cores) > 1 for cores in way):
        return ()
    return tuple(
        (bool(cores), domain.labels, None if domain.unbounded else domain) for cores, domain in zip(way, domains, strict=True)
    )


def _option_names(annotation: Any) -> list[str]:
    if get_origin(annotation) is Unpack:
        (annotation,) = get_args(annotation)
    known = ClassOptions.__annotations__ if annotation is ClassOptions else Options.__annotations__
    return [name for name in DEFAULTS if name in known]


def _domain(annotation: Any, way: int) -> Domain:
    domains = [data for data in getattr(annotation, "__metadata__", ()) if isinstance(data, Domain)]
    return domains[min(way, len(domains) - 1)] if domains else Domain("real numbers")


def _parameter(loss: str, parameter: inspect.Parameter, annotation: Any) -> Parameter:
    constraints = getattr(annotation, "__metadata__", ())
    kind = annotation.__origin__ if constraints else annotation
    made = Parameter(parameter.name, parameter.default, kind, constraints)
    if made.default is inspect.Parameter.empty:
        return made
    return replace(made, default=check_parameter(loss, made, made.default))
