"""The cases of all losses, for tests that apply to each, and the sweeps of `test_accuracy`.

Every module of this folder is found automatically; a family has `CASES` and `SWEEPS`.
"""

from importlib import import_module
from pkgutil import iter_modules

from .case import CLASSES, ROWS, Batch, Case, Example, Sweep, as_exact, as_tuple, example

__all__ = [
    "CASES",
    "CLASSES",
    "EACH",
    "IDS",
    "ROWS",
    "SWEEPS",
    "Batch",
    "Case",
    "Example",
    "Sweep",
    "as_exact",
    "as_tuple",
    "example",
]

FAMILIES = tuple(import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))

CASES: tuple[Case, ...] = tuple(x for family in FAMILIES for x in getattr(family, "CASES", ()))
SWEEPS: tuple[Sweep, ...] = tuple(x for family in FAMILIES for x in getattr(family, "SWEEPS", ()))

EACH = [(case, index) for case in CASES for index in range(len(case.parameters))]
IDS = [f"{case}-{index}" for case, index in EACH]
