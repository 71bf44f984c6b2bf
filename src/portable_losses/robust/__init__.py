"""Losses that grow more slowly than the square of the residual, so that outliers move them less."""

from .adaptive import barron_loss
from .convex import fair_loss, huber_loss, pseudo_huber_loss, smooth_l1_loss
from .redescending import (
    arctan_loss,
    cauchy_loss,
    geman_mcclure_loss,
    tukey_biweight_loss,
    welsch_loss,
)

__all__ = [
    "arctan_loss",
    "barron_loss",
    "cauchy_loss",
    "fair_loss",
    "geman_mcclure_loss",
    "huber_loss",
    "pseudo_huber_loss",
    "smooth_l1_loss",
    "tukey_biweight_loss",
    "welsch_loss",
]
