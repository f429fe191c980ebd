"""A figure that is drawn of a page's own code: the ``drawn-figure`` directive.

Its argument is the name in the figure's address, its content lines of matplotlib that
draw one figure. They may use what plain code defines above them on the page, so text
and figure cannot say different numbers; they are shown below the figure, folded.
``conftest.py`` runs them where the page is tested. The option ``caption`` says what to
look at.

(matplotlib has a directive of its own, ``plot``. Its pictures keep their colours on a
dark page, their text alternative is typed, and they know nothing of the page.)
"""

import warnings
from collections.abc import Iterable
from typing import ClassVar

import matplotlib as mpl
from docutils import nodes
from docutils.parsers.rst import directives
from matplotlib.figure import Figure
from sphinx.util.docutils import SphinxDirective

from gallery import look
from gallery.page import image_of
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
        above = [
            block.astext()
            for block in self.state.document.findall(nodes.literal_block)
            if block.get("language") == "python" and block.astext()[:3] != ">>>"
        ]
        with mpl.rc_context(fname=look.LIGHT):
            try:
                figure = drawn(source, above)
            except Exception as error:  # whatever the lines of a page raise
                said = f"{type(error).__name__}: {error}"
                raise self.error(f"{self.name}: {said}") from error
            shown = nodes.figure("", image_of(self, figure), names=[self.arguments[0]])
        self.state.document.note_explicit_target(shown)
        if "caption" in self.options:
            words, _ = self.parse_inline(self.options["caption"])
            shown += nodes.caption("", "", *words)
        lines = nodes.literal_block(source, source, language="python")
        return [shown, fold("The lines that draw this figure", [lines])]


def drawn(source: str, above: Iterable[str] = ()) -> Figure:
    """Run lines that draw a figure.

    Args:
        source: Lines of Python.
        above: What defines the names that they use.

    Returns:
        The figure.

    Raises:
        ValueError: They have drawn none, or more than one.
    """
    import matplotlib.pyplot as plt
    import torch  # only where a page is read

    torch.manual_seed(0)
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for code in above:
            exec(code, names)  # noqa: S102 - lines of our own page
        plt.close("all")
        exec(source, names)  # noqa: S102 - lines of our own page
    figures = [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    if len(figures) != 1:
        raise ValueError(f"expected lines that draw one figure, got {len(figures)}")
    return figures[0]
