"""Which losses a test asks, and which libraries: marks, which `conftest.py` reads.

A test that asks for `backend` runs on each library of the run as it is, one that is `compiled_too`
under torch.compile and jax.jit as well. ``@pytest.mark.backends("torch", "jax")`` names the only
libraries that a test is about.
"""

from collections.abc import Iterable

import pytest
from cases import CASES, Case

compiled_too = pytest.mark.compiled_too
once_a_library = pytest.mark.once_a_library
"""Ask what no flag, device or compiler changes: the digits of a result."""


def losses(cases: Iterable[Case], elsewhere: Iterable[Case] | None = None) -> pytest.MarkDecorator:
    """Ask these losses: each as `case`, and each of its settings as `index`.

    With `elsewhere`, the backends that are not thorough ask only those.
    """
    cases = tuple(cases)
    return pytest.mark.losses(cases, cases if elsewhere is None else tuple(elsewhere))


KINDS = tuple(case for case in CASES if case.typical)

every_loss = losses(CASES)
one_of_each_kind = losses(KINDS)
"""Ask what the engine answers in the same way for every loss of a kind."""
every_loss_where_fast = losses(CASES, KINDS)
"""Ask what formulas and the engine answer together: on other backends one of each kind."""
