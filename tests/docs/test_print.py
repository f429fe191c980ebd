"""Pages on paper: printed by the browser, and read back from the PDF."""

import io
import re

import pytest
from pypdf import PdfReader

# One of each kind: guide, graph of a loss, example with a figure to drag, table, home
# page, gallery, search.
PAGES = (
    "guide/backward",
    "practice/workbench/cosine",
    "examples/robust/huber",
    "reference/support",
    "index",
    "examples/index",
    "search",
)

# Pictures keep their room; to read past their lines takes longer than all the text.
UNDRAWN = """() => {
  for (const image of document.images) image.style.visibility = "hidden";
}"""


@pytest.fixture(scope="module")
def printed(browser, served):
    """The pages of each print, as lines of text, and the headings that it has."""
    context = browser.new_context(base_url=served)
    page = context.new_page()
    found = {}
    for name in PAGES:
        page.goto(f"{name}.html")
        headings = page.locator("article :is(h1, h2, h3)").evaluate_all(
            "all => all.map(heading => heading.firstChild.textContent.trim())"
        )
        page.evaluate(UNDRAWN)
        pdf = page.pdf(prefer_css_page_size=True)
        sheets = [
            [line.strip() for line in sheet.extract_text().splitlines() if line.strip()]
            for sheet in PdfReader(io.BytesIO(pdf)).pages
        ]
        found[name] = sheets, set(headings)
    context.close()
    return found


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_printed_that_only_a_screen_can_do(printed, name):
    text = "\n".join(line for sheet in printed[name][0] for line in sheet)
    assert "Skip to content" not in text
    assert "Drag the point" not in text
    assert "Toggle" not in text


@pytest.mark.parametrize("name", PAGES)
def test_each_sheet_says_where_it_is_from(printed, name):
    sheets, _ = printed[name]
    for number, (foot, *_) in enumerate(sheets, 1):  # read first, printed last
        assert re.match(
            rf"{number}ownloss \d\S* · torch \d\S*, \d+ \w+ \d+ · {name}", foot
        )


@pytest.mark.parametrize("name", PAGES)
def test_no_sheet_ends_in_a_heading(printed, name):
    sheets, headings = printed[name]
    for lines in sheets:
        assert lines[-1] not in headings


@pytest.mark.parametrize("name", PAGES)
def test_no_sheet_is_empty(printed, name):
    for foot, *lines in printed[name][0]:
        assert lines, f"nothing but {foot}"


def test_code_is_printed_as_it_is_line_by_line(printed, browser, served):
    context = browser.new_context(base_url=served)
    page = context.new_page()
    page.goto("examples/robust/huber.html")
    source = page.locator(".highlight-Python pre").all_inner_texts()
    context.close()
    assert source
    sheets, _ = printed["examples/robust/huber"]
    lines = {re.sub(r"\s+", "", line) for sheet in sheets for line in sheet}
    wanted = {re.sub(r"\s+", "", line) for code in source for line in code.splitlines()}
    assert not {line for line in wanted if line} - lines
