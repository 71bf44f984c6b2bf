"""Peers of the losses of residuals and ratios. scikit-learn reduces: it gets single elements."""

from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.metrics

from .peer import Peer

Numbers = np.ndarray


def _functional() -> Any:
    import torch.nn.functional

    return torch.nn.functional


def _optax() -> Any:
    import optax.losses

    return optax.losses


def _each(metric: Callable[..., Any]) -> Callable[..., Numbers]:
    """Return a metric of each element: many outputs, of one sample each."""
    return lambda pred, target, **_: metric(
        target[None, :], pred[None, :], multioutput="raw_values"
    )


PEERS = {
    "mse_loss": (
        Peer("torch", lambda pred, target: _functional().mse_loss(pred, target, reduction="none")),
        Peer("optax", lambda pred, target: _optax().squared_error(pred, target)),
        Peer("scikit-learn", _each(sklearn.metrics.mean_squared_error)),
    ),
    "l1_loss": (
        Peer("torch", lambda pred, target: _functional().l1_loss(pred, target, reduction="none")),
        Peer("scikit-learn", _each(sklearn.metrics.mean_absolute_error)),
    ),
    "rmse_loss": (Peer("scikit-learn", _each(sklearn.metrics.root_mean_squared_error)),),
    # Of a residual of 1e-4 in float32 it is 0 in optax: the logarithm of 2 that it subtracts
    # cancels.
    "log_cosh_loss": (Peer("optax", lambda pred, target: _optax().log_cosh(pred, target)),),
    # scikit-learn has a floor of 2.2e-16, which cannot be set.
    "mape_loss": (
        Peer(
            "scikit-learn",
            _each(sklearn.metrics.mean_absolute_percentage_error),
            lambda pred, target, eps: (eps == 0) & (np.abs(target) > 1e-15),
        ),
    ),
    "msle_loss": (Peer("scikit-learn", _each(sklearn.metrics.mean_squared_log_error)),),
}
