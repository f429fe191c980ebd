"""The filters of the gallery, in a real browser, and the links that lead to them."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ownloss import catalogue, tags
from tests.docs.conftest import SITE, parsed
from tests.docs.test_search import typed

GALLERY = "examples/index.html"
LOSSES = [example for example in catalogue.examples() if example.tags]
CARD = ".sphx-glr-thumbcontainer"


def having(*wanted):
    """The names of the losses that have all of these tags."""
    return {loss.name for loss in LOSSES if {*wanted} <= {*loss.tags}}


def shown(page):
    """The names of the examples whose cards can be seen."""
    addresses = page.locator(f"{CARD} a").evaluate_all(
        "links => links.filter(link => link.checkVisibility()).map(link => link.href)"
    )
    return {address.split("/")[-1].removesuffix(".html") for address in addresses}


def button(page, tag):
    return page.locator(f'.filters [data-tag="{tag}"]')


def said(page):
    return page.locator(".filters [role=status]").inner_text()


def test_without_a_choice_every_loss_and_every_lesson_is_shown(page):
    page.goto(GALLERY)
    assert shown(page) == {example.name for example in catalogue.examples()}
    assert said(page) == f"{len(LOSSES)} losses"
    assert not page.locator("#all-losses").is_visible()
    for tag in tags.WORDS:
        assert button(page, tag).inner_text() == f"{tag} {len(having(tag))}"


def test_several_buttons_leave_what_has_all_of_their_tags(page):
    page.goto(GALLERY)
    button(page, "regression").click()
    assert shown(page) == having("regression")
    button(page, "outliers").click()
    both = having("regression", "outliers")
    assert "huber" in both and shown(page) == both
    assert said(page) == f"{len(both)} of {len(LOSSES)} losses"
    for tag in tags.WORDS:
        left = len(having("regression", "outliers", tag))
        assert button(page, tag).inner_text() == f"{tag} {left}"
        assert button(page, tag).is_enabled() == (left > 0)
    assert urlsplit(page.url).query == "sg-tags=regression,outliers"
    button(page, "regression").click()
    assert shown(page) == having("outliers")
    assert button(page, "regression").get_attribute("aria-pressed") == "false"


def test_a_topic_without_a_match_goes_with_its_heading_and_its_link(page):
    page.goto(f"{GALLERY}?sg-tags=boxes")
    assert page.locator("h2:visible").all_inner_texts() == ["Detection"]
    listed = page.locator(".toc-tree li li a:visible").all_inner_texts()
    assert listed == ["Detection"]


def test_show_all_shows_all_and_the_keyboard_is_not_lost(page):
    page.goto(f"{GALLERY}?sg-tags=classes,memory&lang=en#lessons")
    assert shown(page) == having("classes", "memory")
    page.locator("#all-losses").focus()
    page.keyboard.press("Enter")
    assert said(page) == f"{len(LOSSES)} losses"
    assert page.locator("h3:visible").count() > 1, "the lessons are there again"
    focused = page.evaluate("document.activeElement.dataset.tag")
    assert focused == "classes"
    assert page.url.endswith("?lang=en#lessons")


def test_a_button_is_pressed_by_keyboard_and_is_seen_to_have_the_focus(page):
    page.goto(GALLERY)
    button(page, "classification").focus()
    page.keyboard.press("Tab")
    outline = "button => getComputedStyle(button).outlineStyle"
    assert button(page, "regression").evaluate(outline) == "solid"
    page.keyboard.press("Space")
    assert shown(page) == having("regression")
    assert button(page, "regression").evaluate("b => b === document.activeElement")


@pytest.mark.parametrize(
    "query",
    ["sg-tags=multi-label,missing+labels", "sg-tags=multi-label,missing%20labels"],
)
def test_an_address_chooses_what_is_shown_even_with_a_tag_that_is_gone(page, query):
    page.goto(f"{GALLERY}?{query},no-such-tag")
    assert shown(page) == having("multi-label", "missing labels") == {"weighted_bce"}
    assert button(page, "missing labels").get_attribute("aria-pressed") == "true"


def test_without_javascript_all_is_shown_and_no_dead_button(browser, served):
    context = browser.new_context(base_url=served, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{GALLERY}?sg-tags=boxes")
    assert shown(page) == {example.name for example in catalogue.examples()}
    assert not page.locator(".filters").is_visible()
    context.close()


def test_paper_has_what_was_chosen_and_no_buttons(page):
    page.goto(f"{GALLERY}?sg-tags=boxes")
    page.emulate_media(media="print")
    assert not page.locator(".filters").is_visible()
    assert shown(page) == having("boxes")


def test_the_filter_works_where_the_site_is_opened_from_a_disk(browser):
    context = browser.new_context()
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto((SITE / GALLERY).as_uri())
    button(page, "boxes").click()
    assert shown(page) == having("boxes")
    assert errors == []
    context.close()


@pytest.mark.parametrize("width", [320, 390, 800])
def test_on_a_phone_the_first_loss_is_on_the_first_screen_or_just_below(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(GALLERY)
    assert page.locator(CARD).first.bounding_box()["y"] < 900
    for tag in ("classification", "needs SciPy"):
        assert button(page, tag).bounding_box()["height"] >= 24
        button(page, tag).click()
        button(page, tag).click()
    assert said(page) == f"{len(LOSSES)} losses"


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_tags_of_a_loss_lead_to_the_losses_that_share_them(loss):
    links = parsed(f"{loss.page}.html").css(".sphx-glr-example-tags a")
    assert [link.text() for link in links] == [*loss.tags]
    for link in links:
        address = urlsplit(link.attributes["href"])
        assert address.path == "../index.html"
        assert parse_qs(address.query) == {"sg-tags": [link.text()]}


NEEDS = {
    "Heavy tails": {"huber", "student_t_nll", "general_robust"},
    "many labels with some missing": {"weighted_bce"},
    "tiny objects": {"dice", "tversky", "boundary"},
    "pairwise preferences": {"bradley_terry", "dpo"},
    "uncertainty": {"gaussian_nll", "beta_nll", "crps_normal"},
    "F1, IoU and other metrics": {"soft_f1", "jaccard"},
    "padding or missing labels": {"masked_mean", "sequence_mean"},
    "several terms with learned weights": {"uncertainty_weights"},
}


def test_a_need_is_met_two_clicks_from_home(page):
    page.goto("index.html")
    links = {}
    for need in NEEDS:
        named = re.compile(f"^{re.escape(need)}$")
        link = page.locator("article a", has_text=named)
        assert link.is_visible(), need
        links[need] = link.get_attribute("href")
    for need, address in links.items():
        page.goto(address)
        assert address.startswith(f"{GALLERY}?sg-tags="), need
        assert NEEDS[need] <= shown(page), need
        assert len(shown(page)) < len(LOSSES) / 3, need
    name = next(iter(NEEDS[need]))
    page.goto("index.html")
    link.click()
    page.locator(f'{CARD} a[href$="/{name}.html"]').click()
    assert unquote(page.url).endswith(f"/{name}.html")


FOUND = {
    "outliers": "outliers",
    "heavy tails": "outliers",
    "imbalanced": "imbalance",
    "uncertainty": "uncertainty",
    "preference": "preferences",
    "missing labels": "missing labels",
    "tiny objects": "small objects",
    "scipy": "needs SciPy",
}


def test_the_search_offers_the_losses_that_have_what_is_typed(page):
    page.goto("search.html")
    for words, tag in FOUND.items():
        typed(page, words)
        link = page.locator("#search-results a", has_text=f"Losses: {tag}")
        address = urlsplit(link.get_attribute("href"))
        assert address.path == GALLERY, words
        assert parse_qs(address.query) == {"sg-tags": [tag]}, words
    link.click()
    page.wait_for_url(f"**/{GALLERY}?*")
    assert shown(page) == having(tag)
