"""`Loss`: a public function with derivatives and options, from its formulas."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

from .._engine.binding import bound_docstring, bound_signature, check_bound
from .._engine.combined import Combined, Term, bound_name, check_factor, short
from .._engine.docstrings import carry_over, of_sum, with_options
from .._engine.formulas import Formulas
from .._engine.signature import TEMPORARIES, Signature, read
from ..typing import Array
from .evaluated import Arguments, Evaluated
from .registry import Registry


class Loss(Evaluated[Arguments], Registry):
    """A loss function, made by `loss` from a formula.

    Call it for the reduced loss. Its methods take the same arguments and return derivatives with
    respect to the predictions, on every array library, with or without autodiff.

    Parameters
    ----------
    formula : callable
        The formula: ``formula(xp, pred, target, /, *, parameter=..., ...)``. If it has core
        dimensions, the position of their axes follows `xp`.
    layouts : tuple of str
        Its gufunc signatures; none for a pointwise loss.
    predicted : int or tuple of str
        The number of predictions, which are its first arrays, or their names.
    steps : str
        The core dimension or the parameter that counts the steps of the formula; empty by default.
    temporaries : int
        The number of arrays like the predictions that the formula and its derivatives need at once.
    absent : tuple of float
        For each array the number that adds nothing to a row; empty if there is none.
    diagonal : bool
        Whether the second derivative of each loss is a diagonal matrix.
    sums : str
        The core dimension whose entries meet only in sums; empty by default.

    See Also
    --------
    loss : The decorator that creates a `Loss`.
    """

    def __init__(
        self,
        formula: Callable[..., Array],
        layouts: tuple[str, ...] = (),
        predicted: int | tuple[str, ...] = 1,
        steps: str = "",
        temporaries: int = TEMPORARIES,
        absent: tuple[float, ...] = (),
        diagonal: bool = False,
        sums: str = "",
    ) -> None:
        self._given = layouts, predicted, steps, temporaries, absent, diagonal, sums
        signature = read(formula, *self._given)
        self._evaluates(Formulas(signature, formula), {})
        carry_over(self, formula)
        self._expression = self.__name__
        self.__doc__ = with_options(formula.__doc__, signature)

    __name__: str
    __qualname__: str
    __array_ufunc__ = None  # a factor that is a NumPy scalar leaves the product to the loss

    def _evaluates(self, formulas: Formulas, bound: Mapping[str, Any]) -> None:
        """Evaluate these formulas, with what is bound as the defaults."""
        formulas.loss = formulas.loss or self
        self.formulas, self.bound, self._key = formulas, bound, ""
        self.formula: Callable[..., Array] = formulas.value
        self.signature: Signature = formulas.signature
        self.__signature__ = bound_signature(formulas.signature.public, bound)

    @property
    def expression(self) -> str:
        """The expression that makes this loss: its name, or how it is bound or added up."""
        return self._expression

    def bind(self, **options: Any) -> "Loss[...]":
        """Return this loss with other defaults for some of its parameters and options.

        Parameters
        ----------
        **options
            Parameters and options of the loss, numbers as well as arrays. A call can still replace
            them, and so can another `bind`.

        Returns
        -------
        Loss
            The new loss, which has all methods of this one except those that register a formula.

        Raises
        ------
        TypeError, ValueError
            If the loss has no such option, or its value is out of range.

        Examples
        --------
        >>> import portable_losses as pl
        >>> loss = pl.huber_loss.bind(delta=2.0, reduction="sum")
        >>> loss
        <loss huber_loss.bind(delta=2.0, reduction='sum')(pred, target, /, *, delta=2.0, ...)>
        >>> loss.grad([0.0, 5.0], [1.0, 1.0])
        array([-1.,  2.])
        >>> float(loss([0.0, 5.0], [1.0, 1.0], reduction="mean"))
        3.25
        """
        check_bound(self.formulas, options)
        return _bound(self.formulas.loss, {**self.bound, **options}) if options else self

    def __add__(self, other: Any) -> "Loss[...]":
        if isinstance(other, Loss):
            return _sum([*self._terms(), *other._terms()])
        if isinstance(other, Real) and other == 0:  # where the built-in `sum` begins
            return self
        raise TypeError(
            f"{self.expression}: a loss can be added to another loss, not to {_kind(other)}; "
            "add it to the result"
        )

    def __radd__(self, other: Any) -> "Loss[...]":
        return self.__add__(other)

    def __sub__(self, other: Any) -> "Loss[...]":
        return self + (-other if isinstance(other, Loss) else other)

    def __mul__(self, factor: Any) -> "Loss[...]":
        if not isinstance(factor, Real):
            raise TypeError(
                f"{self.expression}: the factor of a loss must be a number, not {_kind(factor)}; "
                "multiply the result by it"
            )
        by = check_factor(self.expression, factor)
        return _sum([term._replace(factor=by * term.factor) for term in self._terms()])

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> "Loss[...]":
        return self * (1 / divisor if isinstance(divisor, Real) else divisor)

    def __neg__(self) -> "Loss[...]":
        return -1.0 * self

    def _terms(self) -> list[Term]:
        """Return the losses that this one adds up."""
        if isinstance(self.formulas, Combined):
            return self.formulas.terms_with(self.bound)
        return [Term(1.0, self.formulas, self.bound)]

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same losses, with the same factors and what is bound."""
        if not isinstance(other, Loss):
            return NotImplemented
        return self is other or self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        """Return what equal losses have in common: an array is equal to itself alone."""
        return tuple(
            (factor, id(formulas), frozenset((k, _comparable(x)) for k, x in bound.items()))
            for factor, formulas, bound in self._terms()
        )

    def __reduce__(self) -> Any:
        """Pickle by its name what can be imported by its name, and others by their parts.

        So cloudpickle can send a loss that is defined in a notebook or in a function to a worker.
        What comes back is the same loss: parts of a mean from several workers add up.
        """
        if _is_importable(self):
            return self.__qualname__
        if self.formulas.loss is not self:
            return _bound, (self.formulas.loss, self.bound)
        if isinstance(self.formulas, Combined):
            terms = self._terms()
            return _sum_of, ([(term.factor, term.formulas.loss, term.bound) for term in terms],)
        registered = vars(self.formulas.registered).items()
        functions = {key: function for key, function in registered if function is not None}
        _name_for_pickle(self.formula, f"{self.__qualname__}.formula")
        for key, function in functions.items():
            _name_for_pickle(function, f"{self.__qualname__}.formulas.registered.{key}")
        self._key = self._key or uuid4().hex
        _sent[self._key] = self
        return _assembled, (self._key, self.__qualname__, self.formula, self._given, functions)

    def __copy__(self) -> "Loss[Arguments]":
        return self

    def __deepcopy__(self, memo: Any) -> "Loss[Arguments]":
        return self

    def __get__(self, instance: Any, owner: Any = None) -> "Loss[Arguments]":
        """Return the loss itself: it binds no instance of a class that holds it.

        `help` takes it for a function because of this method, and shows its signature.
        """
        return self

    def __repr__(self) -> str:
        plain = [
            parameter.replace(annotation=parameter.empty, default=short(parameter.default))
            for parameter in self.__signature__.parameters.values()
        ]
        combined = isinstance(self.formulas, Combined) and self.formulas.loss is self
        name = f"({self.expression})" if combined else self.expression
        return f"<loss {name}{inspect.Signature(plain)}>"


