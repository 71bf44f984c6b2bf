"""Losses of a residual, or of a ratio: what is predicted against the target."""

from .aggregate import rmse_loss
from .residual import l1_loss, mse_loss

__all__ = ["l1_loss", "mse_loss", "rmse_loss"]
