"""The plan of a call: all that follows from libraries, dtypes, ranks and options, without shapes.

A loss keeps the plans of its last calls, so that the next similar call checks only its shapes.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from numbers import Integral
from typing import Any, NamedTuple, get_args

from .._backends import NUMBER, Backend, backend_of, default
from ..typing import Array, DependentDomain, Domain, PerLabel, Reduction
from .arrays import check_kind, check_number, check_real, floating, is_kind, one_library
from .formulas import Formulas
from .names import option_meant, reduction_meant
from .parameters import check_parameter
from .shapes import fitting_axes, loop_axes, number_of_axes, places_left, places_of, way_of
from .signature import KEEP, Signature

REDUCTIONS = get_args(Reduction)


class Inner(Enum):
    """A reduction that is no option of users."""

    PARTS = "parts of a mean"
    """Two sums, those of the weighted losses and of the weights: see `Partial`."""


class Slot(NamedTuple):
    """How an argument becomes an array of the loop axes with its core axes last."""

    number: bool
    """Whether it is a Python number."""
    shared: bool
    """Whether it is broadcast to the loop axes."""
    extended: bool
    """Whether it lacks the axis of a sequence of parameters."""
    place: tuple[int, ...]
    """Where its core axes are."""
    moved: bool
    """Whether they are not last."""
    several: bool
    """Whether a core dimension has several axes, which become one."""
    cores: int
    """How many core dimensions it has."""


@dataclass(slots=True)
class Plan:
    """The plan of a call."""

    formulas: Formulas
    signature: Signature
    """The signature of the given arrays; optional ones may be missing."""
    backend: Backend
    slots: tuple[Slot, ...]
    way: int
    loops: int
    """How many loop axes there are."""
    core: int
    """How many core dimensions the first argument has."""
    domains: tuple[Domain, ...]
    parameters: Mapping[str, Any]
    """With the defaults of those that are arrays."""
    arrays: tuple[str, ...]
    """The parameters that are arrays."""
    dtype: Any
    """The dtype that the formula is evaluated in."""
    results: list[Any]
    """The dtype of each prediction, as a result."""
    result: Any
    """The dtype of the loss."""
    reduction: str | Inner
    axis: tuple[int, ...] | None
    """The loop axes to reduce, None for all."""
    ignore_index: int | None
    options: Mapping[str, Any]
    proved: dict[tuple[int, ...], Callable[..., list[Any]]] = field(default_factory=dict)
    """What evaluates the formulas once they have been seen to be right, by the orders."""
    compiled: dict[Any, Any] = field(default_factory=dict)
    """The compiled functions of a library that has a compiler, by the orders that they evaluate."""
    cores: tuple[tuple[str, ...], ...] = ()
    """The core dimensions of each argument."""
    head: tuple[Any, ...] = ()
    """The position of the core axes for the formula, if they are last."""
    dtypes: list[Any] = field(default_factory=list)
    """The dtype that each argument is converted to, None for one that has it."""
    converts: bool = False
    """Whether any argument is converted."""
    limited: list[int] = field(default_factory=list)
    """The arguments whose values may lie outside their domains."""
    varying: dict[int, DependentDomain] = field(default_factory=dict)
    """The arguments whose domain varies with a parameter that is an array."""
    absent: dict[int, float] = field(default_factory=dict)
    """The arrays with entries that a mask may leave out: what replaces these."""
    slacks: dict[int, float] = field(default_factory=dict)
    """The arguments with bounds that are inside their domains: how far rounding may lead beyond."""
    integers: list[int] = field(default_factory=list)
    """The arguments that hold labels or lengths."""
    ending: list[int] = field(default_factory=list)
    """The arguments whose rows end at given lengths."""
    pulls: bool = False
    """Whether rows share predictions, whose gradient is a sum over the rows."""

    @property
    def mask(self) -> int:
        """The argument that is a mask of the entries of rows; there is one if any is absent."""
        return self.signature.arguments.index(KEEP)

    def present(self, arguments: Sequence[Any]) -> Sequence[Any]:
        """Return the arguments that are not missing."""
        if not self.formulas.signature.optional:
            return arguments
        return [x for x in arguments if x is not None]

    def complete(self, arrays: Sequence[Array]) -> Sequence[Array | None]:
        """Return all arguments of a formula: None for those that are missing."""
        names, every = self.signature.arguments, self.formulas.signature.arguments
        if names == every:
            return arrays
        given = dict(zip(names, arrays, strict=True))
        return [given.get(name) for name in every]

    def __post_init__(self) -> None:
        self.converts = any(dtype is not None for dtype in self.dtypes)


def _head(signature: Signature, core: int) -> tuple[Any, ...]:
    if not signature.core:
        return ()
    if core == 0:
        return (None,)
    return (-1,) if core == 1 else (tuple(range(-core, 0)),)


def make_plan(
    formulas: Formulas,
    arguments: Sequence[Any],
    given: Mapping[str, Any],
    extras: Mapping[str, Any],
) -> Plan:
    """Check everything about a call except shapes; `extras` are the options that are arrays."""
    signature = formulas.signature_of(arguments)
    arrays = [x for x in arguments if x is not None or not signature.optional]
    parameters, options = read_settings(signature, given, extras)
    name = signature.name
    found = dict(zip(signature.arguments, arrays, strict=True)) | dict(extras)
    backend = one_library(name, _backends(found))
    pred = arrays[0]
    if pred.ndim < min(len(way[0]) for way in signature.ways):
        axes, shape = ", ".join(signature.core), tuple(pred.shape)
        cure = fitting_axes(signature, arrays, options) if shape else ""
        raise ValueError(
            f"{name}: {signature.arguments[0]} needs the shape (..., {axes}), but its shape is "
            f"{shape}{cure}"
        )
    numbers = tuple(key for key in extras if key in signature.arrays)
    along = any(
        signature.parameters[key].sequence
        and PerLabel() not in signature.parameters[key].constraints
        and extras[key].ndim == 1
        for key in numbers
    )
    extended = [along and _lacks_last(signature, arrays, i) for i in range(len(arrays))]
    sharing = [_shares(signature, arrays, i) or extended[i] for i in range(len(arrays))]
    seen = [x[..., None] if longer else x for x, longer in zip(arrays, extended, strict=True)]
    way = way_of(signature, seen, sharing, options)
    slots = _slots(signature, way, seen, sharing, extended, options)
    core = len(signature.ways[way][0])
    dtypes = _dtypes(signature, backend, arrays)
    chosen = {**parameters, **{key: extras[key] for key in numbers}} if numbers else parameters
    domains = signature.domains_for(way, chosen)
    if options.get("ignore_index") is not None and not domains[signature.target].labels:
        raise ValueError(
            f"{name}: ignore_index goes with labels, but the target holds probabilities; "
            "leave rows out with `where`"
        )
    loops = pred.ndim - len(slots[0].place)
    _check_extras(name, backend, extras)
    classes = any("class" in cores for cores in signature.ways[way])
    if "class_weights" in extras and not classes:
        raise ValueError(
            f"{name}: class_weights needs a class axis, but the inputs have none; "
            "pass class_axis, or use weights"
        )
    return Plan(
        formulas=formulas,
        signature=signature,
        backend=backend,
        slots=slots,
        way=way,
        loops=loops,
        core=core,
        domains=domains,
        parameters=parameters,
        arrays=numbers,
        dtype=dtypes[0],
        results=dtypes[1],
        result=dtypes[2],
        reduction=options["reduction"],
        axis=loop_axes(name, options["axis"], loops, signature.ways[way][0]),
        ignore_index=options.get("ignore_index"),
        options=options,
        cores=signature.ways[way],
        head=_head(signature, core),
        pulls=signature.pulls,
        dtypes=[
            _converted_to(backend, x, d, dtypes[0]) for x, d in zip(arrays, domains, strict=True)
        ],
        varying={i: x for i, x in signature.dependent.items() if x.varies(chosen)},
        limited=[i for i, domain in enumerate(domains) if not domain.unbounded],
        absent=_absent(formulas, signature, way, chosen) if KEEP in signature.arguments else {},
        slacks={
            i: _slack(backend, arrays[i], dtypes[0])
            for i, domain in enumerate(domains)
            if domain.ends != (None, None)
        },
        integers=[i for i, domain in enumerate(domains) if domain.integer],
        ending=[i for i, domain in enumerate(domains) if domain.until],
    )


def _absent(
    formulas: Formulas, signature: Signature, way: int, parameters: Mapping[str, Any]
) -> dict[int, float]:
    """Return what replaces an entry that is left out, for each array that has entries of rows."""
    cores = dict(zip(signature.arguments, signature.ways[way], strict=True))
    numbers, rows = formulas.absent(cores, parameters), set(signature.ways[way][0])
    return {
        i: numbers[name]
        for i, (name, own) in enumerate(cores.items())
        if name != KEEP and own and set(own) <= rows
    }


def _slack(backend: Backend, x: Any, dtype: Any) -> float:
    """Return how far beyond a bound rounding may lead numbers of their dtype."""
    own = dtype if isinstance(x, NUMBER) or str(x.dtype) == "bfloat16" else x.dtype
    slack: float = backend.xp.slack(own if is_kind(backend, own, "real floating") else dtype)
    return slack


def check_kinds(plan: Plan, arguments: Sequence[Any]) -> None:
    """Refuse targets of a wrong kind: labels, lengths or real numbers, by their domains."""
    for i, x in enumerate(plan.present(arguments)):
        if plan.slots[i].number:
            check_number(plan.signature, i, x, plan.domains[i])
        elif i not in plan.signature.predicted:
            check_kind(plan.signature, i, plan.backend, x, plan.domains[i])


def _converted_to(backend: Backend, x: Any, domain: Domain, dtype: Any) -> Any:
    """Return the dtype to which an argument must be converted, None if it has that dtype."""
    if isinstance(x, NUMBER):
        return None
    wanted = backend.xp.default_dtype(x, "indexing") if domain.integer else dtype
    return None if x.dtype == wanted else wanted


def _backends(found: Mapping[str, Any]) -> dict[str, tuple[Backend, Array]]:
    """Return the backend of each argument that is an array."""
    pairs = {key: (backend_of(x), x) for key, x in found.items() if not isinstance(x, NUMBER)}
    return {key: (backend, x) for key, (backend, x) in pairs.items() if backend is not None}


def _slots(
    signature: Signature,
    way: int,
    arrays: Sequence[Any],
    sharing: Sequence[bool],
    extended: Sequence[bool],
    options: Mapping[str, Any],
) -> tuple[Slot, ...]:
    """Find the core axes of each argument, based on those of the first."""
    slots: list[Slot] = []
    first: tuple[int, ...] = ()
    for i, cores in enumerate(signature.ways[way]):
        array, number = arrays[i], isinstance(arrays[i], NUMBER)
        if i in signature.common:
            place = tuple(range(len(cores)))
        elif number:
            place = ()
        else:
            left = places_left(signature, way, i, first, options)
            place = left or places_of(signature, cores, array, options)
        first = place if i == 0 else first
        last = () if number else tuple(range(array.ndim - len(place), array.ndim))
        several = sum(number_of_axes(signature, core, options) for core in cores) > len(cores)
        slots.append(
            Slot(
                number=number,
                shared=sharing[i],
                extended=extended[i],
                place=place,
                moved=bool(place) and place != last,
                several=several and bool(place) and i not in signature.common,
                cores=len(cores),
            )
        )
    return tuple(slots)


def _shares(signature: Signature, arrays: Sequence[Any], i: int) -> bool:
    """Return whether an array broadcasts to the first."""
    if isinstance(arrays[i], NUMBER) or i == 0:
        return False
    return signature.domains[0][i].shared and i not in signature.common


def _lacks_last(signature: Signature, arrays: Sequence[Any], i: int) -> bool:
    """Return whether a target lacks the last axis, along which a sequence of parameters lies."""
    if isinstance(arrays[i], NUMBER) or i in signature.predicted:
        return False
    return bool(arrays[i].ndim == arrays[0].ndim - 1)


def _dtypes(signature: Signature, backend: Backend, arrays: Sequence[Any]) -> Any:
    """Return the dtype of the evaluation, those of the predictions, and that of the loss."""
    kinds = []
    for i in signature.predicted:
        array = arrays[0] if isinstance(arrays[i], NUMBER) else arrays[i]
        kinds.append(floating(signature.name, signature.arguments[i], backend, array))
    if len(kinds) == 1:
        dtype, result = kinds[0]
    else:
        dtype, result = (backend.xp.result_type(*each) for each in zip(*kinds, strict=True))
    return dtype, [each for _, each in kinds], result


def _check_extras(name: str, backend: Backend, extras: Mapping[str, Any]) -> None:
    """Check the dtypes of weights, masks and parameters."""
    for key, given in extras.items():
        if key != "where":
            if not isinstance(given, NUMBER):
                check_real(name, key, backend, given)
            continue
        if isinstance(given, NUMBER):
            if not default.is_bool(given):
                raise TypeError(
                    f"{name}: where must be a boolean array (True: keep), got {given!r}"
                )
        elif not is_kind(backend, given.dtype, "bool"):
            raise TypeError(
                f"{name}: where must be a boolean array (True: keep), its dtype is {given.dtype}: "
                "pass `where != 0`"
            )


def read_settings(
    signature: Signature, given: Mapping[str, Any], extras: Collection[str] = ()
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Check the parameters and options of a call; return both, with defaults for the others.

    `extras` are given as well, as arrays.
    """
    parameters, options = check_settings(signature, given)
    missing = signature.parameters.keys() - parameters.keys() - set(extras)
    if missing:
        raise TypeError(
            f"{signature.name}: the parameter {min(missing)} has no default and must be given"
        )
    return parameters, options


def check_settings(
    signature: Signature, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Check some parameters and options; return both, with defaults for the others."""
    options = dict(signature.options)
    parameters = signature.defaults
    name = signature.name
    for key, value in given.items():
        if key in signature.parameters:
            checked = check_parameter(name, signature.parameters[key], value)
            parameters = {**parameters, key: checked}
        elif key in options:
            options[key] = value
        else:
            hint = option_meant(signature, key)
            raise TypeError(f"{name} has no option {key!r}: {hint}")
    reduction = options["reduction"]
    if not isinstance(reduction, (str, Inner)) or reduction not in (*REDUCTIONS, *Inner):
        raise ValueError(
            f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
            f"{reduction_meant(reduction)}"
        )
    ignored = options.get("ignore_index")
    if ignored is not None and not isinstance(ignored, Integral):
        raise TypeError(f"{name}: ignore_index must be an integer label or None, got {ignored!r}")
    return parameters, options
