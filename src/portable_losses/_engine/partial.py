"""Partial results of a mean, which add up: over batches, workers and chunks."""

from collections.abc import Mapping, Sequence
from typing import Any

from .._backends import NUMBER, backend_of, default
from .._numerics.standard import device_of
from ..typing import Array, Namespace
from .arrays import floating, is_kind, promoted, read
from .evaluate import evaluate
from .formulas import Formulas
from .given import by_name
from .plan import Inner
from .stored import evaluate_stored
from .stores import ghost, holds_stored


class Partial:
    """The sums of a part of the data, from which the loss of all of it follows.

    Made by `Loss.partial`. Parts of the same loss add up, in any order: ``first + second``, or
    ``sum(parts)``.

    Parameters
    ----------
    formulas : Formulas
        The formulas of the loss.
    parameters : mapping
        Its parameters.
    total : array
        The sum of weight * loss, or one sum for each group.
    weight : array
        The sum of the weights, of the same shape.
    dtype : dtype
        The dtype of the loss.

    Attributes
    ----------
    total, weight
        The two sums, in float64 where the library has it. To merge over processes, add up both.
    """

    def __init__(
        self,
        formulas: Formulas,
        parameters: Mapping[str, Any],
        total: Array,
        weight: Array,
        dtype: Any,
    ) -> None:
        self._formulas, self._parameters = formulas, dict(parameters)
        self.total, self.weight, self._dtype = total, weight, dtype
        backend = backend_of(total)
        if backend is not None:
            backend.register_tree(Partial)

    def value(self) -> Array:
        """Return the loss of all that was added up.

        Returns
        -------
        array
            The loss, or one for each group: NaN where there was nothing.
        """
        backend = backend_of(self.total) or default

        def whole(xp: Namespace, total: Array, weight: Array) -> list[Array]:
            value = xp.mean_of(total, xp.cast(weight, total.dtype))
            finish = self._formulas.finish
            return [value if finish is None else finish(xp, value)[0]]

        (value,) = backend.elementwise(whole, [self.total, self.weight], self._dtype, whole=True)
        return value[()] if backend is default else value

    def __add__(self, other: "Partial") -> "Partial":
        """Return the part that consists of both."""
        if not isinstance(other, Partial):
            return NotImplemented
        name = self._formulas.name
        if self._formulas.loss != other._formulas.loss:
            raise TypeError(
                f"a part of {name} and one of {other._formulas.name} do not add up: each loss has "
                "its own sum"
            )
        defaults = self._formulas.signature.defaults
        if not _same({**defaults, **self._parameters}, {**defaults, **other._parameters}):
            raise TypeError(
                f"{name}: parts with the parameters {self._parameters} and {other._parameters} do "
                "not add up: compute them with the same"
            )
        if tuple(self.total.shape) != tuple(other.total.shape):
            raise ValueError(
                f"{name}: parts of the shapes {tuple(self.total.shape)} and "
                f"{tuple(other.total.shape)} do not add up: they need the same groups"
            )
        if backend_of(self.total) is not backend_of(other.total):
            raise TypeError(f"{name}: the parts belong to two array libraries; convert one of them")
        total, weight = self.total + other.total, self.weight + other.weight
        backend = backend_of(total) or default
        dtype = backend.xp.result_type(self._dtype, other._dtype)
        return Partial(self._formulas, self._parameters, total, weight, dtype)

    def __radd__(self, other: Any) -> "Partial":
        """Return this part, so that `sum` can begin with 0."""
        return self if isinstance(other, NUMBER) and other == 0 else NotImplemented

    def __repr__(self) -> str:
        return (
            f"<partial {self._formulas.name}: {self.total!s} of losses with the weight "
            f"{self.weight!s}>"
        )

    def tree_flatten(self) -> tuple[tuple[Array, Array], tuple[Any, ...]]:
        """Return the arrays, and the rest, as JAX asks.

        Returns
        -------
        arrays : tuple
            The two sums.
        rest : tuple
            What is no array.
        """
        rest = self._formulas.loss, tuple(sorted(self._parameters.items())), self._dtype
        return (self.total, self.weight), rest

    @classmethod
    def tree_unflatten(cls, rest: tuple[Any, ...], arrays: tuple[Array, Array]) -> "Partial":
        """Put a part together from what `tree_flatten` returned.

        Parameters
        ----------
        rest : tuple
            What is no array.
        arrays : tuple
            The two sums.

        Returns
        -------
        Partial
            The part.
        """
        made = cls.__new__(cls)
        loss, parameters, made._dtype = rest
        made._formulas, made._parameters = loss.formulas, dict(parameters)
        made.total, made.weight = arrays
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
    if "reduction" in options:
        raise TypeError(f"{name}: a part holds sums; take `.value()` for the mean, or `.total`")
    if group is not None and "axis" in options:
        raise TypeError(f"{name}: pass axis or group, not both: a group has losses of all axes")
    given = {**options, "reduction": Inner.PARTS} | ({} if group is None else {"axis": ()})
    stored = holds_stored(arrays) or holds_stored(options.values())
    total, weight = (evaluate_stored if stored else evaluate)(formulas, (0,), arrays, given)[0]
    if group is not None:
        total, weight = _grouped(name, group, groups, total, weight)
    parameters = {key: x for key, x in options.items() if key in signature.parameters}
    dtypes = [
        (backend, floating(name, signature.arguments[i], backend, x)[1])
        for i in signature.predicted
        if i < len(arrays) and arrays[i] is not None and not (i and isinstance(arrays[i], NUMBER))
        for backend, x in [read(name, signature.arguments[i], ghost(arrays[i]))]
    ]
    dtype = promoted(dtypes[0][0], [dtype for _, dtype in dtypes])
    return Partial(formulas, parameters, total, weight, dtype)


def _grouped(
    name: str, group: Any, groups: int | None, losses: Array, weights: Array
) -> tuple[Array, Array]:
    """Add up losses and weights by the numbers of their groups."""
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
    number = int(home.xp.max(labels)) + 1 if groups is None else groups
    sums = (home.xp.group_sum(x, labels, number) for x in (losses, weights))
    return next(sums), next(sums)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether parameters are the same."""
    return one.keys() == other.keys() and all(_equal(x, other[key]) for key, x in one.items())


def _equal(one: Any, other: Any) -> bool:
    """Return whether two numbers, or two arrays whose values can be seen, are equal."""
    if one is other or not (hasattr(one, "shape") or hasattr(other, "shape")):
        return one is other or bool(one == other)
    (backend, one), (library, other) = (read("Partial", "parameter", x) for x in (one, other))
    views = backend.view(one), library.view(other)
    seen = all(view is not None for view in views)
    return seen and views[0].shape == views[1].shape and bool((views[0] == views[1]).all())
