"""One look for all pictures of the site, each saved for a light and for a dark page."""

from pathlib import Path

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

LIGHT = {"text": "#1f2328", "line": "#d0d7de"}
DARK = {"text": "#e6edf3", "line": "#444c56"}
COLOURS = ("#2f81d7", "#e0730d", "#1a9e77", "#a463d6", "#d6455d", "#8a8f98", "#b8930a")
"""Of a middle brightness, so that they can be seen on both pages."""

STYLE = {
    "axes.edgecolor": LIGHT["line"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": LIGHT["text"],
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.dpi": 100,
    "figure.facecolor": "none",
    "figure.figsize": (6.4, 3.6),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.color": LIGHT["line"],
    "grid.linewidth": 0.6,
    "legend.framealpha": 0.0,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "savefig.facecolor": "none",
    "svg.fonttype": "path",
    "svg.hashsalt": "portable_losses",
    "text.color": LIGHT["text"],
    "xtick.color": LIGHT["text"],
    "ytick.color": LIGHT["text"],
}


def apply() -> None:
    """Use this look from now on, without a window."""
    mpl.use("Agg")
    mpl.rcParams.update(mpl.rcParamsDefault)
    mpl.rcParams.update(STYLE)


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Save a figure twice, as SVG: for a light and for a dark page."""
    folder.mkdir(parents=True, exist_ok=True)
    light, dark = folder / f"{name}.svg", folder / f"{name}-dark.svg"
    figure.savefig(light, metadata={"Date": None})
    text = light.read_text(encoding="utf-8")
    for key, colour in LIGHT.items():
        text = text.replace(colour, DARK[key])
    dark.write_text(text, encoding="utf-8")
    return light, dark
