"""Every stub fails, every answer passes, and every wrong answer is told why.

The exercises and their wrong answers are found by folder. The docstring of a wrong
answer is the sentence, or its telling part, that the judge must say.
"""

import ast
from pathlib import Path

import pytest

from ownloss.exercises import DIFFICULTIES, KINDS, exercises, find, judge, start

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCS = ROOT / "docs"
EXERCISES = {one.folder.name: one for one in exercises()}
WRONG = sorted(HERE.glob("*/*.py"))


def words(text):
    return " ".join(text.split())


@pytest.fixture(params=EXERCISES.values(), ids=EXERCISES)
def exercise(request):
    return request.param


def test_every_stub_fails_with_a_sentence(exercise, tmp_path):
    verdict = judge(exercise.name, start(exercise.name, tmp_path))
    assert verdict.outcome == "wrong", verdict
    assert verdict.sentences[0].endswith((".", "?")), verdict
    assert "Traceback" not in str(verdict)


def test_every_answer_is_right_and_has_nothing_worth_knowing(exercise):
    verdict = judge(exercise.name, exercise.folder / "answer.py")
    assert verdict.right, verdict
    assert not verdict.remarks, verdict
    assert not verdict.printed


@pytest.mark.parametrize("path", WRONG, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_wrong_answer_is_told_what_is_wrong(path):
    expected = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    verdict = judge(path.parent.name, path)
    assert verdict.outcome == "wrong", verdict
    assert expected, f"the docstring of {path} is what the judge must say"
    assert words(expected) in words(verdict.sentences[0]), verdict


def test_every_exercise_has_three_wrong_answers(exercise):
    assert len([p for p in WRONG if p.parent.name == exercise.folder.name]) >= 3


def test_every_wrong_answer_belongs_to_an_exercise():
    assert {path.parent.name for path in WRONG} <= set(EXERCISES)


def test_every_exercise_says_what_it_is(exercise):
    assert exercise.kind in KINDS
    assert exercise.difficulty in DIFFICULTIES
    assert exercise.title
    assert exercise.text.endswith((".", "?", "`")), "the task ends with a sentence"
    assert exercise.hints[0] != exercise.hints[1]
    assert all(hint.endswith((".", "?")) for hint in exercise.hints)
    assert sum(other.title == exercise.title for other in EXERCISES.values()) == 1


def test_every_exercise_stands_on_its_page(exercise):
    page = (DOCS / f"{exercise.page}.md").read_text(encoding="utf-8")
    directive = f"```{{exercise}} {exercise.name}\n```"
    assert page.count(directive) == 1
    above = page.partition(directive)[0].rstrip().splitlines()
    headings = [line for line in above if line.startswith("#")]
    level = "###" if exercise.page == "practice/exercises" else "##"
    assert headings[-1].startswith(f"{level} Exercise: ")


def test_no_page_shows_an_exercise_that_is_not_there():
    for page in DOCS.rglob("*.md"):
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("```{exercise} "):
                name = line.split()[1]
                assert DOCS / f"{find(name).page}.md" == page
