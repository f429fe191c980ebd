"""Learned weights against a loop of scalars, and where they come to rest."""

import math

import pytest
import torch

import ownloss


def case():
    losses = torch.tensor([0.3, 4.0, 70.0], dtype=torch.float64, requires_grad=True)
    s = torch.tensor([0.5, -1.0, 3.0], dtype=torch.float64, requires_grad=True)
    return losses, s


def test_value_and_gradients_are_those_of_a_loop(example):
    losses, s = case()
    pairs = list(zip(losses.tolist(), s.tolist(), strict=True))
    value = sum(0.5 * loss / math.exp(v) + 0.5 * v for loss, v in pairs)
    total = example.uncertainty_weights(losses, s)
    assert total.item() == pytest.approx(value, abs=1e-12)
    gradients = torch.autograd.grad(total, (losses, s), torch.tensor(3.0).double())
    expected = (
        [1.5 / math.exp(v) for _, v in pairs],
        [1.5 * (1 - loss / math.exp(v)) for loss, v in pairs],
    )
    for gradient, wanted in zip(gradients, expected, strict=True):
        assert gradient.tolist() == pytest.approx(wanted, abs=1e-12)


def test_scalars_in_a_list_are_as_good_as_a_tensor(example):
    losses, s = case()
    scalars = [loss * 1 for loss in losses]
    total = example.uncertainty_weights(scalars, s)
    assert total == example.uncertainty_weights(losses, s)
    assert torch.autograd.grad(total, losses)[0].count_nonzero() == 3


def test_log_variances_rest_at_the_logarithm_of_the_losses(example):
    losses, _ = case()
    s = losses.detach().log().requires_grad_()
    total = example.uncertainty_weights(losses, s)
    assert total.item() == pytest.approx(0.5 * (3 + s.sum().item()))
    (gradient,) = torch.autograd.grad(total, s)
    torch.testing.assert_close(gradient, torch.zeros_like(s), rtol=0, atol=1e-12)


def test_second_derivatives_and_vmap(example):
    losses, s = case()
    assert torch.autograd.gradgradcheck(example.uncertainty_weights, (losses, s))
    rows = torch.stack([losses, 2 * losses]).detach()
    each = torch.vmap(example.uncertainty_weights, (0, None))(rows, s.detach())
    expected = [example.uncertainty_weights(row, s.detach()) for row in rows]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.uncertainty_weights, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(2,), (3, 1), ()])
def test_shapes_that_do_not_fit_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.uncertainty_weights(torch.ones(3), torch.zeros(other))
    assert f"must have the same shape (K,), got (3,) and {other}" in str(error.value)
