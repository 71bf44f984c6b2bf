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
    __name__: str
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
        self._key = ""  # a copy that was sent before lacks what is registered now
        return self.formulas
