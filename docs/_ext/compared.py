"""Pictures of what a loss compares: masks, lists, plans, alignments, vectors."""

import matplotlib.pyplot as plt
import numpy as np
from style import COLOURS, LIGHT

import portable_losses as pl


def masks() -> None:
    """Draw a predicted mask, the true mask, and the loss of each kind."""
    y, x = np.mgrid[:24, :24]
    pred = ((x - 9) ** 2 + (y - 12) ** 2 < 49).astype(float)
    target = ((x - 13) ** 2 + (y - 11) ** 2 < 49).astype(float)
    both = pred * target
    picture = np.ones((24, 24, 4)) * 0
    for mask, colour in (
        (both, COLOURS[2]),
        (pred - both, COLOURS[1]),
        (target - both, COLOURS[0]),
    ):
        picture[mask > 0] = plt.matplotlib.colors.to_rgba(colour)
    _, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), width_ratios=[1, 1.3])
    left.imshow(picture)
    left.set(xticks=[], yticks=[], title="prediction and truth")
    left.grid(False)
    for label, colour in (("both", 2), ("only predicted", 1), ("only true", 0)):
        left.plot([], [], "s", color=COLOURS[colour], label=label)
    left.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.02), ncols=3, handletextpad=0.1)
    found = {
        loss.__name__: float(loss(pred.ravel(), target.ravel()))
        for loss in (pl.dice_loss, pl.tversky_loss, pl.jaccard_loss, pl.matthews_loss)
    }
    bars = right.barh(list(found), list(found.values()), color=COLOURS[3])
    right.bar_label(bars, fmt="%.2f", padding=3)
    right.set(title="loss of this prediction", xlim=(0, 1))
    right.invert_yaxis()


def lists() -> None:
    """Draw a list in the order of its scores and in the best order."""
    scores = np.asarray([2.1, 1.6, 0.9, 0.2, -0.4])
    relevance = np.asarray([0.0, 3.0, 1.0, 2.0, 0.0])
    best = np.argsort(-relevance, kind="stable")
    _, ax = plt.subplots(figsize=(6.4, 3.2))
    for place, item in enumerate(best):
        moved = item != place
        ax.plot(
            [0, 1],
            [item, place],
            "-",
            color=COLOURS[1 if moved else 2],
            linewidth=1 + relevance[item],
        )
    for item, (score, gain) in enumerate(zip(scores, relevance, strict=True)):
        ax.text(-0.04, item, f"score {score:.1f}", ha="right", va="center")
        ax.text(1.04, list(best).index(item), f"relevance {gain:.0f}", ha="left", va="center")
    loss = float(pl.approx_ndcg_loss(scores, relevance, temperature=0.1))
    ax.set(
        xlim=(-0.5, 1.5),
        xticks=[0, 1],
        xticklabels=["by score", "by relevance"],
        yticks=[],
        title=f"approx_ndcg_loss: {loss:.2f}",
    )
    ax.invert_yaxis()
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def plan() -> None:
    """Draw two distributions, and the plan that moves one to the other."""
    places = np.arange(20.0)
    pred = np.exp(-0.5 * ((places - 6) / 2) ** 2)
    target = np.exp(-0.5 * ((places - 12) / 3) ** 2)
    pred, target = pred / pred.sum(), target / target.sum()
    cost = (places[:, None] - places) ** 2 / 10
    scaling = np.ones(20)
    kernel = np.exp(-cost / 0.3)
    for _ in range(500):
        other = target / (kernel.T @ scaling)
        scaling = pred / (kernel @ other)
    transport = scaling[:, None] * kernel * other
    _, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2))
    left.bar(places, pred, color=COLOURS[0], alpha=0.7, label="prediction")
    left.bar(places, target, color=COLOURS[1], alpha=0.7, label="target")
    left.set(title="two distributions", xlabel="class")
    left.legend()
    right.imshow(transport, cmap="Blues", origin="lower")
    loss = float(pl.sinkhorn_loss(pred, target, cost, epsilon=0.3, iterations=500))
    right.set(
        title=f"sinkhorn_loss: {loss:.2f}", xlabel="to a class of the target", ylabel="from a class"
    )
    right.grid(False)


