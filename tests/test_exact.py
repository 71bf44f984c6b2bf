"""The references themselves: their derivatives are those that mpmath finds numerically from their values."""

import exact
import numpy as np
import pytest
from cases import CASES, Case, as_exact, as_tuple, example
from mpmath import mp, mpf

EACH = [pytest.param(case, index, id=f"{case}-{index}") for case in CASES for index in range(len(case.parameters))]


@pytest.mark.parametrize(("case", "index"), EACH)
def test_derivatives_of_the_references(case: Case, index: int) -> None:
    drawn = example(case, index, "float64")
    reference = case.reference(drawn.parameters)
    with mp.workdps(exact.DIGITS):
        for place in range(len(drawn.value)):
            point = [as_exact(x[place]) for x in drawn.arrays]
            for i in range(case.predicted):
                for entry in np.ndindex(drawn.arrays[i].shape[1:]):
                    for order in range(1, len(reference(*point))):
                        check(reference, point, i, entry, order)


def number(found):
    return found.exact if isinstance(found, exact.Difference) else found


def with_entry(rows, entry, x):
    if not entry:
        return x
    k, *rest = entry
    return (*rows[:k], with_entry(rows[k], rest, x), *rows[k + 1 :])


def check(reference, point, i, entry, order):
    def along(x):
        return number(reference(*point[:i], with_entry(point[i], entry, x), *point[i + 1 :])[0])

    at, found = point[i], as_tuple(reference(*point)[order])[i]
    for k in entry:
        at, found = at[k], found[k]
    found = number(found)
    expected = mp.diff(along, at, order)
    assert abs(found - expected) <= mpf("1e-12") * max(1, abs(expected)), (point, i, entry, order)
