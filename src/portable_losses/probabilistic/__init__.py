"""Losses of quantiles and distributions: the true ones minimise their mean."""

from .crps import crps_ensemble_loss, crps_gaussian_loss
from .forecast import brier_loss, ranked_probability_loss
from .likelihood import gaussian_nll_loss, laplace_nll_loss, student_t_nll_loss
from .quantile import expectile_loss, interval_loss, pinball_loss

__all__ = [
    "brier_loss",
    "crps_ensemble_loss",
    "crps_gaussian_loss",
    "expectile_loss",
    "gaussian_nll_loss",
    "interval_loss",
    "laplace_nll_loss",
    "pinball_loss",
    "ranked_probability_loss",
    "student_t_nll_loss",
]
