"""The signature that several losses have in common, so that they can be added up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter
from inspect import Signature as PublicSignature
from math import inf
from typing import Any, NoReturn

from annotated_types import Interval

from ..typing import DependentDomain, Domain
from .signature import KEEP, Signature

Names = Sequence[Mapping[str, str]]


def common_signature(name: str, signatures: Sequence[Signature], names: Names) -> Signature:
    """Return the signature of a sum of losses; `names` are the names of their parameters in it.

    Its formula takes a mask of entries if all losses leave out entries, and one takes the mask.
    """
    masks = all(s.masks_entries for s in signatures)
    takes = masks and any(KEEP in s.arguments for s in signatures)
    signatures = [_without_mask(s) for s in signatures]
    first = signatures[0]
    for other in signatures[1:]:
        _check_arguments(first, other)
    ways = tuple(way for way in first.ways if all(way in other.ways for other in signatures))
    if not ways:
        other = next(other for other in signatures if other.ways != first.ways)
        _refuse(first, other, f"{_what(first)}, and {_what(other)}")
    arguments = range(len(first.arguments))
    domains = tuple(
        tuple(
            _narrowest(signatures, i, [s.domains[s.ways.index(way)][i] for s in signatures])
            for i in arguments
        )
        for way in ways
    )
    pairs = list(zip(signatures, names, strict=True))
    parameters = {
        new: replace(s.parameters[key], name=new) for s, own in pairs for key, new in own.items()
    }
    options = _options(signatures, ways)
    common = replace(
        first,
        name=name,
        ways=ways,
        domains=domains,
        dependent={
            i: DependentDomain(_Narrowest(tuple(pairs), i), _turns(pairs, i))
            for i in arguments
            if any(i in s.dependent for s in signatures)
        },
        parameters=parameters,
        arrays=frozenset(key for key, one in parameters.items() if one.array),
        defaults={own[key]: value for s, own in pairs for key, value in s.defaults.items()},
        indices={own[key]: core for s, own in pairs for key, core in s.indices.items()},
        options=options,
        shared=tuple(ways[0][i] for i in sorted(first.common)),
        several=frozenset.intersection(*(s.several for s in signatures)),
        core=ways[0][0],
        steps=first.steps if len({s.steps for s in signatures}) == 1 else "",
        sums=first.sums if len({s.sums for s in signatures}) == 1 else "",
        temporaries=max(s.temporaries for s in signatures) + 2 * (len(signatures) > 1),
        diagonal=all(s.diagonal for s in signatures),
        absent=first.absent if masks else (),
        public=_public(pairs, options),
    )
    if not takes:
        return common
    optional, absent = common.optional | {KEEP}, (*common.absent, 1.0)
    return replace(common.with_mask(), optional=optional, absent=absent)


def _without_mask(signature: Signature) -> Signature:
    """Return the signature of a formula that takes no mask of entries."""
    if KEEP not in signature.arguments:
        return signature
    place = signature.arguments.index(KEEP)
    return replace(
        signature.without(frozenset({KEEP})),
        optional=signature.optional - {KEEP},
        absent=(*signature.absent[:place], *signature.absent[place + 1 :]),
    )


def _public(
    pairs: Sequence[tuple[Signature, Mapping[str, str]]], options: Mapping[str, Any]
) -> PublicSignature:
    """Return the signature that users see."""
    first = pairs[0][0]
    arguments = [first.public.parameters[key] for key in first.arguments]
    own = [
        s.public.parameters[key].replace(name=new)
        for s, named in pairs
        for key, new in named.items()
    ]
    more = [Parameter(key, Parameter.KEYWORD_ONLY, default=value) for key, value in options.items()]
    return first.public.replace(parameters=[*arguments, *own, *more])


def _options(signatures: Sequence[Signature], ways: Sequence[Any]) -> dict[str, Any]:
    """Return the options that all losses have, with the defaults for their common ways."""
    first = signatures[0]
    options = {
        key: value
        for key, value in first.options.items()
        if all(key in other.options for other in signatures)
    }
    if all(map(any, ways)):
        return {key: -1 if key.endswith("_axis") else value for key, value in options.items()}
    return options


def _what(signature: Signature) -> str:
    """Return what a loss has a value for."""
    rows = " or ".join(
        f"row along {', '.join(way[0])}" if any(way) else "element" for way in signature.ways
    )
    return f"{signature.name} has a value for each {rows}"


def _check_arguments(first: Signature, other: Signature) -> None:
    """Refuse losses of other arguments."""
    if first.arguments != other.arguments or first.optional != other.optional:
        mine, others = ", ".join(first.arguments), ", ".join(other.arguments)
        _refuse(first, other, f"{first.name} takes {mine}, and {other.name} takes {others}")
    if first.predicted != other.predicted or first.common != other.common:
        _refuse(first, other, "their derivatives are taken with respect to other arguments")


def _refuse(first: Signature, other: Signature, why: str) -> NoReturn:
    raise TypeError(
        f"{first.name} and {other.name} cannot be added up as one loss: {why}; add up their results"
    )


@dataclass(frozen=True, slots=True)
class _Narrowest:
    """The domain of an argument in a sum, from the parameters of the sum."""

    pairs: tuple[tuple[Signature, Mapping[str, str]], ...]
    i: int

    def __call__(self, **parameters: Any) -> Domain:
        domains = []
        for signature, names in self.pairs:
            own = {key: parameters[new] for key, new in names.items() if new in parameters}
            domains.append(signature.domains_for(0, own)[self.i])
        return _narrowest([signature for signature, _ in self.pairs], self.i, domains)


def _turns(
    pairs: Sequence[tuple[Signature, Mapping[str, str]]], i: int
) -> dict[str, tuple[float, ...]]:
    """Return where the domain of an argument changes, by the parameters of the sum."""
    return {
        own[key]: turns
        for signature, own in pairs
        if i in signature.dependent
        for key, turns in signature.dependent[i].turns.items()
    }


def _narrowest(signatures: Sequence[Signature], i: int, domains: Sequence[Domain]) -> Domain:
    """Return the domain of an argument that lies inside those of all losses."""
    found = domains[0]
    for signature, domain in zip(signatures[1:], domains[1:], strict=True):
        if _inside(found, domain):
            found = replace(found, sharp=found.sharp or domain.sharp)
        elif _inside(domain, found):
            found = replace(domain, sharp=found.sharp or domain.sharp)
        else:
            argument = signature.arguments[i]
            why = f"{argument} holds {found.description}, and {domain.description}"
            _refuse(signatures[0], signature, why)
    return found


def _inside(one: Domain, other: Domain) -> bool:
    """Return whether all values of a domain lie inside another."""
    alike = ("labels", "excluded", "counted", "until", "shared")
    if any(getattr(one, key) != getattr(other, key) for key in alike):
        return False
    if (other.whole and not one.whole) or (other.members and one.members != other.members):
        return False
    (low, high), (lowest, highest) = _ends(one.interval), _ends(other.interval)
    return low >= lowest and high <= highest


def _ends(interval: Interval | None) -> tuple[tuple[float, int], tuple[float, int]]:
    """Return the ends of an interval, in an order where one that is outside is farther in."""
    if interval is None:
        return (-inf, 0), (inf, 0)
    ge, gt, le, lt = (
        None if x is None else float(x)  # type: ignore[arg-type]
        for x in (interval.ge, interval.gt, interval.le, interval.lt)
    )
    low = (gt, 1) if gt is not None else (-inf if ge is None else ge, 0)
    high = (lt, -1) if lt is not None else (inf if le is None else le, 0)
    return low, high
