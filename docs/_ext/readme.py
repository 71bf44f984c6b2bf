"""Draw the picture of the README: ``python docs/_ext/readme.py``."""

from pathlib import Path

import matplotlib.pyplot as plt
import style

import portable_losses as pl


def draw() -> None:
    """Draw four losses: what an outlier costs, and how it pulls."""
    _, axes = plt.subplots(1, 3, figsize=(10.4, 3.2))
    losses = [pl.mse_loss, pl.huber_loss, pl.cauchy_loss, pl.tukey_biweight_loss]
    pl.compare(losses, span=(-6, 6), ax=axes)
    axes[0].set_ylim(0, 8)
    axes[1].set_ylim(-3, 3)
    axes[0].get_legend().remove()
    handles = axes[0].get_lines()
    axes[0].figure.legend(handles=handles, loc="outside lower center", ncols=4)


if __name__ == "__main__":
    style.apply()
    draw()
    style.save(plt.gcf(), Path(__file__).parents[1] / "_static", "losses")
