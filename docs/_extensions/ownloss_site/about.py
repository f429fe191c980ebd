"""What the site says of itself, read from where it already stands.

``{bibtex}`` comes from ``CITATION.cff``, ``{built-with}`` from what is installed,
``{report}`` from the address of the repository, the date at the foot of every page from
the last commit.
"""

import os
import platform
import re
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from gallery.blocks import code

ROOT = Path(__file__).resolve().parents[3]


def bibtex(citation: dict[str, Any], year: str, address: str = "") -> str:
    """Write an entry of BibTeX.

    Args:
        citation: What a ``CITATION.cff`` says.
        year: When it was written.
        address: Where the sources lie; empty where that is not known.

    Returns:
        The entry.
    """
    # Braces within braces: a group is not a person with a first name.
    authors = " and ".join(f"{{{author['name']}}}" for author in citation["authors"])
    fields = {
        "title": f"{{{citation['title']}}}: {citation['abstract'].rstrip('.')}",
        "author": authors,
        "year": year,
        "version": citation["version"],
        "url": address,
    }
    lines = [f"  {name} = {{{text}}}," for name, text in fields.items() if text]
    return "\n".join([f"@software{{{citation['title']},", *lines, "}"])


def built_with() -> list[tuple[str, str]]:
    """List what the site is built with.

    Returns:
        Name and version of Python and of each pinned package that is installed.
    """
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+)==", pins, re.MULTILINE)
    found = {d.name.lower().replace("_", "-"): d for d in metadata.distributions()}
    keys = [(name, name.lower().replace("_", "-")) for name in names]
    listed = [(name, found[key].version) for name, key in keys if key in found]
    return [("Python", platform.python_version()), *listed]


def day_of_build() -> str:
    """Name the day on which the lines of a page ran: the build's.

    Two builds of the same sources must be alike, so ``SOURCE_DATE_EPOCH`` goes before
    the clock. The day is no setting of Sphinx: a page that is not written again keeps
    its own.

    Returns:
        Such as ``"28 November 2026"``.
    """
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    day = datetime.fromtimestamp(seconds, UTC)
    return f"{day.day} {day:%B %Y}"


class Bibtex(SphinxDirective):
    """Show the entry of BibTeX."""

    def run(self) -> list[nodes.Node]:
        """Build the block."""
        path = ROOT / "CITATION.cff"
        self.env.note_dependency(str(path))
        citation = yaml.safe_load(path.read_text(encoding="utf-8"))
        licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
        year = re.search(r"Copyright \(c\) (\d{4})", licence)[1]
        entry = bibtex(citation, year, self.config.repository_url)
        return [code(entry, "bibtex")]


class BuiltWith(SphinxDirective):
    """Show the versions."""

    def run(self) -> list[nodes.Node]:
        """Build the list, in one paragraph: nobody reads it from top to bottom."""
        self.env.note_dependency(str(ROOT / "constraints.txt"))
        text = ", ".join(f"{name} {version}" for name, version in built_with())
        return [nodes.paragraph("", f"{text}.")]


class Report(SphinxDirective):
    """Say where a mistake is reported."""

    def run(self) -> list[nodes.Node]:
        """Build the sentence."""
        if not self.config.repository_url:
            words = "Report it where you have the sources from."
            return [nodes.paragraph("", words)]
        address = f"{self.config.repository_url.rstrip('/')}/issues/new/choose"
        link = nodes.reference("", "Open an issue", refuri=address, internal=False)
        return [nodes.paragraph("", "", link, nodes.Text(" of the repository."))]
