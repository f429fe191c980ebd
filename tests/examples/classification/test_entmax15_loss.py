"""The entmax loss against bisection for the threshold, and a solver for the maximum."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize

LOGITS = 3 * np.sin(np.linspace(-21, 28, 20)).reshape(5, 4)
TARGET = torch.tensor([0, 3, 1, 1, 2])


def probabilities_by_root_finding(row):
    x = np.asarray(row, dtype=float) / 2

    def excess(threshold):
        return (np.maximum(x - threshold, 0) ** 2).sum() - 1

    threshold = brentq(excess, x.max() - 1, x.max(), xtol=1e-15, rtol=1e-14)
    return np.maximum(x - threshold, 0) ** 2


def by_the_book():
    """Value and gradient of each row."""
    p = np.stack([probabilities_by_root_finding(row) for row in LOGITS])
    onehot = np.eye(4)[TARGET]
    entropy = 4 / 3 * (1 - (p**1.5).sum(1))
    values = ((p - onehot) * LOGITS).sum(1) + entropy
    return torch.from_numpy(values), torch.from_numpy(p - onehot)


@pytest.fixture
def logits():
    return torch.tensor(LOGITS, requires_grad=True)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient_are_those_of_the_book(example, logits, reduction):
    values, gradients = by_the_book()
    loss = example.entmax15_loss(logits, TARGET, reduction)
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


def test_the_value_is_a_maximum_over_distributions(example):
    row = np.array([0.4, 0.1, -0.5])
    best = minimize(
        lambda p: -(p @ row + 4 / 3 * (p - np.maximum(p, 0) ** 1.5).sum()),
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-14},
    )
    ours = example.entmax15_loss(torch.tensor(row)[None], torch.tensor([2]))
    assert ours.item() == pytest.approx(-best.fun + 0.5, abs=1e-8)


def test_probabilities_are_sparse_and_sum_to_one(example, logits):
    p = example.entmax15(logits)
    expected = [probabilities_by_root_finding(row) for row in LOGITS]
    torch.testing.assert_close(p.detach(), torch.tensor(np.stack(expected)))
    assert (p == 0).any()
    assert torch.autograd.gradcheck(example.entmax15, (logits,))
    assert torch.autograd.gradgradcheck(example.entmax15, (logits,))


@pytest.mark.parametrize("classes", [1, 2, 7])
def test_ties_share_alike(example, classes):
    logits = torch.full((1, classes), 3.0, dtype=torch.float64, requires_grad=True)
    loss = example.entmax15_loss(logits, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(loss, logits)
    expected = torch.full((1, classes), 1 / classes, dtype=torch.float64)
    expected[0, 0] -= 1
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(
        loss.item(), 4 / 3 * (1 - classes**-0.5), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("margin", "classes"), [(2.001, 2), (2.001, 3), (2.1, 50_000), (1e4, 50_000)]
)
def test_beyond_a_margin_of_two_all_is_zero(example, margin, classes, dtype):
    logits = torch.zeros(1, classes, dtype=dtype)
    logits[0, 0] = margin
    logits.requires_grad_()
    loss = example.entmax15_loss(logits, torch.tensor([0]))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_half_a_million_classes_are_no_trouble(example, dtype):
    """Rounding of long sums must not add classes to the support."""
    row = torch.linspace(-30, 0, 500_000, dtype=dtype)[None]
    expected = probabilities_by_root_finding(row[0].double().numpy())
    p = example.entmax15(row)[0].double()
    assert abs(p.sum().item() - 1) < 1e-4
    assert abs((p > 0).sum().item() - (expected > 0).sum()) <= 5
    torch.testing.assert_close(p, torch.from_numpy(expected), atol=1e-8, rtol=1e-3)


def test_below_a_margin_of_two_all_is_not_zero(example):
    logits = torch.tensor([[1.9, 0.0, 0.0]], requires_grad=True)
    loss = example.entmax15_loss(logits, torch.tensor([0]))
    loss.backward()
    assert loss.item() > 0
    assert logits.grad[0, 0] < 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_stay_exact(example, dtype):
    offset = 1e4
    logits = torch.tensor(
        [[1e4, -1e4, 0], [-1e4, 1e4, 0], [offset, offset, offset]],
        dtype=dtype,
        requires_grad=True,
    )
    loss = example.entmax15_loss(logits, torch.tensor([0, 0, 0]), "none")
    third = 4 / 3 * (1 - 3**-0.5)
    torch.testing.assert_close(loss, torch.tensor([0, 2e4, third], dtype=dtype))
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    expected = torch.tensor([[0, 0, 0], [-1, 1, 0], [-2, 1, 1]], dtype=dtype)
    expected[2] /= 3
    torch.testing.assert_close(gradient, expected)


def test_a_class_masked_with_minus_infinity_takes_no_part(example):
    inf = float("inf")
    logits = torch.tensor([[0.3, -inf, 0.1]], requires_grad=True)
    loss = example.entmax15_loss(logits, torch.tensor([0]))
    loss.backward()
    without = torch.tensor([[0.3, 0.1]], requires_grad=True)
    expected = example.entmax15_loss(without, torch.tensor([0]))
    expected.backward()
    torch.testing.assert_close(loss, expected)
    assert logits.grad[0, 1] == 0
    torch.testing.assert_close(logits.grad[0, [0, 2]], without.grad[0])


def test_second_and_third_derivatives_are_right(example, logits):
    def penalty(logits):
        loss = example.entmax15_loss(logits, TARGET)
        (gradient,) = torch.autograd.grad(loss, logits, create_graph=True)
        return gradient.square().sum()

    assert torch.autograd.gradcheck(penalty, (logits,))
    assert torch.autograd.gradgradcheck(penalty, (logits,))


def test_vmap_of_grad_gives_one_gradient_a_sample(example, logits):
    def one(row, label):
        return example.entmax15_loss(row[None], label[None])

    per_sample = torch.vmap(torch.func.grad(one))(logits.detach(), TARGET)
    torch.testing.assert_close(per_sample, by_the_book()[1])


def test_pixels_and_transposed_memory_give_the_same(example):
    logits = torch.linspace(-2, 2, 36, dtype=torch.float64).sin().reshape(2, 3, 2, 3)
    target = torch.arange(12).reshape(2, 2, 3) % 3
    flat = logits.permute(0, 2, 3, 1).reshape(12, 3)
    expected = example.entmax15_loss(flat, target.flatten())
    torch.testing.assert_close(example.entmax15_loss(logits, target), expected)
    transposed = flat.t().contiguous().t()
    ours = example.entmax15_loss(transposed, target.flatten())
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(
        example.entmax15(logits).permute(0, 2, 3, 1).reshape(12, 3),
        example.entmax15(flat),
    )


def test_an_empty_batch_costs_nothing(example):
    empty, no_labels = torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    assert example.entmax15_loss(empty, no_labels) == 0
    assert example.entmax15_loss(empty, no_labels, reduction="sum") == 0


@pytest.mark.parametrize(
    ("shape", "labels"), [((4, 3), (4, 1)), ((4, 3), (3,)), ((4,), (4,)), ((4,), ())]
)
def test_shapes_that_do_not_fit_are_refused(example, shape, labels):
    with pytest.raises(ValueError) as error:
        example.entmax15_loss(
            torch.zeros(shape), torch.zeros(labels, dtype=torch.int64)
        )
    assert f"{shape} and {labels}" in str(error.value)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_class_out_of_range_is_refused(example, label):
    with pytest.raises(RuntimeError, match=f"index {label} is out of bounds"):
        example.entmax15_loss(torch.zeros(1, 3), torch.tensor([label]))


def test_an_unknown_reduction_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.entmax15_loss(torch.zeros(2, 3), torch.tensor([0, 1]), "avg")


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_a_target_that_is_no_int64_is_refused(example, dtype):
    with pytest.raises(ValueError, match=f"target must be int64, got {dtype}"):
        example.entmax15_loss(torch.zeros(2, 3), torch.zeros(2, dtype=dtype))


@pytest.mark.parametrize("ignored", [-100, 1])
def test_ignored_targets_do_not_count(example, logits, ignored):
    values, gradients = by_the_book()
    target = torch.where(TARGET == 1, ignored, TARGET)
    kept = (TARGET != 1).double()
    for reduction, scale in (("mean", kept / 3), ("sum", kept), ("none", kept)):
        loss = example.entmax15_loss(logits, target, reduction, ignored)
        expected = values * scale
        expected = expected if reduction == "none" else expected.sum()
        torch.testing.assert_close(loss, expected)
        (gradient,) = torch.autograd.grad(loss.sum(), logits)
        torch.testing.assert_close(gradient, gradients * scale[:, None])


def test_where_no_target_counts_the_loss_is_zero(example, logits):
    loss = example.entmax15_loss(logits, torch.full((5,), -100))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss == 0
    assert not gradient.any()
