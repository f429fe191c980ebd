"""The tree of pages that is made once says what the theme's own says."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from furo.navigation import get_navigation_tree
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
CONF = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "docs" / "_extensions")!r}]
from ownloss_site import theme

html_theme = "furo"
extensions = ["notfound.extension"]
notfound_urls_prefix = "/site/"

def setup(app):
    app.add_config_value("repository_url", "", "html")
    app.connect("html-page-context", keep, priority=440)
    app.connect("html-page-context", theme.dress, priority=450)
    app.connect("html-page-context", keep_ours, priority=600)

def keep(app, page, template, context, doctree):
    ask = context["toctree"] if page != "404" else lambda **_: ""
    app.trees[page] = ask(
        collapse=False, titles_only=True, maxdepth=-1, includehidden=True
    )

def keep_ours(app, page, template, context, doctree):
    ours = context["beside_page"](context["furo_navigation_tree"])
    app.trees[page] = ours, app.trees[page]
"""
PAGES = {
    "index": ["guide/index", "examples/index", "alone"],
    "guide/index": ["guide/one", "guide/two"],
    "examples/index": ["examples/robust/index"],
    "examples/robust/index": ["examples/robust/huber", "examples/robust/one"],
}


def said(tree):
    """What matters of a tree: texts, links, and the marks of where the page is."""
    return [
        (
            sorted(item["class"]),
            item.a["href"],
            sorted(item.a["class"]),
            item.a.get_text(),
            [box.attrs for box in item.find_all("input", recursive=False)],
            [str(box) for box in item.find_all("label", recursive=False)],
        )
        for item in BeautifulSoup(tree, "html.parser")("li")
    ]


def built(source, conf):
    """Build a little site; return the tree beside each page, ours and the theme's."""
    (source / "conf.py").write_text(conf)
    below = {page for pages in PAGES.values() for page in pages}
    for page in {*PAGES, *below}:
        path = source / f"{page}.rst"
        path.parent.mkdir(parents=True, exist_ok=True)
        listed = "".join(f"   /{other}\n" for other in PAGES.get(page, ()))
        title = re.sub(r"\W", " ", page)
        toctree = f".. toctree::\n   :caption: All\n\n{listed}" if listed else ""
        path.write_text(f"{title}\n{'=' * len(title)}\n\n{toctree}")
    out = source / "html"
    app = Sphinx(source, source, out, source / "doctrees", "html", status=None)
    app.trees = {}
    app.build()
    return app.trees


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    return built(tmp_path_factory.mktemp("site"), CONF)


def test_every_page_has_the_tree_that_the_theme_would_have_made(trees):
    assert len(trees) > 8
    for page, (ours, theirs) in trees.items():
        if page == "404":
            continue
        expected = said(get_navigation_tree(theirs))
        assert said(ours) == expected, page
        assert len(expected) == 8
        here = [item for item in expected if "current-page" in item[0]]
        assert len(here) == (page not in ("index", "search", "genindex")), page


def test_the_tree_of_a_lost_page_begins_at_the_root_of_the_site(trees):
    ours, _ = trees["404"]
    at_root, _ = trees["index"]
    expected = [(text, f"/site/{href}") for _, href, _, text, *_ in said(at_root)]
    assert [(text, href) for _, href, _, text, *_ in said(ours)] == expected


def test_a_long_list_stands_beside_its_own_pages_only(tmp_path, monkeypatch):
    monkeypatch.setattr("ownloss_site.theme.LONG", 1)
    shown = {
        page: {href for _, href, *_ in said(ours)}
        for page, (ours, _) in built(tmp_path, CONF).items()
    }
    assert "../examples/robust/index.html" in shown["guide/one"]
    assert "../examples/robust/huber.html" not in shown["guide/one"]
    assert "guide/one.html" not in shown["alone"]
    assert {"#", "two.html"} <= shown["guide/one"]
    assert {"one.html", "two.html"} <= shown["guide/index"]
    assert {"#", "one.html"} <= shown["examples/robust/huber"]
