"""Slopes of a function by differences, and how accurate they are: no derivative is trusted."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..typing import Array

_HALVINGS = 10
"""How often the step is halved: near a kink, or where the function bends, only small steps fit."""

_COLUMNS = 5
"""How many powers of the step the extrapolation removes."""

_TOLERANCE = 1e-6
"""The relative difference between a derivative and a slope that is no fault."""

_TRUST = 10.0
"""How many estimated errors a slope may be off."""


class Slope(NamedTuple):
    """A slope, and an estimate of its error."""

    number: Array
    error: Array

    def margin(self, like: Array) -> Array:
        """Return how far a derivative may be from the slope."""
        largest = np.maximum(np.abs(self.number), np.abs(like))
        return _TOLERANCE * largest + _TRUST * self.error


class Slopes(NamedTuple):
    """The slope of a function at a point, from both sides and from each."""

    both: Slope
    left: Slope
    right: Slope

    def smooth(self) -> Array:
        """Return where the slopes of the two sides are the same: at a kink they differ."""
        left, right = self.left, self.right
        margin = left.margin(right.number) + right.margin(left.number)
        return np.abs(left.number - right.number) <= margin

    def agree(self, derivative: Array) -> Array:
        """Return where a derivative is the slope, or at a kink lies between those of the sides."""
        number, margin = self.both.number, self.both.margin(derivative)
        unknown = ~np.isfinite(number)
        margins = self.left.margin(derivative) + self.right.margin(derivative)
        low = np.minimum(self.left.number, self.right.number) - margins
        high = np.maximum(self.left.number, self.right.number) + margins
        same = np.abs(derivative - number) <= margin
        return unknown | same | ((low <= derivative) & (derivative <= high))


def slopes(function: Callable[[float], Array], step: float) -> Slopes:
    """Return the slopes at 0 of a function from a number to an array, from steps up to a size."""
    here = function(0.0)
    steps = [step / 2**k for k in range(_HALVINGS)]
    up, down = ([function(sign * h) for h in steps] for sign in (1, -1))
    pairs = list(zip(steps, up, down, strict=True))
    return Slopes(
        _extrapolated([_quotient(a, b, 2 * h) for h, a, b in pairs], 4),
        _extrapolated([_quotient(here, b, h) for h, _, b in pairs], 2),
        _extrapolated([_quotient(a, here, h) for h, a, _ in pairs], 2),
    )


def _quotient(above: Array, below: Array, step: float) -> Slope:
    """Return a quotient of differences, and its rounding error."""
    size = np.maximum(np.abs(above), np.abs(below))
    error = np.where(above == below, 0.0, np.finfo(np.float64).eps * size / step)
    return Slope((above - below) / step, error)


def _extrapolated(quotients: Sequence[Slope], power: int) -> Slope:
    """Extrapolate quotients to step 0, by Ridders; keep the number with the smallest error.

    Halving the step divides the first error by `power`, the next by its square, and so on.
    """
    best = Slope(quotients[0].number, np.full_like(quotients[0].number, np.inf))
    above: list[Array] = []
    for quotient in quotients:
        row = [quotient.number]
        for before in above[: _COLUMNS - 1]:
            factor = float(power ** len(row))
            number = row[-1] + (row[-1] - before) / (factor - 1)
            change = np.maximum(np.abs(number - row[-1]), np.abs(number - before))
            error = change + quotient.error
            better = error < best.error
            best = Slope(np.where(better, number, best.number), np.where(better, error, best.error))
            row.append(number)
        above = row
    return best
