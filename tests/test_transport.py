"""Optimal transport: limits, convergence, and rows without mass."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from marks import compiled_too

import portable_losses as pl

PRED, TARGET = np.random.default_rng(51).uniform(0.1, 1, (2, 7, 5))


@compiled_too
def test_masses_are_divided_by_their_sums(backend: Any) -> None:
    dtype = backend.dtypes[-1]
    given = [backend.asarray(x, dtype) for x in (PRED, TARGET)]
    value, gradient = backend.call(pl.sinkhorn_loss.value_and_grad, *given)
    scaled, slope = backend.call(pl.sinkhorn_loss.value_and_grad, given[0] * 4, given[1] * 8)
    np.testing.assert_allclose(backend.to_numpy(scaled), backend.to_numpy(value), rtol=1e-5)
    np.testing.assert_allclose(
        4 * backend.to_numpy(slope), backend.to_numpy(gradient), rtol=1e-4, atol=1e-6
    )
    # In their own direction they have no derivative.
    np.testing.assert_allclose(np.sum(backend.to_numpy(gradient) * PRED, axis=-1), 0, atol=1e-6)


def test_without_a_penalty_it_is_the_distance_of_classes_in_an_order() -> None:
    pred, target = (x / x.sum(axis=-1, keepdims=True) for x in (PRED, TARGET))
    wanted = pl.wasserstein_loss(pred, target, reduction="none")
    found = pl.sinkhorn_loss(pred, target, epsilon=0.005, iterations=8000, reduction="none")
    assert np.all(found >= wanted)
    assert np.all(found <= wanted + 0.005 * np.log(5))  # the entropy is no more than that


def test_with_a_large_penalty_nothing_is_moved_on_purpose() -> None:
    pred, target = (x / x.sum(axis=-1, keepdims=True) for x in (PRED, TARGET))
    cost = np.random.default_rng(52).uniform(size=(5, 5))
    independent = np.einsum("ni,ij,nj->n", pred, cost, target)
    np.testing.assert_allclose(
        pl.sinkhorn_loss(pred, target, cost, epsilon=1e6, reduction="none"), independent, rtol=1e-6
    )


@pytest.mark.parametrize("epsilon", [0.1, 1.0])
def test_what_the_functions_of_pot_return(epsilon: float) -> None:
    """The loss is the value of `solve`; `sinkhorn2` returns the cost of its plan alone."""
    import ot

    p, q = np.asarray([0.2, 0.3, 0.5]), np.asarray([0.5, 0.3, 0.2])
    cost = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3)))
    found = pl.sinkhorn_loss(p, q, epsilon=epsilon, iterations=1000)
    solved = ot.solve(cost, p, q, reg=epsilon, reg_type="KL", tol=1e-12)
    np.testing.assert_allclose(found, solved.value, rtol=1e-8)
    alone = float(ot.sinkhorn2(p, q, cost, epsilon))
    np.testing.assert_allclose(alone, solved.value_linear, rtol=1e-6)
    assert alone < found
    if epsilon == 0.1:
        assert (round(alone, 3), round(float(found), 3)) == (0.6, 0.628)


def test_before_it_has_converged_it_is_too_small() -> None:
    values = [
        pl.sinkhorn_loss(PRED, TARGET, epsilon=0.2, iterations=n) for n in (1, 3, 10, 100, 1000)
    ]
    assert np.all(np.diff(values) >= -1e-12)


@pytest.mark.parametrize("epsilon", [1.0, 0.1])
def test_a_small_penalty_does_not_underflow(epsilon: float) -> None:
    """exp(-cost / epsilon) would be 0 except on the diagonal."""
    cost = 1000 * np.abs(np.subtract.outer(np.arange(5.0), np.arange(5)))
    value, gradient = pl.sinkhorn_loss.value_and_grad(PRED, TARGET, cost, epsilon=epsilon)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))


def test_masses_of_0() -> None:
    """A class without mass has a derivative: the cost of adding some. An empty row is NaN."""
    value, gradient = pl.sinkhorn_loss.value_and_grad(
        [0.5, 0.5, 0.0], [0.5, 0.5, 0.0], epsilon=0.05
    )
    np.testing.assert_allclose(value, 0.05 * np.log(2), rtol=1e-6)
    assert gradient[2] > 0.9
    losses = pl.sinkhorn_loss([[0.0, 0.0], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]], reduction="none")
    assert np.isnan(losses[0])
    np.testing.assert_allclose(losses[1], 0.5)


def test_what_does_not_fit() -> None:
    with pytest.raises(
        ValueError, match=r"pred must hold masses, not negative, but pred\[0, 1\] is -1.0"
    ):
        pl.sinkhorn_loss([[1.0, -1.0]], [[1.0, 0.0]])
    with pytest.raises(ValueError, match=r"pred has shape \(7, 5\) and cost has shape \(4, 4\)"):
        pl.sinkhorn_loss(PRED, TARGET, np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"pred has shape \(7, 5\) and cost has shape \(5, 4\)"):
        pl.sinkhorn_loss(PRED, TARGET, cost=np.ones((5, 4)))
    with pytest.raises(ValueError, match=r"iterations must be a whole number in \[1, inf\), got 0"):
        pl.sinkhorn_loss(PRED, TARGET, iterations=0)


@pytest.mark.parametrize("shape", [(20_000, 10), (24, 200)])
@pytest.mark.parametrize("given", [False, True])
def test_plans_of_all_rows_are_never_held(shape: tuple[int, int], given: bool) -> None:
    """Only those of a block: 15 and 7 MiB here in all."""
    pred, target = np.random.default_rng(53).random((2, *shape))
    cost = np.random.default_rng(54).random((shape[1], shape[1])) if given else None
    pl.sinkhorn_loss(pred[:1], target[:1], cost)
    tracemalloc.start()
    pl.sinkhorn_loss.value_and_grad(pred, target, cost, iterations=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23 + pred.nbytes
