"""The formulas of a loss: its value, its derivatives, and autodiff for missing ones."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from .._backends import Backend
from ..typing import Array, Axis, Namespace
from .signature import Signature

Orders = tuple[int, ...]
"""The orders to evaluate: 0 the value, 1 the derivative, 2 the second derivative."""

Head = tuple[Axis, ...]
"""The arguments of a formula before its arrays: the position of its core axes, if any."""


_MORE = {"second_derivative_along": " and a vector, or pass arrays of a library with autodiff"}
"""What an error adds about some registered functions."""


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
        self.along: Callable[..., Any] | None = None
        """The second derivative times a vector, for each row."""
        self.hessian_product: Any = None
        """The formulas of the product with a vector, once they are asked for."""
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
            second_derivative_along=self.along,
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

    def knows_product(self) -> bool:
        """Return whether the product of the second derivative with a vector needs no autodiff."""
        return self.along is not None or (self.signature.diagonal and 2 in self.derivatives)

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

    def absent(
        self, cores: Mapping[str, tuple[str, ...]], parameters: Mapping[str, Any]
    ) -> dict[str, float]:
        """Return what replaces an entry that is left out, by argument.

        It adds nothing to the row, or the formula takes the mask as well. The core dimensions of
        the arguments say in which way the loss is called.
        """
        own = self.signature
        ways = [dict(zip(own.arguments, way, strict=True)) for way in own.ways]
        way = next(k for k, x in enumerate(ways) if {**x, **cores} == {**cores, **x})
        domains = own.domains_for(way, parameters)
        found: dict[str, float] = {}
        for name, domain, number in zip(own.arguments, domains, own.absent, strict=True):
            if domain.integer:
                found[name] = int(domain.safe)
            else:
                found[name] = number if domain.absent is None else domain.absent
        return found

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

    def product(
        self,
        backend: Backend,
        head: Head,
        arrays: Sequence[Array | None],
        vectors: Sequence[Array | None],
        parameters: Mapping[str, Any],
        share: Array | None = None,
    ) -> tuple[Array, ...]:
        """Return the second derivative of each row times its part of the vectors.

        With a share, some predictions belong to all rows: theirs are sums of share * product.
        """
        xp = backend.xp
        if self.along is not None:
            return as_tuple(self.along(xp, *head, *arrays, *vectors, **parameters))
        if self.knows_product():
            seconds = self._derivative(backend, 2, head, arrays, parameters)
            return tuple(map(xp.weighted, vectors, seconds))
        chosen = self._predictions(xp, head, arrays)
        present = [x for x in vectors if x is not None]

        def along(*predictions: Array) -> Array:
            every = list(arrays)
            for i, prediction in zip(chosen, predictions, strict=True):
                every[i] = prediction
            if share is None:
                slopes = self._derivative(backend, 1, head, every, parameters)
            else:
                slopes = self.pulled(backend, head, share, every, parameters)[1]
            if not head:
                slopes = tuple(xp.broadcast_arrays(*slopes, predictions[0]))[: len(slopes)]
            return sum(xp.sum(v * slope) for v, slope in zip(present, slopes, strict=True))

        # The matrix is symmetric, so the gradient of the derivative along a vector is the product.
        total, pull = self._vjp(backend, "second_derivative_along", along, *chosen.values())
        return pull(xp.ones_like(total))

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
        chosen = self._predictions(backend.xp, head, arrays)

        def value(*predictions: Array) -> Array:
            every = list(arrays)
            for i, prediction in zip(chosen, predictions, strict=True):
                every[i] = prediction
            return self.value(backend.xp, *head, *every, **parameters)

        losses, pull = self._vjp(backend, registered, value, *chosen.values())
        return losses, pull(backend.xp.ones_like(losses) if share is None else share)

    def _predictions(
        self, xp: Namespace, head: Head, arrays: Sequence[Array | None]
    ) -> dict[int, Array]:
        """Return the predictions to differentiate with respect to, by their places.

        One number for all losses is spread: each loss has its own derivative.
        """
        found = {i: x for i in self.signature.predicted if (x := arrays[i]) is not None}
        if head or len(found) == 1:
            return found
        return dict(zip(found, xp.broadcast_arrays(*found.values()), strict=True))

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
                f"as the formula{_MORE.get(registered, '')}"
            )
        return found


def as_tuple(derivative: Any) -> tuple[Array, ...]:
    """Return the derivatives with respect to all predictions as a tuple."""
    return derivative if isinstance(derivative, tuple) else (derivative,)
