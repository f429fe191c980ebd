"""The command line as its user meets it."""

import json
import textwrap

import pytest
from click.testing import CliRunner

from ownloss import catalogue
from ownloss.checker import kinds
from ownloss.cli import main

HUBER = catalogue.published(catalogue.find("huber"))

HALF_MEAN = """
import torch

def fine(prediction, target):
    return ((prediction - target) ** 2).mean()

class Loss(torch.nn.Module):
    def __init__(self, delta):
        super().__init__()
        self.delta = delta

    def forward(self, prediction, target):
        return self.delta * fine(prediction, target)

class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return ((prediction - target) ** 2).mean()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        return 2 * (prediction - target) * grad_output, None
"""


@pytest.fixture
def ownloss(tmp_path, monkeypatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, arguments)


@pytest.fixture
def my_loss(tmp_path):
    path = tmp_path / "my_loss.py"
    path.write_text(HALF_MEAN)
    return path


def test_list_names_every_loss(ownloss):
    result = ownloss("list")
    assert result.exit_code == 0
    for example in catalogue.examples():
        assert example.name in result.stdout
        assert example.summary in result.stdout


def test_list_filters_and_speaks_json(ownloss):
    rows = json.loads(ownloss("list", "huber", "--json").stdout)
    assert rows[0] == {
        "name": "huber",
        "topic": "robust",
        "title": "Huber",
        "summary": "Against outliers: a gradient is at most delta, however far off.",
        "tags": ["regression", "numbers", "outliers"],
    }


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("outliers", {"huber", "log_cosh", "general_robust", "student_t_nll"}),
        ("heavy tails", {"huber", "student_t_nll"}),
        ("imbalanced", {"focal", "sigmoid_focal", "ldam", "dice", "weighted_bce"}),
        ("uncertainty", {"gaussian_nll", "beta_nll", "crps_normal", "pinball"}),
        ("preference", {"dpo", "ipo", "simpo", "orpo", "bradley_terry"}),
        ("missing labels", {"masked_mean", "weighted_bce", "cox_ph", "focal"}),
        ("padding", {"masked_mean", "sequence_mean", "crf_nll"}),
        ("tiny objects", {"dice", "tversky", "boundary"}),
        ("learned weights", {"uncertainty_weights"}),
        ("F1", {"soft_f1"}),
        ("scipy", {"boundary", "hausdorff_dt", "assignment"}),
        ("Custom Backward", {"ctc", "soft_dtw", "chunked_cross_entropy"}),
    ],
)
def test_list_finds_losses_by_what_people_call_them(ownloss, words, found):
    rows = ownloss("list", *words.split()).stdout.splitlines()
    names = {row.partition("\t")[0] for row in rows}
    assert found <= names
    assert len(names) < len(catalogue.examples()) / 3, "it finds nearly all"
    quoted = ownloss("list", words).stdout.splitlines()
    assert quoted == rows


def test_list_by_tags_asks_for_all_of_them(ownloss):
    asked = ("list", "--tag", "regression", "--tag", "outliers")
    rows = json.loads(ownloss(*asked, "--json").stdout)
    assert {"huber", "log_cosh"} <= {row["name"] for row in rows}
    assert all({"regression", "outliers"} <= set(row["tags"]) for row in rows)
    fewer = json.loads(ownloss(*asked, "student", "--json").stdout)
    assert [row["name"] for row in fewer] == ["student_t_nll"]


def test_list_names_the_tags_where_one_is_unknown(ownloss):
    result = ownloss("list", "--tag", "robust")
    assert result.exit_code == 1
    assert "no tag is named 'robust'; there are classification, " in result.stderr


def test_list_of_nothing_says_so(ownloss):
    result = ownloss("list", "xyzzy")
    assert result.exit_code == 1
    assert "no loss has 'xyzzy'" in result.stderr


def test_show_in_a_pipe_is_the_plain_source(ownloss):
    result = ownloss("show", "huber")
    assert result.stdout == catalogue.find("huber").loss


def test_show_of_an_unknown_name_gives_the_nearest(ownloss):
    result = ownloss("show", "hubr")
    assert result.exit_code == 1
    assert "the nearest: huber" in result.stderr
    assert "Traceback" not in result.output


def test_copy_says_what_it_wrote_and_how_to_prove_it(ownloss, tmp_path):
    result = ownloss("copy", "huber", "--to", "losses/")
    assert result.exit_code == 0
    path = tmp_path / "losses" / "huber.py"
    assert path.read_text() == HUBER
    assert "python -m doctest losses/huber.py" in result.stdout.replace("\\", "/")


