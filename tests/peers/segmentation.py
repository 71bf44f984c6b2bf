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


def _monai_overlap(
    pred: Any, target: Any, smooth: float, from_logits: bool, *, jaccard: bool
) -> Any:
    # for Jaccard's loss it doubles numerator and denominator, and adds what it was given
    smooth *= 1 + jaccard
    return _monai(
        "DiceLoss",
        pred,
        target,
        smooth_nr=smooth,
        smooth_dr=smooth,
        jaccard=jaccard,
        sigmoid=from_logits,
    )


def _monai_generalized(pred: Any, target: Any, smooth: float, from_logits: bool) -> Any:
    from monai.losses import GeneralizedDiceLoss

    loss = GeneralizedDiceLoss(
        reduction="none",
        soft_label=True,
        smooth_nr=smooth,
        smooth_dr=smooth,
        softmax=from_logits,
    )
    return loss(pred, target).reshape(-1)


def _has_exact_weights(pred: Any, target: Any, **parameters: Any) -> Any:
    """Return whether float32, in which MONAI has the weights, holds one over each squared size."""
    size = target.sum(axis=-1)
    return np.all((size == 0) | (np.log2(np.maximum(size, 1)) % 1 == 0), axis=-1)


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
            lambda pred, target, alpha, beta, gamma, smooth: (
                _optax_dice(pred, target, smooth=smooth, alpha=alpha, beta=beta) ** gamma
            ),
            where=lambda pred, target, alpha, beta, gamma: _is_hard(target),
        ),
        Peer(
            "MONAI",
            lambda pred, target, alpha, beta, gamma, smooth, from_logits: (
                _monai(
                    "TverskyLoss",
                    pred,
                    target,
                    alpha=alpha,
                    beta=beta,
                    smooth_nr=smooth,
                    smooth_dr=smooth,
                    sigmoid=from_logits,
                )
                ** gamma
            ),
            where=_is_somewhere,
        ),
    ),
    "generalized_dice_loss": (Peer("MONAI", _monai_generalized, where=_has_exact_weights),),
}
