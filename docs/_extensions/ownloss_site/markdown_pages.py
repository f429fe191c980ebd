"""Every page as Markdown at its own address, and ``llms.txt`` that lists them.

``guide/backward.html`` is also ``guide/backward.html.md``: the address that
https://llmstxt.org proposes, announced in the page's head. The text comes from the
page as it was built, so it holds what directives made, what cells printed and what
figures show. ``llms-full.txt`` is all pages in one, in the order of the site's menu.

(sphinx-llm-friendly 0.7.0 does the same for most pages. Of 287 it left passages out of
17: what a message has in angle brackets, such as ``<class 'float'>``, is taken for
HTML, and the cells of an example, which are no ``literal_block``, are lost. Its list
of pages says nothing of them, and its button is a script that the policy forbids.)
"""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.display import progress_message

from gallery import insides

SUFFIX = ".md"
# What a page says only to those who see it in a browser.
LEFT_OUT = {insides.NOTE, insides.FOOTER}
SILENT = (nodes.comment, nodes.Invisible, nodes.raw, nodes.title, addnodes.index)
MARKS = re.compile(r"[\\`*\[\]<$]|(?<![^\W_])_|_(?![^\W_])")
MARKS_OF_A_LINE = re.compile(
    r"^(\s*(?:\d+(?=[.)]))?)(>|(?:#+|[-+.)])(?=\s))", re.MULTILINE
)
NO_LANGUAGE = {"none", "default"}


