"""DPO against NumPy's formula, and against values worked by hand."""

import math

import numpy as np
import pytest
import torch


@pytest.fixture
def four():
    torch.manual_seed(0)
    return tuple(
        (-20 * torch.rand(6, dtype=torch.float64)).requires_grad_() for _ in range(4)
    )


@pytest.mark.parametrize("beta", [0.01, 0.1, 2.0])
def test_value_and_gradients_are_those_of_the_formula(example, four, beta):
    loss = example.dpo(*four, beta=beta)
    chosen, rejected, ref_chosen, ref_rejected = (x.detach().numpy() for x in four)
    margin = chosen - ref_chosen - rejected + ref_rejected
    expected = np.log1p(np.exp(-beta * margin)).mean()
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-10)

    gradients = torch.autograd.grad(-0.3 * loss, four)
    pull = -0.3 * -beta / (1 + np.exp(beta * margin)) / 6
    for gradient, sign in zip(gradients, (1, -1, -1, 1), strict=True):
        np.testing.assert_allclose(gradient, sign * pull, atol=1e-14)


def test_a_model_like_its_reference_has_log_two(example, four):
    loss = example.dpo(four[0], four[1], four[0], four[1])
    assert loss.item() == pytest.approx(np.log(2))


def test_the_fitted_margin_is_the_log_odds_of_the_preferences_over_beta(example):
    margin = torch.tensor(np.log(4) / 0.1, requires_grad=True)
    pairs = torch.stack([margin] * 8 + [-margin] * 2)
    zero = torch.zeros_like(pairs)
    example.dpo(pairs, zero, zero, zero).backward()
    assert abs(margin.grad.item()) < 1e-12


@pytest.mark.parametrize(("margin", "value", "slope"), [(-1e4, 1e3, -0.1), (1e4, 0, 0)])
def test_large_margins_stay_finite(example, margin, value, slope):
    chosen = torch.tensor([margin], requires_grad=True)
    zero = torch.zeros(1)
    loss = example.dpo(chosen, zero, zero, zero)
    loss.backward()
    assert loss.item() == pytest.approx(value)
    assert chosen.grad.item() == pytest.approx(slope)


def test_second_derivatives_are_right(example, four):
    assert torch.autograd.gradgradcheck(example.dpo, four)


def test_vmap_of_grad_gives_one_gradient_a_pair(example, four):
    four = tuple(x.detach() for x in four)
    pairs = torch.vmap(torch.func.grad(example.dpo))(*four)
    torch.testing.assert_close(pairs / 6, torch.func.grad(example.dpo)(*four))


def test_no_pairs_are_0(example):
    empty = [torch.zeros(0, requires_grad=True)] * 4
    loss = example.dpo(*empty)
    loss.backward()
    assert loss == 0


def test_reductions_are_over_the_pairs(example, four):
    each = example.dpo(*four, 0.3, reduction="none")
    policy = four[0] - four[1]
    reference = four[2] - four[3]
    expected = torch.log1p(torch.exp(-0.3 * (policy - reference)))
    torch.testing.assert_close(each, expected)
    for reduction in ("mean", "sum"):
        ours = example.dpo(*four, 0.3, reduction)
        torch.testing.assert_close(ours, getattr(expected, reduction)())
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.dpo(*four, reduction="avg")


@pytest.mark.parametrize("odd", range(4))
def test_shapes_that_would_broadcast_are_refused(example, odd):
    shapes = [(4,)] * 4
    shapes[odd] = (4, 1)
    message = ", ".join(map(str, shapes[:3])) + f" and {shapes[3]}"
    with pytest.raises(ValueError, match="the same shape") as error:
        example.dpo(*map(torch.zeros, shapes))
    assert message in str(error.value)


@pytest.mark.parametrize("beta", [0.0, -1.0])
def test_a_beta_that_is_not_positive_is_refused(example, beta):
    with pytest.raises(
        ValueError, match=f"beta must be positive and finite, got {beta}"
    ):
        example.dpo(*[torch.zeros(2)] * 4, beta=beta)


def test_an_infinite_beta_is_refused(example):
    with pytest.raises(ValueError, match=r"beta must be .*finite.* got inf"):
        example.dpo(*4 * [torch.zeros(2)], beta=math.inf)
