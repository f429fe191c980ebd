"""Generalized cross entropy against its formula in NumPy, and its two limits."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch.nn.functional import cross_entropy, one_hot

LOGITS = 3 * np.sin(np.linspace(-21, 28, 20)).reshape(5, 4)
TARGET = torch.tensor([0, 3, 1, 1, 2])


def by_the_book(q):
    """Value and gradient of each row."""
    probabilities = softmax(LOGITS, axis=1)
    p = probabilities[np.arange(5), TARGET.numpy()]
    onehot = one_hot(TARGET, 4).numpy()
    gradient = (p**q)[:, None] * (probabilities - onehot)
    return torch.from_numpy((1 - p**q) / q), torch.from_numpy(gradient)


@pytest.fixture
def logits():
    return torch.tensor(LOGITS, requires_grad=True)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_value_and_gradient_are_those_of_the_book(example, logits, q, reduction):
    values, gradients = by_the_book(q)
    loss = example.generalized_cross_entropy(logits, TARGET, q, reduction)
    if reduction == "none":
        upstream = torch.linspace(1, 3, 5, dtype=torch.float64)
        scale, expected = upstream[:, None], values
    else:
        upstream = torch.tensor(0.3, dtype=torch.float64)
        scale = upstream / (5 if reduction == "mean" else 1)
        expected = getattr(values, reduction)()
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss, logits, upstream)
    torch.testing.assert_close(gradient, scale * gradients)


def test_the_default_is_seven_tenths(example, logits):
    ours = example.generalized_cross_entropy(logits, TARGET)
    torch.testing.assert_close(ours, by_the_book(0.7)[0].mean())


def test_a_tiny_q_is_cross_entropy(example, logits):
    ours = example.generalized_cross_entropy(logits, TARGET, q=1e-12)
    torch.testing.assert_close(ours, cross_entropy(logits, TARGET))


def test_pixels_are_examples_too(example):
    logits = torch.linspace(-2, 2, 36, dtype=torch.float64).sin().reshape(2, 3, 2, 3)
    target = torch.arange(12).reshape(2, 2, 3) % 3
    flat = example.generalized_cross_entropy(
        logits.permute(0, 2, 3, 1).reshape(12, 3), target.flatten()
    )
    torch.testing.assert_close(example.generalized_cross_entropy(logits, target), flat)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_extreme_logits_give_no_nan(example, q, dtype):
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], dtype=dtype, requires_grad=True)
    loss = example.generalized_cross_entropy(logits, torch.tensor([0, 0]), q, "none")
    torch.testing.assert_close(loss, torch.tensor([0.0, 1 / q], dtype=dtype))
    (gradient,) = torch.autograd.grad(loss.sum(), logits, create_graph=True)
    assert gradient.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    (second,) = torch.autograd.grad(gradient.square().sum(), logits)
    assert second.isfinite().all()


def test_second_derivatives_are_right(example, logits):
    assert torch.autograd.gradgradcheck(
        lambda z: example.generalized_cross_entropy(z, TARGET), (logits,)
    )


def test_vmap_of_grad_gives_one_gradient_a_sample(example, logits):
    def one(row, label):
        return example.generalized_cross_entropy(row[None], label[None])

    per_sample = torch.vmap(torch.func.grad(one))(logits.detach(), TARGET)
    torch.testing.assert_close(per_sample, by_the_book(0.7)[1])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_where_nothing_counts_it_is_0_and_so_is_the_gradient(example, reduction):
    for target in (torch.zeros(0, dtype=torch.int64), torch.tensor([-100, -100])):
        logits = torch.ones(len(target), 3, requires_grad=True)
        loss = example.generalized_cross_entropy(logits, target, reduction=reduction)
        assert loss == 0
        loss.backward()
        assert not logits.grad.any()


@pytest.mark.parametrize("ignored", [-100, 2])
def test_what_is_ignored_counts_nowhere(example, ignored):
    logits = torch.linspace(-3, 30, 24, dtype=torch.float64).sin().reshape(4, 3, 2)
    logits = (4 * logits).requires_grad_()
    target = torch.tensor([[0, ignored], [1, 1], [ignored, ignored], [0, 1]])
    counted = target != ignored
    each = example.generalized_cross_entropy(
        logits, target, reduction="none", ignore_index=ignored
    )
    kept = logits.movedim(1, 2)[counted]
    expected = example.generalized_cross_entropy(
        kept, target[counted], reduction="none"
    )
    torch.testing.assert_close(each[counted], expected)
    assert not each[~counted].any()
    mean = example.generalized_cross_entropy(logits, target, ignore_index=ignored)
    torch.testing.assert_close(mean, expected.mean())
    ours, theirs = (torch.autograd.grad(x, logits)[0] for x in (mean, expected.mean()))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("shape", "labels"), [((4, 3), (4, 1)), ((4, 3), (3,)), ((4,), (4,)), ((4,), ())]
)
def test_shapes_that_do_not_fit_are_refused(example, shape, labels):
    with pytest.raises(ValueError) as error:
        example.generalized_cross_entropy(
            torch.zeros(shape), torch.zeros(labels, dtype=torch.int64)
        )
    assert f"{shape} and {labels}" in str(error.value)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_class_out_of_range_is_refused(example, label):
    with pytest.raises(IndexError, match=f"Target {label} is out of bounds"):
        example.generalized_cross_entropy(torch.zeros(1, 3), torch.tensor([label]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"q": 0.0}, "q must .* 0.0"),
        ({"q": 1.5}, "q must .* 1.5"),
        ({"reduction": "avg"}, "reduction .* 'avg'"),
    ],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    with pytest.raises(ValueError, match=message):
        example.generalized_cross_entropy(
            torch.zeros(2, 3), torch.tensor([0, 1]), **options
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_a_target_that_is_no_int64_is_refused(example, dtype):
    with pytest.raises(ValueError, match=f"target must be int64, got {dtype}"):
        example.generalized_cross_entropy(
            torch.zeros(2, 3), torch.zeros(2, dtype=dtype)
        )
