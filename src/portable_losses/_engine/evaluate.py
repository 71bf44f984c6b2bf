"""The way of a call: arguments are read, its plan is found or made, and its backend evaluates it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._backends import NUMBER, Backend, backend_of, default
from .._numerics.standard import device_of
from ..typing import Array
from . import reduction, weights
from .arrays import read
from .call import Call, bind
from .formulas import Formulas, Orders
from .plan import Plan, make_plan

_MOST_PLANS = 64
"""So many plans a loss keeps: a parameter that changes with every call does not fill the memory."""

_MODIFIERS = ("weights", "where", "class_weights")
"""The options that are arrays."""


@dataclass(slots=True)
class Request:
    """What a backend is asked to evaluate, and the parts of the engine that it does so with."""

    plan: Plan
    orders: Orders
    arrays: Sequence[Any]
    """The arguments, as they came: None for a missing one, Python numbers as such."""
    extras: Mapping[str, Any]
    """The options that are arrays."""
    settings: Mapping[str, Any]
    """The other options, and the parameters."""
    checked: bool = True
    """Whether the values of the arrays may be checked."""
    bound: Call | None = None
    """The call, if shapes are known to fit."""

    def with_arrays(self, arrays: Sequence[Any], extras: Mapping[str, Any]) -> "Request":
        """Return the same request for other arrays of the same plan."""
        return replace(self, arrays=arrays, extras=extras)

    def without_arrays(self) -> "Request":
        """Return the request alone, for those who keep it."""
        return replace(self, arrays=(), extras={})

    def bind(self) -> Call:
        """Check the shapes."""
        if self.bound is not None:
            return self.bound
        call = bind(self.plan, self.arrays, self.extras)
        call.request = self
        return call

    def whole(self, call: Call) -> list[Any]:
        """Evaluate a call at once."""
        return reduction.whole(call, self.orders)

    def again(
        self, arrays: Sequence[Any], extras: Mapping[str, Any], orders: Orders | None = None
    ) -> list[Any]:
        """Evaluate the same loss on other arrays, whose values are not checked."""
        wanted = self.orders if orders is None else orders
        settings = {**self.settings, **extras}
        return evaluate(self.plan.formulas, wanted, arrays, settings, checked=False)

    def alone(self, backend: Backend, dtype: Any) -> "Alone":
        """Return the formula alone, without weights and reduction, for arrays of a backend."""
        number = len(self.plan.results)
        plan = replace(
            self.plan,
            backend=backend,
            dtype=dtype,
            result=dtype,
            results=[dtype] * number,
            sequences={},
            memory={},
        )
        return Alone(plan)

    # What a backend needs that evaluates in blocks.
    losses_and_gradients = staticmethod(reduction.losses_and_gradients)
    read_part = staticmethod(weights.read_part)
    target_weight = staticmethod(weights.target_weight)


@dataclass(frozen=True, slots=True)
class Alone:
    """A formula without weights and reduction, for parts of the arrays of a call."""

    plan: Plan

    def __call__(
        self, orders: Orders, arrays: list[Array], sequences: Mapping[str, Array]
    ) -> list[Any]:
        """Evaluate it: for each order the losses, or a list of derivatives."""
        call = Call.alone(self.plan, arrays, sequences)
        request = Request(self.plan, orders, arrays, {}, {}, checked=False, bound=call)
        return self.plan.backend.evaluate(request)


def evaluate(
    formulas: Formulas,
    orders: Orders,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    *,
    checked: bool = True,
) -> list[Any]:
    """Evaluate a loss: for each order the reduced value, or a list of gradients."""
    if formulas.signature.optional:
        arguments, options = _with_optional(formulas, arguments, options)
    _check_count(formulas, arguments)
    _check_orders(formulas, orders)
    arrays, extras, settings = _read(formulas, arguments, options)
    plan = _plan(formulas, arrays, settings, extras)
    return plan.backend.evaluate(Request(plan, orders, arrays, extras, settings, checked))


def _read(
    formulas: Formulas, arguments: Sequence[Any], options: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any], Mapping[str, Any]]:
    """Have arrays read that belong to no array library; set the options apart that are arrays."""
    name, names = formulas.name, formulas.signature.arguments
    arrays = list(arguments)
    for i, x in enumerate(arrays):
        if type(x) not in default.own_types and (i == 0 or not isinstance(x, NUMBER)):
            if x is not None or not formulas.signature.optional:
                arrays[i] = read(name, names[i], x)[1]
    if not options:
        return arrays, {}, options
    settings = dict(options)
    extras = {}
    for key in _MODIFIERS:
        if key in settings and key in formulas.signature.options:
            value = settings.pop(key)
            if value is not None:
                extras[key] = value if isinstance(value, NUMBER) else read(name, key, value)[1]
    return arrays, extras, settings


def _plan(
    formulas: Formulas,
    arrays: Sequence[Any],
    settings: Mapping[str, Any],
    extras: Mapping[str, Any],
) -> Plan:
    """Find the plan of a call among those that are kept, or make it."""
    backend = default if type(arrays[0]) in default.own_types else backend_of(arrays[0])
    assert backend is not None
    if not backend.keeps_plans():
        return make_plan(formulas, arrays, settings, extras)
    marks = [_mark(x) for x in arrays]
    for name, value in extras.items():
        marks += (name, _mark(value))
    for name, value in settings.items():
        marks += (name, type(value), value)
    try:
        key = tuple(marks)
        plan = formulas.plans.get(key)
    except TypeError:  # a setting, or a device, that has no hash
        return make_plan(formulas, arrays, settings, extras)
    if plan is None:
        plan = make_plan(formulas, arrays, settings, extras)
        if len(formulas.plans) >= _MOST_PLANS:
            formulas.plans.pop(next(iter(formulas.plans)), None)
        formulas.plans[key] = plan
    return plan


def _mark(x: Any) -> Any:
    """Return what a plan depends on of an argument."""
    kind = type(x)
    if kind in default.own_types:
        return x.dtype, x.ndim
    if x is None or isinstance(x, NUMBER):
        return kind
    return kind, x.dtype, x.ndim, device_of(x)


def _with_optional(
    formulas: Formulas, arrays: Sequence[Any], options: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Take optional arrays from where they were given, by position or by name."""
    names, optional = formulas.signature.arguments, formulas.signature.optional
    named = {key: value for key, value in options.items() if key in optional}
    given = dict(zip(names, arrays, strict=False))
    if twice := given.keys() & named.keys():
        raise TypeError(f"{formulas.name}: {min(twice)} was given twice, by position and by name")
    rest = {key: value for key, value in options.items() if key not in named}
    if not len(names) - len(optional) <= len(arrays) <= len(names):
        return arrays, rest  # which will be refused
    return [(given | named).get(name) for name in names], rest


def _check_count(formulas: Formulas, arguments: Sequence[Any]) -> None:
    """Refuse too few or too many arrays."""
    signature = formulas.signature
    if len(arguments) == len(signature.arguments):
        return
    required = [name for name in signature.arguments if name not in signature.optional]
    names = ", ".join(required)
    if optional := sorted(signature.optional):
        names += f"; optionally {', '.join(optional)}"
    raise TypeError(
        f"{formulas.name} takes {len(required)} arrays ({names}), got {len(arguments)}; "
        "everything else is passed by keyword"
    )


def _check_orders(formulas: Formulas, orders: Orders) -> None:
    """Refuse a second derivative where there is none."""
    if 2 not in orders:
        return
    if formulas.finish is not None:
        raise NotImplementedError(
            f"{formulas.name} is a function of the reduced loss: its second derivative is a "
            "matrix, and every entry depends on all predictions"
        )
    if formulas.signature.pulls:
        raise NotImplementedError(
            f"{formulas.name} has no second derivative: its predictions are shared by all rows"
        )
