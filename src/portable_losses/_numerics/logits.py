"""The logits of which a softmax is taken, from those that a model returns."""

from math import inf
from typing import Any, NamedTuple

from ..typing import Array, Namespace
from .standard import is_exactly


class LogitScale(NamedTuple):
    """A bound c of the logits, if there is one, and their divisor T: c * tanh(z / c) / T."""

    softcap: Any
    temperature: Any

    def scaled(self, xp: Namespace, logits: Array) -> Array:
        """Return the scaled logits; -inf, which masks a class, stays."""
        if self.softcap is not None:
            bounded = self.softcap * xp.tanh(logits / self.softcap)
            logits = xp.where(logits == -inf, logits, bounded)
        return logits if is_exactly(self.temperature, 1) else logits / self.temperature

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
