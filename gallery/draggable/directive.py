"""The directives: how a figure gets into a page."""

import html
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import matplotlib as mpl
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from gallery import look
from gallery.blocks import figure, image_of
from ownloss import catalogue

# What evaluates a loss imports torch, which takes longer than a build that has nothing
# to do: it is imported where it is used.

SCRIPT = "draggable-figure.js"
APOSTROPHE = "'"


class draggable(nodes.General, nodes.Element):  # noqa: N801 - docutils' way
    """A custom element; its children are what stays where no script runs."""


class Draggable(SphinxDirective, ABC):
    """A figure that moves; the content is a caption that says what to try."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Build the figure."""
        for path in (*Path(__file__).parent.glob("*.py"), look.LIGHT, look.DARK):
            self.env.note_dependency(str(path))
        try:
            moved = self.element()
        except (ValueError, LookupError, TypeError, RuntimeError) as error:
            raise self.error(f"{self.name}: {error}") from error
        content = self.parse_text_to_nodes("\n".join(self.content))
        caption = content[0].children if content else []
        called = re.match(r"[a-z_]\w*", self.arguments[0])
        name = f"{self.name}-{called[0]}" if called else self.name
        return [figure(self, moved, name, caption, "to-drag")]

    @abstractmethod
    def element(self) -> draggable:
        """Build the custom element.

        Raises:
            ValueError: The argument cannot be read.
            LookupError: It names what is not there.
        """


class DraggableFigure(Draggable):
    """A loss, its gradient and its tangent at a point that the reader drags.

    The argument is a call of the loss: see :mod:`gallery.draggable`.
    """

    def element(self) -> draggable:
        """Evaluate the loss, draw the still picture, write down the values."""
        import torch

        from gallery.draggable.line import parse
        from gallery.draggable.picture import still
        from gallery.draggable.values import evaluate, payload, sentence

        call = parse(self.arguments[0])
        for source in call.sources:
            self.env.note_dependency(str(source))
        torch.set_num_threads(1)
        lines = evaluate(call)
        title = catalogue.find(call.name).title if call.sources else call.name
        with mpl.rc_context(fname=look.LIGHT):
            image = image_of(self, still(call, lines, title))
        numbers = nodes.paragraph("", f"{sentence(call, lines)}.")
        return draggable(
            "",
            image,
            numbers,
            tag="draggable-figure",
            label=f"{title}: loss and gradient over {call.axis.name}, to drag",
            figure=payload(call, lines),
            sliders=1 + len(call.sliders),
        )


class DraggableMatrix(Draggable):
    """Predictions of shape (N, 1), which the reader moves, against targets of (N,).

    The argument is the targets.
    """

    def element(self) -> draggable:
        """Write the table where it starts."""
        from gallery.draggable import matrix

        targets = matrix.read_targets(self.arguments[0])
        return draggable(
            "",
            *matrix.still(targets),
            tag="draggable-matrix",
            label="predictions against targets, to move",
            figure=matrix.payload(targets),
            sliders=1 + len(targets),
        )


def visit(self: HTML5Translator, node: draggable) -> None:
    """Open the custom element, around what stays if no script runs."""
    if self.builder.embedded:  # a book runs no script
        self.body.append("<div>")
        return
    from gallery.draggable.picture import palette

    attributes = {
        "role": "group",
        "aria-label": node["label"],
        "figure": node["figure"],
        "style": f"--sliders:{node['sliders']};{palette()}",
    }
    written = "".join(
        f" {name}='{html.escape(value, quote=False).replace(APOSTROPHE, '&#39;')}'"
        for name, value in attributes.items()
    )
    self.body.append(f"<{node['tag']}{written}>\n")


def depart(self: HTML5Translator, node: draggable) -> None:
    """Close it."""
    tag = "div" if self.builder.embedded else node["tag"]
    self.body.append(f"</{tag}>\n")


NODES = {draggable: (visit, depart)}


def add_script(
    app: Sphinx,
    _page: str,
    _template: str,
    _context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Load the script on the pages that have such a figure, and on no other."""
    if doctree is not None and next(doctree.findall(draggable), None):
        app.add_js_file(SCRIPT, loading_method="defer")
