"""Partial results of a mean, which add up: over batches, workers and chunks."""

from collections.abc import Mapping, Sequence
from copy import copy
from math import prod
from typing import Any

from .._backends import NUMBER, Backend, backend_of, default
from .._numerics.standard import device_of
from ..typing import Array, Namespace
from .arrays import floating, is_kind, promoted, read, visible
from .evaluate import evaluate
from .formulas import Formulas
from .given import by_name
from .plan import Inner
from .shapes import differ
from .signature import Signature
from .stored import evaluate_stored
from .stores import ghost, holds_stored

_OF_CLASSES = {"class_weights", "ignore_index"}
"""The options that parts must have in common, like parameters."""


class Partial:
    """The sums of a part of the data, from which the loss of all of it follows.

    Made by `Loss.partial`. Parts of the same loss add up, in any order: ``first + second``, or
    ``sum(parts)``. To merge over processes, add up the arrays in `sums`.

    Parameters
    ----------
    formulas : Formulas
        The formulas of the loss.
    parameters : mapping
        What must be the same in all parts: its parameters, and its options for classes.
    sums : sequence of array
        The sum of weight * loss, or one sum for each group; and the sum of the weights, of the same
        shape. Both are in float64 where the library has it.
    dtype : dtype
        The dtype of the loss.
    """

    _holds = "whole rows"

    def __init__(
        self,
        formulas: Formulas,
        parameters: Mapping[str, Any],
        sums: Sequence[Array],
        dtype: Any,
    ) -> None:
        self._formulas, self._parameters = formulas, dict(parameters)
        self.sums, self._dtype = tuple(sums), dtype
        backend = backend_of(self.sums[0])
        if backend is not None:
            backend.register_tree(type(self))

    @property
    def total(self) -> Array:
        """The sum of weight * loss."""
        return self.sums[0]

    @property
    def weight(self) -> Array:
        """The sum of the weights."""
        return self.sums[1]

    def value(self) -> Array:
        """Return the loss of all that was added up.

        Returns
        -------
        array
            The loss, or one for each group: NaN where there was nothing.
        """
        backend = self._backend

        def whole(xp: Namespace, total: Array, weight: Array) -> list[Array]:
            value = xp.mean_of(total, xp.cast(weight, total.dtype))
            finish = self._formulas.finish
            return [value if finish is None else finish(xp, value)[0]]

        (value,) = backend.elementwise(whole, self.sums, self._dtype, whole=True)
        return value[()] if backend is default else value

    def __add__(self, other: "Partial") -> "Partial":
        """Return the part that consists of both."""
        if not isinstance(other, Partial):
            return NotImplemented
        self._check(other)
        self._check_shapes(other)
        made = copy(self)
        made.sums = tuple(x + y for x, y in zip(self.sums, other.sums, strict=True))
        made._dtype = self._backend.xp.result_type(self._dtype, other._dtype)
        return made

    @property
    def _backend(self) -> Backend:
        return backend_of(self.sums[0]) or default

    def _check(self, other: "Partial") -> None:
        """Refuse a part of another loss, with other parameters, or of another library."""
        name = self._formulas.name
        if self._formulas.loss != other._formulas.loss:
            raise TypeError(
                f"a part of {name} and one of {other._formulas.name} do not add up: each loss has "
                "its own sum"
            )
        if type(self) is not type(other):
            raise TypeError(
                f"{name}: a part of {self._holds} and one of {other._holds} do not add up: make "
                "both with pieces=True, or neither"
            )
        given = self._parameters, other._parameters
        if given[0] != given[1]:
            one, two = (
                {key: x for key, x in each.items() if given[0].get(key) != given[1].get(key)}
                for each in given
            )
            raise TypeError(
                f"{name}: parts with the parameters {one} and {two} do not add up: compute them "
                "with the same"
            )
        if self._backend is not other._backend:
            raise TypeError(f"{name}: the parts belong to two array libraries; convert one of them")

    def _check_shapes(self, other: "Partial") -> None:
        """Refuse a part with sums of other shapes."""
        if differ(self.total.shape, other.total.shape):
            raise ValueError(
                f"{self._formulas.name}: parts of the shapes {tuple(self.total.shape)} and "
                f"{tuple(other.total.shape)} do not add up: they need the same groups"
            )

    def __radd__(self, other: Any) -> "Partial":
        """Return this part, so that `sum` can begin with 0."""
        return self if isinstance(other, NUMBER) and other == 0 else NotImplemented

    def __repr__(self) -> str:
        return (
            f"<partial {self._formulas.name}: {self.total!s} of losses with the weight "
            f"{self.weight!s}>"
        )

    def tree_flatten(self) -> tuple[Any, Any]:
        """Return the arrays, and the rest, as JAX asks.

        Returns
        -------
        arrays : tuple
            The sums.
        rest : tuple
            What is no array.
        """
        rest = self._formulas.loss, tuple(sorted(self._parameters.items())), self._dtype
        return self.sums, rest

    @classmethod
    def tree_unflatten(cls, rest: Any, arrays: Any) -> "Partial":
        """Put a part together from what `tree_flatten` returned.

        Parameters
        ----------
        rest : tuple
            What is no array.
        arrays : tuple
            The sums.

        Returns
        -------
        Partial
            The part.
        """
        made = cls.__new__(cls)
        loss, parameters, made._dtype = rest
        made._formulas, made._parameters = loss.formulas, dict(parameters)
        made.sums = tuple(arrays)
        return made


