"""The loss against distances that a loop over all pairs of pixels measures."""

import math

import pytest
import torch

import ownloss


def case(n=2):
    logits = torch.linspace(-4, 40, n * 30, dtype=torch.float64).sin().mul(3) - 1
    target = (torch.arange(n * 30) ** 2 % 7 < 2).double()
    return logits.reshape(n, 1, 5, 6).requires_grad_(), target.reshape(n, 1, 5, 6)


def distances(mask):
    """To the nearest pixel of the other kind, row by row of pairs."""
    places = [(r, c) for r in range(len(mask)) for c in range(len(mask[0]))]
    found = {}
    for r, c in places:
        others = [q for q in places if mask[q[0]][q[1]] != mask[r][c]]
        found[r, c] = min((math.dist((r, c), q) for q in others), default=0.0)
    return found


def by_loop(logits, target, alpha):
    total, gradient = 0.0, torch.zeros_like(logits)
    for n in range(len(logits)):
        z, t = logits[n, 0].tolist(), target[n, 0].tolist()
        ours = distances([[x > 0 for x in row] for row in z])
        theirs = distances([[x == 1 for x in row] for row in t])
        for (r, c), d in ours.items():
            weight = d**alpha + theirs[r, c] ** alpha
            p = 1 / (1 + math.exp(-z[r][c]))
            total += weight * (p - t[r][c]) ** 2
            gradient[n, 0, r, c] = weight * 2 * (p - t[r][c]) * p * (1 - p)
    return total / logits.numel(), gradient / logits.numel()


@pytest.mark.parametrize("alpha", [0.5, 2.0, 3.0])
def test_value_and_gradient_are_those_of_a_loop(example, alpha):
    logits, target = case()
    expected, slope = by_loop(logits.detach(), target, alpha)
    loss = example.hausdorff_dt(logits, target, alpha)
    (gradient,) = torch.autograd.grad(loss, logits, torch.tensor(-2.5).double())
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradient, -2.5 * slope)


def test_alpha_is_2_by_default(example):
    pair = case()
    assert example.hausdorff_dt(*pair) == example.hausdorff_dt(*pair, 2.0)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_without_a_border_has_the_distance_0(example, value):
    logits, target = case()
    flat = torch.full_like(target, value)
    expected, _ = by_loop(logits.detach(), flat, 2.0)
    assert example.hausdorff_dt(logits, flat).item() == pytest.approx(expected)
    same = torch.full_like(target, 2 * value - 1)
    assert example.hausdorff_dt(same, flat) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_far_logits_and_distances_in_half_precision(example, dtype):
    target = torch.zeros(1, 1, 4, 400, dtype=dtype)
    target[..., :1] = 1
    logits = torch.where(target == 1, 1e4, -1e4).to(dtype).requires_grad_()
    loss = example.hausdorff_dt(logits, target)
    loss.backward()
    assert loss == 0 and loss.dtype == dtype
    assert logits.grad.isfinite().all()


def test_higher_derivatives_and_vmap(example):
    logits, target = case()
    loss = example.hausdorff_dt
    assert torch.autograd.gradgradcheck(loss, (logits, target))
    each = torch.vmap(loss)(logits.unsqueeze(1), target.unsqueeze(1))
    torch.testing.assert_close(each.mean(), loss(logits, target))


def test_the_checker_agrees(example):
    report = ownloss.check(example.hausdorff_dt, *case(3))
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(2, 1, 5, 1), (1, 1, 5, 6), (5, 6)])
def test_shapes_that_would_broadcast_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.hausdorff_dt(case()[0], torch.zeros(other))
    assert f"got (2, 1, 5, 6) and {other}" in str(error.value)
