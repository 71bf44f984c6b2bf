"""The signature of a formula: core dimensions, arrays with domains, parameters with ranges."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, Unpack, get_args, get_origin, get_type_hints

from ..typing import (
    DependentDomain,
    Domain,
    Index,
    Kept,
    MeanOfClasses,
    Numbers,
    OneOfSeveral,
    Options,
)
from .parameters import Parameter, check_parameter

DEFAULTS: Mapping[str, Any] = {
    "reduction": "mean",
    "weights": None,
    "where": None,
    "axis": None,
    "class_axis": None,
    "class_weights": None,
    "ignore_index": None,
}
"""The options of the engine. The TypedDict of a loss's ``**options`` names those that it has."""

KEEP = "keep"
"""The array of a formula that is a mask of the entries of rows. Callers pass it as `where`."""

MASK: Domain = get_args(Kept)[1]

TEMPORARIES = 16
"""The default number of arrays like the predictions that a formula needs at once."""


Domains: TypeAlias = tuple[Domain, ...]

_BRACKET = re.compile(r"\(([^()]*)\)")


class Shown(inspect.Signature):
    """A signature that is printed without annotations.

    `help` and notebooks show it beside the docstring, which states the domains in better words.
    """

    __slots__ = ()

    def __str__(self) -> str:
        parameters = self.parameters.values()
        return str(inspect.Signature([p.replace(annotation=p.empty) for p in parameters]))

    def format(self, **_: Any) -> str:
        """Return the same text; `help` asks for it in Python 3.13 and later."""
        return str(self)


@dataclass(frozen=True, slots=True)
class Signature:
    """Everything that the engine knows about a formula before the first call."""

    name: str
    arguments: tuple[str, ...]
    ways: tuple[tuple[tuple[str, ...], ...], ...]
    """For each way to call the loss, the core dimensions of each argument."""
    domains: tuple[Domains, ...]
    """For each way to call the loss, the domain of each argument with default parameters."""
    dependent: Mapping[int, DependentDomain]
    """The arguments whose domains depend on the parameters."""
    parameters: Mapping[str, Parameter]
    arrays: frozenset[str]
    """The parameters that may be arrays."""
    defaults: Mapping[str, Any]
    """The defaults of the parameters."""
    indices: Mapping[str, str]
    """The parameters that are positions in a core dimension, with that dimension."""
    options: Mapping[str, Any]
    """The options of the engine and their defaults."""
    predicted: tuple[int, ...]
    """The predicted arguments: a derivative is taken with respect to each."""
    common: frozenset[int]
    """The arguments that all rows share: they have core dimensions in order, and no loop axes."""
    shared: tuple[tuple[str, ...], ...]
    """The core dimensions of shared arguments, also of missing ones."""
    optional: frozenset[str]
    """The arguments that may be missing: their default is None."""
    target: int
    """The argument with the labels or probabilities for weights: the last required one."""
    public: inspect.Signature

    absent: tuple[float, ...]
    """For each array with the core dimensions of the first: what adds nothing to a row."""
    several: frozenset[str]
    """The core dimensions that may have several axes: their option is an int or a tuple."""
    core: tuple[str, ...]
    """The core dimensions of the first argument in the first signature; none if pointwise."""
    steps: str
    """The core dimension or the parameter that counts the steps of the formula, if it takes any."""
    sums: str
    """The core dimension whose entries meet only in sums, if there is one: see `sums`."""
    temporaries: int
    """The number of arrays like the predictions that the formulas need at once."""
    diagonal: bool
    """Whether the second derivative of each loss is a diagonal matrix."""
    axisless: bool
    """Whether there may be no class axis: ``class_axis=None`` has a meaning."""
    masked: bool
    """Whether the target may hold class labels, though the loss compares one class at a time."""
    averaged: bool
    """Whether the loss of a row is the mean of losses of its classes."""
    choice: OneOfSeveral | None
    """Given if one of several classes is right."""

    def domains_for(self, way: int, parameters: Mapping[str, Any]) -> Domains:
        """Return the domains of a way to call the loss with parameters."""
        if not self.dependent or parameters is self.defaults:
            return self.domains[way]
        chosen = {i: domain.of(parameters) for i, domain in self.dependent.items()}
        return tuple(chosen.get(i, domain) for i, domain in enumerate(self.domains[way]))

    def ahead(self, loops: int) -> list[int]:
        """Return the number of loop axes of each argument: 0 if all rows share it."""
        return [0 if i in self.common else loops for i in range(len(self.arguments))]

    @property
    def pulls(self) -> bool:
        """Whether rows share a prediction, whose gradient is a sum over rows."""
        return not self.common.isdisjoint(self.predicted)

    @property
    def masks_entries(self) -> bool:
        """Whether a mask may leave out entries of a row."""
        return bool(self.absent)

    def with_mask(self) -> "Signature":
        """Return the signature of calls where a mask leaves out entries of rows."""
        if KEEP in self.arguments:
            return self
        return replace(
            self,
            arguments=(*self.arguments, KEEP),
            ways=tuple((*way, way[0]) for way in self.ways),
            domains=tuple((*domains, MASK) for domains in self.domains),
        )

    def without(self, missing: frozenset[str]) -> "Signature":
        """Return the signature of calls where optional arguments are missing."""
        kept = [i for i, argument in enumerate(self.arguments) if argument not in missing]
        return replace(
            self,
            predicted=tuple(kept.index(i) for i in self.predicted if i in kept),
            common=frozenset(kept.index(i) for i in self.common if i in kept),
            arguments=tuple(self.arguments[i] for i in kept),
            ways=tuple(tuple(way[i] for i in kept) for way in self.ways),
            domains=tuple(tuple(domains[i] for i in kept) for domains in self.domains),
            dependent={kept.index(i): domain for i, domain in self.dependent.items() if i in kept},
        )


