"""Code that runs while the site is built: what a page shows is what the code did.

```{run}
mse_loss(pred, target)
```

shows the code, what it prints, the value of its last line, and the figures it leaves open. With
`:results: markdown` what it prints is a part of the page. The blocks of a page share their
variables. ``{value}`name` `` is a value in the text.
"""

import ast
import contextlib
import io
import re
from typing import Any, ClassVar

import matplotlib.pyplot as plt
import numpy as np
import style
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

import portable_losses as pl

FOLDER = "_pictures"
"""Where the pictures are saved, below docs/."""


def variables(env: Any) -> dict[str, Any]:
    """Return the variables of the page."""
    return env.temp_data.setdefault("run_variables", {"np": np, "pl": pl, "plt": plt})


def execute(code: str, names: dict[str, Any]) -> str:
    """Run code as a notebook does, and return what it prints, the value of its last line last."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, "<page>", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<page>", "eval"), names)
            if value is not None and not plt.get_fignums():
                print(repr(value))
    return printed.getvalue()


class Run(SphinxDirective):
    """Run code and show it with its results."""

    has_content = True
    option_spec: ClassVar = {
        "alt": directives.unchanged,
        "class": directives.class_option,
        "results": lambda choice: directives.choice(choice, ("output", "markdown")),
        "code": lambda choice: directives.choice(choice, ("above", "below", "hidden")),
    }

    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        style.apply()
        try:
            printed = execute(code, variables(self.env))
        except Exception as error:
            raise self.error(f"the code fails: {type(error).__name__}: {error}") from error
        results: list[nodes.Node] = []
        if printed and self.options.get("results") == "markdown":
            results += self.parse_text_to_nodes(printed, allow_section_headings=False)
        elif printed:
            results.append(
                nodes.literal_block(printed, printed, language="none", classes=["output"])
            )
        for number in plt.get_fignums():
            results += self.picture(plt.figure(number))
        plt.close("all")
        place = self.options.get("code", "above")
        source = nodes.literal_block(code, code, language="python", classes=["run"])
        if place == "above":
            return [source, *results]
        return [*results, source] if place == "below" else results

    def picture(self, figure: Any) -> list[nodes.Node]:
        if "alt" not in self.options:
            raise self.error("a picture needs :alt:, which says what it shows")
        count = self.env.temp_data["run_pictures"] = self.env.temp_data.get("run_pictures", 0) + 1
        name = re.sub(r"\W+", "-", f"{self.env.docname}-{count}")
        paths = style.save(figure, self.env.srcdir / FOLDER, name)
        box = nodes.container(classes=["picture-box"])
        box += [
            nodes.image(
                uri=f"/{FOLDER}/{path.name}",
                alt=self.options["alt"],
                classes=["picture", kind, *self.options.get("class", [])],
            )
            for path, kind in zip(paths, ("only-light", "only-dark"), strict=True)
        ]
        return [box]


class Value(SphinxRole):
    """A value of the page, in its text."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        text = str(eval(self.text, variables(self.env)))
        return [nodes.literal(text, text)], []


def trim(app: Sphinx, tree: nodes.document) -> None:
    """Leave out empty lines at the end of code: a doctest needs one before its fence."""
    for block in tree.findall(nodes.literal_block):
        text = block.rawsource.rstrip()
        block.rawsource = text
        if len(block.children) == 1 and isinstance(block.children[0], nodes.Text):
            block.children = [nodes.Text(text)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect this extension to Sphinx."""
    app.add_directive("run", Run)
    app.add_role("value", Value())
    app.connect("doctree-read", trim)
    # Libraries with threads do not survive the forks of Sphinx.
    return {"parallel_read_safe": False}