def partial(
    formulas: Formulas,
    arrays: Sequence[Any],
    options: Mapping[str, Any],
    group: Any = None,
    groups: int | None = None,
) -> Partial:
    """Return the two sums of a call, or those of each group."""
    name, signature = formulas.name, formulas.signature
    arrays, options = by_name(formulas, arrays, options)
    check_options(name, options, group, groups)
    given = {**options, "reduction": Inner.PARTS} | ({} if group is None else {"axis": ()})
    stored = holds_stored(arrays) or holds_stored(options.values())
    sums = (evaluate_stored if stored else evaluate)(formulas, (0,), arrays, given)[0]
    if group is not None:
        sums = grouped(name, group, groups, sums[0], sums)
    dtypes = [
        (backend, floating(name, signature.arguments[i], backend, x)[1])
        for i in signature.predicted
        if i < len(arrays) and arrays[i] is not None and not (i and isinstance(arrays[i], NUMBER))
        for backend, x in [read(name, signature.arguments[i], ghost(arrays[i]))]
    ]
    dtype = promoted(dtypes[0][0], [dtype for _, dtype in dtypes])
    return Partial(formulas, parameters(signature, options), sums, dtype)


def parameters(signature: Signature, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what parts must have in common, so that it can be compared."""
    found = {**signature.defaults, **dict.fromkeys(_OF_CLASSES & signature.options.keys())}
    found |= {key: x for key, x in options.items() if key in signature.parameters or key in found}
    return {key: _comparable(key, x) for key, x in found.items()}


def check_options(name: str, options: Mapping[str, Any], group: Any, groups: int | None) -> None:
    """Refuse options that a part does not take."""
    if "reduction" in options:
        raise TypeError(f"{name}: a part holds sums; take `.value()` for the mean, or `.total`")
    if group is None and groups is not None:
        raise TypeError(f"{name}: groups is the number of groups; pass group, that of each loss")
    if group is not None and "axis" in options:
        raise TypeError(f"{name}: pass axis or group, not both: a group has losses of all axes")


def grouped(
    name: str, group: Any, groups: int | None, losses: Array, sums: Sequence[Array]
) -> list[Array]:
    """Add up what belongs to losses by the numbers of their groups."""
    backend, labels = read(name, "group", group)
    home = backend_of(losses) or default
    if backend is default:
        labels = home.xp.asarray(labels.copy(), device=device_of(losses))
    elif backend is not home:
        raise TypeError(f"{name}: group is an array of {backend.name}, the losses of {home.name}")
    if tuple(labels.shape) != tuple(losses.shape) or not is_kind(home, labels.dtype, "integral"):
        raise ValueError(
            f"{name}: group must hold an integer from 0 for each loss, of the shape "
            f"{tuple(losses.shape)}; its shape is {tuple(labels.shape)}, its dtype {labels.dtype}"
        )
    try:
        number = int(home.xp.max(labels)) + 1 if groups is None else groups
    except Exception as error:
        raise TypeError(
            f"{name}: pass groups, the number of groups: the values of group cannot be seen here"
        ) from error
    seen = visible(home, labels)
    wrong = None if seen is None else (seen < 0) | (seen >= number)
    if wrong is not None and wrong.any():
        raise ValueError(
            f"{name}: group must hold the numbers of groups from 0 to {number - 1}, but holds "
            f"{seen[wrong][0]}"
        )
    return [_group_sums(home.xp, x, labels, number) for x in sums]


def _group_sums(xp: Namespace, x: Array, labels: Array, number: int) -> Array:
    """Add up arrays of one shape, each by its label."""
    inner = tuple(x.shape[labels.ndim :])
    if prod(inner) == 1:
        return xp.reshape(xp.group_sum(xp.reshape(x, labels.shape), labels, number), (-1, *inner))
    own = xp.reshape(xp.arange(prod(inner), dtype=labels.dtype, device=device_of(x)), inner)
    each = labels[(..., *(None,) * len(inner))] * prod(inner) + own
    return xp.reshape(xp.group_sum(x, each, number * prod(inner)), (number, *inner))


class _Values:
    """The values of an array, which are equal to those of another that holds the same.

    An array whose values cannot be seen, as while a function is traced, may be equal to any of its
    shape. It is not kept itself: it would outlive the trace.
    """

    def __init__(self, shape: tuple[int, ...], values: Any) -> None:
        self.shape, self.values = shape, values

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Values):
            return isinstance(other, NUMBER) and not self.shape
        if self.values is None or other.values is None:
            return self.shape == other.shape
        return self.shape == other.shape and bool((self.values == other.values).all())

    def __hash__(self) -> int:
        return hash(self.shape)

    def __repr__(self) -> str:
        return f"an array of shape {self.shape}" if self.values is None else repr(self.values)


def _comparable(key: str, value: Any) -> Any:
    """Return a parameter so that it can be compared, and an array without its library."""
    if value is None or isinstance(value, (str, *NUMBER)):
        return value
    backend, array = read("Partial", key, value)
    seen = backend.view(array)
    if seen is not None and not array.ndim:
        return seen.item()
    return _Values(tuple(array.shape), None if seen is None else seen.copy())
