"""Losses between two distributions over the same classes: relative entropies and distances."""

from .distance import hellinger_loss, total_variation_loss, wasserstein_loss
from .entropy import generalized_kl_loss, js_divergence_loss, kl_div
from .transport import sinkhorn_loss

__all__ = [
    "generalized_kl_loss",
    "hellinger_loss",
    "js_divergence_loss",
    "kl_div",
    "sinkhorn_loss",
    "total_variation_loss",
    "wasserstein_loss",
]