class Writer:
    """Writes the resolved doctree of one page as Markdown.

    Attributes:
        address: Where the page is published; its links and figures become absolute,
            so that the text can be read anywhere.
        cards: What to say of the examples that a page shows as cards, by address.
    """

    def __init__(self, address: str, cards: dict[str, str]) -> None:
        self.address = address
        self.cards = cards

    def page(self, doctree: nodes.document) -> str:
        """Return the text of a page."""
        return "\n\n".join(self.blocks(doctree, level=0)) + "\n"

    def blocks(self, parent: nodes.Element, level: int) -> Iterator[str]:
        """Yield the blocks within a node: paragraphs, lists, fences."""
        for node in parent.children:
            if isinstance(node, nodes.Text):
                if text := node.astext().strip():
                    yield escape(text)
            elif not LEFT_OUT.intersection(node["classes"]):
                yield from self.block(node, level)

    def block(self, node: nodes.Element, level: int) -> Iterator[str]:
        """Yield the blocks of one node."""
        match node:
            case nodes.section():
                yield f"{'#' * (level + 1)} {one_line(self.inline(node[0]))}"
                yield from self.blocks(node, level + 1)
            case nodes.literal_block() | nodes.doctest_block():
                yield fence(node.astext(), node.get("language", "python"))
            case _ if node.tagname == insides.CODE:
                yield fence(node.astext(), node["lang"])
            case nodes.math_block():
                yield f"$$\n{node.astext().strip()}\n$$"
            case nodes.image():
                if node.get("alt"):  # the picture of a card has none: its words follow
                    yield self.inline_of(node)
            case nodes.bullet_list() | nodes.enumerated_list():
                yield "\n".join(self.items(node, level))
            case nodes.definition_list() | nodes.field_list():
                yield "\n".join(self.definitions(node, level))
            case nodes.table():
                yield "\n".join(self.rows(node))
            case addnodes.desc():
                yield from self.blocks(node, level)
            case addnodes.desc_signature():
                yield fence(node.astext(), "python")
            case nodes.rubric() | nodes.caption() | nodes.term():
                yield f"**{one_line(self.inline(node))}**"
            case addnodes.compact_paragraph() if node.get("toctree"):
                for child in node.children:
                    if isinstance(child, nodes.title):  # the caption of its list
                        yield f"**{one_line(self.inline(child))}**"
                    else:
                        yield from self.block(child, level)
            case nodes.paragraph() | addnodes.compact_paragraph():
                text = self.inline(node).strip()
                card = self.cards.get(self.target_of_only_child(node))
                if card and not isinstance(node.parent, nodes.entry):
                    mark = "" if isinstance(node.parent, nodes.list_item) else "- "
                    text = f"{mark}{text}: {one_line(card)}"
                if text:
                    yield text
            case nodes.Admonition():
                title = escape(type(node).__name__.replace("_", " ").capitalize())
                if isinstance(node, nodes.admonition):
                    title = self.inline(node[0])
                yield quote([f"**{title}**", *self.blocks(node, level)])
            case nodes.block_quote():
                yield quote(self.blocks(node, level))
            case nodes.transition():
                yield "---"
            case nodes.TextElement() if not isinstance(node, SILENT):
                if text := self.inline_of(node).strip():
                    yield text
            case _ if not isinstance(node, SILENT):
                yield from self.blocks(node, level)

    def items(self, node: nodes.Element, level: int) -> Iterator[str]:
        """Yield the items of a list."""
        numbered = isinstance(node, nodes.enumerated_list)
        for number, item in enumerate(node.children, node.get("start", 1)):
            mark = f"{number}. " if numbered else "- "
            yield hang(mark, "\n\n".join(self.blocks(item, level)))

    def definitions(self, node: nodes.Element, level: int) -> Iterator[str]:
        """Yield the items of a list of terms, or of what a function takes."""
        for item in node.children:
            *terms, body = item.children
            name = ", ".join(one_line(self.inline(term)) for term in terms)
            begins_with_words = isinstance(next(iter(body), None), nodes.paragraph)
            said = "\n\n".join(self.blocks(body, level))
            yield hang(
                "- ", f"**{name}**:{' ' if begins_with_words else 2 * chr(10)}{said}"
            )

    def rows(self, table: nodes.table) -> Iterator[str]:
        """Yield the lines of a table."""
        for number, row in enumerate(table.findall(nodes.row)):
            cells = [
                one_line(" ".join(self.blocks(cell, level=0))).replace("|", r"\|")
                for cell in row.children
            ]
            yield f"| {' | '.join(cells)} |"
            if number == 0:
                yield f"|{' --- |' * len(cells)}"

    def inline(self, parent: nodes.Element) -> str:
        """Return the running text within a node."""
        text = "".join(self.inline_of(child) for child in parent.children)
        return MARKS_OF_A_LINE.sub(r"\1\\\2", text)

    def inline_of(self, node: nodes.Node) -> str:
        """Return the running text of one node."""
        match node:
            case nodes.Text():
                return escape(node.astext())
            case nodes.literal() | nodes.title_reference():
                return code(node.astext())
            case nodes.math():
                return f"${node.astext().strip()}$"
            case nodes.image():
                address = urljoin(self.address, node["uri"])
                return f"![{escape(one_line(node.get('alt', '')))}]({address})"
            case addnodes.literal_emphasis():  # a type, which comes in pieces
                return escape(node.astext())
            case nodes.emphasis():
                return f"*{self.inline(node)}*"
            case nodes.strong():
                return f"**{self.inline(node)}**"
            case nodes.reference() if address := self.address_of(node):
                return f"[{self.inline(node)}]({address})"
            case nodes.Element() if not isinstance(node, SILENT):
                return self.inline(node)
        return ""

    def address_of(self, reference: nodes.reference) -> str:
        """Return where a link leads; nothing where it stays on the page."""
        link = reference.get("refuri", "")
        if not link or link.startswith("#"):
            return ""
        # A query is answered by a script in the page.
        parts = urlsplit(link)
        link = urlunsplit(parts._replace(query="")) if not parts.netloc else link
        address = urljoin(self.address, link)
        if parts.netloc or not parts.path.endswith(".html"):
            return address
        page, _, fragment = address.partition("#")
        return f"{page}{SUFFIX}#{fragment}" if fragment else page + SUFFIX

    def target_of_only_child(self, paragraph: nodes.Element) -> str:
        """Return where a paragraph that is nothing but a link leads."""
        if len(paragraph) == 1 and isinstance(paragraph[0], nodes.reference):
            return self.address_of(paragraph[0])
        return ""


def escape(text: str) -> str:
    """Return text in which no sign is taken for one of Markdown's marks."""
    return MARKS.sub(r"\\\g<0>", text)


def one_line(text: str) -> str:
    """Return text without line breaks."""
    return " ".join(text.split())


def code(text: str) -> str:
    """Return code for within a line, whatever backticks it holds."""
    marks = "`" * (1 + longest_run(text))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{marks}{space}{one_line(text)}{space}{marks}"


