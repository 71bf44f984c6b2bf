"""The tile of a loss: its curve, small, with its name below, which leads to its page.

``{loss}`huber_loss` `` in a page. The curve is that of the catalogue, without axes, in colours for
light and for dark pages.
"""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import run
import sections
import style
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

import portable_losses as pl


def draw(name: str) -> None:
    """Draw the value of a loss and its derivative."""
    names = {"np": run.np, "pl": pl, "plt": plt}
    arguments = sections.PLOTS.get(name, "")
    _, axes = plt.subplots(1, 2, figsize=(2.4, 0.9))
    names["axes"] = axes
    run.execute(f"pl.plot(pl.{name}, ax=axes, {arguments})", names)
    for ax in axes:
        ax.set(title="", xlabel="", xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set_visible(False)
        ax.axhline(0, color=style.COLOURS[5], linewidth=0.6, zorder=0)
        if ax.get_legend():
            ax.get_legend().remove()


def write(app: Sphinx) -> None:
    """Draw the tiles of all losses."""
    folder = Path(app.srcdir) / run.FOLDER / "tiles"
    folder.mkdir(parents=True, exist_ok=True)
    style.apply()
    for name in pl.__all__:
        if isinstance(getattr(pl, name), pl.Loss):
            draw(name)
            plt.savefig(folder / f"{name}.svg", metadata={"Date": None})
            plt.close("all")


class Tile(SphinxRole):
    """The curve of a loss, and the link to its page."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        picture = nodes.image(
            uri=f"/{run.FOLDER}/tiles/{self.text}.svg", alt="", classes=["tile", "dark-light"]
        )
        link = addnodes.pending_xref(
            "",
            nodes.literal(self.text, self.text),
            refdomain="std",
            reftype="doc",
            reftarget=f"/catalogue/{self.text}",
            refexplicit=True,
            refwarn=True,
            refdoc=self.env.docname,
        )
        return [nodes.inline("", "", picture, link, classes=["loss"])], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect this extension to Sphinx."""
    app.connect("builder-inited", write)
    app.add_role("loss", Tile())
    return {"parallel_read_safe": True}
