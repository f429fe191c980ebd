"""Copied files: their state, their differences, and twenty merges."""

import subprocess
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from ownloss import catalogue, copies
from ownloss.cli import main
from ownloss.copies import State

BASE = '''"""
Mine
====

A loss.
"""

import torch


def helper(x):
    return x.abs()


def mine(prediction, target, delta=1.0):
    """The loss.

    >>> mine(torch.ones(1), torch.zeros(1)).item()
    1.0
    """
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    residual = prediction - target
    distance = helper(residual)
    return (delta * distance).mean()


def other(x):
    return x * 2


def last(x):
    return x + 1
'''
BELOW = "\n\n# %%\n# The evidence\n# ------------\nprint(mine)\n"


def swap(old, new):
    """An edit: what it replaces must be there."""

    def edit(text):
        assert old in text, old
        return text.replace(old, new)

    return edit


def both(*edits):
    def edit(text):
        for one in edits:
            text = one(text)
        return text

    return edit


TITLE = swap("A loss.\n", "A loss, told at length.\n")
DELTA = swap("delta=1.0", "delta=2.0")
DELTA_TOO = swap("delta=1.0", "delta=0.5")
MEAN = swap("(delta * distance).mean()", "(delta * distance).sum()")
MEAN_TOO = swap("(delta * distance).mean()", "(distance * delta).mean()")
LAST = swap("x + 1", "x + 2")
OTHER = swap("x * 2", "x * 3")
HELPER = swap("x.abs()", "x.square()")
IMPORT = swap("import torch\n", "import math\n\nimport torch\n")
END = swap("    return x + 1\n", "    return x + 1\n\n\ndef mine_too():\n    pass\n")
END_TOO = swap("    return x + 1\n", "    return x + 1\n\n\ndef yours():\n    pass\n")
GONE = swap("def other(x):\n    return x * 2\n\n\n", "")
MESSAGE = swap('"shapes differ"', '"the shapes differ"')
RENAMED = swap("residual", "difference")
TESTED = swap("    1.0\n", "    1.0\n    >>> helper(torch.ones(1)).item()\n    1.0\n")
FLOAT = swap("helper(residual)", "helper(residual.float())")
UMLAUT = swap("A loss.\n", "A loss, \u201cproven\u201d \u2014 \u03b4.\n")

CLEAN = {
    "only upstream": (lambda text: text, DELTA),
    "only yours": (DELTA, lambda text: text),
    "neither": (lambda text: text, lambda text: text),
    "far apart": (TITLE, LAST),
    "the same edit twice": (DELTA, DELTA),
    "two and two": (both(TITLE, OTHER), both(MEAN, LAST)),
    "an import and an end": (IMPORT, END),
    "yours goes, another function changes": (GONE, HELPER),
    "upstream removes, you change above": (HELPER, GONE),
    "a message and a mean": (MESSAGE, MEAN),
    "a doctest and a value": (TESTED, OTHER),
    "letters beyond ASCII": (UMLAUT, LAST),
}
CONFLICTS = {
    "one value, two ways": (DELTA, DELTA_TOO, 1),
    "one line, two ways": (MEAN, MEAN_TOO, 1),
    "two places": (both(DELTA, MEAN), both(DELTA_TOO, MEAN_TOO), 2),
    "one of two places": (both(DELTA, LAST), both(DELTA_TOO, OTHER), 1),
    "both add an end": (END, END_TOO, 1),
    "you remove what changes": (GONE, OTHER, 1),
    "what you change is removed": (OTHER, GONE, 1),
    "a rename and a change of its line": (RENAMED, FLOAT, 1),
}


@pytest.fixture
def ownloss(tmp_path, monkeypatch):
    """The command in an empty folder, with a checkout of one loss elsewhere."""
    checkout = tmp_path / "checkout" / "src" / "examples"
    (checkout / "topic").mkdir(parents=True)
    monkeypatch.setattr(catalogue, "folder", lambda: checkout)
    catalogue.examples.cache_clear()
    git(checkout, "init", "-q")
    publish(checkout, BASE)
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    yield lambda *arguments: CliRunner().invoke(main, arguments)
    catalogue.examples.cache_clear()


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@site.test"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def publish(folder, loss, commit=True):
    """Write the loss as it is today, and commit it."""
    folder.joinpath("topic", "mine.py").write_text(loss + BELOW, encoding="utf-8")
    catalogue.examples.cache_clear()
    if commit:
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "a version", "--allow-empty")


def copied(ownloss, edit=lambda text: text):
    """Copy the loss and edit it; give its path."""
    assert ownloss("copy", "mine").exit_code == 0
    path = Path("mine.py")
    path.write_text(edit(path.read_text("utf-8")), encoding="utf-8")
    return path


