"""Right, wrong or incomplete: what is not looked at acquits of nothing."""

import json
import pickle
import time

import pytest
import torch
from torch import nn

from ownloss.checker import LossError, budget, check, rules
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


def test_what_is_looked_at_does_not_depend_on_the_clock(inputs):
    once, slowly = check(mse, *inputs), check(slow_mse, *inputs, seconds=1e3)
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
