"""The cumulative link loss against differences of the logistic distribution."""

import pytest
import torch
from scipy.stats import logistic

import ownloss


def case(n=8, k=4):
    score = torch.linspace(-3, 20, n, dtype=torch.float64).sin().mul(3)
    cutpoints = torch.linspace(-2, 2, k - 1, dtype=torch.float64) ** 3
    return score.requires_grad_(), cutpoints.requires_grad_(), torch.arange(n) % k


def by_scipy(score, cutpoints, target):
    theta = [-float("inf"), *cutpoints.tolist(), float("inf")]
    each = [
        -torch.log(
            torch.tensor(logistic.cdf(theta[y + 1] - s) - logistic.cdf(theta[y] - s))
        )
        for s, y in zip(score.tolist(), target.tolist(), strict=True)
    ]
    return torch.stack(each)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_value_and_gradient_are_those_of_scipy(example, reduction, k):
    score, cutpoints, target = case(k=k)
    each = by_scipy(score.detach(), cutpoints.detach(), target)
    expected = {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]
    loss = example.cumulative_link(score, cutpoints, target, reduction)
    torch.testing.assert_close(loss.detach(), expected, rtol=0, atol=1e-9)
    upstream = torch.linspace(-1, 3, loss.numel(), dtype=torch.float64)
    upstream = upstream.reshape(loss.shape)
    ours = torch.autograd.grad(loss, (score, cutpoints), upstream)
    share = upstream.expand(8) / (8 if reduction == "mean" else 1)
    inputs = [score.detach(), cutpoints.detach()]
    for side, gradient in enumerate(ours):
        for i in range(len(gradient)):
            values = []
            for sign in (1, -1):
                moved = [x.clone() for x in inputs]
                moved[side][i] += sign * 1e-5
                values.append((share * by_scipy(*moved, target)).sum().item())
            slope = (values[0] - values[1]) / 2e-5
            assert gradient[i].item() == pytest.approx(slope, abs=1e-7)


def test_the_grades_probabilities_add_up_to_1(example):
    score, cutpoints, _ = case()
    every = [torch.full((8,), k) for k in range(4)]
    p = [(-example.cumulative_link(score, cutpoints, y, "none")).exp() for y in every]
    torch.testing.assert_close(sum(p), torch.ones(8, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("far", [-1e4, 1e4])
def test_far_tails_are_finite(example, far, dtype):
    score = torch.full((3,), far, dtype=dtype, requires_grad=True)
    cutpoints = torch.tensor([0.0, 1.0], dtype=dtype, requires_grad=True)
    loss = example.cumulative_link(score, cutpoints, torch.arange(3), "none")
    loss.sum().backward()
    assert loss.isfinite().all() and loss.dtype == dtype
    assert score.grad.isfinite().all() and cutpoints.grad.isfinite().all()
    assert sorted(loss.tolist())[0] == 0 and sorted(loss.tolist())[1] > 9e3


@pytest.mark.parametrize("second", [1.0, 0.5])
def test_cutpoints_that_meet_or_cross_are_a_large_loss(example, second):
    score = torch.zeros(1, requires_grad=True)
    cutpoints = torch.tensor([1.0, second], requires_grad=True)
    loss = example.cumulative_link(score, cutpoints, torch.tensor([1]))
    loss.backward()
    assert 80 < loss.item() < 100
    assert cutpoints.grad.isfinite().all()


def test_no_rows(example):
    empty = torch.zeros(0, requires_grad=True)
    loss = example.cumulative_link(empty, torch.zeros(2), empty.long())
    loss.backward()
    assert loss == 0


def test_higher_derivatives_vmap_and_the_checker(example):
    score, cutpoints, target = case()
    assert torch.autograd.gradgradcheck(example.cumulative_link, case())
    each = torch.vmap(example.cumulative_link, (0, None, 0))(
        score.reshape(2, 4), cutpoints, target.reshape(2, 4)
    )
    whole = example.cumulative_link(score, cutpoints, target)
    torch.testing.assert_close(each.mean(), whole)
    report = ownloss.check(example.cumulative_link, *case(5, 3))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    score, cutpoints, target = case()
    for other in [(1,), (8, 1), (4,)]:
        with pytest.raises(ValueError) as error:
            example.cumulative_link(score, cutpoints, torch.zeros(other).long())
        assert f"got (8,), (3,) and {other}" in str(error.value)
    with pytest.raises(ValueError, match="at least 1 entry"):
        example.cumulative_link(score, cutpoints[:0], target)
    with pytest.raises(ValueError, match=r"reduction must be .* got 'batch'"):
        example.cumulative_link(score, cutpoints, target, "batch")
