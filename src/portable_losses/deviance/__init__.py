"""Losses of counts and rates: negative log-likelihoods and deviances."""

from .poisson import negative_binomial_nll_loss, poisson_deviance_loss, poisson_nll_loss
from .tweedie import gamma_deviance_loss, tweedie_deviance_loss

__all__ = [
    "gamma_deviance_loss",
    "negative_binomial_nll_loss",
    "poisson_deviance_loss",
    "poisson_nll_loss",
    "tweedie_deviance_loss",
]
