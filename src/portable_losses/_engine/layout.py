"""The layout of a call: its plan and its checked shapes, without its arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from .._backends import NUMBER
from .._numerics.standard import known
from ..typing import Array, Domain
from .arrays import python_number
from .plan import Inner, Plan
from .shapes import (
    MAY_BE_EMPTY,
    Merge,
    check_agreement,
    check_broadcast,
    check_indices,
    merged,
    spread,
)


@dataclass(slots=True)
class Layout:
    """The shapes of a call, and their consequences."""

    plan: Plan
    loop: tuple[int, ...]
    """The shape of the loop axes; None or NaN where a lazy library does not know a size."""
    sizes: Mapping[str, int]
    """The size of each core dimension."""
    shared: list[tuple[int, ...] | None]
    """For each prediction its given shape, if it was broadcast to the loop axes."""
    merges: list[Merge | None]
    """How the axes of each argument became one for each core dimension, if there were more."""
    places: list[tuple[int, ...]]
    """Where the core axes of each argument were, once each dimension had one."""
    weighted: bool = False
    """Whether losses have weights, or some are left out."""
    reduction: str | Inner = "none"
    axis: tuple[int, ...] | None = None
    """The loop axes to reduce, None for all."""
    finish: Callable[..., tuple[Array, Array]] | None = None
    """The registered function of the reduced loss, if there is one."""
    in_parts: bool = False
    """Whether the result is two sums, of the weighted losses and of the weights."""
    plain: bool = False
    """Whether a formula can take the arguments unchanged."""
    count: int | None = None
    """How many losses are reduced together, if that is known."""
    scalars: frozenset[int] = frozenset()
    """The arguments that are numbers and stay such: arrays without axes."""
    losses: int = 0
    """How many losses there are, if that is known."""
    void: bool = False
    """Whether the rows have no entries, so that there is no loss."""
    entries: int = 1
    """The number of inputs of one loss: those of its row, or of the arrays that rows share."""
    kept: Any = None
    """What the backend keeps for the next call with these shapes."""

    def limit(self, domain: Domain) -> int | None:
        """Return how many integers a domain of labels or lengths has, None if it has no end."""
        return self.sizes[domain.counted] + 1 if domain.counted else self.sizes.get("class")

    def arrange(self, arguments: Sequence[Any]) -> list[Array]:
        """Return the arrays with core axes last, numbers and shared arrays broadcast."""
        if self.plain:
            return list(arguments)
        plan, xp = self.plan, self.plan.backend.xp
        arrays, _ = _moved(plan, plan.present(arguments))
        pred = arrays[0]
        for i, slot in enumerate(plan.slots):
            if i in self.scalars and not slot.number:
                arrays[i] = xp.reshape(arrays[i], ())
            elif i in self.scalars:
                number = arrays[i]  # or an array without axes, where a compiler traces it
                number = python_number(number) if isinstance(number, NUMBER) else number
                dtype = plan.domains[i].integer and xp.default_dtype(pred, "indexing")
                arrays[i] = xp.scalar(number, dtype or plan.dtype, pred)
            elif slot.number:
                arrays[i] = _filled(plan, i, arrays[i], pred, self.loop)
            elif slot.shared:
                arrays[i] = spread(xp, arrays[i], pred, self.loop)
        return arrays


def lay_out(plan: Plan, arguments: Sequence[Any], extras: Mapping[str, Any]) -> Layout:
    """Check the shapes of a call."""
    signature = plan.signature
    given = plan.present(arguments)
    arrays, merges = _moved(plan, given)
    places = [
        tuple(range(x.ndim - slot.cores, x.ndim)) if slot.several else slot.place
        for slot, x in zip(plan.slots, arrays, strict=True)
    ]
    # A number is an array without axes where a compiler traces it.
    sharing = [slot.shared or slot.number for slot in plan.slots]
    loop, sizes = check_agreement(signature, plan.way, arrays, sharing, given)
    if signature.indices:
        check_indices(signature, plan.parameters, sizes)
    shared: list[tuple[int, ...] | None] = []
    for i in signature.predicted:
        shape = () if plan.slots[i].number else tuple(arrays[i].shape)
        apart = (plan.slots[i].shared or plan.slots[i].number) and shape != loop
        shared.append(shape if apart else None)
    for key, value in extras.items():
        if key == "class_weights":
            _check_class_weights(plan, value, sizes.get("class"))
        elif key in plan.arrays:
            _check_parameter(plan, key, value, loop)
        elif not isinstance(value, NUMBER):
            check_broadcast(plan.formulas.signature, key, value, loop)
    void = any(known(size) and not size for core, size in sizes.items() if core in MAY_BE_EMPTY)
    reduced = loop if plan.axis is None else [loop[i] for i in plan.axis]
    changed = [
        slot.number or slot.extended or slot.moved or (slot.shared and tuple(x.shape) != loop)
        for slot, x in zip(plan.slots, arrays, strict=True)
    ]
    return Layout(
        plan=plan,
        loop=loop,
        sizes=sizes,
        shared=shared,
        merges=merges,
        places=places,
        reduction=plan.reduction,
        axis=plan.axis,
        finish=None if plan.reduction is Inner.PARTS else plan.formulas.finish,
        in_parts=plan.reduction is Inner.PARTS,
        weighted=len(extras) > len(plan.arrays) or plan.ignore_index is not None,
        plain=not any(changed) and not any(merges) and len(arguments) == len(given),
        count=prod(reduced) if all(map(known, reduced)) else None,
        scalars=_scalars(plan, arrays, loop, extras),
        losses=prod(loop) if all(map(known, loop)) else 0,
        void=void,
        entries=_entries(plan, sizes),
    )


def _scalars(
    plan: Plan, arrays: Sequence[Any], loop: tuple[int, ...], extras: Mapping[str, Any]
) -> frozenset[int]:
    """Return the arguments that are one number, and stay one: its logarithm is computed once.

    A shared array of one number is one of them. Formulas of rows count axes.
    """
    if plan.core or any(extras[key].ndim for key in plan.arrays):
        return frozenset()
    return frozenset(
        i
        for i, (slot, x) in enumerate(zip(plan.slots, arrays, strict=True))
        if slot.number or (slot.shared and _is_one(x.shape) and tuple(x.shape) != loop)
    )


def _entries(plan: Plan, sizes: Mapping[str, int]) -> int:
    """Count the inputs of one loss.

    A formula that takes steps along a dimension needs at each only the product of the others.
    """
    signature = plan.signature
    if (steps := signature.steps) in sizes:
        return sizes[steps] * sum(size for core, size in sizes.items() if core != steps)
    rows = (signature.core, *signature.shared) if plan.core else ()
    return max([1, *(prod([sizes.get(core, 1) for core in cores]) for cores in rows)])


def _moved(plan: Plan, given: Sequence[Any]) -> tuple[list[Any], list[Merge | None]]:
    """Move core axes behind the loop axes, and merge those of one dimension."""
    xp = plan.backend.xp
    arrays = list(given)
    merges: list[Merge | None] = [None] * len(arrays)
    sizes: dict[str, tuple[int, ...]] = {}
    for i, slot in enumerate(plan.slots):
        if slot.extended:
            arrays[i] = arrays[i][..., None]
        if slot.moved:
            arrays[i] = xp.moveaxis(arrays[i], slot.place, tuple(range(-len(slot.place), 0)))
        if slot.several:
            arrays[i], merges[i] = merged(
                plan.signature,
                plan.way,
                i,
                xp,
                arrays[i],
                slot.place,
                plan.options,
                sizes,
                given,
            )
    return arrays, merges


def _is_one(shape: Sequence[Any]) -> bool:
    """Return whether an array holds one number. A size may be unknown."""
    return all(size == 1 for size in shape)


def _filled(plan: Plan, i: int, number: Any, pred: Array, loop: tuple[int, ...]) -> Array:
    """Make an array of the loop shape from a number."""
    xp = plan.backend.xp
    dtype = xp.default_dtype(pred, "indexing") if plan.domains[i].integer else plan.dtype
    if isinstance(number, NUMBER):
        number = python_number(number)
    if all(map(known, loop)) and not hasattr(number, "shape"):
        return xp.broadcast_to(xp.scalar(number, dtype, pred), loop)
    return xp.full_like(pred[(..., *(0,) * plan.core)], number, dtype=dtype)


def _check_parameter(plan: Plan, key: str, numbers: Array, loop: tuple[int, ...]) -> None:
    """Refuse a parameter that is an array where its numbers do not belong to losses."""
    name, shape = plan.signature.name, tuple(numbers.shape)
    along = len(shape) == 1 and plan.signature.parameters[key].sequence
    if _is_one(shape) and not along:
        return
    if plan.core:
        raise ValueError(
            f"{name}: {key} must be one number, which all rows share; its shape is {shape}"
        )
    if along:
        if not loop or (known(loop[-1]) and loop[-1] != shape[0]):
            raise ValueError(
                f"{name}: {key} holds {shape[0]} numbers, one for each entry of the last axis of "
                f"the predictions, whose shape is {loop}"
            )
        return
    check_broadcast(plan.signature, key, numbers, loop)


def _check_class_weights(plan: Plan, given: Any, classes: int | None) -> None:
    shape = () if isinstance(given, NUMBER) else tuple(given.shape)
    if shape != (classes,):
        flat = "; pass `class_weights.reshape(-1)`" if shape and prod(shape) == classes else ""
        raise ValueError(
            f"{plan.signature.name}: class_weights needs one weight for each of the {classes} "
            f"classes, shape ({classes},); its shape is {shape}{flat}"
        )
