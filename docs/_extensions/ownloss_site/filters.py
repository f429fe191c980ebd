"""The gallery by task, target and property: filters of its cards, and links to them.

Sphinx-Gallery's tags come with a script that makes one list of all tags, in no order,
of elements that no keyboard reaches, and filters the cards by them. Here the page of
all losses has buttons in three rows, made while the site is built; ``filters.js`` says
what remains when some are pressed. The address is the one of Sphinx-Gallery's script:
``examples/index.html?sg-tags=outliers,regression``. At the foot of a loss's page its
tags lead there, and so does a role on any page::

    {losses}`heavy tails <outliers>`, {losses}`counts <regression,amounts>`
"""

from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import ReferenceRole
from sphinx.util.osutil import relative_uri

from gallery import insides
from ownloss import catalogue
from ownloss.tags import GROUPS, WORDS

SCRIPT = "filters.js"
QUESTIONS = {
    "task": "What is it for?",
    "target": "What is the target?",
    "property": "What matters?",
}
LESSONS = "What stands here shows how gradients work; it is read, not copied."


class losses_with(nodes.inline):  # noqa: N801 - docutils spells nodes so
    """The words of a link to losses, until it is known where the page is."""


class Losses(ReferenceRole):
    """Link to the losses that have a tag, or several with commas between them."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Remember the tags."""
        if unknown := set(self.target.split(",")) - set(WORDS):
            message = f"no tag is named {min(unknown)!r}; src/ownloss/tags.py has them"
            said = self.inliner.reporter.error(message, line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, said)], [said]
        return [losses_with("", self.title, losses=self.target)], []


def is_index(app: Sphinx, docname: str) -> bool:
    """Whether a page is the one of all losses."""
    return docname == f"{app.config.sphinx_gallery_conf['gallery_dirs']}/index"


def places(app: Sphinx) -> Iterator[tuple[str, str, str, str]]:
    """What the search of the site says of each tag.

    Args:
        app: The Sphinx application.

    Yields:
        Where the losses with the tag are listed, a title, the losses, and the words
        that people type for the tag.
    """
    gallery = f"{app.config.sphinx_gallery_conf['gallery_dirs']}/index"
    for tag, words in WORDS.items():
        losses = [one.title for one in catalogue.examples() if tag in one.tags]
        address = f"{app.builder.get_target_uri(gallery)}?sg-tags={quote(tag)}"
        yield address, f"Losses: {tag}", ", ".join(losses), words


def arrange(app: Sphinx, doctree: nodes.document) -> None:
    """Give cards their words, and lessons, which have no tags, a heading of their own.

    Args:
        app: The Sphinx application.
        doctree: The page that has just been read, and has no table of contents yet.
    """
    insides.write_on_cards(doctree)
    if not is_index(app, app.env.docname):
        return
    page = next(doctree.findall(nodes.section))
    topics = [part for part in page if isinstance(part, nodes.section)]
    lessons = [topic for topic in topics if not any(insides.tags_of_cards(topic))]
    if not lessons or len(lessons) == len(topics):
        return
    apart = nodes.section(ids=["lessons"], names=["lessons"])
    apart += nodes.title("", "Lessons")
    apart += nodes.paragraph("", LESSONS)
    for topic in lessons:
        page.remove(topic)
        apart += topic
    page += apart


def link_tags(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the tags of a page lead to the losses that have them.

    Args:
        app: The Sphinx application.
        doctree: The page, about to be written.
        docname: Its name.
    """
    gallery = f"{app.config.sphinx_gallery_conf['gallery_dirs']}/index"
    in_browser = app.builder.name == "html"

    def link(tags: str, words: str) -> nodes.reference | nodes.Text:
        if not in_browser:  # a book has nothing to filter
            return nodes.Text(words)
        index, here = map(app.builder.get_target_uri, (gallery, docname))
        address = f"{relative_uri(here, index)}?sg-tags={quote(tags, safe=',')}"
        return nodes.reference("", words, refuri=address, internal=True)

    shown = docname.startswith(f"{app.config.sphinx_gallery_conf['gallery_dirs']}/")
    if shown and (paragraph := insides.tags_of_example(doctree)):
        _, _, named = paragraph.astext().partition(":")
        paragraph.clear()
        paragraph += nodes.Text("Losses like this one: ")
        for number, tag in enumerate(named.strip().split(", ")):
            paragraph += [nodes.Text(", " * bool(number)), link(tag, tag)]
    for words in list(doctree.findall(losses_with)):
        words.replace_self(link(words["losses"], words.astext()))


def add_filters(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the filters above the cards of all losses.

    Args:
        app: The Sphinx application.
        doctree: The page, about to be written.
        docname: Its name.
    """
    if not is_index(app, docname):
        return
    page = next(doctree.findall(nodes.section))
    first = next(page.findall(nodes.raw))
    page.insert(page.index(first), nodes.raw("", filters(doctree), format="html"))


def filters(doctree: nodes.document) -> str:
    """Write the filters of a page.

    Args:
        doctree: The page, with its cards.

    Returns:
        A row of buttons for each group of tags, as HTML; each says how many losses of
        the page have the tag.
    """
    cards = [tags for tags in insides.tags_of_cards(doctree) if tags]
    counts = Counter(tag for tags in cards for tag in tags)
    rows = []
    for group, tags in GROUPS.items():
        buttons = "\n".join(
            f'<button type="button" aria-pressed="false" data-tag="{escape(tag)}" '
            f'title="{escape(words)}">{escape(tag)} <span>{counts[tag]}</span></button>'
            for tag, words in tags.items()
            if counts[tag]
        )
        rows.append(
            f'<div role="group" aria-labelledby="by-{group}">'
            f'<span id="by-{group}">{QUESTIONS[group]}</span>'
            f"<div>\n{buttons}\n</div></div>"
        )
    losses = f"{len(cards)} loss{'es' * (len(cards) != 1)}"
    return (
        '<div class="filters">\n'
        + "\n".join(rows)
        + f'\n<div><span role="status">{losses}</span> '
        + '<button type="button" id="all-losses" hidden>Show all</button></div>\n</div>'
    )


def add_script(
    app: Sphinx, page: str, _template: str, _context: dict[str, Any], _doctree: Any
) -> None:
    """Load the script on the page that has the filters, and on no other."""
    if is_index(app, page):
        app.add_js_file(SCRIPT, loading_method="defer")
