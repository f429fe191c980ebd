"""A small site of all that the engine touches: a release that breaks it breaks this.

`nox -s canary` builds it with the newest furo, Sphinx, Sphinx-Gallery and MyST.
"""

import json
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import ownloss_site
from gallery import insides
from tests.gallery.test_build import Site

CANARY = Path(__file__).with_name("canary")
TELL = """
def setup(app):
    app.connect("build-finished", tell, 10_000)

def tell(app, _error):
    import json, pathlib
    told = {
        event: [
            [each.priority, f"{each.handler.__module__}.{each.handler.__qualname__}"]
            for each in listeners
        ]
        for event, listeners in app.events.listeners.items()
    }
    pathlib.Path(app.outdir, "listeners.json").write_text(json.dumps(told))
"""


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    """The small site, built."""
    site = Site(tmp_path_factory.mktemp("canary"))
    shutil.copytree(CANARY, site.root, dirs_exist_ok=True)
    settings = site.root / "docs" / "conf.py"
    settings.write_text(settings.read_text(encoding="utf-8") + TELL)
    said = site.build()
    assert "exit 0" in said, said
    assert "generating gallery" in said
    said = site.build()
    assert "exit 0" in said, said
    idle = "insides.stop() does not keep Sphinx-Gallery from parsing every script"
    assert "generating gallery" not in said, idle
    return site.root / "html"


def page(canary, name):
    text = (canary / name).read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


def test_no_listener_of_ours_leaves_its_turn_to_the_order_of_a_list(canary):
    told = json.loads((canary / "listeners.json").read_text())
    ours = 0
    for event, listeners in ownloss_site.STORY.items():
        turns = [priority for priority, _ in told[event]]
        for priority, _, function in listeners:
            name = f"{function.__module__}.{function.__qualname__}"
            assert [priority, name] in told[event]
            assert turns.count(priority) == 1, f"{event} at {priority}: {told[event]}"
            ours += 1
        assert listeners == sorted(listeners, key=lambda turn: turn[0]), event
    assert ours > 30
    everywhere = [name for listeners in told.values() for _, name in listeners]
    assert sum(n.startswith(("gallery.", "ownloss_site.")) for n in everywhere) == ours


def test_the_examples_ran_and_their_pages_are_dressed(canary):
    for name in ("robust/square", "robust/cube", "on_purpose/shifted"):
        example = page(canary, f"examples/{name}.html")
        short = name.rpartition("/")[2]
        assert f"ownloss copy {short}" in example.get_text()
        assert example.select_one("article img")["src"].endswith(f"_{short}_001.svg")
        assert example.select_one(".sphx-glr-script-out pre"), "what it printed"
        assert example.select_one(".sphx-glr-footer a[href$='.ipynb']")
    cards = page(canary, "examples/index.html").select(".sphx-glr-thumbcontainer img")
    assert [card["loading"] for card in cards] == ["lazy"] * 3


@pytest.mark.parametrize("name", insides.PAGES_HAVE)
def test_a_class_of_the_gallery_is_still_on_its_pages(canary, name):
    pages = canary.glob("examples/**/*.html")
    soups = [BeautifulSoup(each.read_text("utf-8"), "html.parser") for each in pages]
    assert any(soup.select(f".{name}") for soup in soups), (
        f"without {name}: {insides.PAGES_HAVE[name]}"
    )


def test_cards_have_words_that_are_text_and_the_filters_count_them(canary):
    index = page(canary, "examples/index.html")
    words = [card.get_text() for card in index.select(".card-words")]
    assert len(words) == 3 and all(text.endswith(".") for text in words)
    cards = index.select(".sphx-glr-thumbcontainer")
    tags = [json.loads(card.get("data-sgtags", "[]")) for card in cards]
    assert sorted(tags) == [[], [], ["regression", "numbers"]]
    assert [card.get("tooltip") for card in cards] == [None] * 3
    assert not index.select("#sg-tag-list")
    buttons = index.select(".filters [data-tag]")
    said = [button.get_text() for button in buttons]
    assert said == ["regression 1", "numbers 1"]
    assert index.select_one(".filters [role=status]").get_text() == "1 loss"
    scripts = [tag["src"] for tag in index.select("script[src*=filters]")]
    assert len(scripts) == 1
    assert not page(canary, "guide/page.html").select("script[src*=filters]")


def test_a_topic_without_tags_is_a_lesson_and_stands_apart(canary):
    index = page(canary, "examples/index.html")
    (lessons,) = index.select("#lessons")
    assert [t.get_text()[:-1] for t in lessons.select("h3")] == ["Gradient on purpose"]
    listed = index.select(".toc-tree a")
    assert "Lessons" in [link.get_text() for link in listed]
    cards = lessons.select(".sphx-glr-thumbcontainer")
    assert cards and not any(card.get("data-sgtags") for card in cards)


def test_the_tags_of_a_page_lead_to_the_cards_that_have_them(canary):
    tags = page(canary, "examples/robust/square.html").select_one(f".{insides.TAGS}")
    assert {a.get_text(): a["href"] for a in tags.select("a")} == {
        "regression": "../index.html?sg-tags=regression",
        "numbers": "../index.html?sg-tags=numbers",
    }
    written = (canary / "examples/robust/square.html.md").read_text("utf-8")
    assert "examples/index.html.md)" in written and "sg-tags" not in written


def test_a_page_has_its_menu_its_policy_and_its_markdown(canary):
    guide = page(canary, "guide/page.html")
    here = guide.select_one(".sidebar-tree .current-page > a")
    assert here.get_text() == "A page"
    captions = guide.select(".sidebar-tree .caption")
    assert [(c.get_text(), c["aria-level"]) for c in captions] == [
        ("Learn", "2"),
        ("Copy", "2"),
    ]
    policy = guide.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert "'sha256-" in policy["content"]
    assert guide.select("math") and guide.select(".sphx-glr-thumbcontainer")
    styles = [tag["href"] for tag in guide.select("link[rel=stylesheet]")]
    assert [style.partition("?")[0] for style in styles] == ["../_static/site.css"]
    written = (canary / "guide" / "page.html.md").read_text(encoding="utf-8")
    assert written.startswith("# A page")
    assert "| `-1` | 1 |" in written
