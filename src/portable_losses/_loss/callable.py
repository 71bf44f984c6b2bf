"""`Loss`: a public function with derivatives and options, from its formulas."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from .._engine.binding import bound_docstring, bound_signature, check_bound
from .._engine.combined import Combined, Term, bound_name, check_factor, short
from .._engine.docstrings import carry_over, of_sum, with_options
from .._engine.evaluate import evaluate
from .._engine.formulas import Formulas
from .._engine.signature import TEMPORARIES, Signature, read
from ..typing import Array

if TYPE_CHECKING:
    # `Loss` alone, in an annotation, means any loss. Type checkers know this module without its
    # being installed; the standard library has defaults of type parameters from Python 3.13 on.
    from typing_extensions import ParamSpec as _ParamSpec

    _Arguments = _ParamSpec("_Arguments", default=...)
else:
    _Arguments = ParamSpec("_Arguments")

Formula = TypeVar("Formula", bound=Callable[..., Any])


class Loss(Generic[_Arguments]):
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
        The core dimension along which the formula takes steps; empty by default.
    temporaries : int
        The number of arrays like the predictions that the formula and its derivatives need at once.

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
    ) -> None:
        signature = read(formula, layouts, predicted, steps, temporaries)
        self._given = layouts, predicted, steps, temporaries
        self._evaluates(Formulas(signature, formula), {})
        carry_over(self, formula)
        self.__doc__ = with_options(formula.__doc__, signature)

    __name__: str
    __qualname__: str
    __array_ufunc__ = None  # a factor that is a NumPy scalar leaves the product to the loss

    def _evaluates(self, formulas: Formulas, bound: Mapping[str, Any]) -> None:
        """Evaluate these formulas, with what is bound as the defaults."""
        formulas.loss = formulas.loss or self
        self.formulas, self.bound = formulas, bound
        self.formula: Callable[..., Array] = formulas.value
        self.signature: Signature = formulas.signature
        self.__signature__ = bound_signature(formulas.signature.public, bound)

    def __call__(self, *arrays: _Arguments.args, **options: _Arguments.kwargs) -> Array:
        """Return the reduced loss."""
        return evaluate(
            self.formulas, (0,), arrays, {**self.bound, **options} if self.bound else options
        )[0]

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
            f"{self.__name__}: a loss can be added to another loss, not to {_kind(other)}; "
            "add it to the result"
        )

    def __radd__(self, other: Any) -> "Loss[...]":
        return self.__add__(other)

    def __sub__(self, other: Any) -> "Loss[...]":
        return self + (-other if isinstance(other, Loss) else other)

    def __mul__(self, factor: Any) -> "Loss[...]":
        if not isinstance(factor, Real):
            raise TypeError(
                f"{self.__name__}: the factor of a loss must be a number, not {_kind(factor)}; "
                "multiply the result by it"
            )
        by = check_factor(self.__name__, factor)
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

    def value_and_grad(
        self, *arrays: _Arguments.args, **options: _Arguments.kwargs
    ) -> tuple[Array, Any]:
        """Return the reduced loss and its gradient with respect to the predictions.

        Both come from one pass over the data.

        Parameters
        ----------
        *arrays, **options
            Those of the loss.

        Returns
        -------
        value : array
            The loss.
        gradient : array or tuple of arrays
            Of the shape of the predictions; a tuple where the loss has several. With `axis` or
            ``reduction="none"`` it is the gradient of the sum of the result.
        """
        value, gradient = evaluate(
            self.formulas, (0, 1), arrays, {**self.bound, **options} if self.bound else options
        )
        return value, _one_or_all(gradient)

    def grad(self, *arrays: _Arguments.args, **options: _Arguments.kwargs) -> Any:
        """Return the gradient of the reduced loss: see `value_and_grad`."""
        return _one_or_all(
            *evaluate(
                self.formulas, (1,), arrays, {**self.bound, **options} if self.bound else options
            )
        )

    def grad_and_hess(
        self, *arrays: _Arguments.args, **options: _Arguments.kwargs
    ) -> tuple[Any, Any]:
        """Return the gradient and the diagonal of the second derivative.

        Gradient boosting and Newton's method use both: see `value_and_grad`.
        """
        gradient, second = evaluate(
            self.formulas, (1, 2), arrays, {**self.bound, **options} if self.bound else options
        )
        return _one_or_all(gradient), _one_or_all(second)

    def derivative(self, function: Formula) -> Formula:
        """Register the derivative, a function of the formula's arguments.

        Parameters
        ----------
        function : callable
            Derivative of the value of each loop element with respect to the predictions, before
            weights and reduction. With several predictions it returns a tuple of arrays.

        Returns
        -------
        callable
            The same function.
        """
        self._own().derivatives[1] = function
        return function

    def second_derivative(self, function: Formula) -> Formula:
        """Register the diagonal of the second derivative: see `derivative`."""
        self._own().derivatives[2] = function
        return function

    def value_and_derivative(self, function: Formula) -> Formula:
        """Register a function that returns the value and the derivative.

        Use it if the two share an expensive part: see `derivative`.
        """
        self._own().both = function
        return function

    def value_and_pullback(self, function: Formula) -> Formula:
        """Register a function that returns the values, and gradients added up over the rows.

        Parameters
        ----------
        function : callable
            A function of the formula's arguments, with the share of each row in the result before
            the arrays. It returns the value of each row, and for each prediction the gradient of
            the sum of share * value. The gradient of an array that all rows share has the shape of
            that array, without loop axes. The gradient of a missing optional array is None.

        Returns
        -------
        callable
            The same function.
        """
        self._own().pullback = function
        return function

    def finish(self, function: Formula) -> Formula:
        """Register a function of the reduced loss, such as the root of the mean squared error.

        Parameters
        ----------
        function : callable
            ``function(xp, reduced)``, which returns the final loss and its derivative with respect
            to the reduced loss.

        Returns
        -------
        callable
            The same function.
        """
        if self.signature.pulls:
            raise TypeError(
                f"{self.__name__}: finish() cannot be combined with predictions shared by all rows"
            )
        self._own().finish = function
        return function

    def _own(self) -> Formulas:
        """Return the formulas, unless they belong to other losses."""
        if self.bound or isinstance(self.formulas, Combined):
            raise TypeError(
                f"{self.__name__}: register formulas with the loss itself, before it is bound or "
                "added to another"
            )
        return self.formulas

    def __reduce__(self) -> Any:
        """Pickle by its name what can be imported by its name, and others by their parts.

        So cloudpickle can send a loss that is defined in a notebook or in a function to a worker.
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
        return _assembled, (self.__qualname__, self.formula, self._given, functions)

    def __copy__(self) -> "Loss[_Arguments]":
        return self

    def __deepcopy__(self, memo: Any) -> "Loss[_Arguments]":
        return self

    def __repr__(self) -> str:
        plain = [
            parameter.replace(annotation=parameter.empty, default=short(parameter.default))
            for parameter in self.__signature__.parameters.values()
        ]
        combined = isinstance(self.formulas, Combined) and self.formulas.loss is self
        name = f"({self.__name__})" if combined else self.__name__
        return f"<loss {name}{inspect.Signature(plain)}>"


