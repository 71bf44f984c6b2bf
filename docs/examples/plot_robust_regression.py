"""
A line through outliers
=======================

A tenth of the observations is wrong. The mean squared error follows them; Huber's loss and Barron's
do not. The only thing that changes is the name of the loss.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

import portable_losses as pl

features, progression = load_diabetes(return_X_y=True)
x = features[:, 2] / features[:, 2].std()  # body mass index, standardized
y = (progression - progression.mean()) / progression.std()
rng = np.random.default_rng(0)
wrong = rng.random(len(y)) < 0.1
y = np.where(wrong, y + 8 * (x < 0), y)  # wrong in the half with small x

# %%
# Gradient descent on the slope and the intercept. ``value_and_grad`` returns the derivative with
# respect to the predictions; the chain rule does the rest.

design = np.column_stack([x, np.ones_like(x)])


def fit(loss, **parameters):
    line = np.zeros(2)
    for _ in range(400):
        _, slope = loss.value_and_grad(design @ line, y, **parameters)
        line -= 0.5 * design.T @ slope
    return line


lines = {
    "mse_loss": fit(pl.mse_loss),
    "huber_loss": fit(pl.huber_loss, delta=0.5),
    "barron_loss, alpha=-2": fit(pl.barron_loss, alpha=-2.0),
}
for name, (slope, intercept) in lines.items():
    print(f"{name:22} slope {slope:5.2f}  intercept {intercept:5.2f}")

# %%
# The two robust lines go through the observations that are right.

figure, ax = plt.subplots(figsize=(7, 4.2))
ax.plot(x[~wrong], y[~wrong], ".", color="#8a8f98", alpha=0.6, label="right")
ax.plot(x[wrong], y[wrong], "x", color="#d6455d", label="wrong")
ends = np.asarray([x.min(), x.max()])
for name, (slope, intercept) in lines.items():
    ax.plot(ends, slope * ends + intercept, label=name, linewidth=2)
ax.set(
    xlabel="body mass index (standardized)",
    ylabel="progression of diabetes (standardized)",
    title="Three losses, the same data",
)
ax.legend()
plt.show()
