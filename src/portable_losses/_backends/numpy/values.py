"""Checks of the values of NumPy arrays, block by block, while they are in the cache."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import inf
from typing import Any, NamedTuple, NoReturn

import numpy as np
from annotated_types import Interval

from ..._numerics.constraints import holds
from ..._numerics.elementwise import slack
from ..._numerics.elementwise import to_ends as to_ends_of
from ...typing import Array, DependentDomain, Domain
from .blocks import as_given


def among(domain: Domain, values: Array, limit: int) -> Array:
    """Return which labels or lengths are in the domain, from 0 up to a limit, for any library."""
    good = (values >= 0) & (values < limit)
    return good if domain.excluded is None else good & (values != domain.excluded)


def inside(domain: Domain, values: Array, limit: int | None) -> Array:
    """Return which values of a NumPy array are in the domain; NaN counts as inside."""
    if domain.integer:
        return values == values if limit is None else among(domain, values, limit)
    good = values == values
    for part in domain.interval or ():
        good &= holds(part, values)
    if domain.gap is not None:
        good &= holds(domain.gap, values)
    if domain.members:
        good &= np.isin(values, domain.members)
    if domain.whole:
        good &= values == np.floor(values)
    return good | np.isnan(values)


def all_inside(domain: Domain, values: Array, limit: int | None) -> bool:
    """Return whether a block is inside its domain, by its extremes if they suffice."""
    if values.size == 0 or (domain.integer and limit is None):
        return True
    return _surely_inside(domain, values, limit) or bool(np.all(inside(domain, values, limit)))


def _surely_inside(domain: Domain, values: Array, limit: int | None) -> bool:
    """Return whether a block is surely inside its domain. False means unknown, as for NaN."""
    bounds = domain.interval
    if domain.whole or domain.excluded is not None or domain.gap is not None:
        return False
    if domain.members:
        return bool(np.logical_or.reduce([values == x for x in domain.members]).all())
    if domain.integer:
        low, high = np.minimum.reduce(values, axis=None), np.maximum.reduce(values, axis=None)
        return bool(low >= 0 and high < (limit or 0))
    if bounds is None:
        return True
    low, high = np.minimum.reduce(values, axis=None), np.maximum.reduce(values, axis=None)
    return bool(
        (bounds.ge is None or low >= bounds.ge)
        and (bounds.gt is None or low > bounds.gt)
        and (bounds.le is None or high <= bounds.le)
        and (bounds.lt is None or high < bounds.lt)
    )


class Bits(NamedTuple):
    """A check of a domain by one extreme of the bits of its values, read as integers.

    The bits of positive numbers rise with the numbers. Those of negative numbers are negative as
    signed integers, and larger than all others as unsigned ones. NaN may fail such a check.
    """

    kind: np.dtype[Any]
    """The dtype of the integers."""
    extreme: Callable[..., Any]
    bound: Any
    holds: Callable[[Any, Any], Any]

    def all_inside(self, values: Array) -> bool:
        """Return whether all values are surely inside."""
        if not values.size:
            return True
        return bool(self.holds(self.extreme(values.view(self.kind), axis=None), self.bound))


def _bits(domain: Domain, dtype: Any, limit: int | None) -> Bits | None:
    """Return the check of a domain by bits, if there is one."""
    bounds = domain.interval
    if domain.integer and domain.excluded is None and limit:
        return Bits(np.dtype(np.uintp), np.maximum.reduce, limit - 1, operator.le)
    if domain.integer or domain.whole or domain.members or bounds is None or dtype not in _KINDS:
        return None
    signed, unsigned = _KINDS[dtype]
    match bounds.gt, bounds.ge, bounds.lt, bounds.le:
        case None, 0, None, top:
            largest = np.asarray(inf if top is None else top, dtype).view(unsigned).item()
            return Bits(unsigned, np.maximum.reduce, largest, operator.le)
        case None, None, None, 0:
            return Bits(signed, np.maximum.reduce, 0, operator.le)
        case 0, None, None, None:
            return Bits(signed, np.minimum.reduce, 0, operator.gt)
    return None


_KINDS: dict[Any, tuple[np.dtype[Any], np.dtype[Any]]] = {
    np.dtype(np.float32): (np.dtype(np.int32), np.dtype(np.uint32)),
    np.dtype(np.float64): (np.dtype(np.int64), np.dtype(np.uint64)),
}


class Look(NamedTuple):
    """How the values of an argument are checked."""

    argument: int
    domain: Domain
    limit: int | None
    """How many integers a domain of labels or lengths has."""
    slack: float
    """How far outside rounding may lead a value."""
    bits: Bits | None
    """A fast check, which may fail for a valid array."""

    def all_inside(self, values: Array) -> bool:
        """Return whether all values are inside the domain."""
        if self.bits is not None and self.bits.all_inside(values):
            return True
        return all_inside(self.domain, values, self.limit)


def looks(call: Any) -> list[Look]:
    """Return the looks at the arguments of a call whose values may lie outside their domains."""
    found = []
    for i in call.plan.limited:
        domain = call.plan.domains[i]
        limit = call.layout.limit(domain) if domain.integer else None
        slack = call.plan.slacks.get(i, 0.0)
        found.append(Look(i, domain, limit, slack, _bits(domain, call.plan.dtype, limit)))
    return found


_WEIGHTS = Domain(
    "numbers that are not negative",
    interval=Interval(ge=0.0),
    hint="leave elements out with `where`",
)


def _inside_but_for_rounding(values: Array) -> Array:
    """Return which weights are not negative, or 0 but for rounding."""
    return inside(_WEIGHTS, to_ends(_WEIGHTS, values, slack_of(values)), None)


def _are_weights(values: Array) -> bool:
    return all_inside(_WEIGHTS, values, None) or bool(np.all(_inside_but_for_rounding(values)))


def fault(
    call: Any,
    arrays: list[Array],
    weights: Array | None,
    where: Array | None,
    unseen: Mapping[int, Array],
    parameters: Mapping[str, Array],
) -> str:
    """Return the name of an argument with a value outside its domain, or nothing.

    In the list, the bound replaces what rounding led beyond it.
    """
    if weights is not None and not call.request.weighed:
        kept = weights if where is None else np.where(where, weights, 0)
        if not _are_weights(kept):
            return "weights"
    if call.class_weights is not None and not _are_weights(call.class_weights):
        return "class_weights"
    if call.plan.signature.choice and not call.layout.loop and not call.layout.weighted:
        _check_row(call, arrays)
    for look in call.layout.kept.looks:
        i = look.argument
        if look.all_inside(arrays[i]):
            continue
        arrays[i] = moved = to_ends(look.domain, arrays[i], look.slack)
        good = inside(look.domain, moved, look.limit)
        if not np.all(good | unseen[i] if i in unseen else good):
            return str(call.plan.signature.arguments[i])
    for i, varying in call.plan.varying.items():
        if not np.all(fitting(varying, call.plan.parameters, arrays[i], parameters)):
            return str(call.plan.signature.arguments[i])
    return ""


def check_labels(name: str, key: str, labels: Array, classes: int, domain: Domain) -> None:
    """Refuse labels out of range."""
    if not all_inside(domain, labels, classes):
        _refuse(name, key, domain, labels, inside(domain, labels, classes))


def check_weights(name: str, key: str, weights: Array) -> None:
    """Refuse negative weights."""
    if not _are_weights(weights):
        _refuse(name, key, _WEIGHTS, weights, _inside_but_for_rounding(weights))


def _check_row(call: Any, arrays: Sequence[Array]) -> None:
    """Refuse a single row of targets 0 and 1 of which not one is 1: it is a batch of them."""
    plan = call.plan
    i = plan.signature.target
    target = arrays[i]
    if plan.domains[i].labels or not np.all((target == 0) | (target == 1)) or target.sum() == 1:
        return
    name, pred = plan.signature.name, plan.signature.arguments[0]
    raise ValueError(
        f"{name}: {pred} and {plan.signature.arguments[i]} are one row of {target.size} classes, "
        f"but {target.sum():g} of its targets are 1, not one; a batch of binary targets, one for "
        f"each score, belongs to {plan.signature.choice.binary}"
    )


def to_ends(domain: Domain, values: Array, slack: float) -> Array:
    """Return values with the bound in place of what is outside by at most `slack`."""
    return to_ends_of(np, values, *domain.ends, slack)


def slack_of(values: Array) -> float:
    """Return how far outside rounding may lead the values of an array."""
    return slack(np, values.dtype) if values.dtype.kind == "f" else 0.0


def all_to_ends(call: Any, arrays: Sequence[Array]) -> Sequence[Array]:
    """Return arrays with the bound in place of what rounding led beyond it, if that matters."""
    moved = list(arrays)
    for look in call.layout.kept.looks:
        if look.domain.sharp and not look.all_inside(moved[look.argument]):
            moved[look.argument] = to_ends(look.domain, moved[look.argument], look.slack)
    return moved


def fitting(
    varying: DependentDomain,
    parameters: Mapping[str, Any],
    values: Array,
    numbers: Mapping[str, Array],
) -> Array:
    """Return which values are in the domain that their own numbers choose.

    Between two turns of a parameter all numbers choose the same domain.
    """
    turns = {key: x for key, x in varying.turns.items() if key in numbers}
    kinds = {  # twice the place among the turns, odd for a turn itself
        key: np.searchsorted(x, numbers[key]) + np.searchsorted(x, numbers[key], "right")
        for key, x in turns.items()
    }
    good = np.zeros(np.broadcast_shapes(values.shape, *map(np.shape, kinds.values())), np.bool_)
    for some in product(*map(np.unique, kinds.values())):
        chosen = dict(zip(turns, some, strict=True))
        of_kind = {key: _number_of_kind(turns[key], int(kind)) for key, kind in chosen.items()}
        domain = varying.choose(**{**parameters, **of_kind})
        inner = inside(domain, to_ends(domain, values, slack_of(values)), None)
        for key, kind in chosen.items():
            inner = inner & (kinds[key] == kind)
        good |= inner
    return good


def _number_of_kind(turns: Sequence[float], kind: int) -> float:
    """Return a turn, or a number between two, or beyond all."""
    ends = (turns[0] - 1, *turns, turns[-1] + 1)
    return (ends[(kind + 1) // 2] + ends[kind // 2 + 1]) / 2


def domain_at(index: Array, good: Array, varying: DependentDomain, call: Any) -> Domain:
    """Return the domain of one element, described with the numbers that choose it."""
    own = {
        key: float(np.broadcast_to(call.sequences[key], good.shape)[tuple(index)])
        for key in varying.turns
        if key in call.sequences
    }
    domain = varying.choose(**{**call.plan.parameters, **own})
    numbers = " and ".join(f"{key} is {number:g}" for key, number in own.items())
    return replace(domain, description=f"{domain.description} where {numbers}")


def check_parameters(call: Any) -> None:
    """Refuse a parameter that is an array with a number outside its range."""
    for key, numbers in call.sequences.items():
        domain = call.plan.signature.parameters[key].domain
        if not all_inside(domain, numbers, None):
            good = inside(domain, numbers, None)
            _refuse(call.plan.formulas.name, key, domain, numbers, good)


def refuse_argument(
    call: Any, key: str, arrays: Sequence[Array], unseen: Mapping[int, Array]
) -> NoReturn:
    """Find the first value outside the domain in an argument as given, and raise the error.

    `arrays` are all arrays, with valid values where elements are left out.
    """
    name = call.plan.formulas.name
    if key == "class_weights":
        values = call.class_weights
        _refuse(name, key, _WEIGHTS, values, _inside_but_for_rounding(values))
    if key == "weights":
        values = np.broadcast_to(call.weights, call.layout.loop)
        good = _inside_but_for_rounding(values)
        good = good if call.where is None else good | ~call.where
        _refuse_shared(name, key, _WEIGHTS, values, good, call.weights.shape)
    i = call.plan.signature.arguments.index(key)
    domain, values = call.plan.domains[i], call.arrays[i]
    if (varying := call.plan.varying.get(i)) is not None:
        good = fitting(varying, call.plan.parameters, arrays[i], call.sequences)
        domain = domain_at(np.argwhere(~good)[0], good, varying, call)
    else:
        look = next(look for look in call.layout.kept.looks if look.argument == i)
        good = inside(domain, to_ends(domain, arrays[i], look.slack), look.limit)
        good = good | unseen[i] if i in unseen else good
    own = dict(zip(call.plan.signature.predicted, call.layout.shared, strict=True)).get(i)
    if own is not None:
        _refuse_shared(name, key, domain, values, good, own)
    values, good = (as_given(x, call.layout.places[i]) for x in (values, good))
    merge = call.layout.merges[i]
    if merge is not None:
        values, good = (merge.undone(np, x) for x in (values, good))
    _refuse(name, key, domain, values, good)


def _refuse_shared(
    name: str, key: str, domain: Domain, values: Array, good: Array, own: tuple[int, ...]
) -> NoReturn:
    """Find the first value outside the domain in a broadcast array, and report its own index."""
    if values.ndim < len(own):  # one number, which stayed one
        values, good = values.reshape(own), good.reshape(own)
    lead = values.ndim - len(own)
    axes = (*range(lead), *(lead + i for i, size in enumerate(own) if size == 1))
    first = tuple(slice(0, 1) if i in axes else slice(None) for i in range(values.ndim))
    good = good.all(axis=axes, keepdims=True)[(0,) * lead]
    _refuse(name, key, domain, values[first][(0,) * lead], good)


def _refuse(loss: str, argument: str, domain: Domain, values: Array, good: Array) -> NoReturn:
    """Raise the error of a NumPy array with a value outside its domain."""
    index = tuple(int(i) for i in np.argwhere(~good)[0])
    bad = values[index].item()
    where = f"{argument}[{', '.join(map(str, index))}]" if index else argument
    near = f": {_outside(domain, bad):.2g} outside is more than rounding"
    hint = f" ({domain.hint})" if domain.hint else ""
    raise ValueError(
        f"{loss}: {argument} must hold {domain.description}, but {where} is {bad!r}"
        f"{near if 0 < _outside(domain, bad) < _NEAR else ''}{hint}"
    )


_NEAR = 0.01
"""A value that is outside by less may look like one that is rounded."""


def _outside(domain: Domain, value: float) -> float:
    """Return how far a value is beyond a bound that belongs to a domain, 0 if it is not."""
    low, high = domain.ends
    return max(0.0 if low is None else low - value, 0.0 if high is None else value - high, 0.0)
