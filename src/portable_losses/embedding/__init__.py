"""Losses of embeddings: vectors whose angles or distances show which belong together."""

from .circle import circle_loss
from .cosine import cosine_distance_loss, cosine_embedding_loss
from .distance import contrastive_loss, triplet_margin_loss
from .info_nce import info_nce_loss
from .labelled import ntxent_loss, supcon_loss
from .margin import hinge_embedding_loss, margin_ranking_loss
from .redundancy import barlow_twins_loss, vicreg_loss

__all__ = [
    "barlow_twins_loss",
    "circle_loss",
    "contrastive_loss",
    "cosine_distance_loss",
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "info_nce_loss",
    "margin_ranking_loss",
    "ntxent_loss",
    "supcon_loss",
    "triplet_margin_loss",
    "vicreg_loss",
]
