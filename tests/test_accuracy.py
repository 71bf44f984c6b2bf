"""Every value and derivative against exact arithmetic, from the smallest to the largest numbers: worst error 4 ulp.

A unit in the last place (ulp) is the distance of neighbouring numbers around the correctly rounded
result. Where the result is a difference that cancels, it is that around the larger of the two
terms. float16 and bfloat16 are evaluated in float32 and rounded once: 1 ulp of their own. What is
swept is in `cases`.
"""

from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from cases import SWEEPS, Batch, Sweep, as_tuple, errors, exact_results

import portable_losses as pl
from portable_losses import special

LIMITS = {np.float32: np.inf, np.float64: np.inf, np.float16: 1.0, ml_dtypes.bfloat16: 1.0}
"""The limits of the dtypes; that of float32 and float64 is said by the sweep."""

ORDERS = ("value", "derivative", "second_derivative")


# tests of one sweep follow each other; all of them would take gigabytes
@lru_cache(maxsize=len(LIMITS))
def exactly(sweep: Sweep, dtype: np.dtype) -> tuple[list[Batch], list[list[tuple[Any, ...]]]]:
    """Return the numbers of a sweep, and for each order the exact results of each point or row, one for each prediction."""
    # 16 bits make few numbers, and float32 has been seen already
    thinned = slice(None, None, 16 if dtype.itemsize == 2 else 1)
    batches = [
        # Older versions of NumPy make float32 of bfloat16 and a Python number.
        tuple(x[thinned] if x.dtype.kind == "i" else x[thinned].astype(dtype) for x in batch)
        for batch in sweep.batches(dtype)
    ]
    return batches, exact_results(sweep, batches)


def worst(sweep: Sweep, dtype: np.dtype, order: int) -> tuple[float, str]:
    """Return the worst error in ulp, and where it is."""
    batches, results = exactly(sweep, dtype)
    computed = [as_tuple(sweep.compute(order, *batch)) for batch in batches]
    assert all(x.dtype == dtype for of_batch in computed for x in of_batch)
    off, found, expected, point, part = max(
        errors(batches, computed, results[order], dtype), key=lambda error: error.ulps
    )
    where = f"{found!r} instead of {expected} at ({', '.join(map(repr, point))})"
    return off, where + (f", part {part}" if part else "")


@pytest.mark.parametrize("kind", LIMITS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("sweep", "order"),
    [
        pytest.param(sweep, order, id=f"{sweep.name} {ORDERS[order]}")
        for sweep in SWEEPS
        for order in range(sweep.orders)
    ],
)
def test_every_digit_but_the_last_is_right(sweep: Sweep, order: int, kind: type) -> None:
    error, where = worst(sweep, np.dtype(kind), order)
    assert error <= min(LIMITS[kind], sweep.limit), f"{error:.3g} ulp: {where}"


def test_every_loss_and_special_function_is_swept() -> None:
    public = [name for name in pl.__all__ if isinstance(getattr(pl, name), pl.Loss)]
    public += [
        name for name in special.__all__ if isinstance(getattr(special, name), special.Special)
    ]
    assert {sweep.name.split()[0] for sweep in SWEEPS} == set(public)
