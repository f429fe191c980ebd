"""The tangent against NumPy's slopes by finite differences, and by hand."""

import numpy as np
import pytest
import torch

TARGET = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], dtype=torch.float64)
PREDICTION = torch.tensor([[0.3, 1.0, 2.0], [-1.0, 2.5, 0.1]], dtype=torch.float64)
ELSEWHERE = PREDICTION + torch.linspace(-2, 3, 6, dtype=torch.float64).reshape(2, 3)


def log_cosh(prediction):
    return (prediction - TARGET).cosh().log().sum()


def by_finite_differences(prediction, elsewhere):
    def loss(p):
        return np.log(np.cosh(p - TARGET.numpy())).sum()

    height = loss(prediction.numpy())
    for index in np.ndindex(*prediction.shape):
        step = np.zeros(prediction.shape)
        step[index] = 1e-6
        rise = loss(prediction.numpy() + step) - loss(prediction.numpy() - step)
        height += rise / 2e-6 * (elsewhere[index] - prediction[index]).item()
    return torch.tensor(height)


def test_heights_elsewhere_agree_with_finite_differences(example):
    line = example.tangent(log_cosh, PREDICTION)
    expected = by_finite_differences(PREDICTION, ELSEWHERE)
    torch.testing.assert_close(line(ELSEWHERE), expected, rtol=1e-7, atol=1e-7)


def test_it_touches_the_loss(example):
    line = example.tangent(log_cosh, PREDICTION)
    assert line(PREDICTION) == log_cosh(PREDICTION)


def test_its_slopes_are_the_gradient_everywhere(example):
    line = example.tangent(log_cosh, PREDICTION)
    expected = (PREDICTION - TARGET).tanh()
    for at in (PREDICTION, ELSEWHERE):
        torch.testing.assert_close(torch.func.grad(line)(at), expected)


def test_the_gap_shrinks_with_the_square_of_the_step(example):
    line = example.tangent(log_cosh, PREDICTION)
    away = ELSEWHERE - PREDICTION
    gaps = [
        log_cosh(PREDICTION + step * away) - line(PREDICTION + step * away)
        for step in (1e-2, 1e-3)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(100, rel=0.05)


def test_the_tangent_of_a_straight_line_is_that_line(example):
    line = example.tangent(lambda p: 3 * p.sum() + 1, torch.zeros(4))
    assert line(torch.tensor([1.0, 2.0, 3.0, 4.0])).item() == 31.0


def test_one_tangent_serves_many_places_by_vmap(example):
    line = example.tangent(log_cosh, PREDICTION)
    places = torch.stack([PREDICTION, ELSEWHERE])
    heights = torch.stack([line(place) for place in places])
    torch.testing.assert_close(torch.vmap(line)(places), heights)


def test_its_height_has_a_gradient_with_respect_to_where_it_touches(example):
    def height(prediction):
        return example.tangent(log_cosh, prediction)(ELSEWHERE)

    assert torch.autograd.gradcheck(height, PREDICTION.clone().requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_heights_have_the_dtype_of_the_prediction(example, dtype):
    line = example.tangent(torch.sum, torch.ones(2, dtype=dtype))
    assert line(torch.zeros(2, dtype=dtype)).dtype == dtype


def test_a_place_of_another_shape_is_refused(example):
    line = example.tangent(torch.sum, torch.zeros(4))
    with pytest.raises(ValueError, match=r"\(4,\), got \(4, 1\)"):
        line(torch.zeros(4, 1))
