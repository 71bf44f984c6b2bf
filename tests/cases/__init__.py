"""The cases of all losses, for tests that apply to each, and the sweeps of `test_accuracy`."""

from . import (
    binary,
    deviance,
    divergence,
    embedding,
    embedding_sets,
    multiclass,
    multiclass_margin,
    multilabel,
    probabilistic,
    ranking,
    regression,
    robust,
    segmentation,
    sequence,
    special,
    transport,
    vocabulary,
)
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

FAMILIES = (
    regression,
    robust,
    probabilistic,
    deviance,
    binary,
    multiclass,
    multiclass_margin,
    divergence,
    multilabel,
    segmentation,
    sequence,
    ranking,
    embedding,
    embedding_sets,
    transport,
    vocabulary,
)

CASES = tuple(case for family in FAMILIES for case in family.CASES)
SWEEPS = tuple(sweep for family in (*FAMILIES, special) for sweep in family.SWEEPS)

EACH = [(case, index) for case in CASES for index in range(len(case.parameters))]
IDS = [f"{case}-{index}" for case, index in EACH]
