"""Peers of the robust losses. SciPy's least squares halve the cost; Barron's loss has no peer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from .peer import Peer

Numbers = np.ndarray


def _functional() -> Any:
    import torch.nn.functional

    return torch.nn.functional


def _optax() -> Any:
    import optax.losses

    return optax.losses


def _least_squares(name: str) -> tuple[Callable[..., Numbers], None, Callable[..., Numbers]]:
    """Return the cost that SciPy's least squares makes of each residual, and its derivative."""
    from scipy.optimize._lsq.least_squares import construct_loss_function

    def value(pred: Numbers, target: Numbers, scale: float) -> Numbers:
        loss = construct_loss_function(len(pred), name, scale)
        return 0.5 * loss(pred - target)[0]

    def gradient(pred: Numbers, target: Numbers, scale: float) -> Numbers:
        loss = construct_loss_function(len(pred), name, scale)
        return loss(pred - target)[1] * (pred - target)

    return value, None, gradient


def _scikit_learn_huber(pred: Numbers, target: Numbers, delta: float) -> tuple[Numbers, Numbers]:
    from sklearn._loss.loss import HuberLoss

    return HuberLoss(delta=delta).loss_gradient(
        np.ascontiguousarray(target), np.ascontiguousarray(pred)
    )


def _biweight(scale: float) -> Any:
    from statsmodels.robust.norms import TukeyBiweight

    return TukeyBiweight(c=scale)


PEERS = {
    "huber_loss": (
        Peer(
            "torch",
            lambda pred, target, delta: _functional().huber_loss(
                pred, target, reduction="none", delta=delta
            ),
        ),
        Peer("optax", lambda pred, target, delta: _optax().huber_loss(pred, target, delta=delta)),
        Peer("scipy", lambda pred, target, delta: scipy.special.huber(delta, pred - target)),
        Peer(
            "scikit-learn",
            lambda *given, **parameters: _scikit_learn_huber(*given, **parameters)[0],
            gradient=lambda *given, **parameters: _scikit_learn_huber(*given, **parameters)[1],
        ),
    ),
    "smooth_l1_loss": (
        Peer(
            "torch",
            lambda pred, target, beta: _functional().smooth_l1_loss(
                pred, target, reduction="none", beta=beta
            ),
        ),
    ),
    "pseudo_huber_loss": (
        Peer("scipy", lambda pred, target, delta: scipy.special.pseudo_huber(delta, pred - target)),
    ),
    "cauchy_loss": (Peer("scipy", *_least_squares("cauchy")),),
    "arctan_loss": (Peer("scipy", *_least_squares("arctan")),),
    "tukey_biweight_loss": (
        Peer(
            "statsmodels",
            lambda pred, target, scale: _biweight(scale).rho(pred - target),
            gradient=lambda pred, target, scale: _biweight(scale).psi(pred - target),
        ),
    ),
}