def read(
    formula: Callable[..., Any],
    layouts: tuple[str, ...],
    predicted: int | tuple[str, ...],
    steps: str,
    temporaries: int,
    absent: tuple[float, ...] = (),
    diagonal: bool = False,
    sums: str = "",
) -> Signature:
    """Read a formula: domains from annotations, core dimensions from `layouts`."""
    name = formula.__qualname__.rpartition("<locals>.")[2]  # of a function: without its place
    hints = get_type_hints(formula, include_extras=True)
    parameters = list(inspect.signature(formula).parameters.values())
    required = [p for p in parameters if p.kind is p.POSITIONAL_ONLY][2 if layouts else 1 :]
    optional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    positional = required + optional
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    rest = [p for p in parameters if p.kind is p.VAR_KEYWORD]
    if (
        not required
        or any(p.default is not None for p in optional)
        or any(p.kind is p.VAR_POSITIONAL for p in parameters)
    ):
        given = "xp, axis, pred, target" if layouts else "xp, pred, target"
        raise TypeError(
            f"{name}: write a formula as `def {name}({given}, /, *, parameter=default, ...)`, "
            "with optional arrays after the slash and None as their default"
        )
    arguments = tuple(p.name for p in positional)
    found = [
        [_domain(hints.get(argument), way) for argument in arguments]
        for way in range(max(len(layouts), 1))
    ]
    sharing = [isinstance(domain, Domain) and domain.shared for domain in found[0]]
    ways = tuple(_cores(name, layout, arguments, sharing) for layout in layouts) or (
        ((),) * len(arguments),
    )
    if any(way[0] != ways[0][0] and any(way) for way in ways):
        raise ValueError(
            f"{name}: the first argument must have the same core dimensions in each signature, "
            f"or no argument may have any, got {layouts}"
        )
    common = frozenset(i for i, cores in enumerate(ways[0]) if cores and sharing[i])
    own = {p.name: _parameter(name, p, hints.get(p.name, Any)) for p in keywords}
    if steps and steps not in own and not all(steps in chain(*way) for way in ways):
        raise ValueError(f"{name}: steps={steps!r} is neither a core dimension nor a parameter")
    kinds = _option_kinds(hints.get(rest[0].name) if rest else None)
    if sums and not all(sums in way[0] for way in ways):
        raise ValueError(f"{name}: sums={sums!r} is no core dimension of the first array")
    options = {name: default for name, default in DEFAULTS.items() if name in kinds}
    # If one signature has no core axes, an axis must be given.
    everywhere = -1 if all(map(any, ways)) else None
    options |= {
        f"{core}_axis": everywhere
        for way in ways
        for i, cores in enumerate(way)
        if i not in common
        for core in cores
    }
    if absent and (len(absent) != len(arguments) or not all(map(any, ways))):
        raise ValueError(
            f"{name}: absent has one number for each array, and goes with core dimensions, "
            f"got {absent!r}"
        )
    if taken := own.keys() & options.keys():
        raise TypeError(
            f"{name}: every loss has an option {taken.pop()!r}; "
            "a parameter of that name would hide it"
        )
    shown = [
        inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=value)
        for option, value in options.items()
    ]
    defaults = {p.name: p.default for p in own.values() if p.default is not inspect.Parameter.empty}
    domains = tuple(
        tuple(
            domain.choose(**defaults) if isinstance(domain, DependentDomain) else domain
            for domain in of_way
        )
        for of_way in found
    )
    chosen = _predicted(name, predicted, arguments, len(required))
    return Signature(
        name=name,
        arguments=arguments,
        ways=ways,
        domains=domains,
        dependent={
            i: domain for i, domain in enumerate(found[0]) if isinstance(domain, DependentDomain)
        },
        parameters=own,
        arrays=frozenset(key for key, one in own.items() if one.array),
        defaults=defaults,
        indices={
            key: part.core
            for key, one in own.items()
            for part in one.constraints
            if isinstance(part, Index)
        },
        options=options,
        predicted=chosen,
        common=common,
        shared=tuple(ways[0][i] for i in sorted(common)),
        optional=frozenset(p.name for p in optional),
        target=len(required) - 1,
        absent=absent,
        several=frozenset(
            core
            for way in ways
            for cores in way
            for core in cores
            if _admits_tuple(kinds.get(f"{core}_axis"))
        ),
        core=ways[0][0],
        steps=steps,
        sums=sums,
        temporaries=temporaries,
        diagonal=diagonal or (not layouts and chosen == (0,)),
        axisless=NoneType in _alternatives(kinds.get("class_axis")),
        masked="class_axis" in options and not any("class" in c for way in ways for c in way),
        averaged=MeanOfClasses() in getattr(hints.get(arguments[0]), "__metadata__", ()),
        choice=_choice(hints, arguments),
        public=Shown(
            [p for p in positional if p.name != KEEP] + keywords + shown,
            return_annotation=hints.get("return", Any),
        ),
    )


