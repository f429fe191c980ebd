"""The shape-checked squared error and the matrix, against NumPy loops over pairs."""

import numpy as np
import pytest
import torch

P = torch.tensor([[1.0, 0.5], [4.0, -2.0], [0.0, 3.0]], dtype=torch.float64)
T = torch.tensor([[1.0, 1.5], [2.0, -2.0], [-1.0, 0.0]], dtype=torch.float64)


def textbook(p, t):
    total = 0.0
    for row in range(len(p)):
        for column in range(p.shape[1]):
            total += (p[row, column] - t[row, column]) ** 2
    return total / len(p)


def finite_differences(loss, p, t, step=1e-4):
    """The mixed second differences, element by element."""
    matrix = np.zeros((p.size, t.size))
    for i in range(p.size):
        for j in range(t.size):
            for up, right in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                moved_p, moved_t = p.copy(), t.copy()
                moved_p.flat[i] += up * step
                moved_t.flat[j] += right * step
                matrix[i, j] += up * right * loss(moved_p, moved_t)
    return torch.tensor(matrix / (4 * step**2))


def all_pairs(prediction, target):
    return (prediction - target).square().sum(1).mean()


def test_value_and_gradient_are_the_textbooks(example):
    p = P.clone().requires_grad_()
    loss = example.squared_error(p, T)
    assert loss.item() == pytest.approx(textbook(P.numpy(), T.numpy()), rel=1e-12)
    (gradient,) = torch.autograd.grad(7 * loss, p)
    torch.testing.assert_close(gradient, 7 * 2 * (P - T) / 3)


def test_it_is_torchs_mean_times_the_number_of_features(example):
    theirs = 2 * torch.nn.functional.mse_loss(P.float(), T.float())
    torch.testing.assert_close(example.squared_error(P.float(), T.float()), theirs)


def test_a_target_receives_a_gradient_and_derivatives_go_on(example):
    inputs = P.clone().requires_grad_(), T.clone().requires_grad_()
    assert torch.autograd.gradcheck(example.squared_error, inputs)
    assert torch.autograd.gradgradcheck(example.squared_error, inputs)


def test_a_perfect_prediction_has_gradient_zero(example):
    gradient = torch.func.grad(example.squared_error)(P, P)
    assert gradient.abs().max() == 0


@pytest.mark.parametrize(
    ("prediction", "target"),
    [((4, 1), (4,)), ((4,), (4, 1)), ((4,), (4,)), ((4, 1), (1, 1)), ((), ())],
)
def test_other_shapes_are_refused(example, prediction, target):
    with pytest.raises(ValueError, match=r"\(N, features\), got \(") as error:
        example.squared_error(torch.zeros(prediction), torch.zeros(target))
    assert str(error.value).endswith(f"{prediction} and {target}")


def test_each_prediction_meets_its_own_target_only(example):
    matrix = example.broadcast_matrix(example.squared_error, P, T)
    torch.testing.assert_close(matrix, -2 / 3 * torch.eye(6, dtype=torch.float64))


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_broadcast_shapes_meet_all_with_all(example, samples):
    prediction = torch.arange(1.0, samples + 1)[:, None]
    matrix = example.broadcast_matrix(all_pairs, prediction, prediction.squeeze(1))
    expected = torch.full((samples, samples), -2 / samples)
    torch.testing.assert_close(matrix, expected)


def test_the_matrix_agrees_with_finite_differences(example):
    def loss(p, t):
        return ((p - t) ** 4).mean() + (p[0, 0] * t[2, 1]) ** 2

    matrix = example.broadcast_matrix(loss, P, T)
    expected = finite_differences(loss, P.numpy(), T.numpy())
    torch.testing.assert_close(matrix, expected, rtol=1e-5, atol=1e-5)


def test_a_perfect_prediction_broadcast_costs_10(example):
    flat = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert all_pairs(flat[:, None], flat) == 10
    gradient = torch.func.grad(all_pairs)(flat[:, None], flat)
    assert gradient.flatten().tolist() == [-3, -1, 1, 3]
