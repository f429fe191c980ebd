"""The search of the built site, typed into its own page in a real browser."""

import functools
import json
import re
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.conftest import Watched, barriers

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "html"
QUERIES = tomllib.loads(Path(__file__).with_name("queries.toml").read_text("utf-8"))
LISTED = {
    query: places for table in QUERIES.values() for query, places in table.items()
}
MESSAGES = {
    path.relative_to(ROOT / "docs").with_suffix("").as_posix(): path.read_text("utf-8")
    .partition("\n")[0]
    .removeprefix("# ")
    .strip("`")
    for path in sorted((ROOT / "docs/reference/messages").glob("*/*.md"))
}
GERMAN = re.findall(
    r"^(\S.*)\n  \[\*(.+)\*\]\{\.language-de\}$",
    (ROOT / "docs/reference/glossary.md").read_text("utf-8"),
    re.MULTILINE,
)
MESSAGE = "reference/messages/backward/element-0-does-not-require-grad"
FIRST_QUERY_AT_MOST = 120_000
# Type queries, one after the other; return address and text of the first three results.
TYPE = """async (queries) => {
  const field = document.getElementById("search-words");
  const status = document.getElementById("search-status");
  const found = [];
  for (const query of queries) {
    status.textContent = "";
    field.value = query;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    const end = performance.now() + 30_000;
    const said = `“${query.trim()}”`;
    while (!status.textContent.includes(said) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    const links = [...document.querySelectorAll("#search-results a")].slice(0, 3);
    found.push(links.map((link) => [link.getAttribute("href"), link.textContent]));
  }
  return found;
}"""
# What is found is looked at elsewhere, and what the address says: to draw the one and
# to tell the browser of the other takes longer than to search.
HIDE = """() => {
  document.body.hidden = true;
  history.replaceState = () => {};
}"""


@functools.cache
def ids(name):
    """Every id on a page."""
    return set(re.findall(r'\bid="([^"]+)"', (SITE / name).read_text("utf-8")))


def counted(path):
    """The arguments of the one call that a file of the index is."""
    call = path.read_text("utf-8").strip()
    return json.loads(f"[{call[call.index('(') + 1 : -1]}]")


@pytest.fixture(scope="module")
def searching(browser, served):
    """The search page, opened once."""
    context = browser.new_context(base_url=served)
    page = context.new_page()
    page.goto("search.html?q=loss")
    page.wait_for_selector("#search-results a")
    yield page
    context.close()


@pytest.fixture(scope="module")
def found(browser, served):
    """From each query to the places and the titles of its first three results."""
    context = browser.new_context(base_url=served)
    page = context.new_page()
    queries = [*LISTED, *MESSAGES.values(), *(german for _, german in GERMAN)]
    page.goto("search.html?q=loss")
    page.wait_for_selector("#search-results a")
    page.evaluate(HIDE)
    every = list(dict.fromkeys(queries))
    answers = {}
    for query, links in zip(every, page.evaluate(TYPE, every), strict=True):
        places = [place_of(address) for address, _ in links]
        answers[query] = places, [title for _, title in links]
    context.close()
    return answers


def place_of(address):
    """A place as queries.toml names it."""
    parts = urlsplit(address)
    return f"{parts.path.removesuffix('.html')}#{unquote(parts.fragment)}"


def typed(page, query):
    """Type a query, and wait for what it finds."""
    page.fill("#search-words", query)
    page.wait_for_function(
        "query => document.getElementById('search-status').textContent.includes(query)",
        arg=query.strip(),
    )


def results(page, query):
    """Type a query; return the first three places that are offered."""
    typed(page, query)
    links = page.locator("#search-results a").all()[:3]
    return [place_of(link.get_attribute("href")) for link in links]


def test_a_question_a_name_or_a_message_leads_to_its_section(found):
    missed = []
    for query, wanted in LISTED.items():
        places, _ = found[query]
        offered = {*places, *(place.partition("#")[0] for place in places)}
        if not offered & {*wanted}:
            missed.append(f"{query!r} leads to {places}, not to {wanted}")
    assert missed == []


def test_every_message_leads_to_its_page_first(found):
    missed = []
    for name, message in MESSAGES.items():
        places, _ = found[message]
        if not places or not places[0].startswith(f"{name}#"):
            missed.append(f"{message!r} leads to {places}, not to {name}")
    assert missed == []


def test_a_german_word_leads_to_the_entry_of_the_glossary(found):
    assert len(GERMAN) > 20
    missed = []
    for term, german in GERMAN:
        _, titles = found[german]
        if term not in titles:
            missed.append(f"{german!r} leads to {titles}, not to {term}")
    assert missed == []


def test_every_place_of_the_list_is_there():
    missing = []
    for place in {place for places in LISTED.values() for place in places}:
        name, _, anchor = place.partition("#")
        if not (SITE / f"{name}.html").exists() or (
            anchor and anchor not in ids(f"{name}.html")
        ):
            missing.append(place)
    assert missing == []


def test_every_result_that_there_can_be_leads_somewhere():
    index = SITE / "_static" / "search-index"
    pages = counted(index / "sections.js")[0]
    assert len(pages) > 50
    missing = []
    for number, (name, *_) in enumerate(pages):
        there = ids(name.partition("?")[0])
        rows = counted(index / f"page-{number}.js")[2]
        missing += [f"{name}#{anchor}" for anchor, *_ in rows if anchor not in there]
    assert missing == []


