"""An array library as the engine sees it: the array API standard, evaluated at once."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, NoReturn

from .._numerics import ArrayNamespace
from .._numerics.standard import device_of
from ..typing import Array, Namespace

Pull = Callable[[Array], tuple[Array, ...]]
"""From an array like the value of a function to the gradients of its arguments."""


class Backend:
    """An array library. This class serves any that keeps the standard; a subclass says what differs.

    Parameters
    ----------
    library : namespace
        The functions of the library, as the standard names them.
    """

    overrides: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    """Functions of the standard, or building blocks, that this library needs in another form."""

    spreads_numbers: ClassVar[bool] = True
    """Whether a number becomes an array of the losses' shape, which compilers do not make."""

    def __init__(self, library: Namespace) -> None:
        self.xp = ArrayNamespace(library, self.overrides)

    def __reduce__(self) -> Any:
        """Pickle a backend by the name of its file, an unknown library by itself."""
        module = type(self).__module__
        return (Backend, (self.xp.library,)) if module == __name__ else (_of_file, (module,))

    @property
    def name(self) -> str:
        """The name of the library, as a message shows it."""
        return self.xp.__name__.removeprefix("array_api_compat.")

    # What arrays are.

    def takes(self, array: Array) -> bool:
        """Return whether an array of the library is evaluated as it is."""
        return True

    def device(self, array: Array) -> Any:
        """Return the device of an array, None where there is only one, or none yet."""
        return device_of(array)

    def native(self, dtype: Any) -> Any:
        """Return the dtype in the byte order of the processor."""
        return dtype

    def is_all(self, mask: Array) -> bool:
        """Return whether a mask is known to be True everywhere. It is not looked at by default."""
        return False

    # How a loss is evaluated.

    def keeps_plans(self) -> bool:
        """Return whether plans are kept from call to call: a compiler should not trace that."""
        return True

    def evaluate(self, request: Any) -> list[Any]:
        """Evaluate what is asked: for each order the reduced value, or a list of gradients."""
        return list(request.whole(request.bind()))

    def laid_out(self, call: Any, arrays: Sequence[Array]) -> tuple[tuple[Any, ...], Any]:
        """Return where the core axes are for the formula, and the arrays with theirs there."""
        return call.plan.head, arrays

    def fault(
        self,
        call: Any,
        arrays: Sequence[Array],
        weights: Array | None,
        where: Array | None,
        unseen: Mapping[int, Array],
    ) -> str:
        """Return the name of an argument with a value outside its domain, or nothing.

        It is asked only about calls that the backend itself marks as `checked`.
        """
        return ""

    def labels_inside(self, call: Any, arrays: Sequence[Array]) -> bool:
        """Return whether all labels and lengths are known to be inside their domains."""
        return False

    def refuse(
        self, call: Any, fault: str, arrays: Sequence[Array], unseen: Mapping[int, Array]
    ) -> NoReturn:
        """Raise the error of the argument that `fault` has named."""
        raise ValueError(f"{call.plan.formulas.name}: {fault} holds a value outside its domain")

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
        return list(call.compute(orders, head, arrays, sequences))

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

        If `whole` it is one of rows, which are not cut into blocks.
        """
        return [self.xp.astype(x, result, copy=False) for x in formula(self.xp, *arrays)]

    # Autodiff, for derivatives that are not registered.

    def vjp(self, function: Callable[..., Array], *primals: Array) -> tuple[Array, Pull] | None:
        """Return the value of a function and its pullback, None if the library has no autodiff."""
        return None


def _of_file(module: str) -> Backend:
    """Return the backend that a file holds."""
    found: Backend = import_module(module).backend
    return found
