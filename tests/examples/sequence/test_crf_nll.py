"""The CRF against a sum over all paths."""

import itertools

import pytest
import torch

import ownloss

LENGTHS = [4, 1, 3, 0]


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    emissions, transitions = torch.randn(4, 4, 3), torch.randn(3, 3)
    floats = [emissions, transitions, torch.randn(3), torch.randn(3)]
    e, a, b, f = (x.double().requires_grad_() for x in floats)
    mask = torch.arange(4) < torch.tensor(LENGTHS)[:, None]
    return e, torch.randint(3, (4, 4)), a, b, f, mask


def by_paths(e, tags, a, b, f, mask):
    losses = []
    for i, length in enumerate(LENGTHS):
        if not length:
            losses.append(e.sum() * 0)
            continue

        def score(path, i=i):
            total = b[path[0]] + f[path[-1]]
            total = total + sum(e[i, t, c] for t, c in enumerate(path))
            return total + sum(a[p, q] for p, q in itertools.pairwise(path))

        paths = itertools.product(range(3), repeat=length)
        every = torch.stack([score(path) for path in paths]).exp().sum().log()
        losses.append(every - score(tags[i, :length].tolist()))
    return torch.stack(losses)


@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
def test_value_and_gradients_are_those_of_all_paths(example, inputs, reduction):
    each = by_paths(*inputs)
    expected = each if reduction == "none" else getattr(each, reduction)()
    loss = example.crf_nll(*inputs, reduction=reduction)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-9)
    flow = torch.linspace(-1, 2, 4).double() if reduction == "none" else None
    floats = [x for x in inputs if x.requires_grad]
    pair = [torch.autograd.grad(x, floats, flow) for x in (loss, expected)]
    torch.testing.assert_close(*pair, rtol=0, atol=1e-9)


def test_padding_does_not_count(example, inputs):
    e, tags, *parts, mask = inputs
    loss = example.crf_nll(*inputs)
    right = torch.autograd.grad(loss, parts)
    broken = e.detach().masked_fill(~mask[..., None], torch.nan)
    ours = example.crf_nll(broken, tags.masked_fill(~mask, -100), *parts, mask)
    torch.testing.assert_close(ours, loss)
    torch.testing.assert_close(torch.autograd.grad(ours, parts), right)


def test_far_tails_are_finite(example, inputs):
    e, tags, *parts, mask = inputs
    loss = example.crf_nll(e * 1e4, tags, *parts, mask)
    assert loss.isfinite() and torch.autograd.grad(loss, e)[0].isfinite().all()


def test_the_checker_finds_no_error(example, inputs):
    report = ownloss.check(example.crf_nll, *inputs)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example, inputs):
    wrong = list(inputs)
    wrong[2] = torch.ones(3, 2)
    with pytest.raises(ValueError, match=r"must have the shapes .* \(3, 2\)"):
        example.crf_nll(*wrong)
    with pytest.raises(ValueError, match=r"reduction must be .* got 'all'"):
        example.crf_nll(*inputs, reduction="all")
