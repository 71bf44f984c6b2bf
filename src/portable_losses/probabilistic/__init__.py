"""Losses of quantiles and of whole distributions: scores that are lowest, on average, for the truth."""

from .quantile import expectile_loss, interval_loss, pinball_loss

__all__ = ["expectile_loss", "interval_loss", "pinball_loss"]
