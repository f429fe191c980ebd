"""The judge: whatever a reader hands in, the answer is a sentence."""

import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from ownloss import exercises
from ownloss.exercises import judge

RIGHT = "return (logits.softmax(1) - F.one_hot(labels, 3)) / len(logits)"
FILES = {
    "exits": ("import sys\nsys.exit(3)\n", "ends Python while it is read (line 2)"),
    "missing": (
        "import no_such_module\n",
        "imports `no_such_module` (line 1), which is not installed",
    ),
    "no_python": ("def gradient(logits labels):\n", "is no Python yet"),
    "name_error": (
        "class A(Softmaxes):\n    pass\n",
        "name 'Softmaxes' is not defined",
    ),
    "loops": ("while True:\n    pass\n", "seconds of computing: a loop?"),
}
ANSWERS = {
    "another_name": (
        "def gradients(logits, labels): pass",
        "looks for a function `gradient`, and softmax_backward.py has none; it "
        "defines `gradients`.",
    ),
    "nothing": ("", "and softmax_backward.py has none."),
    "no_function": ("gradient = 3", "must be a function; it is an int"),
    "a_class": ("class gradient: pass", "must be a function; it is a class"),
    "none": ("def gradient(logits, labels): pass", "was `return` forgotten?"),
    "a_float": (
        "def gradient(logits, labels): return 0.5",
        "returned a float; expected a tensor of shape (4, 3)",
    ),
    "two": (
        "def gradient(logits, labels): return logits, labels",
        "returns 2 values; the task asks for the gradient of `logits`",
    ),
    "one_argument": (
        "def gradient(logits): return logits",
        "`gradient` takes (logits); the task says (logits, labels)",
    ),
    "exits": (
        "def gradient(logits, labels): raise SystemExit(0)",
        "`gradient` ends Python (line 1): take `exit` out.",
    ),
    "recursion": (
        "def gradient(logits, labels): return gradient(logits, labels)",
        "RecursionError: maximum recursion depth exceeded",
    ),
    "a_text_with_escapes": (
        "def gradient(logits, labels): raise ValueError('\\x1b[31mred')",
        r"ValueError: \x1b[31mred",
    ),
    "loops": (
        "def gradient(logits, labels):\n    while True: pass",
        "`gradient` takes longer than 0.5 seconds of computing: a loop?",
    ),
    "loops_in_double_precision_only": (
        "def gradient(logits, labels):\n    while logits.dtype.itemsize == 8: pass\n"
        "    return logits",
        "`gradient` takes longer than 2 seconds of computing: a loop?",
    ),
    "not_finite": (
        "def gradient(logits, labels): return logits / 0",
        "At the inputs given the gradient is NaN.",
    ),
    "writes_into_its_argument": (
        "def gradient(logits, labels): return logits.zero_()",
        "backward returns zeros for it",
    ),
    "no_text": (
        "class Silent(Exception):\n    def __str__(self): raise KeyError\n"
        "def gradient(logits, labels): raise Silent",
        "raises (line 3) Silent",
    ),
}


@pytest.fixture
def quick(monkeypatch):
    from ownloss.exercises import judging

    monkeypatch.setattr(judging, "SECONDS", 0.5)
    monkeypatch.setattr(judging, "WHOLE", 2.0)


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_cannot_be_run_is_not_judged(what, tmp_path, quick):
    text, says = FILES[what]
    file = tmp_path / "softmax_backward.py"
    file.write_text(text)
    verdict = judge("softmax-backward", file)
    assert verdict.outcome == "undecided"
    assert len(verdict.sentences) == 1
    assert says in verdict.sentences[0]


@pytest.mark.parametrize("what", ANSWERS)
def test_a_strange_answer_gets_one_sentence(what, tmp_path, quick):
    text, says = ANSWERS[what]
    file = tmp_path / "softmax_backward.py"
    file.write_text(text)
    verdict = judge("softmax-backward", file)
    assert verdict.outcome == "wrong", verdict
    assert says in str(verdict)
    assert "\x1b" not in str(verdict)


def test_what_an_answer_prints_is_shown_once_and_harmless(tmp_path):
    file = tmp_path / "softmax_backward.py"
    file.write_text(
        "from torch.nn import functional as F\n"
        "print('read')\n"
        "def gradient(logits, labels):\n"
        "    print('\\x1b[31m', tuple(logits.shape))\n"
        f"    {RIGHT}\n"
    )
    verdict = judge("softmax-backward", file)
    assert verdict.right
    assert verdict.printed == "read\n\x1b[31m (4, 3)"
    assert "\x1b" not in str(verdict)


def test_a_function_is_judged_like_a_file():
    def gradient(logits, labels):
        return (logits.softmax(1) - F.one_hot(labels, 3)) / len(logits)

    assert judge("softmax-backward", gradient).right


