"""Peers of the losses of this family."""

from typing import Any

import numpy as np

from .peer import Peer


def _labels_only(logits: Any, target: Any, **parameters: Any) -> bool:
    return bool(target.ndim < logits.ndim)


def _rows(target: Any, logits: Any) -> Any:
    """Return the targets of all classes in JAX, be they labels or rows."""
    import jax

    return (
        jax.nn.one_hot(target, logits.shape[-1], dtype=logits.dtype)
        if target.ndim < logits.ndim
        else target
    )


def _nothing_masked(logits: Any, target: Any, **parameters: Any) -> Any:
    return np.all(np.isfinite(logits), axis=-1)


def _torch_cross_entropy(
    logits: Any,
    target: Any,
    label_smoothing: float,
    softcap: float | None,
    temperature: float,
    z_loss: float,
) -> Any:
    from torch.nn.functional import cross_entropy

    logits = logits if softcap is None else softcap * (logits / softcap).tanh()
    logits = logits / temperature
    loss = cross_entropy(logits, target, reduction="none", label_smoothing=label_smoothing)
    return loss + z_loss * logits.logsumexp(-1) ** 2


def _torch_nll(log_prob: Any, target: Any) -> Any:
    from torch.nn.functional import nll_loss

    return nll_loss(log_prob, target, reduction="none")


def _torch_nll_of_logarithm(prob: Any, target: Any, eps: float) -> Any:
    return _torch_nll(prob.log(), target)


def _torch_multi_margin(logits: Any, target: Any, p: int, margin: float) -> Any:
    from torch.nn.functional import multi_margin_loss

    return multi_margin_loss(logits, target, p=p, margin=margin, reduction="none")


def _optax_cross_entropy(logits: Any, target: Any, label_smoothing: float) -> Any:
    import optax

    if target.ndim < logits.ndim and not label_smoothing:
        return optax.softmax_cross_entropy_with_integer_labels(logits, target)
    return optax.softmax_cross_entropy(
        logits, optax.smooth_labels(_rows(target, logits), label_smoothing)
    )


def _optax_poly(logits: Any, target: Any, epsilon: float, label_smoothing: float) -> Any:
    import optax

    target = optax.smooth_labels(_rows(target, logits), label_smoothing)
    return optax.losses.poly_loss_cross_entropy(logits, target, epsilon=epsilon)


def _optax(name: str) -> Any:
    def function(scores: Any, target: Any) -> Any:
        import optax

        return getattr(optax.losses, name)(scores, target)

    return function


def _sklearn_log_loss(prob: np.ndarray, target: np.ndarray, eps: float) -> np.ndarray:
    from sklearn.metrics import log_loss

    classes = range(prob.shape[1])
    return np.asarray(
        [log_loss([label], [row], labels=classes) for row, label in zip(prob, target, strict=True)]
    )


def _above_both_floors(prob: np.ndarray, target: np.ndarray, eps: float) -> Any:
    floor = max(eps, float(np.finfo(prob.dtype).eps))
    sums_to_one = np.abs(prob.sum(axis=-1) - 1) < 1e-6
    return (
        _labels_only(prob, target)
        & sums_to_one
        & np.all((prob > floor) & (prob < 1 - floor), axis=-1)
    )


def _above_the_floor(prob: np.ndarray, target: np.ndarray, eps: float) -> Any:
    return _labels_only(prob, target) & np.all(prob > eps, axis=-1)


def _sklearn_hinge(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    from sklearn.metrics import hinge_loss

    classes = range(scores.shape[1])
    return np.asarray(
        [
            hinge_loss([label], [row], labels=classes)
            for row, label in zip(scores, target, strict=True)
        ]
    )


PEERS: dict[str, tuple[Peer, ...]] = {
    "cross_entropy": (
        # NaN where a class with target 0 is masked by -inf.
        Peer("torch", _torch_cross_entropy, where=_nothing_masked),
        Peer("optax", _optax_cross_entropy, where=_nothing_masked),
    ),
    # It takes labels only, and so does the loss of the logarithm of probabilities, which has no
    # floor.
    "nll_loss": (Peer("torch", _torch_nll, where=_labels_only),),
    "categorical_cross_entropy": (
        Peer("torch", _torch_nll_of_logarithm, where=_above_the_floor),
        # It takes labels only, warns of rows that do not sum to 1, and its floor is the eps of the
        # dtype.
        Peer("scikit-learn", _sklearn_log_loss, where=_above_both_floors),
    ),
    # NaN at a masked class: it multiplies targets with logarithms.
    "poly_cross_entropy": (Peer("optax", _optax_poly, where=_nothing_masked),),
    "multi_margin_loss": (Peer("torch", _torch_multi_margin),),
    "crammer_singer_loss": (
        # NaN at a masked class: it multiplies scores with 0 and 1.
        Peer("optax", _optax("multiclass_hinge_loss"), where=_nothing_masked),
        # Which takes the other of two classes for the second of one score.
        Peer(
            "scikit-learn",
            _sklearn_hinge,
            where=lambda scores, target: _nothing_masked(scores, target) & (scores.shape[1] > 2),
        ),
    ),
    "multiclass_perceptron_loss": (
        Peer("optax", _optax("multiclass_perceptron_loss"), where=_nothing_masked),
    ),
    "sparsemax_loss": (Peer("optax", _optax("multiclass_sparsemax_loss"), where=_nothing_masked),),
}
