"""No page has a barrier that axe-core can find."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.docs.test_browser import EXAMPLE, GALLERY, GUIDE, PAGES

AXE = Axe()
KINDS_OF_PAGE = [
    "index.html",
    "reference/checker.html",
    "reference/support.html",
    "search.html",
    EXAMPLE,
    GALLERY,
    GUIDE,
]


def barriers(page):
    """What axe-core objects to, with the first element of each."""
    found = AXE.run(page, options={"resultTypes": ["violations"]})
    return [
        (violation["id"], violation["nodes"][0]["html"])
        for violation in found.response["violations"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_barrier(page, name):
    page.goto(name)
    assert barriers(page) == []


@pytest.mark.parametrize("name", KINDS_OF_PAGE)
@pytest.mark.parametrize("width", [390, 768])
def test_a_dark_page_on_a_small_screen_has_no_barrier(page, name, width):
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(name)
    assert barriers(page) == []
