"""CORAL against its formula in NumPy, and a value worked by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit

LOGITS = 4 * np.sin(np.linspace(-21, 28, 20)).reshape(5, 4)
GRADES = np.array([0, 4, 2, 1, 3])
LEVELS = (GRADES[:, None] > np.arange(4)).astype(float)


def by_the_book():
    """Value and gradient of each row."""
    values = -(LEVELS * log_expit(LOGITS) + (1 - LEVELS) * log_expit(-LOGITS)).sum(1)
    return torch.from_numpy(values), torch.from_numpy(expit(LOGITS) - LEVELS)


@pytest.fixture
def logits():
    return torch.tensor(LOGITS, requires_grad=True)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient_are_those_of_the_book(example, logits, reduction):
    values, gradients = by_the_book()
    loss = example.coral(logits, torch.tensor(LEVELS), reduction)
    if reduction == "none":
        upstream = torch.linspace(1, 3, 5, dtype=torch.float64)
        scale, expected = upstream[:, None], values
    else:
        upstream = torch.tensor(0.3, dtype=torch.float64)
        scale = upstream / (5 if reduction == "mean" else 1)
        expected = getattr(values, reduction)()
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss, logits, upstream)
    torch.testing.assert_close(gradient, scale * gradients)


def test_the_pull_on_a_shared_score_counts_the_grades_off(example):
    score = torch.tensor([100.0], requires_grad=True)
    for grade in range(5):
        levels = (torch.arange(4) < grade).float()[None]
        loss = example.coral(score[:, None].expand(1, 4), levels)
        (gradient,) = torch.autograd.grad(loss, score)
        assert gradient.item() == 4 - grade


@pytest.mark.parametrize("kind", [torch.int64, torch.bool, torch.float32])
def test_the_dtype_is_that_of_the_logits(example, logits, kind):
    loss = example.coral(logits, torch.tensor(LEVELS).to(kind))
    assert loss.dtype == torch.float64
    torch.testing.assert_close(loss, by_the_book()[0].mean())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_stay_finite(example, dtype):
    logits = torch.tensor([[1e4, 1e4, -1e4]], dtype=dtype, requires_grad=True)
    loss = example.coral(logits, torch.tensor([[1, 0, 0]]))
    loss.backward()
    assert loss.item() == 1e4
    assert logits.grad.tolist() == [[0.0, 1.0, 0.0]]


def test_second_derivatives_are_right(example, logits):
    levels = torch.tensor(LEVELS)
    assert torch.autograd.gradgradcheck(lambda z: example.coral(z, levels), (logits,))


def test_vmap_of_grad_gives_one_gradient_a_sample(example, logits):
    def one(row, level):
        return example.coral(row[None], level[None])

    per_sample = torch.vmap(torch.func.grad(one))(logits.detach(), torch.tensor(LEVELS))
    torch.testing.assert_close(per_sample, by_the_book()[1])


def test_an_empty_batch_gives_what_a_mean_of_nothing_gives(example):
    empty = torch.zeros(0, 4)
    assert example.coral(empty, empty).isnan()
    assert example.coral(empty, empty, reduction="sum") == 0


@pytest.mark.parametrize(
    ("one", "other"), [((4, 3), (4, 1)), ((4, 3), (4,)), ((4,), (4,)), ((3, 4), (4, 3))]
)
def test_shapes_that_do_not_fit_are_refused(example, one, other):
    with pytest.raises(ValueError) as error:
        example.coral(torch.zeros(one), torch.zeros(other))
    assert f"{one} and {other}" in str(error.value)


def test_an_unknown_reduction_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.coral(torch.zeros(2, 3), torch.zeros(2, 3), "avg")


def test_forty_thousand_rows_do_not_overflow_in_float16(example):
    logits = torch.zeros(40_000, 4, dtype=torch.float16, requires_grad=True)
    loss = example.coral(logits, torch.ones(40_000, 4))
    assert loss.dtype == torch.float16
    assert loss.item() == pytest.approx(4 * math.log(2), rel=1e-3)
