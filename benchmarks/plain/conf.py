"""Settings of the same site without what is ours: what the build is measured beside.

``benchmarks/build_cost.py`` lays this in the place of ``docs/conf.py``, which becomes
``docs/ours.py``, and takes our templates and extensions away. Pages, examples and
libraries are the same: Sphinx, MyST, furo, Sphinx-Gallery as they come. What the pages
ask of us in a directive is shown as it stands there, or not at all: nothing is drawn,
no exercise put together, no loss checked. furo makes the menu of all pages for each of
them; with ``-D menu=1`` it does, otherwise there is none.
"""

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

sys.path.insert(0, str(Path(__file__).parent))
from ours import *  # noqa: F403 - Sphinx takes its settings from names of this file
from ours import extensions, sphinx_gallery_conf

DIRECTIVES = (
    *("benchmarks", "bibtex", "built-with", "draggable-figure", "draggable-matrix"),
    *("drawn-figure", "example-figure", "exercise", "exercises", "gradient-flow"),
    *("install", "kinds-table", "loss-of-kind", "museum-table", "report"),
    *("support-matrix", "torch-version"),
)

extensions.remove("ownloss_site")
html_math_renderer = "mathjax"
html_static_path: list[str] = []
html_css_files: list[str] = []
html_js_files: list[str] = []
templates_path: list[str] = []
notfound_template = "page.html"
# Functions of ours are named in it: how a figure is saved, what is reset, an order.
sphinx_gallery_conf = {
    name: value
    for name, value in sphinx_gallery_conf.items()
    if "gallery." not in str(value)
}


class AsItStands(SphinxDirective):
    """Show what a page gives a directive of ours."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = dict.fromkeys(("caption", "number"), directives.unchanged)

    def run(self) -> list[nodes.Node]:
        """Show Markdown as such, and lines of Python as code."""
        if self.name == "torch-version":
            return self.parse_content_to_nodes()
        text = "\n".join(self.content)
        return [nodes.literal_block(text, text, language="python")] if text else []


class Words(SphinxRole):
    """Show the words of a role of ours."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Show them."""
        return [nodes.inline("", self.text)], []


def without_menu(
    app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Let furo ask for the tree of all pages, and get none."""
    if not app.config.menu:
        context["toctree"] = lambda **_options: ""


def setup(app: Sphinx) -> None:
    """Register what the pages name."""
    app.add_config_value("menu", False, "html")
    app.connect("html-page-context", without_menu, 450)
    for name in DIRECTIVES:
        app.add_directive(name, AsItStands)
    app.add_role("losses", Words())
    # Settings of ours, which conf.py gives.
    for name in ("bundle_scripts", "bundle_styles", "bundle_without"):
        app.add_config_value(name, [], "")
    app.add_config_value("on_pypi", False, "")
    app.add_config_value("repository_url", "", "")
