"""A new example passes before its first change, and nothing is overwritten."""

import shutil
import subprocess
import sys

import pytest

from gallery import new_example
from ownloss import catalogue, tags


@pytest.fixture
def house(tmp_path):
    """A repository with one topic, and the tests' own conftest."""
    topic = tmp_path / "src" / "examples" / "robust"
    topic.mkdir(parents=True)
    shutil.copy(new_example.ROOT / "src/examples/robust/GALLERY_HEADER.rst", topic)
    return tmp_path


def test_the_blank_runs_and_its_proof_passes(house, monkeypatch):
    script, _ = new_example.write_blank("robust/cauchy", house)
    for command in (["-W", "error", script], ["-W", "error", "-m", "doctest", script]):
        ran = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_blank_test_passes_and_fails_where_the_loss_is_wrong(house):
    script, test = new_example.write_blank("robust/cauchy", house)
    shutil.copy(new_example.ROOT / "tests" / "conftest.py", house / "tests")
    shutil.copytree(new_example.ROOT / "src" / "ownloss", house / "src" / "ownloss")

    def passes():
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
            capture_output=True,
            text=True,
            cwd=house,
            check=False,
            env={"PYTHONPATH": str(house / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert ran.returncode in (0, 1), ran.stdout + ran.stderr
        return ran.returncode == 0

    assert passes()
    script.write_text(script.read_text().replace("** 2 / 2", "** 2"))
    assert not passes()


def test_the_blank_has_tags_for_the_filters_of_the_gallery(house):
    script, _ = new_example.write_blank("robust/cauchy", house)
    assert catalogue.Example(script).tags == ("regression", "numbers")
    assert set(catalogue.Example(script).tags) <= set(tags.WORDS)


@pytest.mark.parametrize("where", ["cauchy", "robust/Cauchy", "robust/a/b", "robust/"])
def test_what_is_not_topic_and_name_is_refused(house, where):
    with pytest.raises(ValueError, match="expected topic/name"):
        new_example.write_blank(where, house)


def test_an_unknown_topic_names_the_known_ones(house):
    with pytest.raises(ValueError, match="no topic 'robst'; there are robust"):
        new_example.write_blank("robst/cauchy", house)


def test_nothing_is_overwritten(house):
    script, test = new_example.write_blank("robust/cauchy", house)
    script.write_text("mine")
    with pytest.raises(FileExistsError, match="cauchy"):
        new_example.write_blank("robust/cauchy", house)
    assert script.read_text() == "mine"
    assert test.exists()


@pytest.mark.parametrize("arguments", [[], ["robust/huber", "more"], ["nothing/here"]])
def test_the_command_says_what_is_wrong_in_one_line(arguments, capsys):
    assert new_example.main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
