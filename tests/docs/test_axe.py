"""No kind of page has a barrier that axe-core can find; test_browser asks each page."""

import pytest

from tests.docs.conftest import barriers
from tests.docs.test_browser import EXAMPLE, GALLERY, GUIDE

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


@pytest.mark.parametrize("name", KINDS_OF_PAGE)
@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1440), ("dark", 768), ("dark", 390)]
)
def test_a_kind_of_page_has_no_barrier_and_enough_contrast(page, name, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(name)
    assert barriers(page) == []
