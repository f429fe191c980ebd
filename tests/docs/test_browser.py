"""The site in a real browser: silent, light in weight, and usable by everyone."""

import io
import posixpath
import re
from collections import defaultdict
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image

from tests.docs.conftest import SITE, Watched, weight

# Text, code and a list of links, hundreds of times: to axe they are all alike.
ALIKE = ("reference/messages/", "reference/kinds/")
EXAMPLE, GUIDE, GALLERY = (
    "examples/robust/huber.html",
    "guide/backward.html",
    "examples/index.html",
)
LIST_OF_PICTURES = re.compile(r"examples/(\w+/)?index\.html")
KILOBYTE = 1000
CONNECTION = {
    "connectionType": "cellular4g",
    "offline": False,
    "latency": 1,  # in milliseconds
    "downloadThroughput": 1e8,
    "uploadThroughput": 1e8,
}
WIDEST_LINE = 88


OF_ITS_OWN_SIZE = """
  document.documentElement.scrollWidth <= document.documentElement.clientWidth
"""


def sort_of(name, page):
    """What decides how a browser meets a page: folder, scripts, policy, elements."""
    linked = [tag.attributes["src"] for tag in page.css("script[src]")]
    linked += [tag.attributes["href"] for tag in page.css("link[rel=stylesheet]")]
    files = {posixpath.basename(urlsplit(link).path) for link in linked}
    within = {tag.html for tag in page.css("script:not([src]), meta[http-equiv]")}
    own = {tag.tag for tag in page.css("article *") if "-" in tag.tag}
    pictures = bool(LIST_OF_PICTURES.fullmatch(name))
    return name.partition("/")[0], pictures, frozenset(files | within | own)


def heaviest(alike, pages):
    """The pages of a sort that weigh most: two alone, and two with their pictures."""

    def alone(name):
        return weight(SITE / name)

    def with_pictures(name):
        images = {image.attributes["src"] for image in pages[name].css("article img")}
        return alone(name) + sum(weight((SITE / name).parent / src) for src in images)

    return {n for by in (alone, with_pictures) for n in sorted(alike, key=by)[-2:]}


@pytest.fixture(scope="module")
def visits(browser, served, pages):
    """What a browser sees of the heaviest pages of each sort, each for the first time.

    First on a telephone, then as wide as a screen of 1280 pixels at 400 % zoom, then on
    a laptop. They share a tab, since a new one costs more than most pages. One that has
    met a formula asks for its font again, and one that was as wide as a laptop looks
    further ahead for pictures: of most pages it tells no less than a first visitor
    loads, and a list of pictures has a visitor of its own.
    """
    telephone, laptop = {"width": 412, "height": 823}, {"width": 1440, "height": 900}
    sorts = defaultdict(list)
    for name, page in pages.items():
        sorts[sort_of(name, page)].append(name)
    opened = {name for alike in sorts.values() for name in heaviest(alike, pages)}

    def visitor():
        context = browser.new_context(base_url=served, viewport=telephone)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        # How far ahead pictures are loaded hangs on it: all browsers are told the same.
        session.send("Network.emulateNetworkConditions", CONNECTION)
        return page, Watched(context)

    shared = visitor()

    def see(name):
        page, watched = visitor() if LIST_OF_PICTURES.match(name) else shared
        watched.forget()
        page.goto(name)
        page.wait_for_timeout(50)  # pictures that are in view already
        found = {"asked": {**watched.asked}}
        page.set_viewport_size({"width": 320, "height": 256})
        found["fits a zoomed screen"] = page.evaluate(OF_ITS_OWN_SIZE)
        page.set_viewport_size(laptop)
        found["fits a laptop"] = page.evaluate(OF_ITS_OWN_SIZE)
        found["said"], found["elsewhere"] = [*watched.said], [*watched.elsewhere]
        if page is shared[0]:
            page.goto("about:blank")  # what still comes is not the next page's
            page.set_viewport_size(telephone)
        else:
            page.context.close()
        return found

    found = {name: see(name) for name in sorted(opened)}
    shared[0].context.close()
    return found


def test_a_first_visit_is_light_silent_and_asks_nobody_else(visits):
    wrong = []
    for name, found in visits.items():
        asked = found["asked"]
        wrong += [f"{name} says {words}" for words in found["said"]]
        wrong += [f"{name} asks for {address}" for address in found["elsewhere"]]
        size = sum(asked.values()) / KILOBYTE
        if size > (130 if name == GALLERY else 90):
            wrong.append(f"{name} weighs {size:.0f} KB: {asked}")
        pictures = sum("/_images/" in address for address in asked)
        if len(asked) > 8 + max(pictures - 2, 0):
            wrong.append(f"{name} asks for {len(asked)} files: {[*asked]}")
    assert len(visits) > 20
    assert wrong == []


