"""The path of a call: read the arguments, find or make the plan, and let the backend evaluate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from .._backends import NUMBER, Backend, backend_of, default, validating
from .._numerics.standard import device_of
from ..typing import Array
from . import pieces, reduction, weights
from .call import Call
from .classes import check_weights, rearranged, restored
from .cures import spelled
from .entries import kept_rows, with_mask
from .formulas import Formulas, Orders
from .given import belongs_to_none, by_name, constant_like, read_given
from .labelled import Role, check_labels, labelled, roles
from .layout import Layout, lay_out
from .out import check_out, keep
from .plan import Inner, Plan, check_kinds, make_plan

_MOST = 64
"""The number of plans, and of layouts, that a loss keeps. It limits the memory if parameters or
shapes change with every call."""


@dataclass(slots=True)
class Request:
    """The request to a backend to evaluate a loss, with the parts of the engine that it needs."""

    plan: Plan
    orders: Orders
    arrays: Sequence[Any]
    """The arguments as given: None for a missing one, and Python numbers unchanged."""
    extras: Mapping[str, Any]
    """The options that are arrays."""
    settings: Mapping[str, Any]
    """The other options, and the parameters."""
    checked: bool = True
    """Whether the values of the arrays may be checked."""
    layout: Layout | None = None
    """The checked shapes, if they are known."""
    sums: Sequence[Array] | None = None
    """The sums that the formula takes of the whole rows, if the arrays are pieces of rows."""
    out: Sequence[Array] | None = None
    """The arrays for the gradients, or that for the losses, if they are given."""
    weighed: bool = False
    """Whether the weights were checked as they were given: these are products of them."""

    def bind(self, checked: bool = False, *, rescaled: bool = False) -> Call:
        """Check the shapes, and the values of the arrays if the backend wants it."""
        call = Call(self.laid_out(), self.arrays, self.extras, checked and self.checked, rescaled)
        call.request = self
        return call

    def laid_out(self) -> Layout:
        """Check the shapes."""
        return self.layout or lay_out(self.plan, self.arrays, self.extras)

    def named(self) -> dict[str, Any]:
        """Return the arguments that are not missing, and the options that are arrays, by name."""
        names, given = self.plan.signature.arguments, self.plan.present(self.arrays)
        return {**dict(zip(names, given, strict=True)), **self.extras}

    def roles(self, key: str) -> list[Role]:
        """Return the role of each axis of an argument, or of an option that is an array."""
        return roles(self.plan, key, self.named()[key].ndim)

    @property
    def demanded(self) -> bool:
        """Whether the values are to be checked on every library."""
        return self.checked and validating() is True

    def piece(self, backend: Backend, *, parts: bool, dtype: Any, results: list[Any]) -> "Piece":
        """Return what evaluates the loss on parts of the arrays, on another backend.

        If `parts` is True it returns two sums in place of the value.
        """
        plan = replace(
            self.plan,
            backend=backend,
            reduction=Inner.PARTS if parts else self.plan.reduction,
            dtype=dtype,
            results=results,
            compiled={},
            proved={},
        )
        return Piece(plan)

    def whole(self, call: Call) -> list[Any]:
        """Evaluate a call at once."""
        known = None if self.sums is None else partial(pieces.from_sums, sums=self.sums)
        return reduction.whole(call, self.orders, known)

    def taken(self) -> list[Array]:
        """Return the next sums that the formula takes of the arrays, which are pieces of rows."""
        call = self.bind()
        part = weights.read_part(call, call.arrays, call.weights, call.where, call.sequences)
        return pieces.sums_taken(call, part, call.sequences, self.sums or ()).sums

    def again(self, arrays: Sequence[Any]) -> list[Any]:
        """Evaluate the same loss on other arrays, whose values are not checked."""
        settings = {**self.settings, **self.extras}
        return evaluate(self.plan.formulas, self.orders, arrays, settings, checked=False)

    def lent(self, orders: Orders, arrays: Sequence[Any], extras: Mapping[str, Any]) -> "Request":
        """Return the request for the same arrays, lent to a library that does not check them."""
        return request_of(self.plan.formulas, orders, arrays, extras, self.settings, False)

    def with_arrays(
        self,
        arrays: Sequence[Any],
        extras: Mapping[str, Any],
        sums: Sequence[Array] | None = None,
    ) -> "Request":
        """Return the same request for other arrays of the same plan."""
        return replace(self, arrays=arrays, extras=extras, sums=sums)

    def without_arrays(self) -> "Request":
        """Return the request without arrays, to be kept."""
        return replace(self, arrays=(), extras={}, sums=None)

    # A backend that evaluates in blocks needs these.
    losses_and_gradients = staticmethod(reduction.losses_and_gradients)
    read_part = staticmethod(weights.read_part)
    sums_taken = staticmethod(pieces.sums_taken)
    from_sums = staticmethod(pieces.from_sums)
    with_next = staticmethod(pieces.with_next)
    one_entry = staticmethod(pieces.one_entry)
    cut = staticmethod(pieces.cut)
    target_weight = staticmethod(weights.target_weight)


@dataclass(frozen=True, slots=True)
class Piece:
    """A loss for parts of the arrays of a call, as on a worker: it can be pickled."""

    plan: Plan

    @property
    def name(self) -> str:
        """The name of the loss."""
        return self.plan.formulas.name

    def __call__(
        self,
        orders: Orders,
        given: Mapping[str, Any],
        checked: bool,
        sums: Sequence[Array] | None = None,
    ) -> list[Any]:
        """Evaluate a part: for each order the reduced value, or a list of gradients.

        If the arrays are pieces of rows, `sums` are those of the whole rows. Of whole rows with a
        mask of their entries, that of the rows may be missing.
        """
        return self.plan.backend.evaluate(self._request(orders, given, checked, sums))

    def sums(
        self, given: Mapping[str, Any], checked: bool, known: Sequence[Array] | None = None
    ) -> list[Array]:
        """Return the next sums that the formula takes of pieces of rows."""
        found: list[Array] = default.sums(self._request((0,), given, checked, known))
        return found

    rounds = staticmethod(pieces.rounds)
    with_next = staticmethod(pieces.with_next)

    def _request(
        self,
        orders: Orders,
        given: Mapping[str, Any],
        checked: bool,
        sums: Sequence[Array] | None = None,
    ) -> Request:
        names = self.plan.signature.arguments
        arrays = [given[name] for name in names]
        extras = {key: x for key, x in given.items() if key not in names}
        if self.plan.absent and "where" not in extras:
            extras["where"] = kept_rows(self.plan, arrays[self.plan.mask])
        layout = lay_out(self.plan, arrays, extras)
        return Request(self.plan, orders, arrays, extras, {}, checked, layout, sums)


def evaluate(
    formulas: Formulas,
    orders: Orders,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    *,
    checked: bool = True,
    out: Any = None,
) -> list[Any]:
    """Evaluate a loss: for each order the reduced value, or a list of gradients.

    The gradients are written into `out`, if it is given; or the losses, if there is no gradient.
    """
    names = formulas.signature.arguments
    if formulas.signature.optional or len(arguments) < len(names):
        arguments, options = by_name(formulas, arguments, options)
    if type(arguments[0] if arguments else None) not in default.own_types:
        constant = constant_like(formulas, arguments) if out is None else None
        if constant is not None:
            return _of_constant(formulas, orders, [constant, *arguments[1:]], options)
    request, arguments, place = requested(formulas, orders, arguments, options, checked=checked)
    backend, read = request.plan.backend, request.arrays is not arguments
    if 2 in orders:
        check_second(formulas)
    if out is not None:
        layout = request.laid_out()
        request.out = check_out(request.plan, layout, orders, request.named(), out, place)
    results = backend.evaluate(request)
    if request.out is not None:
        keep(results, orders, request.out)
    if place is not None:
        results = restored(backend.xp, results, place)
    if not read:
        return results
    return labelled(request.plan, arguments, orders, results, place in (None, -1))


def requested(
    formulas: Formulas,
    orders: Orders,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    *,
    checked: bool = True,
) -> tuple[Request, Sequence[Any], int | None]:
    """Read the arguments of a call and check them.

    The result has the request, the arguments with their labels, and where the class axis was if
    each class has become a row of its own.
    """
    names = formulas.signature.arguments
    arrays, extras, settings = read_given(formulas, arguments, options)
    place, ahead = None, extras
    if options and (formulas.signature.axisless or formulas.signature.averaged):
        arrays, extras, settings, place = rearranged(formulas.signature, arrays, extras, settings)
    if "where" in extras and formulas.signature.masks_entries:
        arguments, arrays, extras = with_mask(formulas, arguments, arrays, extras, settings)
    try:
        request = request_of(formulas, orders, arrays, extras, settings, checked)
    except (TypeError, ValueError) as error:
        given = dict(zip(names, arguments, strict=False)) | dict(options)
        read = {key: x for key, x in given.items() if belongs_to_none(x)}
        if not read or type(error) not in (TypeError, ValueError):
            raise
        raise type(error)(spelled(str(error), read)) from None
    if arrays is not arguments:  # some were read, or have labels
        check_labels(request.plan, arguments, options if place in (None, -1) else {})
    backend = request.plan.backend
    if checked and formulas.signature.averaged and place is not None:
        check_weights(request.plan, ahead, place)
        request.weighed = True
    if checked and backend is not default and backend.keeps_plans() and validating():
        _look(request)
    return request, arguments, place


def _look(request: Request) -> None:
    """Let NumPy check the values of arrays of another library, if it can view all of them."""
    backend = request.plan.backend

    def view(x: Any) -> Any:
        return x if x is None or isinstance(x, NUMBER) else backend.view(x)

    arrays = [view(x) for x in request.arrays]
    extras = {key: view(x) for key, x in request.extras.items()}
    seen = [*zip(request.arrays, arrays, strict=True)]
    seen += [(x, extras[key]) for key, x in request.extras.items()]
    if all(x is None or found is not None for x, found in seen):
        formulas, settings = request.plan.formulas, request.settings
        default.look(request_of(formulas, (0,), arrays, extras, settings, True))


def _of_constant(
    formulas: Formulas, orders: Orders, arguments: Sequence[Any], options: Mapping[str, Any]
) -> list[Any]:
    """Evaluate a loss of a constant prediction: its derivatives are sums over all losses."""
    results = evaluate(formulas, orders, arguments, options)
    for order, result in zip(orders, results, strict=True):
        if order:
            xp = backend_of(result[0]).xp  # type: ignore[union-attr]
            result[0] = xp.sum(result[0])
    return results


def request_of(
    formulas: Formulas,
    orders: Orders,
    arrays: Sequence[Any],
    extras: Mapping[str, Any],
    settings: Mapping[str, Any],
    checked: bool,
) -> Request:
    """Return the request of a call, with its plan and layout from those that are kept or new."""
    own, key, layout = default.own_types, None, None
    if type(arrays[0]) in own:
        marks = [(x.dtype, x.shape) if type(x) in own else _mark(x) for x in arrays]
        for name, x in extras.items():
            marks += (name, getattr(x, "shape", ()), _mark(x))
        try:
            key = _key(marks, settings)
            layout = formulas.layouts.get(key)
        except TypeError:  # a setting that has no hash
            key = None
    if layout is not None:
        return Request(layout.plan, orders, arrays, extras, settings, checked, layout)
    plan = _plan(formulas, arrays, extras, settings)
    if key is not None:
        layout = lay_out(plan, arrays, extras)
        _keep(formulas.layouts, key, layout)
    return Request(plan, orders, arrays, extras, settings, checked, layout)


def _plan(
    formulas: Formulas,
    arrays: Sequence[Any],
    extras: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Plan:
    """Return the plan of a call, from those that are kept or a new one."""
    backend = backend_of(arrays[0])
    if backend is None or not backend.keeps_plans():
        return _made(formulas, arrays, extras, settings)
    try:
        marks = [_mark(x) for x in arrays]
        for name, x in extras.items():
            marks += (name, _mark(x))
        key = _key(marks, settings)
        plan = formulas.plans.get(key)
    except TypeError:  # a setting, or a device, that has no hash
        return _made(formulas, arrays, extras, settings)
    if plan is None:
        plan = _made(formulas, arrays, extras, settings)
        _keep(formulas.plans, key, plan)
    return plan


def _made(
    formulas: Formulas,
    arrays: Sequence[Any],
    extras: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Plan:
    """Make a plan; if a call has several faults, report that of the shapes first."""
    plan = make_plan(formulas, arrays, settings, extras)
    lay_out(plan, arrays, extras)
    check_kinds(plan, arrays)
    return plan


def _key(marks: list[Any], settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the key of a plan or of a layout, from the properties of its arrays."""
    for name, value in settings.items():
        marks += (name, type(value), value)
    return tuple(marks)


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    """Keep a value; if there are many, drop the oldest."""
    if len(kept) >= _MOST:
        for oldest in list(kept)[:1]:  # of a copy: another thread may change it
            kept.pop(oldest, None)
    kept[key] = value


def _mark(x: Any) -> Any:
    """Return the properties of an argument on which a plan depends."""
    if x is None or isinstance(x, NUMBER):
        return type(x)
    return type(x), x.dtype, x.ndim, device_of(x)


def check_second(formulas: Formulas) -> None:
    """Raise an error if there is no second derivative."""
    if formulas.finish is not None:
        raise NotImplementedError(
            f"{formulas.name} is a function of the reduced loss: its second derivative is a "
            "matrix, and every entry depends on all predictions"
        )
    if formulas.signature.pulls:
        raise NotImplementedError(
            f"{formulas.name} has no second derivative: its predictions are shared by all rows"
        )
