"""The references themselves: their derivatives are those that mpmath finds numerically from their values."""

import exact
import numpy as np
import pytest
from cases import CASES, Case, as_exact, as_tuple, example
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


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_errors_of_many_numbers_are_those_of_each(dtype):
    random = np.random.default_rng(3)
    limits = np.finfo(dtype)
    size = np.concatenate([random.uniform(-1, 1, 200), [0.0, 0.0, 1.0, np.inf, np.nan, 1.0, -1.0]])
    power = np.concatenate(
        [
            random.uniform(np.log2(limits.smallest_subnormal), np.log2(limits.max), 200),
            [0, 0, 0, 0, 0, 0, 0],
        ]
    )
    with np.errstate(all="ignore"):
        computed = (size * 2.0**power).astype(dtype)
    with mp.workdps(exact.DIGITS):
        right = [
            mpf(float(x)) * (1 + mpf(2) ** -limits.nmant * 3 * y)
            for x, y in zip(computed, size, strict=True)
        ]
        right[201], right[202], right[203], right[205] = mpf(1), mp.inf, mpf(2) ** 2000, mpf(0)
        right += [exact.Difference(right[0], mpf(1)), exact.Difference(mpf(0), mpf(2) ** 3000)]
        computed = np.concatenate([computed, computed[:2]])
        each = [exact.ulps(x, y, np.dtype(dtype)) for x, y in zip(computed, right, strict=True)]
        np.testing.assert_allclose(
            exact.ulps_of_each(computed, right, np.dtype(dtype)), each, rtol=1e-8
        )
