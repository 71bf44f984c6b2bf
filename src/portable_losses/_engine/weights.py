"""Weights, masks and labels, with the same rules for a block and for the whole."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from ..typing import Array, Domain
from .call import Call


class Part(NamedTuple):
    """Arrays as a formula takes them: of one dtype, with values inside their domains."""

    arrays: list[Array]
    weight: Array | None
    """The weight of each loss, 0 if it is left out; None if all weights are 1."""
    doubt: Array | None
    """NaN for each loss whose label is out of range, 0 for the others; None if all are in range."""


def read_part(
    call: Call,
    raw: Sequence[Array],
    weights: Array | None,
    where: Array | None,
    parameters: Mapping[str, Array],
) -> Part:
    """Prepare the arrays of a call, or a part of them, with the parameters that are arrays."""
    plan = call.plan
    arrays = converted(call, raw) if plan.converts else list(raw)
    weight = None
    if plan.absent:
        arrays = without_entries(call, arrays)
    if call.layout.weighted:
        weight = weigh(call, arrays[call.plan.signature.target], weights, where)
        arrays = without_left_out(call, arrays, weight)
    if call.checked and (plan.limited or plan.varying or weight is not None):
        unseen = _unseen(call, arrays) if plan.ending else {}
        fault = call.backend.fault(call, arrays, weights, where, unseen, parameters)
        if fault:
            _refuse(call, fault)
        if unseen.keys().isdisjoint(plan.integers):
            return Part(arrays, weight, None)
    if not plan.integers or call.backend.labels_inside(call, arrays):
        return Part(arrays, weight, None)
    arrays, stray = with_labels_inside(call, arrays)
    if stray is None:
        return Part(arrays, weight, None)
    xp = call.backend.xp
    return Part(arrays, weight, xp.nan_where(stray, call.plan.dtype))


def _refuse(call: Call, fault: str) -> NoReturn:
    """Let the backend find the value outside its domain in the whole argument."""
    arrays = converted(call, call.arrays)
    if call.plan.absent:
        arrays = without_entries(call, arrays)
    weight = weigh(call, arrays[call.plan.signature.target], call.weights, call.where)
    arrays = without_left_out(call, arrays, weight)
    call.backend.refuse(call, fault, arrays, _unseen(call, arrays))


def _unseen(call: Call, arrays: Sequence[Array]) -> dict[int, Array]:
    """Return for each argument with lengths which of its entries lie beyond them."""
    found = {i: beyond(call, i, arrays) for i in call.plan.ending}
    return {i: entries for i, entries in found.items() if entries is not None}


def converted(call: Call, raw: Sequence[Array]) -> list[Array]:
    """Convert arrays to the dtype of the evaluation, and labels to that of indices."""
    cast = call.backend.xp.cast
    dtypes = zip(raw, call.plan.dtypes, strict=True)
    return [x if dtype is None else cast(x, dtype) for x, dtype in dtypes]


def target_weight(
    call: Call, target: Array, weights: Array | None, where: Array | None
) -> Array | None:
    """Return the weight of each loss from the target as it was given."""
    xp, domain = call.backend.xp, call.plan.domains[call.plan.signature.target]
    dtype = xp.default_dtype(target, "indexing") if domain.integer else call.plan.dtype
    return weigh(call, xp.cast(target, dtype), weights, where)


def weigh(call: Call, target: Array, weights: Array | None, where: Array | None) -> Array | None:
    """Return the weight of each loss, 0 if it is left out; None if all weights are 1."""
    xp, dtype = call.backend.xp, call.plan.dtype
    if call.plan.ignore_index is not None:
        kept = target != call.plan.ignore_index
        where = kept if where is None else where & kept
    weight = None if weights is None else xp.cast(weights, dtype)
    if call.class_weights is not None:
        of_class = _class_weight(call, target)
        weight = of_class if weight is None else weight * of_class
    if where is None:
        return weight
    if weight is None:
        return xp.astype(where, dtype)
    return xp.where(where, weight, xp.zeros_like(weight))


def _class_weight(call: Call, target: Array) -> Array:
    xp, domain = call.backend.xp, call.plan.domains[call.plan.signature.target]
    class_weights = xp.cast(call.class_weights, call.plan.dtype)
    if not domain.labels:
        return xp.sum(target * class_weights, axis=-1)
    label = within(call, domain, target)
    rows = xp.broadcast_to(class_weights, (*label.shape, class_weights.shape[0]))
    return xp.pick(rows, label, -1)


def strayed(call: Call, domain: Domain, values: Array) -> Array:
    """Return which labels or lengths are out of range."""
    stray = values != within(call, domain, values)
    return stray if domain.excluded is None else stray | (values == domain.excluded)


def within(call: Call, domain: Domain, values: Array) -> Array:
    """Return labels or lengths, with the nearest valid one in place of one out of range."""
    limit = call.layout.limit(domain)
    assert limit is not None
    return call.backend.xp.clip(values, 0, limit - 1)


def beyond(call: Call, i: int, arrays: Sequence[Array]) -> Array | None:
    """Return which entries of an array lie beyond the lengths in another argument.

    The result is None if the array has no such lengths.
    """
    until, arguments = call.plan.domains[i].until, call.plan.signature.arguments
    if until not in arguments:
        return None
    cores = len(call.layout.places[i])
    length = arrays[arguments.index(until)][(..., *(None,) * cores)]
    return call.backend.xp.places(arrays[i], -cores) >= length


def without_left_out(call: Call, arrays: list[Array], weight: Array | None) -> list[Array]:
    """Put a valid value where a loss is left out by a mask, a label or weight 0.

    Multiplying the loss by 0 is not enough: 0 * inf and 0 * NaN are NaN, in the value and in the
    derivative.
    """
    if weight is None:
        return arrays
    xp = call.backend.xp
    keep = weight != 0
    if call.backend.is_all(keep):
        return arrays
    kept = []
    for i, (x, domain, place) in enumerate(
        zip(arrays, call.plan.domains, call.layout.places, strict=True)
    ):
        if i in call.plan.signature.common:
            kept.append(x)
            continue
        safe = int(domain.safe) if domain.integer else domain.safe
        kept.append(xp.where(keep[(..., *(None,) * len(place))], x, xp.full_like(x, safe)))
    return kept


def without_entries(call: Call, arrays: list[Array]) -> list[Array]:
    """Replace the entries of rows that a mask leaves out.

    A label is left out if none of its classes is kept.
    """
    plan, xp = call.plan, call.backend.xp
    keep, replaced = arrays[plan.mask] != 0, list(arrays)
    whole = plan.cores[0]
    for i, number in plan.absent.items():
        lacking = tuple(k - len(whole) for k, core in enumerate(whole) if core not in plan.cores[i])
        kept = xp.any(keep, axis=lacking) if lacking else keep
        replaced[i] = xp.where(kept, arrays[i], xp.full_like(arrays[i], number))
    return replaced


def with_labels_inside(call: Call, arrays: list[Array]) -> tuple[list[Array], Array | None]:
    """Replace labels out of range by the nearest valid label, and return where they were.

    Otherwise, depending on the library, such a label raises an error, wraps around, is clamped, or
    reads other memory. Lengths are treated in the same way. Labels beyond a length are ignored.
    """
    stray = None
    inside = list(arrays)
    xp = call.backend.xp
    for i in call.plan.integers:
        domain = call.plan.domains[i]
        if call.layout.limit(domain) is None:
            continue
        outside = strayed(call, domain, arrays[i])
        inside[i] = within(call, domain, arrays[i])
        unseen = beyond(call, i, arrays)
        if unseen is not None:
            outside = outside & ~unseen
        if cores := len(call.layout.places[i]):
            outside = xp.any(outside, axis=tuple(range(-cores, 0)))
        stray = outside if stray is None else stray | outside
    return inside, stray


def check_kind_of_class_weights(name: str, given: Any) -> None:
    """Refuse weights by name, as scikit-learn and Keras take them."""
    if not isinstance(given, (dict, str)):
        return
    cure = "pass a list with the weight of each class, in the order of the classes"
    if given == "balanced":
        cure = "pass `len(y) / (K * np.bincount(y, minlength=K))` for labels y of K classes"
    raise TypeError(f"{name}: class_weights must be an array, got {given!r}; {cure}")
