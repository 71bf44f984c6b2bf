"""
One training loop, three libraries
==================================

The loop below knows no library. It runs on NumPy, PyTorch and JAX, and ends at the same numbers.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer

import portable_losses as pl

jax.config.update("jax_enable_x64", True)
features, labels = load_breast_cancer(return_X_y=True)
features = (features - features.mean(axis=0)) / features.std(axis=0)

# %%


def train(features, labels, weights, steps=200):
    losses = []
    for _ in range(steps):
        loss, slope = pl.binary_cross_entropy_with_logits.value_and_grad(features @ weights, labels)
        weights = weights - 0.5 * (features.T @ slope)
        losses.append(loss)
    return weights, losses


libraries = {"NumPy": np.asarray, "PyTorch": torch.asarray, "JAX": jnp.asarray}
found = {}
for name, asarray in libraries.items():
    weights, losses = train(
        asarray(features), asarray(labels.astype(np.float64)), asarray(np.zeros(features.shape[1]))
    )
    found[name] = [float(loss) for loss in losses]
    print(f"{name:8} loss {found[name][-1]:.15f}  weights {type(weights).__name__}")

# %%
# The curves lie on each other.

figure, ax = plt.subplots(figsize=(6.4, 3.6))
for (name, losses), style, width in zip(found.items(), ("-", "--", ":"), (6, 3, 2), strict=True):
    ax.semilogy(losses, style, linewidth=width, label=name, alpha=0.8)
ax.set(xlabel="step", title="binary cross-entropy of breast cancer")
ax.legend()
plt.show()
