"""Sums of losses: one loss, whose formula adds up those of its parts."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from math import isfinite
from typing import Any, NamedTuple

from .._backends import Backend
from ..typing import Array, Axis, Namespace
from .common import common_signature
from .formulas import Formulas, Head, Orders


class Term(NamedTuple):
    """A loss in a sum, as it is given: with its factor, and what is bound to it."""

    factor: float
    formulas: Formulas
    bound: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The expression that makes it, without its factor."""
        return bound_name(self.formulas.loss.expression, self.bound)


class Part(NamedTuple):
    """A loss in a sum, as it is evaluated: with the names that its parameters have in the sum."""

    factor: float
    formulas: Formulas
    names: Mapping[str, str]

    def own(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return its parameters from those of the sum."""
        return {key: parameters[name] for key, name in self.names.items() if name in parameters}

    def arrays(self, names: Sequence[str], arrays: Sequence[Any]) -> Sequence[Any]:
        """Return its arguments from those of the sum: one may take a mask, and another not."""
        own = self.formulas.signature.arguments
        if own == names:
            return arrays
        given = dict(zip(names, arrays, strict=True))
        return [given.get(name) for name in own]

    def times(self, result: Any) -> Any:
        """Return a value, or a tuple of derivatives, times the factor."""
        if isinstance(result, tuple):
            return tuple(map(self.times, result))
        return result if result is None or self.factor == 1 else self.factor * result


class Combined(Formulas):
    """The formulas of a sum. Each part evaluates its own: registered ones, or by autodiff.

    Parameters
    ----------
    terms : sequence of Term
        The losses of the sum.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        signatures = [term.formulas.signature for term in terms]
        finishing = [term for term in terms if term.formulas.finish is not None]
        if finishing and len(terms) > 1:
            _refuse_finish(terms, finishing[0])
        name, names = _name(terms), _names(terms)
        super().__init__(common_signature(name, signatures, names), self._total)
        self.parts = [
            Part(term.factor, term.formulas, own) for term, own in zip(terms, names, strict=True)
        ]
        for term in finishing:  # the only one: its factor belongs to the result
            assert term.formulas.finish is not None
            self.parts = [self.parts[0]._replace(factor=1.0)]
            self.finish = partial(_finished, term.factor, term.formulas.finish)
        self.terms = tuple(term._replace(bound={}) for term in terms)
        self.bound = _bound(terms, names)
        """What is bound to the parts, by the names in the sum."""

    def terms_with(self, bound: Mapping[str, Any]) -> list[Term]:
        """Return the terms, each with its share of what is bound to the sum."""
        renamed = {name for part in self.parts for name in part.names.values()}
        common = {key: value for key, value in bound.items() if key not in renamed}
        return [
            term._replace(bound={**part.own(bound), **common})
            for term, part in zip(self.terms, self.parts, strict=True)
        ]

    @property
    def modules(self) -> frozenset[str]:
        """The modules of the parts."""
        return frozenset().union(*(part.formulas.modules for part in self.parts))

    def knows(self, order: int) -> bool:
        """Return whether each part has the derivative registered."""
        return all(part.formulas.knows(order) for part in self.parts)

    def knows_product(self) -> bool:
        """Return whether each part knows its product."""
        return all(part.formulas.knows_product() for part in self.parts)

    def replaces_autodiff(self) -> bool:
        """Return whether any part has the derivative registered."""
        return any(part.formulas.replaces_autodiff() for part in self.parts)

    def absent(
        self, cores: Mapping[str, tuple[str, ...]], parameters: Mapping[str, Any]
    ) -> dict[str, float]:
        """Return what replaces an entry that is left out, the same for all parts."""
        each = [part.formulas.absent(cores, part.own(parameters)) for part in self.parts]
        for part, found in zip(self.parts, each, strict=True):
            if any(found[name] != each[0][name] for name in found.keys() & each[0].keys()):
                raise ValueError(
                    f"{self.name}: where cannot leave out entries, because "
                    f"{self.parts[0].formulas.name} and {part.formulas.name} mark them with other "
                    "numbers; add up their results"
                )
        return {key: number for found in each for key, number in found.items()}

    def compute(
        self,
        backend: Backend,
        orders: Orders,
        head: Head,
        arrays: Sequence[Array | None],
        parameters: Mapping[str, Any],
    ) -> list[Any]:
        """Add up, for each order, the values or the derivatives of the parts."""

        def of(part: Part) -> tuple[Any, ...]:
            own, given = part.own(parameters), part.arrays(self.signature.arguments, arrays)
            return tuple(part.formulas.compute(backend, orders, head, given, own))

        return list(self._added(of))

    def pulled(
        self,
        backend: Backend,
        head: Head,
        share: Array,
        arrays: Sequence[Array | None],
        parameters: Mapping[str, Any],
    ) -> tuple[Array, tuple[Array, ...]]:
        """Add up the losses of the parts, and their gradients."""

        def of(part: Part) -> tuple[Array, tuple[Array, ...]]:
            own, given = part.own(parameters), part.arrays(self.signature.arguments, arrays)
            return part.formulas.pulled(backend, head, share, given, own)

        value, gradients = self._added(of)
        return value, gradients

    def product(
        self,
        backend: Backend,
        head: Head,
        arrays: Sequence[Array | None],
        vectors: Sequence[Array | None],
        parameters: Mapping[str, Any],
        share: Array | None = None,
    ) -> tuple[Array, ...]:
        """Add up the products of the parts."""

        def of(part: Part) -> tuple[Array, ...]:
            own, given = part.own(parameters), part.arrays(self.signature.arguments, arrays)
            return part.formulas.product(backend, head, given, vectors, own, share)

        products: tuple[Array, ...] = self._added(of)
        return products

    def _total(self, xp: Namespace, *given: Array | Axis, **parameters: Any) -> Array:
        """Return the sum of the formulas."""
        names = self.signature.arguments
        head, arrays = given[: -len(names)], given[-len(names) :]

        def of(part: Part) -> Array:
            own = part.arrays(names, arrays)
            return part.formulas.value(xp, *head, *own, **part.own(parameters))

        found: Array = self._added(of)
        return found

    def _added(self, of: Callable[[Part], Any]) -> Any:
        """Add up results of the parts, each times its factor, but for 0: 0 * inf would be NaN."""
        counting = [part for part in self.parts if part.factor] or self.parts[:1]
        return reduce(_plus, (part.times(of(part)) for part in counting))


def _plus(one: Any, other: Any) -> Any:
    """Add up two values, or two tuples of derivatives."""
    if isinstance(one, tuple):
        return tuple(map(_plus, one, other))
    return one + other


def _finished(factor: float, finish: Any, xp: Namespace, reduced: Array, /) -> tuple[Array, Array]:
    """Return a function of the reduced loss, and its derivative, times a factor."""
    value, slope = finish(xp, reduced)
    return factor * value, factor * slope


def _refuse_finish(terms: Sequence[Term], one: Term) -> None:
    """Refuse a function of the reduced loss, which has no value for each element."""
    other = next(term for term in terms if term is not one)
    raise TypeError(
        f"{one.name} is a function of the reduced loss, and cannot be added to {other.name} for "
        "each element; add up their results"
    )


def _name(terms: Sequence[Term]) -> str:
    """Return the expression that makes the sum."""
    name = ""
    for term in terms:
        size = abs(term.factor)
        text = term.name if size == 1 else f"{size:g} * {term.name}"
        sign = "-" if term.factor < 0 else "+"
        name += f" {sign} {text}" if name else f"-{text}" if term.factor < 0 else text
    return name


def bound_name(name: str, bound: Mapping[str, Any]) -> str:
    """Return the expression that binds parameters and options to a loss."""
    if not bound:
        return name
    given = ", ".join(f"{key}={short(value)!r}" for key, value in bound.items())
    return f"{f'({name})' if name[0] == '-' or ' ' in name else name}.bind({given})"


class _Large:
    """A bound array, as text."""

    def __repr__(self) -> str:
        return "..."


def short(value: Any) -> Any:
    """Return a bound value that can be shown: for an array or another large object, three dots."""
    return value if isinstance(value, (int, float, str, tuple, type, type(None))) else _Large()


def _names(terms: Sequence[Term]) -> list[dict[str, str]]:
    """Return the names of the parameters in the sum: with the number of the part if several do."""
    parameters = [term.formulas.signature.parameters for term in terms]
    every = [key for own in parameters for key in own]
    return [
        {key: key if every.count(key) == 1 else f"{key}_{place}" for key in own}
        for place, own in enumerate(parameters, 1)
    ]


def _bound(terms: Sequence[Term], names: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return what is bound to the parts; options must be bound to all of them alike."""
    bound: dict[str, Any] = {}
    options: list[dict[str, Any]] = []
    for term, own in zip(terms, names, strict=True):
        bound |= {own[key]: value for key, value in term.bound.items() if key in own}
        options.append({key: value for key, value in term.bound.items() if key not in own})
    for term, given in zip(terms, options, strict=True):
        for key, value in given.items():
            if not all(key in other and _same(value, other[key]) for other in options):
                raise TypeError(
                    f"{key} belongs to the whole sum, but {term.name} has one of its own; "
                    f"bind it to the sum: `(... + ...).bind({key}=...)`"
                )
    return {**bound, **options[0]}


def _same(one: Any, other: Any) -> bool:
    """Return whether two options are the same object, or equal numbers, names or axes."""
    plain = isinstance(one, (int, float, str, tuple)) and type(one) is type(other)
    return one is other or (plain and bool(one == other))


def check_factor(name: str, factor: Any) -> float:
    """Return the factor of a loss as a Python number."""
    if not isfinite(factor):
        raise ValueError(f"{name}: a factor must be a finite number, got {factor!r}")
    return float(factor)
