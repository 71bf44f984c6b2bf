"""Marks of tests, which `conftest.py` reads: the losses and the libraries of a test.

A test that asks for `backend` runs on each library of the run as it is, one that is `compiled_too`
under torch.compile and jax.jit as well. ``@pytest.mark.backends("torch", "jax")`` names the only
libraries that a test is about.
"""

from collections.abc import Iterable

import pytest
from cases import CASES, Case

compiled_too = pytest.mark.compiled_too
once_a_library = pytest.mark.once_a_library
"""Test once per library: flags, devices and compilers do not change the errors of a result."""


def losses(cases: Iterable[Case], elsewhere: Iterable[Case] | None = None) -> pytest.MarkDecorator:
    """Ask these losses: each as `case`, and each of its settings as `index`.

    With `elsewhere`, the backends that are not thorough ask only those.
    """
    cases = tuple(cases)
    return pytest.mark.losses(cases, cases if elsewhere is None else tuple(elsewhere))


KINDS = tuple(case for case in CASES if case.typical)

every_loss = losses(CASES)
one_of_each_kind = losses(KINDS)
"""Test the engine, which treats all losses of a kind alike."""
every_loss_where_fast = losses(CASES, KINDS)
"""Test formulas and the engine together; on other backends one loss of each kind."""
