"""The product of the Hessian with a vector: a loss of more arrays, evaluated as any gradient is.

The product is the gradient of the derivative along the vector. So its formulas are those of a loss
that takes a vector for each prediction, and whose derivative is the product for each row. Weights,
masks, reductions, blocks and chunks are then those of a gradient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._backends import NUMBER, Backend
from ..typing import Array, Domain
from .arrays import read
from .evaluate import evaluate
from .formulas import Formulas, Head, Orders
from .given import by_name
from .shapes import differ
from .signature import Signature

VECTOR = "vector"


class HessianProduct(Formulas):
    """The formulas of the product, beside those of the loss.

    Parameters
    ----------
    of : Formulas
        The formulas of the loss.
    """

    def __init__(self, of: Formulas) -> None:
        super().__init__(_with_vectors(of.signature), of.value)
        self.of, self.loss = of, of.loss

    def __reduce__(self) -> Any:
        """Pickle the product as that of its loss."""
        return product_of, (self.of,)

    @property
    def modules(self) -> frozenset[str]:
        """The modules of the loss."""
        return self.of.modules

    def knows(self, order: int) -> bool:
        """Return whether the product needs no autodiff."""
        return order == 1 and self.of.knows_product()

    def compute(
        self,
        backend: Backend,
        orders: Orders,
        head: Head,
        arrays: Sequence[Array | None],
        parameters: Mapping[str, Any],
    ) -> list[Any]:
        """Return the product for each row; what needs the losses as well gets those of the loss."""
        own, vectors = self._apart(arrays)
        return [
            self.of.product(backend, head, own, vectors, parameters)
            if order
            else self.of.compute(backend, (0,), head, own, parameters)[0]
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
        """Return the products for predictions that rows share. Nobody asks for the value."""
        own, vectors = self._apart(arrays)
        return share, self.of.product(backend, head, own, vectors, parameters, share)

    def _apart(
        self, arrays: Sequence[Array | None]
    ) -> tuple[Sequence[Array | None], Sequence[Array | None]]:
        number = len(self.of.signature.arguments)
        return arrays[:number], arrays[number:]


def product_of(formulas: Formulas) -> HessianProduct:
    """Return the formulas of the product, which a loss keeps."""
    if formulas.hessian_product is None:
        formulas.hessian_product = HessianProduct(formulas)
    found: HessianProduct = formulas.hessian_product
    return found


def hessian_product(
    formulas: Formulas, arrays: Sequence[Any], options: Mapping[str, Any]
) -> list[Array]:
    """Return the products for all predictions. The vector is the last array, or an option."""
    name = formulas.name
    if formulas.finish is not None:
        raise NotImplementedError(
            f"{name} is a function of the reduced loss, and has no hessian_product; minimise the "
            "loss inside, such as mse_loss for rmse_loss: the minimum is the same"
        )
    if VECTOR not in options and arrays:
        arrays, options = arrays[:-1], {**options, VECTOR: arrays[-1]}
    own = dict(options)
    vector = own.pop(VECTOR, None)
    signature = formulas.signature
    required = [key for key in signature.arguments if key not in signature.optional]
    count = len(arrays) + sum(key in signature.arguments for key in own)
    if vector is None or count < len(required):
        raise TypeError(
            f"{name}.hessian_product takes {len(required) + 1} arrays "
            f"({', '.join((*required, VECTOR))}), got {count + (vector is not None)}"
        )
    arrays, options = by_name(formulas, arrays, own)
    rest = dict(options)
    given = dict(zip(signature.arguments, arrays, strict=False))
    predicted = [signature.arguments[i] for i in signature.predicted]
    names = dict(zip(predicted, vectors_of(signature), strict=True))
    present = [key for key in predicted if given.get(key) is not None]
    if len(predicted) == 1:
        vector = (vector,)
    elif not isinstance(vector, (tuple, list)) or len(vector) != len(present):
        found = len(vector) if isinstance(vector, (tuple, list)) else type(vector).__name__
        raise TypeError(
            f"{name}: vector must be a tuple of {len(present)} arrays, one for each prediction "
            f"({', '.join(present)}), got {found}"
        )
    for key, x in zip(present, vector, strict=True):
        _check_shape(name, key, given[key], names[key], x)
    rest |= {names[key]: x for key, x in zip(present, vector, strict=True)}
    products: list[Array] = evaluate(product_of(formulas), (1,), arrays, rest)[0]
    return products


def vectors_of(signature: Signature) -> list[str]:
    """Return the names of the vectors in messages: those of one argument, `vector`."""
    number = len(signature.predicted)
    return [VECTOR] if number == 1 else [f"{VECTOR}[{i}]" for i in range(number)]


def _check_shape(name: str, key: str, prediction: Any, of: str, vector: Any) -> None:
    """Refuse a vector of another shape than its prediction: it would be broadcast."""
    if isinstance(vector, NUMBER):
        return
    shapes = [
        () if isinstance(x, NUMBER) else tuple(read(name, each, x)[1].shape)
        for each, x in ((key, prediction), (of, vector))
    ]
    if differ(*shapes):
        raise ValueError(
            f"{name}: {of} must have the shape of {key}, {shapes[0]}, but its shape is {shapes[1]}"
        )


def _with_vectors(signature: Signature) -> Signature:
    """Return the signature with a vector for each prediction, behind the other arrays."""
    names, start = vectors_of(signature), len(signature.arguments)
    predicted = signature.predicted
    return replace(
        signature,
        arguments=(*signature.arguments, *names),
        ways=tuple((*way, *(way[i] for i in predicted)) for way in signature.ways),
        domains=tuple(
            (*domains, *(Domain("real numbers", shared=domains[i].shared) for i in predicted))
            for domains in signature.domains
        ),
        common=signature.common
        | {start + k for k, i in enumerate(predicted) if i in signature.common},
        optional=signature.optional
        | {
            name
            for name, i in zip(names, predicted, strict=True)
            if signature.arguments[i] in signature.optional
        },
        absent=(*signature.absent, *(0.0 for _ in predicted)) if signature.absent else (),
        steps="",  # a compiler would find the loss under its name
    )
