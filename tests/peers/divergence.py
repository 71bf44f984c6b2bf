"""Peers of the losses of this family."""

from functools import partial
from typing import Any

import numpy as np
import scipy.spatial.distance
import scipy.special
import scipy.stats

from .peer import Peer


def _torch_kl_div(log_pred: Any, target: Any, log_target: bool) -> Any:
    from torch.nn.functional import kl_div

    return kl_div(log_pred, target, reduction="none", log_target=log_target).sum(-1)


def _optax_kl_divergence(log_pred: Any, target: Any, log_target: bool) -> Any:
    import optax

    return (
        optax.losses.kl_divergence_with_log_targets if log_target else optax.losses.kl_divergence
    )(log_pred, target)


def _scipy_rel_entr(log_pred: Any, target: Any, log_target: bool) -> Any:
    return scipy.special.rel_entr(target, np.exp(log_pred)).sum(axis=-1)


def _optax_generalized(pred: Any, target: Any) -> Any:
    import jax.numpy as jnp
    import optax

    return optax.generalized_kl_divergence(jnp.log(pred), target)


def _no_masked_class(log_pred: Any, target: Any, log_target: bool) -> Any:
    return ~np.any((log_pred == -np.inf) & (target == (-np.inf if log_target else 0)), axis=-1)


def _of_probabilities(log_pred: Any, target: Any, log_target: bool) -> Any:
    return not log_target


def _positive(pred: Any, target: Any) -> Any:
    return np.all(pred > 0, axis=-1)


def _symmetric_and_whole(pred: Any, target: Any, beta: float) -> Any:
    return (beta == 0.5) & _whole(pred, target)


def _whole(pred: Any, target: Any) -> Any:
    close = [
        np.abs(x.sum(axis=-1, dtype=np.float64) - 1) <= 4 * float(np.finfo(x.dtype).eps)
        for x in (pred, target)
    ]
    return close[0] & close[1]


def _scipy_wasserstein(pred: Any, target: Any) -> Any:
    values = np.arange(pred.shape[-1])
    return np.asarray(
        [
            scipy.stats.wasserstein_distance(values, values, *pair)
            for pair in zip(pred, target, strict=True)
        ]
    )


def _pot(pred: Any, target: Any, epsilon: float, iterations: int) -> Any:
    import ot

    places = np.arange(pred.shape[-1], dtype=float)
    cost = np.abs(places[:, None] - places)
    rows = zip(_divided(pred), _divided(target), strict=True)
    solve = partial(ot.solve, cost, reg=epsilon, reg_type="KL", tol=1e-14, max_iter=10_000)
    return [solve(p, q).value for p, q in rows]


def _pot_plan(pred: Any, target: Any, epsilon: float, iterations: int) -> Any:
    """Add the penalty to the cost of the plan, which is all that `sinkhorn2` returns."""
    import ot

    places = np.arange(pred.shape[-1], dtype=float)
    cost, values = np.abs(places[:, None] - places), []
    options = {"method": "sinkhorn_log", "stopThr": 1e-14, "numItermax": 10_000}
    for p, q in zip(_divided(pred), _divided(target), strict=True):
        plan = ot.sinkhorn(p, q, cost, epsilon, **options)
        penalty = scipy.special.rel_entr(plan, np.outer(p, q)).sum()
        values.append(ot.sinkhorn2(p, q, cost, epsilon, **options) + epsilon * penalty)
    return values


def _divided(masses: Any) -> Any:
    return masses / np.sum(masses, axis=-1, keepdims=True)


PEERS: dict[str, tuple[Peer, ...]] = {
    "kl_div": (
        # torch and optax are NaN where a class with target 0 is predicted to be impossible.
        Peer("torch", _torch_kl_div, where=_no_masked_class),
        Peer("optax", _optax_kl_divergence, where=_no_masked_class),
        # SciPy has no logarithms.
        Peer("scipy", _scipy_rel_entr, where=_of_probabilities),
    ),
    "generalized_kl_loss": (
        Peer("scipy", lambda pred, target: scipy.special.kl_div(target, pred).sum(axis=-1)),
        # optax takes the logarithm of the predictions, and is NaN where prediction and target are
        # 0.
        Peer("optax", _optax_generalized, where=_positive),
    ),
    "js_divergence_loss": (
        # SciPy divides rows by their sums, and takes the root; it has no beta.
        Peer(
            "scipy",
            lambda pred, target, beta: (
                scipy.spatial.distance.jensenshannon(target, pred, axis=-1) ** 2
            ),
            where=_symmetric_and_whole,
        ),
    ),
    "sinkhorn_loss": (Peer("POT", _pot), Peer("POT, sinkhorn2", _pot_plan)),
    "wasserstein_loss": (
        # SciPy divides rows by their sums.
        Peer("scipy", _scipy_wasserstein, where=_whole),
    ),
}
