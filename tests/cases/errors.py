"""The errors of a sweep, for the test that bounds them and for the table that shows them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import exact
import numpy as np
from mpmath import mp

from .case import Batch, Sweep, as_exact, as_tuple


class Error(NamedTuple):
    """How far a computed number is from the exact one."""

    ulps: float
    found: Any
    expected: Any
    point: Batch
    """The numbers, or rows, that it was computed from."""
    part: int
    """Which of the predictions the derivative is one of."""


def exact_results(sweep: Sweep, batches: Sequence[Batch]) -> list[list[tuple[Any, ...]]]:
    """Return for each order the exact results of all points, or rows, one for each prediction."""
    with mp.workdps(exact.DIGITS):
        found = [
            sweep.exact(*point)
            for batch in batches
            for point in zip(*map(as_exact, batch), strict=True)
        ]
    return [[as_tuple(orders[order]) for orders in found] for order in range(sweep.orders)]


def errors(
    batches: Sequence[Batch], computed: Sequence[Any], right: Sequence[Any], dtype: np.dtype
) -> Iterator[Error]:
    """Compare what was computed of each batch with the exact results, number by number."""
    rest = iter(right)
    for batch, of_batch in zip(batches, computed, strict=True):
        numbers = [
            (i, part, here, there)
            for i, expected in zip(range(len(batch[0])), rest, strict=False)
            for part, (found, wanted) in enumerate(zip(as_tuple(of_batch), expected, strict=True))
            for here, there in zip(np.ravel(found[i]), exact.flat(wanted), strict=True)
        ]
        with mp.workdps(exact.DIGITS):
            off = exact.ulps_of_each(
                [here for *_, here, _ in numbers], [there for *_, there in numbers], dtype
            )
        for (i, part, here, there), ulps in zip(numbers, off.tolist(), strict=True):
            yield Error(ulps, here, there, tuple(x[i] for x in batch), part)
