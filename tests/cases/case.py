"""Cases and sweeps: how inputs are drawn and converted to exact arithmetic."""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import exact
import numpy as np
from exact.condition import as_tuple
from mpmath import mp, mpf

import portable_losses
from portable_losses._backends import backend_of, default
from portable_losses._numerics.standard import device_of

ROWS, CLASSES = 6, 4

TYPICAL = {
    "huber_loss",
    "rmse_loss",
    "gaussian_nll_loss",
    "cross_entropy",
    "dice_loss",
    "triplet_margin_loss",
    "supcon_loss",
    "ctc_loss",
    "linear_cross_entropy",
}
"""One loss of each kind: elements, reduced, predictions, rows, regions, tuples, sets, sequences."""

Batch = tuple[np.ndarray, ...]


class Outer(NamedTuple):
    """A function of a reduced loss."""

    inner: str
    """The loss that is reduced."""
    function: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    """Its derivative."""


@dataclass(frozen=True, eq=False)
class Case:
    """A way to call a loss."""

    name: str
    """The public name of the loss."""
    draw: Callable[[np.random.Generator, tuple[int, ...]], Batch]
    """Inputs in float64 (labels in int64) for a loop shape, away from kinks."""
    parameters: tuple[Mapping[str, Any], ...] = ({},)
    """Settings to call it with."""
    kinks: tuple[Any, ...] = ()
    """Inputs where the formula changes, ties, infinities: autodiff returns registered values."""
    kind: str = ""
    """The difference from other cases of the loss."""
    row: bool = False
    """Whether the loss takes rows, or sets of them."""
    exact: Callable[..., Any] | None = None
    """The exact loss of one element or row, if the arguments of that of its name differ."""
    loops: int = 0
    """How many loop axes the arrays have at least; with fewer they mean something else."""
    slack: int = 1
    """How many eps of its largest entry a derivative may be off where terms of it cancel."""
    outer: "Outer | None" = None
    """For a function of a reduced loss: which."""
    shared: Mapping[str, np.ndarray] = field(default_factory=dict)
    """The arrays that all rows share, which are the same at every call."""

    @property
    def loss(self) -> Any:
        """The loss, looked up by name so that nothing patched is missed."""
        found = getattr(portable_losses, self.name)
        return Layer(found, self.shared) if self.shared else found

    @property
    def typical(self) -> bool:
        """Whether this loss stands for its kind, where testing all of them would take too long."""
        return self.name in TYPICAL

    @property
    def predicted(self) -> int:
        """How many of the arrays are predictions."""
        return len(self.loss.signature.predicted)

    @property
    def core(self) -> tuple[str, ...]:
        """The core dimensions of the predictions, if they have any in this case."""
        return self.loss.signature.core if self.row else ()

    @property
    def labelled(self) -> bool:
        """Whether the target holds class labels."""
        return any(domain.labels for domain in self.loss.signature.domains[0])

    @property
    def inner(self) -> tuple[Any, ...]:
        """An index that broadcasts one number per loss along the predictions."""
        return (..., *(None for _ in self.core))

    def finished(
        self, reduced: Any, gradient: tuple[Any, ...], along: Any = None
    ) -> tuple[Any, tuple[Any, ...]]:
        """Apply the outer function to the reduced loss, and the chain rule to the gradient.

        `along` is the reduced loss in a shape that broadcasts to the gradient.
        """
        if self.outer is None:
            return reduced, gradient
        slope = self.outer.slope(reduced if along is None else along)
        return self.outer.function(reduced), tuple(
            np.where(part == 0, 0, slope * part) for part in gradient
        )

    def reference(self, parameters: Mapping[str, Any]) -> Callable[..., Any]:
        """Return the function from an element or row to its exact value and derivatives."""
        return with_parameters(
            self.exact or exact.of(self.name), {**self.loss.signature.defaults, **parameters}
        )

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}" if self.kind else self.name


class Layer:
    """A loss whose rows share arrays, with these arrays bound: a loss of the other arrays."""

    def __init__(self, loss: Any, shared: Mapping[str, np.ndarray]) -> None:
        self.loss, self.shared = loss, shared
        self.__name__: str = loss.__name__
        self.signature = loss.signature.without(loss.signature.optional.union(shared))

    def arguments(self, given: Sequence[Any]) -> list[Any]:
        """Return all arguments: shared ones in the library, device and dtype of the given ones."""
        like = given[0] if hasattr(given[0], "dtype") else np.asarray(given[0])
        backend: Any = backend_of(like)
        xp = backend.xp
        device = None if backend is default else device_of(like)
        dtype = (
            like.dtype
            if xp.isdtype(like.dtype, "real floating")
            else xp.default_dtype(like, "real floating")
        )
        rest = iter(given)
        return [
            xp.asarray(self.shared[name], dtype=dtype, device=device)
            if name in self.shared
            else next(rest)
            for name in self.loss.signature.arguments
            if name in self.shared or name in self.signature.arguments
        ]

    def __call__(self, *given: Any, **options: Any) -> Any:
        return self.loss(*self.arguments(given), **options)

    def value_and_grad(self, *given: Any, **options: Any) -> Any:
        value, gradients = self.loss.value_and_grad(*self.arguments(given), **options)
        return value, self._first(gradients)

    def grad(self, *given: Any, **options: Any) -> Any:
        return self._first(self.loss.grad(*self.arguments(given), **options))

    def _first(self, gradients: Any) -> Any:
        """Return the gradients of the arrays that are not shared."""
        return gradients[0] if isinstance(gradients, tuple) else gradients

    def grad_and_hess(self, *given: Any, **options: Any) -> Any:
        return self.loss.grad_and_hess(*self.arguments(given), **options)


