"""The site in a real browser: silent, light in weight, and usable by everyone."""

import functools
import io
import re

import pytest
from PIL import Image

from tests.docs.conftest import NAMES, SITE, Watched, barriers

# Text, code and a list of links, hundreds of times: to a browser they are all alike.
ALIKE = ("reference/messages/", "reference/kinds/")
PAGES = [n for n in NAMES if not n.startswith(ALIKE) or n.endswith("/index.html")]
PAGES += [name for name in NAMES if name not in PAGES][::8]
EXAMPLE, GUIDE, GALLERY = (
    "examples/robust/huber.html",
    "guide/backward.html",
    "examples/index.html",
)
LIST_OF_PICTURES = re.compile(r"examples/(\w+/)?index\.html")
KILOBYTE = 1000
WIDEST_LINE = 88


OF_ITS_OWN_SIZE = """
  document.documentElement.scrollWidth <= document.documentElement.clientWidth
"""
OUTSIDE = """() => [...document.querySelectorAll("article *")]
  .filter(e => e.getBoundingClientRect().right > 321
    && !e.closest("pre, .table-wrapper, div.math, math, svg, .filters div"))
  .map(e => e.outerHTML.slice(0, 80))"""
CUT = """() => [...document.querySelectorAll("article pre")]
  .filter(pre => pre.checkVisibility({ contentVisibilityAuto: true }))
  .filter(pre => pre.scrollWidth > pre.clientWidth)
  .map(pre => Math.max(...pre.innerText.split("\\n").map(l => l.length)))"""
# What all pages have around their article, and colours, are asked once a kind of page:
# test_axe.py. The articles are brought to one page where axe is warm, since it takes
# three times as long in a new one; without their pictures, and without the tags that
# only colour code. No tag goes that bends a line: what scrolls goes on scrolling.
COLOURS = ("color-contrast", "link-in-text-block")
ARTICLE = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
TAKEN = """() => {
  const article = document.querySelector("article").cloneNode(true);
  const bend = ".go, .gr, .gt, .gr + .n";
  for (const tag of article.querySelectorAll(`pre span:not(${bend})`)) {
    if (tag.getAttributeNames().every((name) => name === "class")) {
      tag.replaceWith(...tag.childNodes);
    }
  }
  for (const image of article.querySelectorAll("img")) image.src = "data:,";
  return article.outerHTML;
}"""
BROUGHT = "article => { document.querySelector('article').outerHTML = article; }"


@pytest.fixture(scope="module")
def seen(browser, served):
    """What a browser sees of a page: each is opened once, as if none had been before.

    First on a telephone, then as wide as a screen of 1280 pixels at 400 % zoom, then on
    a laptop. They share a tab, since a new one costs more than most pages. One that has
    met a formula asks for its font again, and one that was as wide as a laptop looks
    further ahead for pictures: of most pages it tells no less than a first visitor
    loads, and a list of pictures has a visitor of its own.
    """
    telephone, laptop = {"width": 412, "height": 823}, {"width": 1440, "height": 900}

    def visitor():
        context = browser.new_context(base_url=served, viewport=telephone)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        return page, Watched(context)

    shared = visitor()
    judge = browser.new_page(base_url=served, viewport=laptop)
    judge.goto(GUIDE)

    @functools.cache
    def see(name):
        page, watched = visitor() if LIST_OF_PICTURES.match(name) else shared
        watched.forget()
        page.goto(name)
        page.wait_for_timeout(50)  # pictures that are in view already
        found = {"asked": {**watched.asked}}
        page.set_viewport_size({"width": 320, "height": 256})
        found["fits a zoomed screen"] = page.evaluate(OF_ITS_OWN_SIZE)
        found["outside"] = page.evaluate(OUTSIDE)
        page.set_viewport_size(laptop)
        found["fits a laptop"] = page.evaluate(OF_ITS_OWN_SIZE)
        found["cut"] = page.evaluate(CUT)
        found["said"], found["elsewhere"] = [*watched.said], [*watched.elsewhere]
        judge.evaluate(BROUGHT, page.evaluate(TAKEN))
        found["barriers"] = barriers(judge, "article", ARTICLE)
        if page is shared[0]:
            page.goto("about:blank")  # what still comes is not the next page's
            page.set_viewport_size(telephone)
        else:
            page.context.close()
        return found

    yield see
    judge.context.close()
    shared[0].context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_first_visit_is_light_silent_and_asks_nobody_else(seen, name):
    asked = seen(name)["asked"]
    assert seen(name)["said"] == []
    assert seen(name)["elsewhere"] == []
    weight = sum(asked.values()) / KILOBYTE
    assert weight <= (130 if name == GALLERY else 90), asked
    pictures = sum("/_images/" in address for address in asked)
    assert len(asked) <= 8 + max(pictures - 2, 0), asked


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_any_screen_and_its_article_has_no_barrier(seen, name):
    assert seen(name)["fits a zoomed screen"]
    assert seen(name)["outside"] == []
    assert seen(name)["fits a laptop"]
    assert [length for length in seen(name)["cut"] if length <= WIDEST_LINE] == []
    assert seen(name)["barriers"] == []


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
@pytest.mark.parametrize("switch", [None, "light", "dark"])
def test_a_figure_follows_the_switch_and_else_the_system(
    browser, served, system, switch
):
    context = browser.new_context(base_url=served, color_scheme=system)
    page = context.new_page()
    page.goto(EXAMPLE)
    # The switch goes from the system's scheme to the other one, and on.
    for _ in range(3):
        if page.evaluate("document.body.dataset.theme") == (switch or "auto"):
            break
        page.locator(".theme-toggle:visible").click()
    assert page.evaluate("document.body.dataset.theme") == (switch or "auto")
    page.locator(".sphx-glr-single-img").first.scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    bright = sum(corner(page, ".sphx-glr-single-img")) > 3 * 128
    context.close()
    assert bright == ((switch or system) == "light")


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


@pytest.mark.parametrize("name", ["index.html", EXAMPLE, GUIDE, GALLERY])
def test_a_page_is_whole_without_javascript(browser, served, name):
    context = browser.new_context(base_url=served, java_script_enabled=False)
    page = context.new_page()
    page.goto(name)
    assert page.locator("h1").is_visible()
    assert page.locator(".sidebar-tree a").first.is_visible()
    heights = page.locator("article img").evaluate_all(
        "all => all.map(image => image.getBoundingClientRect().height)"
    )
    assert [height for height in heights if height <= 50] == []
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
