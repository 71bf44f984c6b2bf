"""Which losses a test asks, and which libraries: marks, all read by `conftest.py`.

A test that asks for `backend` runs on each library as it is, `compiled_too` under torch.compile and
jax.jit as well; ``@pytest.mark.backends("torch", "jax")`` names the only ones that it is about.
"""

from collections.abc import Iterable

import pytest
from cases import CASES, Case

compiled_too = pytest.mark.compiled_too
"""Compile the test as well; ``compiled_too(typical=True)``: on one loss of each kind, where the test is one of the engine."""


def losses(cases: Iterable[Case]) -> pytest.MarkDecorator:
    """Ask these losses: each as `case`, and each of its settings as `index`, if the test has these arguments."""
    return pytest.mark.losses(tuple(cases))


every_loss = losses(CASES)
one_of_each_kind = losses(case for case in CASES if case.typical)
"""Ask what the engine answers, in the same way for each loss of a kind."""
