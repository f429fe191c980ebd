"""A loss is checked once, in the run that trains with it."""

import copy
import pickle

import pytest
import torch
from torch import nn

import ownloss
from ownloss import LossError
from ownloss.checker.torch_insides import original_of


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return ((prediction - target) ** 2).mean()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        return 2 * (prediction - target) * grad_output, None


class WrongLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, prediction, target):
        self.calls += 1
        return Wrong.apply(prediction, target)


@pytest.fixture
def batch():
    """A prediction as training gives it: no leaf."""
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(8, 3, generator=generator, requires_grad=True)
    return prediction * 1.0, torch.randn(8, 3, generator=generator)


def test_a_module_is_checked_once_and_is_then_itself(batch, capsys):
    loss = WrongLoss()
    assert ownloss.checked(loss) is loss
    value = loss(*batch)
    assert "24x too large" in capsys.readouterr().out
    assert loss.calls == 1, "the calls of the check are those of a copy"
    assert torch.equal(value, Wrong.apply(*batch))
    assert not loss._forward_pre_hooks
    loss(*batch)
    assert capsys.readouterr().out == ""


def test_a_mask_that_training_gives_by_name_is_the_loss_s_own(batch, capsys):
    def masked(prediction, target, mask=None):
        error = (prediction - target).square()
        return error.mean() if mask is None else (error * mask).sum() / error.sum()

    ownloss.checked(masked)(*batch, mask=torch.ones(8, 3).triu())
    assert "mask-leak" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["function", "apply"])
def test_a_function_is_checked_once(batch, capsys, kind):
    def wrong_loss(prediction, target):
        """What it says."""
        return Wrong.apply(prediction, target)

    loss = ownloss.checked(wrong_loss if kind == "function" else Wrong.apply)
    value = loss(*batch)
    assert "24x too large" in capsys.readouterr().out
    assert torch.equal(value, loss(*batch))
    assert capsys.readouterr().out == ""
    if kind == "function":
        assert (loss.__name__, loss.__doc__) == ("wrong_loss", "What it says.")


def test_an_error_ends_the_run_where_that_is_asked_for(batch):
    loss = ownloss.checked(WrongLoss(), raise_errors=True)
    with pytest.raises(LossError, match="24x too large"):
        loss(*batch)


def test_validation_is_not_the_first_call(batch, capsys):
    loss = ownloss.checked(nn.MSELoss())
    with torch.no_grad():
        loss(*batch)
    loss(batch[0].detach(), batch[1])
    assert capsys.readouterr().out == ""
    loss(*batch)
    assert "MSELoss: " in capsys.readouterr().out


def test_the_run_is_the_same_with_and_without(capsys):
    def run(watch):
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        loss = watch(nn.Sequential(nn.Dropout(0.5)))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            loss(model(torch.randn(8, 3)).square()).mean().backward()
            optimizer.step()
        return model.weight

    assert torch.equal(run(ownloss.checked), run(lambda loss: loss))


def test_a_reference_is_passed_on(batch, capsys):
    ownloss.checked(nn.L1Loss(), reference=nn.MSELoss())(*batch)
    assert "wrong-value" in capsys.readouterr().out


def test_what_cannot_be_checked_does_not_end_the_run(capsys):
    def counts(prediction, target):
        return 1.0, prediction.sum()

    class Batch:
        requires_grad = True

    prediction = torch.ones(2, requires_grad=True)
    loss = ownloss.checked(lambda prediction, target: "text")
    assert loss(prediction, Batch()) == "text"
    assert "could not check the loss" in capsys.readouterr().out


@pytest.mark.parametrize("given", [nn.MSELoss, 3.0])
def test_what_is_no_loss_is_refused(given):
    with pytest.raises(TypeError, match="expected a loss to call"):
        ownloss.checked(given)


def test_a_loss_that_waits_can_be_copied_and_pickled(batch, capsys):
    loss = ownloss.checked(WrongLoss())
    for again in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        again(*batch)
        assert "24x too large" in capsys.readouterr().out
        again(*batch)
        assert capsys.readouterr().out == ""


def test_half_precision_of_training_does_not_touch_the_check(capsys):
    prediction = torch.randn(8, 3, requires_grad=True)
    loss = ownloss.checked(lambda p, t: (p @ p.T - t @ t.T).square().mean())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer = nn.Linear(3, 3)
        loss(layer(prediction), torch.randn(8, 3))
    assert ": right" in capsys.readouterr().out


@pytest.mark.parametrize("order", ["compile(checked)", "checked(compile)"])
@pytest.mark.parametrize("kind", ["module", "function"])
def test_it_works_under_compile(batch, capsys, order, kind):
    torch.compiler.reset()
    # A leaf: torch.compile itself warns of tensors that are none.
    prediction = batch[0].detach().requires_grad_()
    batch = prediction, batch[1]

    def mse(prediction, target):
        return (prediction - target).square().mean()

    loss = nn.MSELoss() if kind == "module" else mse
    if order == "compile(checked)":
        compiled = torch.compile(ownloss.checked(loss), backend="aot_eager")
    else:
        compiled = ownloss.checked(torch.compile(loss, backend="aot_eager"))
    value = compiled(*batch)
    assert capsys.readouterr().out.count(": right\n") == 1
    assert torch.allclose(value, mse(*batch))
    compiled(*batch)
    assert capsys.readouterr().out == ""
    # Then it is compiled as if nothing had been there.
    for inner in (loss, compiled) if kind == "module" else (loss,):
        explained = torch._dynamo.explain(original_of(inner))(*batch)
        assert explained.graph_break_count == 0
