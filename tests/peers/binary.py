"""Peers of the losses of binary classification."""

from typing import Any

import numpy as np
import scipy.special

from .peer import Peer


def _functional() -> Any:
    import torch.nn.functional

    return torch.nn.functional


def _optax() -> Any:
    import optax.losses

    return optax.losses


def _scikit_learn_half_binomial(
    pred: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn._loss.loss import HalfBinomialLoss

    given = np.asarray(target, pred.dtype), np.ascontiguousarray(pred)
    return HalfBinomialLoss().loss_gradient(*given)


def _torch_cross_entropy(pred: Any, target: Any, eps: float) -> Any:
    return _functional().binary_cross_entropy(pred, target, reduction="none")


def _torch_with_logits(pred: Any, target: Any, pos_weight: float, label_smoothing: float) -> Any:
    weight, even = pred.new_tensor(pos_weight), 0.5 + 0 * target
    return _functional().binary_cross_entropy_with_logits(
        pred, target.lerp(even, label_smoothing), reduction="none", pos_weight=weight
    )


def _no_floor(pred: np.ndarray, target: np.ndarray, eps: float) -> Any:
    # torch has another floor: it stops at a loss of 100. Without ours it is right where neither is
    # met.
    return eps < 1e-3


def _unweighted(pred: np.ndarray, target: np.ndarray, pos_weight: float) -> Any:
    # Only torch has a weight of positives.
    return pos_weight == 1


def _hard(pred: np.ndarray, target: np.ndarray, gamma: float, alpha: float | None) -> Any:
    # For soft targets optax raises the mixture y (1 - p) + (1 - y) p to the power, which is another
    # loss.
    return (target == 0) | (target == 1)


def _optax_focal(pred: Any, target: Any, gamma: float, alpha: float | None) -> Any:
    return _optax().sigmoid_focal_loss(pred, target, alpha=alpha, gamma=gamma)


def _scikit_learn_exponential(
    pred: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn._loss.loss import ExponentialLoss

    return ExponentialLoss().loss_gradient((target + 1) / 2, np.ascontiguousarray(pred))


def _optax_poly(pred: Any, target: Any, epsilon: float, label_smoothing: float) -> Any:
    """Return the loss of two classes, of which one has the logit 0."""
    import jax.numpy as jnp
    import optax

    logits, labels = jnp.stack([0 * pred, pred], axis=-1), jnp.stack([1 - target, target], axis=-1)
    labels = optax.smooth_labels(labels, label_smoothing)
    return optax.losses.poly_loss_cross_entropy(logits, labels, epsilon=epsilon)


PEERS = {
    "binary_cross_entropy": (
        Peer("torch", _torch_cross_entropy, _no_floor),
        Peer(
            "scipy",
            lambda pred, target, eps: (
                -scipy.special.xlogy(target, pred) - scipy.special.xlog1py(1 - target, -pred)
            ),
            # SciPy has functions to write it with, and no floor.
            lambda pred, target, eps: eps < 1e-3,
        ),
    ),
    "binary_cross_entropy_with_logits": (
        # torch and optax are NaN at infinite logits.
        Peer("torch", _torch_with_logits, lambda pred, target, pos_weight: np.isfinite(pred)),
        Peer(
            "optax",
            lambda pred, target, pos_weight: _optax().sigmoid_binary_cross_entropy(pred, target),
            lambda pred, target, pos_weight: (
                np.isfinite(pred) & _unweighted(pred, target, pos_weight)
            ),
        ),
        Peer(
            "scikit-learn",
            lambda pred, target, pos_weight: _scikit_learn_half_binomial(pred, target)[0],
            lambda pred, target, pos_weight: (
                np.isfinite(pred) & _unweighted(pred, target, pos_weight)
            ),
            lambda pred, target, pos_weight: _scikit_learn_half_binomial(pred, target)[1],
        ),
    ),
    "soft_margin_loss": (
        # torch overflows where -y z is more than the logarithm of the largest number.
        Peer(
            "torch",
            lambda pred, target: _functional().soft_margin_loss(pred, target, reduction="none"),
            lambda p, y: -p * y < 80,
        ),
    ),
    "hinge_loss": (Peer("optax", lambda pred, target: _optax().hinge_loss(pred, target)),),
    "exponential_loss": (
        Peer(
            "scikit-learn",
            lambda pred, target: _scikit_learn_exponential(pred, target)[0],
            gradient=lambda pred, target: _scikit_learn_exponential(pred, target)[1],
        ),
    ),
    "poly_binary_cross_entropy": (
        Peer("optax", _optax_poly, lambda pred, target, epsilon: np.isfinite(pred)),
    ),
    "perceptron_loss": (
        Peer("optax", lambda pred, target: _optax().perceptron_loss(pred, target)),
    ),
    "sigmoid_focal_loss": (
        Peer(
            "optax",
            _optax_focal,
            lambda p, y, gamma, alpha: np.isfinite(p) & _hard(p, y, gamma, alpha),
        ),
    ),
}
