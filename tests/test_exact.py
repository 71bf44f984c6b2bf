"""The references themselves: their derivatives agree with numerical derivatives by mpmath."""

from functools import partial

import exact
import numpy as np
import pytest
from cases import CASES, Case, as_exact, as_tuple, example
from exact.condition import DIGITS, condition
from mpmath import mp, mpf

EACH = [
    pytest.param(case, index, id=f"{case}-{index}")
    for case in CASES
    for index in range(len(case.parameters))
]


@pytest.mark.parametrize(("case", "index"), EACH)
def test_derivatives_of_the_references(case: Case, index: int) -> None:
    drawn = example(case, index, "float64")
    reference = case.reference(drawn.parameters)
    some = len(drawn.value) if len(case.core) < 2 else 1  # a set takes its time
    with mp.workdps(exact.DIGITS):
        for place in range(some):
            point = [as_exact(x[place]) for x in drawn.arrays]
            found = reference(*point)
            for i in range(case.predicted):
                for entry in np.ndindex(
                    *(1 for _ in case.core[:-1]), *drawn.arrays[i].shape[drawn.value.ndim :][-1:]
                ):
                    for order in range(1, len(found)):
                        check(reference, point, i, entry, order, as_tuple(found[order])[i])


def number(found):
    return found.exact if isinstance(found, exact.Difference) else found


def at(nested, entry):
    """Return an entry of a number, a row, or a row of rows."""
    return at(nested[entry[0]], entry[1:]) if entry else nested


def moved(nested, entry, x):
    """Return the same with another number there."""
    if not entry:
        return x
    return (*nested[: entry[0]], moved(nested[entry[0]], entry[1:], x), *nested[entry[0] + 1 :])


def check(reference, point, i, entry, order, found):
    def along(x):
        return number(reference(*point[:i], moved(point[i], entry, x), *point[i + 1 :])[0])

    found = number(at(found, entry))
    expected = mp.diff(along, at(point[i], entry), order)
    assert abs(found - expected) <= mpf("1e-12") * max(1, abs(expected)), (point, i, entry, order)


@pytest.mark.parametrize(
    ("function", "point", "moved"),
    [
        (lambda x, y: ((x - y) ** 2, 2 * (x - y)), (3, mpf("0.5")), (17.5, 7)),
        (lambda x, y: (abs(x - y), mp.sign(x - y)), (mpf("1.5"), mpf("1.5")), (3, 0)),  # a kink
        (lambda x, y: (max(x, y), x), (mpf("2.5"), -mp.inf), (2.5, 2.5)),
        (lambda x, y: (x * y, y), (mpf("0.5"), 1), (0.5, 0)),  # a label
    ],
)
def test_condition(function, point, moved):
    with mp.workdps(DIGITS):
        found = condition(function, tuple(map(mpf, point)), (0,))
    assert [float(x) for (x,) in found] == pytest.approx(moved)


def test_condition_counts_every_entry_and_the_parameters():
    function = partial(
        lambda row, scale: (sum(row) * scale, [x * scale for x in row]), scale=mpf(3)
    )
    with mp.workdps(DIGITS):
        value, first = condition(function, [(mpf(1), mpf(-2))], (0,))
    assert [float(x) for x in (*value, *first)] == pytest.approx([3 + 6 + 3, 6, 12])
