"""
Rare classes: focal loss and class weights
==========================================

One image in twenty shows an eight. Cross-entropy is content to miss some of them. A weight for the
rare class, or the focal loss, spends the effort where it is needed.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import portable_losses as pl

digits, names = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
eights = np.flatnonzero(names == 8)
kept = np.concatenate([np.flatnonzero(names != 8), rng.choice(eights, 85, replace=False)])
features = digits[kept] / 16
labels = (names[kept] == 8).astype(float)
train, test, y_train, y_test = train_test_split(
    features, labels, test_size=0.5, stratify=labels, random_state=0
)
print(f"{labels.mean():.1%} of {len(labels)} images are eights")

# %%
# The same training loop, three losses.


def fit(loss, **options):
    weights = np.zeros(train.shape[1] + 1)
    design = np.column_stack([train, np.ones(len(train))])
    for _ in range(600):
        slope = loss.grad(design @ weights, y_train, **options)
        weights -= 2.0 * design.T @ slope
    return test @ weights[:-1] + weights[-1]


logits = {
    "cross-entropy": fit(pl.binary_cross_entropy_with_logits),
    "pos_weight = 10": fit(pl.binary_cross_entropy_with_logits, pos_weight=10.0),
    "focal, alpha = 0.9": fit(pl.sigmoid_focal_loss, gamma=2.0, alpha=0.9),
}

# %%
# How many eights are found, and at what price, if a logit above 0 is an eight:

rates = {}
for name, scores in logits.items():
    found = scores > 0
    recall = np.mean(found[y_test == 1])
    precision = np.mean(y_test[found]) if found.any() else 0.0
    rates[name] = recall, precision
    print(f"{name:20} found {recall:.0%} of the eights; {precision:.0%} of the alarms are right")

# %%

figure, ax = plt.subplots(figsize=(6.4, 3.4))
places = np.arange(len(rates))
for offset, which, label in ((-0.18, 0, "eights found"), (0.18, 1, "alarms that are right")):
    bars = ax.bar(places + offset, [pair[which] for pair in rates.values()], 0.34, label=label)
    ax.bar_label(bars, fmt="{:.0%}")
ax.set_xticks(places, rates)
ax.set(title="Found and false alarms", ylim=(0, 1.25), yticks=[])
ax.legend(loc="upper center", ncols=2)
plt.show()
