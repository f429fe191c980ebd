"""Losses are found without help, and called with what they are meant for."""

import inspect
import re
import socket
from pathlib import Path

import pytest
import torch

from ownloss.discovery import sandbox
from ownloss.discovery.checking import Checked, check_all, split
from ownloss.discovery.docstrings import calls_in_examples, shape_in
from ownloss.discovery.finding import Left, import_file, losses_in, modules_of
from ownloss.discovery.guessing import guesses
from ownloss.discovery.specs import FORMS, make_all

HERE = Path(__file__).parent / "found"
USUAL = import_file(HERE / "usual.py")
FOUND = list(losses_in(USUAL, everything=True))


@pytest.mark.parametrize("found", FOUND, ids=[found.name for found in FOUND])
def test_a_usual_loss_is_called_with_what_it_is_meant_for(found):
    source = inspect.getsource(found.loss)
    meant = re.search(r":\s+# (.*)", source)[1]
    specs = [re.sub(":float32(?=:grad)", "", s) for s in guesses(found)[0].specs]
    assert " | ".join(specs) == meant


def test_every_usual_loss_is_found():
    defined = re.findall(r"^(?:class|def) (\w+)", (HERE / "usual.py").read_text(), re.M)
    assert [found.name for found in FOUND] == defined


def test_every_usual_loss_is_checked_and_right():
    results = list(check_all(str(HERE / "usual.py"), seconds=3))
    assert len(results) == len(FOUND)
    for result in results:
        assert isinstance(result, Checked), result
        errors = [f for f in result.report.findings if f.severity == "error"]
        # A dice of empty masks, an angle of a zero vector: what they say is true.
        assert not [f for f in errors if f.kind not in ("nan-trap", "empty-batch")]


def test_the_line_that_pins_the_inputs_gives_the_same_verdict(tmp_path, monkeypatch):
    (tmp_path / "usual.py").write_text((HERE / "usual.py").read_text())
    monkeypatch.chdir(tmp_path)
    (guessed,) = check_all("usual.py:Focal", seconds=3)
    (tmp_path / "pyproject.toml").write_text(f"[tool.ownloss.inputs]\n{guessed.pin}\n")
    (pinned,) = check_all("usual.py:Focal", seconds=3)
    assert pinned.inputs.startswith("pyproject.toml: 6,5")
    assert not pinned.pin
    assert pinned.expression == guessed.expression
    assert pinned.report.to_dict() == guessed.report.to_dict()


def test_what_is_left_is_named_with_its_reason(monkeypatch):
    monkeypatch.setattr(sandbox, "SECONDS", 0.2)
    results = {r.name: r for r in check_all(str(HERE / "left.py"), seconds=3)}
    assert all(isinstance(result, Left) for result in results.values()), results
    assert results["Distill"].reason == "its constructor needs 'teacher_model'"
    assert "download" in results["Downloads"].reason
    assert "expected the moon" in results["Impossible"].reason
    assert "longer than 0.2 seconds of computing" in results["endless_loss"].reason
    assert results["WithoutForwardLoss"].reason.startswith("has no forward")
    named = {name for name, left in results.items() if left.doubtful}
    assert named == {"Distill", "Downloads", "Impossible", "endless_loss"}


def test_nothing_is_connected_to_while_guessing():
    with sandbox.quiet(), pytest.raises(OSError, match="download"):
        socket.create_connection(("127.0.0.1", 9))
    assert socket.socket.connect is not None


def test_only_what_is_named_is_imported(tmp_path, monkeypatch):
    package = tmp_path / "pkg_of_losses"
    (package / "nets").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "nets" / "__init__.py").write_text("raise SystemExit('not asked for')")
    (package / "nets" / "resnet.py").write_text("class ResNet: pass")
    (package / "losses.py").write_text((HERE / "usual.py").read_text())
    (package / "broken_loss.py").write_text("import no_such_package\ndef a_loss(): 0")
    monkeypatch.syspath_prepend(tmp_path)
    modules = list(modules_of("pkg_of_losses"))
    assert [type(module).__name__ for module in modules] == ["Left", "module"]
    assert modules[0].name == "pkg_of_losses.broken_loss"
    assert "No module named 'no_such_package'" in modules[0].reason
    assert modules[1].__name__ == "pkg_of_losses.losses"


