"""The ELBO against torch.distributions."""

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 2, 4, dtype=torch.float64)
    mean, log_var = torch.randn(2, 3, 5, dtype=torch.float64)
    return [x.requires_grad_() for x in (logits, target.sigmoid(), mean, log_var)]


@pytest.mark.parametrize("beta", [1.0, 0.0, 4.0])
def test_value_and_gradients_are_those_of_the_distributions(example, inputs, beta):
    logits, target, mean, log_var = inputs
    total = 0
    for i in range(3):
        pixels = Bernoulli(logits=logits[i], validate_args=False)
        latent = Normal(mean[i], log_var[i].exp().sqrt())
        divergence = kl_divergence(latent, Normal(0.0, 1.0)).sum()
        total = total - pixels.log_prob(target[i]).sum() + beta * divergence
    loss = example.elbo(*inputs, beta=beta)
    torch.testing.assert_close(loss, total / 3, rtol=0, atol=1e-9)
    pair = [torch.autograd.grad(-1.7 * x, inputs) for x in (loss, total / 3)]
    torch.testing.assert_close(*pair, rtol=0, atol=1e-9)


def test_far_tails_half_precision_and_an_empty_batch(example):
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = example.elbo(logits, torch.tensor([[0.0, 0.0]]), *torch.zeros(2, 1, 1))
    assert loss.item() == 1e4
    assert torch.autograd.grad(loss, logits)[0].tolist() == [[1, 0]]
    many = torch.zeros(4, 50_000, dtype=torch.float16)
    short = example.elbo(many, many, many[:, :1], many[:, :1])
    assert short.dtype == torch.float16 and short.item() == pytest.approx(34657, 1e-3)
    assert example.elbo(*[torch.ones(0, 3)] * 4) == 0


def test_it_is_smooth_and_has_vmap(example, inputs):
    assert torch.autograd.gradgradcheck(example.elbo, inputs)
    rows = torch.vmap(example.elbo)(*(x[:, None] for x in inputs))
    torch.testing.assert_close(rows.mean(), example.elbo(*inputs))


def test_the_checker_finds_no_error(example, inputs):
    logits, target, mean, log_var = inputs
    report = ownloss.check(example.elbo, logits, target.detach(), mean, log_var)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    a, m = torch.ones(3, 4), torch.ones(3, 2)
    with pytest.raises(ValueError, match=r"same shape, got \(3, 4\) and \(4,\)"):
        example.elbo(a, a[0], m, m)
    for wrong in ((m, m[0]), (m[:2], m[:2])):
        with pytest.raises(ValueError, match="mean and log_var must") as error:
            example.elbo(a, a, *wrong)
        assert "got {} and {}".format(*(tuple(x.shape) for x in wrong)) in str(
            error.value
        )
