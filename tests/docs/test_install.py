"""The way in: what is installed, what is offered without installing, what is cited.

Some of these tests read the built site: `nox -s tests` builds it meanwhile.
"""

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
import yaml
from packaging.specifiers import SpecifierSet

from ownloss import catalogue
from ownloss_site import about, feed, install, torch_version
from tests.docs.conftest import SITE, parsed

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HERE = "https://github.com/somebody/some.losses"
EXAMPLES = catalogue.examples()


def test_the_way_in_is_pypi_then_the_repository_then_a_checkout():
    assert install.way_in(True, HERE) == ("PyPI", "ownloss")
    assert install.way_in(False, HERE) == ("its repository", f"git+{HERE}")
    assert install.way_in(False, "") == ("a checkout", ".")


@pytest.mark.parametrize("name", ["README.md", "docs/install.md"])
def test_the_way_in_comes_before_the_first_command(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    way_in = re.search(r"pip install|\{install\}", text).start()
    assert way_in < re.search(r"\$ ownloss|`ownloss copy", text).start()


def test_the_readme_installs_as_the_settings_say():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    within = text.partition("<!-- install -->")[2].partition("<!-- installed -->")[0]
    settings = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    on_pypi = "\non_pypi = True\n" in settings
    place, source = install.way_in(on_pypi, "")
    assert f"Install it from {place}:" in within
    assert f"$ python -m pip install {source}\n" in within


def test_no_newer_torch_is_refused():
    (needed,) = (d for d in PYPROJECT["project"]["dependencies"] if "torch" in d)
    allowed = SpecifierSet(needed.removeprefix("torch"))
    assert "2.5.0" in allowed and "2.4.1" not in allowed and "99" in allowed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_page_offers_its_loss_alone_byte_for_byte(example):
    published = catalogue.published(example)
    page = parsed(f"examples/{example.topic}/{example.name}.html")
    (link,) = page.css("a.download[href*='losses/']")
    offered = SITE / "examples" / example.topic / link.attributes["href"]
    assert offered.read_bytes() == published.encode()
    # The copy button drops the last line break.
    assert page.css_first("#loss-alone").text() == f"{published}\n"


def test_the_button_of_the_first_cell_copies_the_file(browser, served):
    context = browser.new_context(base_url=served)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.goto("examples/robust/huber.html", wait_until="load")
    opened.locator(".highlight-Python .copybtn").first.click()
    copied = opened.evaluate("navigator.clipboard.readText()")
    assert copied == catalogue.published(catalogue.find("huber"))
    opened.locator(".highlight-Python .copybtn").nth(1).click()
    assert opened.evaluate("navigator.clipboard.readText()") not in ("", copied)
    context.close()


def test_every_page_names_the_torch_that_ran_it():
    release = torch.__version__.partition("+")[0]
    for address in ("index.html", "guide/check.html", "examples/robust/huber.html"):
        foot = parsed(address).css_first("footer .ran-with")
        assert foot.text().strip().startswith("Run on")
        assert f"torch {release}" in foot.text()


def test_the_foot_of_a_page_names_the_day_of_the_build(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert about.day_of_build() == "1 January 1970"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    monkeypatch.setattr(about.time, "time", lambda: 59 * 24 * 60 * 60.0)
    assert about.day_of_build() == "1 March 1970"
    foot = parsed("guide/check.html").css_first("footer .ran-with").text()
    assert re.search(r"torch \d+\.\d+\.\d+, \d+ [A-Z][a-z]+ 20\d\d\.", foot)


def test_bibtex_says_what_the_citation_says():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    entry = about.bibtex(citation, "2026", HERE)
    assert entry.startswith("@software{ownloss,\n") and entry.endswith("\n}")
    assert entry.count("{") == entry.count("}")
    version = PYPROJECT["project"]["version"]
    assert f"version = {{{version}}}" in entry and f"url = {{{HERE}}}" in entry
    assert "url" not in about.bibtex(citation, "2026")


def test_the_versions_of_the_site_are_those_installed():
    assert ("torch", torch.__version__) in about.built_with()


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (">=2.14", "torch 2.14 or newer"),
        ("<2.14", "torch older than 2.14"),
        (">=2.8,<2.14", "torch 2.8 or newer, but older than 2.14"),
    ],
)
def test_a_condition_is_said_in_words(condition, words):
    assert torch_version.in_words(condition) == words


@pytest.mark.parametrize("condition", ["", "2.14", "==2.14", ">=2.14,", "<2.14,>=2.8"])
def test_another_form_of_condition_is_refused(condition):
    with pytest.raises(ValueError, match="expected a condition such as"):
        torch_version.in_words(condition)


def test_a_feed_dates_a_loss_by_its_first_and_its_last_commit():
    log = "@300 Mend\n\na/huber.py\n@200 Add\n\na/huber.py\na/dice.py\n"
    found = feed.changes(log)
    huber, dice = found["huber.py"], found["dice.py"]
    assert (huber.first.timestamp(), huber.last.timestamp()) == (200, 300)
    assert (huber.subject, dice.subject) == ("Mend", "Add")
    entries = [
        (catalogue.find(name), found[f"{name}.py"]) for name in ("huber", "dice")
    ]
    atom = ElementTree.tostring(feed.atom("https://a.example/", entries)).decode()
    assert "<title>Changed: Huber</title>" in atom and "<title>New: " in atom
    assert "https://a.example/examples/robust/huber.html" in atom
    assert "<updated>1970-01-01T00:05:00+00:00</updated>" in atom