def _bound(loss: Loss[...], bound: Mapping[str, Any]) -> Loss[...]:
    """Return a loss with other defaults."""
    made: Loss[...] = Loss.__new__(Loss)
    made._evaluates(loss.formulas, bound)
    own = {key: value for key, value in bound.items() if value is not loss.bound.get(key, loss)}
    made.__module__ = loss.__module__
    made.__name__ = loss.__name__
    made.__qualname__ = made._expression = bound_name(loss.expression, own)
    made.__doc__ = bound_docstring(loss.__doc__, own)
    return made


def _sum(terms: Sequence[Term]) -> Loss[...]:
    """Return a sum of losses as one loss."""
    made: Loss[...] = Loss.__new__(Loss)
    formulas = Combined(terms)
    made._evaluates(formulas, formulas.bound)
    made.__module__ = terms[0].formulas.loss.__module__
    made.__name__ = "sum_of_losses"
    made.__qualname__ = made._expression = formulas.name
    made.__doc__ = bound_docstring(of_sum(formulas), made.bound)
    return made


def _sum_of(parts: Sequence[tuple[float, Loss[...], Mapping[str, Any]]]) -> Loss[...]:
    """Put a sum of losses together."""
    return _sum([Term(factor, loss.formulas, bound) for factor, loss, bound in parts])


def _kind(value: Any) -> str:
    """Return what was given in place of a loss or a number."""
    return (
        repr(value)
        if isinstance(value, (Real, str))
        else f"an object of type {type(value).__name__}"
    )


def _is_importable(loss: Loss[...]) -> bool:
    """Return whether another process finds a loss under its name."""
    found: Any = sys.modules.get(loss.__module__)
    for part in loss.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is loss and loss.__module__ != "__main__"


def _name_for_pickle(function: Any, name: str) -> None:
    """Name a function of a script by its place: its own name is that of the loss."""
    if getattr(function, "__module__", "") == "__main__":
        function.__qualname__ = name


_sent: WeakValueDictionary[str, Loss[...]] = WeakValueDictionary()
"""The losses of this process that were sent by their parts, or have come so."""


def _assembled(
    key: str,
    name: str,
    formula: Callable[..., Array],
    given: tuple[Any, ...],
    functions: Mapping[str, Callable[..., Any]],
) -> Loss[...]:
    """Put a loss together from its parts, unless it is here already."""
    if (known := _sent.get(key)) is not None:
        return known
    formula.__qualname__ = name
    loss: Loss[...] = Loss(formula, *given)
    for method, function in functions.items():
        getattr(loss, method)(function)
    loss._key, _sent[key] = key, loss
    return loss


def _comparable(value: Any) -> Any:
    """Return a bound value that has a hash: for others, such as arrays, their identity."""
    plain = isinstance(value, (Real, str, tuple, type(None)))
    return value if plain else (type(value), id(value))
