"""What every example promises, tested over all of them without registration."""

import ast
import doctest
import itertools
import re
import sys
import warnings
from pathlib import Path

import pytest
import torch

from ownloss import catalogue
from ownloss.catalogue import Example

HERE = Path(__file__).parent
EXAMPLES = catalogue.examples()
EMPTY_HEADINGS = {"plot", "plotting", "example", "usage", "conclusion", "summary"}

every_example = pytest.mark.parametrize(
    "example", EXAMPLES, ids=[example.name for example in EXAMPLES]
)


def imported(source: str) -> set[str]:
    """The top-level packages that a source imports, at any depth."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return {name.partition(".")[0] for name in names}


def cells(example: Example) -> list[str]:
    """What follows each ``# %%``."""
    return re.split(r"^# %%.*\n", example.script, flags=re.MULTILINE)[1:]


def prose(cell: str) -> str:
    """The comment that opens a cell: its text on the page."""
    lines = []
    for line in cell.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    return "\n".join(lines)


def test_there_are_examples_and_their_names_are_unique():
    names = [example.name for example in EXAMPLES]
    assert names
    assert sorted(names) == sorted(set(names))


def test_every_topic_says_what_it_is_and_where_it_stands():
    for topic in {example.path.parent for example in EXAMPLES}:
        header = (topic / "GALLERY_HEADER.rst").read_text()
        assert re.match(r"\.\. place: \d+\n\n(.+)\n-+\n\n\S", header), topic


@every_example
def test_above_the_line_stands_torch_alone(example):
    extra = imported(example.loss) - sys.stdlib_module_names - {"torch"}
    point = example.docstring.lower()
    unexplained = {name for name in extra if name not in point}
    assert not unexplained, "only a library that is the example's very point"
    assert extra <= {"numpy", "scipy"}


@every_example
def test_the_loss_is_typed(example):
    functions = [
        node
        for node in ast.parse(example.loss).body
        if isinstance(node, ast.FunctionDef)
    ]
    for function in functions:
        named = function.args
        for argument in named.posonlyargs + named.args + named.kwonlyargs:
            assert argument.annotation, f"{function.name}: {argument.arg}"
        assert function.returns, function.name
    assert "must have one" not in example.loss, "say 'must have the same shape'"


@every_example
def test_below_the_line_stand_torch_and_matplotlib(example):
    above = imported(example.loss)
    extra = imported(example.script) - sys.stdlib_module_names
    assert extra - above <= {"torch", "matplotlib"}


@every_example
def test_the_loss_carries_its_own_proof(example):
    module = catalogue.load(example)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = doctest.testmod(module)
    assert result.attempted >= 3, "values worked by hand, and a gradient"
    assert result.failed == 0, "python -m doctest says where"


@every_example
def test_doctests_are_numbers_and_exact(example):
    parsed = doctest.DocTestParser().get_examples(example.loss)
    source = "".join(statement.source for statement in parsed)
    want = "".join(statement.want for statement in parsed)
    assert not re.search(r"doctest: *\+|\brandn?\(", source)
    assert re.search(r"\d|True", want)
    assert re.search(r"gradcheck|\.grad\b|grad\(", source), "the gradient, too"


def test_no_example_has_left_a_file_behind():
    # The build of the site runs each in its own folder.
    kept = [path for path in catalogue.folder().glob("*/*") if path.is_file()]
    assert {path.suffix for path in kept} == {".py", ".rst"}


@every_example
def test_title_and_first_sentence(example):
    title, underline, *rest = example.docstring.splitlines()
    assert set(underline) == {"="}
    assert len(underline) >= len(title)
    assert rest[0] == ""
    assert re.fullmatch(r"[^.!?]+(\.\d[^.!?]*)*[.!?]", example.summary), "one sentence"
    assert len(example.summary) <= 120, "it stands on a card"
    assert "Source:" in example.docstring
    assert not example.name.startswith(("plot_", "test_"))
    assert len(cells(example)) >= 2


@every_example
def test_headings_are_findings(example):
    for cell in cells(example):
        lines = prose(cell).splitlines()
        for heading, underline in itertools.pairwise(lines):
            if re.fullmatch(r"-{3,}|={3,}|~{3,}", underline):
                assert set(underline) == {"-"}, "one level of headings"
                assert len(underline) >= len(heading)
                assert heading.lower() not in EMPTY_HEADINGS
                assert not re.match(r"(step|part) \d", heading.lower())


@every_example
def test_no_code_hides_in_prose_where_nothing_runs_it(example):
    text = example.docstring + "\n" + "\n".join(map(prose, cells(example)))
    assert not re.search(r"(?<!math)::[ \t]*$", text, re.MULTILINE)
    assert ">>>" not in text


@every_example
def test_the_look_comes_from_the_gallery(example):
    below = example.script.removeprefix(example.loss)
    assert not re.search(r"rcParams|plt\.style|plt\.show|savefig|\bcolor=", below)


@every_example
def test_the_example_has_its_mirrored_test(example):
    mirror = HERE / example.topic / f"test_{example.name}.py"
    assert mirror.is_file(), f"write {mirror.relative_to(HERE.parent)}"


def test_every_mirrored_test_has_its_example():
    named = {(example.topic, f"test_{example.name}.py") for example in EXAMPLES}
    tested = {(path.parent.name, path.name) for path in HERE.glob("*/test_*.py")}
    assert tested == named