@pytest.mark.parametrize(("yours", "upstream"), CLEAN.values(), ids=CLEAN)
def test_a_clean_merge_has_both_edits(ownloss, yours, upstream):
    path = copied(ownloss, yours)
    publish(catalogue.folder(), upstream(BASE))
    result = ownloss("update", "mine.py")
    assert result.exit_code == 0, result.output
    if yours is upstream:
        expected = yours(BASE)
    else:
        expected = yours(upstream(BASE))
        assert expected == upstream(yours(BASE))
    assert copies.read(path).loss == expected
    assert copies.read(path).digest == catalogue.digest(upstream(BASE))
    assert path.read_text("utf-8").count("As published") == 1
    # Once more, and nothing is left to do.
    again = path.read_bytes()
    assert "nothing has changed upstream" in ownloss("update", "mine.py").output
    assert path.read_bytes() == again


@pytest.mark.parametrize(
    ("yours", "upstream", "count"), CONFLICTS.values(), ids=CONFLICTS
)
def test_a_conflict_is_marked_and_nothing_is_lost(ownloss, yours, upstream, count):
    path = copied(ownloss, yours)
    publish(catalogue.folder(), upstream(BASE))
    before = path.read_bytes()
    result = ownloss("update", "mine.py")
    assert result.exit_code == 1
    assert f"{count} conflict" in result.stderr
    assert "left as it is" in result.stderr
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.resolve().iterdir()] == ["mine.py"]

    result = ownloss("update", "mine.py", "--conflicts")
    assert result.exit_code == 1
    text = path.read_text("utf-8")
    assert text.count("<<<<<<< yours") == text.count(">>>>>>> upstream") == count
    sides = {"yours": [], "upstream": []}
    side = None
    for line in copies.read(path).loss.splitlines(keepends=True):
        if line.startswith("<<<<<<<"):
            side = "yours"
        elif line.startswith("|||||||"):
            side = "published"
        elif line.startswith("=======\n") and side:
            side = "upstream"
        elif line.startswith(">>>>>>>"):
            side = None
        else:
            for name in sides:
                if side in (None, name):
                    sides[name].append(line)
    # Whoever takes one side of each conflict has lost nothing of that side.
    for name, edit, other in (
        ("yours", yours, upstream),
        ("upstream", upstream, yours),
    ):
        taken = set(sides[name])
        changed = set(edit(BASE).splitlines(keepends=True)) - set(
            BASE.splitlines(keepends=True)
        )
        assert changed <= taken, (name, other)


def test_there_are_twenty_pairs():
    assert len(CLEAN) + len(CONFLICTS) >= 20


def test_every_state_has_its_name(ownloss):
    folder = catalogue.folder()
    path = copied(ownloss)
    assert copies.read(path).state is State.SAME
    path.write_text(DELTA(path.read_text()))
    assert copies.read(path).state is State.YOURS
    publish(folder, MEAN(BASE))
    assert copies.read(path).state is State.BOTH
    path.write_text(path.read_text().replace("delta=2.0", "delta=1.0"))
    assert copies.read(path).state is State.BEHIND
    path.write_text(path.read_text().replace("ownloss 0.", "ownloss 99."))
    assert copies.read(path).state is State.AHEAD
    (folder / "topic" / "mine.py").unlink()
    catalogue.examples.cache_clear()
    assert copies.read(path).state is State.GONE


def test_status_lists_the_copied_files_of_a_folder(ownloss):
    copied(ownloss, DELTA)
    Path("losses", ".hidden").mkdir(parents=True)
    Path("mine.py").rename("losses/mine.py")
    Path("losses/.hidden/mine.py").write_text(Path("losses/mine.py").read_text())
    Path("losses/own.py").write_text("x = 1\n")
    version = catalogue.version()
    result = ownloss("status")
    assert result.exit_code == 0
    assert result.output == f"losses/mine.py  {version}  changed by you\n"
    publish(catalogue.folder(), MEAN(BASE))
    result = ownloss("status", "losses")
    assert result.exit_code == 1
    assert "changed by you and upstream" in result.output
    Path("empty").mkdir()
    assert ownloss("status", "empty").output.startswith("no loss in empty was copied")
    result = ownloss("status", "gone")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: there is no folder 'gone'\n",
    )


def test_diff_shows_both_changes_apart(ownloss):
    copied(ownloss, DELTA)
    publish(catalogue.folder(), MEAN(BASE))
    result = ownloss("diff")
    assert result.exit_code == 1
    yours, _, upstream = result.output.partition("+++ upstream")
    assert "+++ by you" in yours
    assert "+def mine(prediction, target, delta=2.0):" in yours
    assert "+    return (delta * distance).sum()" in upstream
    assert "sum()" not in yours


