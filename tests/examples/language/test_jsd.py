"""The generalized Jensen-Shannon divergence against SciPy."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    student = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    return student, torch.randn(4, 6, dtype=torch.float64)


@pytest.mark.parametrize("beta", [0.5, 0.1, 0.99])
def test_value_and_gradient_are_scipys(example, inputs, beta):
    q, p = (softmax(x.detach().numpy(), axis=1) for x in inputs)
    m = beta * p + (1 - beta) * q
    expected = beta * rel_entr(p, m) + (1 - beta) * rel_entr(q, m)
    loss = example.jsd(*inputs, beta=beta)
    assert loss.item() == pytest.approx(expected.sum(1).mean(), abs=1e-9)
    slope = (1 - beta) * q * np.log(q / m)  # by log q; through the softmax:
    slope = (slope - q * slope.sum(1, keepdims=True)) / 4
    (ours,) = torch.autograd.grad(-1.7 * loss, inputs[0])
    np.testing.assert_allclose(ours.numpy(), -1.7 * slope, rtol=0, atol=1e-9)


def test_a_half_is_the_square_of_scipys_distance(example, inputs):
    from scipy.spatial.distance import jensenshannon

    p, q = (softmax(x.detach().numpy(), axis=1) for x in inputs)
    expected = (jensenshannon(p, q, axis=1) ** 2).mean()
    assert example.jsd(*inputs).item() == pytest.approx(expected, abs=1e-9)


def test_further_dimensions_are_rows(example, inputs):
    apart = [x.reshape(2, 2, 6) for x in inputs]
    torch.testing.assert_close(example.jsd(*apart), example.jsd(*inputs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_masked_classes_and_far_tails_are_finite(example, dtype):
    inf = torch.inf
    student = torch.tensor([[0, 1, -inf], [0, 1e4, 0]], dtype=dtype, requires_grad=True)
    teacher = torch.tensor([[1, 0, -inf], [1e4, 0, 0]], dtype=dtype)
    loss = example.jsd(student, teacher)
    (gradient,) = torch.autograd.grad(loss, student)
    assert loss.isfinite() and gradient.isfinite().all()
    short = example.jsd(student[:1, :2], teacher[:1, :2])
    torch.testing.assert_close(example.jsd(student[:1], teacher[:1]), short)


def test_it_is_smooth_has_vmap_and_an_empty_batch(example, inputs):
    assert torch.autograd.gradgradcheck(example.jsd, inputs)
    rows = torch.vmap(example.jsd)(*inputs)
    torch.testing.assert_close(rows.mean(), example.jsd(*inputs))
    assert example.jsd(torch.ones(0, 3), torch.ones(0, 3)) == 0


def test_the_checker_finds_no_error(example, inputs):
    report = ownloss.check(example.jsd, *inputs)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example, inputs):
    with pytest.raises(ValueError, match=r"same shape .* got \(3, 4\) and \(4,\)"):
        example.jsd(torch.ones(3, 4), torch.ones(4))
    for beta in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match=f"beta must be .* got {beta}"):
            example.jsd(*inputs, beta=beta)