def _bound(loss: Loss[...], bound: Mapping[str, Any]) -> Loss[...]:
    """Return a loss with other defaults."""
    made: Loss[...] = Loss.__new__(Loss)
    made._evaluates(loss.formulas, bound)
    own = {key: value for key, value in bound.items() if value is not loss.bound.get(key, loss)}
    made.__module__ = loss.__module__
    made.__name__ = made.__qualname__ = bound_name(loss.__name__, own)
    made.__doc__ = bound_docstring(loss.__doc__, own)
    return made


def _sum(terms: Sequence[Term]) -> Loss[...]:
    """Return a sum of losses as one loss."""
    made: Loss[...] = Loss.__new__(Loss)
    formulas = Combined(terms)
    made._evaluates(formulas, formulas.bound)
    made.__module__ = terms[0].formulas.loss.__module__
    made.__name__ = made.__qualname__ = formulas.name
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


def _assembled(
    name: str,
    formula: Callable[..., Array],
    given: tuple[Any, ...],
    functions: Mapping[str, Callable[..., Any]],
) -> Loss[...]:
    """Put a loss together from its parts."""
    loss: Loss[...] = Loss(formula, *given)
    loss.__qualname__ = name
    for method, function in functions.items():
        getattr(loss, method)(function)
    return loss


def _one_or_all(gradients: Sequence[Array]) -> Any:
    """Return the gradient, or a tuple of several."""
    return gradients[0] if len(gradients) == 1 else tuple(gradients)
