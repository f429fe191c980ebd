"""CTC against torch's own, and against all alignments counted one by one."""

import itertools
import math

import pytest
import torch
from torch.nn.functional import ctc_loss

TARGET = torch.tensor([[1, 2, 3, 4], [9, 9, 9, 9], [3, 3, 3, 3], [5, 1, -7, 99]])
FRAMES = torch.tensor([12, 9, 8, 5])
LABELS = torch.tensor([4, 0, 4, 2])


def logits():
    numbers = torch.arange(4 * 12 * 6, dtype=torch.float64).square().sin() * 3
    return numbers.reshape(4, 12, 6).requires_grad_()


def torchs(x, target, frames, labels, **options):
    return ctc_loss(x.log_softmax(2).transpose(0, 1), target, frames, labels, **options)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("blank", [0, 5])
def test_value_and_gradient_are_torchs(example, reduction, blank):
    target = (TARGET - 1).where(TARGET < 6, 9) if blank else TARGET
    x, options = logits(), {"blank": blank, "reduction": reduction}
    ours = example.ctc(x, target, FRAMES, LABELS, **options)
    theirs = torchs(x, target.clamp(0, 4 + (not blank)), FRAMES, LABELS, **options)
    torch.testing.assert_close(ours, theirs)
    upstream = torch.linspace(1, 3, ours.numel(), dtype=x.dtype).reshape(ours.shape)
    gradients = [torch.autograd.grad(loss, x, upstream)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*gradients)
    assert (gradients[0][3, 5:] == 0).all()


@pytest.mark.parametrize("target", [[], [1], [1, 2], [1, 1], [2, 1, 2]])
def test_loss_counts_all_alignments(example, target):
    x = logits()[:1, :4, :3].detach()
    p = x[0].softmax(1)
    total = 0.0
    for path in itertools.product(range(3), repeat=4):
        if [c for c, _ in itertools.groupby(path) if c] == target:
            total += math.prod(p[t, c].item() for t, c in enumerate(path))
    lengths = torch.tensor([4]), torch.tensor([len(target)])
    loss = example.ctc(x, torch.tensor([target]).long(), *lengths)
    assert loss.item() == pytest.approx(-math.log(total), rel=1e-12)


def test_gradcheck_passes_on_raw_logits(example):
    lengths = torch.tensor([8, 5, 6, 1]), torch.tensor([4, 0, 3, 1])
    assert torch.autograd.gradcheck(
        lambda x: example.ctc(x, TARGET, *lengths, reduction="none"),
        logits()[:, :8].detach().requires_grad_(),
    )


def test_an_impossible_target_costs_inf_and_leaves_the_others_alone(example):
    x, target = logits(), torch.full((4, 4), 2)  # four equal labels need seven frames
    frames, labels = torch.tensor([7, 6, 0, 0]), torch.tensor([4, 4, 1, 0])
    loss = example.ctc(x, target, frames, labels, reduction="none")
    assert loss.isinf().tolist() == [False, True, True, False]
    assert loss[3] == 0
    (gradient,) = torch.autograd.grad(loss[loss.isfinite()].sum(), x)
    alone = torchs(x[:1], target[:1], frames[:1], labels[:1], reduction="sum")
    (expected,) = torch.autograd.grad(alone, x)
    torch.testing.assert_close(gradient, expected)


def test_huge_logits_give_finite_gradients_in_single_precision(example):
    x = (1e4 * logits().detach().sign()).float().requires_grad_()
    example.ctc(x, TARGET, FRAMES, LABELS).backward()
    assert x.grad.dtype == torch.float32
    assert x.grad.isfinite().all()


def test_nan_is_not_hidden(example):
    x = torch.full((1, 3, 2), math.nan, requires_grad=True)
    one = torch.tensor([1])
    loss = example.ctc(x, one[None], 3 * one, one)
    loss.backward()
    assert loss.isnan()
    assert x.grad.isnan().any()


def test_vmap_and_grad_compose(example):
    batch = torch.stack([logits().detach(), logits().detach().flip(0)])

    def loss(x):
        return example.ctc(x, TARGET, FRAMES, LABELS)

    ours = torch.vmap(torch.func.grad(loss))(batch)
    for row, gradient in zip(batch, ours, strict=True):
        torch.testing.assert_close(gradient, torch.func.grad(loss)(row))


def test_a_second_derivative_is_refused(example):
    x = logits()
    loss = example.ctc(x.square(), TARGET, FRAMES, LABELS)
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(NotImplementedError):
        gradient.sum().backward()


def test_an_empty_batch_is_torchs(example):
    x, target, length = logits()[:0], TARGET[:0], FRAMES[:0]
    assert example.ctc(x, target, length, length).item() == 0
    assert example.ctc(x, target, length, length, reduction="mean").isnan()


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"target": TARGET[:3]}, r"\(4, 12, 6\), \(3, 4\)"),
        ({"target": TARGET[0]}, r"\(4, 12, 6\), \(4,\)"),
        ({"input_lengths": FRAMES + 1}, r"lengths must be 0 to 12, got \[13"),
        ({"target_lengths": LABELS - 1}, r"lengths must be 0 to 4, got \[3, -1"),
        ({"target": TARGET + 2}, r"labels must be int64 in \[0, 6\)"),
        ({"target": TARGET.double()}, r"labels must be int64 .* 1\."),
        ({"blank": 3}, "not 3"),
        ({"blank": 6}, r"in \[0, 6\), not 6"),
        ({"blank": 0.5}, r"not 0\.5"),
        ({"reduction": "avg"}, "reduction .* 'avg'"),
    ],
)
def test_what_does_not_fit_is_refused(example, replaced, message):
    arguments = {
        "logits": logits(),
        "target": TARGET,
        "input_lengths": FRAMES,
        "target_lengths": LABELS,
    }
    with pytest.raises(ValueError, match=message):
        example.ctc(**arguments | replaced)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_zero_infinity_is_torchs(example, reduction):
    target = torch.tensor([[1, 1, 2], [1, 2, 3]])
    lengths = torch.tensor([3, 3]), torch.tensor([3, 3])
    x = logits()[:2, :3].detach().requires_grad_()
    options = {"reduction": reduction, "zero_infinity": True}
    ours = example.ctc(x, target, *lengths, **options)
    theirs = torchs(x, target, *lengths, **options)
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(loss.sum(), x)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*gradients)
    assert not gradients[0][0].any()
