"""Peers of the losses of this family."""

from typing import Any

import numpy as np

from .peer import Peer


def _optax_softmax(pred: Any, target: Any) -> Any:
    import optax

    return optax.losses.ranking_softmax_loss(pred, target, reduce_fn=None)


def _no_empty_place(pred: Any, target: Any) -> Any:
    return np.all(np.isfinite(pred), axis=-1)


PEERS: dict[str, tuple[Peer, ...]] = {
    # optax has a mask of items, and 0 * inf is NaN in it.
    "listnet_loss": (Peer("optax", _optax_softmax, where=_no_empty_place),),
}
