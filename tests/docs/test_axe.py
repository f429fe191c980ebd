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
# Of a long list or table five, and of the tags that colour code one of each
# colour: the others are made alike, and cost axe most of its time.
ALIKE = """() => {
  const later = ":is(ul, ol, tbody) > :nth-child(n + 6)";
  for (const row of document.querySelectorAll(later)) {
    if (!row.querySelector(".current-page")) row.remove();
  }
  const bend = ".go, .gr, .gt, .gr + .n";
  const met = new Set();
  for (const tag of document.querySelectorAll(`pre span:not(${bend})`)) {
    const block = tag.closest("div[class*=highlight-]");
    const colour = `${tag.className} in ${block?.className}`;
    if (met.has(colour) && tag.getAttributeNames().every((name) => name === "class")) {
      tag.replaceWith(...tag.childNodes);
    }
    met.add(colour);
  }
}"""


SCREENS = [("light", 1440), ("dark", 768), ("dark", 390)]


@pytest.mark.parametrize("name", KINDS_OF_PAGE)
def test_a_kind_of_page_has_no_barrier_and_enough_contrast(page, name):
    page.emulate_media(reduced_motion="reduce")  # else a colour may be on its way
    page.goto(name)
    page.evaluate(ALIKE)
    found = []
    for scheme, width in SCREENS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 844})
        found += [(scheme, width, *barrier) for barrier in barriers(page)]
    assert found == []
