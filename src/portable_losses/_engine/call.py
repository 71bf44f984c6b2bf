"""A call: the arrays of a plan, with shapes that agree, and what can be computed from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from .._backends import NUMBER, Backend
from .._numerics.standard import device_of, known
from ..typing import Array, Domain
from .formulas import Formulas, Orders
from .plan import Plan
from .shapes import Merge, check_agreement, check_broadcast, check_indices, merged, spread


@dataclass(slots=True)
class Call:
    """A call that has passed its checks. The arrays are as they came, but with core axes last."""

    plan: Plan
    backend: Backend
    arrays: list[Array]
    loop: tuple[int, ...]
    """The shape of the loop axes; None or NaN where a lazy library does not know a size."""
    sizes: Mapping[str, int]
    """The size of each core dimension."""
    shared: list[tuple[int, ...] | None]
    """For each prediction the shape that it came in, if it was broadcast to the loop axes."""
    merges: list[Merge | None]
    """How the axes of each argument became one for each core dimension, if there were more."""
    places: list[tuple[int, ...]]
    """Where the core axes of each argument were, once each dimension had one."""
    sequences: Mapping[str, Array]
    """The parameters that are arrays, with a number for each entry of the last loop axis."""
    weights: Array | None = None
    where: Array | None = None
    class_weights: Array | None = None
    checked: bool = False
    """Whether the values of the arrays are checked."""
    request: Any = None
    """The request that the call was bound by."""
    inner: bool = False
    """Whether this is the formula alone, for a part of the arrays of another call."""

    @property
    def formulas(self) -> Formulas:
        """The formulas of the loss."""
        return self.plan.formulas

    @property
    def finish(self) -> Callable[..., tuple[Array, Array]] | None:
        """The function of the reduced loss, if there is one."""
        return None if self.inner else self.formulas.finish

    @property
    def reduction(self) -> str:
        """How losses are reduced."""
        return "none" if self.inner else self.plan.reduction

    @property
    def axis(self) -> tuple[int, ...] | None:
        """The loop axes to reduce, None for all."""
        return None if self.inner else self.plan.axis

    @property
    def ignore_index(self) -> int | None:
        """The label of rows to leave out."""
        return None if self.inner else self.plan.ignore_index

    @property
    def weighted(self) -> bool:
        """Whether losses have weights, or some are left out."""
        given = (self.weights, self.where, self.class_weights, self.ignore_index)
        return any(x is not None for x in given)

    @property
    def pulls(self) -> bool:
        """Whether rows share predictions, whose gradient is a sum over the rows."""
        return self.plan.signature.pulls

    @property
    def entries(self) -> int:
        """How many numbers make one loss: those of its row, or of the arrays that rows share.

        A formula that takes steps has, at each, as many as all other dimensions.
        """
        signature = self.plan.signature
        if steps := signature.steps:
            others = sum(size for core, size in self.sizes.items() if core != steps)
            return self.sizes[steps] * others
        rows = (signature.core, *signature.shared) if self.plan.core else ()
        return max([1, *(prod([self.sizes.get(core, 1) for core in cores]) for cores in rows)])

    def limit(self, domain: Domain) -> int | None:
        """Return how many integers a domain of labels or lengths has, None if it has no end."""
        return self.sizes[domain.counted] + 1 if domain.counted else self.sizes.get("class")

    def compute(
        self, orders: Orders, head: Any, arrays: Sequence[Array], sequences: Mapping[str, Array]
    ) -> list[Any]:
        """Evaluate the formulas on arrays of the dtype of the evaluation."""
        parameters = {**self.plan.parameters, **sequences}
        return self.formulas.compute(self.backend, orders, head, self.complete(arrays), parameters)

    def pulled(
        self, share: Array, arrays: Sequence[Array], sequences: Mapping[str, Array]
    ) -> tuple[Array, tuple[Array, ...]]:
        """Evaluate the losses, and the gradients of their sum, each times its share."""
        parameters = {**self.plan.parameters, **sequences}
        return self.formulas.pulled(
            self.backend, self.plan.head, share, self.complete(arrays), parameters
        )

    def complete(self, arrays: Sequence[Array]) -> Sequence[Array | None]:
        """Return all arguments of a formula: None for those that are missing."""
        names, every = self.plan.signature.arguments, self.formulas.signature.arguments
        if len(names) == len(every):
            return arrays
        given = dict(zip(names, arrays, strict=True))
        return [given.get(name) for name in every]

    @classmethod
    def alone(cls, plan: Plan, arrays: list[Array], sequences: Mapping[str, Array]) -> "Call":
        """Return the call of the formula alone, for a part of the arrays of another call."""
        shapes = zip(plan.cores, arrays, strict=True)
        sizes = {
            core: size
            for cores, x in shapes
            for core, size in zip(cores, x.shape[x.ndim - len(cores) :], strict=True)
        }
        return cls(
            plan=plan,
            backend=plan.backend,
            arrays=arrays,
            loop=tuple(arrays[0].shape[: arrays[0].ndim - plan.core]),
            sizes=sizes,
            shared=[None] * len(plan.results),
            merges=[None] * len(arrays),
            places=[tuple(range(-len(cores), 0)) for cores in plan.cores],
            sequences=sequences,
            inner=True,
        )


def bind(plan: Plan, arguments: Sequence[Any], extras: Mapping[str, Any]) -> Call:
    """Check the shapes of a call, and bring its arrays into the order that formulas expect."""
    signature, backend, xp = plan.signature, plan.backend, plan.backend.xp
    given = [x for x in arguments if x is not None] if signature.optional else arguments
    arrays = list(given)
    merges: list[Merge | None] = [None] * len(arrays)
    places = [slot.place for slot in plan.slots]
    merged_sizes: dict[str, tuple[int, ...]] = {}
    for i, slot in enumerate(plan.slots):
        if slot.extended:
            arrays[i] = arrays[i][..., None]
        if slot.moved:
            arrays[i] = xp.moveaxis(arrays[i], slot.place, tuple(range(-len(slot.place), 0)))
        if slot.several:
            arrays[i], merges[i] = merged(
                signature,
                i,
                plan.cores[i],
                xp,
                arrays[i],
                slot.place,
                plan.options,
                merged_sizes,
                given,
            )
            places[i] = tuple(range(arrays[i].ndim - slot.cores, arrays[i].ndim))
    sharing = [slot.shared for slot in plan.slots]
    loop, sizes = check_agreement(signature, plan.way, arrays, sharing, places, given)
    if signature.indices:
        check_indices(signature, plan.parameters, sizes)
    shared: list[tuple[int, ...] | None] = []
    for i in signature.predicted:
        shape = () if plan.slots[i].number else tuple(arrays[i].shape)
        apart = (plan.slots[i].shared or plan.slots[i].number) and shape != loop
        shared.append(shape if apart else None)
    pred = arrays[0]
    for i, slot in enumerate(plan.slots):
        if slot.number:
            arrays[i] = _filled(plan, i, arrays[i], pred, loop)
        elif slot.shared:
            arrays[i] = spread(xp, arrays[i], pred, loop)
    call = Call(plan, backend, arrays, loop, sizes, shared, merges, places, {})
    if plan.sequences:
        call.sequences = {
            key: _along_last(signature.name, key, value, backend, pred)
            for key, value in plan.sequences.items()
        }
    for key, value in extras.items():
        if value is not None:
            setattr(call, key, _modifier(call, key, value, pred))
    return call


def _filled(plan: Plan, i: int, number: Any, pred: Array, loop: tuple[int, ...]) -> Array:
    """Make an array of a number, of the loop shape, as every argument without core axes is."""
    xp = plan.backend.xp
    dtype = xp.default_dtype(pred, "indexing") if plan.domains[i].integer else plan.dtype
    if all(map(known, loop)) and not hasattr(number, "shape"):
        return xp.broadcast_to(xp.scalar(number, dtype, pred), loop)
    return xp.full_like(pred[(..., *(0,) * plan.core)], number, dtype=dtype)


def _along_last(
    name: str, key: str, numbers: tuple[float, ...], backend: Backend, pred: Array
) -> Array:
    """Make an array of a sequence of parameters, one for each entry of the last axis.

    It has the digits of Python's numbers where the device has them: 1 - 0.999 loses three of those
    of float32.
    """
    if pred.ndim == 0 or (known(pred.shape[-1]) and pred.shape[-1] != len(numbers)):
        raise ValueError(
            f"{name}: {key} holds {len(numbers)} numbers, one for each entry of the last axis of "
            f"the predictions, whose shape is {tuple(pred.shape)}"
        )
    xp = backend.xp
    return xp.asarray(numbers, dtype=xp.wide_dtype(pred), device=device_of(pred))


def _modifier(call: Call, key: str, given: Any, pred: Array) -> Array:
    """Check the shape of weights, a mask or class weights; a number becomes an array."""
    name, xp = call.plan.signature.name, call.backend.xp
    if key == "class_weights":
        classes = call.sizes.get("class")
        shape = () if isinstance(given, NUMBER) else tuple(given.shape)
        if shape != (classes,):
            raise ValueError(
                f"{name}: class_weights needs one weight for each of the {classes} classes, "
                f"shape ({classes},); its shape is {shape}"
            )
        return given
    if isinstance(given, NUMBER):
        if given < 0:
            raise ValueError(f"{name}: weights must not be negative, but weights is {given!r}")
        return xp.scalar(given, xp.bool if key == "where" else call.plan.dtype, pred)
    check_broadcast(name, key, given, call.loop)
    return given
