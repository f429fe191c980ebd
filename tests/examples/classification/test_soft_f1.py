"""Soft F1 against loops over samples and labels, and against the counted F1."""

import math

import pytest
import torch

import ownloss


def case():
    logits = torch.linspace(-3, 4, 24, dtype=torch.float64).sin().mul(3).reshape(8, 3)
    target = (torch.arange(24) % 5 < 2).double().reshape(8, 3)
    return logits.requires_grad_(), target


def by_loop(logits, target):
    """The loss and its gradient, counted pair by pair."""
    samples, labels = target.shape
    gradient = torch.zeros(samples, labels, dtype=torch.float64)
    scores = []
    for k in range(labels):
        p = [1 / (1 + math.exp(-z)) for z in logits[:, k].tolist()]
        t = target[:, k].tolist()
        pairs = list(zip(p, t, strict=True))
        tp = sum(a * b for a, b in pairs)
        fp = sum(a * (1 - b) for a, b in pairs)
        fn = sum((1 - a) * b for a, b in pairs)
        scores.append(2 * tp / (2 * tp + fp + fn))
        for i, (a, b) in enumerate(pairs):
            slope = (2 * b - scores[-1]) / (2 * tp + fp + fn)
            gradient[i, k] = -slope * a * (1 - a) / labels
    return 1 - sum(scores) / labels, gradient


def test_value_and_gradient_are_those_of_a_loop(example):
    logits, target = case()
    value, gradient = by_loop(logits, target)
    loss = example.soft_f1(logits, target)
    assert loss.item() == pytest.approx(value, abs=1e-12)
    (ours,) = torch.autograd.grad(loss, logits, torch.tensor(2.5).double())
    torch.testing.assert_close(ours, 2.5 * gradient, rtol=0, atol=1e-12)


def test_sure_answers_give_the_counted_score(example):
    guessed = torch.tensor([[1.0], [1], [0], [0], [1]])
    target = torch.tensor([[1.0], [0], [1], [0], [1]])
    loss = example.soft_f1((2 * guessed - 1) * 1e3, target)
    assert loss.item() == pytest.approx(1 - 2 * 2 / (2 * 2 + 1 + 1))


@pytest.mark.parametrize("logit", [-1e4, 0.0, 1e4])
def test_a_label_without_a_yes_costs_1_without_a_gradient(example, logit):
    logits = torch.full((4, 1), logit, requires_grad=True)
    loss = example.soft_f1(logits, torch.zeros(4, 1))
    loss.backward()
    assert loss.item() == 1
    assert logits.grad.count_nonzero() == 0


def test_an_empty_batch_is_not_nan(example):
    assert example.soft_f1(torch.zeros(0, 2), torch.zeros(0, 2)).item() == 1


def test_many_samples_in_half_precision(example):
    logits = torch.full((100_000, 1), 20.0, dtype=torch.float16, requires_grad=True)
    target = torch.zeros(100_000, 1, dtype=torch.float16)
    target[::2] = 1
    loss = example.soft_f1(logits, target)
    assert loss.dtype == torch.float16
    assert loss.item() == pytest.approx(1 / 3, abs=1e-3)


def test_second_derivatives_and_vmap(example):
    logits, target = case()
    assert torch.autograd.gradgradcheck(example.soft_f1, (logits, target))
    parts = logits.detach().reshape(2, 4, 3), target.reshape(2, 4, 3)
    each = torch.vmap(example.soft_f1)(*parts)
    expected = [example.soft_f1(*part) for part in zip(*parts, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.soft_f1, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4,)), ((4, 2), (4, 1))])
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError) as error:
        example.soft_f1(*map(torch.zeros, shapes))
    assert "same shape (N, L), got {} and {}".format(*shapes) in str(error.value)
