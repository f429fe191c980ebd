"""Bradley-Terry against its probabilities in NumPy and SciPy's logistic tails."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit

import ownloss


def case(dtype=torch.float64):
    chosen = torch.linspace(-3, 4, 12, dtype=dtype).sin().mul(3).reshape(3, 4)
    rejected = torch.linspace(1, 9, 12, dtype=dtype).cos().mul(2).reshape(3, 4)
    return chosen.requires_grad_(), rejected.requires_grad_()


@pytest.mark.parametrize("margin", ["none", "number", "one", "each"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, margin, reduction):
    chosen, rejected = case()
    each = torch.linspace(0, 2, 12).double().reshape(3, 4)
    margin = {"none": 0.0, "number": 0.7, "one": torch.tensor([0.7]), "each": each}[
        margin
    ]
    difference = (chosen - rejected - margin).detach().numpy()
    values = -log_expit(difference)
    loss = example.bradley_terry(chosen, rejected, margin, reduction)
    expected = {"mean": values.mean(), "sum": values.sum(), "none": values}[reduction]
    np.testing.assert_allclose(loss.detach(), expected, rtol=0, atol=1e-12)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    up, down = torch.autograd.grad(loss, (chosen, rejected), upstream)
    slope = -expit(-difference) * upstream.numpy() / (12 if reduction == "mean" else 1)
    np.testing.assert_allclose(up, slope, rtol=0, atol=1e-12)
    np.testing.assert_allclose(down, -slope, rtol=0, atol=1e-12)


def test_it_is_the_logarithm_of_the_share_of_strengths(example):
    strengths = torch.tensor([3.0, 1.0], dtype=torch.float64)
    loss = example.bradley_terry(*strengths.log())
    assert loss.item() == pytest.approx(-np.log(3 / 4), abs=1e-15)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_far_tails_are_finite(example, dtype):
    chosen = torch.tensor([1e4, -1e4], dtype=dtype, requires_grad=True)
    loss = example.bradley_terry(chosen, torch.zeros_like(chosen), reduction="none")
    assert loss.tolist() == [0, 1e4]
    (gradient,) = torch.autograd.grad(loss.sum(), chosen)
    assert gradient.tolist() == [0, -1]


def test_it_is_smooth_and_has_a_second_derivative(example):
    assert torch.autograd.gradgradcheck(example.bradley_terry, case())


def test_vmap_is_a_loop(example):
    chosen, rejected = (x.detach() for x in case())
    each = torch.vmap(example.bradley_terry)(chosen, rejected)
    rows = zip(chosen, rejected, strict=True)
    expected = torch.stack([example.bradley_terry(*row) for row in rows])
    torch.testing.assert_close(each, expected)


def test_the_checker_agrees(example):
    report = ownloss.check(example.bradley_terry, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(4,), (3, 1), (1, 4), ()])
def test_shapes_that_would_broadcast_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.bradley_terry(torch.zeros(3, 4), torch.zeros(other))
    assert f"must have the same shape, got (3, 4) and {other}" in str(error.value)


def test_a_margin_of_another_shape_and_an_unknown_reduction_are_refused(example):
    chosen, rejected = case()
    with pytest.raises(ValueError, match=r"margin .* got \(4,\) and \(3, 4\)"):
        example.bradley_terry(chosen, rejected, torch.zeros(4))
    with pytest.raises(ValueError, match=r"reduction .* got 'max'"):
        example.bradley_terry(chosen, rejected, reduction="max")
