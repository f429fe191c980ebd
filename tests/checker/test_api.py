"""What `check` takes, refuses, leaves alone and returns."""

import copy
import functools
import json
import random

import numpy as np
import pytest
import torch
from torch import nn

import ownloss
from ownloss.checker import LossError, check


def mse(prediction, target):
    return (prediction - target).square().mean()


def rmse_without_eps(prediction, target):
    return (prediction - target).square().mean().sqrt()


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(4, 3, generator=generator, requires_grad=True)
    return prediction, torch.randn(4, 3, generator=generator)


def test_a_right_loss_is_found_right(inputs):
    report = check(mse, *inputs)
    assert report.ok and report.ran and report.findings == []
    assert report.outcome == report.gradient == "right"
    assert str(report) == "mse: right"
    report.raise_for_errors()


def test_the_package_offers_the_function(inputs):
    assert ownloss.check(mse, *inputs).ok


def test_raise_for_errors_tells_the_whole_verdict(inputs):
    report = check(rmse_without_eps, *inputs)
    with pytest.raises(LossError, match="nan-trap") as caught:
        report.raise_for_errors()
    assert report.findings[0].message in str(caught.value)


def test_a_report_is_plain_data(inputs):
    data = json.loads(json.dumps(check(rmse_without_eps, *inputs).to_dict()))
    (finding,) = data["findings"]
    assert data["ok"] is False and data["outcome"] == "wrong"
    assert finding["kind"] == "nan-trap"
    assert finding["cure"]


@pytest.mark.parametrize("site", ["", "https://site.test/"])
def test_a_verdict_names_a_command_and_an_address_that_exists(
    inputs, monkeypatch, site
):
    monkeypatch.setattr("ownloss.checker.findings.site", lambda: site)
    monkeypatch.setattr("ownloss.address.site", lambda: site)
    report = check(rmse_without_eps, *inputs)
    assert "\n  More: ownloss explain nan-trap" in str(report)
    link = f"{site}reference/kinds/nan-trap.html" if site else ""
    assert report.to_dict()["findings"][0]["link"] == link
    assert (link in str(report)) and ("http" in str(report)) is bool(site)
    assert ("<a href" in report._repr_html_()) is bool(site)


def test_a_report_shows_itself_in_a_notebook(inputs):
    html = check(rmse_without_eps, *inputs)._repr_html_()
    assert "nan-trap" in html and "<script" not in html


def test_a_report_renders_with_rich(inputs):
    from rich.console import Console

    console = Console(record=True, width=60)
    console.print(check(rmse_without_eps, *inputs))
    assert "error: nan-trap" in console.export_text()


def test_a_report_plots_the_gradients(inputs):
    figure = check(mse, *inputs).plot()
    assert figure.axes[0].get_title() == "prediction"


def test_inputs_of_nested_containers_are_named():
    class Missing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return (a * b).sum()

        @staticmethod
        def backward(ctx, grad_output):
            _, b = ctx.saved_tensors
            return grad_output * b, None

    def loss(batch):
        return Missing.apply(batch["a"], batch["rest"][0])

    a = torch.tensor([1.0, 2.0], requires_grad=True)
    b = torch.tensor([3.0, 5.0], requires_grad=True)
    (finding,) = (
        f for f in check(loss, {"a": a, "rest": [b]}).findings if f.severity == "error"
    )
    assert finding.kind == "missing-grad"
    assert finding.where == "batch['rest'][0]"


def test_arguments_by_name_are_checked_too(inputs):
    prediction, target = inputs
    report = check(rmse_without_eps, prediction, target=target)
    assert [f.kind for f in report.findings if f.severity == "error"] == ["nan-trap"]


def test_parameters_are_differentiated(inputs):
    class Weighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(2.0))

        def forward(self, prediction, target):
            return self.weight.item() * (prediction - target).square().mean()

    kinds_found = {f.kind for f in check(Weighted(), *inputs).findings}
    assert "missing-grad" in kinds_found


def test_nothing_is_changed(inputs):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))
            self.register_buffer("average", torch.zeros(()))
            self.calls = []

        def forward(self, prediction, target):
            self.calls.append(1)
            error = (self.weight * (prediction - target).square()).mean()
            self.average += error.detach()
            return error + 0 * torch.rand(()) + 0 * np.random.rand()

    loss = Counting().eval()
    held = copy.deepcopy(loss.state_dict())
    before = [x.detach().clone() for x in inputs]
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    check(loss, *inputs)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.random.get_state()[1].tolist() == states[2]
    assert all(torch.equal(x, y) for x, y in zip(inputs, before, strict=True))
    assert all(torch.equal(loss.state_dict()[k], v) for k, v in held.items())
    assert loss.calls == [] and not loss.training
    assert loss.weight.grad is None and inputs[0].grad is None


def test_a_module_that_cannot_be_copied_is_put_back(inputs):
    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0
            self.register_buffer("average", torch.zeros(()))

        def __deepcopy__(self, memo):
            raise RuntimeError("no copies")

        def forward(self, prediction, target):
            self.calls += 1
            self.average.add_(1)
            return (prediction - target).square().mean()

    loss = Stubborn()
    check(loss, *inputs)
    assert loss.calls == 0 and loss.average == 0


def test_a_reference_is_compared_with(inputs):
    def half(prediction, target):
        return mse(prediction, target) / 2

    assert check(half, *inputs, reference=half).ok
    report = check(half, *inputs, reference=mse)
    assert "wrong-value" in {f.kind for f in report.findings}


def leaking(prediction, target, mask=None):
    """A mean over what counts and what does not, of a root of what does not."""
    error = (prediction - target).square()
    return error.mean() if mask is None else (error * mask).sum() / error.sum()


