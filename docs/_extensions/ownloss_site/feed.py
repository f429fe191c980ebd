"""A feed of new and changed losses: ``feed.xml``, in Atom.

The dates and the words are those of the commits that touched an example. Without git
there is no feed. (atsphinx-feed 0.1.2 wants a date in the text of each page, writes
the time of the build in its place, and its link in a page leads to the home page.)
"""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx

from ownloss import catalogue
from ownloss.catalogue import Example

NAME = "feed.xml"
NEWEST = 30


@dataclass
class Change:
    """The commits of one example: when the first and the last, and its words."""

    first: datetime
    last: datetime
    subject: str


def changes(log: str) -> dict[str, Change]:
    """Read what git says of the files of the examples, the newest commit first.

    Args:
        log: ``@``, seconds and subject of each commit, and the files that it touched.

    Returns:
        The change of each file, by its name.
    """
    found: dict[str, Change] = {}
    when, subject = datetime.now(UTC), ""
    for line in filter(None, log.splitlines()):
        if line.startswith("@"):
            seconds, _, subject = line[1:].partition(" ")
            when = datetime.fromtimestamp(int(seconds), UTC)
        else:
            name = Path(line).name
            found.setdefault(name, Change(when, when, subject)).first = when
    return found


def newest() -> Iterator[tuple[Example, Change]]:
    """Yield the examples that were changed last; none without git."""
    if not shutil.which("git"):
        return
    folder = catalogue.folder()
    asked = ["git", "-C", str(folder), "log", "--format=@%ct %s", "--name-only", "."]
    log = subprocess.run(asked, capture_output=True, text=True).stdout
    of_file = changes(log)
    listed = [e for e in catalogue.examples() if e.path.name in of_file]
    listed.sort(key=lambda e: (of_file[e.path.name].last, e.name), reverse=True)
    for example in listed[:NEWEST]:
        yield example, of_file[example.path.name]


def atom(site: str, entries: list[tuple[Example, Change]]) -> ElementTree.Element:
    """Write a feed.

    Args:
        site: Where the site is published.
        entries: The examples with their changes, the newest first.

    Returns:
        The root of the feed.
    """
    feed = ElementTree.Element("feed", xmlns="http://www.w3.org/2005/Atom")

    def add(parent: ElementTree.Element, tag: str, text: str, **more: str) -> None:
        ElementTree.SubElement(parent, tag, more).text = text

    add(feed, "title", "ownloss: new and changed losses")
    add(feed, "id", site)
    add(feed, "link", "", rel="self", href=urljoin(site, NAME))
    add(feed, "link", "", href=site)
    add(feed, "updated", entries[0][1].last.isoformat())
    add(ElementTree.SubElement(feed, "author"), "name", "The ownloss authors")
    for example, change in entries:
        page = urljoin(site, f"{example.page}.html")
        entry = ElementTree.SubElement(feed, "entry")
        new = "New" if change.first == change.last else "Changed"
        add(entry, "title", f"{new}: {example.title}")
        add(entry, "id", page)
        add(entry, "link", "", href=page)
        add(entry, "published", change.first.isoformat())
        add(entry, "updated", change.last.isoformat())
        add(entry, "summary", f"{example.summary} ({change.subject})")
    ElementTree.indent(feed)
    return feed


def ask_git(app: Sphinx) -> None:
    """Ask once, before the pages that name the feed are written."""
    app.builder.changes = list(newest())


def announce(
    app: Sphinx,
    _page: str,
    _template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Name the feed in the head of each page."""
    if doctree is not None and app.builder.changes:
        context["metatags"] += (
            '<link rel="alternate" type="application/atom+xml" '
            f'title="New and changed losses" href="{context["pathto"](NAME, 1)}" />\n'
        )


def write_feed(app: Sphinx) -> None:
    """Write the feed, where there is something in it."""
    if entries := app.builder.changes:
        tree = ElementTree.ElementTree(atom(app.config.html_baseurl, entries))
        path = Path(app.outdir, NAME)
        tree.write(path, encoding="utf-8", xml_declaration=True)
