"""`Loss` and `@loss`: from a formula to a public function with its gradient, second derivative and options."""

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from ._engine.docstrings import carry_over, with_options
from ._engine.evaluate import evaluate
from ._engine.formulas import Formulas
from ._engine.signature import TEMPORARIES, Signature, read
from .typing import Array, Axis, Namespace

if TYPE_CHECKING:
    # `Loss` alone, in an annotation, means any loss. Type checkers know this module without its
    # being installed; the standard library has defaults of type parameters from Python 3.13 on.
    from typing_extensions import ParamSpec as _ParamSpec

    _Arguments = _ParamSpec("_Arguments", default=...)
else:
    _Arguments = ParamSpec("_Arguments")

P = ParamSpec("P")
Formula = TypeVar("Formula", bound=Callable[..., Any])


class Loss(Generic[_Arguments]):
    """A loss function, made by `loss` from a formula.

    Call it for the reduced loss. Its methods take the same arguments and give derivatives with
    respect to what is predicted, on every array library, whether or not it has autodiff.

    Parameters
    ----------
    formula : callable
        The formula: ``formula(xp, pred, target, /, *, parameter=..., ...)``, with the position of
        the core axes after `xp` where there are any.
    layouts : tuple of str
        Its gufunc signatures; none for a pointwise loss.
    predicted : int or tuple of str
        How many of its arrays, from the first, are predictions, or their names.
    steps : str
        The core dimension that it goes along step by step, or nothing.
    temporaries : int
        How many arrays like the predictions it holds at once, with its derivatives.

    See Also
    --------
    loss : The decorator that makes a `Loss`.
    """

    def __init__(
        self,
        formula: Callable[..., Array],
        layouts: tuple[str, ...] = (),
        predicted: int | tuple[str, ...] = 1,
        steps: str = "",
        temporaries: int = TEMPORARIES,
    ) -> None:
        self.formula = formula
        self.signature: Signature = read(formula, layouts, predicted, steps, temporaries)
        self.formulas = Formulas(self.signature, formula)
        carry_over(self, formula)
        self.__doc__ = with_options(formula.__doc__, self.signature)
        self.__signature__ = self.signature.public

    __name__: str
    __qualname__: str

    def __call__(self, *arrays: _Arguments.args, **options: _Arguments.kwargs) -> Array:
        """Return the reduced loss."""
        return evaluate(self.formulas, (0,), arrays, options)[0]

    def value_and_grad(
        self, *arrays: _Arguments.args, **options: _Arguments.kwargs
    ) -> tuple[Array, Any]:
        """Return the reduced loss and its gradient with respect to what is predicted, in one pass over the data.

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
        value, gradient = evaluate(self.formulas, (0, 1), arrays, options)
        return value, _one_or_all(gradient)

    def grad(self, *arrays: _Arguments.args, **options: _Arguments.kwargs) -> Any:
        """Return the gradient of the reduced loss with respect to what is predicted: see `value_and_grad`."""
        return _one_or_all(*evaluate(self.formulas, (1,), arrays, options))

    def grad_and_hess(
        self, *arrays: _Arguments.args, **options: _Arguments.kwargs
    ) -> tuple[Any, Any]:
        """Return the gradient and the diagonal of the second derivative, for boosting and Newton's method: see `value_and_grad`."""
        gradient, second = evaluate(self.formulas, (1, 2), arrays, options)
        return _one_or_all(gradient), _one_or_all(second)

    def derivative(self, function: Formula) -> Formula:
        """Register the derivative: a function of the formula's arguments that gives an array for each prediction.

        Parameters
        ----------
        function : callable
            Derivative of the value of each loop element with respect to the predictions, before
            weights and reduction. Where several arrays are predicted it returns a tuple.

        Returns
        -------
        callable
            The same function.
        """
        self.formulas.derivatives[1] = function
        return function

    def second_derivative(self, function: Formula) -> Formula:
        """Register the diagonal of the second derivative: see `derivative`."""
        self.formulas.derivatives[2] = function
        return function

    def value_and_derivative(self, function: Formula) -> Formula:
        """Register a function that gives value and derivative, where they share the expensive part: see `derivative`."""
        self.formulas.both = function
        return function

    def value_and_pullback(self, function: Formula) -> Formula:
        """Register a function that gives the values, and gradients that are added up over the rows.

        Parameters
        ----------
        function : callable
            A function of the formula's arguments, with the share of each row in the result before
            the arrays. It gives the value of each row, and for each prediction the gradient of the
            sum of share * value: of an array that all rows share in its own shape, without loop
            axes. That of an optional array that is missing is None.

        Returns
        -------
        callable
            The same function.
        """
        self.formulas.pullback = function
        return function

    def finish(self, function: Formula) -> Formula:
        """Register a function of the reduced loss: the root of the mean squared error, say.

        Parameters
        ----------
        function : callable
            ``function(xp, reduced)``: what becomes of the reduced loss, and the derivative of that.

        Returns
        -------
        callable
            The same function.
        """
        if self.signature.pulls:
            raise TypeError(
                f"{self.__name__}: rows share what is predicted, and no function of the reduced loss goes with that"
            )
        self.formulas.finish = function
        return function

    def __reduce__(self) -> str:
        return self.__qualname__

    def __repr__(self) -> str:
        plain = [
            parameter.replace(annotation=parameter.empty)
            for parameter in self.__signature__.parameters.values()
        ]
        return f"<loss {self.__name__}{inspect.Signature(plain)}>"


