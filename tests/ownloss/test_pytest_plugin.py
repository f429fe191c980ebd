"""The pytest plugin, in a run of pytest of its own."""

import re
import subprocess
import sys

import pytest

LOSSES = """
import pytest
import torch

class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return ((prediction - target) ** 2).mean()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        return 2 * (prediction - target) * grad_output, None

@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(8, 3, generator=generator, requires_grad=True)
    return prediction, torch.randn(8, 3, generator=generator)

def test_right(check_loss, batch):
    mse = torch.nn.MSELoss()
    assert check_loss(mse, *batch, reference=mse).ok

def test_wrong(check_loss, batch):
    check_loss(Wrong.apply, *batch)

def test_class(check_loss, batch):
    check_loss(torch.nn.MSELoss, *batch)

@pytest.mark.ownloss_allow("scale")
def test_allowed(check_loss, batch):
    assert not check_loss(Wrong.apply, *batch).ok

@pytest.mark.ownloss_allow("sign")
def test_another_is_allowed(check_loss, batch):
    check_loss(Wrong.apply, *batch)

@pytest.mark.ownloss_allow("scael")
def test_unknown_slug(check_loss, batch):
    check_loss(Wrong.apply, *batch)

def test_seconds(check_loss, batch, monkeypatch):
    import ownloss
    monkeypatch.setattr(ownloss, "check", lambda *a, **k: pytest.fail(repr(k)))
    check_loss(torch.nn.MSELoss(), *batch)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What a run of pytest says of each test."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "test_mine.py").write_text(LOSSES)
    # `no:ownloss`: where ownloss is installed, its entry point is the same plugin.
    plugin = ["-p", "no:ownloss", "-p", "ownloss.pytest_plugin"]
    options = ["--strict-markers", "-rp", "--ownloss-seconds=100.5"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, *options],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    passed = dict.fromkeys(re.findall(r"^PASSED .*::(\w+)", ran.stdout, re.M), "")
    sections = re.split(r"^_{3,} (\w+) _{3,}$", ran.stdout, flags=re.MULTILINE)
    return passed | dict(zip(sections[1::2], sections[2::2], strict=True))


def test_a_right_loss_passes(said):
    assert said["test_right"] == ""


def test_a_wrong_loss_fails_with_the_verdict_and_the_line_of_the_test(said):
    lines = said["test_wrong"].splitlines()
    assert ">       check_loss(Wrong.apply, *batch)" in lines
    shown = [line for line in lines if line.startswith("E  ")]
    assert "Wrong.apply: " in shown[0]
    assert any("24x too large" in line for line in shown)
    assert any("Cure: Divide" in line for line in shown)
    assert any("ownloss explain scale" in line for line in shown)
    assert "pytest_plugin.py" not in said["test_wrong"]
    assert "def check(" not in said["test_wrong"]


def test_inputs_that_do_not_fit_are_said_of_the_line_of_the_test(said):
    assert "`MSELoss` is a class; expected a loss to call" in said["test_class"]
    assert "pytest_plugin.py" not in said["test_class"]


def test_a_kind_is_allowed_by_its_slug(said):
    assert said["test_allowed"] == ""
    assert "24x too large" in said["test_another_is_allowed"]


def test_an_unknown_slug_gives_the_nearest(said):
    expected = "no kind is named 'scael'; the nearest: scale"
    assert expected in said["test_unknown_slug"]


def test_the_seconds_reach_the_checker(said):
    assert "{'seconds': 100.5}" in said["test_seconds"]


def test_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, ownloss.pytest_plugin; "
        "print([m for m in ('torch', 'rich', 'click') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr
