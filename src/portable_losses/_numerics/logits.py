"""The logits of which a softmax is taken, from those that a model returns."""

from math import inf
from typing import Any, NamedTuple

from ..typing import Array, Axis, Namespace
from .standard import is_exactly


class LogitScale(NamedTuple):
    """A bound c of the logits, if there is one, and their divisor T: c * tanh(z / c) / T."""

    softcap: Any
    temperature: Any

    def scaled(self, xp: Namespace, logits: Array) -> Array:
        """Return the scaled logits; -inf, which masks a class, stays."""
        logits = self._bounded(xp, logits)
        return logits if is_exactly(self.temperature, 1) else logits / self.temperature

    def relative(self, xp: Namespace, logits: Array, axis: Axis) -> tuple[Array, Any]:
        """Return the scaled logits relative to an origin of each row, and the origin.

        The temperature divides differences: the largest logit minus itself is 0 also where a
        compiler does not round a quotient that it subtracts from.
        """
        logits = self._bounded(xp, logits)
        if is_exactly(self.temperature, 1):
            return logits, 0.0
        top = xp.max(logits, axis=axis, keepdims=True)
        return (logits - top) / self.temperature, top / self.temperature

    def _bounded(self, xp: Namespace, logits: Array) -> Array:
        if self.softcap is None:
            return logits
        return xp.where(logits == -inf, logits, self.softcap * xp.tanh(logits / self.softcap))

    def slope(self, xp: Namespace, logits: Array, slope: Array) -> Array:
        """Return a derivative with respect to the logits, from that by the scaled ones.

        The derivative of tanh(x), 1 - tanh(x)**2, would cancel.
        """
        if self.softcap is not None:
            slope = slope * (4 * xp.logistic_density(2 / self.softcap * logits))
        return slope if is_exactly(self.temperature, 1) else slope / self.temperature

    def bend(self, xp: Namespace, logits: Array, bend: Array, slope: Array) -> Array:
        """Return a second derivative with respect to the logits, from both by the scaled ones."""
        bend = self.slope(xp, logits, self.slope(xp, logits, bend))
        if self.softcap is None:
            return bend
        turn = 2 / self.softcap * xp.tanh(logits / self.softcap)
        return bend - self.slope(xp, logits, slope) * turn
