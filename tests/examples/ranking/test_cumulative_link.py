"""The cumulative link against SciPy's logistic distribution and its density."""

import numpy as np
import pytest
import torch
from scipy.stats import logistic

import ownloss


def case(dtype=torch.float64):
    score = torch.linspace(-5, 6, 7, dtype=dtype).sin().mul(3).requires_grad_()
    cutpoints = torch.tensor([-1.5, 0.2, 0.9], dtype=dtype, requires_grad=True)
    return score, cutpoints, torch.tensor([0, 3, -100, 1, 2, 2, 0])


def by_scipy(score, cutpoints, target):
    """Values, slopes in the scores and, of each sample, in the cutpoints."""
    bounds = np.concatenate([[-np.inf], cutpoints, [np.inf]])
    values, slopes = np.zeros(len(score)), np.zeros(len(score))
    cuts = np.zeros((len(score), len(bounds)))
    for i, (f, y) in enumerate(zip(score, target, strict=True)):
        if y >= 0:
            low, high = bounds[y] - f, bounds[y + 1] - f
            inside = logistic.cdf(high) - logistic.cdf(low)
            values[i] = -np.log(inside)
            slopes[i] = (logistic.pdf(high) - logistic.pdf(low)) / inside
            cuts[i, y + 1] -= logistic.pdf(high) / inside
            cuts[i, y] += logistic.pdf(low) / inside
    return values, slopes, cuts[:, 1:-1]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient(example, reduction):
    score, cutpoints, target = case()
    numbers = score.detach().numpy(), cutpoints.detach().numpy(), target.tolist()
    values, slopes, cuts = by_scipy(*numbers)
    expected = {"mean": values.sum() / 6, "sum": values.sum(), "none": values}
    loss = example.cumulative_link(score, cutpoints, target, reduction)
    np.testing.assert_allclose(loss.detach(), expected[reduction], rtol=0, atol=1e-12)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    weight = upstream.numpy() / (6 if reduction == "mean" else 1) * np.ones(7)
    up, cut = torch.autograd.grad(loss, (score, cutpoints), upstream)
    np.testing.assert_allclose(up, weight * slopes, rtol=0, atol=1e-12)
    np.testing.assert_allclose(cut, weight @ cuts, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
@pytest.mark.parametrize("grade", [0, 1, 2])
def test_far_tails_have_a_gradient_of_1_or_0(example, dtype, grade):
    score = torch.tensor([1e4, -1e4], dtype=dtype, requires_grad=True)
    cutpoints = torch.tensor([-1.0, 1.0], dtype=dtype, requires_grad=True)
    target = torch.full((2,), grade)
    loss = example.cumulative_link(score, cutpoints, target, "none")
    assert loss.isfinite().all()
    gradient, cuts = torch.autograd.grad(loss.sum(), (score, cutpoints))
    assert gradient.tolist() == [[1, 0], [1, -1], [0, -1]][grade]
    assert cuts.isfinite().all()


def test_a_narrow_grade_loses_no_digits(example):
    cutpoints = torch.tensor([0.0, 1e-12], dtype=torch.float64)
    loss = example.cumulative_link(
        torch.zeros(1).double(), cutpoints, torch.tensor([1])
    )
    assert loss.item() == pytest.approx(-np.log(1e-12 / 4), abs=1e-9)


def test_one_cutpoint_is_binary_cross_entropy(example):
    score, _, _ = case()
    target = torch.arange(7) % 2
    loss = example.cumulative_link(score, torch.zeros(1), target)
    binary = torch.nn.functional.binary_cross_entropy_with_logits
    torch.testing.assert_close(loss, binary(score, target.double()))


def test_what_is_ignored_may_be_nan_and_alone_is_0(example):
    _, cutpoints, _ = case()
    score = torch.full((2,), torch.nan, dtype=torch.float64, requires_grad=True)
    loss = example.cumulative_link(score, cutpoints, torch.tensor([-100, -100]))
    assert loss.item() == 0
    for gradient in torch.autograd.grad(loss, (score, cutpoints)):
        assert gradient.count_nonzero() == 0


@pytest.mark.parametrize("width", [0.0, -2.0])
def test_crossed_cutpoints_are_large_and_parted_again(example, width):
    cutpoints = torch.tensor([0.0, width], requires_grad=True)
    loss = example.cumulative_link(torch.zeros(1), cutpoints, torch.tensor([1]))
    assert 80 < loss < 100
    first, second = torch.autograd.grad(loss, cutpoints)[0]
    assert second < 0 < first


def test_it_has_a_second_derivative_and_vmap_is_a_loop(example):
    score, cutpoints, target = case()
    assert torch.autograd.gradgradcheck(
        example.cumulative_link, (score, cutpoints, target)
    )
    scores = torch.stack([score, 2 * score]).detach()
    each = torch.vmap(example.cumulative_link, (0, None, None))(
        scores, cutpoints, target
    )
    rows = [example.cumulative_link(row, cutpoints, target) for row in scores]
    torch.testing.assert_close(each, torch.stack(rows))


def test_the_checker_agrees(example):
    report = ownloss.check(example.cumulative_link, *case())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    score, cutpoints, target = case()
    with pytest.raises(ValueError, match=r"same shape \(N,\), got \(7, 1\) and \(7,\)"):
        example.cumulative_link(score[:, None], cutpoints, target)
    with pytest.raises(ValueError, match=r"\(K - 1,\), got \(1, 3\)"):
        example.cumulative_link(score, cutpoints[None], target)
    with pytest.raises(ValueError, match=r"reduction .* got 'max'"):
        example.cumulative_link(score, cutpoints, target, "max")
