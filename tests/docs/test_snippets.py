"""No Python block of a page escapes the tests.

An independent parser finds the fences; pytest says what it collected. A session with
``>>>`` counts a test a statement, code counts one.
"""

import doctest
import itertools
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import torch
from markdown_it import MarkdownIt
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[2]
# The pages of kinds are made from the notes of the rules.
MADE = (ROOT / "docs" / "examples", ROOT / "docs" / "reference" / "kinds")
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "src/ownloss/**/*.md")
    for path in ROOT.glob(pattern)
    if not any(path.is_relative_to(folder) for folder in MADE)
)
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
INSTALLED = Version(torch.__version__).base_version
RELEASES = [f"2.{minor}" for minor in range(5, 30)]
NOT_PYTHON = {"bibtex", "console", "text", "toml", "yaml"}
DIRECTIVES = {
    "admonition",
    "autoclass",
    "benchmarks",
    "bibtex",
    "built-with",
    "autofunction",
    "draggable-figure",
    "drawn-figure",
    "draggable-matrix",
    "automodule",
    "example-figure",
    "exercise",
    "exercises",
    "eval-rst",
    "figure",
    "gradient-flow",
    "kinds-table",
    "loss-of-kind",
    "glossary",
    "image",
    "include",
    "install",
    "list-table",
    "literalinclude",
    "museum-table",
    "note",
    "raw",
    "report",
    "seealso",
    "support-matrix",
    "tip",
    "toctree",
    "torch-version",
    "warning",
}


def fences(text):
    """Info string and content of every code block of a page, nested ones included."""
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence":
            yield token.info.strip(), token.content
            if token.info.startswith("{"):
                yield from fences(token.content)
        elif token.type == "code_block":
            yield "indented block", token.content


def condition_of(info):
    """The condition of a block that holds on some releases of torch only."""
    match = re.fullmatch(r"\{torch-version\} (\S+)", info)
    return match and SpecifierSet(match[1])


def without_other_releases(text):
    """What a page says on the installed release of torch."""
    lines = text.splitlines(keepends=True)
    for token in reversed(MarkdownIt("commonmark").parse(text)):
        condition = token.type == "fence" and condition_of(token.info)
        if condition and not condition.contains(INSTALLED):
            del lines[slice(*token.map)]
    return "".join(lines)


def said_of_releases(text):
    """Conditions of the blocks that follow each other, as lists."""
    followed = []
    for token in MarkdownIt("commonmark").parse(text):
        condition = token.type == "fence" and condition_of(token.info)
        if condition:
            followed.append(condition)
        elif followed:
            yield followed
            followed = []
    if followed:
        yield followed


def number_of_tests(info, content):
    """How many tests a fence makes."""
    if info == "python" and content.startswith(">>>"):
        return len(doctest.DocTestParser().get_examples(content))
    figure = r"\{gradient-flow\}|\{drawn-figure\} \S+"
    code = rf"python|{figure}|\{{literalinclude\}} \S+\.py"
    return int(bool(re.fullmatch(code, info)))


def refused(info, content):
    """Whether no page may hold this fence."""
    directive = re.match(r"\{([\w-]+)\}", info)
    if directive:
        return directive[1] not in DIRECTIVES
    if info == "python":  # a session, or code: both in one fence would run as one
        return not content.startswith(">>>") and ">>>" in content
    return info not in NOT_PYTHON


@pytest.fixture(scope="module")
def collected(request):
    """How many snippets pytest collects from each page."""
    here = Counter(i.path.relative_to(ROOT).as_posix() for i in request.session.items)
    # Where this very run was asked for all pages, pytest has collected them already.
    if {*NAMES} <= {*here} and not request.config.option.keyword:
        return here
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist"]
    listing = subprocess.run(
        [*command, *NAMES], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    return Counter(re.findall(r"^(\S+\.md)::", listing, re.MULTILINE))


@pytest.fixture(scope="module")
def texts():
    """From the name of each page to its text."""
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in NAMES}