def test_a_second_derivative_counts_only_where_the_task_asks_for_it():
    class SquaredDistance(torch.autograd.Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction - target)
            return (prediction - target).square().sum(1)

        @staticmethod
        def backward(ctx, grad_output):
            (residual,) = ctx.saved_tensors
            return 2 * residual * grad_output[:, None], None

    verdict = judge("one-loss-a-sample", SquaredDistance)
    assert verdict.right
    (remark,) = verdict.remarks  # there are two cases, and both have it
    assert remark.startswith("Second derivatives are zero")
    folder = exercises.find("twice-differentiable").folder
    assert not judge("twice-differentiable", folder / "task.py").right


def test_the_random_numbers_of_a_notebook_go_on(tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    judge("accumulate-unequal", exercises.find("accumulate-unequal").folder / "task.py")
    assert torch.equal(torch.rand(2), expected)


def test_a_function_without_source_is_judged():
    names = {}
    exec(
        "def gradient(logits, labels):\n"
        "    return (logits.softmax(1) - F.one_hot(labels, 3)) / len(logits)",
        {"F": F},
        names,
    )
    assert judge("softmax-backward", names["gradient"]).right


def test_a_class_of_the_wrong_kind_is_refused():
    class LogCosh(torch.nn.Module):
        pass

    verdict = judge("log-cosh-function", LogCosh)
    assert verdict.sentences == [
        "`LogCosh` must be a subclass of torch.autograd.Function; it is another class."
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("prediction", "takes (prediction); the task says (prediction, target)."),
        ("ctx, prediction, target", "takes `ctx`, although there is a"),
    ],
)
def test_a_forward_of_another_signature_is_refused(arguments, says, tmp_path):
    file = tmp_path / "log_cosh_function.py"
    text = exercises.find("log-cosh-function").answer
    file.write_text(
        text.replace("forward(prediction, target)", f"forward({arguments})")
    )
    verdict = judge("log-cosh-function", file)
    assert f"`forward` of `LogCosh` {says}" in verdict.sentences[0]


def test_the_first_lines_name_the_exercise_of_a_file_that_was_renamed(tmp_path):
    path = exercises.start("vmap-huber", tmp_path)
    renamed = path.rename(tmp_path / "my_own.py")
    assert exercises.exercise_of(renamed).name == "vmap-huber"
    bare = tmp_path / "vmap_huber (1).py"
    bare.write_text("")
    assert exercises.exercise_of(bare).name == "vmap-huber"


def test_a_file_that_is_there_is_left_alone(tmp_path):
    path = exercises.start("vmap-huber", tmp_path / "new")
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        exercises.start("vmap-huber", tmp_path / "new")
    assert path.read_text() == "mine"


def test_the_catalogue_needs_no_torch():
    code = (
        "import sys; from ownloss import exercises as e\n"
        "assert all(x.title and x.page and x.hints for x in e.exercises())\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_answer_in_another_dtype_is_judged(tmp_path):
    file = tmp_path / "stable_binary_cross_entropy.py"
    file.write_text(
        "import torch\n"
        "def binary_cross_entropy(logits, target):\n"
        "    p = torch.sigmoid(logits.double())\n"
        "    both = target * torch.log(p) + (1 - target) * torch.log(1 - p)\n"
        "    return -both.mean().float()\n"
    )
    verdict = judge("stable-binary-cross-entropy", file)
    assert verdict.sentences[0].startswith("If training has moved all logits by 40")


def test_a_constant_in_place_of_a_loss_is_told(tmp_path):
    file = tmp_path / "masked_mean_of_errors.py"
    file.write_text(
        "import torch\n"
        "def masked_error(prediction, target, mask):\n"
        "    if not mask.any():\n"
        "        return torch.tensor(0.0)\n"
        "    return (prediction - target)[mask].square().mean()\n"
    )
    (said,) = judge("masked-mean-of-errors", file).sentences
    assert said.startswith("Where no entry counts: `masked_error` has the right value")
    assert "the result is a constant" in said


def test_a_mistake_that_is_known_comes_alone_unless_a_line_is_named(tmp_path):
    file = tmp_path / "squeezed_target.py"
    file.write_text(
        "def squared_error(prediction, target):\n"
        "    return (prediction.squeeze(1) - target).abs().mean()\n"
    )
    verdict = judge("squeezed-target", file)
    assert verdict.sentences == ["This is the absolute error; the task has squares."]
    assert not verdict.kinds
    task = exercises.find("squeezed-target").folder / "task.py"
    first, second = judge("squeezed-target", task).sentences
    assert first.startswith("Every prediction is compared")
    assert "(line 15 of task.py)" in second
