"""The gallery: the order of its programs, and their pictures for light and dark pages."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import style

IMAGE = """
.. image:: /{path}
   :alt: {alt}
   :class: picture, {kind}
"""


ORDER = (
    "robust_regression",
    "quantile_bands",
    "focal_imbalance",
    "calibration",
    "boosting",
    "ctc",
    "three_libraries",
    "memmap",
)


class Order:
    """The key that sorts the programs: their place in the list above."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> int:
        return ORDER.index(Path(name).stem.removeprefix("plot_"))


def reset(gallery: dict[str, Any], name: str) -> None:
    """Start each example with the look of the site."""
    style.apply()


def scrape(block: Any, variables: dict[str, Any], gallery: dict[str, Any]) -> str:
    """Save the open figures, and return the reStructuredText that shows them."""
    text = ""
    for number, path in zip(plt.get_fignums(), variables["image_path_iterator"], strict=False):
        figure = plt.figure(number)
        # The gallery makes its thumbnail of this file.
        figure.savefig(path, facecolor="white")
        folder = Path(path).parent
        alt = figure.get_label() or figure.axes[0].get_title()
        for saved, kind in zip(
            style.save(figure, folder, Path(path).stem), ("only-light", "only-dark"), strict=True
        ):
            inside = saved.relative_to(gallery["src_dir"]).as_posix()
            text += IMAGE.format(path=inside, alt=alt, kind=kind)
    plt.close("all")
    return text