def alignments() -> None:
    """Draw an alignment of two time series, and the grid of CTC."""
    time = np.linspace(0, 2 * np.pi, 30)
    pred, target = np.sin(time), np.sin(1.25 * time - 0.9)
    _, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.4))
    for i, j in _path(pred, target):
        left.plot([i, j], [pred[i] + 2.2, target[j]], color=LIGHT["line"], linewidth=0.7)
    left.plot(pred + 2.2, color=COLOURS[0], label="prediction")
    left.plot(target, color=COLOURS[1], label="target")
    left.set(title="soft-DTW: matched times", xlabel="time", yticks=[])
    left.legend(loc="upper right")
    labels, times = ["-", "c", "-", "a", "-", "t", "-"], 8
    right.set(
        title="CTC: paths for “cat”",
        xlabel="time",
        xlim=(-0.5, times - 0.5),
        yticks=range(len(labels)),
        yticklabels=labels,
    )
    for moment in range(times):
        for row in range(len(labels)):
            if _reaches(row, moment, times, len(labels)):
                right.plot(moment, row, "o", color=COLOURS[0], markersize=5)
                for step in (0, 1, 2):
                    if _may_step(row, step, labels) and _reaches(
                        row + step, moment + 1, times, len(labels)
                    ):
                        right.plot(
                            [moment, moment + 1],
                            [row, row + step],
                            color=COLOURS[0],
                            linewidth=0.9,
                            alpha=0.6,
                        )
    right.invert_yaxis()


def _path(pred: np.ndarray, target: np.ndarray) -> list[tuple[int, int]]:
    """Return the cheapest alignment, by dynamic programming."""
    cost = (pred[:, None] - target) ** 2
    total = np.full((len(pred) + 1, len(target) + 1), np.inf)
    total[0, 0] = 0
    for i in range(len(pred)):
        for j in range(len(target)):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    i, j, path = len(pred), len(target), []
    while i and j:
        path.append((i - 1, j - 1))
        i, j = min(((i - 1, j - 1), (i - 1, j), (i, j - 1)), key=lambda place: total[place])
    return path


def _reaches(row: int, moment: int, times: int, rows: int) -> bool:
    """Return whether a path through a place starts and ends where it must."""
    return (
        moment < times
        and row < rows
        and row <= 2 * moment + 1
        and rows - 1 - row <= 2 * (times - 1 - moment) + 1
    )


def _may_step(row: int, step: int, labels: list[str]) -> bool:
    """Return whether a path may go down: a blank is passed over only between two labels."""
    return step < 2 or (
        labels[row] != "-" and row + 2 < len(labels) and labels[row + 2] != labels[row]
    )


def vectors() -> None:
    """Draw an anchor with a positive, a negative and the margin between them."""
    anchor, positive, negative = np.asarray([[0.0, 0.0], [0.9, 0.5], [-0.6, 1.3]])
    near = float(np.hypot(*(positive - anchor)))
    _, ax = plt.subplots(figsize=(5.2, 4))
    for radius, style, label in (
        (near, "-", "distance of the positive"),
        (near + 1, "--", "the same + margin"),
    ):
        angle = np.linspace(0, 2 * np.pi, 200)
        ax.plot(
            radius * np.cos(angle),
            radius * np.sin(angle),
            style,
            color=COLOURS[5],
            linewidth=1,
            label=label,
        )
    for point, name, colour in (
        (anchor, "anchor", 3),
        (positive, "positive", 2),
        (negative, "negative", 4),
    ):
        ax.plot(*point, "o", color=COLOURS[colour], markersize=9)
        ax.annotate(name, point, xytext=(8, 6), textcoords="offset points")
    loss = float(pl.triplet_margin_loss(anchor, positive, negative))
    ax.set(aspect="equal", title=f"triplet_margin_loss: {loss:.2f}")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)
