"""Right, wrong or incomplete: what is not looked at acquits of nothing."""

import json
import pickle
import sysconfig
import time

import pytest
import torch
from torch import nn

from ownloss.checker import LossError, budget, check, rules, trace
from ownloss.checker.findings import Kind
from ownloss.checker.report import plain


def mse(prediction, target):
    return (prediction - target).square().mean()


class TooLarge(torch.autograd.Function):
    """A slow mean squared error whose gradient forgets the mean."""

    @staticmethod
    def forward(ctx, prediction, target):
        time.sleep(0.08)
        ctx.save_for_backward(prediction, target)
        return (prediction - target).square().mean()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        gradient = grad_output * 2 * (prediction - target)
        return gradient, -gradient


def slow_mse(prediction, target):
    time.sleep(0.08)
    return mse(prediction, target)


def looped_mse(prediction, target):
    for _ in range(5_000):
        target = target + 0.0
    return mse(prediction, target)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(8, 3, generator=generator, requires_grad=True)
    return prediction, torch.randn(8, 3, generator=generator)


@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_a_slow_loss_with_a_wrong_gradient_is_wrong(inputs, seconds):
    report = check(TooLarge.apply, *inputs, seconds=seconds)
    assert report.outcome == report.gradient == "wrong"
    assert report.findings[0].severity == "error"


def test_a_slow_right_loss_is_incomplete_and_its_gradient_is_right(inputs):
    start = time.monotonic()
    report = check(slow_mse, *inputs, seconds=1.0)
    assert time.monotonic() - start < 1.0 + 2.0
    assert report.outcome == "incomplete" and not report.ok
    assert report.gradient == "right" and report.findings == []
    assert "A full check makes about" in str(report)
    assert json.loads(json.dumps(report.to_dict()))["outcome"] == "incomplete"
    assert "incomplete" in report._repr_html_()
    with pytest.raises(LossError, match="incomplete"):
        report.raise_for_errors()
    report.raise_for_errors(allow_incomplete=True)


def test_no_time_at_all_is_incomplete(inputs):
    report = check(mse, *inputs, seconds=0)
    assert report.outcome == "incomplete" and report.skipped


def test_what_is_looked_at_does_not_depend_on_the_clock(inputs, monkeypatch):
    once = check(mse, *inputs)
    slept, clock = [], time.monotonic
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: clock() + sum(slept))
    slowly = check(slow_mse, *inputs, seconds=1e3)
    assert sum(slept) > 10, "longer than a check takes by itself"
    assert once.calls == slowly.calls
    assert once.ok and slowly.ok


def test_more_calls_than_allowed_are_incomplete(inputs, monkeypatch):
    monkeypatch.setattr(budget.Budget.__init__, "__defaults__", (50,))
    report = check(mse, *inputs)
    assert report.outcome == "incomplete"
    assert report.calls <= 50


def test_a_rule_that_crashes_makes_it_incomplete(inputs, monkeypatch):
    def find(seen):
        raise RuntimeError("no idea")

    broken = rules.Rule(Kind("odd", "Odd", "", "", ""), find, 0, False)
    every = (*rules.rules(), broken)
    monkeypatch.setattr(rules, "rules", lambda: every)
    report = check(mse, *inputs)
    assert report.outcome == "incomplete"
    assert report.crashes == {"odd": "RuntimeError: no idea"}
    assert "Could not look for odd: RuntimeError: no idea" in str(report)


def test_a_loss_that_cannot_be_run_is_incomplete(inputs):
    report = check(lambda p, t: p.missing, *inputs)
    assert report.outcome == "incomplete" and not report.ran
    with pytest.raises(LossError):
        report.raise_for_errors(allow_incomplete=True)


def test_a_loss_that_exits_is_incomplete(inputs):
    def leaves(prediction, target):
        raise SystemExit(0)

    assert check(leaves, *inputs).outcome == "incomplete"


def test_a_report_is_data(inputs):
    report = check(mse, *inputs)
    again = pickle.loads(pickle.dumps(report))
    assert str(again) == str(report)
    assert again.plot().axes
    with pytest.raises(RuntimeError, match="without its loss"):
        again.supports["vmap"]


def test_evidence_that_is_no_number_is_text():
    evidence = {"value": float("nan"), "shape": torch.Size([2]), 3: {float("inf")}}
    data = json.loads(json.dumps(plain(evidence), allow_nan=False))
    assert data == {"value": "nan", "shape": [2], "3": ["inf"]}


def rms(prediction, target):
    return (prediction - target).square().mean().sqrt()


