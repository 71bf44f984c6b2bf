"""The references themselves: their derivatives are those that mpmath finds numerically from their values."""

import exact
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
                entries = range(len(point[i])) if isinstance(point[i], tuple) else [None]
                for entry in entries:
                    for order in range(1, len(reference(*point))):
                        check(reference, point, i, entry, order)


def number(found):
    return found.exact if isinstance(found, exact.Difference) else found


def check(reference, point, i, entry, order):
    def along(x):
        moved = x if entry is None else (*point[i][:entry], x, *point[i][entry + 1 :])
        return number(reference(*point[:i], moved, *point[i + 1 :])[0])

    at = point[i] if entry is None else point[i][entry]
    found = as_tuple(reference(*point)[order])[i]
    found = found if entry is None else found[entry]
    found = number(found)
    expected = mp.diff(along, at, order)
    assert abs(found - expected) <= mpf("1e-12") * max(1, abs(expected)), (point, i, entry, order)
