"""The loop by hand against autograd, torch's SGD, and finite differences."""

import pytest
import torch

GENERATOR = torch.Generator().manual_seed(3)


def random(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=GENERATOR)


INPUTS, TARGET = random(7, 3), random(7, 2)
FIRST, SECOND = random(3, 5), random(5, 2)


def by_autograd(steps, learning_rate):
    layers = torch.nn.Sequential(
        torch.nn.Linear(3, 5, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(5, 2, bias=False),
    ).double()
    layers[0].weight.data, layers[2].weight.data = FIRST.T.clone(), SECOND.T.clone()
    optimizer = torch.optim.SGD(layers.parameters(), lr=learning_rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(layers(INPUTS), TARGET)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return layers[0].weight.T, layers[2].weight.T, torch.tensor(losses).double()


@pytest.mark.parametrize("steps", [1, 2, 40])
def test_weights_and_losses_are_those_of_torchs_sgd(example, steps):
    ours = example.training_loop(INPUTS, TARGET, FIRST, SECOND, 0.03, steps)
    for mine, theirs in zip(ours, by_autograd(steps, 0.03), strict=True):
        torch.testing.assert_close(mine, theirs.detach(), rtol=1e-6, atol=1e-9)


def test_every_gradient_agrees_with_autograd_and_has_its_values_shape(example):
    first, second = FIRST.clone().requires_grad_(), SECOND.clone().requires_grad_()
    loss, (hidden, active, prediction) = example.forward(INPUTS, TARGET, first, second)
    order = first, hidden, active, second, prediction
    expected = torch.autograd.grad(loss, order)
    values = hidden.detach(), active.detach(), prediction.detach()
    ours = example.backward(INPUTS, TARGET, SECOND, values)
    for value, mine, theirs in zip(order, ours, expected, strict=True):
        assert mine.shape == value.shape
        torch.testing.assert_close(mine, theirs)


def test_the_gradient_of_the_first_weights_agrees_with_finite_differences(example):
    _, values = example.forward(INPUTS, TARGET, FIRST, SECOND)
    gradient, *_ = example.backward(INPUTS, TARGET, SECOND, values)
    for index in torch.cartesian_prod(torch.arange(3), torch.arange(5)):
        step = torch.zeros_like(FIRST)
        step[tuple(index)] = 1e-6
        above, _ = example.forward(INPUTS, TARGET, FIRST + step, SECOND)
        below, _ = example.forward(INPUTS, TARGET, FIRST - step, SECOND)
        slope = (above - below).item() / 2e-6
        assert gradient[tuple(index)].item() == pytest.approx(slope, rel=1e-6)


def test_a_unit_exactly_at_its_kink_is_off_as_in_torch(example):
    zero = torch.zeros(1, 1)
    hidden = zero.clone().requires_grad_()
    hidden.relu().backward()
    _, values = example.forward(zero, zero + 1, zero + 2, zero + 3)
    _, at_kink, *_ = example.backward(zero, zero + 1, zero + 3, values)
    assert at_kink.item() == hidden.grad.item() == 0


def test_the_weights_given_are_left_alone(example):
    before = FIRST.clone(), SECOND.clone()
    example.training_loop(INPUTS, TARGET, FIRST, SECOND)
    assert torch.equal(FIRST, before[0])
    assert torch.equal(SECOND, before[1])


def test_losses_are_those_before_each_step_in_the_dtype_of_the_weights(example):
    tensors = [t.float() for t in (INPUTS, TARGET, FIRST, SECOND)]
    *_, losses = example.training_loop(*tensors, steps=5)
    assert losses.dtype == torch.float32
    assert losses.shape == (5,)
    assert losses[0] == example.forward(*tensors)[0]
    assert (losses.diff() < 0).all()


def test_a_target_that_would_broadcast_is_refused(example):
    with pytest.raises(ValueError, match=r"\(7, 2\), got \(7, 1\)"):
        example.training_loop(INPUTS, TARGET[:, :1], FIRST, SECOND)


def test_a_loop_without_a_step_is_refused(example):
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        example.training_loop(INPUTS, TARGET, FIRST, SECOND, steps=0)
