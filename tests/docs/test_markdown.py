"""Every page as Markdown: whole, readable, and listed in llms.txt.

`nox -s tests` builds the site meanwhile; elsewhere build it first.
"""

import functools
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from docutils.utils import new_document
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from gallery.blocks import table
from ownloss_site import markdown_pages
from tests.docs.conftest import SITE, names, parsed

WITHOUT_WORDS = {"404.html", "genindex.html", "search.html"}
MARKDOWN = MarkdownIt("commonmark").enable("table")
FORMULA = re.compile(r"\$\$\n.+?\n\$\$|(?<!\\)\$[^$]+\$", re.DOTALL)
FENCE = re.compile(r"^[ >]*(`{3,}).*?^[ >]*\1$", re.DOTALL | re.MULTILINE)
# What stands on a page for a browser alone.
ONLY_IN_A_BROWSER = (
    ".headerlink, .sphx-glr-footer, .sphx-glr-download-link-note, #loss-alone"
)


def pages_of_words():
    """The pages that have a Markdown of their own."""
    return [name for name in names() if name not in WITHOUT_WORDS]


def read(name):
    """A page's Markdown."""
    return (SITE / f"{name}.md").read_text(encoding="utf-8")


@functools.cache
def base():
    """Where the site is published."""
    canonical = parsed("index.html").css_first("link[rel=canonical]")
    return canonical.attributes["href"].removesuffix("index.html")


def letters(text):
    """A text without spaces and line breaks."""
    return "".join(text.split())


class Page:
    """A page in HTML and in Markdown, each parsed once."""

    def __init__(self, name):
        self.name = name
        self.html = parsed(name)
        self.text = read(name)
        self.blocks = MARKDOWN.parse(self.text)

    @property
    def tokens(self):
        """All tokens of the Markdown, nested ones included."""
        for token in self.blocks:
            yield token
            yield from token.children or ()


def announces_its_markdown(page):
    links = page.html.css("link[rel=alternate][type='text/markdown']")
    announced = [link.attributes["href"] for link in links]
    if announced != [f"{Path(page.name).name}.md"]:
        yield f"announces {announced}"
    if not page.text.startswith("# "):
        yield "does not begin with its title"


def says_all_that_the_page_says(page):
    rendered = MARKDOWN.renderer.render(page.blocks, MARKDOWN.options, {})
    said = letters(LexborHTMLParser(rendered).text())
    article = page.html.css_first("article")
    for tag in article.css(ONLY_IN_A_BROWSER):
        tag.decompose()
    for tag in article.css("p, dt, h1, h2, h3, pre, td, th, figcaption"):
        if not tag.css_first("math, svg") and letters(tag.text()) not in said:
            yield f"lacks {tag.text()[:100]!r}"
    written = letters(page.text.replace("\\", ""))
    for image in article.css("img"):
        if letters(image.attributes["alt"]) not in written:
            yield f"lacks the picture of {image.attributes['alt']!r}"
    formulas = FORMULA.findall(FENCE.sub("", page.text))
    if len(formulas) != len(article.css("math")):
        yield f"has {len(formulas)} formulas of {len(article.css('math'))}"


def is_nothing_but_markdown(page):
    for token in page.tokens:
        if token.type.startswith("html") or token.type == "code_block":
            yield f"has {token.type} {token.content[:100]!r}"
        if token.type == "fence" and not token.info:
            yield f"does not say what code is {token.content[:100]!r}"
    words = "\n".join(t.content for t in page.tokens if t.type == "text")
    for sphinx in re.findall(r"\{[a-z-]+\}`|:[a-z:]+:`|^\.\. \w+", words, re.MULTILINE):
        yield f"is written for Sphinx: {sphinx}"
    fences = re.findall(r"^[ >]*(`{3,})", page.text, re.MULTILINE)
    if len(fences) != 2 * sum(token.type == "fence" for token in page.tokens):
        yield "opens a fence that it does not close"


