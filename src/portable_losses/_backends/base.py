"""An array library as the engine sees it: the array API standard, evaluated at once."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, NoReturn

import numpy as np

from .._numerics import ArrayNamespace
from .._numerics.standard import device_of
from ..typing import Array, Namespace

Pull = Callable[[Array], tuple[Array, ...]]
"""A function from an array like the value to the gradients of the arguments."""


class Backend:
    """An array library that follows the standard. A subclass defines the differences of another.

    Parameters
    ----------
    library : namespace
        The functions of the library, under the names of the standard.
    """

    overrides: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    """Functions of the standard, or building blocks, that this library needs in another form."""

    def __init__(self, library: Namespace) -> None:
        self.xp = ArrayNamespace(library, self.overrides)

    def __reduce__(self) -> Any:
        """Pickle a backend as the name of its file, that of an unknown library as its namespace."""
        module = type(self).__module__
        return (Backend, (self.xp.library,)) if module == __name__ else (_of_file, (module,))

    def replacing(self, **functions: Callable[..., Any]) -> "Backend":
        """Return the library with other functions for formulas."""
        made: Backend = object.__new__(type(self))
        vars(made).update(vars(self), xp=self.xp.replacing(**functions))
        return made

    @property
    def name(self) -> str:
        """The name of the library in messages."""
        return self.xp.__name__.removeprefix("array_api_compat.")

    # Properties of arrays.

    def takes(self, array: Array) -> bool:
        """Return whether an array of the library can be evaluated without a conversion."""
        return True

    def array_in(self, value: Any) -> Array:
        """Return the array in an object that the library has beside its arrays, such as a table."""
        return value

    def adopted(self, array: Array, like: Array) -> Array | None:
        """Return an array of NumPy as one of this library; None if the two are not to be mixed."""
        return None

    def check(self, name: str, key: str, array: Array) -> None:
        """Refuse an array that holds more than numbers, such as a mask, which would be lost."""

    def view(self, array: Array) -> Any:
        """Return a view of an array for NumPy; None if its values cannot be seen without a copy.

        Each library has its own errors for arrays that are lazy, traced or on another device.
        """
        try:
            return np.from_dlpack(array)
        except Exception:  # noqa: BLE001
            return None

    def device(self, array: Array) -> Any:
        """Return the device of an array; None if there is only one, or for a tracer."""
        return device_of(array)

    def native(self, dtype: Any) -> Any:
        """Return the dtype in the byte order of the processor."""
        return dtype

    def is_all(self, mask: Array) -> bool:
        """Return whether a mask is known to be True everywhere. By default it is not checked."""
        return False

    # Evaluation of a loss.

    def keeps_plans(self) -> bool:
        """Return whether plans are kept between calls; a compiler should not trace that."""
        return True

    def evaluate(self, request: Any) -> list[Any]:
        """Evaluate a request: for each order the reduced value, or a list of gradients."""
        return list(request.whole(request.bind()))

    def sums(self, request: Any) -> list[Array]:
        """Return the sums that a formula takes of the arrays of a request: pieces of rows."""
        return list(request.taken())

    def laid_out(self, call: Any, arrays: Sequence[Array]) -> tuple[tuple[Any, ...], Any]:
        """Return the position of the core axes for the formula, and the arrays in that layout."""
        return call.plan.head, arrays

    def guarded(self, arrays: Sequence[Array]) -> Sequence[Array]:
        """Return arrays that a formula cannot write to, for its first evaluation, if possible."""
        return arrays

    def fault(
        self,
        call: Any,
        arrays: list[Array],
        weights: Array | None,
        where: Array | None,
        unseen: Mapping[int, Array],
        parameters: Mapping[str, Array],
    ) -> str:
        """Return the name of an argument with a value outside its domain, or nothing.

        It is called only for calls that the backend itself marks as `checked`. In the list it
        replaces arrays as `to_ends` does.
        """
        return ""

    def to_ends(self, call: Any, arrays: Sequence[Array]) -> Sequence[Array]:
        """Return arrays with the bound in place of what rounding led beyond it, if that matters."""
        moved = list(arrays)
        for i, slack in call.plan.slacks.items():
            domain = call.plan.domains[i]
            if domain.sharp:
                moved[i] = self.xp.to_ends(arrays[i], *domain.ends, slack)
        return moved

    def labels_inside(self, call: Any, arrays: Sequence[Array]) -> bool:
        """Return whether all labels and lengths are known to be inside their domains."""
        return False

    def refuse(
        self, call: Any, fault: str, arrays: Sequence[Array], unseen: Mapping[int, Array]
    ) -> NoReturn:
        """Raise the error of the argument that `fault` named."""
        raise ValueError(f"{call.plan.formulas.name}: {fault} holds a value outside its domain")

    def masks(
        self, labels: Array, like: Array, axis: int, first: int = 0, classes: int | None = None
    ) -> Array:
        """Return a mask of the elements with the label of each class, along an axis of `like`.

        A label outside its domain makes NaN of the element in all masks. If `like` has only some of
        the classes, `first` is the label of the first of them, and `classes` counts all.
        """
        xp = self.xp
        labels = xp.astype(labels, xp.default_dtype(labels, "indexing"), copy=False)
        of_element = labels[(*(slice(None),) * axis, None, ...)]
        found = of_element == xp.places(like, axis, of_element.dtype) + first
        real = xp.isdtype(like.dtype, "real floating")
        masks = xp.astype(found, like.dtype if real else xp.default_dtype(like, "real floating"))
        stray = (of_element < 0) | (
            of_element >= (like.shape[axis] if classes is None else classes)
        )
        return masks + xp.nan_where(stray, masks.dtype)

    def compute(
        self,
        call: Any,
        orders: tuple[int, ...],
        head: tuple[Any, ...],
        arrays: Sequence[Array],
        sequences: Mapping[str, Array],
    ) -> list[Any]:
        """Return the losses, or derivatives, before weights and reduction.

        Autodiff of the losses should find the registered derivative.
        """
        results: list[Any] = call.compute(orders, head, arrays, sequences)
        return results

    def pulled(
        self, call: Any, share: Array, arrays: Sequence[Array], sequences: Mapping[str, Array]
    ) -> tuple[Array, tuple[Array, ...]]:
        """Return the losses, and the gradients of their sum, each times its share in the result."""
        results: tuple[Array, tuple[Array, ...]] = call.pulled(share, arrays, sequences)
        return results

    def check_count(self, call: Any, count: Any) -> None:
        """Look at a sum of weights, which may have left the range of its dtype."""

    def rescales(self, weights: Array) -> bool:
        """Return whether the weights of a mean may need another scale: those with a wide range."""
        return bool(weights.dtype == self.xp.wide_dtype(weights) != self.xp.float32)

    def total(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Add up losses: float32 in float64, where the device has it."""
        wide = self.xp.wide_dtype(x) if x.dtype == self.xp.float32 else None
        return self.xp.sum(x, axis=axis, keepdims=keepdims, dtype=wide)

    def elementwise(
        self,
        formula: Callable[..., Sequence[Array]],
        arrays: Sequence[Array],
        result: Any,
        *,
        whole: bool = False,
    ) -> list[Array]:
        """Evaluate a function of single elements, and convert its results to a dtype.

        If `whole` is True it is a function of rows, and the arrays are not cut into blocks.
        """
        return [self.xp.astype(x, result, copy=False) for x in formula(self.xp, *arrays)]

    def register_tree(self, kind: type) -> None:
        """Let transforms of the library see the arrays in objects of a type.

        The type has the methods `tree_flatten` and `tree_unflatten`.
        """

    # Autodiff, for derivatives that are not registered.

    def vjp(self, function: Callable[..., Array], *primals: Array) -> tuple[Array, Pull] | None:
        """Return the value of a function and its pullback; None if the library has no autodiff."""
        return None


def _of_file(module: str) -> Backend:
    """Return the backend that a file holds."""
    found: Backend = import_module(module).backend
    return found
