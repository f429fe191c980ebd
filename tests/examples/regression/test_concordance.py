"""Concordance against Lin's definition in NumPy, by loops and by correlation."""

import numpy as np
import pytest
import torch

import ownloss


def case(shape=(12,)):
    prediction = torch.linspace(-2, 4, 12, dtype=torch.float64).sin().reshape(shape)
    target = torch.linspace(5, 0, 12, dtype=torch.float64).cos().reshape(shape)
    return prediction.requires_grad_(), 3 * target + 1


def by_definition(x, y):
    """Value and gradient from the moments, each over N."""
    n = len(x)
    mx, my = sum(x) / n, sum(y) / n
    cov = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / n
    vx, vy = (sum((a - m) ** 2 for a in v) / n for v, m in ((x, mx), (y, my)))
    below = vx + vy + (mx - my) ** 2
    slopes = [
        -2 * (b - my) / n / below + 2 * cov / below**2 * 2 * ((a - mx) + (mx - my)) / n
        for a, b in zip(x, y, strict=True)
    ]
    return 1 - 2 * cov / below, slopes


@pytest.mark.parametrize("shape", [(12,), (3, 4)])
def test_value_and_gradient_are_lins(example, shape):
    prediction, target = case(shape)
    value, slopes = by_definition(
        prediction.flatten().tolist(), target.flatten().tolist()
    )
    loss = example.concordance(prediction, target)
    assert loss.item() == pytest.approx(value, abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, prediction, torch.tensor(2.5).double())
    np.testing.assert_allclose(gradient.flatten(), 2.5 * np.array(slopes), atol=1e-12)


def test_it_is_correlation_times_how_well_means_and_spreads_agree(example):
    x, y = (v.detach().numpy() for v in case())
    r = np.corrcoef(x, y)[0, 1]
    u, v = (x.mean() - y.mean()) / np.sqrt(x.std() * y.std()), x.std() / y.std()
    expected = 1 - r * 2 / (v + 1 / v + u**2)
    assert example.concordance(*case()).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "loss"), [(lambda y: y, 0.0), (lambda y: 2 * y.mean() - y, 2.0)]
)
def test_the_ends_are_agreement_and_mirror(example, change, loss):
    _, target = case()
    assert example.concordance(change(target), target).item() == pytest.approx(loss)


def test_a_constant_is_left_and_a_perfect_one_stays(example):
    _, target = case()
    constant = torch.ones(12, dtype=torch.float64, requires_grad=True)
    loss = example.concordance(constant, target)
    loss.backward()
    assert loss.item() == pytest.approx(1)
    assert constant.grad.abs().max() > 1e-3
    same = torch.ones(12, requires_grad=True)
    loss = example.concordance(same, torch.ones(12))
    loss.backward()
    assert loss.item() == 0
    assert same.grad.count_nonzero() == 0


def test_one_sample_has_no_gradient(example):
    prediction = torch.tensor([3.0], requires_grad=True)
    loss = example.concordance(prediction, torch.tensor([1.0]))
    loss.backward()
    assert loss.item() == 1
    assert prediction.grad.item() == 0


def test_a_large_offset_loses_no_digits(example):
    prediction, target = case()
    far = example.concordance(prediction + 1e7, target + 1e7)
    torch.testing.assert_close(
        far, example.concordance(prediction, target), rtol=1e-6, atol=0
    )


def test_second_derivatives_and_vmap(example):
    prediction, target = case((3, 4))
    assert torch.autograd.gradgradcheck(example.concordance, (prediction, target))
    rows = prediction.detach(), target
    each = torch.vmap(example.concordance)(*rows)
    expected = [example.concordance(*row) for row in zip(*rows, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    report = ownloss.check(example.concordance, *case())
    assert report.ran and report.ok, report


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"same shape, got \(4, 1\) and \(4,\)"):
        example.concordance(torch.zeros(4, 1), torch.zeros(4))