def has_links_that_lead_somewhere(page):
    for token in page.tokens:
        if token.type not in {"link_open", "image"}:
            continue
        link = token.attrs.get("href") or token.attrs.get("src")
        if link.startswith(base()):
            path = SITE / unquote(link.removeprefix(base()).partition("#")[0])
            kinds = {".md", ".svg", ".zip", ".epub", ".py", ".ipynb"}
            if path.suffix not in kinds or not path.is_file():
                yield f"links to {link}"
        elif not link.startswith("https://"):
            yield f"links to {link}"


WANTED = (
    announces_its_markdown,
    says_all_that_the_page_says,
    is_nothing_but_markdown,
    has_links_that_lead_somewhere,
)


@pytest.fixture(scope="module")
def faults():
    """From what is wanted of every page to what is wrong, page by page."""
    found = {wanted: [] for wanted in WANTED}
    for page in map(Page, pages_of_words()):
        for wanted in WANTED:
            found[wanted] += [f"{page.name} {fault}" for fault in wanted(page)]
    return found


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: wanted.__name__)
def test_the_markdown_of_every_page(wanted, faults):
    assert faults[wanted] == []


def test_llms_txt_follows_its_specification_and_lists_every_page_once():
    text = (SITE / "llms.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line]
    assert lines[0] == "# ownloss"
    assert lines[1].startswith("> ")
    sections = [line for line in lines if line.startswith("## ")]
    assert sections == ["## Learn", "## Copy", "## Look up", "## About"]
    listed = re.findall(r"^- \[.+\]\((\S+)\): \S.{19,}$", text, re.MULTILINE)
    assert len(listed) == len(re.findall("^- ", text, re.MULTILINE))
    expected = [f"{base()}{name}.md" for name in pages_of_words()]
    expected.remove(f"{base()}index.html.md")
    assert sorted(listed) == sorted(expected)


def test_llms_full_txt_holds_every_page_in_the_order_of_the_menu():
    listed = re.findall(r"\]\((\S+)\.md\): ", (SITE / "llms.txt").read_text("utf-8"))
    order = ["index.html", *(link.removeprefix(base()) for link in listed)]
    text = (SITE / "llms-full.txt").read_text(encoding="utf-8")
    assert text == "\n".join(read(name) for name in order)


@pytest.mark.parametrize(
    "text",
    [
        r"stars \*here\*, [brackets] and <angles>, a $ and a \\ and \`ticks\`",
        r"snake_case, \_private\_ and \__dunder\__",
        "first line\n\\- no list\n\\+ none either\n2) nor this\n\\# no heading",
        "5. is no list either",
    ],
)
def test_no_sign_of_a_text_is_taken_for_markdown(text):
    doctree = publish_doctree(f"Words. {text}\n")
    written = markdown_pages.Writer("https://example.org/", {}).page(doctree)
    rendered = LexborHTMLParser(MARKDOWN.render(written))
    assert [tag.tag for tag in rendered.css("body *")] == ["p"]
    assert rendered.text().split() == doctree.astext().split()


def test_a_page_that_is_alone_in_a_line_is_described_in_a_list_and_not_in_a_table():
    def link():
        return nodes.paragraph("", "", nodes.reference("", "A", refuri="a.html"))

    document = new_document("")
    document += nodes.bullet_list("", nodes.list_item("", link()))
    document += table(["page"], [[link()]])
    says = {"https://x.test/a.html.md": "It says."}
    written = markdown_pages.Writer("https://x.test/", says).page(document)
    to = "[A](https://x.test/a.html.md)"
    assert written == f"- {to}: It says.\n\n| page |\n| --- |\n| {to} |\n"


@pytest.mark.parametrize("code", ["a", "`", "``x``", "a ` b", "```python"])
def test_code_may_hold_backticks(code):
    rendered = MARKDOWN.render(markdown_pages.code(code))
    assert LexborHTMLParser(rendered).css_first("code").text() == code
    rendered = MARKDOWN.render(markdown_pages.fence(f"x\n{code}\ny", "none"))
    found = LexborHTMLParser(rendered).css_first("code")
    assert found.text() == f"x\n{code}\ny\n"
    assert found.attributes["class"] == "language-text"
