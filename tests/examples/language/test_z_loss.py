"""The z-loss against NumPy and SciPy, and against its formula."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return torch.randn(4, 6, dtype=torch.float64, requires_grad=True)


def test_value_and_gradient_are_those_of_the_formula(example, logits):
    loss = example.z_loss(logits)
    rows = logits.detach().numpy()
    log_z = logsumexp(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(loss.item(), (log_z**2).mean(), rtol=1e-12)
    (gradient,) = torch.autograd.grad(-0.7 * loss, logits)
    expected = -0.7 * 2 * log_z * softmax(rows, axis=1) / 4
    np.testing.assert_allclose(gradient, expected, atol=1e-12)


def test_rows_of_any_shape_count_alike(example, logits):
    torch.testing.assert_close(
        example.z_loss(logits.reshape(2, 2, 6)), example.z_loss(logits)
    )
    torch.testing.assert_close(
        torch.stack([example.z_loss(row) for row in logits]).mean(),
        example.z_loss(logits),
    )


def test_probabilities_are_content(example, logits):
    normal = logits.detach().log_softmax(1).requires_grad_()
    loss = example.z_loss(normal)
    loss.backward()
    assert loss.item() < 1e-25
    assert normal.grad.abs().max() < 1e-12


def test_logits_of_ten_thousand_do_not_overflow(example):
    logits = torch.tensor([[1e4, 0.0], [-1e4, -2e4]], requires_grad=True)
    loss = example.z_loss(logits)
    loss.backward()
    assert loss.item() == 1e8
    assert logits.grad.tolist() == [[1e4, 0.0], [-1e4, 0.0]]


def test_second_derivatives_are_right(example, logits):
    assert torch.autograd.gradgradcheck(example.z_loss, logits)


def test_vmap_of_grad_gives_one_gradient_a_row(example, logits):
    rows = torch.vmap(torch.func.grad(example.z_loss))(logits.detach())
    whole = torch.func.grad(example.z_loss)(logits.detach())
    torch.testing.assert_close(rows / 4, whole)


def test_dtype_is_that_of_the_logits(example, logits):
    assert example.z_loss(logits.float()).dtype == torch.float32


def test_no_rows_are_0(example):
    logits = torch.zeros(0, 3, requires_grad=True)
    loss = example.z_loss(logits)
    loss.backward()
    assert loss == 0


def test_reductions_are_over_the_rows(example):
    logits = torch.linspace(-3, 9, 24, dtype=torch.float64).reshape(2, 4, 3)
    expected = torch.log(torch.exp(logits).sum(-1)) ** 2
    torch.testing.assert_close(example.z_loss(logits, "none"), expected)
    for reduction in ("mean", "sum"):
        ours = example.z_loss(logits, reduction)
        torch.testing.assert_close(ours, getattr(expected, reduction)())
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.z_loss(logits, reduction="avg")


def test_a_square_beyond_float16_counts_in_the_mean(example):
    logits = torch.zeros(100, 1, dtype=torch.float16)
    logits[0] = 300  # squared 90,000; the mean is 900
    assert example.z_loss(logits).item() == 900


@pytest.mark.parametrize("shape", [(), (3, 0)])
def test_logits_without_classes_are_refused(example, shape):
    with pytest.raises(ValueError, match=r"\(\.\.\., C\)") as error:
        example.z_loss(torch.zeros(shape))
    assert str(shape) in str(error.value)
