"""The gradient penalty against a critic whose gradient is written out."""

import pytest
import torch

SHAPES = [(5, 3), (1, 3), (4, 2, 3), (3, 2, 2, 2)]


class Critic(torch.nn.Module):
    """One hidden layer of tanh on the flattened samples."""

    def __init__(self, size):
        super().__init__()
        torch.manual_seed(0)
        self.inner = torch.nn.Linear(size, 4, dtype=torch.float64)
        self.outer = torch.nn.Linear(4, 1, dtype=torch.float64)

    def forward(self, x):
        return self.outer(torch.tanh(self.inner(x.flatten(1))))


def written_out(critic, real, fake, eps):
    """The same penalty: nothing in it is a derivative that autograd took."""
    terms = []
    for x, y, e in zip(real, fake, eps.flatten(), strict=True):
        hidden = torch.tanh(critic.inner((e * x + (1 - e) * y).flatten()))
        gradient = critic.inner.weight.T @ (critic.outer.weight[0] * (1 - hidden**2))
        terms.append(((gradient @ gradient) ** 0.5 - 1) ** 2)
    return sum(terms) / len(terms)


def samples(shape):
    torch.manual_seed(1)
    real, fake = torch.randn(2, *shape, dtype=torch.float64)
    return real, fake, torch.rand(shape[0], dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_value_and_gradients_are_those_of_the_written_out_penalty(example, shape):
    real, fake, eps = samples(shape)
    critic = Critic(real[0].numel())
    wanted = [real, fake, eps]
    for tensor in wanted:
        tensor.requires_grad_()
    wanted += [critic.inner.weight, critic.inner.bias, critic.outer.weight]

    ours = example.gradient_penalty(critic, real, fake, eps)
    expected = written_out(critic, real, fake, eps)
    torch.testing.assert_close(ours, expected)
    assert ours.shape == ()
    torch.testing.assert_close(
        torch.autograd.grad(-2.5 * ours, wanted),
        torch.autograd.grad(-2.5 * expected, wanted),
    )


@pytest.mark.parametrize("as_shape", [(3,), (3, 1), (3, 1, 1, 1)])
def test_eps_may_be_flat_or_broadcast_over_one_sample(example, as_shape):
    real, fake, eps = samples((3, 2, 2, 2))
    critic = Critic(8)
    found = example.gradient_penalty(critic, real, fake, eps.reshape(as_shape))
    torch.testing.assert_close(found, written_out(critic, real, fake, eps))


def test_scores_may_be_a_vector(example):
    real, fake, eps = samples((5, 3))
    critic = Critic(3)
    torch.testing.assert_close(
        example.gradient_penalty(lambda x: critic(x)[:, 0], real, fake, eps),
        example.gradient_penalty(critic, real, fake, eps),
    )


def test_share_of_one_is_the_real_and_of_zero_the_fake_sample(example):
    seen = []

    def critic(x):
        seen.append(x.detach().clone())
        return x.sum(1)

    real, fake, _ = samples((2, 3))
    example.gradient_penalty(critic, real, fake, torch.tensor([1.0, 0.0]).double())
    torch.testing.assert_close(seen[0], torch.stack([real[0], fake[1]]))


def test_second_derivatives_are_right(example):
    real, fake, eps = samples((4, 3))

    def penalty(weight, real):
        return example.gradient_penalty(
            lambda x: torch.tanh(x @ weight), real, fake, eps
        )

    weight = torch.tensor([0.3, -0.8, 0.5], dtype=torch.float64, requires_grad=True)
    inputs = (weight, real.requires_grad_())
    assert torch.autograd.gradcheck(penalty, inputs)
    assert torch.autograd.gradgradcheck(penalty, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_flat_critic_costs_one_and_gives_no_nan(example, dtype):
    weight = torch.zeros(3, dtype=dtype, requires_grad=True)
    real, fake = torch.ones(2, 3, dtype=dtype), torch.zeros(2, 3, dtype=dtype)
    eps = torch.full((2,), 0.5, dtype=dtype)
    penalty = example.gradient_penalty(lambda x: x @ weight, real, fake, eps)
    penalty.backward()
    assert penalty.dtype == dtype
    assert penalty == 1
    assert weight.grad.tolist() == [0.0, 0.0, 0.0]


def test_dead_relus_give_no_nan(example):
    inner = torch.full((3, 4), -1.0, requires_grad=True)
    real, fake, eps = (t.float().abs() for t in samples((4, 3)))
    penalty = example.gradient_penalty(
        lambda x: torch.relu(x @ inner).sum(1), real, fake, eps
    )
    penalty.backward()
    assert penalty == 1
    assert inner.grad.isfinite().all()


def test_it_can_be_read_under_no_grad(example):
    real, fake, eps = samples((5, 3))
    critic = Critic(3)
    expected = example.gradient_penalty(critic, real, fake, eps)
    with torch.no_grad():
        found = example.gradient_penalty(critic, real, fake, eps)
    assert not found.requires_grad
    assert torch.equal(found, expected)


def test_inputs_stay_as_they_are(example):
    real, fake, eps = samples((5, 3))
    before = [tensor.clone() for tensor in (real, fake, eps)]
    critic = Critic(3)
    example.gradient_penalty(critic, real, fake, eps)
    for tensor, old in zip((real, fake, eps), before, strict=True):
        assert torch.equal(tensor, old)
        assert not tensor.requires_grad
    assert all(weight.grad is None for weight in critic.parameters())


def test_func_grad_and_vmap_of_it_agree_with_backward(example):
    real, fake, eps = samples((5, 3))

    def penalty(weight):
        return example.gradient_penalty(
            lambda x: torch.tanh(x @ weight), real, fake, eps
        )

    weights = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3)
    leaf = weights[1].clone().requires_grad_()
    (expected,) = torch.autograd.grad(penalty(leaf), leaf)
    torch.testing.assert_close(torch.func.grad(penalty)(weights[1]), expected)
    each = torch.vmap(torch.func.grad(penalty))(weights)
    torch.testing.assert_close(each[1], expected)


def test_vmap_alone_raises(example):
    real, fake, eps = samples((5, 3))
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.vmap(
            lambda w: example.gradient_penalty(lambda x: x @ w, real, fake, eps)
        )(torch.ones(2, 3, dtype=torch.float64))


def test_shapes_that_would_broadcast_are_refused(example):
    real, fake, eps = samples((4, 3))
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(1, 3\)"):
        example.gradient_penalty(Critic(3), real, fake[:1], eps)
    with pytest.raises(ValueError, match=r"two dimensions, got \(4,\) and \(4,\)"):
        example.gradient_penalty(Critic(3), real[:, 0], fake[:, 0], eps)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4, 3), (1, 4)])
def test_an_eps_that_is_not_one_share_a_sample_is_refused(example, shape):
    real, fake, _ = samples((4, 3))
    with pytest.raises(ValueError, match=r"eps must .* for \(4, 3\)"):
        example.gradient_penalty(Critic(3), real, fake, torch.zeros(shape))


@pytest.mark.parametrize("reduce", [torch.mean, lambda scores: scores.expand(4, 2)])
def test_a_critic_that_returns_not_one_score_a_sample_is_refused(example, reduce):
    real, fake, eps = samples((4, 3))
    critic = Critic(3)
    with pytest.raises(ValueError, match=r"one score a sample, \(4,\) or \(4, 1\)"):
        example.gradient_penalty(lambda x: reduce(critic(x)), real, fake, eps)


def test_an_empty_batch_gives_nan_as_a_mean_does(example):
    real, fake, eps = samples((0, 3))
    assert example.gradient_penalty(Critic(3), real, fake, eps).isnan()
