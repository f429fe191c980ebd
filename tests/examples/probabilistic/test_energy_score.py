"""The energy score against its double sum, and against the CRPS in one dimension."""

import itertools

import pytest
import torch
from scipy.spatial.distance import pdist

import ownloss
from ownloss.catalogue import load


def case():
    samples = torch.linspace(-9, 8, 36, dtype=torch.float64).sin().mul(3)
    target = torch.linspace(-2, 2, 9, dtype=torch.float64)
    return samples.reshape(3, 4, 3).requires_grad_(), target.reshape(3, 3)


def by_pairs(samples, target):
    """The definition, pair by pair, with autograd."""
    members = samples.shape[1]
    rows = []
    for x, y in zip(samples, target, strict=True):
        distance = sum(((a - y) ** 2).sum().sqrt() for a in x) / members
        pairs = itertools.permutations(x, 2)
        apart = sum(((a - b) ** 2).sum().sqrt() for a, b in pairs)
        rows.append(distance - apart / (2 * members**2))
    return torch.stack(rows)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradient_are_those_of_the_pairs(example, reduction):
    samples, target = case()
    target = target.clone().requires_grad_()
    expected = by_pairs(samples, target)
    if reduction != "none":
        expected = getattr(expected, reduction)()
    loss = example.energy_score(samples, target, reduction)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)
    upstream = torch.linspace(2, 3, loss.numel()).double().reshape(loss.shape)
    ours, theirs = (
        torch.autograd.grad(x, (samples, target), upstream) for x in (loss, expected)
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_distances_between_samples_are_scipys(example):
    samples, _ = case()
    x = samples[0].detach()
    far = torch.full((1, 3), 1e3).double()
    loss = example.energy_score(x[None], far)
    apart = pdist(x.numpy()).sum() / 16
    distance = torch.linalg.vector_norm(x - far, dim=1).mean()
    assert loss.item() == pytest.approx(distance.item() - apart, abs=1e-9)


def test_in_one_dimension_it_is_the_crps(example):
    crps = load("crps_ensemble").crps_ensemble
    samples, target = case()
    torch.testing.assert_close(
        example.energy_score(samples[..., :1], target[:, :1]),
        crps(samples[..., 0], target[:, 0]),
    )


def test_equal_samples_and_a_hit_have_a_finite_gradient(example):
    samples = torch.ones(2, 4, 3, requires_grad=True)
    loss = example.energy_score(samples, torch.ones(2, 3))
    loss.backward()
    assert loss.item() == 0
    assert samples.grad.count_nonzero() == 0


def test_one_sample_is_the_distance(example):
    samples, target = case()
    loss = example.energy_score(samples[:, :1], target, "none")
    expected = torch.linalg.vector_norm(samples[:, 0] - target, dim=1)
    torch.testing.assert_close(loss, expected)


def test_second_derivatives_and_vmap(example):
    samples, target = case()
    assert torch.autograd.gradgradcheck(example.energy_score, (samples, target))
    both = torch.stack([samples.detach(), samples.detach() + 1])
    each = torch.vmap(example.energy_score, (0, None))(both, target)
    expected = [example.energy_score(x, target) for x in both]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.energy_score, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize(
    "shapes", [((4, 3), (4,)), ((4, 3, 2), (4, 3)), ((4, 3, 2), (4, 1))]
)
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError) as error:
        example.energy_score(*map(torch.zeros, shapes))
    assert "(N, M, D) and (N, D), got {} and {}".format(*shapes) in str(error.value)
