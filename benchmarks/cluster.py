"""Times on a cluster of Dask, beside expressions in dask.array written by hand.

``python benchmarks/cluster.py`` starts two worker processes on this machine. They make the chunks
of float32 themselves. Both sides are timed in turns, and a ratio is that of the best times: below 1
the loss is faster. On a busy machine the processor time says more.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

import portable_losses as pl

WHAT = ("value", "value and gradient")

Expression = Callable[[Any, Any], tuple[Any, Any]]


def mse(pred: Any, target: Any) -> tuple[Any, Any]:
    """Return the mean of squares and its gradient."""
    residual = pred - target
    return (residual**2).mean(dtype="float64"), 2 * residual / residual.size


def huber(pred: Any, target: Any) -> tuple[Any, Any]:
    """Return the mean of Huber's loss and its gradient."""
    residual = pred - target
    size = abs(residual)
    losses = da.where(size <= 1, 0.5 * residual**2, size - 0.5)
    return losses.mean(dtype="float64"), da.clip(residual, -1, 1) / residual.size


def logistic(pred: Any, target: Any) -> tuple[Any, Any]:
    """Return the mean cross-entropy of logits and its gradient."""
    losses = da.maximum(pred, 0) - pred * target + da.log1p(da.exp(-abs(pred)))
    return losses.mean(dtype="float64"), (1 / (1 + da.exp(-pred)) - target) / pred.size


def absolute(pred: Any, target: Any) -> tuple[Any, Any]:
    """Return the mean absolute error and its gradient."""
    residual = pred - target
    return abs(residual).mean(dtype="float64"), da.sign(residual) / residual.size


def entropy(pred: Any, target: Any) -> tuple[Any, Any]:
    """Return the mean cross-entropy of probabilities and its gradient."""
    losses = -(target * da.log(pred) + (1 - target) * da.log1p(-pred))
    return losses.mean(dtype="float64"), (pred - target) / (pred * (1 - pred)) / pred.size


def poisson(pred: Any, target: Any) -> tuple[Any, Any]:
    """Return the mean Poisson loss of the logarithm of a rate, and its gradient."""
    rate = da.exp(pred)
    return (rate - target * pred).mean(dtype="float64"), (rate - target) / pred.size


def gaussian(pred: Any, target: Any) -> tuple[Any, Any]:
    """Return the mean Gaussian loss of a mean, and its gradient with respect to the mean."""
    residual = pred - target
    losses = 0.5 * (np.log(0.5) + residual**2 / 0.5)
    return losses.mean(dtype="float64"), residual / 0.5 / residual.size


def dice(pred: Any, target: Any) -> tuple[Any, Any]:
    """Return the Dice loss of one region, with the smaller of both numbers, and its gradient."""
    common = da.minimum(pred, target).sum(dtype="float64")
    each = pred.sum(dtype="float64") + target.sum(dtype="float64")
    value = 1 - 2 * common / each
    above, below = ((x / each).astype("float32") for x in (1 - value, -(1 + value)))
    return value, da.where((pred > target) | (target == 0), above, below)


def softmax(logits: Any, target: Any) -> tuple[Any, Any]:
    """Return the mean cross-entropy of rows and its gradient."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponential = da.exp(shifted)
    total = exponential.sum(axis=1, keepdims=True)
    losses = (target * (da.log(total) - shifted)).sum(axis=1)
    return losses.mean(dtype="float64"), (exponential / total - target) / logits.shape[0]


class GaussianMean:
    """The Gaussian loss of a mean; the variance is one number."""

    def __call__(self, pred: Any, target: Any) -> Any:
        return pl.gaussian_nll_loss(pred, 0.5, target)

    def value_and_grad(self, pred: Any, target: Any) -> tuple[Any, Any]:
        """Return the loss and its gradient with respect to the mean."""
        value, (gradient, _) = pl.gaussian_nll_loss.value_and_grad(pred, 0.5, target)
        return value, gradient


CONTESTS: dict[str, tuple[Any, Expression, bool]] = {
    "mse_loss": (pl.mse_loss, mse, False),
    "l1_loss": (pl.l1_loss, absolute, False),
    "huber_loss": (pl.huber_loss, huber, False),
    "binary_cross_entropy": (pl.binary_cross_entropy, entropy, False),
    "binary_cross_entropy_with_logits": (pl.binary_cross_entropy_with_logits, logistic, False),
    "cross_entropy": (pl.cross_entropy, softmax, True),
    "gaussian_nll_loss": (GaussianMean(), gaussian, False),
    "poisson_nll_loss": (pl.poisson_nll_loss, poisson, False),
    "dice_loss": (pl.dice_loss, dice, False),
}


def drawn(elements: int, chunk: int, rows: bool) -> tuple[Any, Any]:
    """Return lazy predictions and targets, which the workers draw."""
    rng = da.random.default_rng(0)
    shape: Any = (elements // 10, 10) if rows else (elements,)
    chunks: Any = (chunk // 10, 10) if rows else chunk
    pred = rng.random(shape, dtype="float32", chunks=chunks)
    target = rng.random(shape, dtype="float32", chunks=chunks)
    if rows:
        return pred, target / target.sum(axis=1, keepdims=True)
    return pred, target.map_blocks(np.round)  # of each element whether it belongs to a region


def consumed(value: Any, gradient: Any) -> Any:
    """Return the value and one number of each chunk of the gradient: all of it is computed."""
    last = gradient.map_blocks(lambda x: np.full((1,) * x.ndim, x.ravel()[-1]), dtype="float32")
    return dask.compute(value, last)


def worker_seconds(client: Client) -> float:
    """Return the processor time that the workers have used so far."""
    return sum(client.run(time.process_time).values())


def best(
    client: Client, calls: Sequence[Callable[[], Any]], rounds: int
) -> list[tuple[float, float]]:
    """Return the shortest time of each call by the clock, and that of the workers' processors."""
    clock: list[list[float]] = [[] for _ in calls]
    used: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for i, call in enumerate(calls):
            before, start = worker_seconds(client), time.perf_counter()
            call()
            clock[i].append(time.perf_counter() - start)
            used[i].append(worker_seconds(client) - before)
    return [(min(x), min(y)) for x, y in zip(clock, used, strict=True)]


def main() -> None:
    """Print a line for each loss: seconds, and the ratio to the expression by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=200_000_000)
    parser.add_argument("--chunk", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loss", action="append", choices=CONTESTS)
    options = parser.parse_args()
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )
    with cluster, Client(cluster) as client:
        print("seconds by the clock: loss, by hand, ratio; then the ratio of processor time")
        for name in options.loss or CONTESTS:
            loss, by_hand, rows = CONTESTS[name]
            pred, target = drawn(options.elements, options.chunk, rows)
            ours, both = loss(pred, target), loss.value_and_grad(pred, target)
            theirs = by_hand(pred, target)
            calls = [
                ours.compute,
                theirs[0].compute,
                partial(consumed, *both),
                partial(consumed, *theirs),
            ]
            times = best(client, calls, options.rounds)
            for what, one, other in zip(WHAT, times[::2], times[1::2], strict=True):
                print(
                    f"{name:33} {what:18} {one[0]:6.2f} {other[0]:6.2f} {one[0] / other[0]:5.2f}"
                    f" {one[1] / other[1]:8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
