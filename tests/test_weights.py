"""Weights of any size: only the ratios of the weights of a mean matter."""

from typing import Any

import numpy as np
import pytest
from marks import compiled_too
from test_every_loss import close

import portable_losses as pl

SCALES = (1e-300, 1e-45, 1e-30, 1.0, 1e30, 1e60, 5e307)


@compiled_too
@pytest.mark.parametrize("scale", SCALES)
def test_the_scale_of_weights_does_not_matter(backend: Any, dtype: str, scale: float) -> None:
    """Neither to the mean nor to its gradient, also beyond the range of float32."""
    if "float64" not in backend.dtypes:
        return  # there are no such weights
    pred, target = np.asarray([[1.0, 2.0], [3.0, 5.0]]), np.zeros((2, 2))
    weights = np.asarray([[1.0, 3.0], [0.0, 0.5]])
    arrays = [backend.asarray(x, dtype) for x in (pred, target)]
    given = backend.asarray(weights * scale)
    value, gradient = backend.call(pl.mse_loss.value_and_grad, *arrays, weights=given)
    close(backend.to_numpy(value), np.average(pred**2, weights=weights), dtype)
    close(backend.to_numpy(gradient), 2 * pred * weights / np.sum(weights), dtype)


def test_each_mean_has_its_own_scale(backend: Any, dtype: str) -> None:
    """Also where a weight belongs to a whole mean."""
    if "float64" not in backend.dtypes:
        return
    pred, target = backend.asarray([[1.0, 2.0], [3.0, 5.0]], dtype), 0.0
    for weights in ([[1e-300, 1e60], [1e-300, 3e60]], [1e-300, 1e60]):
        given = backend.asarray(weights)
        value, gradient = pl.l1_loss.value_and_grad(pred, target, weights=given, axis=0)
        whole = np.broadcast_to(np.asarray(weights), (2, 2))
        right = np.average([[1.0, 2.0], [3.0, 5.0]], weights=whole / whole.max(axis=0), axis=0)
        close(backend.to_numpy(value), right, dtype)
        assert np.isfinite(backend.to_numpy(gradient)).all()
    logits = backend.asarray([[1.0, 2.0], [2.0, 0.5]], dtype)
    labels, few = backend.asarray([0, 1]), backend.asarray([1e-200, 3e-200])
    right = pl.cross_entropy(logits, labels, class_weights=backend.asarray([1.0, 3.0]))
    found = pl.cross_entropy(logits, labels, class_weights=few)
    close(backend.to_numpy(found), backend.to_numpy(right), dtype)


@pytest.mark.parametrize("scale", SCALES)
def test_many_blocks(scale: float) -> None:
    """The sum over all blocks tells whether a scale is needed."""
    rng = np.random.default_rng(0)
    pred, weights = rng.normal(size=300_000).astype(np.float32), rng.uniform(size=300_000)
    value, gradient = pl.mse_loss.value_and_grad(pred, 0.0, weights=weights * scale)
    np.testing.assert_allclose(value, np.average(pred.astype(float) ** 2, weights=weights), 1e-6)
    np.testing.assert_allclose(gradient, 2 * pred * (weights / np.sum(weights)), 1e-5)


def test_no_weight_at_all() -> None:
    """0 / 0 stays NaN, and a wrong weight of an unusual size stays an error."""
    assert np.isnan(pl.mse_loss([1.0, 2.0], 0.0, weights=[0.0, 0.0]))
    with pytest.raises(ValueError, match=r"weights\[1\] is -1e\+60"):
        pl.mse_loss([1.0, 2.0], 0.0, weights=[1e60, -1e60])
