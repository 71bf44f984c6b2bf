"""Threads for blocks: identical results and the same errors."""

import threading
from typing import Any

import numpy as np
import pytest
from arguments import WAYS, arguments, many, methods, parts

import portable_losses as pl
from portable_losses._backends.numpy import workers as _workers

MANY = (1000, 300)


def same(found: Any, wanted: Any) -> None:
    for one, other in zip(parts(found), parts(wanted), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_results_do_not_depend_on_the_number_of_threads(loss: Any, way: int) -> None:
    loop = many(loss, MANY if not loss.signature.core else (40_000,))
    given = arguments(loss, way, loop)
    weights = np.random.default_rng(1).uniform(0, 2, loop)
    for method in methods(loss):
        for options in ({}, {"weights": weights}, {"axis": 0}, {"reduction": "none"}):
            wanted = getattr(loss, method)(*given, **options)
            with pl.set_workers(3):
                same(getattr(loss, method)(*given, **options), wanted)


def test_threads_are_used_and_counted() -> None:
    seen: set[int] = set()
    together = threading.Barrier(1)

    @pl.loss
    def traced(xp: Any, pred: Any, target: Any, /) -> Any:
        if threading.get_ident() not in seen:
            seen.add(threading.get_ident())
            together.wait(60)
        return pred - target

    pred, own = np.ones(10**6), {threading.get_ident()}
    traced(pred, 0.0)
    assert seen == own
    seen.clear()
    together = threading.Barrier(3)  # all of them have to be there at once
    with pl.set_workers(3):
        traced(pred, 0.0)
        assert len(seen) == 3
        assert own < seen
    seen.clear()
    together = threading.Barrier(1)
    with pl.set_workers(3):
        traced(pred[:100], 0.0)
    traced(pred, 0.0)
    assert seen == own


def test_settings_nest_and_count_from_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "_cores", lambda: 8)
    current = _workers._workers.get
    assert current() == 1
    with pl.set_workers(-1):
        assert current() == 8
        with pl.set_workers(np.int64(3)), pl.set_workers(-2):
            assert current() == 7
        assert current() == 8
    assert current() == 1


def test_there_is_a_core() -> None:
    assert _workers._cores() >= 1


@pytest.mark.parametrize(
    ("workers", "error"),
    [
        (0, ValueError),
        (-10_000, ValueError),
        (1.5, TypeError),
        (None, TypeError),
        (True, TypeError),
    ],
)
def test_a_number_that_makes_no_sense(workers: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="set_workers: workers must be"), pl.set_workers(workers):
        pass


def test_errors_and_settings_reach_the_threads() -> None:
    """The error names the first bad value, whichever thread finds one first; no thread warns."""
    probability = np.full(10**6, 0.5)
    probability[[700_000, 900_000]] = 2.0, 3.0
    with pl.set_workers(2):
        with pytest.raises(ValueError, match=r"pred\[700000\] is 2.0"):
            pl.binary_cross_entropy(probability, 1.0)
        with pl.validation(False):
            found = pl.binary_cross_entropy(probability, 1.0)  # and no error
            assert found == pytest.approx(-np.log(probability).mean(), rel=1e-12)
        certain = np.zeros(10**6)
        assert pl.binary_cross_entropy(certain, 1.0, eps=0.0) == np.inf
