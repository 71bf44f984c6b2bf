"""Every value and derivative against exact arithmetic, on every backend: `cases.contract`.

`references` has the points and the exact results; `cases` has the sweeps.
"""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from accuracy import measured
from cases import SWEEPS, Sweep, as_tuple
from cases.contract import Order
from exact.arithmetic import finfo
from marks import once_a_library
from references import exactly, load, points

import portable_losses as pl
from portable_losses import special

EACH = [pytest.param(sweep, id=sweep.name) for sweep in SWEEPS]


FIRST = {sweep.function: sweep for sweep in reversed(SWEEPS)}
COMPILED = [
    pytest.param(sweep, kind, id=f"{kind}-{sweep.name}")
    for kind, chosen in (("float32", SWEEPS), ("float64", tuple(FIRST.values())))
    for sweep in chosen
]
"""Each sweep takes JAX a second to compile: in float64 it compiles one of each loss."""


@once_a_library
@pytest.mark.backends("numpy", "strict", "torch", "dask", "cupy")
@pytest.mark.parametrize("sweep", EACH)
def test_no_error_is_larger_than_the_contract_allows(
    sweep: Sweep, backend: Any, dtype: str
) -> None:
    holds(sweep, backend, dtype)


@once_a_library
@pytest.mark.backends("jax")
@pytest.mark.parametrize(("sweep", "kind"), COMPILED)
def test_no_error_of_compiled_losses_is_larger(sweep: Sweep, backend: Any, kind: str) -> None:
    holds(sweep, backend, kind if kind in backend.dtypes else "float32")


def holds(sweep: Sweep, backend: Any, dtype: str) -> None:
    """Assert that the contract holds at all points of a sweep."""
    found = list(measured(sweep, backend, dtype))
    assert all(worst.ratio <= 1 for worst in found), "; ".join(
        f"{sweep.name}, {dtype}, {worst}" for worst in found if not worst.ratio <= 1
    )


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("sweep", EACH)
def test_16_bits_are_as_good_as_float32_rounded(sweep: Sweep, kind: type) -> None:
    limits = finfo(np.dtype(kind))
    for reference in load(sweep, np.dtype(np.float32)):
        with np.errstate(over="ignore"):
            narrow = [x if x.dtype.kind == "i" else x.astype(kind) for x in reference.batch]
        wide = [x if x.dtype.kind == "i" else x.astype(np.float32) for x in narrow]
        for order in range(sweep.orders):
            # Rounding may have moved a number to the end of its domain
            with pl.validation(False):
                found, right = (as_tuple(sweep.compute(order, *x)) for x in (narrow, wide))
            for here, there in zip(found, right, strict=True):
                assert here.dtype == kind
                with np.errstate(over="ignore"):
                    rounded = there.astype(kind).astype(np.float64)
                np.testing.assert_allclose(
                    here.astype(np.float64),
                    rounded,
                    rtol=float(limits.eps),
                    atol=float(limits.smallest_subnormal),
                )


@pytest.mark.parametrize("sweep", EACH)
def test_the_references_are_those_of_the_points(sweep: Sweep) -> None:
    """The points equal those drawn today, up to rounding, and the first is exact."""
    for kind in (np.float32, np.float64):
        dtype = np.dtype(kind)
        for kept, batch in zip(load(sweep, dtype), points(sweep, dtype), strict=True):
            for x, y in zip(kept.batch, batch, strict=True):
                np.testing.assert_allclose(x, y, rtol=1e-4, err_msg="run: python tests/references")
    first = kept.some(slice(1))
    again = exactly(sweep, first.batch, dtype)
    for order, other in zip(first.orders, again.orders, strict=True):
        for name, part, recomputed in zip(Order._fields, order, other, strict=True):
            np.testing.assert_array_equal(part, recomputed, err_msg=name)


def test_every_loss_and_special_function_is_swept() -> None:
    public = [name for name in pl.__all__ if isinstance(getattr(pl, name), pl.Loss)]
    public += [
        name for name in special.__all__ if isinstance(getattr(special, name), special.Special)
    ]
    assert {sweep.function for sweep in SWEEPS} == set(public)
