"""The book and the zip for reading without a network.

`nox -s tests` builds both meanwhile; elsewhere: `nox -s docs`.
"""

import posixpath
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag
from xml.etree import ElementTree
from zipfile import ZIP_STORED, ZipFile

import pytest

from ownloss_site import offline

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "build" / "epub" / "ownloss.epub"
EXAMPLES = ROOT / "src" / "examples"
XHTML = "{http://www.w3.org/1999/xhtml}"
OPF = "{http://www.idpf.org/2007/opf}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"


@pytest.fixture(scope="module")
def book():
    """From the name of each file in the book to what it holds."""
    assert BOOK.exists(), "build it first: nox -s docs"
    with ZipFile(BOOK) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def pages(book):
    """Every page of the book, parsed as strictly as a reader's device does it."""
    return {
        name: ElementTree.fromstring(content)
        for name, content in book.items()
        if name.endswith(".xhtml")
    }


def test_the_book_begins_as_an_epub_does():
    with ZipFile(BOOK) as archive:
        first, *_ = archive.infolist()
        assert (first.filename, first.compress_type) == ("mimetype", ZIP_STORED)
        assert archive.read(first) == b"application/epub+zip"
        assert {entry.date_time for entry in archive.infolist()} == {
            (1980, 1, 1, 0, 0, 0)
        }


def test_every_page_and_figure_of_the_site_is_in_the_book(book, pages):
    html = BOOK.parents[1] / "html"
    for path in html.glob("guide/*.html"):
        assert path.relative_to(html).with_suffix(".xhtml").as_posix() in pages
    for path in html.glob("examples/*/*.html"):
        assert path.relative_to(html).with_suffix(".xhtml").as_posix() in pages
    figures = [
        posixpath.normpath(posixpath.join(posixpath.dirname(name), image.get("src")))
        for name, page in pages.items()
        for image in page.iter(f"{XHTML}img")
    ]
    assert len(figures) > 100
    assert [figure for figure in figures if figure not in book] == []


def test_every_link_within_the_book_leads_somewhere(pages):
    ids = {
        name: {tag.get("id") for tag in page.iter() if tag.get("id")}
        for name, page in pages.items()
    }
    broken = []
    for name, page in pages.items():
        for tag in page.iter(f"{XHTML}a"):
            link, fragment = urldefrag(tag.get("href", ""))
            if ":" in link:
                continue
            there = posixpath.join(posixpath.dirname(name), unquote(link))
            there = posixpath.normpath(there) if link else name
            if there not in pages or (fragment and fragment not in ids[there]):
                broken.append((name, tag.get("href")))
    assert broken == []


def test_formulas_are_mathml_and_declared(book, pages):
    package = ElementTree.fromstring(book["content.opf"])
    declared = {
        item.get("href")
        for item in package.iter(f"{OPF}item")
        if "mathml" in (item.get("properties") or "").split()
    }
    holding = {name for name, page in pages.items() if list(page.iter(f"{MATHML}math"))}
    assert len(holding) > 20
    assert declared == holding
    for page in pages.values():
        assert list(page.iter("math")) == list(page.iter(f"{XHTML}math")) == []
        for tag in page.iter():
            assert "scriptlevel" not in tag.attrib


def test_what_only_a_browser_can_do_is_left_out(book, pages):
    assert [name for name in book if name.endswith((".js", ".woff2"))] == []
    for page in pages.values():
        classes = {c for tag in page.iter() for c in (tag.get("class") or "").split()}
        assert not classes & {"sphx-glr-footer", "sphx-glr-thumbcontainer"}
        assert not list(page.iter(f"{XHTML}script"))
        for meta in page.iter(f"{XHTML}meta"):
            assert meta.get("http-equiv") is None


def test_the_zip_of_all_pages_holds_neither_itself_nor_the_book(tmp_path):
    for name in ("index.html", "ownloss.zip", "ownloss.epub", ".buildinfo", "a/b.zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    app = SimpleNamespace(
        config=SimpleNamespace(epub_basename="ownloss"),
        outdir=tmp_path,
        tags=[],
    )
    offline.pack_pages(app)
    assert (tmp_path / "ownloss.zip").read_text() == "ownloss.zip", "nobody asked"
    app.tags = ["offline"]
    offline.pack_pages(app)
    with ZipFile(tmp_path / "ownloss.zip") as archive:
        assert archive.namelist() == ["ownloss/a/b.zip", "ownloss/index.html"]


def test_code_can_be_read_in_a_dark_window(book, pages):
    """The window sets the colour of text, and Pygments the paper of code alone."""
    style = book["_static/book.css"].decode()
    rule = re.search(r"\.highlight \{([^}]*)\}", style)[1]
    assert "background:" in rule and re.search(r"(?<!-)color:", rule)
    for name, page in pages.items():
        if name.startswith(("guide/", "examples/")):
            links = [link.get("href", "") for link in page.iter(f"{XHTML}link")]
            assert any(link.endswith("_static/book.css") for link in links), name


def test_a_list_of_files_without_a_page_is_refused():
    with pytest.raises(ValueError, match=r'no line with href="a\.xhtml"'):
        offline.declare_formulas("<manifest/>", {"a.xhtml"})


def test_the_contents_of_the_book_lead_to_every_page_of_the_guide_and_every_loss(
    book, pages
):
    contents = ElementTree.fromstring(book["nav.xhtml"])
    listed = {urldefrag(tag.get("href"))[0] for tag in contents.iter(f"{XHTML}a")}
    wanted = {name for name in pages if name.startswith(("guide/", "examples/"))}
    assert wanted - listed - {"examples/sg_execution_times.xhtml"} == set()


def test_the_book_says_what_it_is(book):
    package = book["content.opf"].decode()
    assert "unknown" not in package.partition("<manifest")[0]


def test_the_contents_of_the_book_list_pages_in_the_order_of_reading(book):
    """A heading between them would stand before pages that come before it."""
    contents = ElementTree.fromstring(book["nav.xhtml"])
    links = [tag.get("href") for tag in contents.iter(f"{XHTML}a")]
    assert [link for link in links if "#" in link] == []
    package = ElementTree.fromstring(book["content.opf"])
    files = {item.get("id"): item.get("href") for item in package.iter(f"{OPF}item")}
    spine = [files[item.get("idref")] for item in package.iter(f"{OPF}itemref")]
    places = [spine.index(link) for link in dict.fromkeys(links)]
    assert places == sorted(places)


def test_the_topics_stand_below_the_gallery_and_not_below_its_last_heading(book):
    contents = ElementTree.fromstring(book["nav.xhtml"])
    (gallery,) = (
        item
        for item in contents.iter(f"{XHTML}li")
        if item.find(f"{XHTML}a").get("href") == "examples/index.xhtml"
    )
    below = [a.get("href") for a in gallery.iterfind(f"{XHTML}ol/{XHTML}li/{XHTML}a")]
    topics = sorted(path.parent.name for path in EXAMPLES.glob("*/*.rst"))
    assert sorted(below) == [f"examples/{topic}/index.xhtml" for topic in topics]


def test_the_home_page_offers_book_and_zip_and_both_are_there():
    site = BOOK.parents[1] / "html"
    home = (site / "index.html").read_text(encoding="utf-8")
    for suffix in ("zip", "epub"):
        assert re.search(rf'href="(?:http\S+/)?ownloss\.{suffix}"', home)
        assert (site / f"ownloss.{suffix}").stat().st_size > 1_000_000
