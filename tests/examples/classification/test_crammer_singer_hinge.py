"""The hinge of Crammer and Singer against a loop, and torch's own in two classes."""

import pytest
import torch
from torch.nn.functional import multi_margin_loss

import ownloss


def case(dtype=torch.float64):
    scores = torch.linspace(-5, 6, 24, dtype=dtype).sin().mul(2).reshape(6, 4)
    return scores.requires_grad_(), torch.tensor([0, 3, -100, 1, 2, 0])


def by_loop(scores, target):
    """Each row by its definition, with autograd."""
    rows = []
    for s, t in zip(scores, target.tolist(), strict=True):
        if t < 0:
            rows.append(0 * s.sum())
            continue
        costs = [s[j] - s[t] + (j != t) for j in range(len(s))]
        rows.append(max(costs, key=lambda cost: cost.item()))
    return torch.stack(rows)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient_are_those_of_a_loop(example, reduction):
    scores, target = case()
    rows = by_loop(scores, target)
    assert (rows == 0).sum() >= 1
    assert (rows > 0).sum() >= 3
    expected = {"mean": rows.sum() / 5, "sum": rows.sum(), "none": rows}[reduction]
    loss = example.crammer_singer_hinge(scores, target, reduction)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    ours, theirs = (
        torch.autograd.grad(x, scores, upstream, retain_graph=True)[0]
        for x in (loss, expected)
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_with_two_classes_it_is_twice_torchs_over_two(example):
    scores, _ = case()
    target = torch.tensor([0, 1, 1, 0, 0, 1])
    theirs = multi_margin_loss(scores[:, :2], target)  # the sum over rivals, over C
    ours = example.crammer_singer_hinge(scores[:, :2], target)
    torch.testing.assert_close(ours, 2 * theirs)


def test_only_two_classes_have_a_gradient(example):
    scores, target = case()
    loss = example.crammer_singer_hinge(scores, target, "none")
    (gradient,) = torch.autograd.grad(loss.sum(), scores)
    touched = gradient.count_nonzero(1)
    assert touched.tolist() == [2 * (value > 0) for value in loss.tolist()]
    assert gradient.sum(1).abs().max() == 0


def test_images_are_pixels(example):
    scores, target = case()
    images = scores.reshape(2, 3, 4).movedim(2, 1)
    loss = example.crammer_singer_hinge(images, target.reshape(2, 3), "none")
    torch.testing.assert_close(
        loss.flatten(), example.crammer_singer_hinge(scores, target, "none")
    )


def test_masked_classes_and_targets_that_do_not_count(example):
    scores = torch.tensor([[0.0, 0.5, -torch.inf], [1.0, -torch.inf, -torch.inf]])
    scores.requires_grad_()
    loss = example.crammer_singer_hinge(scores, torch.tensor([0, 0]), "none")
    assert loss.tolist() == [1.5, 0]
    (gradient,) = torch.autograd.grad(loss.sum(), scores)
    assert gradient.tolist() == [[-1, 1, 0], [0, 0, 0]]
    loss = example.crammer_singer_hinge(scores, torch.tensor([-100, -100]))
    assert loss.item() == 0
    assert torch.autograd.grad(loss, scores)[0].count_nonzero() == 0


def test_vmap_is_a_loop(example):
    scores, target = case()
    rows = scores.detach().reshape(2, 3, 4), target.reshape(2, 3)
    each = torch.vmap(example.crammer_singer_hinge)(*rows)
    expected = [example.crammer_singer_hinge(*row) for row in zip(*rows, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.crammer_singer_hinge, *case())
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    scores, target = case()
    with pytest.raises(ValueError, match=r"got \(6, 4\) and \(6, 1\)"):
        example.crammer_singer_hinge(scores, target[:, None])
    with pytest.raises(ValueError, match="got 'avg'"):
        example.crammer_singer_hinge(scores, target, "avg")
