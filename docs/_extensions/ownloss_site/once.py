"""What Sphinx does for each page, or each block of code, and need do once."""

import functools
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LEANS_ON = {
    "sphinx.highlighting.PygmentsBridge.get_formatter(self)": "each block of code "
    "reads the style again: keep_formatter() must do otherwise",
    "sphinx.builders.html.StandaloneHTMLBuilder.render_partial(self, node)": "each "
    "page that names a title writes it again: keep_titles() must do otherwise",
}


def keep(app: Sphinx) -> None:
    """Keep both, where the pages become HTML.

    Args:
        app: The Sphinx application, whose builder has just been made.
    """
    if app.builder.format == "html":
        keep_formatter(app)
        keep_titles(app)


def keep_formatter(app: Sphinx) -> None:
    """Let all blocks of code share what writes them: each would read the style."""
    highlighter = app.builder.highlighter
    make = highlighter.formatter
    kept = functools.cache(make)

    def formatter(**options: Any) -> Any:
        # Lines that are to be marked are a list, which no cache takes.
        return make(**options) if "hl_lines" in options else kept(**options)

    highlighter.formatter = formatter


def keep_titles(app: Sphinx) -> None:
    """Write each title once: its page, the pages beside it and those below name it."""
    render = app.builder.render_partial
    written: dict[int, dict[str, str]] = {}

    def render_partial(node: nodes.Node | None) -> dict[str, str]:
        if not isinstance(node, nodes.title):
            return render(node)
        if id(node) not in written:  # the environment keeps them all
            written[id(node)] = render(node)
        return written[id(node)]

    app.builder.render_partial = render_partial