def _one_or_all(gradients: Sequence[Array]) -> Any:
    """Return the gradient, or a tuple of several."""
    return gradients[0] if len(gradients) == 1 else tuple(gradients)


@overload
def loss(formula: Callable[Concatenate[Namespace, P], Array], /) -> Loss[P]: ...
@overload
def loss(
    layout: str,
    /,
    *layouts: str,
    predicted: int | tuple[str, ...] = 1,
    steps: str = "",
    temporaries: int = TEMPORARIES,
) -> Callable[[Callable[Concatenate[Namespace, Axis, P], Array]], Loss[P]]: ...
@overload
def loss(
    *, predicted: int | tuple[str, ...] = 1, temporaries: int = TEMPORARIES
) -> Callable[[Callable[Concatenate[Namespace, P], Array]], Loss[P]]: ...
def loss(
    *given: Any,
    predicted: int | tuple[str, ...] = 1,
    steps: str = "",
    temporaries: int = TEMPORARIES,
) -> Any:
    r"""Make a loss of a formula.

    The formula is written once, over an array namespace; what it returns is the loss of each
    element, before weights, mask and reduction, which are the business of the result.

    Parameters
    ----------
    *given : callable or str
        The formula itself, for a pointwise loss: ``formula(xp, pred, target, /, *,
        parameter=default, ...)``. Or gufunc signatures such as ``"(class),()->()"``, one for each
        way to call the loss: then a decorator is returned, for a formula that is handed the
        position of its core axes after `xp`, and reduces over them. The name of a core dimension is
        the name of the option that says where it is: ``class_axis``. Arrays that may be missing
        come after the slash, with None as default: ``formula(xp, pred, target, /, offset=None, *,
        parameter=default, ...)``.
    predicted : int or tuple of str, default 1
        How many of the arrays, from the first, are predictions, or their names: derivatives are
        taken with respect to these.
    steps : str, optional
        The core dimension that the formula goes along step by step. On NumPy more losses are then
        evaluated together: each step has its share of the arrays.
    temporaries : int, default 32
        How many arrays like the predictions, of their dtype, the formula and its derivatives hold
        at once, at most. NumPy evaluates blocks that are the larger the fewer these are: all of
        them together take 8 MiB.

    Returns
    -------
    Loss
        The loss, with the methods `value_and_grad`, `grad` and `grad_and_hess`. Annotations of the
        formula (`typing.Real`, `typing.Positive`, ...) say its domains, which are checked.

    Raises
    ------
    TypeError
        If the formula is not written as said above.
    ValueError
        If a gufunc signature does not fit the formula, or a default is outside its range.

    See Also
    --------
    Loss : What it makes.

    Examples
    --------
    >>> import portable_losses as pl
    >>> from portable_losses.typing import Positive, Real
    >>> @pl.loss
    ... def cauchy(xp, pred: Real, target: Real, /, *, scale: Positive = 1.0):
    ...     return 0.5 * scale**2 * xp.log1p(((pred - target) / scale) ** 2)
    >>> @cauchy.derivative
    ... def _(xp, pred, target, /, *, scale):
    ...     residual = pred - target
    ...     return residual / (1 + (residual / scale) ** 2)
    >>> float(cauchy([1.0, 2.0], [0.0, 2.0], reduction="sum"))
    0.34657359027997264
    >>> cauchy.grad([1.0, 2.0], [0.0, 2.0], reduction="sum")
    array([0.5, 0. ])
    """
    if len(given) == 1 and callable(given[0]):
        return Loss(given[0], (), predicted, steps, temporaries)
    if not all(isinstance(layout, str) for layout in given):
        raise TypeError(
            f"loss decorates one formula, or takes gufunc signatures such as '(class),()->()', not {given!r}"
        )
    return lambda formula: Loss(formula, given, predicted, steps, temporaries)
