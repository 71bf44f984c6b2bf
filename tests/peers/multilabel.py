"""Peers of the losses of this family."""

from typing import Any

import numpy as np

from .peer import Peer


def _torch_soft_margin(pred: Any, target: Any) -> Any:
    from torch.nn.functional import multilabel_soft_margin_loss

    return multilabel_soft_margin_loss(pred, target, reduction="none")


def _optax_soft_margin(pred: Any, target: Any) -> Any:
    import optax

    return optax.sigmoid_binary_cross_entropy(pred, target).mean(-1)


def _torch_margin(pred: Any, target: Any) -> Any:
    import torch
    from torch.nn.functional import multilabel_margin_loss

    # It takes the labels of the right classes, and -1 where there are no more.
    labels = torch.argsort(target, dim=-1, descending=True, stable=True)
    listed = torch.where(torch.gather(target, -1, labels) == 1, labels, -1)
    return multilabel_margin_loss(pred, listed, reduction="none")


def _finite(pred: Any, target: Any) -> Any:
    return np.all(np.isfinite(pred), axis=-1)


PEERS: dict[str, tuple[Peer, ...]] = {
    "multilabel_soft_margin_loss": (
        # Both are NaN at infinite logits.
        Peer("torch", _torch_soft_margin, where=_finite),
        Peer("optax", _optax_soft_margin, where=_finite),
    ),
    "multilabel_margin_loss": (Peer("torch", _torch_margin),),
}
