"""Losses of a residual, or of the ratio of prediction and target."""

from .aggregate import rmse_loss
from .relative import mape_loss, msle_loss, smape_loss
from .residual import l1_loss, log_cosh_loss, mse_loss

__all__ = [
    "l1_loss",
    "log_cosh_loss",
    "mape_loss",
    "mse_loss",
    "msle_loss",
    "rmse_loss",
    "smape_loss",
]
