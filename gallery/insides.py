"""All that touches Sphinx-Gallery's private parts, and nothing else does.

Its settings, its scrapers and its reset functions are documented and used elsewhere.
What is not documented stands here: functions that it calls, files that it keeps beside
its pages, classes and nodes that its pages have. ``LEANS_ON`` and ``PAGES_HAVE`` say
what breaks without each. `nox -s tests` tries each, today and with the next
Sphinx-Gallery.
"""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator
from sphinx_gallery._doctree_links import CodeLinksTransform, code_links_block
from sphinx_gallery.gen_gallery import generate_gallery_rst
from sphinx_gallery.gen_rst import executable_script, generate_file_rst
from sphinx_gallery.utils import get_md5sum

LEANS_ON = {
    "sphinx_gallery.gen_gallery.generate_gallery_rst(app)": "a build in which nothing "
    "has changed parses every script again: stop() must find another listener",
    "sphinx.application.Sphinx.disconnect(self, listener_id)": "a build in which "
    "nothing has changed parses every script again: stop() must do otherwise",
    "sphinx_gallery.gen_rst.generate_file_rst(fname, target_dir, src_dir, "
    "gallery_conf)": "the examples run one after the other: run() must call another",
    "sphinx_gallery.gen_rst.executable_script(src_file, gallery_conf)": "an example "
    "that nobody asked for runs: has_changed() must read the settings itself",
    "sphinx_gallery._doctree_links.code_links_block": "the pages of examples take "
    "longer to write: FoldTokens must find the cells elsewhere",
    "sphinx_gallery._doctree_links.CodeLinksTransform.default_priority": "the same: "
    "FoldTokens must come right after what makes a node of each token",
    "sphinx_gallery.utils.get_md5sum(src_file, mode)": "every example runs in every "
    "build, or a changed one does not: has_changed() must sum up otherwise",
}
OF_GALLERY = "sphx-glr-"
FOOTER, NOTE = "sphx-glr-footer", "sphx-glr-download-link-note"
DOWNLOAD, PRINTED = "sphx-glr-download", "sphx-glr-script-out"
CARD, EXAMPLE = "sphx-glr-thumbcontainer", "sphx-glr-example-title"
TAGS = "sphx-glr-example-tags"
PAGES_HAVE = {
    FOOTER: "an example's page offers neither the loss alone nor a notebook elsewhere, "
    "and the downloads get into books and Markdown",
    NOTE: "a book and a page's Markdown begin with a link that leads nowhere",
    DOWNLOAD: "what we offer beside the downloads looks unlike them",
    PRINTED: "what an example prints looks like its code, and the search finds it",
    CARD: "cards are not laid out, and stand in books",
    EXAMPLE: "the search finds nothing of an example's page",
    TAGS: "the tags of an example's page lead nowhere",
}
OPENS_CARD = re.compile(
    rf"""<div class="{CARD}" (?:data-sgtags='(?P<tags>.*?)' )?"""
    r"""tooltip="(?P<says>.*?)">"""
)
CLOSES_CARD = re.compile(r'<div class="sphx-glr-thumbnail-title">.*?</div>')
PLACE_OF_FILTER = "<div id='sg-tag-list' class='sphx-glr-tag-list'></div>"
"""What its raw HTML has, which :func:`write_on_cards` replaces."""
CODE = code_links_block.__name__
"""The node of a cell, which is no ``literal_block``."""


class tokens(nodes.Text):  # noqa: N801 - docutils spells nodes so
    """A run of code without a link: its text, and each token with its class."""

    classed: list[tuple[str, str]]


class FoldTokens(SphinxPostTransform):
    """Make one node of all tokens between two links of a cell.

    Sphinx-Gallery makes a node of each. Twenty transforms visit all nodes of a page.
    """

    default_priority = CodeLinksTransform.default_priority + 1
    formats = ("html",)

    def run(self, **_options: Any) -> None:
        """Fold them."""
        for cell in self.document.findall(code_links_block):
            children = [*folded(cell.children)]
            cell.clear()
            cell += children


