"""Cox's partial likelihood against its definition, row by row."""

import re

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

TIME = [3.0, 1.0, 3.0, 2.0, 3.0, 1.0, 7.0, 2.5]
EVENT = [1, 1, 1, 0, 0, 1, 0, 1]
RISK = [0.5, -1.0, 2.0, 0.3, 1.0, 0.0, -0.7, 0.9]


def sample(dtype=torch.float64):
    risk = torch.tensor(RISK, dtype=dtype, requires_grad=True)
    return risk, torch.tensor(EVENT), torch.tensor(TIME, dtype=dtype)


def definition(risk, event, time, upstream):
    """Loss of each row, and the gradient of their sum weighted by upstream."""
    value, gradient = np.zeros(len(risk)), np.zeros(len(risk))
    for i in np.flatnonzero(event):
        at_risk = np.flatnonzero(time >= time[i])
        value[i] = logsumexp(risk[at_risk]) - risk[i]
        share = np.exp(risk[at_risk] - logsumexp(risk[at_risk]))
        gradient[at_risk] += upstream[i] * share
        gradient[i] -= upstream[i]
    return value, gradient


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float64])
def test_value_and_gradient_are_the_definitions(example, reduction, dtype):
    risk, event, time = sample()
    loss = example.cox_ph(risk, event.to(dtype), time, reduction)
    upstream = torch.linspace(1, 3, loss.numel(), dtype=torch.float64)
    upstream = upstream.reshape(loss.shape)
    (gradient,) = torch.autograd.grad(loss, risk, upstream)

    weight = upstream.numpy() * np.ones(8) / (5 if reduction == "mean" else 1)
    value, expected = definition(*map(np.array, (RISK, EVENT, TIME)), weight)
    if reduction != "none":
        value = value.sum() / (5 if reduction == "mean" else 1)
    torch.testing.assert_close(loss.detach(), torch.as_tensor(value))
    torch.testing.assert_close(gradient, torch.as_tensor(expected))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_any_number_of_rows_has_its_own_risk_sets(example, size):
    generator = np.random.default_rng(size)
    risk, time = generator.normal(size=size), generator.integers(0, 20, size)
    event = generator.random(size) < 0.6
    expected, _ = definition(risk, event, time, np.ones(size))
    loss = example.cox_ph(*map(torch.as_tensor, (risk, event, time)), "none")
    torch.testing.assert_close(loss, torch.as_tensor(expected))


def test_the_order_of_the_rows_does_not_matter(example):
    risk, event, time = sample()
    each = example.cox_ph(risk, event, time, "none")
    for seed in range(5):
        rows = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
        shuffled = example.cox_ph(risk[rows], event[rows], time[rows], "none")
        torch.testing.assert_close(shuffled, each[rows])


def test_without_events_loss_and_gradient_are_zero(example):
    for risk in (torch.zeros(0), torch.tensor([1.0, 2.0])):
        risk.requires_grad_()
        loss = example.cox_ph(risk, torch.zeros_like(risk), torch.ones_like(risk))
        assert loss.item() == 0
        (gradient,) = torch.autograd.grad(loss, risk)
        assert torch.equal(gradient, torch.zeros_like(risk))


def test_extreme_risks_stay_finite(example):
    _, event, time = sample(torch.float32)
    risk = torch.tensor([1e4, -1e4, 0.0, 1e4, 5.0, -1e4, 3.0, 2.0], requires_grad=True)
    loss = example.cox_ph(risk, event, time, "sum")
    (gradient,) = torch.autograd.grad(loss, risk)
    value, expected = definition(
        risk.detach().double().numpy(), *map(np.array, (EVENT, TIME)), np.ones(8)
    )
    assert loss.item() == pytest.approx(value.sum(), rel=1e-6)
    torch.testing.assert_close(gradient.double(), torch.as_tensor(expected))


def test_second_derivatives_are_right(example):
    risk, event, time = sample()
    assert torch.autograd.gradgradcheck(example.cox_ph, (risk, event, time))


def test_torchs_own_cumulative_sum_would_not_do(example):
    risk, event, _ = sample()

    def hessian(cumulate):
        def squared(x):
            return (cumulate(x) @ event.double()) ** 2

        return torch.func.jacrev(torch.func.grad(squared))(risk.detach())

    def by_definition(x):
        return torch.stack([x[: i + 1].logsumexp(0) for i in range(8)])

    right = hessian(by_definition)
    torch.testing.assert_close(hessian(example.log_cumsum_exp), right)
    # If this fails, torch has been mended: take torch.logcumsumexp in the example.
    assert not torch.allclose(hessian(lambda x: x.logcumsumexp(0)), right)


def test_second_derivatives_are_right_at_equal_risks(example):
    risk = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    event, time = torch.ones(4), torch.arange(4.0)
    assert torch.autograd.gradgradcheck(example.cox_ph, (risk, event, time))


def test_vmap_maps_over_studies(example):
    risk, event, time = (torch.stack([x, x.flip(0)]) for x in sample())
    risk, event = risk.detach(), torch.stack([event[0], event[0]])
    gradient = torch.func.grad(example.cox_ph)
    mapped = torch.func.vmap(gradient)(risk, event, time)
    for i in range(2):
        one = gradient(risk[i], event[i], time[i])
        torch.testing.assert_close(mapped[i], one)


@pytest.mark.parametrize(
    "shapes", [[(4, 1), 4, 4], [4, (4, 1), 4], [4, 4, 1], [(4, 1)] * 3]
)
def test_shapes_that_would_broadcast_are_refused(example, shapes):
    tensors = [torch.ones(shape) for shape in shapes]
    message = "got {}, {} and {}".format(*(tuple(x.shape) for x in tensors))
    with pytest.raises(ValueError, match=re.escape(message)):
        example.cox_ph(*tensors)


def test_a_reduction_that_torch_does_not_know_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.cox_ph(*torch.ones(3, 2), reduction="avg")


def test_ten_thousand_events_in_half_precision_do_not_overflow(example):
    """The mean is near 8; the sum of the losses passes 65,504."""
    risk = torch.zeros(10_000)
    event, time = torch.ones(10_000), torch.arange(10_000.0)
    exact = example.cox_ph(risk, event, time)
    half = example.cox_ph(risk.half(), event.half(), time)
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), exact, atol=0.05, rtol=0)
