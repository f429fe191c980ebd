"""Proxy anchor against a loop over proxies and rows."""

import math

import pytest
import torch

import ownloss


def case(n=6, c=5, d=3):
    rows = torch.linspace(-2, 30, n * d, dtype=torch.float64).sin().reshape(n, d)
    proxies = torch.linspace(-1, 40, c * d, dtype=torch.float64).cos().reshape(c, d)
    target = torch.tensor([0, 1, 0, 3, 1, 0])[:n]
    return (rows * 3).requires_grad_(), proxies.requires_grad_(), target


def by_loop(rows, proxies, target, margin, alpha):
    positives, negatives = [], []
    for label, proxy in enumerate(proxies):
        own, other = [], []
        for row, of in zip(rows, target.tolist(), strict=True):
            c = row @ proxy / (row.norm() * proxy.norm())
            if of == label:
                own.append(torch.exp(-alpha * (c - margin)))
            else:
                other.append(torch.exp(alpha * (c + margin)))
        if own:
            positives.append(torch.log1p(sum(own)))
        negatives.append(torch.log1p(sum(other, torch.zeros(()))))
    return sum(positives) / len(positives) + sum(negatives) / len(proxies)


@pytest.mark.parametrize("options", [(0.1, 32.0), (0.0, 1.0), (0.5, 5.0)])
def test_value_and_gradient_are_those_of_a_loop(example, options):
    rows, proxies, target = case()
    loss = example.proxy_anchor(rows, proxies, target, *options)
    expected = by_loop(rows, proxies, target, *options)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    upstream = torch.tensor(-2.5, dtype=torch.float64)
    ours = torch.autograd.grad(loss, (rows, proxies), upstream)
    theirs = torch.autograd.grad(expected, (rows, proxies), upstream)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_the_options_have_their_defaults(example):
    expected = by_loop(*case(), 0.1, 32.0)
    assert example.proxy_anchor(*case()).item() == pytest.approx(expected.item())


def test_no_rows(example):
    rows, proxies, target = case()
    rows = rows[:0].detach().requires_grad_()
    loss = example.proxy_anchor(rows, proxies, target[:0])
    loss.backward()
    assert loss == 0
    assert not proxies.grad.any()


def test_one_class_alone_has_no_negatives(example):
    rows, proxies, _ = case(3, 1)
    target = torch.tensor([0, 0, 0])
    loss = example.proxy_anchor(rows, proxies, target)
    expected = by_loop(rows, proxies, target, 0.1, 32.0)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)


def test_extremes_are_finite(example):
    rows, proxies, target = case()
    loss = example.proxy_anchor(rows, proxies, target, alpha=1e6)
    for gradient in torch.autograd.grad(loss, (rows, proxies)):
        assert gradient.isfinite().all()
    assert loss.isfinite()
    zeros = torch.zeros(1, 2, requires_grad=True)
    loss = example.proxy_anchor(zeros, torch.eye(2), torch.tensor([0]), 0.0)
    loss.backward()
    assert loss.item() == pytest.approx(1.5 * math.log(2))
    assert zeros.grad.isfinite().all()
    half = rows.detach().half(), proxies.detach().half(), target
    full = example.proxy_anchor(rows, proxies, target)
    assert example.proxy_anchor(*half).item() == pytest.approx(full.item(), rel=1e-2)


def test_higher_derivatives_vmap_and_the_checker(example):
    rows, proxies, target = case(4, 4)
    assert torch.autograd.gradgradcheck(
        lambda x, w: example.proxy_anchor(x, w, target, alpha=4.0), (rows, proxies)
    )
    stack = torch.stack([rows, 2 * rows.roll(1, 0)]).detach()
    each = torch.vmap(example.proxy_anchor, (0, None, None))(stack, proxies, target)
    expected = [example.proxy_anchor(one, proxies, target) for one in stack]
    torch.testing.assert_close(each, torch.stack(expected))
    report = ownloss.check(example.proxy_anchor, *case(5, 4, 3))
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    for shapes in [
        ((6, 2), (5, 3), (6,)),
        ((6, 3), (5, 3), (1,)),
        ((3,), (5, 3), (6,)),
    ]:
        first, second, third = (torch.zeros(shape) for shape in shapes)
        with pytest.raises(ValueError) as error:
            example.proxy_anchor(first, second, third.long())
        assert f"got {shapes[0]}, {shapes[1]} and {shapes[2]}" in str(error.value)
    with pytest.raises(ValueError, match=r"margin must be .* got -0\.1"):
        example.proxy_anchor(*case(), margin=-0.1)
    with pytest.raises(ValueError, match=r"alpha must be .* got 0\.0"):
        example.proxy_anchor(*case(), alpha=0.0)
