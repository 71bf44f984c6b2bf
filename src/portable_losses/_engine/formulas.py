"""The formulas of a loss: its value, its derivatives, and autodiff for missing ones."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from .._backends import Backend
from ..typing import Array, Axis
from .signature import Signature

Orders = tuple[int, ...]
"""The orders to evaluate: 0 the value, 1 the derivative, 2 the second derivative."""

Head = tuple[Axis, ...]
"""The arguments of a formula before its arrays: the position of its core axes, if any."""


class Formulas:
    """The formulas of a loss, registered one by one.

    Parameters
    ----------
    signature : Signature
        The arrays and parameters that the formulas take.
    value : callable
        The formula of the loss.
    """

    def __init__(self, signature: Signature, value: Callable[..., Array]) -> None:
        self.name = signature.name
        self.signature = signature
        self.value = value
        self.derivatives: dict[int, Callable[..., Any]] = {}
        self.both: Callable[..., Any] | None = None
        """Value and derivative in one function, if they share an expensive part."""
        self.pullback: Callable[..., Any] | None = None
        """Value, and gradients that are added up over the rows."""
        self.finish: Callable[..., tuple[Array, Array]] | None = None
        """A function of the reduced loss, and its derivative."""
        self.loss: Any = None
        """The public function that they belong to."""
        self.plans: dict[Any, Any] = {}
        """The plans of the last calls."""
        self.layouts: dict[Any, Any] = {}
        """The layouts of the last calls with arrays of the default library."""

    def __reduce__(self) -> Any:
        """Pickle the formulas as those of their loss."""
        return attrgetter("formulas"), (self.loss,)

    @property
    def registered(self) -> Any:
        """The functions that are registered, by the method of the loss that registers them."""
        return SimpleNamespace(
            derivative=self.derivatives.get(1),
            second_derivative=self.derivatives.get(2),
            value_and_derivative=self.both,
            value_and_pullback=self.pullback,
            finish=self.finish,
        )

    @property
    def modules(self) -> frozenset[str]:
        """The modules where the formulas are written."""
        return frozenset((self.value.__module__,))

    def knows(self, order: int) -> bool:
        """Return whether a derivative is registered."""
        registered = order in self.derivatives
        return order == 0 or registered or (order == 1 and bool(self.both or self.pullback))

    def replaces_autodiff(self) -> bool:
        """Return whether autodiff should use derivatives of these formulas, not of operations."""
        return self.knows(1)

    def signature_of(self, arrays: Sequence[Any]) -> Signature:
        """Return the signature of a call where some optional arrays are missing."""
        names, optional = self.signature.arguments, self.signature.optional
        given = dict(zip(names, arrays, strict=False))
        missing = frozenset(name for name in optional if given.get(name) is None)
        masked = self.signature.masks_entries and len(arrays) == len(names) + 1
        signature = self.signature.without(missing) if missing else self.signature
        return signature.with_mask() if masked else signature

    def compute(
        self,
        backend: Backend,
        orders: Orders,
        head: Head,
        arrays: Sequence[Array | None],
        parameters: Mapping[str, Any],
    ) -> list[Any]:
        """Evaluate the formulas: for each order the value, or a tuple of derivatives."""
        given = (backend.xp, *head, *arrays)
        if orders == (0,):
            return [self.value(*given, **parameters)]
        if self.both is not None and 0 in orders and 1 in orders:
            value, derivative = self.both(*given, **parameters)
            known = {0: value, 1: as_tuple(derivative)}
        else:
            known = {0: self.value(*given, **parameters)} if 0 in orders else {}
        return [
            known[order]
            if order in known
            else self._derivative(backend, order, head, arrays, parameters)
            for order in orders
        ]

    def pulled(
        self,
        backend: Backend,
        head: Head,
        share: Array,
        arrays: Sequence[Array | None],
        parameters: Mapping[str, Any],
    ) -> tuple[Array, tuple[Array, ...]]:
        """Evaluate the losses, and the gradients of the sum of share * loss."""
        if self.pullback is not None:
            value, gradients = self.pullback(backend.xp, *head, share, *arrays, **parameters)
            return value, tuple(gradient for gradient in gradients if gradient is not None)
        return self._by_autodiff(backend, "value_and_pullback", head, arrays, parameters, share)

    def _derivative(
        self,
        backend: Backend,
        order: int,
        head: Head,
        arrays: Sequence[Array | None],
        parameters: Mapping[str, Any],
    ) -> tuple[Array, ...]:
        if order in self.derivatives:
            return as_tuple(self.derivatives[order](backend.xp, *head, *arrays, **parameters))
        if order == 1 and self.both is not None:
            return as_tuple(self.both(backend.xp, *head, *arrays, **parameters)[1])
        if order == 1:
            return self._by_autodiff(backend, "derivative", head, arrays, parameters)[1]
        name = self.value.__name__
        if head:
            raise NotImplementedError(
                f"{name} has no registered second_derivative, and autodiff would need a pass "
                f"for each entry of a row: register it with `@{name}.second_derivative`"
            )
        return tuple(
            self._second(backend, k, i, arrays, parameters)
            for k, i in enumerate(self.signature.predicted)
        )

    def _second(
        self,
        backend: Backend,
        k: int,
        i: int,
        arrays: Sequence[Array | None],
        parameters: Mapping[str, Any],
    ) -> Array:
        """Differentiate the k-th part of the derivative with respect to the i-th array."""

        def slope(prediction: Array) -> Array:
            moved = (*arrays[:i], prediction, *arrays[i + 1 :])
            return self._derivative(backend, 1, (), moved, parameters)[k]

        prediction = arrays[i]
        assert prediction is not None
        pull = self._vjp(backend, "second_derivative", slope, prediction)[1]
        return pull(backend.xp.ones_like(prediction))[0]

    def _by_autodiff(
        self,
        backend: Backend,
        registered: str,
        head: Head,
        arrays: Sequence[Array | None],
        parameters: Mapping[str, Any],
        share: Array | None = None,
    ) -> tuple[Array, tuple[Array, ...]]:
        """Differentiate the sum of the losses, or of their products with a share.

        The losses of a batch do not depend on each other's predictions. So the sum has the
        derivative of each loss, unless the losses share a prediction.
        """
        chosen = {i: arrays[i] for i in self.signature.predicted if arrays[i] is not None}

        def value(*predictions: Array) -> Array:
            every = list(arrays)
            for i, prediction in zip(chosen, predictions, strict=True):
                every[i] = prediction
            return self.value(backend.xp, *head, *every, **parameters)

        losses, pull = self._vjp(backend, registered, value, *chosen.values())
        return losses, pull(backend.xp.ones_like(losses) if share is None else share)

    def _vjp(
        self, backend: Backend, registered: str, function: Callable[..., Array], *primals: Any
    ) -> tuple[Array, Callable[[Array], tuple[Array, ...]]]:
        """Return the value of a function and its pullback."""
        name = self.value.__name__
        found = backend.vjp(function, *primals)
        if found is None:
            raise NotImplementedError(
                f"{name} has no registered {registered}, and {backend.name} has no autodiff: "
                f"register it with `@{name}.{registered}`, a function of the same arguments "
                "as the formula"
            )
        return found


def as_tuple(derivative: Any) -> tuple[Array, ...]:
    """Return the derivatives with respect to all predictions as a tuple."""
    return derivative if isinstance(derivative, tuple) else (derivative,)
