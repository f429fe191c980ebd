"""The score of an ensemble against its double sum and the integral that defines it."""

import itertools

import numpy as np
import pytest
import torch

import ownloss


def case():
    samples = torch.linspace(-9, 8, 30, dtype=torch.float64).sin().mul(3).reshape(5, 6)
    target = torch.linspace(-2, 2, 5, dtype=torch.float64)
    return samples.requires_grad_(), target


def by_pairs(samples, target):
    """The definition, pair by pair, with autograd."""
    members = samples.shape[1]
    rows = []
    for x, y in zip(samples, target, strict=True):
        distance = sum((a - y).abs() for a in x) / members
        apart = sum((a - b).abs() for a, b in itertools.combinations(x, 2))
        rows.append(distance - 2 * apart / (2 * members**2))
    return torch.stack(rows)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient_are_those_of_the_pairs(example, reduction):
    samples, target = case()
    samples, target = samples, target.clone().requires_grad_()
    expected = by_pairs(samples, target)
    if reduction != "none":
        expected = getattr(expected, reduction)()
    loss = example.crps_ensemble(samples, target, reduction)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    ours, theirs = (
        torch.autograd.grad(x, (samples, target), upstream) for x in (loss, expected)
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_it_is_the_integral_of_the_squared_difference(example):
    samples, target = case()
    loss = example.crps_ensemble(samples, target, "none")
    for x, y, score in zip(samples.tolist(), target.tolist(), loss, strict=True):
        edges = np.sort([*x, y])  # the distribution function is constant between
        below = np.array([np.mean(np.array(x) <= edge) for edge in edges[:-1]])
        step = edges[:-1] >= y
        integral = np.sum((below - step) ** 2 * np.diff(edges))
        assert score.item() == pytest.approx(integral, abs=1e-12)


def test_order_of_members_does_not_matter(example):
    samples, target = case()
    torch.testing.assert_close(
        example.crps_ensemble(samples.flip(1), target),
        example.crps_ensemble(samples, target),
    )


def test_a_large_offset_loses_no_digits(example):
    samples, target = (x.detach().float() for x in case())
    far = example.crps_ensemble(samples + 4096, target + 4096)
    torch.testing.assert_close(
        far, example.crps_ensemble(samples, target), rtol=1e-3, atol=0
    )


def test_one_member_is_the_absolute_error(example):
    samples, target = case()
    loss = example.crps_ensemble(samples[:, :1], target)
    torch.testing.assert_close(loss, torch.nn.functional.l1_loss(samples[:, 0], target))


def test_half_precision_stays_and_does_not_overflow(example):
    samples = torch.linspace(-100, 100, 2000).half().reshape(2, 1000)
    loss = example.crps_ensemble(samples, torch.zeros(2).half())
    assert loss.dtype == torch.float16
    exact = example.crps_ensemble(samples.double(), torch.zeros(2).double())
    assert loss.item() == pytest.approx(exact.item(), rel=0.01)


def test_vmap_is_a_loop(example):
    samples = torch.stack([x := case()[0].detach(), x + 1])
    target = case()[1]
    each = torch.vmap(example.crps_ensemble, (0, None))(samples, target)
    expected = [example.crps_ensemble(x, target) for x in samples]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.crps_ensemble, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 3), (4, 1)), ((4, 3), (3,))])
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError) as error:
        example.crps_ensemble(*map(torch.zeros, shapes))
    assert "(N, M) and (N,), got {} and {}".format(*shapes) in str(error.value)
