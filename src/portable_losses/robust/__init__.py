"""Losses that grow more slowly than the square of the residual, so that outliers move them less."""

from .convex import huber_loss

__all__ = ["huber_loss"]