def folded(children: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    """Yield the same code in fewer nodes."""
    for plain, run in groupby(children, is_token):
        if not plain:
            yield from run
            continue
        classed = [
            (
                "" if isinstance(token, nodes.Text) else token["classes"][0],
                token.astext(),
            )
            for token in run
        ]
        together = tokens("".join(text for _, text in classed))
        together.classed = classed
        yield together


def is_token(node: nodes.Node) -> bool:
    """Whether a node is a token without a link."""
    return isinstance(node, nodes.Text) or (
        isinstance(node, nodes.inline) and len(node) == len(node["classes"]) == 1
    )


def write_tokens(writer: HTML5Translator, node: tokens) -> None:
    """Write the tokens as Pygments does."""
    for css, text in node.classed:
        written = writer.encode(text)
        writer.body.append(f'<span class="{css}">{written}</span>' if css else written)


NODES = {tokens: (write_tokens, lambda _writer, _node: None)}


def stop(app: Sphinx) -> None:
    """Keep Sphinx-Gallery from parsing every script.

    Args:
        app: The Sphinx application, before Sphinx-Gallery has run.
    """
    for listener in app.events.listeners["builder-inited"]:
        if listener.handler is generate_gallery_rst:
            app.disconnect(listener.id)


def has_changed(script: Path, page: Path, gallery_conf: dict[str, Any]) -> bool:
    """Whether a script has to run.

    Args:
        script: The example.
        page: Its copy beside its page.
        gallery_conf: The settings of Sphinx-Gallery.
    """
    known = note_that_it_ran(page)
    return executable_script(script, gallery_conf) and (
        not known.exists() or known.read_text() != get_md5sum(script, mode="t")
    )


def run(script: Path, page: Path, gallery_conf: dict[str, Any]) -> None:
    """Run an example as Sphinx-Gallery would, which runs it again if it fails.

    Args:
        script: The example.
        page: Its copy beside its page.
        gallery_conf: The settings of Sphinx-Gallery.
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(Exception):
        generate_file_rst(script.name, page.parent, script.parent, gallery_conf)


def note_that_it_ran(page: Path) -> Path:
    """The file that holds the sum of a script that has run."""
    return page.with_name(f"{page.name}.md5")


def figures(page: Path) -> list[Path]:
    """The figures that an example has drawn."""
    return sorted(page.parent.glob(f"images/sphx_glr_{page.stem}_[0-9]*.svg"))


def figure(name: str, number: int) -> str:
    """The file of one of them, beside the pages of its topic."""
    return f"images/sphx_glr_{name}_{number:03}.svg"


def blank_card(page: Path) -> Path:
    """The card of an example that was shown but did not run.

    It comes of a build of another example alone, and Sphinx-Gallery would prefer it to
    the figure for good.
    """
    return page.parent / "images" / "thumb" / f"sphx_glr_{page.stem}_thumb.png"


def is_card(image: nodes.image) -> bool:
    """Whether an image is a card's."""
    return image["uri"].endswith("_thumb.svg")


def write_on_cards(doctree: nodes.document) -> None:
    """Let the words of a card be text, which is found and read aloud: not a tooltip.

    Args:
        doctree: The page that has just been read. Its cards keep their tags; the places
            for Sphinx-Gallery's own filter go.
    """
    says = ""
    for raw in list(doctree.findall(nodes.raw)):
        text = raw.astext()
        if PLACE_OF_FILTER in text:
            raw.parent.remove(raw)
            continue
        if card := OPENS_CARD.search(text):
            says = f'<div class="card-words">{card["says"]}</div>'
            tags = f" data-sgtags='{card['tags']}'" if card["tags"] else ""
            text = OPENS_CARD.sub(lambda _, t=tags: f'<div class="{CARD}"{t}>', text)
        text = CLOSES_CARD.sub(lambda _, words=says: words, text)
        raw.replace_self(nodes.raw(raw.rawsource, text, format=raw["format"]))


def tags_of_cards(node: nodes.Element) -> list[list[str]]:
    """The tags of each card within a node, in the order of the page."""
    raw = "\n".join(raw.astext() for raw in node.findall(nodes.raw))
    cards = re.findall(rf"""<div class="{CARD}"(?: data-sgtags='(.*?)')?""", raw)
    return [json.loads(tags or "[]") for tags in cards]


def tags_of_example(doctree: nodes.document) -> nodes.paragraph | None:
    """The paragraph that names the tags of an example, at the foot of its page."""
    for paragraph in doctree.findall(nodes.paragraph):
        if TAGS in paragraph["classes"]:
            return paragraph
    return None


def footers(doctree: nodes.document) -> Iterator[nodes.container]:
    """The downloads of an example's page."""
    for container in doctree.findall(nodes.container):
        if FOOTER in container["classes"]:
            yield container


def offer(link: nodes.Element) -> nodes.container:
    """Dress a link as one of the downloads."""
    return nodes.container("", nodes.paragraph("", "", link), classes=[DOWNLOAD])
