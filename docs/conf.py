"""Sphinx configuration."""

import importlib
import inspect

import portable_losses

project = "portable_losses"
author = "The portable_losses developers"
copyright = f"2026, {author}"  # noqa: A001
version = release = portable_losses.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.extlinks", "sphinx.ext.mathjax", "numpydoc"]
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}
html_theme = "alabaster"
html_title = f"portable_losses {version}"
html_theme_options = {
    "description": "Loss functions written once, for every array library",
    "page_width": "1100px",
}
exclude_patterns = ["_build"]
default_role = "literal"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False


def losses():
    """List every public loss, family by family, in reStructuredText."""
    families = {}
    for name in portable_losses.__all__:
        loss = getattr(portable_losses, name)
        if isinstance(loss, portable_losses.Loss):
            families.setdefault(loss.__module__.split(".")[1], []).append(name)
    lines = []
    for family, names in sorted(families.items()):
        title = (
            inspect.getdoc(importlib.import_module(f"portable_losses.{family}"))
            .splitlines()[0]
            .rstrip(".")
        )
        lines += [title, "-" * len(title), ""]
        for name in names:
            lines += [f".. autofunction:: portable_losses.{name}", ""]
    return "\n".join(lines)


def insert_losses(app, docname, source):
    """Insert the list of losses, which is never written by hand."""
    source[0] = source[0].replace(".. every public loss", losses())


def setup(app):
    """Connect the function above to Sphinx."""
    app.connect("source-read", insert_losses)
