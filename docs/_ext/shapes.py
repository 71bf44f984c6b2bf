"""Pictures of shapes: which numbers of an array make one loss, and what is reduced."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle
from style import COLOURS, LIGHT


def grid(
    ax: plt.Axes, x: float, y: float, rows: int, columns: int, colours: list[list[str]]
) -> None:
    """Draw a grid of cells."""
    for i in range(rows):
        for j in range(columns):
            ax.add_patch(
                Rectangle(
                    (x + j, y - i),
                    0.92,
                    0.92,
                    facecolor=colours[i][j],
                    edgecolor=LIGHT["line"],
                    linewidth=0.8,
                )
            )


def arrow(ax: plt.Axes, x: float, y: float, text: str) -> None:
    ax.annotate(
        "", (x + 1.5, y), (x, y), arrowprops={"arrowstyle": "->", "color": COLOURS[5], "lw": 1.4}
    )
    ax.text(x + 0.75, y + 0.25, text, ha="center", fontsize=9)


def draw() -> None:
    """Draw a batch of 4 rows with 3 classes: losses, weights and mask, reduction."""
    blue, orange, faint = COLOURS[0], COLOURS[1], "#8a8f9833"
    _, ax = plt.subplots(figsize=(9, 3.1))
    kept = [blue, blue, faint, blue]
    grid(ax, 0, 3, 4, 3, [[colour] * 3 for colour in kept])
    ax.text(1.5, 4.3, "logits (4, 3)", ha="center")
    grid(ax, 4, 3, 4, 1, [[colour] for colour in kept])
    ax.text(4.5, 4.3, "labels (4,)", ha="center")
    arrow(ax, 5.5, 1.96, "loss of a row")
    grid(ax, 7.5, 3, 4, 1, [[colour] for colour in kept])
    ax.text(8, 4.3, "losses (4,)", ha="center")
    for row, (weight, keep) in enumerate(zip("1213", kept, strict=True)):
        ax.text(9.1, 3.4 - row, f"× {weight}", va="center", ha="left", color=LIGHT["text"])
        if keep == faint:
            ax.text(10.1, 3.4 - row, "left out by where", va="center", fontsize=9)
    ax.text(9.4, 4.3, "weights", ha="center")
    arrow(ax, 13.2, 1.96, "mean")
    grid(ax, 15.2, 1.5, 1, 1, [[orange]])
    ax.text(15.7, 2.8, "()", ha="center")
    ax.text(
        8, -0.75, "Σ weight · loss / Σ weight = (1·ℓ₁ + 2·ℓ₂ + 3·ℓ₄) / (1 + 2 + 3)", ha="center"
    )
    ax.set(xlim=(-0.3, 16.6), ylim=(-1.1, 4.9), aspect="equal")
    ax.axis("off")
