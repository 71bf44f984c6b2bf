"""Logistic regression by gradient descent, one function for the arrays of NumPy, torch and JAX.

The data are scikit-learn's: 30 measurements of cell nuclei of 569 tumours, benign or malignant. The
gradient is that of `binary_cross_entropy_with_logits.value_and_grad`, so that no library needs
autodiff. The tumours turn out to be separable: some plane has all benign ones on one side, and the
loss falls towards 0 without a minimum. scikit-learn's LogisticRegression without a penalty stops on
that way as well, and each library must end within 0.001 of its loss.

Run it with `python examples/breast_cancer.py`; it needs scikit-learn and tqdm, and takes what it
finds of torch and JAX.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from tqdm import trange

from portable_losses import binary_cross_entropy_with_logits

STEPS = 15_000


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return the features, standardized, and the labels, 1 for benign."""
    features, labels = load_breast_cancer(return_X_y=True)
    return (features - features.mean(axis=0)) / features.std(axis=0), labels.astype(np.float64)


def decorrelated(features: np.ndarray) -> np.ndarray:
    """Decorrelate the features, scale them to variance 1, and add a constant.

    The planes in that space are the same planes. But radius, perimeter and area are almost one
    feature measured three times, and in the old coordinates the steps that suit their common
    direction are 100 000 times too short for others: after as many steps the loss is still 0.015
    there.
    """
    directions = np.linalg.svd(features, full_matrices=False)[0]
    rows = len(features)
    return np.hstack([directions * np.sqrt(rows), np.ones((rows, 1))])


def step(
    features: Any, labels: Any, weights: Any, before: Any, momentum: float, rate: float
) -> tuple[Any, Any, Any]:
    """Make a step of Nesterov's accelerated gradient descent, from where the last move leads."""
    ahead = weights + momentum * (weights - before)
    loss, slope = binary_cross_entropy_with_logits.value_and_grad(features @ ahead, labels)
    return ahead - rate * (features.T @ slope), weights, loss


def train(
    name: str,
    asarray: Callable[..., Any],
    compiled: Callable[..., Any] = lambda function: function,
    *,
    progress: bool = True,
) -> tuple[float, float]:
    """Train on the arrays that `asarray` makes; return loss and accuracy."""
    standardized, observed = data()
    coordinates = decorrelated(standardized)
    # The second derivative of the loss by a logit is at most 1/4, so that no step of this size can
    # overshoot.
    rate = float(4 * len(observed) / np.linalg.eigvalsh(coordinates.T @ coordinates)[-1])
    features, labels = asarray(coordinates), asarray(observed)
    weights = before = asarray(np.zeros(coordinates.shape[1]))
    one_step = compiled(step)
    with trange(STEPS, desc=name, disable=not progress) as bar:
        for i in bar:
            weights, before, loss = one_step(features, labels, weights, before, i / (i + 3), rate)
            if i % 1000 == 0:
                bar.set_postfix(loss=f"{float(loss):.4f}")
    logits = features @ weights
    right = (logits > 0) == (labels > 0)
    return float(binary_cross_entropy_with_logits(logits, labels)), float(right.sum()) / len(
        observed
    )


def scikit_learn() -> tuple[float, float]:
    """Fit scikit-learn's logistic regression without a penalty; return loss and accuracy."""
    features, labels = data()
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=100_000).fit(features, labels)
    return float(
        binary_cross_entropy_with_logits(model.decision_function(features), labels)
    ), model.score(features, labels)


def libraries() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any]]]:
    """Find the array libraries: for each its name, `asarray`, and its compiler if it has one."""
    yield "NumPy", np.asarray, lambda function: function
    try:
        import torch
    except ImportError:
        print("(no torch here)")
    else:
        yield "torch", torch.asarray, lambda function: function
    try:
        import jax
    except ImportError:
        print("(no JAX here)")
    else:
        jax.config.update("jax_enable_x64", True)
        yield "JAX", jax.numpy.asarray, jax.jit


if __name__ == "__main__":
    results = {name: train(name, asarray, compiled) for name, asarray, compiled in libraries()}
    results["scikit-learn"] = scikit_learn()
    for name, (loss, accuracy) in results.items():
        print(f"{name:12}  loss {loss:.10f}  accuracy {accuracy:.4f}")
