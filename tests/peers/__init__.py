"""The same losses in other packages, for the comparison test and the table of errors."""

from . import (
    binary,
    deviance,
    divergence,
    embedding,
    multiclass,
    multilabel,
    probabilistic,
    ranking,
    regression,
    robust,
    segmentation,
    sequence,
)
from .peer import OF_TORCH, Peer

__all__ = ["OF_TORCH", "PEERS", "Peer"]

PEERS = {
    name: peers
    for family in (
        regression,
        robust,
        probabilistic,
        deviance,
        binary,
        multiclass,
        divergence,
        multilabel,
        segmentation,
        sequence,
        ranking,
        embedding,
    )
    for name, peers in family.PEERS.items()
}
