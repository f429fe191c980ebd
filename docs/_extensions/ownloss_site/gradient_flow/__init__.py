"""The graph of a loss with the numbers that flow: the ``gradient-flow`` directive.

Its content are lines of Python, one step a line, the last of which is the loss. They
are shown, run while the page is read, and drawn: values on the way down, gradients on
the way up. ``conftest.py`` runs the same lines where the page is tested, so the
snippets below may use their names. The option ``caption`` says what to look at.
"""

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from gallery import blocks
from ownloss_site.exercises import fold

# torch is imported only where a page is read.


class GradientFlow(SphinxDirective):
    """Show lines, the graph that they make, and all of its numbers in a table."""

    has_content = True
    option_spec: ClassVar = {"caption": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Run the lines and draw them."""
        self.assert_has_content()
        from gallery.draggable.picture import palette
        from ownloss_site.gradient_flow.picture import draw
        from ownloss_site.gradient_flow.trace import trace

        source = "\n".join(self.content)
        try:
            lines = trace(source)
        except Exception as error:  # whatever the lines of a page raise
            raise self.error(f"{self.name}: {type(error).__name__}: {error}") from error
        inputs = [line.name for line in lines if not line.uses]
        label = (
            f"Graph of {lines[-1].name}, from {', '.join(inputs)}; "
            "its numbers are in the table that follows"
        )
        svg = draw(lines, label)
        box = f'<div class="gradient-flow" style="{palette()}">{svg}</div>'
        # For a browser alone: the Markdown of a page and the book skip it.
        picture = nodes.raw("", box, format="html")
        caption, _ = self.parse_inline(self.options.get("caption", ""))
        return [
            blocks.code(source, "python"),
            blocks.figure(self, picture, f"graph-of-{lines[-1].name}", caption),
            fold("All numbers of this graph, as a table", [values(lines)]),
        ]


def values(lines: list[Any]) -> nodes.table:
    """Write values and gradients, and the parts of a gradient that has several."""
    from ownloss_site.gradient_flow.trace import numbers

    rows: list[list[nodes.Node]] = []
    for line in lines:
        gradient: nodes.Node = nodes.Text("none")
        if line.value.grad is not None:
            gradient = nodes.inline("", "", code(numbers(line.value.grad)))
            parts = {
                user.name: user.uses[line.name].grad
                for user in lines
                if line.name in user.uses and user.uses[line.name].grad is not None
            }
            if len(parts) > 1:
                for number, (user, part) in enumerate(parts.items()):
                    gradient += nodes.Text(" + " if number else ", which is ")
                    gradient += code(numbers(part))
                    gradient += nodes.Text(f" from {user}")
        said = f"{line.name} = {line.code}" if line.code else line.name
        rows.append([code([said]), code(numbers(line.value.detach())), gradient])
    return blocks.table(["line", "value", "gradient"], rows)


def code(rows: list[str]) -> nodes.literal:
    """Write code, or the rows of a tensor."""
    text = " ".join(rows)
    return nodes.literal(text, text)
