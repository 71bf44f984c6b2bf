"""A loss with its parameters, as the wrappers of this package keep it."""

import inspect
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from .._loss import Loss
from ..typing import Array


class Bound:
    """A loss with its parameters. Those that are bound to it are among them.

    Parameters
    ----------
    wrapper : str
        The public function, for messages.
    loss : Loss
        The loss.
    parameters : mapping
        Its parameters and options.
    reserved : tuple of str, optional
        The options that the wrapper sets itself.
    """

    def __init__(
        self,
        wrapper: str,
        loss: Any,
        parameters: Mapping[str, Any],
        reserved: tuple[str, ...] = ("reduction", "weights", "where", "axis"),
    ) -> None:
        if not isinstance(loss, Loss):
            raise TypeError(
                f"{wrapper}: loss must be a loss of portable_losses, or one made by "
                f"`portable_losses.loss`, with its parameters beside it; got {loss!r}"
            )
        base: Loss[...] = loss.formulas.loss
        bound = {key: x for key, x in loss.bound.items() if x is not base.bound.get(key, base)}
        loss, parameters = base, {**bound, **parameters}
        known = inspect.signature(loss).parameters
        for name in parameters:
            if name in reserved:
                raise TypeError(f"{wrapper}: {name} is set for every call; leave it out here")
            if name not in known or name in loss.signature.arguments:
                taken = (*loss.signature.arguments, *reserved)
                settings = [key for key in known if key not in taken]
                raise TypeError(
                    f"{wrapper}: {loss.expression} has no parameter {name!r}; it has "
                    f"{', '.join(settings) or 'none'}"
                )
        loss.bind(**parameters)  # checks their values
        self.wrapper = wrapper
        self.loss: Loss[...] = loss
        self.parameters = dict(parameters)

    def one_prediction(self) -> None:
        """Check that the loss compares one prediction with one target."""
        signature = self.loss.signature
        required = [name for name in signature.arguments if name not in signature.optional]
        if len(required) != 2 or signature.predicted != (0,):
            raise TypeError(
                f"{self.wrapper}: the loss must have one prediction and one target, but "
                f"{self.loss.expression} has the arrays {', '.join(signature.arguments)}"
            )

    def count_classes(self, target: Array) -> int:
        """Return the number of classes of labels, of which the largest is the last."""
        count = int(target.max(initial=0)) + 1 if target.dtype.kind in "iub" else 0
        self.loss(np.zeros((len(target), max(count, 2))), target, **self.parameters)  # checks them
        return count

    @property
    def name(self) -> str:
        """The name of the loss."""
        return str(self.loss.expression)

    @property
    def core(self) -> tuple[str, ...]:
        """The core dimensions of the predictions; none if the loss is pointwise."""
        return self.loss.signature.core

    @property
    def takes_elements(self) -> bool:
        """Whether the loss may compare each prediction with its target, as well or only."""
        return any(not any(way) for way in self.loss.signature.ways)

    @property
    def takes_labels(self) -> bool:
        """Whether the target may hold class labels, one for a row of predictions."""
        signature = self.loss.signature
        return any(domains[signature.target].labels for domains in signature.domains)

    @property
    def takes_signs(self) -> bool:
        """Whether the target holds -1 and +1."""
        signature = self.loss.signature
        return signature.domains[0][signature.target].members == (-1.0, 1.0)

    @property
    def summary(self) -> str:
        """The arguments of the wrapper, as a call has them."""
        settings = "".join(f", {key}={value!r}" for key, value in self.parameters.items())
        return f"{self.name}{settings}"


def check_switch(wrapper: str, name: str, value: Any) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{wrapper}: {name} must be True or False, got {value!r}")


def is_number(x: Any) -> bool:
    """Return whether an argument is one real number; True and False are none."""
    return isinstance(x, Real) and not isinstance(x, bool)
