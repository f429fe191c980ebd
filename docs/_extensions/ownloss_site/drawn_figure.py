"""A figure that is drawn of a page's own code: the ``drawn-figure`` directive.

Its argument is the name in the figure's address, its content lines of matplotlib that
draw one figure. They may use what plain code defines above them on the page, and the
examples that it includes, so text and figure cannot say different numbers; they are
shown below the figure, folded.
``conftest.py`` runs them where the page is tested. The option ``caption`` says what to
look at.

(matplotlib has a directive of its own, ``plot``. Its pictures keep their colours on a
dark page, their text alternative is typed, and they know nothing of the page.)
"""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

import matplotlib as mpl
from docutils import nodes
from docutils.parsers.rst import directives
from matplotlib.figure import Figure
from sphinx.util.docutils import SphinxDirective

from gallery import look
from gallery.blocks import code, figure, image_of
from ownloss import catalogue
from ownloss_site.exercises import fold


class DrawnFigure(SphinxDirective):
    """Show the one figure that lines draw, and the lines."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"caption": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Draw the figure."""
        self.assert_has_content()
        source = "\n".join(self.content)
        names: dict[str, object] = {}
        above = []
        for block in self.state.document.findall(nodes.literal_block):
            if "source" in block:  # a literalinclude: the file that it shows a part of
                names |= vars(catalogue.load(Path(block["source"]).stem))
            elif block.get("language") == "python" and block.astext()[:3] != ">>>":
                above.append(block.astext())
        with mpl.rc_context(fname=look.LIGHT):
            try:
                drawing = drawn(source, above, names)
            except Exception as error:  # whatever the lines of a page raise
                said = f"{type(error).__name__}: {error}"
                raise self.error(f"{self.name}: {said}") from error
            image = image_of(self, drawing)
        caption, _ = self.parse_inline(self.options.get("caption", ""))
        return [
            figure(self, image, self.arguments[0], caption),
            fold("The lines that draw this figure", [code(source, "python")]),
        ]


def drawn(
    source: str, above: Iterable[str] = (), names: Mapping[str, object] | None = None
) -> Figure:
    """Run lines that draw a figure.

    Args:
        source: Lines of Python.
        above: What defines the names that they use.
        names: Other names that are there.

    Returns:
        The figure.

    Raises:
        ValueError: They have drawn none, or more than one.
    """
    import matplotlib.pyplot as plt
    import torch  # only where a page is read

    torch.manual_seed(0)
    known = {**(names or {}), "__name__": "a_page"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for lines in (*above, source):
            plt.close("all")  # what stands above may draw, too
            exec(lines, known)  # noqa: S102 - a page's own lines, as its reader runs them
    figures = [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    if len(figures) != 1:
        raise ValueError(f"expected lines that draw one figure, got {len(figures)}")
    return figures[0]