def with_parameters(
    function: Callable[..., Any], parameters: Mapping[str, Any]
) -> Callable[..., Any]:
    return functools.partial(
        function, **{key: as_exact(value) for key, value in parameters.items()}
    )


def as_exact(value: Any) -> Any:
    """Bring a number, or a row of numbers, to mpmath; True, False, None and words stay."""
    if value is None or isinstance(value, (bool, np.bool_, str)):
        return value
    return tuple(map(as_exact, value)) if np.ndim(value) else mpf(float(value))


@dataclass(frozen=True)
class Example:
    """The inputs of a case, and the right results."""

    case: Case
    arrays: Batch
    """In the dtype of the test; labels stay integers."""
    parameters: Mapping[str, Any]
    value: np.ndarray
    inner: np.ndarray
    """The losses before the reduction: the values, except for a function of a reduced loss."""
    derivatives: Batch
    """The derivative of these with respect to each prediction."""
    seconds: Batch | None
    """The diagonal of the second derivative; None where the loss has none."""

    @property
    def derivative(self) -> np.ndarray:
        """The derivative with respect to the first prediction."""
        return self.derivatives[0]

    @property
    def second(self) -> np.ndarray:
        """The second derivative with respect to the first prediction."""
        assert self.seconds is not None
        return self.seconds[0]


@functools.cache
def example(case: Case, index: int, dtype: str, shape: tuple[int, ...] = (ROWS,)) -> Example:
    """Draw the inputs of a case, rounded to `dtype`, and evaluate its reference on them."""
    count = math.prod(shape)
    whole = _drawn(case, index, dtype, max(count, ROWS))

    def cut(array: np.ndarray) -> np.ndarray:
        return array[:count].reshape((*shape, *array.shape[1:]))

    return Example(
        case,
        tuple(map(cut, whole.arrays)),
        whole.parameters,
        cut(whole.value),
        cut(whole.inner),
        tuple(map(cut, whole.derivatives)),
        None if whole.seconds is None else tuple(map(cut, whole.seconds)),
    )


@functools.cache
def _drawn(case: Case, index: int, dtype: str, count: int) -> Example:
    rng = np.random.default_rng([ord(letter) for letter in str(case)])
    arrays = tuple(x if x.dtype.kind == "i" else x.astype(dtype) for x in case.draw(rng, (count,)))
    parameters = case.parameters[index]
    reference = case.reference(parameters)
    value, inner = np.empty(count), np.empty(count)
    derivatives, seconds = (
        tuple(np.empty(x.shape) for x in arrays[: case.predicted]) for _ in range(2)
    )
    orders = 3
    with mp.workdps(exact.DIGITS):
        for place in range(count):
            point = [as_exact(x[place]) for x in arrays]
            found = reference(*point)
            orders = len(found)
            value[place] = as_float(found[0])
            if case.outer is not None:
                found = exact.of(case.outer.inner)(*point)
            inner[place] = as_float(found[0])
            for order, parts in zip((derivatives, seconds), map(as_tuple, found[1:]), strict=False):
                for array, part in zip(order, parts, strict=True):
                    array[place] = as_float(part)
    return Example(
        case, arrays, parameters, value, inner, derivatives, seconds if orders == 3 else None
    )


def as_float(part: Any) -> Any:
    if isinstance(part, list):
        return [as_float(x) for x in part]
    return float(part.exact if isinstance(part, exact.Difference) else part)


class Sweep(NamedTuple):
    """A computation over its whole domain, its exact function, and its points."""

    name: str
    """The public name; after a space the parameters."""
    compute: Callable[..., Any]
    """From the order (0 value, 1 and 2 derivatives) and the arrays to one array per prediction."""
    exact: Callable[..., Sequence[Any]]
    """From the numbers of one point, or the rows of one, to the exact results of all orders."""
    batches: Callable[[np.dtype], Iterable[Batch]]
    """Arrays in a dtype."""
    orders: int = 3
    factor: float = 4.0
    """Ulp by which a result may differ, beside the rounding of the inputs: see `cases.contract`."""
    peers: bool = True
    """Whether other packages have the same arguments: not if a parameter is one of them."""

    @property
    def function(self) -> str:
        """The public name."""
        return self.name.partition(" ")[0]


def pointwise(
    loss: Any,
    points: Callable[..., Batch],
    *,
    orders: int = 3,
    factor: float = 4.0,
    **parameters: Any,
) -> Sweep:
    """Sweep a pointwise loss, also with other parameters, over ``points(dtype, **parameters)``."""
    name = " ".join((loss.__name__, *(f"{key}={value}" for key, value in parameters.items())))
    reference = with_parameters(exact.of(loss.__name__), {**loss.signature.defaults, **parameters})
    return Sweep(
        name,
        of_loss(loss, **parameters),
        reference,
        lambda dtype: [points(dtype, **parameters)],
        orders,
        factor,
    )


def of_loss(loss: Any, **parameters: Any) -> Callable[..., Any]:
    def compute(order: int, *arrays: np.ndarray) -> Any:
        if order == 0:
            return loss(*arrays, reduction="none", **parameters)
        if order == 1:
            return loss.grad(*arrays, reduction="none", **parameters)
        return loss.grad_and_hess(*arrays, reduction="none", **parameters)[1]

    return compute
