"""Losses of ranking: the scores of a list should sort its items by relevance."""

from .listwise import listmle_loss, listnet_loss
from .ndcg import approx_ndcg_loss
from .pairwise import lambdarank_loss, ranknet_loss

__all__ = ["approx_ndcg_loss", "lambdarank_loss", "listmle_loss", "listnet_loss", "ranknet_loss"]
