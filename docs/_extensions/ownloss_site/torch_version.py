"""What holds on some releases of torch only: the ``torch-version`` directive.

Its argument is the condition, as a requirement writes it: ``>=2.14``, ``<2.14``, or
``>=2.8,<2.14``. ``conftest.py`` runs what stands within on the releases that the
condition names, and ``tests/docs/test_snippets.py`` sees to it that blocks which
follow each other leave no release out.
"""

import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

CONDITION = re.compile(
    r"(?=[<>])(?:>=(?P<first>\d+\.\d+))?(?:(?(first),|)<(?P<end>\d+\.\d+))?"
)


def in_words(condition: str) -> str:
    """Say which releases a condition names.

    Args:
        condition: Such as ``">=2.8,<2.14"``.

    Returns:
        Such as ``"torch 2.8 or newer, but older than 2.14"``.

    Raises:
        ValueError: The condition has another form.
    """
    match = CONDITION.fullmatch(condition)
    if match is None:
        raise ValueError(
            "expected a condition such as '>=2.14', '<2.14' or '>=2.8,<2.14', "
            f"got {condition!r}"
        )
    words = [f"{match['first']} or newer"] if match["first"] else []
    words += [f"older than {match['end']}"] if match["end"] else []
    return f"torch {', but '.join(words)}"


class TorchVersion(SphinxDirective):
    """Show what holds on some releases only, under a line that names them."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Build the block."""
        self.assert_has_content()
        try:
            words = in_words(self.arguments[0])
        except ValueError as error:
            raise self.error(str(error)) from error
        block = nodes.admonition(classes=["torch-version"])
        block += nodes.title("", words)
        block += self.parse_content_to_nodes()
        return [block]