def test_a_page_fits_a_zoomed_screen_and_a_laptop(visits):
    for screen in ("fits a zoomed screen", "fits a laptop"):
        assert [name for name, found in visits.items() if not found[screen]] == []


# Articles are brought to one page, many at a time: to lay them out and to ask axe costs
# a fifth of what it costs page by page. They come without their pictures, and without
# the tags that only colour code. No tag goes that bends a line: what scrolls goes on
# scrolling.
BRING = """articles => {
  const parts = ".sidebar-container, .toc-sticky, header, footer";
  for (const part of document.querySelectorAll(parts)) part.replaceChildren();
  const place = document.querySelector("#furo-main-content").parentElement;
  const brought = Object.entries(articles).map(([name, html]) => {
    const holder = document.createElement("div");
    holder.innerHTML = html;
    const article = holder.firstElementChild;
    article.dataset.name = name;
    article.removeAttribute("role");  // there is one main part
    return article;
  });
  const main = document.createElement("div");
  main.id = "furo-main-content";
  main.setAttribute("role", "main");
  main.replaceChildren(...brought);
  place.replaceChildren(main);
  const bend = ".go, .gr, .gt, .gr + .n";
  for (const tag of main.querySelectorAll(`pre span:not(${bend})`)) {
    if (tag.getAttributeNames().every((name) => name === "class")) {
      tag.replaceWith(...tag.childNodes);
    }
  }
  for (const image of main.querySelectorAll("img")) image.src = "data:,";
}"""
WIDE = """() => {
  const articles = [...document.querySelectorAll("article")];
  const { documentElement } = document;
  const fits = () => documentElement.scrollWidth <= documentElement.clientWidth;
  if (fits()) return [];
  return articles.filter((article) => {
    for (const other of articles) other.hidden = other !== article;
    const wide = !fits();
    for (const other of articles) other.hidden = false;
    return wide;
  }).map((article) => [article.dataset.name, "is wider than the screen"]);
}"""
OUTSIDE = """() => [...document.querySelectorAll("article *")]
  .filter(e => e.getBoundingClientRect().right > 321
    && !e.closest("pre, .table-wrapper, div.math, math, svg, .filters div"))
  .map(e => [e.closest("article").dataset.name, e.outerHTML.slice(0, 80)])"""
CUT = """widest => [...document.querySelectorAll("article pre")]
  .filter(pre => pre.checkVisibility({ contentVisibilityAuto: true }))
  .filter(pre => pre.scrollWidth > pre.clientWidth)
  .map(pre => [pre.closest("article").dataset.name,
    Math.max(...pre.innerText.split("\\n").map(l => l.length))])
  .filter(([, length]) => length <= widest)"""
# What all pages have around their article, and colours, are asked once a kind of page:
# test_axe.py.
JUDGED = """async () => {
  const off = { enabled: false };
  const rules = { "color-contrast": off, "link-in-text-block": off };
  const asked = { rules, resultTypes: ["violations"], elementRef: true };
  const { violations } = await axe.run("#furo-main-content", asked);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ element, html }) =>
    [element.closest("article")?.dataset.name, `${id}: ${html.slice(0, 80)}`]));
}"""


@pytest.fixture(scope="module")
def faults(browser, served, pages):
    """What is wrong with the articles of the site, by what is wanted.

    Of those that are alike, every eighth.
    """
    found = defaultdict(list)
    page = browser.new_page(base_url=served)
    page.goto(GUIDE)
    page.evaluate(AXE_SCRIPT)
    alike = [n for n in pages if n.startswith(ALIKE) and not n.endswith("/index.html")]
    chosen = [name for name in pages if name not in alike] + alike[::8]
    articles = [(name, pages[name].css_first("article").html) for name in chosen]
    for start in range(0, len(articles), 20):
        page.evaluate(BRING, dict(articles[start : start + 20]))
        page.set_viewport_size({"width": 320, "height": 256})
        found["zoomed"] += page.evaluate(WIDE)
        found["outside"] += page.evaluate(OUTSIDE)
        page.set_viewport_size({"width": 1440, "height": 900})
        found["laptop"] += page.evaluate(WIDE)
        found["cut"] += page.evaluate(CUT, WIDEST_LINE)
        found["barriers"] += page.evaluate(JUDGED)
    page.context.close()
    return found


