"""The command line as a shell sees it: one sentence, the right status, no traceback."""

import json
import signal
import subprocess
import sys
import time

import pytest

LOSSES = """
from __future__ import annotations

import dataclasses
import sys
import time


@dataclasses.dataclass
class Options:
    power: int = 2


def fine(prediction, target):
    print("noise")
    return ((prediction - target) ** Options().power).mean()


def exits(prediction, target):
    sys.exit(0)


def red(prediction, target):
    raise ValueError("\\x1b[31mréd")


def slow(prediction, target):
    open("begun", "w").close()
    time.sleep(60)
"""


@pytest.fixture
def shell(tmp_path):
    (tmp_path / "my.py").write_text(LOSSES, encoding="utf-8")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "broken.py").write_text("def loss(:\n")

    def run(*arguments, **options):
        command = [sys.executable, "-m", "ownloss", *arguments]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen(command, cwd=tmp_path, **options)

    return run


SHAPES = ("--input", "4,3", "--target", "4,3")


def ended(process):
    out, err = (part.decode() if part else "" for part in process.communicate())
    assert "Traceback" not in out + err, err
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("leaves.py:loss", *SHAPES), "leaves.py"),
        (("broken.py:loss", *SHAPES), "broken.py"),
        (("my.py:exits", *SHAPES), "SystemExit"),
        (("my.py:fine", "--input", "9999999999,9999"), ""),
    ],
)
def test_what_cannot_be_decided_exits_2(shell, arguments, says):
    status, out, err = ended(shell("check", *arguments))
    assert status == 2
    assert says in out + err


def test_json_is_json_whatever_the_loss_prints(shell):
    status, out, _ = ended(shell("check", "my.py:fine", *SHAPES, "--format", "json"))
    assert status == 0
    assert json.loads(out)["checked"][0]["outcome"] == "right"


def test_escapes_are_shown_and_not_sent_also_to_a_narrow_terminal(shell, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    status, out, _ = ended(shell("check", "my.py:red", *SHAPES))
    assert status == 2
    assert "\x1b" not in out and r"\x1b[31mr\xe9d" in out


def test_a_full_disk_is_one_sentence(shell):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        _, _, err = ended(shell("check", "my.py:fine", *SHAPES, stdout=full))
    assert "No space left" in err


@pytest.fixture
def listens_to_ctrl_c():
    """A shell without a terminal starts what runs in its background deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listens_to_ctrl_c")
def test_ctrl_c_exits_130(shell, tmp_path):
    process = shell("check", "my.py:slow", *SHAPES)
    while process.poll() is None and not (tmp_path / "begun").exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    assert status == 130 and "Interrupted" in err