def _choice(hints: Mapping[str, Any], arguments: Sequence[str]) -> OneOfSeveral | None:
    """Return the mark of the scores of classes, if there is one."""
    data = (getattr(hints.get(key), "__metadata__", ()) for key in arguments)
    return next((x for each in data for x in each if isinstance(x, OneOfSeveral)), None)


def _predicted(
    name: str, predicted: int | tuple[str, ...], arguments: tuple[str, ...], required: int
) -> tuple[int, ...]:
    if isinstance(predicted, int):
        if 1 <= predicted <= required:
            return tuple(range(predicted))
    elif predicted and arguments[0] == predicted[0] and set(predicted) <= set(arguments):
        return tuple(map(arguments.index, predicted))
    raise ValueError(
        f"{name}: predicted counts the arguments that are predicted, from 1 to {required}, "
        f"or names them, including the first, got {predicted!r}"
    )


def _cores(
    name: str, layout: str, arguments: tuple[str, ...], sharing: Sequence[bool]
) -> tuple[tuple[str, ...], ...]:
    inputs, _, output = layout.replace(" ", "").partition("->")
    brackets = _BRACKET.findall(inputs)
    cores = [tuple(bracket.split(",")) if bracket else () for bracket in brackets]
    commas = "," * (len(brackets) - 1)
    named = all(core.isidentifier() for bracket in cores for core in bracket)
    # Shared arrays keep the order of their axes, so two may have one name: the distances between
    # all classes, for example.
    named &= all(among or len(set(c)) == len(c) for c, among in zip(cores, sharing, strict=False))
    if (
        _BRACKET.sub("", inputs) != commas
        or not named
        or output != "()"
        or len(brackets) != len(arguments)
    ):
        raise ValueError(
            f"{name}: {layout!r} is not the signature of a loss of {', '.join(arguments)}: "
            "it needs a bracket for each argument, with the names of its core dimensions, "
            "and one value as its result, as in '(class),()->()'"
        )
    return tuple(cores)


@cache  # many losses have the same options, and to evaluate their annotations takes a while
def _option_kinds(annotation: Any) -> Mapping[str, Any]:
    """Return the options of a loss, and those of every loss, with their types."""
    if get_origin(annotation) is Unpack:
        (annotation,) = get_args(annotation)
    own = get_type_hints(annotation) if hasattr(annotation, "__annotations__") else {}
    return {**get_type_hints(Options), **own}


def _admits_tuple(kind: Any) -> bool:
    return any(get_origin(alternative) is tuple for alternative in _alternatives(kind))


def _domain(annotation: Any, way: int) -> Domain | DependentDomain:
    annotation = next(kind for kind in _alternatives(annotation) if kind is not NoneType)
    domains = [
        data
        for data in getattr(annotation, "__metadata__", ())
        if isinstance(data, (Domain, DependentDomain))
    ]
    return domains[min(way, len(domains) - 1)] if domains else Domain("real numbers")


def _parameter(loss: str, parameter: inspect.Parameter, annotation: Any) -> Parameter:
    kinds = _alternatives(annotation)
    optional = NoneType in kinds
    if optional:
        (annotation,) = (kind for kind in kinds if kind is not NoneType)
    constraints = getattr(annotation, "__metadata__", ())
    kind = annotation.__origin__ if constraints else annotation
    forms = _alternatives(kind)
    sequence = Sequence[float] in forms
    array = sequence or Numbers in forms
    made = Parameter(
        parameter.name,
        parameter.default,
        float if array else kind,
        constraints,
        optional,
        sequence,
        array,
    )
    if made.default is inspect.Parameter.empty:
        return made
    return replace(made, default=check_parameter(loss, made, made.default))


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
