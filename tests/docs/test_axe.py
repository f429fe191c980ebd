"""No page has a barrier that axe-core can find."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.docs.test_browser import EXAMPLE, GALLERY, GUIDE, PAGES

AXE = Axe()
KINDS_OF_PAGE = [
    "index.html",
    "reference/checker.html",
    "reference/messages/index.html",
    "reference/support.html",
    "search.html",
    EXAMPLE,
    GALLERY,
    GUIDE,
]


# Colours are the same on all pages of a kind, and to compare them takes longest.
WITHOUT_CONTRAST = {"rules": {"color-contrast": {"enabled": False}}}


@pytest.fixture(scope="module")
def laptop(browser, served):
    """A page on a laptop, opened once."""
    context = browser.new_context(
        base_url=served, viewport={"width": 1440, "height": 900}
    )
    yield context.new_page()
    context.close()


def barriers(page, options=None):
    """What axe-core objects to, with the first element of each."""
    found = AXE.run(page, options={"resultTypes": ["violations"], **(options or {})})
    return [
        (violation["id"], violation["nodes"][0]["html"])
        for violation in found.response["violations"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_barrier(laptop, name):
    laptop.goto(name)
    assert barriers(laptop, WITHOUT_CONTRAST) == []


@pytest.mark.parametrize("name", KINDS_OF_PAGE)
@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1440), ("dark", 768), ("dark", 390)]
)
def test_a_kind_of_page_has_no_barrier_and_enough_contrast(page, name, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(name)
    assert barriers(page) == []
