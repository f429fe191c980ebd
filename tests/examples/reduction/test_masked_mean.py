"""The masked mean against NumPy's weighted average, and what stands under a mask."""

import numpy as np
import pytest
import torch

import ownloss


def case(dtype=torch.float64):
    loss = torch.linspace(-2, 3, 24, dtype=dtype).sin().reshape(2, 3, 4)
    return loss.requires_grad_(), (torch.arange(24) % 5 < 3).reshape(2, 3, 4)


@pytest.mark.parametrize("dim", [None, 0, 1, -1, (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("kind", ["bool", "ones", "weights"])
def test_value_and_gradient_are_numpys_weighted_average(example, dim, kind):
    loss, mask = case()
    mask = {"bool": mask, "ones": mask.long(), "weights": mask * loss.detach().exp()}
    mask = mask[kind]
    weights = mask.numpy().astype(float)
    expected = np.average(loss.detach().numpy(), axis=dim, weights=weights)
    mean = example.masked_mean(loss, mask, dim)
    torch.testing.assert_close(
        mean.detach(), torch.as_tensor(expected), rtol=0, atol=1e-12
    )

    upstream = torch.linspace(2, 3, mean.numel(), dtype=mean.dtype).reshape(mean.shape)
    (gradient,) = torch.autograd.grad(mean, loss, upstream)
    if dim is None:
        total, spread = weights.sum(), upstream.numpy()
    else:
        total = weights.sum(dim, keepdims=True)
        spread = np.expand_dims(upstream.numpy(), dim)
    expected = torch.as_tensor(weights / total * spread)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_masked_may_be_anything(example, bad):
    loss, mask = case()
    spoilt = loss.detach().masked_fill(~mask, bad).requires_grad_()
    mean = example.masked_mean(spoilt, mask)
    assert mean == example.masked_mean(loss, mask)
    (gradient,) = torch.autograd.grad(mean, spoilt)
    assert gradient[~mask].count_nonzero() == 0
    assert gradient.isfinite().all()


def test_what_counts_and_is_nan_is_not_hidden(example):
    loss, mask = torch.tensor([1.0, torch.nan]), torch.tensor([True, True])
    assert example.masked_mean(loss, mask).isnan()


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 0), (2, 3)])
def test_where_nothing_counts_it_is_0_and_so_is_the_gradient(example, shape):
    loss = torch.full(shape, torch.nan, requires_grad=True)
    mean = example.masked_mean(loss, torch.zeros(shape))
    assert mean.item() == 0
    (gradient,) = torch.autograd.grad(mean, loss)
    assert gradient.count_nonzero() == 0


def test_an_empty_row_is_0_beside_others(example):
    loss = torch.tensor([[1.0, 3.0], [5.0, 5.0]], requires_grad=True)
    mask = torch.tensor([[1, 1], [0, 0]])
    mean = example.masked_mean(loss, mask, dim=1)
    assert mean.tolist() == [2, 0]
    (gradient,) = torch.autograd.grad(mean.sum(), loss)
    assert gradient.tolist() == [[0.5, 0.5], [0, 0]]


def test_weights_below_1_are_divided_by_their_sum(example):
    loss, weights = torch.tensor([1.0, 4.0]), torch.tensor([0.25, 0.125])
    assert example.masked_mean(loss, weights).item() == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_sum_beyond_float16_does_not_overflow(example, dtype):
    loss = torch.full((100_000,), 8.0, dtype=dtype, requires_grad=True)
    mean = example.masked_mean(loss, torch.ones(100_000, dtype=torch.bool))
    assert mean.dtype == dtype
    assert mean.item() == 8
    mean.backward()
    torch.testing.assert_close(loss.grad, torch.full_like(loss, 1e-5))


def test_weights_have_a_gradient_too(example):
    loss, mask = case()
    weights = (0.5 + mask.double()).requires_grad_()
    assert torch.autograd.gradcheck(example.masked_mean, (loss, weights))
    assert torch.autograd.gradgradcheck(example.masked_mean, (loss, weights))


def test_vmap_is_a_loop(example):
    loss, mask = case()
    loss = loss.detach()
    each = torch.vmap(example.masked_mean)(loss, mask)
    expected = [example.masked_mean(*pair) for pair in zip(loss, mask, strict=True)]
    torch.testing.assert_close(each, torch.stack(expected))


def test_the_checker_agrees_when_it_is_told_the_mask(example):
    loss, mask = case()
    for told in (None, mask):
        report = ownloss.check(example.masked_mean, loss, mask, mask=told)
        assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(4,), (3, 1), (1, 4)])
def test_shapes_that_would_broadcast_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.masked_mean(torch.zeros(3, 4), torch.ones(other))
    assert f"must have the same shape, got (3, 4) and {other}" in str(error.value)
