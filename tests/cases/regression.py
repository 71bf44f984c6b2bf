"""Cases and sweeps of the losses of a residual."""

import numpy as np

import portable_losses as pl

from .case import Batch, Case, Outer, pointwise
from .draws import pair
from .points import residuals

CASES = (
    Case("mse_loss", pair, kinks=([0.0, 1.0, -2.0], [0.0, 1.0, -2.0])),
    Case("l1_loss", pair, kinks=([0.0, 1.0, -2.0, 3.0], [0.0, 1.0, -2.0, 1.0])),
    Case(
        "rmse_loss",
        pair,
        kinks=([0.0, 1.0, -2.0], [0.0, 1.0, -2.0]),
        outer=Outer("mse_loss", np.sqrt, lambda reduced: 0.5 / np.sqrt(np.where(reduced == 0, np.inf, reduced))),
    ),
)


def squarable(dtype: np.dtype) -> Batch:
    """Give residuals whose squares neither underflow nor overflow in float64, and 0."""
    pred, target = residuals(dtype)
    with np.errstate(over="ignore"):
        size = np.abs(pred.astype(np.float64) - target.astype(np.float64))
    fair = (size == 0) | ((size > 1e-150) & (size < 1e150))
    return pred[fair], target[fair]


SWEEPS = (
    pointwise(pl.mse_loss, residuals),
    pointwise(pl.l1_loss, residuals),
    pointwise(pl.rmse_loss, squarable, orders=2),
)
