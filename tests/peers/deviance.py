"""Peers of the losses of counts and rates."""

from typing import Any

import numpy as np
import scipy.special
import scipy.stats

from .peer import Peer

Numbers = np.ndarray


def _torch_poisson(pred: Any, target: Any, log_input: bool, full: bool) -> Any:
    from torch.nn.functional import poisson_nll_loss

    return poisson_nll_loss(pred, target, log_input=log_input, full=full, eps=0.0, reduction="none")


def _scipy_poisson(pred: Numbers, target: Numbers, log_input: bool, full: bool) -> Numbers:
    """Write it with the functions that SciPy has for it; its own mass is that of whole counts."""
    value = np.exp(pred) - target * pred if log_input else pred - scipy.special.xlogy(target, pred)
    return value + scipy.special.gammaln(target + 1) if full else value


def _scikit_learn(power: float, factor: float = 2.0) -> tuple[Any, Any]:
    """Return scikit-learn's loss from the rate itself: half the deviance, and its derivative."""
    from sklearn._loss.loss import HalfTweedieLossIdentity

    loss = HalfTweedieLossIdentity(power=power)

    def value(pred: Numbers, target: Numbers, **_: Any) -> Numbers:
        return factor * loss.loss(target, pred)

    def gradient(pred: Numbers, target: Numbers, **_: Any) -> Numbers:
        return factor * loss.gradient(target, pred)

    return value, gradient


def _tweedie(pred: Numbers, target: Numbers, power: float = 2.0, *, log_input: bool) -> Numbers:
    if not log_input:
        return _scikit_learn(power)[0](pred, target)
    loss = _of_logarithm(power)
    return 2 * (loss.loss(target, pred) + loss.constant_to_optimal_zero(target))


def _tweedie_gradient(
    pred: Numbers, target: Numbers, power: float = 2.0, *, log_input: bool
) -> Numbers:
    if not log_input:
        return _scikit_learn(power)[1](pred, target)
    return 2 * _of_logarithm(power).gradient(target, pred)


def _of_logarithm(power: float) -> Any:
    from sklearn._loss.loss import HalfTweedieLoss

    return HalfTweedieLoss(power=power)


def _negative_binomial(
    pred: Numbers, target: Numbers, dispersion: float, log_input: bool
) -> Numbers:
    size, pred = 1 / dispersion, np.exp(pred) if log_input else pred
    return -scipy.stats.nbinom.logpmf(target, size, size / (size + pred))


PEERS = {
    "poisson_nll_loss": (
        # With `full` torch has Stirling's formula, which is off by up to a third where the count is
        # small.
        Peer("torch", _torch_poisson, lambda pred, target, log_input, full: not full),
        Peer("scipy", _scipy_poisson),
    ),
    "poisson_deviance_loss": (
        Peer("scikit-learn", *_scikit_learn(1.0)[:1], gradient=_scikit_learn(1.0)[1]),
        Peer("scipy", lambda pred, target: 2 * scipy.special.kl_div(target, pred)),
    ),
    "gamma_deviance_loss": (Peer("scikit-learn", _tweedie, gradient=_tweedie_gradient),),
    # Near the powers 1 and 2 three large terms cancel in scikit-learn: at 1 + 1e-12 the third digit
    # is wrong.
    "tweedie_deviance_loss": (
        Peer(
            "scikit-learn",
            _tweedie,
            lambda pred, target, power, log_input: (
                min(abs(power - 1), abs(power - 2)) > 0.01 or power in (1, 2)
            ),
            _tweedie_gradient,
        ),
    ),
    # SciPy takes the number of failures, which is not a whole number here, and loses digits where
    # it is large.
    "negative_binomial_nll_loss": (
        Peer("scipy", _negative_binomial, lambda pred, target, dispersion, **_: dispersion > 0.1),
    ),
}