def test_what_the_reference_shares_is_no_mistake(inputs):
    def own_rms(x, y):
        return ((x - y) ** 2).mean() ** 0.5

    assert [f.kind for f in check(own_rms, *inputs).findings] == ["nan-trap"]
    assert check(own_rms, *inputs, reference=rms).outcome == "right"


def test_what_the_reference_does_not_share_is_a_mistake(inputs):
    report = check(rms, *inputs, reference=lambda p, t: (mse(p, t) + 1e-30).sqrt())
    assert [f.kind for f in report.findings] == ["nan-trap"]


def raising(prediction, target):
    raise ValueError("not today")


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"reference": nn.MSELoss}, TypeError, r"the reference `MSELoss` is a class"),
        ({"reference": "mse"}, TypeError, "the reference is a str"),
        ({"reference": lambda p: p.sum()}, TypeError, "was given 2 arguments"),
        ({"reference": raising}, ValueError, "the reference `raising` raises Value"),
        ({"reference": lambda p, t: None}, TypeError, "returns a NoneType"),
        ({"mask": [True]}, TypeError, "mask is a list; expected a boolean tensor"),
        ({"mask": torch.ones(8, 3)}, TypeError, "mask is a tensor of torch.float32"),
        (
            {"mask": torch.ones(5, dtype=torch.bool)},
            ValueError,
            r"mask has shape \(5,\); expected that of `prediction`, \(8, 3\)",
        ),
        ({"seed": 1.5}, TypeError, "seed is a float; expected an integer"),
        ({"seed": "1"}, TypeError, "seed is a str; expected an integer"),
        ({"seconds": "8"}, TypeError, "seconds is a str; expected a number"),
        ({"seconds": -1}, ValueError, "seconds is -1; expected a number that is at"),
        ({"seconds": float("nan")}, ValueError, "seconds is nan"),
    ],
)
def test_options_that_cannot_be_used_are_refused(inputs, options, error, says):
    with pytest.raises(error, match=says):
        check(mse, *inputs, **options)


def next_token(logits, labels):
    return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def every_pair(xs, ys):
    return sum(mse(x, y) for x, y in zip(xs, ys, strict=True))


def smallest_path(x, y, gamma=1.0):
    """Soft-DTW, cell by cell."""
    costs = (x[:, None] - y).square().sum(-1)
    outside = costs.new_full((), torch.inf)
    row = [costs.new_zeros(()), *[outside] * len(y)]
    for line in costs:
        following = [outside]
        for column, cost in enumerate(line):
            ways = torch.stack([row[column], row[column + 1], following[-1]])
            following.append(cost - gamma * (-ways / gamma).logsumexp(0))
        row = following
    return row[-1]


def images(*shape):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.rand(*shape, generator=generator, requires_grad=i < 1) for i in (0, 1)
    ]


LARGE = {
    "a language model": lambda: (
        next_token,
        torch.randn(2, 64, 8_000, requires_grad=True),
        torch.arange(128).view(2, 64) * 50,
    ),
    "photographs": lambda: (mse, *images(2, 3, 512, 512)),
    "one long row": lambda: (mse, *images(1, 10**6)),
    "a list of 500": lambda: (
        every_pair,
        [torch.randn(3, requires_grad=True) for _ in range(500)],
        [torch.randn(3) for _ in range(500)],
    ),
    "a loop over cells": lambda: (smallest_path, *images(40, 2)),
    "segments in half": lambda: (
        nn.functional.cross_entropy,
        torch.randn(2, 21, 64, 64, dtype=torch.float16, requires_grad=True),
        torch.arange(2 * 64 * 64).view(2, 64, 64) % 21,
    ),
}


@pytest.mark.parametrize("case", LARGE)
def test_large_inputs_are_looked_at_in_part(case):
    torch.manual_seed(0)
    loss, *given = LARGE[case]()
    start = time.process_time()
    report = check(loss, *given, seconds=1e3)
    assert time.process_time() - start < 8
    assert report.outcome == report.gradient == "right", report
    assert report.shapes or case == "a list of 500"
    for smaller, whole in report.shapes.values():
        assert all(a <= b for a, b in zip(smaller, whole, strict=True))


class TooLargeByALittle(torch.autograd.Function):
    """A mean squared error whose gradient is right for small images alone."""

    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return (prediction - target).square().mean()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        factor = 2.2 if prediction.numel() > 10**6 else 2.0
        gradient = factor * grad_output * (prediction - target) / prediction.numel()
        return gradient, -gradient


