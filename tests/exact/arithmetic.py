"""Errors in units of the last place, and common functions of the references."""

from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from mpmath import mp, mpf

DIGITS = 50

Exact = Any
"""An mpmath number. mpmath has no types."""


def finfo(dtype: np.dtype) -> Any:
    """Return the limits of a dtype of NumPy, or of the bfloat16 of ml_dtypes."""
    return np.finfo(dtype) if dtype.kind == "f" else ml_dtypes.finfo(dtype)


class Difference(NamedTuple):
    """A number, and the larger of the two terms of which it is the difference."""

    exact: Exact
    term: Exact


def difference(left: Exact, right: Exact) -> Difference:
    return Difference(left - right, max(abs(left), abs(right)))


def flat(result: Any) -> list[Any]:
    """Return the numbers of a result: of one, of a row, or of a row of rows."""
    return (
        [number for part in result for number in flat(part)]
        if isinstance(result, list)
        else [result]
    )


def ulps(computed: Any, exact: Exact | Difference, dtype: np.dtype) -> float:
    """Return the error of a computed number in ulp of the exact result.

    Infinity is right where the exact number rounds to it, and wrong everywhere else.
    """
    exact, term = exact if isinstance(exact, Difference) else (exact, None)
    if mp.isnan(exact) or np.isnan(computed):
        return 0.0 if mp.isnan(exact) and np.isnan(computed) else np.inf
    rounded = nearest(exact, dtype)
    if mp.isinf(rounded) or np.isinf(computed):
        return 0.0 if rounded == mpf(float(computed)) else np.inf
    largest = rounded if term is None else nearest(max(abs(exact), term), dtype)
    return float(abs(mpf(float(computed)) - exact) / spacing(largest, dtype))


def nearest(exact: Exact, dtype: np.dtype) -> Exact:
    """Round to the nearest number of a dtype, ties to even, infinities and subnormals included."""
    if exact == 0 or mp.isinf(exact):
        return exact
    unit = spacing(exact, dtype)
    rounded = mp.nint(exact / unit) * unit
    return mp.sign(rounded) * mp.inf if abs(rounded) > mpf(float(finfo(dtype).max)) else rounded


def spacing(exact: Exact, dtype: np.dtype) -> Exact:
    """Return the distance between the numbers of a dtype around a number."""
    limits = finfo(dtype)
    if mp.isinf(exact):  # a term that overflows where the difference does not
        return mp.ldexp(1, int(limits.maxexp) - 1 - limits.nmant)
    exponent = max(mp.frexp(exact)[1] - 1, limits.minexp) if exact else limits.minexp
    return mp.ldexp(1, int(min(exponent, limits.maxexp - 1)) - limits.nmant)


def product(left: Exact, right: Exact) -> Exact:
    return left * right if left else mpf(0)  # 0 * inf is 0


def ratio(numerator: Exact, denominator: Exact) -> Exact:
    if denominator == 0:
        return mp.sign(numerator) * mp.inf if numerator else mpf(0)
    return numerator / denominator


def surplus(q: Exact) -> Exact:
    """Return -log(1 - q) - q, whose first terms cancel, for q up to 1/2."""
    if q < mpf(2) ** -40:
        return sum(q**k / k for k in range(2, 8))
    with mp.extradps(30):
        return -mp.log1p(-q) - q


def odds(logits: tuple[Exact, ...]) -> list[Exact]:
    """Return for each entry of a row the sum of the other exponentials, divided by its own."""
    return _odds(logits, mp.prec)


@cache
def _odds(logits: tuple[Exact, ...], precision: int) -> list[Exact]:
    exponentials = [mp.exp(z - max(logits)) if z > -mp.inf else mpf(0) for z in logits]
    before = accumulate(exponentials[:-1], initial=mpf(0))
    after = [*accumulate(exponentials[:0:-1], initial=mpf(0))][::-1]
    return [
        (left + right) / own if own else mp.inf
        for left, right, own in zip(before, after, exponentials, strict=True)
    ]