@pytest.mark.parametrize("target", ["pkg_broken", "pkg_broken.losses"])
def test_a_package_that_cannot_be_imported_says_why_once(tmp_path, monkeypatch, target):
    package = tmp_path / "pkg_broken"
    package.mkdir()
    (package / "__init__.py").write_text("import no_such_package\n")
    for name in ("losses.py", "more_losses.py"):
        (package / name).write_text("def a_loss(prediction, target): return 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    (left,) = modules_of(target)
    assert left.reason == "cannot be imported: No module named 'no_such_package'"


def test_a_loss_is_not_run_while_another_call_of_it_runs(tmp_path):
    (tmp_path / "mine.py").write_text(
        "running = 0\n"
        "def my_loss(prediction, target):\n"
        "    global running\n"
        "    running += 1\n"
        "    assert running == 1\n"
        "    try:\n"
        "        return (prediction - target).square().mean()\n"
        "    finally:\n"
        "        running -= 1\n"
    )
    (result,) = check_all(str(tmp_path / "mine.py"), seconds=3)
    assert result.report.ok


def test_inputs_declared_beside_a_loss_are_used(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "def mine(a, b):\n"
        "    assert a.shape == (2, 7), a.shape\n"
        "    return (a * b).square().sum()\n"
        "def example_inputs():\n"
        "    return {'mine': (torch.ones(2, 7), torch.ones(7))}\n"
    )
    (result,) = check_all(f"{tmp_path / 'mine.py'}:mine", seconds=3)
    assert result.inputs == "example_inputs()"
    assert result.report.ran


@pytest.mark.parametrize(
    ("returned", "said"),
    [("7", "returns int"), ("{'mine': 7}", "gives int for 'mine'")],
)
def test_inputs_declared_wrongly_are_an_error(tmp_path, returned, said):
    (tmp_path / "mine.py").write_text(
        f"def mine(a, b): return a\ndef example_inputs(): return {returned}\n"
    )
    (left,) = check_all(f"{tmp_path / 'mine.py'}:mine")
    assert said in left.reason


def test_a_folder_is_one_command(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("a/first.py", "second.py"):
        loss = "def a_loss(prediction, target):\n    return (prediction - target).abs()"
        (tmp_path / name).write_text(loss + ".mean()\n")
    (tmp_path / "test_second.py").write_text("raise SystemExit('a test')")
    (tmp_path / "read.py").write_text("raise SystemExit('defines nothing')")
    results = list(check_all(str(tmp_path), seconds=3))
    assert [result.found.path.name for result in results] == ["first.py", "second.py"]


def test_every_form_of_a_specification_can_be_made():
    forms = [line.split("  ")[0].strip() for line in FORMS.splitlines()]
    for form in forms:
        positional, named = make_all([form.split(" ")[0] if form[0] != "[" else form])
        assert len(positional) + len(named) == 1, form


def test_kinds_are_what_they_are_called():
    specs = ["6,5:probabilities", "6,5:log-probabilities", "6,5:one-hot", "6,4:boxes"]
    (p, logp, one_hot, boxes), _ = make_all([*specs])
    assert torch.allclose(p.sum(1), torch.ones(6))
    assert torch.allclose(logp.exp().sum(1), torch.ones(6))
    assert (one_hot.sum(1) == 1).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert p.requires_grad
    assert not logp.requires_grad
    (a, b), _ = make_all(["6", "6:positive:grad"])
    assert not a.requires_grad
    assert b.requires_grad


def test_examples_of_docstrings_do_nothing_but_make_tensors(tmp_path):
    written = tmp_path / "written"
    doc = f"""
    >>> open({str(written)!r}, "w")
    >>> x = torch.save(1, {str(written)!r})
    >>> y = torch.hub.load("a", "b")
    >>> z = torch.ones(3).__class__
    >>> a = torch.ones(2, 3)
    >>> print(loss(a, torch.zeros(2, 3)).item())
    """
    ((made, (a, b), named),) = calls_in_examples(doc, lambda a, b: a, "loss")
    assert (made, named) == ("", {})
    assert a.shape == b.shape == (2, 3)
    assert not written.exists()


def test_shapes_are_read_as_they_are_written():
    assert shape_in("got 3, expected (N, C)") == "6,5"
    assert shape_in("should be BNH[WD]") == "2,3,16,16"
    assert shape_in("(optional)") is None


def test_a_target_is_cut_in_two():
    assert split("a.py:B(c='x.py:y')") == ("a.py", "B(c='x.py:y')")
    assert split("torch.nn:MSELoss") == ("torch.nn", "MSELoss")


def test_a_loss_of_a_package_is_checked_by_its_name():
    (result,) = check_all("torch.nn:HuberLoss", seconds=3)
    assert result.report.ok
    assert result.expression == "HuberLoss()"


def test_a_loss_without_arguments_cannot_be_guessed(tmp_path):
    (tmp_path / "mine.py").write_text("def a_loss(*, scale=1.0):\n    return scale\n")
    (left,) = check_all(f"{tmp_path / 'mine.py'}:a_loss")
    assert left.reason == "its call takes no argument"
