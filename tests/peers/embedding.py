"""Peers of the losses of embeddings."""

from functools import partial
from typing import Any

import numpy as np
import scipy.spatial.distance

from .peer import Peer


def _scipy_cosine(pred: Any, target: Any) -> Any:
    return np.asarray(
        [scipy.spatial.distance.cosine(*pair) for pair in zip(pred, target, strict=True)]
    )


def _optax_cosine(pred: Any, target: Any) -> Any:
    import optax

    return optax.cosine_distance(pred, target)


def _torch_cosine_embedding(left: Any, right: Any, target: Any, margin: float) -> Any:
    from torch.nn.functional import cosine_embedding_loss

    return cosine_embedding_loss(left, right, target, margin=margin, reduction="none")


def _long(left: Any, right: Any, target: Any, margin: float) -> Any:
    """Return where torch's 1e-12 is negligible beside the squared lengths and the loss."""
    squares = [np.sum(x * x, axis=-1) for x in (left, right)]
    cosine = np.sum(left * right, axis=-1) / np.sqrt(squares[0] * squares[1])
    return (np.minimum(*squares) > 100) & (cosine < 0.9) & (np.abs(cosine - margin) > 0.1)


def _torch_hinge_embedding(pred: Any, target: Any, margin: float) -> Any:
    from torch.nn.functional import hinge_embedding_loss

    return hinge_embedding_loss(pred, target, margin=margin, reduction="none")


def _torch_margin_ranking(left: Any, right: Any, target: Any, margin: float) -> Any:
    from torch.nn.functional import margin_ranking_loss

    return margin_ranking_loss(left, right, target, margin=margin, reduction="none")


def _torch_triplet(
    anchor: Any, positive: Any, negative: Any, margin: float, p: float, swap: bool
) -> Any:
    from torch.nn.functional import triplet_margin_loss

    return triplet_margin_loss(
        anchor, positive, negative, margin=margin, p=p, eps=0.0, swap=swap, reduction="none"
    )


def _has_margin(
    anchor: Any, positive: Any, negative: Any, margin: float, p: float, swap: bool
) -> Any:
    return margin > 0


def _optax_triplet(
    anchor: Any, positive: Any, negative: Any, margin: float, p: float, swap: bool
) -> Any:
    import optax

    return optax.losses.triplet_margin_loss(
        anchor, positive, negative, margin=margin, norm_degree=p, eps=0.0
    )


def _euclidean(
    anchor: Any, positive: Any, negative: Any, margin: float, p: float, swap: bool
) -> Any:
    return p == 2 and not swap


def _optax_ntxent(embedding: Any, labels: Any, temperature: float) -> Any:
    import jax.numpy as jnp
    import optax

    pairs = zip(embedding, labels, strict=True)
    return jnp.stack([optax.losses.ntxent(some, names, temperature) for some, names in pairs])


def _metric_learning(name: str, embedding: Any, labels: Any, **parameters: Any) -> Any:
    """Take one set after the other. The package imports torch."""
    import torch
    from pytorch_metric_learning import losses

    loss = getattr(losses, name)(**parameters)
    return torch.stack([loss(some, names) for some, names in zip(embedding, labels, strict=True)])


def _has_pairs(embedding: np.ndarray, labels: np.ndarray, **parameters: Any) -> Any:
    same = np.sum(labels[..., :, None] == labels[..., None, :], axis=(-2, -1))
    return (same > labels.shape[-1]) & (same < labels.shape[-1] ** 2)


PEERS: dict[str, tuple[Peer, ...]] = {
    "cosine_distance_loss": (
        Peer("scipy", _scipy_cosine),
        # NaN for zero vectors.
        Peer("optax", _optax_cosine),
    ),
    "cosine_embedding_loss": (Peer("torch", _torch_cosine_embedding, where=_long),),
    "hinge_embedding_loss": (Peer("torch", _torch_hinge_embedding),),
    "margin_ranking_loss": (Peer("torch", _torch_margin_ranking),),
    "triplet_margin_loss": (
        # It refuses a margin of 0; its default adds 1e-6 to each difference.
        Peer("torch", _torch_triplet, where=_has_margin),
        # It takes no absolute values, and knows no swap; its default adds 1e-6 under the root.
        Peer("optax", _optax_triplet, where=_euclidean),
    ),
    # NaN without a positive pair.
    "ntxent_loss": (
        Peer("optax", _optax_ntxent),
        Peer("pytorch-metric-learning", partial(_metric_learning, "NTXentLoss"), where=_has_pairs),
    ),
    "supcon_loss": (
        Peer("pytorch-metric-learning", partial(_metric_learning, "SupConLoss"), where=_has_pairs),
    ),
    # Its weights are constants to its gradient, which so belongs to no value. From 20 on it takes x
    # for softplus(x).
    "circle_loss": (
        Peer(
            "pytorch-metric-learning",
            lambda embedding, labels, margin, gamma: _metric_learning(
                "CircleLoss", embedding, labels, m=margin, gamma=gamma
            ),
            where=lambda embedding, labels, margin, gamma: (
                _has_pairs(embedding, labels) & (gamma < 20)
            ),
            differentiated=False,
        ),
    ),
}
