"""The residual of u'' + k^2 u against second derivatives written out."""

import pytest
import torch


class Network(torch.nn.Module):
    """One hidden layer of tanh, and its second derivative by hand."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner = torch.nn.Linear(1, 5, dtype=torch.float64)
        self.outer = torch.nn.Linear(5, 1, dtype=torch.float64)

    def forward(self, x):
        return self.outer(torch.tanh(self.inner(x)))

    def second_derivative(self, x):
        hidden = torch.tanh(self.inner(x))
        bent = -2 * hidden * (1 - hidden**2) * self.inner.weight[:, 0] ** 2
        return bent @ self.outer.weight.T


def points(number=6):
    return torch.linspace(-1.5, 2, number, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("number", [1, 6])
@pytest.mark.parametrize("k", [0.0, 2.5, -3])
def test_value_and_gradients_are_those_of_the_written_out_residual(example, number, k):
    model = Network()
    x = points(number).requires_grad_()
    wanted = [x, model.inner.weight, model.inner.bias, model.outer.weight]

    ours = example.pinn_residual(model, x, k)
    residual = model.second_derivative(x) + k**2 * model(x)
    expected = (residual**2).sum() / number
    torch.testing.assert_close(ours, expected)
    assert ours.shape == ()
    torch.testing.assert_close(
        torch.autograd.grad(-2.5 * ours, wanted),
        torch.autograd.grad(-2.5 * expected, wanted),
    )


def test_a_sine_of_the_right_frequency_has_no_residual(example):
    x, k = points(), 2.7
    for solution in (torch.sin, torch.cos):
        assert example.pinn_residual(lambda x, f=solution: f(k * x), x, k) < 1e-28


def test_the_gradient_by_a_learned_wave_number_is_right(example):
    x = points()
    k = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    w = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)

    def loss(w, k):
        return example.pinn_residual(lambda x: (w * x).sin(), x, k)

    expected = ((k**2 - w**2) * (w * x).sin()).square().mean()
    torch.testing.assert_close(loss(w, k), expected)
    assert torch.autograd.gradcheck(loss, (w, k))
    assert torch.autograd.gradgradcheck(loss, (w, k))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_straight_lines_have_no_curvature_and_no_error(example, dtype):
    x = torch.tensor([[1.0], [3.0]], dtype=dtype)
    a = torch.tensor(2.0, dtype=dtype, requires_grad=True)
    loss = example.pinn_residual(lambda x: a * x, x, 1.0)
    loss.backward()
    assert loss.dtype == dtype
    assert loss == 20  # (2^2 + 6^2) / 2
    assert a.grad == 20
    assert example.pinn_residual(lambda x: 2 * x, x, 1.0) == 20


def test_relu_networks_are_seen_as_straight(example):
    torch.manual_seed(0)
    layers = torch.nn.Linear(1, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)
    model = torch.nn.Sequential(*layers).double()
    loss = example.pinn_residual(model, points(), 2.0)
    torch.testing.assert_close(loss, (4 * model(points())).square().mean())


def test_it_can_be_read_under_no_grad(example):
    model = Network()
    expected = example.pinn_residual(model, points(), 2.0)
    with torch.no_grad():
        found = example.pinn_residual(model, points(), 2.0)
    assert not found.requires_grad
    assert torch.equal(found, expected)


def test_inputs_stay_as_they_are(example):
    model, x = Network(), points()
    example.pinn_residual(model, x, 2.0)
    assert torch.equal(x, points())
    assert not x.requires_grad
    assert all(weight.grad is None for weight in model.parameters())


def test_func_grad_and_vmap_of_it_agree_with_backward(example):
    def loss(w):
        return example.pinn_residual(lambda x: (w * x).sin(), points(), 2.0)

    w = torch.tensor([0.7, 1.3], dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(loss(w[0]) + loss(w[1]), w)
    torch.testing.assert_close(torch.func.grad(loss)(w.detach()[0]), expected[0])
    torch.testing.assert_close(torch.vmap(torch.func.grad(loss))(w.detach()), expected)


def test_vmap_alone_raises(example):
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.vmap(
            lambda w: example.pinn_residual(lambda x: (w * x).sin(), points(), 2.0)
        )(torch.ones(2))


@pytest.mark.parametrize("shape", [(), (4,), (1, 4), (4, 2), (4, 1, 1)])
def test_points_of_another_shape_are_refused(example, shape):
    with pytest.raises(ValueError, match=r"x must have the shape \(N, 1\), got"):
        example.pinn_residual(torch.sin, torch.zeros(shape), 1.0)


def test_a_model_that_returns_another_shape_is_refused(example):
    with pytest.raises(ValueError, match=r"\(6, 1\), got \(6,\)"):
        example.pinn_residual(lambda x: x[:, 0].sin(), points(), 1.0)


def test_an_empty_batch_gives_nan_as_a_mean_does(example):
    assert example.pinn_residual(torch.sin, points(0), 1.0).isnan()
