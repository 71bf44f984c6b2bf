"""
Probabilities that mean what they say
=====================================

Of the cases with a predicted probability of 0.8, 80 % should be positive. Cross-entropy rewards
that; the hinge loss cares for the decision alone.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer

import portable_losses as pl

features, labels = load_breast_cancer(return_X_y=True)
# Four of thirty measurements, so that the task is not too easy.
x = features[:, [1, 4, 8, 9]]
x = (x - x.mean(axis=0)) / x.std(axis=0)
design = np.column_stack([x, np.ones(len(x))])

# %%


def fit(loss, target):
    weights = np.zeros(design.shape[1])
    for _ in range(3000):
        weights -= 0.3 * design.T @ loss.grad(design @ weights, target)
    return design @ weights


scores = {
    "cross-entropy": fit(pl.binary_cross_entropy_with_logits, labels.astype(float)),
    "hinge": fit(pl.hinge_loss, 2.0 * labels - 1),
    "exponential": fit(pl.exponential_loss, 2.0 * labels - 1),
}

# %%
# The sigmoid of each score, read as a probability. The Brier score and the cross-entropy of these
# probabilities say how good they are.

figure, ax = plt.subplots(figsize=(5.6, 4.4))
ax.plot([0, 1], [0, 1], "--", color="#8a8f98", label="perfect")
for name, score in scores.items():
    probability = pl.special.sigmoid(score)
    true, predicted = calibration_curve(labels, probability, n_bins=8, strategy="quantile")
    ax.plot(predicted, true, "o-", label=name)
    print(
        f"{name:14} Brier {float(pl.brier_loss(probability, labels.astype(float))):.4f}"
        f"  cross-entropy {float(pl.binary_cross_entropy(probability, labels.astype(float))):.4f}"
        f"  accuracy {np.mean((score > 0) == labels):.3f}"
    )
ax.set(xlabel="predicted probability", ylabel="share of positives", title="Calibration")
ax.legend()
plt.show()
