"""A new example passes before its first change, and nothing is overwritten."""

import doctest
import re
import runpy
import shutil
import subprocess
import sys

import matplotlib.pyplot as plt
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


def test_the_blank_runs_and_its_proof_passes(house):
    script, _ = new_example.write_blank("robust/cauchy", house)
    runpy.run_path(str(script), run_name="__main__")
    assert plt.get_fignums(), "a figure"
    plt.close("all")
    result = doctest.testmod(catalogue.load(catalogue.Example(script)))
    assert result.attempted >= 3
    assert result.failed == 0


def test_the_blank_test_passes_and_fails_where_the_loss_is_wrong(house):
    new_example.write_blank("robust/cauchy", house)
    script, _ = new_example.write_blank("robust/mistaken", house)
    script.write_text(script.read_text().replace("** 2 / 2", "** 2"))
    shutil.copy(new_example.ROOT / "tests" / "conftest.py", house / "tests")
    shutil.copytree(new_example.ROOT / "src" / "ownloss", house / "src" / "ownloss")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "tests"],
        capture_output=True,
        text=True,
        cwd=house,
        check=False,
        env={"PYTHONPATH": str(house / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    said = {"cauchy": set(), "mistaken": set()}
    for outcome, name in re.findall(r"^([A-Z]+) \S+/test_(\w+)\.py", ran.stdout, re.M):
        said[name].add(outcome)
    assert said["cauchy"] == {"PASSED"}, ran.stdout + ran.stderr
    assert "FAILED" in said["mistaken"], ran.stdout + ran.stderr


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
