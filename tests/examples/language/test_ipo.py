"""IPO against NumPy."""

import numpy as np
import pytest
import torch

import ownloss


def inputs(count):
    torch.manual_seed(0)
    pair = -4 * torch.rand(count, 7, dtype=torch.float64)
    return [x.requires_grad_() for x in pair]


@pytest.mark.parametrize("tau", [0.1, 0.5, 3.0])
def test_value_and_gradient_are_numpys(example, tau):
    given = inputs(4)
    c, r, ref_c, ref_r = (x.detach().numpy() for x in given)
    ratio = np.log(np.exp(c) * np.exp(ref_r) / (np.exp(r) * np.exp(ref_c)))
    loss = example.ipo(*given, tau=tau)
    assert loss.item() == pytest.approx(np.mean((ratio - 1 / (2 * tau)) ** 2), abs=1e-9)
    gradients = torch.autograd.grad(-1.7 * loss, given)
    for gradient, sign in zip(gradients, (1, -1, -1, 1), strict=True):
        expected = -1.7 * sign * (2 * ratio - 1 / tau) / 7
        np.testing.assert_allclose(gradient.numpy(), expected, rtol=0, atol=1e-9)


def test_it_is_smooth_has_vmap_and_an_empty_batch(example):
    assert torch.autograd.gradgradcheck(example.ipo, inputs(4))
    mean = torch.vmap(example.ipo)(*inputs(4)).mean()
    torch.testing.assert_close(mean, example.ipo(*inputs(4)))
    assert example.ipo(*torch.ones(4, 0)) == 0


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.ipo, *inputs(4))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    three = torch.ones(3, 4)
    with pytest.raises(ValueError, match=r"same shape, got .*\(3, 4\) and \(4,\)"):
        example.ipo(three, three, three, torch.ones(4))
