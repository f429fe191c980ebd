"""The mixture density against torch's and SciPy's, scalar targets and vectors."""

import re

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal


def sample(*size, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shape = (5, 3, *size)

    def draw(*shape):
        x = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return x.to(dtype).requires_grad_()

    return draw(5, 3), draw(*shape), draw(*shape), draw(5, *size)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("size", [(), (1,), (4,)])
def test_value_and_gradients_are_torchs(example, reduction, size):
    logits, mean, log_std, target = inputs = sample(*size)
    component = Normal(mean, log_std.exp())
    if size:
        component = Independent(component, 1)
    mixture = MixtureSameFamily(Categorical(logits=logits), component)
    theirs = -mixture.log_prob(target)
    if reduction != "none":
        theirs = getattr(theirs, reduction)()
    ours = example.mdn(*inputs, reduction)
    torch.testing.assert_close(ours, theirs)

    upstream = torch.linspace(1, 3, ours.numel(), dtype=torch.float64)
    upstream = upstream.reshape(ours.shape)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, upstream),
        torch.autograd.grad(theirs, inputs, upstream),
    )


def test_gradients_are_the_responsibilities(example):
    logits, mean, log_std, target = inputs = sample()
    loss = example.mdn(*inputs, "sum")
    in_logits, in_mean = torch.autograd.grad(loss, (logits, mean))
    logits, mean, log_std, target = (x.detach().numpy() for x in inputs)
    weight = special.softmax(logits, 1)
    joint = weight * stats.norm.pdf(target[:, None], mean, np.exp(log_std))
    share = joint / joint.sum(1, keepdims=True)
    torch.testing.assert_close(in_logits, torch.as_tensor(weight - share))
    expected = share * (mean - target[:, None]) * np.exp(-2 * log_std)
    torch.testing.assert_close(in_mean, torch.as_tensor(expected))


def test_one_component_is_a_gaussian(example):
    _, mean, log_std, target = sample()
    loss = example.mdn(torch.zeros(5, 1), mean[:, :1], log_std[:, :1], target)
    var = (2 * log_std[:, 0]).exp()
    theirs = torch.nn.functional.gaussian_nll_loss(mean[:, 0], target, var, full=True)
    torch.testing.assert_close(loss, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_off_targets_and_extreme_logits_stay_finite(example, dtype):
    logits = torch.tensor([[1e4, -1e4], [0.0, 0.0]], dtype=dtype, requires_grad=True)
    mean = torch.tensor([[0.0, 1.0], [-1.0, 1.0]], dtype=dtype, requires_grad=True)
    log_std = torch.zeros(2, 2, dtype=dtype, requires_grad=True)
    target = torch.tensor([1e4, -1e4], dtype=dtype)
    loss = example.mdn(logits, mean, log_std, target)
    assert loss.dtype == dtype
    assert loss.isfinite()
    for gradient in torch.autograd.grad(loss, (logits, mean, log_std)):
        assert gradient.isfinite().all()


def test_second_derivatives_are_right(example):
    assert torch.autograd.gradgradcheck(example.mdn, sample())


def test_vmap_maps_over_batches(example):
    inputs = [torch.stack([x.detach(), 2 * x.detach()]) for x in sample(2)]
    gradient = torch.func.grad(example.mdn, argnums=(0, 1, 2, 3))
    mapped = torch.func.vmap(gradient)(*inputs)
    for i in range(2):
        one = gradient(*(x[i] for x in inputs))
        torch.testing.assert_close(tuple(x[i] for x in mapped), one)


@pytest.mark.parametrize(
    "shapes",
    [
        [(4, 2), (4, 2), (4, 2), (4, 1)],
        [(4, 2), (4, 2), (4, 2), (4, 2)],
        [(4, 2), (4, 2, 3), (4, 2), (4, 3)],
        [(4, 1), (4, 2), (4, 2), (4,)],
        [(4, 2), (4, 2, 3), (4, 2, 3), (4, 1)],
        [(2,), (2,), (2,), ()],
    ],
)
def test_shapes_that_would_broadcast_are_refused(example, shapes):
    message = f"got {shapes}"
    with pytest.raises(ValueError, match=re.escape(message)):
        example.mdn(*map(torch.ones, shapes))


def test_a_reduction_that_torch_does_not_know_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.mdn(*torch.ones(3, 2, 1), torch.ones(2), "avg")
