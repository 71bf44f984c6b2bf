"""Peers of the losses of this family."""

from functools import partial
from typing import Any

import numpy as np

from .peer import Peer


def _optax_dice(pred: Any, target: Any, **parameters: Any) -> Any:
    """Call optax's dice loss with logits: it is the one for probabilities of a single class."""
    import jax.numpy as jnp
    import optax.losses

    logits = jnp.log(pred) - jnp.log1p(-pred)
    return optax.losses.dice_loss(
        logits[..., None], target[..., None], reduction="none", **parameters
    )[..., 0]


def _is_hard(target: Any) -> Any:
    return np.all((target == 0) | (target == 1), axis=-1)


def _monai(name: str, pred: Any, target: Any, **parameters: Any) -> Any:
    """Take regions as images of one class with one axis."""
    from monai import losses

    loss = getattr(losses, name)(reduction="none", soft_label=True, **parameters)
    return loss(pred[:, None, :], target[:, None, :]).reshape(-1)


def _monai_overlap(pred: Any, target: Any, smooth: float, *, jaccard: bool) -> Any:
    # for Jaccard's loss it doubles numerator and denominator, and adds what it was given
    smooth *= 1 + jaccard
    return _monai("DiceLoss", pred, target, smooth_nr=smooth, smooth_dr=smooth, jaccard=jaccard)


def _is_somewhere(pred: Any, target: Any, **parameters: Any) -> Any:
    return np.any((pred != 0) | (target != 0), axis=-1)


PEERS: dict[str, tuple[Peer, ...]] = {
    # optax has the product for the intersection, which is another for soft targets. It adds
    # `smooth` to the intersection alone.
    "dice_loss": (
        Peer(
            "optax",
            lambda pred, target, smooth: _optax_dice(pred, target, smooth=smooth / 2),
            where=lambda pred, target, smooth: _is_hard(target),
        ),
        Peer("MONAI", partial(_monai_overlap, jaccard=False), where=_is_somewhere),
    ),
    "jaccard_loss": (
        Peer(
            "optax",
            lambda pred, target, smooth: _optax_dice(
                pred, target, smooth=smooth, alpha=1.0, beta=1.0
            ),
            where=lambda pred, target, smooth: _is_hard(target),
        ),
        Peer("MONAI", partial(_monai_overlap, jaccard=True), where=_is_somewhere),
    ),
    "tversky_loss": (
        Peer(
            "optax",
            lambda pred, target, alpha, beta, gamma: (
                _optax_dice(pred, target, smooth=0.0, alpha=alpha, beta=beta) ** gamma
            ),
            where=lambda pred, target, alpha, beta, gamma: _is_hard(target),
        ),
        Peer(
            "MONAI",
            lambda pred, target, alpha, beta, gamma: (
                _monai(
                    "TverskyLoss",
                    pred,
                    target,
                    alpha=alpha,
                    beta=beta,
                    smooth_nr=0.0,
                    smooth_dr=0.0,
                )
                ** gamma
            ),
            where=_is_somewhere,
        ),
    ),
}