def test_an_edited_file_of_an_earlier_release_is_merged_from_the_wheel(
    ownloss, tmp_path, monkeypatch
):
    path = copied(ownloss, DELTA)
    publish(catalogue.folder(), MEAN(BASE))
    wheel = tmp_path / "wheel"
    wheel.mkdir()
    monkeypatch.setattr(copies, "__file__", str(wheel / "copies.py"))
    copies.write_earlier(wheel / copies.EARLIER, catalogue.folder())
    with zipfile.ZipFile(wheel / copies.EARLIER) as archive:
        assert len(archive.namelist()) == 2
    (tmp_path / "checkout" / "src" / "examples" / ".git").rename(tmp_path / "away")
    result = ownloss("update", "mine.py")
    assert result.exit_code == 0, result.output
    assert copies.read(path).loss == DELTA(MEAN(BASE))


@pytest.mark.parametrize("command", ["update", "diff"])
@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (swap("ownloss 0.1.0", "ownloss 99.0"), "99.0, and this is 0.1.0: upgrade"),
        (swap("ownloss 0.1.0", "ownloss banana"), "does not know mine as it was"),
        (lambda text: text.split("\n", 3)[3], "its first lines were removed"),
        (lambda text: "x = 1\n", "was not copied from ownloss"),
    ],
)
def test_a_file_that_cannot_be_updated_is_said_in_a_sentence(
    ownloss, command, edit, said
):
    path = copied(ownloss, both(DELTA, edit))
    text = path.read_text()
    if "As published: " in text:  # what was published then is not known here
        digest = copies.read(path).digest
        path.write_text(text.replace(digest, "0" * 64))
    before = path.read_bytes()
    result = ownloss(command, "mine.py")
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert path.read_bytes() == before


def test_a_file_that_is_not_there_is_said_in_a_sentence(ownloss):
    result = ownloss("update", "gone.py")
    assert result.exit_code == 2
    assert result.stderr == "Error: gone.py cannot be read: No such file or directory\n"


def test_a_folder_that_cannot_be_written_keeps_the_file(ownloss, monkeypatch):
    path = copied(ownloss, DELTA)
    publish(catalogue.folder(), MEAN(BASE))
    before = path.read_bytes()

    def refuse(*, dir, prefix):
        raise PermissionError(13, "Permission denied", f"{dir}/{prefix}draft")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    result = ownloss("update", "mine.py")
    assert result.exit_code == 2
    assert result.stderr == "Error: mine.py was not written: Permission denied\n"
    assert path.read_bytes() == before


def test_a_full_disk_keeps_the_file(ownloss, monkeypatch):
    path = copied(ownloss, DELTA)
    publish(catalogue.folder(), MEAN(BASE))
    before = path.read_bytes()

    def refuse(source, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr("shutil.copymode", refuse)
    result = ownloss("update", "mine.py")
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    assert path.read_bytes() == before
    assert [p.name for p in Path().iterdir()] == ["mine.py"]


def test_without_git_a_merge_says_so_and_the_rest_works(ownloss, monkeypatch):
    path = copied(ownloss, DELTA)
    folder = catalogue.folder()
    publish(folder, MEAN(BASE))
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(copies, "earlier_losses", lambda name, wanted: iter([BASE]))
    result = ownloss("update", "mine.py")
    assert result.exit_code == 2
    assert "mine.py was not written: git is not installed" in result.stderr
    # What its owner has not changed needs no merge.
    assert ownloss("copy", "mine", "--force").exit_code == 0
    publish(folder, LAST(BASE), commit=False)
    assert ownloss("update", "mine.py").exit_code == 0
    assert copies.read(path).loss == LAST(BASE)


def test_lines_of_windows_and_a_licence_above_are_kept(ownloss):
    path = copied(ownloss, DELTA)
    text = "# Ours since 2026\n\n" + path.read_text()
    path.write_bytes(text.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    publish(catalogue.folder(), MEAN(BASE))
    assert ownloss("update", "mine.py").exit_code == 0
    written = path.read_bytes().decode()
    assert written.startswith("# Ours since 2026\r\n\r\n# mine, copied from ownloss ")
    assert written.count("\n") == written.count("\r\n")
    assert "delta=2.0" in written
    assert ".sum()" in written
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_is_copied_is_read_back():
    for example in catalogue.examples():
        header = copies.HEADER.match(catalogue.published(example))
        assert header["name"] == example.name
        assert header["digest"] == catalogue.digest(example.loss)