def leaking_by_name(prediction, target, *, mask):
    return leaking(prediction, target, mask)


class Leaking(nn.Module):
    def forward(self, prediction, target, mask=None):
        return leaking(prediction, target, mask)


@pytest.mark.parametrize("loss", [leaking, leaking_by_name, Leaking()])
def test_a_mask_that_the_loss_takes_is_passed_to_it(inputs, loss):
    mask = torch.tensor([[True, True, False]] * 3 + [[True, False, False]])
    report = check(loss, *inputs, mask=mask)
    assert report.findings[0].kind == "mask-leak"
    # Whatever its dtype: no option of the check would be a float.
    assert check(loss, *inputs, mask=mask.float()).findings[0].kind == "mask-leak"


def test_a_mask_that_the_loss_has_already_is_an_option(inputs):
    keep = torch.ones(4, 3, dtype=torch.bool)
    mask = torch.tensor([[True, True, False]] * 4)
    assert check(leaking, *inputs, None, mask=keep).ok
    report = check(leaking, *inputs, None, mask=mask)
    assert report.findings[0].kind == "mask-leak"
    assert check(mse, *inputs, mask=mask).findings[0].kind == "mask-leak"


def test_a_reference_that_the_loss_takes_is_passed_to_it():
    def dpo(policy, reference):
        return -torch.nn.functional.logsigmoid(policy - reference).mean()

    policy = torch.randn(6, requires_grad=True)
    assert check(dpo, policy, reference=torch.randn(6)).ok
    twice = check(dpo, policy, torch.randn(6), reference=lambda p, r: 2 * dpo(p, r))
    assert "wrong-value" in {f.kind for f in twice.findings}


@pytest.mark.parametrize(
    ("loss", "error", "says"),
    [
        (nn.MSELoss, TypeError, "`MSELoss` is a class"),
        (3, TypeError, "the loss is an int"),
        (lambda p: p.sum(), TypeError, "was given 2 arguments"),
        (lambda p, t: None, TypeError, "returned None"),
        (lambda p, t: "loss", TypeError, "returned str"),
        (lambda p, t: (x for x in p), TypeError, "returned generator"),
        (lambda p, t: p[:0], ValueError, "empty tensor"),
    ],
)
def test_bad_losses_are_refused_in_one_sentence(inputs, loss, error, says):
    with pytest.raises(error, match=says):
        check(loss, *inputs)


def test_inputs_without_numbers_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 3\) is on the meta device"):
        ownloss.check(torch.nn.MSELoss(), *torch.ones(2, 4, 3, device="meta"))


def test_inputs_without_floating_tensors_are_refused():
    with pytest.raises(ValueError, match="no floating tensor"):
        check(lambda labels: labels.sum(), torch.arange(3))


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (lambda p, t: p.missing, "raises"),
        (lambda p, t: (p - t).sum().item(), "detached"),
        (lambda p, t: 3, "flat"),
        (lambda p, t: (p > t).sum(), "flat"),
        (lambda p, t: (p - t).sum() * float("nan"), "nan-trap"),
    ],
)
def test_strange_results_are_findings(inputs, loss, kind):
    report = check(loss, *inputs)
    assert report.findings[0].kind == kind
    assert report.ran is (kind != "raises")


def test_keyboard_interrupt_goes_through(inputs):
    def interrupted(prediction, target):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(interrupted, *inputs)


@pytest.mark.parametrize(
    "loss",
    [
        functools.partial(torch.nn.functional.mse_loss, reduction="sum"),
        nn.SmoothL1Loss(),
        lambda p, t: {"loss": (p - t).abs().mean(), "entries": p.numel()},
        lambda p, t: ((p - t).square().mean(), (p - t).detach().abs().max()),
        lambda p, t: (p - t).square().sum(1),
    ],
    ids=["partial", "module", "dict", "tuple", "per sample"],
)
def test_all_sorts_of_callables_are_taken(inputs, loss):
    assert check(loss, *inputs).findings == []


def test_very_many_samples_are_checked_on_the_first():
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(50_000, 2, generator=generator, requires_grad=True)
    report = check(mse, prediction, torch.zeros(50_000, 2))
    assert report.ok
    assert "(2500, 2) of `prediction`, (50000, 2)" in str(report)


class ConstantBatchSize(torch.autograd.Function):
    """Its backward divides by the 5,000 numbers of the first samples, not by all."""

    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return (prediction - target).square().mean()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        count = min(prediction.numel(), 5_000)
        gradient = grad_output * 2 * (prediction - target) / count
        return gradient, -gradient


def test_a_gradient_that_is_wrong_with_all_samples_alone_is_wrong():
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(20_000, 1, generator=generator, requires_grad=True)
    report = check(ConstantBatchSize.apply, prediction, torch.zeros(20_000, 1))
    assert report.outcome == report.gradient == "wrong"
    assert "With all of `prediction`, (20000, 1)" in report.findings[0].message


@pytest.mark.filterwarnings("ignore")
def test_supports_says_what_works(inputs):
    supports = check(mse, *inputs).supports
    features = [f for f in supports if f != "torch.compile"]
    assert {f: str(supports[f]) for f in features} == dict.fromkeys(features, "yes")


def test_supports_gives_the_error(inputs):
    class OldStyle(torch.autograd.Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(2 * (prediction - target))
            return (prediction - target).square().sum()

        @staticmethod
        def backward(ctx, grad_output):
            (gradient,) = ctx.saved_tensors
            return grad_output * gradient, -grad_output * gradient

    supports = check(OldStyle.apply, *inputs).supports
    assert str(supports["backward"]) == "yes"
    assert "setup_context" in supports["torch.func.grad"].error
    assert supports["double backward"].wrong and not supports["double backward"]
