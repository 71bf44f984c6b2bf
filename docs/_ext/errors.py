"""Relative errors in float32, where the usual form of a loss loses its digits."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import matplotlib.pyplot as plt
import mpmath
import numpy as np
import optax
import torch
from torch.nn import functional

import portable_losses as pl

TINY = 1e-9
"""Errors below this are drawn here, so that a right result can be seen."""


def relative(found: Any, exact: Sequence[Any]) -> list[float]:
    """Return the relative errors, computed in 50 digits."""
    with mpmath.workdps(50):
        return [
            max(float(abs(mpmath.mpf(float(x)) / right - 1)), TINY)
            for x, right in zip(np.asarray(found), exact, strict=True)
        ]


def panel(
    ax: plt.Axes, x: np.ndarray, exact: Callable[[Any], Any], ways: dict[str, Any], **labels: str
) -> None:
    """Draw the errors of several ways to compute a function."""
    with mpmath.workdps(50):
        right = [exact(mpmath.mpf(float(number))) for number in x]
    for name, found in ways.items():
        ours = name == "portable_losses"
        ax.plot(
            x,
            relative(found, right),
            label=name,
            linewidth=2.6 if ours else 1.4,
            zorder=3 if ours else 2,
        )
    ax.set_yscale("log")
    ax.set_ylim(TINY / 2, 10)
    ax.axhline(2.0**-23, color="#8a8f98", linewidth=0.8, linestyle="--")
    ax.set(**labels)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), fontsize=8)


def draw() -> None:
    """Draw three panels: log cosh, a dominated row, a saturated sigmoid."""
    _, (left, middle, right) = plt.subplots(1, 3, figsize=(10.8, 4.2))
    x = np.geomspace(1e-6, 10, 120, dtype=np.float32)
    zero = np.zeros_like(x)
    panel(
        left,
        x,
        lambda r: mpmath.log(mpmath.cosh(r)),
        {
            "log(cosh(x))": np.log(np.cosh(x)),
            "optax": optax.losses.log_cosh(jnp.asarray(x), jnp.asarray(zero)),
            "portable_losses": pl.log_cosh_loss(x, zero, reduction="none"),
        },
        title="log_cosh_loss",
        xlabel="residual",
    )
    left.set_xscale("log")
    x = np.linspace(0, 40, 121, dtype=np.float32)
    rows = np.stack([x, np.zeros_like(x)], axis=1)
    labels = np.zeros(len(x), int)
    panel(
        middle,
        x,
        lambda z: mpmath.log1p(mpmath.exp(-z)),
        {
            "logsumexp - logit": np.log(np.sum(np.exp(rows - x[:, None]), axis=1)),
            "torch": functional.cross_entropy(
                torch.asarray(rows), torch.asarray(labels), reduction="none"
            ),
            "portable_losses": pl.cross_entropy(rows, labels, reduction="none"),
        },
        title="cross_entropy",
        xlabel="logit of the label, beside 0",
    )
    ones = np.ones_like(x)
    panel(
        right,
        x,
        lambda z: mpmath.log1p(mpmath.exp(-z)),
        {
            "-log(sigmoid(x))": -np.log(1 / (1 + np.exp(-x))),
            "torch, of sigmoid(x)": functional.binary_cross_entropy(
                torch.sigmoid(torch.asarray(x)), torch.asarray(ones), reduction="none"
            ),
            "portable_losses": pl.binary_cross_entropy_with_logits(x, ones, reduction="none"),
        },
        title="binary_cross_entropy_with_logits",
        xlabel="logit, label 1",
    )
    left.set_ylabel("relative error")
