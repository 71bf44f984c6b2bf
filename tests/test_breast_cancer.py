"""Real data: the example trains as well as scikit-learn does, and alike on every library."""

import runpy
from functools import cache
from pathlib import Path

import pytest
from marks import compiled_too

EXAMPLE = Path(__file__).parent.parent / "examples" / "breast_cancer.py"


@cache
def example():
    return runpy.run_path(str(EXAMPLE))


@cache
def reference():
    """Return the loss of scikit-learn, and the result of the example on NumPy in float64."""
    return example()["scikit_learn"]()[0], example()["train"]("NumPy", lambda x: x, progress=False)


@compiled_too
@pytest.mark.backends("numpy", "torch", "jax")
def test_the_example_ends_where_scikit_learn_does(backend, dtype):
    compiled = {}
    if backend.base == "jax":
        import jax

        compiled = {"compiled": jax.jit}
    of_scikit_learn, (of_numpy, accuracy_of_numpy) = reference()
    loss, accuracy = example()["train"](
        backend.name, lambda x: backend.asarray(x, dtype), **compiled, progress=False
    )
    assert loss == pytest.approx(of_scikit_learn, rel=0, abs=1e-3)
    assert accuracy == accuracy_of_numpy == 1
    if dtype == "float64":
        assert loss == pytest.approx(of_numpy, rel=1e-9)
