"""Every page as Markdown: whole, readable, and listed in llms.txt.

`nox -s tests` builds the site before these tests; elsewhere build it first.
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
from tests.docs.conftest import NAMES, SITE, parsed

WITHOUT_WORDS = {"404.html", "genindex.html", "search.html"}
NAMES = [name for name in NAMES if name not in WITHOUT_WORDS]
MARKDOWN = MarkdownIt("commonmark").enable("table")
FORMULA = re.compile(r"\$\$\n.+?\n\$\$|(?<!\\)\$[^$]+\$", re.DOTALL)
FENCE = re.compile(r"^[ >]*(`{3,}).*?^[ >]*\1$", re.DOTALL | re.MULTILINE)
# What stands on a page for a browser alone.
ONLY_IN_A_BROWSER = (
    ".headerlink, .sphx-glr-footer, .sphx-glr-download-link-note, #loss-alone"
)


def read(name):
    """A page's Markdown."""
    return (SITE / f"{name}.md").read_text(encoding="utf-8")


def article(name):
    """What a page says in HTML."""
    found = parsed(name).css_first("article")
    for tag in found.css(ONLY_IN_A_BROWSER):
        tag.decompose()
    return found


@functools.cache
def base():
    """Where the site is published."""
    canonical = parsed("index.html").css_first("link[rel=canonical]")
    return canonical.attributes["href"].removesuffix("index.html")


def letters(text):
    """A text without spaces and line breaks."""
    return "".join(text.split())


def tokens(text):
    """All tokens of a text, nested ones included."""
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


def test_the_site_is_built():
    assert NAMES, "build the site first: nox -s docs"


@pytest.mark.parametrize("name", NAMES)
def test_every_page_announces_its_markdown(name):
    (link,) = parsed(name).css("link[rel=alternate][type='text/markdown']")
    assert link.attributes["href"] == f"{Path(name).name}.md"
    assert read(name).startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_the_markdown_says_all_that_the_page_says(name):
    text = read(name)
    said = letters(LexborHTMLParser(MARKDOWN.render(text)).text())
    page, missing = article(name), []
    for tag in page.css("p, dt, h1, h2, h3, pre, td, th, figcaption"):
        if tag.css_first("math, svg"):
            continue
        if letters(tag.text()) not in said:
            missing.append(tag.text()[:100])
    assert missing == []
    for image in page.css("img"):
        assert letters(image.attributes["alt"]) in letters(text.replace("\\", ""))
    prose = FENCE.sub("", text)
    assert len(FORMULA.findall(prose)) == len(page.css("math"))


@pytest.mark.parametrize("name", NAMES)
def test_the_markdown_is_nothing_but_markdown(name):
    text = read(name)
    found = list(tokens(text))
    assert [t.content for t in found if t.type.startswith("html")] == []
    assert [t.content for t in found if t.type == "fence" and not t.info] == []
    assert [t.content for t in found if t.type == "code_block"] == []
    words = "\n".join(t.content for t in found if t.type == "text")
    assert re.findall(r"\{[a-z-]+\}`|:[a-z:]+:`|^\.\. \w+", words, re.MULTILINE) == []
    fences = re.findall(r"^[ >]*(`{3,})", text, re.MULTILINE)
    assert len(fences) == 2 * sum(t.type == "fence" for t in found)


@pytest.mark.parametrize("name", NAMES)
def test_every_link_of_the_markdown_leads_somewhere(name):
    links = [
        token.attrs.get("href") or token.attrs.get("src")
        for token in tokens(read(name))
        if token.type in {"link_open", "image"}
    ]
    broken = []
    for link in links:
        if link.startswith(base()):
            path = SITE / unquote(link.removeprefix(base()).partition("#")[0])
            if (
                path.suffix not in {".md", ".svg", ".zip", ".epub", ".py", ".ipynb"}
                or not path.is_file()
            ):
                broken.append(link)
        elif not link.startswith("https://"):
            broken.append(link)
    assert broken == []


def test_llms_txt_follows_its_specification_and_lists_every_page_once():
    text = (SITE / "llms.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line]
    assert lines[0] == "# ownloss"
    assert lines[1].startswith("> ")
    sections = [line for line in lines if line.startswith("## ")]
    assert sections == ["## Learn", "## Copy", "## Look up", "## About"]
    listed = re.findall(r"^- \[.+\]\((\S+)\): \S.{19,}$", text, re.MULTILINE)
    assert len(listed) == len(re.findall("^- ", text, re.MULTILINE))
    expected = [f"{base()}{name}.md" for name in NAMES if name != "index.html"]
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
