"""Losses and special functions by their textbook formulas, in mpmath with 50 digits.

Nothing here is written for speed or against overflow, as it is in the library: mpmath has no
largest number. Each function gives the value, the derivative and the second derivative; a tuple of
derivatives where several arrays are predicted, a list for a row. Where a result is a difference of
two terms which may cancel, a `Difference` keeps the larger of them: no formula can know the result
more precisely than the terms it is made of. `test_exact` holds the derivatives against mpmath's
own.
"""

from collections.abc import Callable
from typing import Any

from . import (
    binary,
    deviance,
    divergence,
    embedding,
    multiclass,
    multilabel,
    probabilistic,
    ranking,
    redundancy,
    regression,
    robust,
    segmentation,
    sequence,
    special,
    transport,
)
from .arithmetic import DIGITS, Difference, flat, ulps

__all__ = ["DIGITS", "Difference", "flat", "of", "ulps"]

FAMILIES = (
    regression,
    robust,
    probabilistic,
    deviance,
    binary,
    multiclass,
    divergence,
    multilabel,
    segmentation,
    sequence,
    ranking,
    embedding,
    redundancy,
    special,
    transport,
)


def of(name: str) -> Callable[..., Any]:
    """Return the exact function of a public name."""
    found: Callable[..., Any] = next(
        vars(family)[name] for family in FAMILIES if name in vars(family)
    )
    return found