def test_copy_to_standard_output(ownloss, tmp_path):
    result = ownloss("copy", "huber", "--to", "-")
    assert result.stdout == HUBER
    assert list(tmp_path.iterdir()) == []


def test_copy_never_overwrites_without_force(ownloss, tmp_path):
    (tmp_path / "huber.py").write_text("mine")
    result = ownloss("copy", "huber")
    assert result.exit_code == 1
    assert "huber.py exists; --force" in result.stderr
    assert (tmp_path / "huber.py").read_text() == "mine"
    assert ownloss("copy", "huber", "--force").exit_code == 0
    assert (tmp_path / "huber.py").read_text() == HUBER


def test_copy_into_a_file_is_a_clear_error(ownloss, tmp_path):
    (tmp_path / "losses").write_text("a file")
    result = ownloss("copy", "huber", "--to", "losses")
    assert result.exit_code == 1
    assert "nothing was written: losses: " in result.stderr
    assert "Traceback" not in result.output


def test_copy_into_a_folder_that_cannot_be_written_names_it(ownloss, monkeypatch):
    def refuse(*, dir, prefix):
        raise PermissionError(13, "Permission denied", f"{dir}/{prefix}draft")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    result = ownloss("copy", "huber", "--to", "losses")
    assert result.exit_code == 1
    assert "nothing was written: losses: Permission denied" in result.stderr


def test_copy_of_an_unknown_name_writes_nothing(ownloss, tmp_path):
    result = ownloss("copy", "huber", "hubr", "--to", "losses")
    assert result.exit_code == 1
    assert "the nearest: huber" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("loss", ["fine", "Loss(delta=2)"])
def test_check_of_a_right_loss_exits_0(ownloss, my_loss, loss):
    result = ownloss("check", f"my_loss.py:{loss}", "--input", "8,3", "--target", "8,3")
    assert result.exit_code == 0, result.output


def test_check_of_a_wrong_loss_exits_1_and_says_why(ownloss, my_loss):
    arguments = (
        "my_loss.py:Wrong",
        "--input",
        "8,3:float64",
        "--target",
        "8,3:float64",
    )
    result = ownloss("check", *arguments)
    assert result.exit_code == 1, result.output
    assert "24" in result.stdout, "8 x 3 elements: the factor that is missing"
    report = json.loads(ownloss("check", *arguments, "--format", "json").stdout)
    assert report["checked"][0]["ok"] is False
    assert report["checked"][0]["findings"][0]["kind"] == "scale"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("my_loss.py", "--input", "8"), "--input belongs to one loss"),
        (("gone.py:Loss", "--input", "8"), "no file 'gone.py'"),
        (("my_loss.py:Lss", "--input", "8"), "has no 'Lss'; it has fine, Loss"),
        (("my_loss.py:Loss(9, 9)", "--input", "8"), "positional arguments"),
        (("no_such_package",), "neither a file nor an installed package"),
        (("my_loss.py:fine", "--input", "=one"), "expected a Python literal"),
        (("my_loss.py:fine", "--input", "8x3"), "got '8x3'"),
        (("my_loss.py:fine", "--input", "8:float31"), "got '8:float31'"),
        (("my_loss.py:fine", "--input", "8:labels:0"), "got '8:labels:0'"),
        (("my_loss.py:fine", "--input", "labels:3"), "got 'labels:3'"),
        (("broken.py:fine", "--input", "8"), "broken.py cannot be run: ZeroDivision"),
    ],
)
def test_check_that_cannot_run_exits_2_in_one_line(
    ownloss, my_loss, tmp_path, arguments, message
):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    result = ownloss("check", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_explain_tells_a_kind_whole(ownloss):
    scale = kinds()["scale"]
    result = ownloss("explain", "scale")
    assert result.exit_code == 0
    told = " ".join(result.stdout.split())
    for text in (scale.title, scale.meaning, scale.shows, scale.cure):
        assert " ".join(text.split()) in told
    for source in (scale.wrong, scale.right):
        assert textwrap.indent(source.strip(), "    ") in result.stdout


def test_explain_without_a_kind_lists_all(ownloss):
    lines = ownloss("explain").stdout.splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == list(kinds())


def test_explain_of_an_unknown_kind_gives_the_nearest(ownloss):
    result = ownloss("explain", "scael")
    assert result.exit_code == 1
    assert "no kind is named 'scael'; the nearest: scale" in result.stderr
