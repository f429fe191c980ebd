"""The built site: whole, and asking nobody else for anything.

`nox -s tests` builds the site meanwhile; elsewhere build it first.
"""

import functools
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.docs.conftest import SITE, names, parsed

ROOT = Path(__file__).parents[2]


@functools.cache
def files():
    """Every file and every folder of the site."""
    return {path.relative_to(SITE).as_posix() for path in SITE.rglob("*")}


@functools.cache
def folders():
    """The folders of the site that hold something."""
    return {posixpath.dirname(file) for file in files()}


def target(name, link):
    """The file and the fragment that a link within the site leads to."""
    parts = urlsplit(link)
    there = posixpath.join(posixpath.dirname(name), unquote(parts.path))
    file = posixpath.normpath(there) if parts.path else name
    if file in folders():
        file = posixpath.normpath(f"{file}/index.html")
    return file, unquote(parts.fragment)


def test_every_link_within_the_site_leads_somewhere(pages):
    ids = {name: {tag.id for tag in page.css("[id]")} for name, page in pages.items()}
    broken = []
    for name, page in pages.items():
        if name == "404.html":
            continue  # its links begin at the root of the published site
        for link in {tag.attributes["href"] for tag in page.css("a[href]")}:
            if urlsplit(link).scheme:
                continue
            file, fragment = target(name, link)
            if file not in files() or (fragment and fragment not in ids.get(file, ())):
                broken.append((name, link))
    assert broken == []


def test_every_image_script_and_style_is_there_and_comes_from_the_site(pages):
    missing = []
    canonical = pages["index.html"].css_first("link[rel=canonical]")
    root = urlsplit(canonical.attributes["href"]).path.removesuffix("index.html")
    for name, page in pages.items():
        asked = [tag.attributes["src"] for tag in page.css("[src]")]
        asked += [
            tag.attributes["href"]
            for tag in page.css("link[href]")
            if not {"canonical", "next", "prev"}
            & set((tag.attributes.get("rel") or "").split())
        ]
        asked += re.findall(r"url\(\s*['\"]?([^'\")]+)", page.html)
        for link in asked:
            if link.startswith(("data:", "#")):
                continue
            if name == "404.html":
                # Its links begin at the root of the published site.
                file = unquote(urlsplit(link).path).removeprefix(root)
            else:
                file, _ = target(name, link)
            if urlsplit(link).netloc or file not in files():
                missing.append((name, link))
    assert missing == []


def test_no_style_or_script_names_another_host():
    asking = re.compile(r"""(?:url\(|@import|import\(|fetch\()\s*['"]?(?:https?:)?//""")
    found = [
        path.relative_to(SITE).as_posix()
        for pattern in ("*.css", "*.js", "*.svg")
        for path in SITE.rglob(pattern)
        if asking.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_page_has_a_title_a_heading_and_a_description_of_its_own(pages):
    described = {}
    for name, page in pages.items():
        assert page.css_first("title").text().strip(), name
        assert len(page.css("h1")) == 1, name
        if name == "404.html":
            continue
        tag = page.css_first("meta[name=description]")
        assert tag is not None, f"{name} has no description"
        words = tag.attributes["content"].strip()
        assert 20 <= len(words) <= 250, f"{name}: {words}"
        assert not re.search(r"[\\${}]", words), f"{name}: a formula in {words}"
        assert described.setdefault(words, name) == name


def test_the_sitemap_lists_every_page_that_somebody_wrote(pages):
    listed = re.findall("<loc>(.*)</loc>", (SITE / "sitemap.xml").read_text("utf-8"))
    home = pages["index.html"].css_first("link[rel=canonical]").attributes["href"]
    root = home.removesuffix("index.html")
    names = {*pages} - {"404.html", "genindex.html", "search.html"}
    assert sorted(listed) == sorted(root + name for name in names)


def test_every_figure_says_what_it_shows_and_how_large_it_is(pages):
    figures = 0
    for name, page in pages.items():
        cards = {image.mem_id for image in page.css(".sphx-glr-thumbcontainer img")}
        for image in page.css("article img"):
            if image.mem_id in cards:
                continue
            said = image.attributes
            assert len(said.get("alt") or "") > 20, (name, said["src"])
            assert said.get("width"), (name, said["src"])
            assert said.get("height"), (name, said["src"])
            figures += 1
    assert figures > 100


def test_formulas_are_mathml_and_no_tex_is_left():
    formulas = 0
    for name in names():
        page = parsed(name)
        formulas += len(page.css("math"))
        article = page.css_first("article")
        if article is None:
            continue
        for code in article.css("pre, code, script, style, math"):
            code.decompose()
        assert re.findall(r"\$\$?|\\[a-z]+\{|\\\(", article.text()) == [], name
    assert formulas > 10


def test_the_examples_that_a_page_asks_for_were_found(pages):
    asking = 0
    for name, page in pages.items():
        source = (ROOT / "docs" / name).with_suffix(".md")
        if source.exists() and "minigallery" in source.read_text(encoding="utf-8"):
            assert page.css_first(".sphx-glr-thumbcontainer a"), name
            asking += 1
    assert asking > 5


def test_no_page_shows_a_path_of_the_machine_that_built_it(pages):
    for name in pages:
        assert str(ROOT) not in (SITE / name).read_text(encoding="utf-8"), name
