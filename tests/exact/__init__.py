"""Losses and special functions by their textbook formulas, in mpmath with 50 digits.

The formulas are written neither for speed nor against overflow: mpmath has no largest number. Each
function returns the value, the derivative and the second derivative. A derivative is a tuple where
several arrays are predicted, and a list for a row. Where a result is a difference of two terms that
may cancel, a `Difference` keeps the larger term: no formula can know the result more precisely than
its terms. `test_exact` compares the derivatives with those that mpmath finds from the values.

Every module of this folder is found automatically.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from .arithmetic import DIGITS, Difference, flat, ulps

__all__ = ["DIGITS", "Difference", "flat", "of", "ulps"]

FAMILIES = tuple(import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))


def of(name: str) -> Callable[..., Any]:
    """Return the exact function of a public name."""
    found: Callable[..., Any] = next(
        vars(family)[name] for family in FAMILIES if name in vars(family)
    )
    return found
