"""The catalogue: a sheet for each family and a page for each loss, written from the package."""

import importlib
import inspect
import re
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import sections
from docutils import nodes
from sphinx.application import Sphinx

import portable_losses as pl

UNIQUE = re.compile(r"\[R[0-9a-f]{12}-(\w+)\]")
WIDTH = 84
"""Of the code in a page."""

LOSS = """\
---
html_theme.sidebar_secondary.remove: true
---

# {name}
{compared}
```{{run}}
:alt: "{alt}"
:code: below
:class: wide
{call}
```

```{{eval-rst}}
.. autofunction:: portable_losses.{name}
```
"""

PICTURE = """
```{{run}}
:alt: "{alt}"
:code: below
:class: wide
{call}
```
"""

COMPARED = """
```{{run}}
:alt: "{alt}"
:code: hidden
import compared
compared.{function}()
```

{text}
"""


def families() -> dict[str, list[str]]:
    """Return the losses of each family, in the order of the site."""
    found: dict[str, list[str]] = {family: [] for family in sections.SHEETS}
    for name in pl.__all__:
        if isinstance(loss := getattr(pl, name), pl.Loss):
            found[loss.__module__.split(".")[1]].append(name)
    return found


def summary(name: str) -> str:
    """Return the first line of the documentation of a loss, as Markdown."""
    return _markdown(inspect.getdoc(getattr(pl, name)).split("\n\n")[0].replace("\n", " "))


def _markdown(text: str) -> str:
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    return re.sub(r"(?<!`)`(\w+)`(?!`)", r"`\1`", text).replace("``", "`")


def page(name: str) -> str:
    """Return the page of a loss."""
    arguments = sections.PLOTS.get(name, "")
    return LOSS.format(
        name=name,
        compared=compared(name),
        alt=f"{name}: value, derivative and second derivative",
        call=call("pl.plot", f"pl.{name}", arguments),
    )


def call(function: str, first: str, arguments: str) -> str:
    """Return a call as one writes it: on a line, or an argument a line."""
    given = [first, *re.split(r",\s+(?=\w+=)", arguments)] if arguments else [first]
    line = f"{function}({', '.join(given)})"
    if len(line) <= WIDTH:
        return line
    indented = (
        textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="     ")
        for text in given
    )
    return f"{function}(\n" + "".join(f"{text},\n" for text in indented) + ")"


def compared(name: str) -> str:
    """Return the picture of what a loss, or a family, compares, where there is one."""
    function = sections.COMPARES.get(name)
    if not function:
        return ""
    text = sections.COMPARED[function]
    return COMPARED.format(function=function, text=text, alt=text)


def sheet(family: str, names: list[str]) -> str:
    """Return the sheet of a family."""
    title, pairs = sections.SHEETS[family]
    module = importlib.import_module(f"portable_losses.{family}")
    lines = [
        "---",
        "html_theme.sidebar_secondary.remove: true",
        "---",
        "",
        f"# {title}",
        "",
        _markdown(inspect.getdoc(module).split("\n\n")[0]),
        "",
    ]
    lines.append(compared(family))
    for losses, arguments in zip(pairs[::2], pairs[1::2], strict=True):
        lines.append(
            PICTURE.format(
                call=call(
                    "pl.compare",
                    f"[{', '.join(f'pl.{name}' for name in losses.split(', '))}]",
                    arguments,
                ),
                alt=f"{losses}: value, derivative and second derivative",
            )
        )
    lines += ["", "{.stack .sheet}"]
    lines += ["| loss | in short | parameters | second derivative |", "|---|---|---|---|"]
    for name in names:
        loss = getattr(pl, name)
        parameters = ", ".join(f"`{key}`" for key in loss.signature.parameters) or "–"
        lines.append(f"| {{loss}}`{name}` | {summary(name)} | {parameters} | {_second(loss)} |")
    lines += ["", "```{toctree}", ":hidden:", "", *names, "```"]
    return "\n".join(lines) + "\n"


def _second(loss: pl.Loss) -> str:
    axes = pl.plot(loss)
    plt.close(axes[0].figure)
    return "yes" if len(axes) == 3 else "no"


def index(found: dict[str, list[str]]) -> str:
    """Return the first page of the catalogue: the families, each with its losses."""
    count = sum(map(len, found.values()))
    lines = [
        "---",
        "html_theme.sidebar_secondary.remove: true",
        "---",
        "",
        "# Catalogue",
        "",
        f"{count} losses in {len(found)} families. Each loss has a page with its picture, its",
        "formula, its parameters and an example. The sheet of a family compares its members. The",
        "small pictures show the value, and beside it the derivative.",
        "",
    ]
    for family, names in found.items():
        lines += [f"## [{sections.SHEETS[family][0]}]({family}.md)", ""]
        lines += [f"{{loss}}`{name}`" for name in names]
        lines.append("")
    lines += ["```{toctree}", ":hidden:", "", *found, "```"]
    return "\n".join(lines) + "\n"


def write(app: Sphinx) -> None:
    """Write the pages that are new or have changed, and remove others."""
    found = families()
    pages = {"index": index(found)}
    for family, names in found.items():
        pages[family] = sheet(family, names)
        pages |= {name: page(name) for name in names}
    folder = Path(app.srcdir) / "catalogue"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def shorten(app: Sphinx, tree: nodes.document) -> None:
    """Write [1] for the unique label of numpydoc, which it leaves in the text of Markdown pages."""
    for text in list(tree.findall(nodes.Text)):
        if short := UNIQUE.fullmatch(text):
            text.parent.replace(text, nodes.Text(f"[{short[1]}]"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect this extension to Sphinx."""
    app.connect("builder-inited", write)
    app.connect("doctree-read", shorten, priority=900)
    return {"parallel_read_safe": True}
