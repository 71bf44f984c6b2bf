"""
A band for nine of ten observations
===================================

The pinball loss of a quantile is smallest at that quantile. Three of them make a forecast with a
band: 5 %, 50 % and 95 %.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

import portable_losses as pl

features, progression = load_diabetes(return_X_y=True)
x = features[:, 2] / features[:, 2].std()  # body mass index, standardized
y = progression

# %%
# The forecast is a parabola for each quantile, fitted by gradient descent with steps that shrink.

design = np.column_stack([np.ones_like(x), x, x**2])
quantiles = [0.05, 0.5, 0.95]
curves = []
for quantile in quantiles:
    weights = np.zeros(3)
    for step in range(6000):
        slope = pl.pinball_loss.grad(design @ weights, y, quantile=quantile)
        weights -= 400 / (1 + step / 100) ** 0.75 * design.T @ slope
    curves.append(weights)
    below = np.mean(y <= design @ weights)
    print(f"quantile {quantile:4.2f}: {below:.3f} of the observations are below")

# %%

grid = np.linspace(x.min(), x.max(), 100)
low, middle, high = (np.polynomial.polynomial.polyval(grid, weights) for weights in curves)
figure, ax = plt.subplots(figsize=(7, 4.2))
ax.plot(x, y, ".", color="#8a8f98", alpha=0.6)
ax.fill_between(grid, low, high, alpha=0.25, label="5 % to 95 %")
ax.plot(grid, middle, label="median")
ax.set(
    xlabel="body mass index (standardized)",
    ylabel="progression of diabetes",
    title="A band from three pinball losses",
)
ax.legend()
plt.show()
