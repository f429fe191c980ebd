"""Flow matching against a loop over samples, and against the derivative of the path."""

import pytest
import torch

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    data, noise = torch.randn(2, 4, 3, 4, dtype=torch.float64)
    t = torch.tensor([0.0, 0.3, 0.8, 1.0], dtype=torch.float64)
    return data.requires_grad_(), noise.requires_grad_(), t


def model(x, t):
    return x.sin() * (1 + t[:, None, None])


def test_value_and_gradients_are_those_of_a_loop(example, inputs):
    data, noise, t = inputs
    errors = []
    for i in range(4):
        x = noise[i] + t[i] * (data[i] - noise[i])
        velocity = x.sin() * (1 + t[i])
        errors += [(velocity - data[i] + noise[i]) ** 2]
    expected = torch.stack(errors).sum() / (4 * 3 * 4)
    loss = example.flow_matching(model, *inputs)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-9)
    pair = [torch.autograd.grad(-1.7 * x, inputs[:2]) for x in (loss, expected)]
    torch.testing.assert_close(*pair, rtol=0, atol=1e-9)


def test_the_derivative_of_the_path_has_loss_0(example, inputs):
    data, noise, t = (x.detach() for x in inputs)
    seen = {}

    def true(x, t):
        seen["x"], seen["t"] = x, t
        later, earlier = (
            noise + (t + step)[:, None, None] * (data - noise) for step in (0.5, -0.5)
        )
        return later - earlier

    assert example.flow_matching(true, data, noise, t).item() < 1e-30
    assert seen["t"] is t
    torch.testing.assert_close(seen["x"][0], noise[0])  # t = 0 is noise
    torch.testing.assert_close(seen["x"][3], data[3])  # t = 1 is data


def test_it_is_smooth_and_vectors_and_scalars_are_samples_too(example, inputs):
    loss = lambda x, z: example.flow_matching(model, x, z, inputs[2])  # noqa: E731
    assert torch.autograd.gradgradcheck(loss, inputs[:2])
    ones, t = torch.ones(2), torch.tensor([0.0, 1.0])
    assert example.flow_matching(lambda x, t: x, ones, 0 * ones, t).item() == 0.5


def test_the_checker_finds_no_error(example, inputs):
    _, noise, t = inputs

    def loss(prediction, target):
        return example.flow_matching(lambda x, t: prediction, target, noise.detach(), t)

    report = ownloss.check(loss, inputs[0], inputs[1].detach())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    a, t = torch.ones(4, 3), torch.ones(4)
    for wrong in ((a, a[0], t), (a, a, a), (a, a, t[:3])):
        with pytest.raises(ValueError, match="must have the shapes") as error:
            example.flow_matching(lambda x, t: x, *wrong)
        assert all(str(tuple(x.shape)) in str(error.value) for x in wrong)
    with pytest.raises(ValueError, match=r"same shape, got \(4,\) and \(4, 3\)"):
        example.flow_matching(lambda x, t: t, a, a, t)
