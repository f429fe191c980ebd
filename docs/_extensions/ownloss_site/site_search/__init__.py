"""Search by sections, in place of Sphinx's search by pages.

A reader who pastes an error message or types a question wants the section that answers
it, and rarely types words that all stand on one page, which Sphinx asks for. Here
every section, object and entry of the glossary is found for itself, the more of the
words it has and the rarer these are, the higher. MiniSearch ranks in the browser; this
extension writes what it needs.

The index is the reverse of a text: each word, and the sections that have it. It comes
in pieces, so that a query costs the same on a site of any size: one small file says how
many sections there are, one file for each two letters holds the words that begin with
them, and one file a page holds the titles and first sentences of its sections. A query
loads what its words begin with, and the pages that it shows. All are plain scripts,
and so the search also works where the site is opened from a disk.
"""

import functools
import json
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rjsmin
import snowballstemmer
import sphinx.search
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.search.en import ENGLISH_STOPWORDS

from gallery import insides
from ownloss import catalogue
from ownloss_site import filters

HERE = Path(__file__).parent
STEMMERS = Path(sphinx.search.__file__).parent / "minified-js"
SCRIPT, INDEX = "search.js", "search-index"
LICENCES = (
    "/*! MiniSearch, MIT licence, (c) Luca Ongaro */\n"
    "/*! Snowball stemmers, BSD licence, (c) Martin Porter and Richard Boulton */\n"
)
SPHINX_SEARCH = (
    "searchindex.js",
    "_static/searchtools.js",
    "_static/language_data.js",
    "_static/sphinx_highlight.js",
)
LEANS_ON = {
    "sphinx.builders.html.StandaloneHTMLBuilder.search": "Sphinx writes its own index, "
    "a megabyte that nobody loads, beside ours: replace_search() must do otherwise",
    "sphinx.search.en.ENGLISH_STOPWORDS": "the commonest words are looked for, and "
    "find every section: terms() needs a list of its own",
}
EXCERPT = 100
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

stem = snowballstemmer.stemmer("english").stemWord


@dataclass
class Section:
    """A place that a result may lead to."""

    anchor: str
    title: str
    excerpt: str = ""
    words: set[str] = field(default_factory=set)


def terms(text: str) -> Iterator[str]:
    """Cut text into what is looked for; ``terms`` in search.js does the same.

    Names are found whole and in part: ``save_for_backward`` is also ``save`` and
    ``backward``, ``MSELoss`` is also ``mse`` and ``loss``.

    Args:
        text: Any text.

    Yields:
        Stems of words in small letters, without numbers and the commonest words.
    """
    for word in re.findall(r"\w+", text):
        yield from terms_of_word(word)


@functools.cache
def terms_of_word(word: str) -> list[str]:
    """Return what is looked for of one word; most stand on many pages."""
    parts = PARTS.findall(word) if word.isascii() else []
    small = {part.lower() for part in (word, *parts)} - ENGLISH_STOPWORDS
    return [stem(one) for one in small if len(one) > 1 and not one.isdigit()]


def anchor_and_title(node: nodes.Node) -> tuple[str, str] | None:
    """Say where a node can be reached, and what it is called."""
    if isinstance(node, nodes.section):
        return node["ids"][0], node[0].astext()
    if isinstance(node, addnodes.desc) and node[0].get("ids"):
        return node[0]["ids"][0], node[0]["ids"][0]
    if isinstance(node, nodes.definition_list_item) and node[0].get("ids"):
        return node[0]["ids"][0], node[0].astext()
    return None


def sections(doctree: nodes.document, *, code: bool = True) -> list[Section]:
    """Find the sections of a page.

    Args:
        doctree: The page as it was read.
        code: Whether code counts below the first section.

    Returns:
        Sections, objects and entries of a glossary, in the order of the page.
    """
    found: list[Section] = []

    def walk(node: nodes.Node, section: Section | None) -> None:
        for child in node.children:
            place = anchor_and_title(child)
            if place:
                section_of_child = Section(*place)
                found.append(section_of_child)
                walk(child, section_of_child)
                if section and leads_nowhere(child, section_of_child):
                    found.remove(section_of_child)
                    section.words.update(section_of_child.words)
            elif isinstance(child, nodes.Text):
                if section:
                    section.words.update(terms(child))
            elif isinstance(child, nodes.literal_block) and not code and len(found) > 1:
                continue
            elif not is_passed_over(child):
                if section and isinstance(child, nodes.paragraph):
                    section.excerpt = f"{section.excerpt} {said(child)}".strip()
                walk(child, section)

    walk(doctree, None)
    for section in found:
        section.excerpt = shortened(section.excerpt)
        section.words.difference_update(terms(section.title))
    return found


