"""The wrong gradient against the right one, and what optimizers make of it."""

import pytest
import torch


def right(prediction, target):
    return torch.nn.functional.mse_loss(prediction, target, reduction="sum") / len(
        prediction
    )


def batch(samples, dtype=torch.float64):
    values = torch.linspace(-3, 2, 4 * samples, dtype=dtype)
    prediction, target = values.reshape(2, samples, 2)
    return prediction.clone().requires_grad_(), target.clone().requires_grad_()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("samples", [1, 2, 7, 32])
def test_the_value_is_right_and_the_gradient_n_times_too_large(example, samples, dtype):
    inputs = batch(samples, dtype)
    ours, theirs = example.adam_hides_scale(*inputs), right(*inputs)
    torch.testing.assert_close(ours, theirs)
    wrong = torch.autograd.grad(3 * ours, inputs)
    expected = [3 * samples * g for g in torch.autograd.grad(theirs, inputs)]
    torch.testing.assert_close(list(wrong), expected)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_gradcheck_is_content_with_one_sample_only(example, samples):
    content = torch.autograd.gradcheck(
        example.adam_hides_scale, batch(samples), raise_exception=False
    )
    assert content == (samples == 1)


def test_it_is_wrong_under_vmap_and_func_grad_in_the_same_way(example):
    prediction, target = (tensor.detach() for tensor in batch(4))
    gradient = torch.vmap(torch.func.grad(example.adam_hides_scale))
    pairs = prediction.reshape(2, 2, 2), target.reshape(2, 2, 2)
    torch.testing.assert_close(gradient(*pairs), 2 * (pairs[0] - pairs[1]))


def train(loss, make_optimizer, penalty):
    inputs = torch.linspace(-1, 1, 32, dtype=torch.float64)[:, None] ** torch.arange(3)
    target = inputs @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64)
    weights = torch.zeros(3, 1, dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer([weights])
    for _ in range(100):
        optimizer.zero_grad()
        (loss(inputs @ weights, target) + penalty * weights.abs().sum()).backward()
        optimizer.step()
    return weights.detach()


def sgd(weights):
    return torch.optim.SGD(weights, lr=0.1)


def adam(weights):
    return torch.optim.Adam(weights, lr=0.02)


def test_sgd_shows_it(example):
    assert train(right, sgd, 0).isfinite().all()
    assert train(example.adam_hides_scale, sgd, 0).abs().max() > 1e30


def test_adam_hides_it(example):
    wrong = train(example.adam_hides_scale, adam, 0)
    torch.testing.assert_close(wrong, train(right, adam, 0), rtol=1e-5, atol=0)


def test_beside_the_wrong_gradient_a_penalty_counts_32_times_too_little(example):
    wrong = train(example.adam_hides_scale, adam, 0.1)
    expected = train(right, adam, 0.1 / 32)
    torch.testing.assert_close(wrong, expected, rtol=1e-5, atol=0)
    assert not torch.allclose(wrong, train(right, adam, 0.1), rtol=1e-2)


@pytest.mark.parametrize(
    ("prediction", "target"), [((4, 1), (4,)), ((4,), (4,)), ((4, 1), (4, 2))]
)
def test_other_shapes_are_refused(example, prediction, target):
    with pytest.raises(ValueError, match=r"\(N, features\), got") as error:
        example.adam_hides_scale(torch.zeros(prediction), torch.zeros(target))
    assert str(error.value).endswith(f"{prediction} and {target}")
