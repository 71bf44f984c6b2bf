"""Sweeps of the special functions."""

from collections.abc import Callable
from functools import partial
from typing import Any

import exact
import numpy as np

from portable_losses import special

from .case import Batch, Sweep
from .points import POINTS, around, numbers, rows


def _elementwise(
    function: Any, points: Callable[[np.dtype], Batch] | None = None, factor: float = 4.0
) -> Sweep:
    def compute(order: int, *arrays: np.ndarray) -> Any:
        return function.grad(*arrays) if order else function(*arrays)

    def batches(dtype: np.dtype) -> list[Batch]:
        return [points(dtype) if points else (numbers(dtype, POINTS),)]

    return Sweep(
        function.__name__, compute, exact.of(function.__name__), batches, orders=2, factor=factor
    )


def _of_row(reference: Any, row: Any) -> Any:
    return (list(reference(row)),)


def _by_row(function: Any) -> Sweep:
    def compute(order: int, x: np.ndarray) -> Any:
        return function(x)

    def batches(dtype: np.dtype) -> list[Batch]:
        return [(x,) for x in rows(dtype)]

    return Sweep(
        function.__name__, compute, partial(_of_row, exact.of(function.__name__)), batches, orders=1
    )


def _magnitudes(dtype: np.dtype, count: int = POINTS) -> np.ndarray:
    """Return numbers of every size from 0 to the largest, in no order."""
    return np.random.default_rng(7).permutation(np.abs(numbers(dtype, count)))


def _probabilities(dtype: np.dtype) -> Batch:
    """Return probabilities of every size, those around 1/2, and numbers outside [0, 1]."""
    size = _magnitudes(dtype)
    turns = [around(turn, dtype) for turn in (0.25, 0.5, 0.75, 1.0)]
    spread = np.concatenate(
        [size, np.random.default_rng(8).uniform(0, 1, POINTS).astype(dtype), *turns]
    )
    return (np.concatenate([spread, 1 - spread[spread <= 1], -spread[:20]]),)


def _exponents(dtype: np.dtype) -> Batch:
    """Return numbers that are not negative, those around log(2), and a few negative ones."""
    size = _magnitudes(dtype)
    return (
        np.concatenate(
            [
                size,
                around(np.log(2), dtype),
                np.random.default_rng(9).uniform(0, 3, 500).astype(dtype),
                -size[:20],
            ]
        ),
    )


def _gamma(dtype: np.dtype) -> Batch:
    """Return real numbers of every size, some around poles, zeros and changes of the formula."""
    random = np.random.default_rng(10)
    centres = [
        0.5,
        1.0,
        2.0,
        3.25,
        1.4616321449683623,
        -0.5040830082644554,
        -2.457024738220800,
        -2.747682646727413,
        -9.5,
        171.6,
    ]
    turns = [around(centre, dtype) for centre in (*centres, *range(-8, 0))]
    ordinary = [random.uniform(*ends, 1000) for ends in ((0, 4), (-8, 0), (0.5, 1), (2, 60))]
    x = np.concatenate([numbers(dtype, POINTS), *turns, *(x.astype(dtype) for x in ordinary)])
    return (x[(x != 0) | ~np.signbit(x)],)  # mpmath has no -0


def _products(dtype: np.dtype, one: float) -> Batch:
    """Return factors and arguments of logarithms, some where the logarithm is 0 or ends."""
    y = np.concatenate(
        [
            _magnitudes(dtype) + dtype.type(one - 1),
            around(one, dtype),
            around(one, dtype),
            around(one - 1, dtype),
        ]
    )
    x = np.random.default_rng(11).permutation(numbers(dtype, y.size))[: y.size]
    zeros = np.asarray([0, 0, 0, 1, -1], dtype)
    ends = np.asarray([one - 1, 5, one - 3, one - 1, one - 3], dtype)
    return np.concatenate([x, zeros]), np.concatenate([y, ends])


def _entropies(dtype: np.dtype) -> Batch:
    """Return pairs of numbers of every size, pairs of nearly the same, and both signs of 0."""
    random = np.random.default_rng(12)
    size = _magnitudes(dtype)
    other = random.permutation(size)
    with np.errstate(over="ignore", under="ignore"):
        factors = np.concatenate(
            [around(1, dtype), around(0.5, dtype), around(2, dtype), random.uniform(0.1, 10, 500)]
        )
        close = np.minimum(
            size * random.choice(factors, size.size), float(np.finfo(np.float32).max)
        ).astype(dtype)
        ordinary = random.uniform(0, 1, (2, 1000)).astype(dtype)
        inverse = (np.exp(-1) * ordinary[0]).astype(dtype)
    x = np.concatenate(
        [size, close, ordinary[0], inverse, np.asarray([0, 0, 0, 1, -1, 1, -1], dtype)]
    )
    y = np.concatenate(
        [other, size, ordinary[1], ordinary[0], np.asarray([0, 1, -1, 0, 1, -1, 0], dtype)]
    )
    finite = np.isfinite(x) & np.isfinite(y)
    return x[finite], y[finite]


SWEEPS = (
    *(
        _elementwise(function)
        for function in (special.sigmoid, special.softplus, special.log_sigmoid)
    ),
    _elementwise(special.logit, _probabilities),
    _elementwise(special.log1mexp, _exponents),
    _elementwise(special.xlogy, partial(_products, one=1.0)),
    _elementwise(special.xlog1py, partial(_products, one=0.0)),
    _elementwise(special.rel_entr, _entropies),
    _elementwise(special.lgamma, _gamma, factor=8.0),
    *(_by_row(function) for function in (special.softmax, special.log_softmax, special.logsumexp)),
)
