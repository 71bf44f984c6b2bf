"""Sphinx configuration."""

import sys
from pathlib import Path

import portable_losses

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "portable_losses"
author = "The portable_losses developers"
copyright = f"2026, {author}"  # noqa: A001
version = release = portable_losses.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "catalogue",
    "run",
    "tiles",
]
exclude_patterns = [
    "_build",
    "_ext",
    "_pictures",
    "node_modules",
    "examples",
    "**/GALLERY_HEADER.rst",
]
default_role = "literal"
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

myst_enable_extensions = [
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
]
myst_heading_anchors = 3

# MathJax is a file of this site: nothing is loaded from elsewhere.
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}

html_context = {"default_mode": "auto"}
html_theme = "pydata_sphinx_theme"
html_title = f"portable_losses {version}"
html_static_path = ["_static", "node_modules/mathjax/es5/tex-svg.js"]
html_css_files = ["site.css"]
html_favicon = html_logo = "_static/mark.svg"
html_show_sourcelink = False
html_domain_indices = False
html_sidebars = {
    "index": [],
    "start": [],
    "lesson": [],
    "which": [],
    "speed": [],
    "numbers": [],
    "backends": [],
    "contributing": [],
    "changelog": [],
}
html_theme_options = {
    "logo": {"text": f"portable_losses {version}", "alt_text": "portable_losses, first page"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["version-of-site"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
templates_path = ["_templates"]

sphinx_gallery_conf = {
    "examples_dirs": ["examples"],
    "gallery_dirs": ["gallery"],
    "image_scrapers": ["scraper.scrape"],
    "reset_modules": ["scraper.reset"],
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "remove_config_comments": True,
    "min_reported_time": 0,
    "nested_sections": False,
    "write_computation_times": False,  # that page loads a script from elsewhere
    "within_subsection_order": "scraper.Order",
    "abort_on_example_error": True,
}