def test_every_python_block_of_a_page_is_run(texts, collected):
    wrong = []
    for name, text in texts.items():
        blocks = fences(without_other_releases(text))
        wanted = sum(itertools.starmap(number_of_tests, blocks))
        if collected[name] != wanted:
            wrong.append(f"{name}: {collected[name]} of {wanted} snippets are run")
    assert wrong == []


def test_blocks_for_releases_of_torch_leave_none_out_and_name_none_twice(texts):
    wrong = []
    for name, text in texts.items():
        for conditions in said_of_releases(text):
            said = " ".join(map(str, conditions))
            for release in RELEASES:
                named = sum(one.contains(release) for one in conditions)
                if named != 1:
                    wrong.append(f"{name}: {said} name {release} {named} times")
    assert wrong == []


def test_a_page_holds_only_forms_that_are_run_or_are_no_python(texts):
    assert [
        f"{name}: {info} {content}"
        for name, text in texts.items()
        for info, content in fences(text)
        if refused(info, content)
    ] == []


def test_no_snippet_is_skipped_or_compared_loosely(texts):
    loose = re.compile(r"doctest: *\+|<!--- *skip|% *skip")
    assert [name for name, text in texts.items() if loose.search(text)] == []


@pytest.mark.parametrize(
    "block",
    [
        "```pycon\n>>> 1\n2\n```",
        "```py\n1 / 0\n```",
        "```python\nx = 1\n>>> x\n2\n```",
        "```python3\n1 / 0\n```",
        "```\n>>> 1\n2\n```",
        "    >>> 1\n    2",
        "```{code-block} python\n1 / 0\n```",
        "```{doctest}\n>>> 1\n2\n```",
        "```{testcode}\n1 / 0\n```",
        "````{note}\n```pycon\n>>> 1\n2\n```\n````",
    ],
)
def test_a_form_that_nothing_runs_is_refused(block):
    assert any(itertools.starmap(refused, fences(f"Words.\n\n{block}\n")))


def test_a_snippet_that_is_nested_is_counted():
    nested = list(fences("````{note}\n```python\n1 / 0\n```\n````"))
    assert [info for info, _ in nested] == ["{note}", "python"]


def block(condition, code):
    return (
        f"````{{torch-version}} {condition}\nWords.\n\n```python\n{code}\n```\n````\n"
    )


def test_blocks_that_follow_each_other_are_taken_together():
    two = block(">=2.14", "1") + "\n" + block("<2.14", "2")
    apart = two + "\nMore words.\n\n" + block(">=2.8", "3")
    said = [list(map(str, conditions)) for conditions in said_of_releases(apart)]
    assert said == [[">=2.14", "<2.14"], [">=2.8"]]


HERE, ELSEWHERE = f">={INSTALLED}", f"<{INSTALLED}"
WRONG = {
    "code": "```python\n1 / 0\n```",
    "release": block(ELSEWHERE, "1") + "\n" + block(HERE, "1 / 0"),
    "session": "```python\n>>> 1 + 1\n3\n```",
    "included": "```{literalinclude} ../../src/examples/robust/nosuch.py\n```",
    "flow": "```{gradient-flow}\n:caption: Words.\n\nloss = 1 / 0\n```",
    "drawn": "```{drawn-figure} loss\n:caption: Words.\n\nloss = 1 / 0\n```",
}
RIGHT = {"both": block(ELSEWHERE, "1 / 0") + "\n" + block(HERE, ">>> 1 + 1\n2")}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What pytest says of the snippets of each of these pages."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("conftest.py", "pyproject.toml"):
        (folder / name).write_text((ROOT / name).read_text())
    for name, text in {**WRONG, **RIGHT}.items():
        (folder / f"{name}.md").write_text(f"# A page\n\n{text}\n")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = defaultdict(list)
    for name, said in re.findall(r"^(\w+)\.md::\S+ ([A-Z]+)", ran.stdout, re.MULTILINE):
        found[name].append(said)
    return found


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_snippet_fails(name, outcomes):
    assert outcomes[name].count("FAILED") == 1


def test_a_block_for_another_release_of_torch_is_not_run(outcomes):
    assert outcomes["both"] == ["PASSED"]
