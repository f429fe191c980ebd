"""The built site: whole, and asking nobody else for anything.

`nox -s tests` builds the site before these tests; elsewhere build it first.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "html"


@pytest.fixture(scope="module")
def pages():
    """Every page of the site, parsed."""
    found = {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(SITE.rglob("*.html"))
        if "_static" not in path.parts
    }
    assert found, "build the site first: nox -s docs"
    return found


def target(path, link):
    """The file and the fragment that a link within the site leads to."""
    parts = urlsplit(link)
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    return (file / "index.html" if file.is_dir() else file), unquote(parts.fragment)


def test_every_link_within_the_site_leads_somewhere(pages):
    ids = {
        path: {tag["id"] for tag in page.find_all(id=True)}
        for path, page in pages.items()
    }
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links begin at the root of the published site
        for tag in page.find_all("a", href=True):
            if urlsplit(tag["href"]).scheme:
                continue
            file, fragment = target(path, tag["href"])
            if not file.is_file() or (fragment and fragment not in ids.get(file, ())):
                broken.append((path.relative_to(SITE).as_posix(), tag["href"]))
    assert broken == []


def test_every_image_script_and_style_is_there_and_comes_from_the_site(pages):
    missing = []
    canonical = pages[SITE / "index.html"].find("link", rel="canonical")["href"]
    root = urlsplit(canonical).path.removesuffix("index.html")
    for path, page in pages.items():
        asked = [tag["src"] for tag in page.find_all(src=True)]
        asked += [
            tag["href"]
            for tag in page.find_all("link", href=True)
            if not {"canonical", "next", "prev"} & set(tag.get("rel", []))
        ]
        asked += re.findall(r"url\(\s*['\"]?([^'\")]+)", str(page))
        for link in asked:
            if link.startswith(("data:", "#")):
                continue
            if path.name == "404.html":
                # Its links begin at the root of the published site.
                file = SITE / unquote(urlsplit(link).path).removeprefix(root)
            else:
                file, _ = target(path, link)
            if urlsplit(link).netloc or not file.is_file():
                missing.append((path.relative_to(SITE).as_posix(), link))
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
    for path, page in pages.items():
        name = path.relative_to(SITE).as_posix()
        assert page.title.get_text().strip(), name
        assert len(page.find_all("h1")) == 1, name
        tag = page.find("meta", attrs={"name": "description"})
        if path.name == "404.html":
            continue
        assert tag is not None, f"{name} has no description"
        words = tag["content"].strip()
        assert 20 <= len(words) <= 250, f"{name}: {words}"
        assert not re.search(r"[\\${}]", words), f"{name}: a formula in {words}"
        assert described.setdefault(words, name) == name


def test_the_sitemap_lists_every_page_that_somebody_wrote(pages):
    listed = re.findall("<loc>(.*)</loc>", (SITE / "sitemap.xml").read_text("utf-8"))
    home = pages[SITE / "index.html"].find("link", rel="canonical")["href"]
    root = home.removesuffix("index.html")
    nobody = {"404.html", "genindex.html", "search.html"}
    names = {path.relative_to(SITE).as_posix() for path in pages} - nobody
    assert sorted(listed) == sorted(root + name for name in names)


def test_every_figure_says_what_it_shows_and_how_large_it_is(pages):
    for path, page in pages.items():
        for image in page.select("article img"):
            thumbnail = image.find_parent(class_="sphx-glr-thumbcontainer")
            if thumbnail:
                continue
            name = (path.relative_to(SITE).as_posix(), image["src"])
            assert len(image.get("alt", "")) > 20, name
            assert image.get("width"), name
            assert image.get("height"), name


def test_formulas_are_mathml_and_no_tex_is_left(pages):
    formulas = 0
    for path, page in pages.items():
        formulas += len(page.find_all("math"))
        for code in page.select("pre, code, script, style, math"):
            code.decompose()
        article = page.find("article")
        left = (
            re.findall(r"\$\$?|\\[a-z]+\{|\\\(", article.get_text()) if article else []
        )
        assert left == [], path.relative_to(SITE)
    assert formulas > 10


def test_the_examples_that_a_page_asks_for_were_found(pages):
    asking = 0
    for path, page in pages.items():
        source = ROOT / "docs" / path.relative_to(SITE).with_suffix(".md")
        if source.exists() and "minigallery" in source.read_text(encoding="utf-8"):
            assert page.select(".sphx-glr-thumbcontainer a"), path.name
            asking += 1
    assert asking > 5


def test_no_page_shows_a_path_of_the_machine_that_built_it(pages):
    root = str(Path(__file__).parents[2])
    for path in pages:
        assert root not in path.read_text(encoding="utf-8"), path.name
