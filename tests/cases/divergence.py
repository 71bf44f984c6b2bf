"""Cases and sweeps of the losses between two rows."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import exact
import exact.divergence
import numpy as np
from exact.arithmetic import finfo

import portable_losses as pl

from .case import CLASSES, Batch, Case, Sweep, of_loss, with_parameters
from .draws import positive

INF = np.inf


def _distributions(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return rng.dirichlet(np.ones(CLASSES), shape), rng.dirichlet(np.ones(CLASSES), shape)


def _logarithm_and_distribution(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    pred, target = _distributions(rng, shape)
    return np.log(pred), target


def _amounts(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    return positive(rng, (*shape, CLASSES)), positive(rng, (*shape, CLASSES))


# Not among them is a prediction of 0 with another target where the derivative is -inf and autodiff
# finite, which is documented.
KINKS = (
    [
        [0.5, 0.5, 0.0],
        [0.25, 0.25, 0.5],
        [1.0, 0.0, 0.0],
        [0.5, 0.25, 0.25],
        [1.0, 1.0, 1.0],
        [0.125, 0.0, 0.875],
    ],
    [
        [0.5, 0.5, 0.0],
        [0.25, 0.5, 0.25],
        [1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [1.0, 0.0, 1.0],
        [1.0, 0.0, 0.0],
    ],
)

CASES = (
    Case(
        "kl_div",
        _logarithm_and_distribution,
        kinks=(
            [[-1.0, -2.0, -0.5], [-1.0, -INF, 0.0], [-INF, 0.0, -INF], [-INF, -1.0, -1.0]],
            [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]],
        ),
        row=True,
    ),
    Case(
        "generalized_kl_loss",
        _amounts,
        kinks=(
            [[0.5, 1.0, 2.0], [4.0, 0.25, 0.0], [1.0, 3.0, 0.5], [2.0, 0.0, 0.0], [0.0, 1.0, 8.0]],
            [[0.5, 0.5, 1.0], [1.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]],
        ),
        row=True,
    ),
    Case(
        "js_divergence_loss",
        _distributions,
        ({}, {"beta": 0.1}, {"beta": 0.75}),
        kinks=KINKS,
        row=True,
    ),
    Case("total_variation_loss", _distributions, kinks=KINKS, row=True),
    Case("hellinger_loss", _distributions, kinks=KINKS, row=True),
    Case("wasserstein_loss", _distributions, kinks=KINKS, row=True),
)


def _scattered(random: np.random.Generator, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Draw probabilities in every binade below 1, down to where cubes are normal numbers."""
    limits = finfo(dtype)
    return np.ldexp(random.uniform(1, 2, shape), random.integers(limits.minexp // 3, 0, shape))


def distributions(dtype: np.dtype) -> Iterator[Batch]:
    """Return pairs of rows of 2 to 50 probabilities: ordinary, near-equal, certain, with zeros."""
    eps = float(finfo(dtype).eps)
    for classes, count in ((3, 60), (12, 10)):
        random = np.random.default_rng(classes)
        shape = (count, classes)
        ordinary = random.dirichlet(np.full(classes, 0.7), (2, count))
        base = random.dirichlet(np.full(classes, 0.7), count)
        apart = np.geomspace(eps / 2, 1, count)[:, None]
        near = base, base * (1 + random.normal(0, 1, shape) * apart)
        every_size = _scattered(random, dtype, shape), _scattered(random, dtype, shape)
        together = (
            every_size[0],
            every_size[0] * random.choice([0.25, 0.3, 0.5, 0.999, 1, 1 + eps, 1.5, 2, 3, 4], shape),
        )
        hard = (
            random.dirichlet(np.full(classes, 0.7), count),
            np.eye(classes)[random.integers(0, classes, count)],
        )
        small = _scattered(random, dtype, (count, 1))
        certain = np.eye(classes)[random.integers(0, classes, count)] * (1 - small) + small, hard[1]
        holes = [
            random.dirichlet(np.full(classes, 0.7), count) * (random.uniform(size=shape) < 0.7)
            for _ in range(2)
        ]
        ends = random.integers(0, 2, (2, *shape)).astype(float)
        alone = base.copy(), base.copy()  # one class differs
        alone[0][:, 0] = random.uniform(0, 1, count)
        pairs = (ordinary, near, every_size, together, hard, certain, holes, ends, alone)
        first, second = (
            np.concatenate([pair[i] for pair in pairs]).clip(0, 1).astype(dtype) for i in range(2)
        )
        yield first, second
        yield second, first


def amounts(dtype: np.dtype) -> Iterator[Batch]:
    """Return pairs of rows of amounts: those of `distributions`, and larger ones up to the max."""
    yield from distributions(dtype)
    limits = finfo(dtype)
    for classes, count in ((3, 150), (12, 12)):
        random = np.random.default_rng(100 + classes)
        exponents = random.integers(limits.minexp // 3, limits.maxexp // 3, (2, count, classes))
        pred, target = np.ldexp(random.uniform(1, 2, exponents.shape), exponents)
        same = random.uniform(size=pred.shape) < 0.5
        target = np.where(
            same, pred * random.choice([0.25, 0.5, 0.999, 1, 1.5, 2, 3.9], pred.shape), target
        )
        pred, target = (x.clip(0, float(limits.max)).astype(dtype) for x in (pred, target))
        yield pred, target


def logarithms(dtype: np.dtype, *, log_target: bool) -> Iterator[Batch]:
    """Return rows of log-probabilities and targets: ordinary, nearly equal, impossible classes."""
    limits = finfo(dtype)
    for classes, count in ((3, 120), (12, 12)):
        random = np.random.default_rng(classes)
        shape = (count, classes)
        pairs = []
        for _ in range(2):
            pred, target = (
                np.log(random.dirichlet(np.full(classes, 0.7), count)) for _ in range(2)
            )
            pairs.append((pred, target))
        pairs.append(
            (
                target
                * (
                    1
                    + random.normal(0, 1, shape)
                    * np.geomspace(float(limits.eps), 1, count)[:, None]
                ),
                target,
            )
        )
        sizes = [
            -np.ldexp(
                random.uniform(1, 2, shape),
                random.integers(limits.minexp, limits.maxexp // 2, shape),
            )
            for _ in range(2)
        ]
        pairs.append((sizes[0], sizes[1]))
        pairs.append(
            (sizes[0], -random.exponential(3, shape) * np.geomspace(0.1, 300, count)[:, None])
        )
        pairs.append(
            (-random.exponential(3, shape) * np.geomspace(0.1, 300, count)[:, None], target)
        )
        impossible = np.where(random.uniform(size=shape) < 0.3, -INF, target)
        pairs.append(
            (
                np.where(
                    impossible == -INF,
                    random.choice([-INF, -1.0], shape),
                    -random.exponential(1, shape),
                ),
                impossible,
            )
        )
        pairs.append((np.where(random.uniform(size=shape) < 0.1, -INF, target), np.zeros(shape)))
        with np.errstate(over="ignore"):
            log_pred, target = (
                np.concatenate([pair[i] for pair in pairs]).clip(None, 0) for i in range(2)
            )
            log_pred = log_pred.astype(dtype)
            yield (
                log_pred,
                target.astype(dtype)
                if log_target
                else np.exp(target.astype(dtype).astype(np.float64)).astype(dtype),
            )


def _by_row(
    loss: Any,
    batches: Callable[[np.dtype], Iterator[Batch]],
    reference: Any = None,
    **parameters: Any,
) -> Sweep:
    exactly = with_parameters(
        reference or exact.of(loss.__name__), {**loss.signature.defaults, **parameters}
    )
    name = " ".join((loss.__name__, *(f"{key}={value}" for key, value in parameters.items())))
    return Sweep(name, of_loss(loss, **parameters), exactly, batches)


SWEEPS = (
    *(
        _by_row(
            pl.kl_div,
            partial(logarithms, log_target=given),
            exact.divergence.kl_div_and_terms,
            log_target=given,
        )
        for given in (False, True)
    ),
    _by_row(pl.generalized_kl_loss, amounts),
    *(_by_row(pl.js_divergence_loss, distributions, beta=beta) for beta in (0.5, 0.1, 0.75, 1e-10)),
    *(
        _by_row(loss, distributions)
        for loss in (pl.total_variation_loss, pl.hellinger_loss, pl.wasserstein_loss)
    ),
)
