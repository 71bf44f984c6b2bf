"""How a loss gets its formulas for derivatives."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .._engine.combined import Combined
from .._engine.formulas import Formulas

Formula = TypeVar("Formula", bound=Callable[..., Any])


class Registry:
    """The decorators that register formulas with a loss."""

    formulas: Formulas
    bound: Mapping[str, Any]
    _expression: str
    _key: str
    """What tells it from all other losses, once it was sent to another process by its parts."""

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

    def second_derivative_along(self, function: Formula) -> Formula:
        """Register the product of the second derivative with a vector, for `hessian_product`.

        A loss of single elements with one prediction needs none: its second derivative is
        multiplied by the vector. Other losses need one on a library without autodiff.

        Parameters
        ----------
        function : callable
            A function of the formula's arguments, with a vector for each prediction behind the
            arrays. It returns the matrix of the second derivatives of each loop element times the
            vector: a prediction's part has the shape of that prediction.

        Returns
        -------
        callable
            The same function.

        Examples
        --------
        >>> import portable_losses as pl
        >>> @pl.loss("(class),(class)->()")
        ... def distance(xp, axis, pred, target, /):
        ...     return xp.sqrt(xp.sum((pred - target) ** 2, axis=axis))
        >>> @distance.second_derivative_along
        ... def _(xp, axis, pred, target, vector, /):
        ...     residual = pred - target
        ...     norm = xp.sqrt(xp.sum(residual**2, axis=axis, keepdims=True))
        ...     unit = residual / norm
        ...     return (vector - unit * xp.sum(unit * vector, axis=axis, keepdims=True)) / norm
        >>> distance.hessian_product([3.0, 4.0], [0.0, 0.0], [1.0, 0.0])
        array([ 0.128, -0.096])
        """
        self._own().along = function
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
        if self.formulas.signature.pulls:
            raise TypeError(
                f"{self._expression}: finish() cannot be combined with predictions shared by all "
                "rows"
            )
        self._own().finish = function
        return function

    def _own(self) -> Formulas:
        """Return the formulas, unless they belong to other losses."""
        if self.bound or isinstance(self.formulas, Combined):
            raise TypeError(
                f"{self._expression}: register formulas with the loss itself, before it is bound "
                "or added to another"
            )
        self._key = ""  # a copy that was sent before lacks what is registered now
        return self.formulas
