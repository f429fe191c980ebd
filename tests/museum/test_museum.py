"""Every exhibit is still wrong, its cure is right, and its page shows who says so."""

import re

import pytest

import ownloss
from tests.museum.exhibits import Exhibit, exhibits

EXHIBITS = exhibits()
each = pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)


@pytest.fixture(scope="module")
def ran():
    """What each page defines; a page is run once."""
    known = {}

    def names_of(exhibit):
        if exhibit.name not in known:
            known[exhibit.name] = exhibit.run()
        return known[exhibit.name]

    return names_of


def report(names, which):
    """What the checker says of the wrong or the cured loss of a page."""
    reference = names.get("reference")
    return ownloss.check(
        names[which], *names["inputs"], reference=reference, seconds=300
    )


@each
def test_the_wrong_loss_is_still_wrong_and_the_cured_one_right(exhibit, ran):
    names = ran(exhibit)
    assert callable(names["wrong"]) and callable(names["cured"])
    assert isinstance(names["inputs"], tuple)
    assert names["passes"](names["wrong"]) is False
    assert names["passes"](names["cured"]) is True


@each
def test_the_checker_finds_nothing_wrong_with_the_cure(exhibit, ran):
    found = report(ran(exhibit), "cured")
    assert found.ok, found


@each
def test_the_page_links_the_kind_that_the_checker_names(exhibit, ran):
    linked = set(re.findall(r"reference/kinds/([a-z-]+)\.md", exhibit.text))
    found = report(ran(exhibit), "wrong").findings
    named = {finding.kind for finding in found if finding.severity != "note"}
    assert linked & named, f"the checker names {named}, the page links {linked}"


@each
def test_the_page_shows_what_is_said_of_the_loss_and_where_it_was_found(exhibit):
    code = "\n".join(exhibit.code())
    assert "gradcheck(" in code
    assert "ownloss.check(wrong" in code
    # The first is a lecture note, which has no address.
    assert "](https://" in exhibit.text or exhibit.name == "forgotten-mean"
    assert len(exhibit.text.split()) <= 1600


def page(wrong, cured):
    return Exhibit(
        "page",
        "---\n---\n# A page\n\n"
        f"```python\nwrong = {wrong}\n```\n\n```python\n>>> cured = {cured}\n>>> 1\n1\n"
        "```\n\n```python\ninputs = ()\n\n\ndef passes(loss):\n"
        "    return loss() == 0\n```\n",
    )


def test_a_page_is_read_whole_sessions_too():
    read = page("lambda: 1", "lambda: 0")
    assert read.title == "A page"
    assert len(list(read.code())) == 4
    assert read.run()["cured"]() == 0


@pytest.mark.parametrize("both", ["lambda: 0", "lambda: 1"])
def test_a_wrong_loss_that_is_right_and_a_cure_that_is_wrong_are_told(both):
    with pytest.raises(AssertionError):
        test_the_wrong_loss_is_still_wrong_and_the_cured_one_right(
            page(both, both), Exhibit.run
        )
