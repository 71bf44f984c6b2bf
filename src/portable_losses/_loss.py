"""`Loss` and `@loss`: from a formula to a public function with derivatives and options."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from ._engine.docstrings import carry_over, with_options
from ._engine.evaluate import evaluate
from ._engine.formulas import Formulas
from ._engine.partial import Partial, partial
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
    ) -> None:
        self.formula = formula
        self.signature: Signature = read(formula, layouts, predicted, steps, temporaries, absent)
        self.formulas = Formulas(self.signature, formula)
        self.formulas.loss = self
        self._given = layouts, predicted, steps, temporaries, absent
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
        value, gradient = evaluate(self.formulas, (0, 1), arrays, options)
        return value, _one_or_all(gradient)

    def grad(self, *arrays: _Arguments.args, **options: _Arguments.kwargs) -> Any:
        """Return the gradient of the reduced loss: see `value_and_grad`."""
        return _one_or_all(*evaluate(self.formulas, (1,), arrays, options))

    def grad_and_hess(
        self, *arrays: _Arguments.args, **options: _Arguments.kwargs
    ) -> tuple[Any, Any]:
        """Return the gradient and the diagonal of the second derivative.

        Gradient boosting and Newton's method use both. For boosting pass ``reduction="sum"``: each
        sample then has its own gradient and curvature. The default, the mean, divides both by the
        number of samples; limits such as the smallest sum of curvatures in a leaf then stop all
        splits, and nothing is learnt.

        Parameters
        ----------
        *arrays, **options
            Those of the loss.

        Returns
        -------
        gradient : array or tuple of arrays
            As of `value_and_grad`.
        second : array or tuple of arrays
            The second derivative, of the same shape.
        """
        gradient, second = evaluate(self.formulas, (1, 2), arrays, options)
        return _one_or_all(gradient), _one_or_all(second)

    def partial(
        self,
        *arrays: Any,
        group: Any = None,
        groups: int | None = None,
        **options: Any,
    ) -> Partial:
        """Return the sums of a part of the data, which add up to the loss of all of it.

        Both come from one pass over the data. However the data are split, the merged value is that
        of one call, up to rounding: with weights, masks and labels that are left out, and for a
        function of the mean, such as the root of the mean squared error.

        Parameters
        ----------
        *arrays
            Those of the loss.
        group : array of int, optional
            The number of the group of each loss, from 0: then there is a mean for each group.
        groups : int, optional
            How many groups there are; by default up to the largest number.
        **options
            Those of the loss, without `reduction`. With `axis` there is a mean for each group of
            losses along the other axes.

        Returns
        -------
        Partial
            The sums. ``first + second`` and ``sum(parts)`` merge them, and ``value()`` is the loss.
            It can be pickled, and is a pytree of JAX.

        Raises
        ------
        TypeError
            If `reduction` is given, or `axis` beside `group`.
        ValueError
            If `group` does not fit the losses; also what the loss raises.

        Examples
        --------
        >>> import portable_losses as pl
        >>> first = pl.rmse_loss.partial([1.0, 2.0], [0.0, 0.0])
        >>> second = pl.rmse_loss.partial([3.0], [0.0], weights=[0.5])
        >>> float((first + second).value())
        1.9493588689617...
        >>> float(pl.rmse_loss([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], weights=[1.0, 1.0, 0.5]))
        1.9493588689617...
        >>> pl.l1_loss.partial([1.0, 2.0, 4.0], [0.0, 0.0, 0.0], group=[0, 1, 1]).value()
        array([1., 3.])
        """
        return partial(self.formulas, arrays, options, group, groups)

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
        self.formulas.derivatives[1] = function
        return function

    def second_derivative(self, function: Formula) -> Formula:
        """Register the diagonal of the second derivative: see `derivative`."""
        self.formulas.derivatives[2] = function
        return function

    def value_and_derivative(self, function: Formula) -> Formula:
        """Register a function that returns the value and the derivative.

        Use it if the two share an expensive part: see `derivative`.
        """
        self.formulas.both = function
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
        self.formulas.pullback = function
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
        self.formulas.finish = function
        return function

    def __reduce__(self) -> Any:
        """Pickle by its name what can be imported by its name, and others by their parts.

        So cloudpickle can send a loss that is defined in a notebook or in a function to a worker.
        """
        if _is_importable(self):
            return self.__qualname__
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

    def __get__(self, instance: Any, owner: Any = None) -> "Loss[_Arguments]":
        """Return the loss itself: it binds no instance of a class that holds it.

        `help` takes it for a function because of this method, and shows its signature.
        """
        return self

    def __repr__(self) -> str:
        return f"<loss {self.__name__}{self.__signature__}>"


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
    absent: tuple[float, ...] = (),
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
    absent: tuple[float, ...] = (),
) -> Any:
    r"""Turn a formula into a loss.

    The formula is written once, over an array namespace. It returns the loss of each element. The
    result adds weights, masks and reductions.

    Parameters
    ----------
    *given : callable or str
        The formula itself, for a pointwise loss: ``formula(xp, pred, target, /, *,
        parameter=default, ...)``. Or gufunc signatures such as ``"(class),()->()"``, one for each
        way to call the loss. Then a decorator is returned. Its formula receives the position of its
        core axes after `xp`, and reduces over them. The name of a core dimension is the name of the
        option for its position: ``class_axis``. Optional arrays come after the slash, with None as
        default: ``formula(xp, pred, target, /, offset=None, *, parameter=default, ...)``.
    predicted : int or tuple of str, default 1
        The number of predictions, which are the first arrays, or their names. Derivatives are taken
        with respect to these.
    steps : str, optional
        The core dimension along which the formula takes steps, or the parameter that counts them.
        On NumPy more losses are then evaluated together, because a step along a core dimension
        needs only a part of the arrays. ``torch.compile`` does not trace the steps: for it the loss
        is one operation.
    temporaries : int, default 16
        The largest number of arrays like the predictions that the formula and its derivatives need
        at once. NumPy evaluates larger blocks if it is small: all temporaries of a block together
        have 8 MiB.
    absent : tuple of float, optional
        For each array the number that adds nothing to a row where the row has it, as 0 in both of
        two regions. Then a mask `where` of the shape of the predictions leaves out entries of rows.
        A formula that counts entries takes the mask instead, as an optional array ``keep=None``.

    Returns
    -------
    Loss
        The loss, with the methods `value_and_grad`, `grad` and `grad_and_hess`. Annotations of the
        formula (`typing.Real`, `typing.Positive`, ...) state its domains, which are checked.

    Raises
    ------
    TypeError
        If the formula does not have this form.
    ValueError
        If a gufunc signature does not fit the formula, or a default is outside its range.

    See Also
    --------
    Loss : The type of the result.

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
            "loss decorates one formula, or takes gufunc signatures such as '(class),()->()', "
            f"not {given!r}"
        )
    return lambda formula: Loss(formula, given, predicted, steps, temporaries, absent)