def test_every_result_says_something_and_in_words():
    index = SITE / "_static" / "search-index"
    silent, formulas = [], []
    for path in index.glob("page-*.js"):
        _, title, rows = counted(path)
        for anchor, heading, excerpt in rows[1:]:
            if not excerpt and "." not in heading:  # an object's name says what it is
                silent.append(f"{title}#{anchor}")
            if re.search(r"\\[a-z]{2,}", excerpt):
                formulas.append(excerpt)
    assert silent == []
    assert formulas == []


def test_python_and_the_browser_cut_text_alike(searching, monkeypatch):
    from ownloss_site.site_search import terms

    for name in (MESSAGE, "reference/glossary", "guide/function"):
        text = (ROOT / "docs" / f"{name}.md").read_text("utf-8")
        in_browser = searching.evaluate("text => terms(text)", text)
        assert set(in_browser) == set(terms(text)), name


def test_a_first_query_is_light_and_asks_nobody_else(browser, served):
    context = browser.new_context(base_url=served)
    watched = Watched(context)
    page = context.new_page()
    page.goto("guide/backward.html")
    before = set(watched.asked)
    assert not any("search" in address for address in before)
    page.fill(".sidebar-search", "grad_fn")
    page.press(".sidebar-search", "Enter")
    page.wait_for_selector("#search-results a")
    sizes = {url: size for url, size in watched.asked.items() if url not in before}
    context.close()
    assert any("search-index" in address for address in sizes)
    assert sum(sizes.values()) <= FIRST_QUERY_AT_MOST, sizes
    assert watched.elsewhere == []
    assert watched.said == []


def test_it_works_by_keyboard_alone(page):
    page.goto("guide/backward.html")
    page.keyboard.press("/")
    page.keyboard.type("argmax loss no gradient")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results a")
    assert page.input_value("#search-words") == "argmax loss no gradient"
    first = page.locator("#search-results a").first
    page.focus("#search-words")
    page.keyboard.press("Tab")
    assert first.evaluate("link => link === document.activeElement")
    target = first.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{target}")
    anchor = urlsplit(target).fragment
    box = page.locator(f'[id="{anchor}"]').bounding_box()
    assert 0 <= box["y"] < page.viewport_size["height"]


def test_results_follow_what_is_typed_and_the_address_follows_too(page):
    page.goto("search.html?q=huber")
    page.wait_for_selector("#search-results a")
    assert "huber" in page.locator("#search-results a").first.inner_text().lower()
    typed(page, "softmax")
    assert "softmax" in page.locator("#search-results").inner_text().lower()
    assert page.url.endswith("?q=softmax")
    typed(page, "xylophone")
    assert "No result for “xylophone”" in page.inner_text("#search-status")
    assert page.locator("#search-results a").count() == 0
    page.fill("#search-words", "")
    assert page.inner_text("#search-status") == ""


def test_before_a_query_the_page_offers_three_that_are_answered(page):
    page.goto("search.html")
    page.wait_for_selector("#search-examples a")
    offered = page.locator("#search-examples a").all_inner_texts()
    assert len(offered) == 3
    assert set(offered) <= set(LISTED)
    for query in offered:
        page.goto("search.html")
        page.click(f"#search-examples a:text-is('{query}')")
        page.wait_for_selector("#search-results a")
        assert page.input_value("#search-words") == query
        assert not page.is_visible("#search-examples")
    page.fill("#search-words", "")
    assert page.is_visible("#search-examples")


def test_what_is_searched_for_is_text_and_never_markup(page):
    page.goto("search.html?q=<img src=x onerror=alert(1)>loss")
    page.wait_for_selector("#search-results a")
    assert page.locator("#search-results img, #search-status img").count() == 0
    assert "<img" in page.inner_text("#search-status")


def test_without_its_index_the_page_says_so(page):
    page.route("**/search-index/sections.js*", lambda route: route.abort())
    page.goto("search.html?q=loss")
    page.wait_for_function(
        "document.getElementById('search-status').textContent.includes('not be loaded')"
    )


def test_a_misspelt_and_an_unfinished_word_are_understood(searching):
    assert "reference/glossary#term-gradcheck" in results(searching, "gradcheckk")
    assert "reference/glossary#term-Hessian" in results(searching, "hessi")


def test_without_a_script_the_page_names_two_lists(browser, served):
    context = browser.new_context(base_url=served, java_script_enabled=False)
    page = context.new_page()
    page.goto("guide/backward.html")
    page.fill(".sidebar-search", "nan")
    page.press(".sidebar-search", "Enter")
    page.wait_for_url("**/search.html?*")
    links = page.locator("article noscript a").all()
    assert [link.get_attribute("href") for link in links] == [
        "reference/messages/index.html",
        "reference/glossary.html",
    ]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_results_are_accessible_and_fit_the_screen(page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("search.html?q=requires grad and does not have a grad_fn setup_context")
    page.wait_for_selector("#search-results a")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").all_inner_texts() == ["Search"]
    assert barriers(page, "article") == []


def test_there_is_one_search_only():
    left = ("searchindex.js", "searchtools.js", "language_data.js", "pagefind")
    assert [path for name in left for path in SITE.rglob(name)] == []
