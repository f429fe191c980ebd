"""Binary cross entropy with missing labels against torch's own on what is known."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import ownloss

WEIGHT = torch.tensor([1.0, 0.5, 7.0], dtype=torch.float64)


def case():
    logits = torch.linspace(-4, 5, 24, dtype=torch.float64).reshape(8, 3)
    target = (torch.arange(24) % 4 < 2).double().reshape(8, 3)
    known = (torch.arange(24) % 5 != 1).reshape(8, 3)
    return logits.requires_grad_(), target, known


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("missing", ["mask", "NaN", "both", "float mask"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_it_is_torchs_on_the_known_labels(example, weighted, missing, reduction):
    logits, target, known = case()
    weight = WEIGHT if weighted else None
    theirs = binary_cross_entropy_with_logits(
        logits[known],
        target[known],
        pos_weight=WEIGHT.expand(8, 3)[known] if weighted else None,
        reduction=reduction,
    )
    gone = target.masked_fill(~known, torch.nan)
    given = {
        "mask": (target, weight, known),
        "NaN": (gone, weight),
        "both": (gone, weight, known),
        "float mask": (gone, weight, known.float()),
    }[missing]
    ours = example.weighted_bce(logits, *given, reduction=reduction)
    if reduction == "none":
        assert ours.shape == (8, 3)
        assert ours[~known].count_nonzero() == 0
        ours = ours[known]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    upstream = torch.linspace(2, 3, ours.numel(), dtype=torch.float64)
    gradients = [
        torch.autograd.grad(loss, logits, upstream.reshape(loss.shape))[0]
        for loss in (ours, theirs)
    ]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)
    assert gradients[0][~known].count_nonzero() == 0


def test_logits_under_the_mask_may_be_anything(example):
    logits, target, known = case()
    spoilt = logits.detach().masked_fill(~known, torch.nan).requires_grad_()
    loss = example.weighted_bce(spoilt, target, WEIGHT, known)
    torch.testing.assert_close(
        loss, example.weighted_bce(logits, target, WEIGHT, known)
    )
    (gradient,) = torch.autograd.grad(loss, spoilt)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(0,), (4,)])
def test_where_nothing_is_known_it_is_0(example, reduction, shape):
    logits = torch.ones(shape, requires_grad=True)
    loss = example.weighted_bce(
        logits, torch.full(shape, torch.nan), reduction=reduction
    )
    assert loss.count_nonzero() == 0
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert gradient.count_nonzero() == 0


def test_far_logits_and_half_precision(example):
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4], requires_grad=True)
    loss = example.weighted_bce(
        logits, torch.tensor([0.0, 1, 1, 0]), torch.tensor(2.0), reduction="none"
    )
    assert loss.tolist() == [1e4, 2e4, 0, 0]
    assert torch.autograd.grad(loss.sum(), logits)[0].tolist() == [1, -2, 0, 0]
    half = torch.full((100_000,), -8.0, dtype=torch.float16)
    loss = example.weighted_bce(half, torch.ones_like(half))
    assert loss.dtype == torch.float16
    assert loss.item() == pytest.approx(8, rel=1e-3)


def test_whole_targets_are_taken_as_numbers(example):
    logits, target, _ = case()
    torch.testing.assert_close(
        example.weighted_bce(logits, target.long()),
        example.weighted_bce(logits, target),
    )


def test_second_derivatives_and_vmap(example):
    logits, target, known = case()

    def loss(logits):
        return example.weighted_bce(logits, target, WEIGHT, known)

    assert torch.autograd.gradgradcheck(loss, logits)
    rows = logits.detach(), target, known
    each = torch.vmap(lambda z, t, m: example.weighted_bce(z, t, WEIGHT, m))(*rows)
    expected = [
        example.weighted_bce(z, t, WEIGHT, m) for z, t, m in zip(*rows, strict=True)
    ]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_finds_no_error(example):
    logits, target, known = case()
    for given in ((logits, target, WEIGHT, known), (logits, target)):
        report = ownloss.check(example.weighted_bce, *given)
        assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    logits = torch.zeros(4, 1)
    with pytest.raises(ValueError, match=r"target must .* \(4, 1\) and \(4,\)"):
        example.weighted_bce(logits, torch.zeros(4))
    with pytest.raises(ValueError, match=r"mask must .* \(4, 1\) and \(4,\)"):
        example.weighted_bce(logits, logits, mask=torch.ones(4))
    with pytest.raises(ValueError, match="got 'avg'"):
        example.weighted_bce(logits, logits, reduction="avg")