def test_an_article_fits_any_screen(faults):
    assert faults["zoomed"] == []
    assert faults["outside"] == []
    assert faults["laptop"] == []
    assert faults["cut"] == [], "a line of code that a laptop does not show"


def test_no_article_has_a_barrier(faults):
    assert faults["barriers"] == []


def test_the_policy_stops_what_is_not_of_the_site(page):
    page.goto("index.html")
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
        }"""
    )
    assert page.evaluate("window.ran") is None
    refused = page.evaluate(
        """() => fetch("https://example.org/").then(() => "came", e => e.name)"""
    )
    assert refused == "TypeError"


def corner(page, image):
    """The colour of the first pixel of a picture as it is shown."""
    shown = Image.open(io.BytesIO(page.locator(image).first.screenshot()))
    return shown.convert("RGB").getpixel((2, 2))


@pytest.mark.parametrize("system", ["light", "dark"])
def test_a_figure_follows_the_switch_and_else_the_system(browser, served, system):
    context = browser.new_context(base_url=served, color_scheme=system)
    page = context.new_page()
    page.goto(EXAMPLE)
    bright = {}
    # The switch goes from the system's scheme to the other one, and on.
    for _ in range(3):
        switch = page.evaluate("document.body.dataset.theme")
        page.locator(".sphx-glr-single-img").first.scroll_into_view_if_needed()
        page.wait_for_timeout(100)
        bright[switch] = sum(corner(page, ".sphx-glr-single-img")) > 3 * 128
        page.locator(".theme-toggle:visible").click()
    context.close()
    assert bright == {"auto": system == "light", "light": True, "dark": False}


def test_on_paper_a_dark_page_is_light_and_has_no_drawers(page):
    page.emulate_media(color_scheme="dark")
    page.goto(EXAMPLE)
    figure = page.locator(".sphx-glr-single-img").first
    figure.scroll_into_view_if_needed()
    page.emulate_media(media="print")
    assert sum(corner(page, ".sphx-glr-single-img")) > 3 * 240
    assert not page.locator(".sidebar-drawer").is_visible()
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "light"


def test_a_copy_button_is_seen_by_touch_and_by_keyboard(browser, served):
    touched = browser.new_context(base_url=served, has_touch=True, is_mobile=True)
    page = touched.new_page()
    page.goto(GUIDE)
    button = page.locator("button.copybtn").first
    assert button.evaluate("b => getComputedStyle(b).opacity") == "1"
    touched.close()
    context = browser.new_context(base_url=served, reduced_motion="reduce")
    page = context.new_page()
    page.goto(GUIDE)
    button = page.locator("button.copybtn").first
    assert button.evaluate("b => getComputedStyle(b).opacity") == "0"
    button.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")  # focus as the keyboard moves it
    assert button.evaluate("b => b === document.activeElement")
    assert button.evaluate("b => getComputedStyle(b).opacity") == "1"
    context.close()


def test_the_tree_of_pages_is_opened_by_keyboard(page):
    page.goto("index.html")
    box = page.locator(".sidebar-tree .toctree-checkbox:not(:checked)").first
    box.focus()
    item = page.locator("li:has(> .toctree-checkbox:focus)")
    assert not item.locator("ul").first.is_visible()
    page.keyboard.press("Space")
    assert item.locator("ul").first.is_visible()
    assert box.get_attribute("aria-label")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    outline = "label => getComputedStyle(label).outlineStyle"
    assert item.locator("> label").evaluate(outline) == "solid"


# Of what the keyboard is at: whether it is drawn, named, and was met before.
STOP = """() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const drawn = [it, ...(it.labels ?? [])].some((box) => {
    const style = getComputedStyle(box);
    const outlined = style.outlineStyle !== "none" && style.outlineWidth !== "0px";
    const room = box.getBoundingClientRect();
    return outlined && style.opacity !== "0" && room.width * room.height > 0;
  });
  const name = it.ariaLabel || it.innerText?.trim() || it.labels?.[0]?.innerText.trim()
    || it.querySelector("title")?.textContent;
  const met = it.dataset.met === "yes" && !it.shadowRoot;  // it has several controls
  it.dataset.met = "yes";
  // What a figure to drag shows of the focus lies within it: test_draggable.py.
  return {met, seen: drawn || !!it.shadowRoot, named: !!name, html: it.outerHTML};
}"""
MISSED = """() => [...document.querySelectorAll("a[href], button, input, summary")]
  .filter((it) => it.checkVisibility({visibilityProperty: true}) && it.tabIndex >= 0)
  .filter((it) => !it.dataset.met).map((it) => it.outerHTML)"""


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize(
    "name", ["index", "guide/function", "examples/robust/huber", "search", "404"]
)
def test_every_control_is_reached_seen_and_named(page, name, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(reduced_motion="reduce")  # else an outline may be on its way
    page.goto(f"{name}.html", wait_until="load")
    stops = []
    while True:
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None or stop["met"]:
            break
        stops.append(stop)
    # The way back to the top comes and goes with the scrolling.
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    page.wait_for_function(
        "() => !document.documentElement.classList.contains('show-back-to-top')"
    )
    missed = page.evaluate(MISSED)
    assert len(stops) > 5
    assert [stop["html"] for stop in stops if not stop["seen"]] == []
    assert [stop["html"] for stop in stops if not stop["named"]] == []
    assert missed == []


def test_a_copy_button_copies_the_code_without_prompts_and_output(browser, served):
    context = browser.new_context(
        base_url=served, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()

    def copied(block):
        block.hover()
        block.locator("button.copybtn").click()
        return page.evaluate("navigator.clipboard.readText()")

    page.goto("index.html")
    session = page.locator(".highlight", has_text=">>> prediction.grad")
    assert copied(session).splitlines() == [
        "prediction = torch.tensor([3.0, -400.0], requires_grad=True)",
        "huber(prediction, torch.zeros(2)).backward()",
        "prediction.grad",
    ]
    page.goto(EXAMPLE)
    assert copied(page.locator(".highlight").first) == "ownloss copy huber"
    loss = copied(page.locator(".highlight", has_text="def huber").first)
    # The whole file, as `ownloss copy` writes it and the page offers it.
    assert loss.strip() == (SITE / "losses/huber.py").read_text("utf-8").strip()
    context.close()


@pytest.mark.parametrize(
    ("width", "switch", "drawer"),
    [(390, "navigation", "sidebar-drawer"), (1024, "toc", "toc-drawer")],
)
def test_a_drawer_opens_by_keyboard_and_a_closed_one_is_passed_over(
    page, width, switch, drawer
):
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(GUIDE)
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == f"__{switch}":
            break
    assert page.evaluate("document.activeElement.id") == f"__{switch}"
    link = page.locator(f".{drawer} a:not([href='#'])").first
    assert not link.is_visible()
    page.keyboard.press("Space")
    link.wait_for(state="visible")
    page.keyboard.press("Space")
    link.wait_for(state="hidden")
    inside = f"document.activeElement.closest('.{drawer}') !== null"
    for _ in range(12):
        page.keyboard.press("Tab")
        assert not page.evaluate(inside)


def test_a_page_is_whole_without_javascript(browser, served):
    context = browser.new_context(base_url=served, java_script_enabled=False)
    page = context.new_page()
    for name in ("index.html", EXAMPLE, GUIDE, GALLERY):
        page.goto(name)
        assert page.locator("h1").is_visible(), name
        assert page.locator(".sidebar-tree a").first.is_visible(), name
        heights = page.locator("article img").evaluate_all(
            "all => all.map(image => image.getBoundingClientRect().height)"
        )
        assert [height for height in heights if height <= 50] == [], name
    context.close()


def test_nothing_moves_for_a_reader_who_wants_less_motion(page):
    page.emulate_media(reduced_motion="reduce")
    page.goto(GUIDE)
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter(e =>
          parseFloat(getComputedStyle(e).transitionDuration) > 0
          || getComputedStyle(e).scrollBehavior === "smooth").length"""
    )
    assert moving == 0


def test_the_404_page_is_whole_at_any_depth(page):
    page.goto("no/such/page.html")
    assert "404" in page.title() or re.search("not found", page.title(), re.IGNORECASE)
    # The style of the site gives a scheme, where a browser's own has none.
    scheme = page.evaluate("getComputedStyle(document.body).colorScheme")
    assert scheme == "light"
    page.locator(".sidebar-brand").click()
    assert page.locator("h1").inner_text() == "Write your own loss"


def test_a_lost_address_leads_to_the_pages_that_its_words_find(page):
    page.goto("v1.2/soft-dtw_loss%20for%3Cb%3E/index.html")
    assert page.locator("#search-words").input_value() == "v1 soft dtw loss for b"
    page.goto("old/hubers_loss.html")
    assert page.locator("#search-words").input_value() == "old hubers loss"
    first = page.locator("#search-results a").first
    first.click()
    assert "huber" in page.locator("article").inner_text().lower()
    assert "404" not in page.url
    assert page.title() != "Page not found"
