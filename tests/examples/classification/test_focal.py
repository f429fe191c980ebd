"""Focal against a textbook loop, cross entropy, and values worked by hand."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy


def by_the_book(logits, target, gamma):
    """Value and gradient of each row, in plain Python."""
    values, gradients = [], []
    for row, label in zip(logits.tolist(), target.tolist(), strict=True):
        total = sum(math.exp(z) for z in row)
        probabilities = [math.exp(z) / total for z in row]
        p = probabilities[label]
        values.append(-((1 - p) ** gamma) * math.log(p))
        pull = gamma * (1 - p) ** (gamma - 1) * p * math.log(p) - (1 - p) ** gamma
        gradients.append(
            [pull * ((j == label) - other) for j, other in enumerate(probabilities)]
        )
    return (
        torch.tensor(values, dtype=torch.float64),
        torch.tensor(gradients, dtype=torch.float64),
    )


@pytest.fixture
def logits():
    grid = torch.linspace(-3, 4, 20, dtype=torch.float64)
    return (grid * 7).sin().mul(3).reshape(5, 4).requires_grad_()


TARGET = torch.tensor([0, 3, 1, 1, 2])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_value_and_gradient_are_those_of_the_book(example, logits, gamma, reduction):
    values, gradients = by_the_book(logits, TARGET, gamma)
    upstream = torch.linspace(1, 3, 5, dtype=torch.float64)
    loss = example.focal(logits, TARGET, gamma, reduction)
    if reduction == "none":
        torch.testing.assert_close(loss, values)
        scale = upstream
    else:
        torch.testing.assert_close(loss, getattr(values, reduction)())
        upstream = torch.tensor(0.3, dtype=torch.float64)
        scale = upstream / (5 if reduction == "mean" else 1)
        scale = scale.expand(5)
    (gradient,) = torch.autograd.grad(loss, logits, upstream)
    torch.testing.assert_close(gradient, scale[:, None] * gradients)


def test_gamma_of_zero_is_cross_entropy(example, logits):
    ours = example.focal(logits, TARGET, gamma=0.0)
    torch.testing.assert_close(ours, cross_entropy(logits, TARGET))


def test_pixels_are_examples_too(example):
    logits = torch.linspace(-2, 2, 36, dtype=torch.float64).sin().reshape(2, 3, 2, 3)
    target = torch.arange(12).reshape(2, 2, 3) % 3
    flat = example.focal(logits.permute(0, 2, 3, 1).reshape(12, 3), target.flatten())
    torch.testing.assert_close(example.focal(logits, target), flat)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_extreme_logits_give_no_nan(example, gamma, dtype):
    logits = torch.tensor(
        [[1e4, -1e4], [-1e4, 1e4], [30.0, 0.0]], dtype=dtype, requires_grad=True
    )
    loss = example.focal(logits, torch.tensor([0, 0, 0]), gamma, "none")
    (gradient,) = torch.autograd.grad(loss.sum(), logits, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), logits)
    assert loss.dtype == gradient.dtype == dtype
    torch.testing.assert_close(loss[:2], torch.tensor([0.0, 2e4], dtype=dtype))
    expected = torch.tensor([[0.0, 0.0], [-1.0, 1.0]], dtype=dtype)
    torch.testing.assert_close(gradient[:2], expected)
    assert second.isfinite().all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_second_derivatives_are_right(example, logits, gamma):
    assert torch.autograd.gradgradcheck(
        lambda z: example.focal(z, TARGET, gamma), (logits,)
    )


def test_vmap_of_grad_gives_one_gradient_a_sample(example, logits):
    def one(row, label):
        return example.focal(row[None], label[None])

    logits = logits.detach()
    per_sample = torch.vmap(torch.func.grad(one))(logits, TARGET)
    torch.testing.assert_close(per_sample, by_the_book(logits, TARGET, 2.0)[1])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_where_nothing_counts_it_is_0_and_so_is_the_gradient(example, reduction):
    for target in (torch.zeros(0, dtype=torch.int64), torch.tensor([-100, -100])):
        logits = torch.ones(len(target), 3, requires_grad=True)
        loss = example.focal(logits, target, reduction=reduction)
        assert loss == 0
        loss.backward()
        assert not logits.grad.any()


@pytest.mark.parametrize("ignored", [-100, 2])
def test_what_is_ignored_counts_nowhere(example, ignored):
    logits = torch.linspace(-3, 30, 24, dtype=torch.float64).sin().reshape(4, 3, 2)
    logits = (4 * logits).requires_grad_()
    target = torch.tensor([[0, ignored], [1, 1], [ignored, ignored], [0, 1]])
    counted = target != ignored
    each = example.focal(logits, target, reduction="none", ignore_index=ignored)
    kept = logits.movedim(1, 2)[counted]
    expected = example.focal(kept, target[counted], reduction="none")
    torch.testing.assert_close(each[counted], expected)
    assert not each[~counted].any()
    mean = example.focal(logits, target, ignore_index=ignored)
    torch.testing.assert_close(mean, expected.mean())
    ours, theirs = (torch.autograd.grad(x, logits)[0] for x in (mean, expected.mean()))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("shape", "labels"), [((4, 3), (4, 1)), ((4, 3), (3,)), ((4,), (4,)), ((4,), ())]
)
def test_shapes_that_do_not_fit_are_refused(example, shape, labels):
    with pytest.raises(ValueError) as error:
        example.focal(torch.zeros(shape), torch.zeros(labels, dtype=torch.int64))
    assert f"{shape} and {labels}" in str(error.value)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_class_out_of_range_is_refused(example, label):
    with pytest.raises(IndexError, match=f"Target {label} is out of bounds"):
        example.focal(torch.zeros(1, 3), torch.tensor([label]))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"gamma": -1.0}, "gamma .* -1.0"), ({"reduction": "avg"}, "reduction .* 'avg'")],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    with pytest.raises(ValueError, match=message):
        example.focal(torch.zeros(2, 3), torch.tensor([0, 1]), **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_a_target_that_is_no_int64_is_refused(example, dtype):
    with pytest.raises(ValueError, match=f"target must be int64, got {dtype}"):
        example.focal(torch.zeros(2, 3), torch.zeros(2, dtype=dtype))


def test_an_infinite_gamma_is_refused(example):
    with pytest.raises(ValueError, match=r"gamma must be .*finite.* got inf"):
        example.focal(torch.zeros(1, 2), torch.tensor([0]), gamma=math.inf)
