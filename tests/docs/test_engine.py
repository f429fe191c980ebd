"""What the engine leans on is there: each name, and what breaks when it goes."""

import importlib
import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import furo
import pytest

import ownloss_site
from gallery import freshness, insides
from ownloss_site import kinds, site_search, theme

NAMES = {
    name: broken
    for module in (freshness, insides, site_search, theme)
    for name, broken in module.LEANS_ON.items()
}


def found(name):
    """Whether a name can be imported, and takes the parameters that follow it."""
    path, _, parameters = name.partition("(")
    module, attributes = path, []
    while True:
        try:
            thing = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            if not module:
                return False
            attributes.insert(0, last)
    for attribute in attributes:
        declared = attribute in getattr(thing, "__annotations__", ())  # for instances
        if not (declared or hasattr(thing, attribute)):
            return False
        thing = getattr(thing, attribute, None)
    has = list(inspect.signature(thing).parameters) if parameters else []
    wanted = parameters.removesuffix(")").split(", ") if parameters else []
    return [one for one in wanted if one and one not in has] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_not_ours_is_still_there(name):
    assert found(name), f"without {name}: {NAMES[name]}"


# The canary has the caption of a menu, which Sphinx writes.
@pytest.mark.parametrize("written", sorted({*theme.REPLACED} - {theme.CAPTION}))
def test_what_is_replaced_on_a_page_still_stands_in_the_theme(written):
    templates = Path(furo.THEME_PATH).rglob("*.html")
    text = "".join(template.read_text(encoding="utf-8") for template in templates)
    assert written in text, f"no page says {theme.REPLACED[written]}"


def test_one_module_imports_the_theme_and_one_the_insides_of_the_gallery():
    root = Path(__file__).parents[2]
    folders = (root / "docs" / "_extensions", root / "gallery")
    modules = [path for folder in folders for path in folder.rglob("*.py")]
    for library, only in (("furo", "theme.py"), ("sphinx_gallery", "insides.py")):
        importing = re.compile(rf"^\s*(?:from|import) {library}\b", re.MULTILINE)
        found = [path.name for path in modules if importing.search(path.read_text())]
        assert found == [only]


def test_the_map_for_contributors_names_what_is_there():
    root = Path(__file__).parents[2]
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, _, table = text.partition("\n## Where what you see on the site comes from\n")
    table, _, _ = table.partition("\n## ")
    named = re.findall(r"`([\w/]+(?:/|\.py|\.js|\.md|\.css|\.mplstyle))`", table)
    assert len(named) > 15
    folders = ("", "docs/_extensions", "docs/_extensions/ownloss_site", "src/examples")
    for name in named:
        assert any((root / folder / name).exists() for folder in folders), name
    for name in re.findall(r"`{([\w-]+)}`", table):
        assert name in ownloss_site.DIRECTIVES


def test_the_gallery_knows_no_path_of_the_docs():
    for path in (Path(__file__).parents[2] / "gallery").rglob("*.py"):
        named = re.findall(r'"docs\b[^"]*"', path.read_text(encoding="utf-8"))
        assert named == [], path.name


def test_the_stemmers_of_the_search_come_with_sphinx():
    for name in ("base-stemmer.js", "english-stemmer.js"):
        there = (site_search.STEMMERS / name).is_file()
        assert there, f"without {name} the search finds no word in another form"


def test_pages_of_kinds_are_written_again_only_when_something_has_changed(
    tmp_path, monkeypatch
):
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "kinds.md").touch()
    app = SimpleNamespace(srcdir=tmp_path)
    kinds.write_pages(app)
    page = tmp_path / "reference" / "kinds" / "broadcast.md"
    assert "# Accidental broadcast" in page.read_text(encoding="utf-8")
    page.write_text("as it was left")
    kinds.write_pages(app)
    assert page.read_text() == "as it was left"
    monkeypatch.setattr(freshness, "fingerprint", lambda _patterns: "another")
    kinds.write_pages(app)
    assert page.read_text(encoding="utf-8") != "as it was left"


@pytest.mark.parametrize("name", ["furo.nothing", "nowhere.at.all", "json.dumps(objs)"])
def test_a_name_that_is_gone_would_be_seen(name):
    assert not found(name)
