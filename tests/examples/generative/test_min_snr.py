"""Min-SNR weighting against a loop over samples."""

import math

import numpy as np
import pytest
import torch

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    prediction, target = torch.randn(2, 4, 2, 3, dtype=torch.float64)
    snr = torch.tensor([0.0, 2.0, 7.0, 1e4], dtype=torch.float64)
    return prediction.requires_grad_(), target, snr


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("gamma", [5.0, 1.0])
def test_value_and_gradient_are_numpys(example, inputs, reduction, gamma):
    p, t, snr = (x.detach().numpy() for x in inputs)
    weight = np.array([1.0 if s == 0 else min(s, gamma) / s for s in snr])
    each = np.array(
        [w * np.mean((a - b) ** 2) for w, a, b in zip(weight, p, t, strict=True)]
    )
    expected = each if reduction == "none" else getattr(each, reduction)()
    loss = example.min_snr(*inputs, gamma=gamma, reduction=reduction)
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=0, atol=1e-9)
    upstream = {"mean": np.full(4, 0.425), "sum": np.full(4, 1.7)}
    rows = upstream.get(reduction, np.array([1.0, -2, 3, 500]))
    flow = torch.tensor(rows if reduction == "none" else 1.7, dtype=torch.float64)
    (ours,) = torch.autograd.grad(loss, inputs[0], flow)
    right = (rows * weight)[:, None, None] * 2 * (p - t) / 6
    np.testing.assert_allclose(ours.numpy(), right, rtol=0, atol=1e-9)


def test_it_is_the_capped_error_of_the_image(example, inputs):
    noise_hat, noise, _ = inputs
    snr = torch.tensor([0.1, 2.0, 7.0, 100.0], dtype=torch.float64)
    loss = example.min_snr(noise_hat, noise, snr, reduction="none")
    image_error = (noise_hat - noise) / snr.sqrt()[:, None, None]
    expected = snr.clamp(max=5) * image_error.square().mean((1, 2))
    torch.testing.assert_close(loss, expected)


def test_a_sample_may_be_one_number_and_infinity_has_no_weight(example):
    prediction, snr = torch.tensor([2.0, 3.0]), torch.tensor([math.inf, 1.0])
    loss = example.min_snr(prediction, torch.zeros(2), snr, reduction="none")
    assert loss.tolist() == [0, 9]


def test_it_is_smooth_and_has_vmap(example, inputs):
    assert torch.autograd.gradgradcheck(example.min_snr, inputs)
    rows = torch.vmap(example.min_snr)(*(x[:, None] for x in inputs))
    torch.testing.assert_close(rows.mean(), example.min_snr(*inputs))


def test_the_checker_finds_no_error(example, inputs):
    report = ownloss.check(example.min_snr, *inputs)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example, inputs):
    a, b = torch.ones(4, 3), torch.ones(4)
    for wrong in ((a, b, b), (a, a, a), (a, a, b[:3])):
        with pytest.raises(ValueError, match="must have the shapes") as error:
            example.min_snr(*wrong)
        assert all(str(tuple(x.shape)) in str(error.value) for x in wrong)
    with pytest.raises(ValueError, match=r"reduction must be .* got 'all'"):
        example.min_snr(*inputs, reduction="all")