def fence(text: str, language: str) -> str:
    """Return a block of code, whatever backticks it holds."""
    marks = "`" * max(3, 1 + longest_run(text))
    language = "text" if language in NO_LANGUAGE else language.lower()
    return f"{marks}{language}\n{text.strip(chr(10))}\n{marks}"


def longest_run(text: str) -> int:
    """Count the backticks of the longest run of them."""
    return max(map(len, re.findall("`+", text)), default=0)


def hang(mark: str, text: str) -> str:
    """Return the item of a list: a mark, and all lines indented by its width."""
    return mark + indent(text, " " * len(mark)).lstrip()


def quote(blocks: Any) -> str:
    """Return blocks as a quotation."""
    return indent("\n\n".join(blocks), "> ", lambda line: True)


def note_description(app: Sphinx, doctree: nodes.document) -> None:
    """Keep what a page says of itself, or begins with, for the lists that name it."""
    said = [
        meta["content"]
        for meta in doctree.findall(nodes.meta)
        if meta.get("name") == "description"
    ]
    said += [text.astext() for text in doctree.findall(nodes.paragraph)][:1]
    if said:
        app.env.metadata[app.env.docname]["summary"] = one_line(said[0])


def file_of_page(app: Sphinx, docname: str) -> str:
    """Return the name of a page's Markdown within the site."""
    return app.builder.get_target_uri(docname) + SUFFIX


def address_of_page(app: Sphinx, docname: str) -> str:
    """Return where the Markdown of a page is published."""
    return urljoin(app.config.html_baseurl, file_of_page(app, docname))


def write_page(
    app: Sphinx,
    pagename: str,
    _templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Write a page as Markdown beside its HTML, and announce it there."""
    if doctree is None:
        return
    if not hasattr(app.builder, "cards"):  # of all pages, once
        app.builder.cards = {
            address_of_page(app, docname): escape(data["summary"])
            for docname, data in app.env.metadata.items()
            if "summary" in data
        }
    page = urljoin(app.config.html_baseurl, app.builder.get_target_uri(pagename))
    path = Path(app.outdir, file_of_page(app, pagename))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Writer(page, app.builder.cards).page(doctree), encoding="utf-8")
    context["metatags"] += (
        f'<link rel="alternate" type="text/markdown" href="{path.name}" />\n'
    )


def chapters(app: Sphinx) -> dict[str, list[str]]:
    """Return the pages below each caption of the site's menu, in reading order."""
    found: dict[str, list[str]] = {}
    for toctree in app.env.tocs[app.config.root_doc].findall(addnodes.toctree):
        pages = found.setdefault(toctree["caption"] or "Pages", [])
        for docname in toctree["includefiles"]:
            pages += [docname, *pages_below(app, docname)]
    return found


def pages_below(app: Sphinx, docname: str) -> Iterator[str]:
    """Yield the pages below another one in the menu, depth first."""
    for child in app.env.toctree_includes.get(docname, ()):
        yield child
        yield from pages_below(app, child)


def write_lists(app: Sphinx) -> None:
    """Write ``llms.txt`` and ``llms-full.txt``, where any page was written."""
    if not hasattr(app.builder, "cards"):
        return
    with progress_message("writing llms.txt and llms-full.txt"):
        home = app.config.root_doc
        menu = chapters(app)
        base = app.config.html_baseurl
        lines = [
            f"# {app.config.project}",
            "",
            f"> {app.env.metadata[home].get('summary', app.config.html_title)}",
            "",
            "Each page has its Markdown at its own address with `.md` behind it. "
            f"All of them in one file: {urljoin(base, 'llms-full.txt')}",
        ]
        for caption, pages in menu.items():
            lines += ["", f"## {caption}", ""]
            lines += [
                f"- [{escape(app.env.titles[page].astext())}]"
                f"({address_of_page(app, page)})"
                f": {app.env.metadata[page].get('summary', '')}".rstrip(": ")
                for page in pages
            ]
        out = Path(app.outdir)
        (out / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        texts = [
            (out / file_of_page(app, page)).read_text("utf-8")
            for page in [home, *(page for pages in menu.values() for page in pages)]
        ]
        (out / "llms-full.txt").write_text("\n".join(texts), encoding="utf-8")