def leads_nowhere(node: nodes.Node, section: Section) -> bool:
    """Whether a section says nothing itself: code, cards or a list of links alone."""
    return isinstance(node, nodes.section) and not section.excerpt


def said(paragraph: nodes.paragraph) -> str:
    """Return what a paragraph says in words: no formula, and not what it links to."""
    if all(
        isinstance(child, nodes.reference | addnodes.pending_xref)
        or not child.astext().strip(" ,;·")
        for child in paragraph.children
    ):
        return ""
    return "".join(map(words_of, paragraph.children))


def words_of(node: nodes.Node) -> str:
    """Return what a part of a paragraph says, with a sign in the place of a formula."""
    if isinstance(node, nodes.math):
        return "…"
    if isinstance(node, nodes.TextElement):
        return "".join(map(words_of, node.children))
    return node.astext()


def is_passed_over(node: nodes.Node) -> bool:
    """Whether nobody looks for what a node says."""
    if isinstance(node, nodes.comment | nodes.raw | nodes.math | nodes.math_block):
        return True
    classes = node.get("classes", ()) if isinstance(node, nodes.Element) else ()
    # What an example printed, and links that every example has.
    ours = {*classes} - {insides.EXAMPLE}
    return any(name.startswith((insides.OF_GALLERY, "verdict")) for name in ours)


def shortened(text: str) -> str:
    """Cut text after a word."""
    text = " ".join(text.split())
    if len(text) <= EXCERPT:
        return text
    return text[:EXCERPT].rsplit(" ", 1)[0] + " …"


def packed(pages: dict[str, tuple[str, list[Section]]]) -> dict[str, str]:
    """Write the index as scripts that call what search.js defines.

    Args:
        pages: From the address of a page to its title and its sections.

    Returns:
        From the name of a file to its text. ``sections.js`` holds the address of each
        page, the number of words in its title and, for each of its sections, the
        number of words in title and text; and the shelves that there are.
        ``words-X-Y.js`` is a shelf: for each word that begins with XY, the numbers of
        the sections that have it in their title, of those that have it in their text,
        and of the pages that have it in theirs, each as what it is more than the one
        before, to base 36. ``page-N.js`` holds the titles and the first sentences.
    """
    files: dict[str, str] = {}
    counted = []
    postings: dict[str, tuple[list[int], list[int], list[int]]] = {}
    section = 0
    for page, (address, (title, found)) in enumerate(sorted(pages.items())):
        page_words = set(terms(title))
        for word in page_words:
            postings.setdefault(word, ([], [], []))[2].append(page)
        lengths = []
        for part in found:
            title_words = set(terms(part.title))
            for which, words in enumerate((title_words, part.words)):
                for word in words:
                    postings.setdefault(word, ([], [], []))[which].append(section)
            lengths.append(f"{base36(len(title_words))}.{base36(len(part.words))}")
            section += 1
        counted.append([address, len(page_words), " ".join(lengths)])
        rows = [[part.anchor, part.title, part.excerpt] for part in found]
        files[f"page-{page}.js"] = called("searchPage", page, title, rows)
    shelves: dict[str, list[str]] = {}
    for word in sorted(postings):
        row = "|".join(map(gaps, postings[word]))
        shelves.setdefault(shelf(word), []).append(f"{word} {row}")
    for name, rows in shelves.items():
        files[f"words-{name}.js"] = called("searchWords", " ".join(rows))
    common = sorted(ENGLISH_STOPWORDS)
    files["sections.js"] = called("searchSections", counted, common, sorted(shelves))
    return files


def called(function: str, *arguments: Any) -> str:
    """Write a script that is one call."""
    written = (
        json.dumps(a, ensure_ascii=False, separators=(",", ":")) for a in arguments
    )
    return f"{function}({','.join(written)})\n"


