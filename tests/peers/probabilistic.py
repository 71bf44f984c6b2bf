"""Peers of the losses of quantiles and distributions."""

from typing import Any

import numpy as np

from .peer import Peer

HALF_LOG_TWO_PI = 0.9189385332046728


def _scikit_learn_pinball(quantile: float) -> Any:
    from sklearn._loss import PinballLoss

    return PinballLoss(quantile=quantile)


def scikit_learn_pinball(pred: Any, target: Any, quantile: float) -> Any:
    return _scikit_learn_pinball(quantile).loss(y_true=target, raw_prediction=pred)


def scikit_learn_pinball_gradient(pred: Any, target: Any, quantile: float) -> Any:
    return _scikit_learn_pinball(quantile).gradient(y_true=target, raw_prediction=pred)


def scoringrules_quantile(pred: Any, target: Any, quantile: float) -> Any:
    import scoringrules

    return scoringrules.quantile_score(target, pred, quantile)


def scoringrules_interval(lower: Any, upper: Any, target: Any, alpha: float) -> Any:
    import scoringrules

    return scoringrules.interval_score(target, lower, upper, alpha)


def torch_gaussian(mean: Any, variance: Any, target: Any, full: bool, eps: float) -> Any:
    import torch

    return torch.nn.functional.gaussian_nll_loss(
        mean, target, variance, full=full, eps=eps, reduction="none"
    )


def scipy_gaussian(mean: Any, variance: Any, target: Any, full: bool, eps: float) -> Any:
    import scipy.stats

    value = -scipy.stats.norm.logpdf(target, mean, np.sqrt(np.maximum(variance, eps)))
    return value if full else value - HALF_LOG_TWO_PI


def scoringrules_gaussian(mean: Any, variance: Any, target: Any, full: bool, eps: float) -> Any:
    import scoringrules

    value = scoringrules.logs_normal(target, mean, np.sqrt(np.maximum(variance, eps)))
    return value if full else value - HALF_LOG_TWO_PI


def scipy_laplace(loc: Any, scale: Any, target: Any) -> Any:
    import scipy.stats

    return -scipy.stats.laplace.logpdf(target, loc, scale)


def scoringrules_laplace(loc: Any, scale: Any, target: Any) -> Any:
    import scoringrules

    return scoringrules.logs_laplace(target, loc, scale)


def scipy_student_t(loc: Any, scale: Any, target: Any, df: float) -> Any:
    import scipy.stats

    return -scipy.stats.t.logpdf(target, df, loc, scale)


def scoringrules_student_t(loc: Any, scale: Any, target: Any, df: float) -> Any:
    import scoringrules

    return scoringrules.logs_t(target, df, loc, scale)


def scoringrules_crps_gaussian(mean: Any, scale: Any, target: Any) -> Any:
    import scoringrules

    return scoringrules.crps_normal(target, mean, scale)


def scoringrules_crps_ensemble(members: Any, target: Any, fair: bool) -> Any:
    import scoringrules

    return scoringrules.crps_ensemble(target, members, estimator="fair" if fair else "qd")


def scikit_learn_brier(pred: Any, target: Any) -> Any:
    from sklearn.metrics import brier_score_loss

    labels = range(pred.shape[1])
    return [
        brier_score_loss([y], p[None], labels=labels, scale_by_half=False)
        for p, y in zip(pred, target, strict=True)
    ]


def scoringrules_brier(pred: Any, target: Any) -> Any:
    import scoringrules

    return scoringrules.brier_score(np.eye(pred.shape[1])[target], pred).sum(axis=1)


def scoringrules_ranked_probability(pred: Any, target: Any) -> Any:
    import scoringrules

    return scoringrules.rps_score(target + 1, pred)


def _labels(pred: Any, target: Any) -> bool:
    return target.ndim < pred.ndim


PEERS: dict[str, tuple[Peer, ...]] = {
    "pinball_loss": (
        Peer(
            "scikit-learn",
            scikit_learn_pinball,
            # At the kink its derivative is that below the target; ours is 0.
            where=lambda pred, target, quantile: pred != target,
            gradient=scikit_learn_pinball_gradient,
        ),
        Peer("scoringrules", scoringrules_quantile),
    ),
    "interval_loss": (Peer("scoringrules", scoringrules_interval),),
    "gaussian_nll_loss": (
        # Below eps it has the gradient of the value at eps.
        Peer(
            "torch", torch_gaussian, where=lambda mean, variance, target, full, eps: variance >= eps
        ),
        Peer("scipy", scipy_gaussian),
        Peer("scoringrules", scoringrules_gaussian),
    ),
    "laplace_nll_loss": (Peer("scipy", scipy_laplace), Peer("scoringrules", scoringrules_laplace)),
    "student_t_nll_loss": (
        Peer("scipy", scipy_student_t),
        # For many degrees of freedom its constant is a difference of logarithms of the gamma
        # function that cancels.
        Peer("scoringrules", scoringrules_student_t, where=lambda loc, scale, target, df: df < 1e3),
    ),
    "crps_gaussian_loss": (Peer("scoringrules", scoringrules_crps_gaussian),),
    "crps_ensemble_loss": (
        # One member: with `fair` it divides by 0.
        Peer(
            "scoringrules",
            scoringrules_crps_ensemble,
            where=lambda members, target, fair: members.shape[1] > 1 or not fair,
        ),
    ),
    "brier_loss": (
        # It takes labels; rows have to add up to 1.
        Peer(
            "scikit-learn",
            scikit_learn_brier,
            where=lambda pred, target: (
                _labels(pred, target)
                and (np.abs(pred.sum(axis=1) - 1) < 1e-6) & (pred.shape[1] > 1)
            ),
        ),
        Peer("scoringrules", scoringrules_brier, where=_labels),
    ),
    # It takes labels.
    "ranked_probability_loss": (
        Peer("scoringrules", scoringrules_ranked_probability, where=_labels),
    ),
}
