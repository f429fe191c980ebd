"""What the engine leans on is there: each name, and what breaks when it goes."""

import importlib
import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import furo
import pytest
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document
from docutils.writers.html5_polyglot import HTMLTranslator
from docutils.writers.html5_polyglot import Writer as HTMLWriter
from sphinx import addnodes

import ownloss_site
from gallery import freshness, insides
from ownloss_site import kinds, museum, site_search, theme

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


def test_the_benchmark_of_the_libraries_alone_knows_every_directive():
    settings = Path(__file__).parents[2] / "benchmarks" / "plain" / "conf.py"
    quoted = re.findall(r'"([\w-]+)"', settings.read_text(encoding="utf-8"))
    assert {*ownloss_site.DIRECTIVES} <= {*quoted}


class Writer(HTMLTranslator):
    """Docutils' own, which knows of one more node."""

    visit_tokens = insides.write_tokens

    def depart_tokens(self, node):
        pass


def test_a_cell_is_written_alike_in_a_few_nodes_and_in_one_for_each_token():
    def cell():
        return [
            nodes.inline("", "def", classes=["k"]),
            nodes.Text(" "),
            nodes.inline("", "<&@", classes=["s2"]),
            nodes.reference("", "", nodes.inline("", "f", classes=["n"]), refuri="x"),
            nodes.Text("\n"),
        ]

    def written(children):
        document = new_document("", get_default_settings(HTMLWriter))
        document += nodes.paragraph("", "", *children)
        writer = Writer(document)
        document.walkabout(writer)
        return document.astext(), "".join(writer.fragment)

    few = [*insides.folded(cell())]
    assert [type(node) for node in few] == [
        insides.tokens,
        nodes.reference,
        insides.tokens,
    ]
    assert written(few) == written(cell())


def test_a_list_that_is_described_says_of_each_page_what_the_page_says():
    env = SimpleNamespace(
        titles={"a/b": nodes.title("", "", nodes.literal("", "B"))},
        metadata={"a/b": {"summary": "It says."}},
    )
    builder = SimpleNamespace(get_relative_uri=lambda page, other: f"{other}.html")
    app = SimpleNamespace(env=env, builder=builder)
    document = new_document("")
    for classes in (["described"], []):
        listed = addnodes.toctree(includefiles=["a/b"])
        document += nodes.compound("", listed, classes=classes)
    museum.describe(app, document, "a/index")
    described, plain = document
    assert described.astext() == "B: It says."
    assert next(described.findall(nodes.reference))["refuri"] == "a/b.html"
    assert isinstance(plain[0], addnodes.toctree)


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
