"""The page of all kinds of mistakes, made from what the checker's rules carry.

Of each kind it shows a tiny loss that has the mistake, what ``ownloss.check`` prints of
it, and the same loss cured. Both are run while the page is built; a wrong loss that is
not named by its kind, or a cured one with an error, fails the build.
"""

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import ownloss

if TYPE_CHECKING:  # torch is imported only where the page is read
    from ownloss.checker import Kind, Report

logger = logging.getLogger(__name__)


def run(source: str) -> "Report":
    """Run the source of a loss with its inputs, and check it."""
    namespace: dict[str, Any] = {"__name__": "a_loss"}
    # The rule's own source, shown on the page: what is shown is what is run.
    exec(compile(source, "a_loss.py", "exec"), namespace)  # noqa: S102
    return ownloss.check(namespace["loss"], *namespace["inputs"])


class FindingKinds(SphinxDirective):
    """Write a section about every kind of mistake."""

    def run(self) -> list[nodes.Node]:
        """Run every kind's pair of losses."""
        from ownloss.checker import kinds

        return [self.section(kind) for kind in kinds().values()]

    def section(self, kind: "Kind") -> nodes.section:
        """Tell one kind."""
        wrong, right = run(kind.wrong), run(kind.right)
        named = [finding.kind for finding in wrong.findings]
        if kind.slug not in named:
            logger.warning(
                "the wrong loss of kind %r is reported as %r",
                kind.slug,
                named,
                location=self.get_location(),
            )
        if not right.ok:
            logger.warning(
                "the cured loss of kind %r has an error: %s",
                kind.slug,
                right,
                location=self.get_location(),
            )
        section = nodes.section(ids=[kind.slug], names=[kind.slug])
        section += nodes.title("", kind.title)
        section += nodes.paragraph("", "", nodes.literal("", kind.slug))
        for text in (kind.meaning, f"How it shows: {kind.shows}"):
            section += self.parse_text_to_nodes(text)
        section += code(kind.wrong, "python")
        section += output(str(wrong))
        section += self.parse_text_to_nodes(f"The cure: {kind.cure}")
        section += code(kind.right, "python")
        section += output(str(right))
        self.state.document.note_explicit_target(section)
        return section


def code(source: str, language: str) -> nodes.literal_block:
    """Show source."""
    source = source.strip()
    return nodes.literal_block(source, source, language=language)


def output(text: str) -> nodes.literal_block:
    """Show what was printed, as the gallery does."""
    return nodes.literal_block(
        text, text, language="none", classes=["sphx-glr-script-out", "verdict"]
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive with Sphinx."""
    app.add_directive("finding-kinds", FindingKinds)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
