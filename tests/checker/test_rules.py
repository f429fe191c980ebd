"""A kind of mistake is a folder: its rule, a loss with it, and the same loss cured."""

import ast
import re
from pathlib import Path

import pytest

from ownloss.checker import check, kinds, rules
from ownloss.checker.precedence import ORDER

FOLDERS = sorted(p for p in Path(rules.__file__).parent.iterdir() if p.is_dir())
FOLDERS = [folder for folder in FOLDERS if folder.name != "__pycache__"]


def source(folder: Path) -> str:
    """All that a rule is made of."""
    examples = ("wrong.py", "right.py")
    files = [p for p in sorted(folder.glob("*.py")) if p.name not in examples]
    return "".join(path.read_text(encoding="utf-8") for path in files)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_folder_holds_a_rule_of_its_name(folder: Path):
    kind = kinds()[folder.name.replace("_", "-")]
    assert kind.folder == folder
    names = {path.name for path in folder.iterdir() if path.suffix == ".py"}
    assert names >= {"rule.py", "wrong.py", "right.py"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_rule_knows_another(folder: Path):
    rules = re.findall(r"ownloss\.checker\.rules\.?(\w*)", source(folder))
    assert set(rules) <= {folder.name}


def test_every_kind_is_described():
    for slug, kind in kinds().items():
        assert kind.slug == slug
        assert kind.title and kind.meaning.endswith(".") and kind.shows.endswith(".")
        assert (kind.folder / "notes.md").read_text(encoding="utf-8").startswith("## ")


def test_the_order_has_a_place_for_every_finding_and_no_other():
    named = set()
    for folder in FOLDERS:
        slug = folder.name.replace("_", "-")
        tree = ast.parse(source(folder))
        given = [
            keyword.value
            for call in ast.walk(tree)
            if isinstance(call, ast.Call)
            for keyword in call.keywords
            if keyword.arg == "aspect"
        ]
        aspects = {
            text.value
            for value in given
            for text in ast.walk(value)
            if isinstance(text, ast.Constant) and isinstance(text.value, str)
        }
        named |= {f"{slug}: {aspect}" if aspect else slug for aspect in aspects}
        named.add(slug)
    assert named == set(ORDER)


@pytest.mark.parametrize("slug", kinds())
def test_the_example_of_a_kind_is_named_and_its_cure_is_silent(slug: str):
    wrong, right = {}, {}
    exec(kinds()[slug].wrong, wrong)
    exec(kinds()[slug].right, right)
    told = check(wrong["loss"], *wrong["inputs"])
    silent = check(right["loss"], *right["inputs"])
    assert next(f.kind for f in told.findings if f.severity != "note") == slug
    assert [f for f in silent.findings if f.severity != "note"] == []
    assert not told.crashes and not silent.crashes
