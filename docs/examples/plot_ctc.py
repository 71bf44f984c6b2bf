"""
CTC: labels without times
=========================

The labels of a sequence are known, their times are not. CTC adds up all ways to align them, and
training finds the times by itself.
"""

import matplotlib.pyplot as plt
import numpy as np

import portable_losses as pl

alphabet = ["-", "c", "a", "t"]
labels = np.asarray([1, 2, 3])  # "cat"
times = 16
logits = np.random.default_rng(0).normal(scale=0.1, size=(times, len(alphabet)))

# %%
# Nothing but the order of the labels is given. The gradient comes from the forward and the backward
# pass of the loss; the chain rule leads through the softmax.

losses = []
start = pl.special.softmax(logits, axis=-1)
for _ in range(300):
    log_prob = pl.special.log_softmax(logits, axis=-1)
    value, slope = pl.ctc_loss.value_and_grad(log_prob, labels)
    logits -= 1.0 * (slope - np.exp(log_prob) * slope.sum(axis=-1, keepdims=True))
    losses.append(float(value))
probability = pl.special.softmax(logits, axis=-1)
best = "".join(alphabet[k] for k in probability.argmax(axis=-1))
print(f"loss {losses[0]:.2f} at first, {losses[-1]:.4f} in the end; best path {best}")

# %%

figure, axes = plt.subplots(3, 1, figsize=(7, 5), height_ratios=[1, 1, 1.1])
for ax, shown, title in (
    (axes[0], start, "before: nothing is known"),
    (axes[1], probability, "after: each label has found its times"),
):
    ax.imshow(shown.T, cmap="Blues", aspect="auto", vmin=0, vmax=1)
    ax.set_yticks(range(len(alphabet)), alphabet)
    ax.set_title(title)
    ax.grid(False)
axes[2].plot(losses)
axes[2].set(xlabel="step", title="ctc_loss", yscale="log")
plt.show()
