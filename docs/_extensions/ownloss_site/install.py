"""The command that installs ownloss, from where it can be had: ``{install}``.

Two settings decide: ``on_pypi``, and ``repository_url`` where it is not there. Without
either, whoever reads the pages has a checkout.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from gallery.blocks import code


def way_in(on_pypi: bool, repository_url: str) -> tuple[str, str]:
    """Say where ownloss comes from.

    Args:
        on_pypi: Whether it has been published on PyPI.
        repository_url: Where its sources lie; empty where that is not known.

    Returns:
        The place in words, and what pip installs.
    """
    if on_pypi:
        return "PyPI", "ownloss"
    if repository_url:
        return "its repository", f"git+{repository_url.rstrip('/')}"
    return "a checkout", "."


class Install(SphinxDirective):
    """Show the command."""

    def run(self) -> list[nodes.Node]:
        """Build a sentence and a block."""
        config = self.config
        place, source = way_in(config.on_pypi, config.repository_url)
        return [
            nodes.paragraph("", f"Install it from {place}:"),
            code(f"$ python -m pip install {source}", "console"),
        ]