def test_the_gradient_of_large_inputs_is_compared_as_a_whole():
    report = check(TooLargeByALittle.apply, *images(2, 3, 512, 512), seconds=1e3)
    assert report.outcome == report.gradient == "wrong"
    assert "With all of `prediction`, (2, 3, 512, 512)" in str(report)


def test_probabilities_keep_their_classes():
    torch.manual_seed(0)

    def entropy(probabilities):
        return -(probabilities * probabilities.clamp(min=1e-9).log()).sum(1).mean()

    report = check(entropy, torch.randn(40, 600).softmax(1).requires_grad_())
    assert report.ok
    assert report.shapes["probabilities"][0][1] == 600


def test_another_eps_than_the_reference_is_no_missing_detach():
    def charbonnier(prediction, target, eps=2e-9):
        return ((prediction - target).square() + eps).sqrt().mean()

    def trusted(prediction, target):
        return charbonnier(prediction, target, 1e-9)

    target = torch.tensor([0.3, -0.4, 1.2, 0.8], dtype=torch.float64)
    off = torch.tensor([0.5, -1.0, 3e-5, 0.7], dtype=torch.float64)
    prediction = (target + off).requires_grad_()
    report = check(charbonnier, prediction, target, reference=trusted)
    assert report.ok, report


def test_a_long_loop_is_not_watched_for_longer_than_there_is_time(inputs, monkeypatch):
    tensors = trace._tensors

    def slowly(tree):
        time.sleep(0.001)
        return tensors(tree)

    monkeypatch.setattr(trace, "_tensors", slowly)
    start = time.monotonic()
    report = check(looped_mse, *inputs, seconds=1.0)
    assert time.monotonic() - start < 1.0 + 2.0
    assert report.outcome == "incomplete" and report.gradient == "right"


VIEWED = "def loss(prediction, target):\n    return prediction.view(-1).square().sum()"


@pytest.mark.parametrize(
    ("file", "severity"),
    [
        ("loss.py", "warning"),
        (f"{sysconfig.get_path('purelib')}/library/loss.py", "note"),
    ],
)
def test_what_a_caller_cannot_edit_is_a_note(file, severity, inputs):
    names = {}
    exec(compile(VIEWED, file, "exec"), names)
    findings = check(names["loss"], *inputs).findings
    (found,) = [f for f in findings if f.kind == "noncontiguous"]
    assert found.severity == severity


def test_where_a_loss_of_torch_overflows_is_a_note(inputs):
    prediction, target = inputs
    loss = nn.SoftMarginLoss()
    assert loss(torch.tensor([-100.0]), torch.ones(1)).isinf()  # torch's own fault
    (found,) = check(loss, prediction, target.sign()).findings
    assert (found.kind, found.severity) == ("overflow", "note")


class Reversed(torch.autograd.Function):
    """Hands its input on and turns the gradient around."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return -grad_output


class Rounded(torch.autograd.Function):
    """Rounds, and lets the gradient through."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output


def binarised(x):
    return (x > 0).to(x.dtype) - x.sigmoid().detach() + x.sigmoid()


@pytest.mark.parametrize("stands_in", [Reversed.apply, Rounded.apply, binarised])
def test_a_gradient_that_stands_in_for_another_is_a_note(inputs, stands_in):
    prediction, target = inputs

    def loss(prediction, target):
        return mse(stands_in(3 * prediction), target)

    report = check(loss, prediction, (target > 0).to(target.dtype))
    assert report.ok and {f.severity for f in report.findings} == {"note"}


def test_a_reference_with_another_gradient_objects_to_what_stands_in(inputs):
    def loss(prediction, target):
        return mse(Reversed.apply(prediction), target)

    report = check(loss, *inputs, reference=mse)
    assert report.findings[0].kind == "sign"
    assert report.findings[0].severity != "note"


def test_one_batch_size_is_an_error_where_all_inputs_have_a_row_for_each_sample():
    def fixed(prediction, target):
        return (prediction.view(6, 4) - target.view(6, 4)).square().mean()

    def with_cameras(prediction, target, cameras):
        return fixed(prediction, target) * cameras.square().sum()

    def severities(loss, *inputs, **options):
        report = check(loss, *inputs, **options)
        return {f.severity for f in report.findings if f.kind == "batch-size"}

    x, y = torch.randn(6, 4, requires_grad=True), torch.randn(6, 4)
    cameras = torch.randn(5, 3)
    assert severities(fixed, x, y) == {"error"}
    assert severities(with_cameras, x, y, cameras) == {"warning"}

    def trusted(prediction, target, cameras):
        return (prediction - target).square().mean() * cameras.square().sum()

    assert severities(with_cameras, x, y, cameras, reference=trusted) == {"error"}
