"""The accuracy contract.

A result f of inputs x is right if it is off by no more than

    factor * ulp(f) + 2 * eps * sum(|x * df/dx|),

that is `factor` units in the last place beside what moving each input by 2 units in its last place
would do, or by no more than `factor` times the smallest normal number: some processors and
compilers take all smaller numbers for 0. The factor is 4; that of second derivatives and of losses
of sets is 16, and that of lgamma, powers and long sums 8. Where f is a difference by nature, the
unit is that of its largest term. Infinity is right only where f is so large.
"""

from typing import Any, NamedTuple

import numpy as np

from .case import Batch, Sweep, as_tuple

LONG = 8
"""With more entries than this a row is a long sum."""
NONE = -(2**15)
"""Stands for the exponent of 0."""
FINE = 16
"""The factor of logarithms of conditions before they are rounded to integers."""
STEPS = 250
"""The number of parts of the spacing of numbers, for the error of a rounded number."""


class Order(NamedTuple):
    """The exact results of one order, by points and by the entries of all predictions."""

    nearest: np.ndarray
    """The nearest numbers of the dtype."""
    rest: np.ndarray
    """The errors of these numbers, in 1/STEPS of the spacing of numbers there."""
    term: np.ndarray
    """The binary exponents of the largest terms, where these are larger than the results."""
    condition: np.ndarray
    """FINE times the binary logarithms of sum(|x * df/dx|), rounded up."""


class Reference(NamedTuple):
    """Points of one shape, and the exact results."""

    batch: Batch
    orders: tuple[Order, ...]

    def some(self, chosen: Any) -> "Reference":
        """Return some of the points, by an index or a mask."""
        return Reference(
            tuple(x[chosen] for x in self.batch),
            tuple(Order(*(x[chosen] for x in order)) for order in self.orders),
        )


class Errors(NamedTuple):
    """The errors of all results of one order of a `Reference`."""

    found: np.ndarray
    exact: np.ndarray
    ratios: np.ndarray
    """Errors divided by the allowed error."""
    ulps: np.ndarray
    """Errors in units of the last place."""


def factor(sweep: Sweep, order: int, reference: Reference) -> float:
    """Return the allowed error of a result, in units in the last place."""
    long = max(np.prod(x.shape[1:]) for x in reference.batch) > LONG
    return max(sweep.factor, 16.0 if order == 2 else 8.0 if long else 4.0)


def errors(
    sweep: Sweep, order: int, reference: Reference, computed: Any, dtype: np.dtype
) -> Errors:
    """Compare computed with exact results."""
    right = reference.orders[order]
    parts = [np.asarray(part) for part in as_tuple(computed)]
    count = len(reference.batch[0])
    found = np.concatenate([part.reshape(count, -1) for part in parts], axis=1)
    return Errors(
        found,
        right.nearest,
        *_compared(
            found.astype(np.float64), right, factor(sweep, order, reference), np.finfo(dtype)
        ),
    )


def _compared(
    found: np.ndarray, right: Order, factor: float, limits: np.finfo
) -> tuple[np.ndarray, np.ndarray]:
    largest = float(limits.max)
    nearest = right.nearest.astype(np.float64)
    with np.errstate(all="ignore"):
        within = nearest.clip(-largest, largest)
        unit = _spacing(_exponent(within), limits)
        ulp = _spacing(np.maximum(_exponent(within), right.term), limits)
        moved = np.exp2(right.condition / FINE + 1 - limits.nmant) * (right.condition > NONE)
        allowed = np.maximum(factor * ulp + moved, factor * float(limits.smallest_normal))
        error = np.abs((found.clip(-largest, largest) - within) - right.rest / STEPS * unit)
        # Next to the largest number infinity is as good as that
        wrong = np.isnan(found) != np.isnan(nearest)
        wrong |= np.isinf(found) & (found != nearest) & (np.abs(within) + allowed < largest)
        wrong |= np.isinf(nearest) & (found != nearest) & (np.abs(found) + allowed < largest)
        error = np.where(
            wrong,
            np.inf,
            np.where(np.isnan(nearest) | (found == nearest) & (right.rest == 0), 0.0, error),
        )
        return error / allowed, error / ulp


def _exponent(x: np.ndarray) -> np.ndarray:
    return np.where(x == 0, NONE, np.frexp(x)[1] - 1)


def _spacing(exponent: np.ndarray, limits: np.finfo) -> np.ndarray:
    return np.ldexp(1.0, exponent.clip(limits.minexp, limits.maxexp - 1) - limits.nmant)
