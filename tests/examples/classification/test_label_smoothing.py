"""Label smoothing against torch's own, and against the smoothed target itself."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

TARGET = torch.tensor([0, 3, 1, 1, 2])


@pytest.fixture
def logits():
    grid = torch.linspace(-3, 4, 20, dtype=torch.float64)
    return (grid * 7).sin().mul(3).reshape(5, 4).requires_grad_()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6, 1.0])
def test_value_and_gradient_are_torchs(example, logits, smoothing, reduction):
    ours = example.label_smoothing(logits, TARGET, smoothing, reduction)
    theirs = cross_entropy(
        logits, TARGET, label_smoothing=smoothing, reduction=reduction
    )
    torch.testing.assert_close(ours, theirs)
    upstream = torch.linspace(1, 3, ours.numel(), dtype=torch.float64)
    upstream = upstream.reshape(ours.shape) * 0.7
    (our_gradient,) = torch.autograd.grad(ours, logits, upstream)
    (their_gradient,) = torch.autograd.grad(theirs, logits, upstream)
    torch.testing.assert_close(our_gradient, their_gradient)


def test_gradient_is_probability_minus_smoothed_target(example, logits):
    loss = example.label_smoothing(logits, TARGET, 0.2, "sum")
    (gradient,) = torch.autograd.grad(3 * loss, logits)
    target = torch.full((5, 4), 0.05, dtype=torch.float64)
    target[torch.arange(5), TARGET] = 0.85
    torch.testing.assert_close(gradient, 3 * (logits.softmax(1) - target).detach())


def test_the_best_margin_is_finite(example):
    margin = math.log(1 + 4 * 0.9 / 0.1)
    logits = torch.tensor([[margin, 0, 0, 0]], dtype=torch.float64, requires_grad=True)
    example.label_smoothing(logits, torch.tensor([0])).backward()
    torch.testing.assert_close(logits.grad, torch.zeros_like(logits))


def test_pixels_are_examples_too(example):
    logits = torch.linspace(-2, 2, 36, dtype=torch.float64).sin().reshape(2, 3, 2, 3)
    target = torch.arange(12).reshape(2, 2, 3) % 3
    theirs = cross_entropy(logits, target, label_smoothing=0.1)
    torch.testing.assert_close(example.label_smoothing(logits, target), theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_stay_finite(example, dtype):
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], dtype=dtype, requires_grad=True)
    loss = example.label_smoothing(logits, torch.tensor([0, 0]), reduction="none")
    torch.testing.assert_close(loss, torch.tensor([1e3, 1.9e4], dtype=dtype))
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    expected = torch.tensor([[0.05, -0.05], [-0.95, 0.95]], dtype=dtype)
    torch.testing.assert_close(gradient, expected)


def test_second_derivatives_are_right(example, logits):
    assert torch.autograd.gradgradcheck(
        lambda z: example.label_smoothing(z, TARGET), (logits,)
    )


def test_vmap_of_grad_gives_one_gradient_a_sample(example, logits):
    def one(row, label):
        return example.label_smoothing(row[None], label[None])

    per_sample = torch.vmap(torch.func.grad(one))(logits.detach(), TARGET)
    example.label_smoothing(logits, TARGET, reduction="sum").backward()
    torch.testing.assert_close(per_sample, logits.grad)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_where_nothing_counts_it_is_0_and_so_is_the_gradient(example, reduction):
    for target in (torch.zeros(0, dtype=torch.int64), torch.tensor([-100, -100])):
        logits = torch.ones(len(target), 3, requires_grad=True)
        loss = example.label_smoothing(logits, target, reduction=reduction)
        assert loss == 0
        loss.backward()
        assert not logits.grad.any()


@pytest.mark.parametrize("ignored", [-100, 2])
def test_what_is_ignored_counts_nowhere(example, ignored):
    logits = torch.linspace(-3, 30, 24, dtype=torch.float64).sin().reshape(4, 3, 2)
    logits = (4 * logits).requires_grad_()
    target = torch.tensor([[0, ignored], [1, 1], [ignored, ignored], [0, 1]])
    counted = target != ignored
    each = example.label_smoothing(
        logits, target, reduction="none", ignore_index=ignored
    )
    kept = logits.movedim(1, 2)[counted]
    expected = example.label_smoothing(kept, target[counted], reduction="none")
    torch.testing.assert_close(each[counted], expected)
    assert not each[~counted].any()
    mean = example.label_smoothing(logits, target, ignore_index=ignored)
    torch.testing.assert_close(mean, expected.mean())
    ours, theirs = (torch.autograd.grad(x, logits)[0] for x in (mean, expected.mean()))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("shape", "labels"), [((4, 3), (4, 1)), ((4, 3), (3,)), ((4,), (4,)), ((4,), ())]
)
def test_shapes_that_do_not_fit_are_refused(example, shape, labels):
    with pytest.raises(ValueError) as error:
        example.label_smoothing(
            torch.zeros(shape), torch.zeros(labels, dtype=torch.int64)
        )
    assert f"{shape} and {labels}" in str(error.value)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_class_out_of_range_is_refused(example, label):
    with pytest.raises(RuntimeError, match=f"index {label} is out of bounds"):
        example.label_smoothing(torch.zeros(1, 3), torch.tensor([label]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoothing": -0.1}, "smoothing .* -0.1"),
        ({"smoothing": 10}, "smoothing .* 10"),
        ({"reduction": "avg"}, "reduction .* 'avg'"),
    ],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    with pytest.raises(ValueError, match=message):
        example.label_smoothing(torch.zeros(2, 3), torch.tensor([0, 1]), **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_a_target_that_is_no_int64_is_refused(example, dtype):
    with pytest.raises(ValueError, match=f"target must be int64, got {dtype}"):
        example.label_smoothing(torch.zeros(2, 3), torch.zeros(2, dtype=dtype))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_a_class_masked_with_minus_infinity_has_no_share(example, smoothing):
    logits = torch.tensor([[2.0, 1.0, 0.5, -1.0]] * 2, dtype=torch.float64)
    masked = torch.tensor([[0, 0, 1, 0], [0, 0, 0, 0]], dtype=torch.bool)
    masked = logits.masked_fill(masked, -torch.inf).requires_grad_()
    target = torch.tensor([1, 3])
    loss = example.label_smoothing(masked, target, smoothing, "none")
    for row, kept in enumerate(([0, 1, 3], [0, 1, 2, 3])):
        own = torch.tensor([kept.index(target[row])])
        expected = cross_entropy(
            logits[row : row + 1, kept], own, label_smoothing=smoothing
        )
        assert loss[row].item() == pytest.approx(expected.item(), rel=1e-12)
    (gradient,) = torch.autograd.grad(loss.sum(), masked)
    assert gradient.isfinite().all()
    assert gradient[0, 2] == 0