def shelf(word: str) -> str:
    """Name the file of a word: its first two letters, as a file may be called."""
    return "-".join(
        letter if re.fullmatch("[a-z0-9_]", letter) else f"{ord(letter):x}"
        for letter in word[:2]
    )


def gaps(numbers: Iterable[int]) -> str:
    """Write numbers as distances to base 36, a distance of 1 as nothing."""
    written, last = [], -1
    for number in numbers:
        gap, last = number - last, number
        written.append("." if gap == 1 else base36(gap) + ",")
    return "".join(written)


def base36(number: int) -> str:
    """Write a number to base 36."""
    digit = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36]
    return base36(number // 36) + digit if number >= 36 else digit


def note_page(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the sections of a page that was read, until it is read again or gone."""
    app.builder.has_read = True
    # What draws the figures of an example is nothing that anybody looks for.
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
    page = app.env.docname
    in_gallery = page.startswith(f"{gallery}/")
    if in_gallery and page.endswith("/index") and page != f"{gallery}/index":
        return  # a topic's list of examples, which the gallery's own page has as well
    found = sections(doctree, code=not in_gallery)
    app.env.metadata[page]["sections"] = found
    # An example is also found by what people call what it is tagged with.
    if example := catalogue.example_on(page):
        tagged = {*terms(example.words)} - {*terms(found[0].title)}
        found[0].words.update(tagged)


def replace_search(app: Sphinx) -> None:
    """Let Sphinx write no index and no search page of its own."""
    app.builder.search = False


def write_search(app: Sphinx, env: BuildEnvironment) -> None:
    """Write the script and the index, before the page that loads them.

    Where no page was read, they are there already.
    """
    static = Path(app.outdir, "_static")
    if not hasattr(app.builder, "has_read") and (static / SCRIPT).exists():
        return
    static.mkdir(parents=True, exist_ok=True)
    pages = {
        app.builder.get_relative_uri("search", page): (
            env.titles[page].astext(),
            noted["sections"],
        )
        for page, noted in env.metadata.items()
        if "sections" in noted and "orphan" not in noted
    }
    gallery = f"{app.config.sphinx_gallery_conf['gallery_dirs']}/index"
    if gallery in env.titles:
        page = env.titles[gallery].astext()
        anchor = env.metadata[gallery]["sections"][0].anchor
        for address, title, losses, words in filters.places(app):
            only_words = {*terms(words)} - {*terms(title)}
            tagged = Section(anchor, title, shortened(losses), only_words)
            pages[address] = (page, [tagged])
    shutil.rmtree(static / INDEX, ignore_errors=True)
    (static / INDEX).mkdir()
    for name, text in packed(pages).items():
        (static / INDEX / name).write_text(text, encoding="utf-8")
    sources = [
        STEMMERS / "base-stemmer.js",
        STEMMERS / "english-stemmer.js",
        HERE / "minisearch" / "minisearch.js",
        HERE / SCRIPT,
    ]
    code = ";\n".join(path.read_text(encoding="utf-8") for path in sources)
    script = f"{LICENCES}{rjsmin.jsmin(code)}\n"
    (static / SCRIPT).write_text(script, encoding="utf-8")


def search_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Add the search page."""
    if app.builder.name == "html":
        yield "search", {"title": "Search"}, "search.html"


def load_search(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Let the pages with a field load the script, and tell them where the index is."""
    if page in ("search", "404"):
        app.add_js_file(SCRIPT, loading_method="defer")
        app.add_css_file("search.css")
        # With its checksum, as Sphinx names files: a new index has a new address.
        checksum = 0
        for path in sorted(Path(app.outdir, "_static", INDEX).iterdir()):
            checksum = zlib.crc32(path.read_bytes(), checksum)
        context["search_index"] = f"_static/{INDEX}/"
        context["search_version"] = f"{checksum:08x}"


def remove_sphinx_search(app: Sphinx) -> None:
    """Take what belongs to Sphinx's own search from the site, an old index too."""
    for name in SPHINX_SEARCH:
        Path(app.outdir, name).unlink(missing_ok=True)
