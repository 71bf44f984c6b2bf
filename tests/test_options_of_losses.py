"""The table of docs/reference/options.rst, which says which losses have which option."""

import re
from pathlib import Path

import pytest

import portable_losses as pl

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "options.rst"
LOSSES = {name: loss for name in pl.__all__ if isinstance(loss := getattr(pl, name), pl.Loss)}


def rows() -> dict[str, set[str]]:
    """Return the losses that each row of the table lists."""
    table = re.split(r"^=+  =+$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[2]
    found: dict[str, set[str]] = {}
    options: list[str] = []
    for line in table.strip("\n").splitlines():
        if not line.startswith(" "):
            options = re.findall(r"``(\w+(?:=\w+)?)", line[:34])
        for option in options:
            found.setdefault(option, set()).update(re.findall(r"``(\w+)``", line[34:]))
    return {option: {name for name in names if name in LOSSES} for option, names in found.items()}


@pytest.mark.parametrize(
    "option", ["label_smoothing", "softcap", "temperature", "z_loss", "from_logits", "smooth"]
)
def test_the_table_lists_the_losses_with_an_option(option: str) -> None:
    (listed,) = (names for key, names in rows().items() if key.partition("=")[0] == option)
    having = {name for name, loss in LOSSES.items() if option in loss.signature.parameters}
    if option == "temperature":  # of embeddings and ranks it divides something else
        having = {name for name in having if "cross_entropy" in name}
    assert listed == having


def test_the_table_lists_what_class_axis_means() -> None:
    found = rows()
    without = {name for name, loss in LOSSES.items() if loss.signature.axisless}
    masked = {name for name in without if LOSSES[name].signature.masked}
    assert found["class_axis=None"] == without - masked
    assert found["class_axis=1"] == masked
