"""``ownloss exercise``: what a terminal shows, and how it ends."""

import json

import pytest
from click.testing import CliRunner

from ownloss.cli import main
from ownloss.exercises import exercises, find


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["exercise", *arguments])


def test_every_exercise_is_listed_and_those_that_lie_here_are_marked(run):
    assert run("start", "vmap-huber").exit_code == 0
    rows = [line.split("\t") for line in run("list").output.splitlines()]
    assert [row[0] for row in rows] == [one.name for one in exercises()]
    assert {row[0]: row[4] for row in rows if row[4]} == {"vmap-huber": "vmap_huber.py"}
    listed = json.loads(run("list", "--json").output)
    assert [one["name"] for one in listed] == [one.name for one in exercises()]


def test_an_exercise_from_its_stub_to_its_answer(run, tmp_path):
    said = run("start", "vmap_huber")
    assert "ownloss exercise check vmap_huber.py" in said.output
    wrong = run("check", "vmap_huber.py")
    assert wrong.exit_code == 1
    assert "vmap-huber: not right yet" in wrong.output
    one = find("vmap-huber")
    assert one.hints[0] in run("hint", "vmap-huber").output
    second = run("hint", "vmap-huber", "--second").output
    assert one.hints[1] in second
    assert "ownloss exercise answer vmap-huber" in second
    (tmp_path / "vmap_huber.py").write_text(run("answer", "vmap-huber").output)
    right = run("check", "vmap_huber.py")
    assert (right.exit_code, right.output.splitlines()[0]) == (0, "vmap-huber: right")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("start", "huber-vmap"), 1, "no exercise is named 'huber-vmap'"),
        (("hint", "nothing"), 1, "all: ownloss exercise list"),
        (("answer", "nothing"), 1, "all: ownloss exercise list"),
        (("check", "nowhere.py"), 2, "nowhere.py cannot be read: No such file"),
        (("check", "mine.py"), 2, "no exercise is named 'mine'"),
        (("check", "mine.py", "--name", "vmap-huber"), 2, "is no Python yet"),
        (("check", "."), 2, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(run, tmp_path, arguments, status, says):
    (tmp_path / "mine.py").write_text("def loss(:\n")
    result = run(*arguments)
    assert result.exit_code == status
    assert says in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_start_never_overwrites(run, tmp_path):
    file = tmp_path / "vmap_huber.py"
    file.write_text("mine")
    result = run("start", "vmap-huber")
    assert result.exit_code == 1
    assert "is there already, and is left as it is" in result.output
    assert file.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_said(run, tmp_path):
    (tmp_path / "taken").write_text("")
    result = run("start", "vmap-huber", "--to", "taken")
    assert result.exit_code == 1
    assert "nothing was written" in result.output
