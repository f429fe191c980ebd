"""Triplet against the textbook in NumPy, and against torch's own without its eps."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import triplet_margin_loss

DOUBLE = torch.float64


def rows(requires_grad=True):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(
            6, 5, dtype=DOUBLE, generator=generator, requires_grad=requires_grad
        )
        for _ in range(3)
    ]


@pytest.mark.parametrize("margin", [0.3, 1.0, 4.0])
def test_value_is_the_textbooks(example, margin):
    anchor, positive, negative = (row.numpy() for row in rows(requires_grad=False))
    near = np.linalg.norm(anchor - positive, axis=1)
    far = np.linalg.norm(anchor - negative, axis=1)
    expected = torch.from_numpy(np.maximum(0, near - far + margin))
    assert (expected > 0).sum() > 0
    arguments = [torch.from_numpy(row) for row in (anchor, positive, negative)]
    ours = example.triplet(*arguments, margin, "none")
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    for reduction in ("mean", "sum"):
        ours = example.triplet(*arguments, margin, reduction)
        torch.testing.assert_close(ours, getattr(expected, reduction)())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_gradient_is_torchs_without_its_eps(example, reduction, dtype):
    inputs = [row.detach().to(dtype).requires_grad_() for row in rows()]
    ours = example.triplet(*inputs, 0.8, reduction)
    theirs = triplet_margin_loss(*inputs, 0.8, eps=0.0, reduction=reduction)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, theirs)
    upstream = torch.linspace(-1, 3, ours.numel(), dtype=dtype).reshape(ours.shape)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, upstream),
        torch.autograd.grad(theirs, inputs, upstream),
    )


def test_rows_that_coincide_have_no_nan(example):
    anchor = torch.zeros(2, 3, dtype=DOUBLE, requires_grad=True)
    positive = torch.zeros(2, 3, dtype=DOUBLE, requires_grad=True)
    negative = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]], dtype=DOUBLE)
    loss = example.triplet(anchor, positive, negative)
    loss.backward()
    assert loss.item() == (1.0 + 0.5) / 2
    assert not positive.grad.any()
    assert anchor.grad.tolist() == [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]


def test_beyond_the_margin_nothing_pulls(example):
    anchor, positive, negative = (row.detach() for row in rows())
    negative = (anchor + 100).requires_grad_()
    loss = example.triplet(anchor, positive, negative)
    loss.backward()
    assert loss.item() == 0.0
    assert not negative.grad.any()


def test_second_derivatives_are_right(example):
    assert torch.autograd.gradgradcheck(example.triplet, rows())


def test_a_row_at_a_time_is_the_batch(example):
    inputs = rows(requires_grad=False)
    one = torch.func.grad(example.triplet, argnums=2)
    per_row = torch.vmap(one)(*inputs)
    batch = torch.func.grad(lambda *x: example.triplet(*x, reduction="sum"), 2)(*inputs)
    torch.testing.assert_close(per_row, batch)


def test_memory_layout_does_not_matter(example):
    inputs = rows(requires_grad=False)
    turned = [row.T.contiguous().T for row in inputs]
    torch.testing.assert_close(example.triplet(*turned), example.triplet(*inputs))


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"\(4, 2\), \(1, 2\) and \(4, 2\)"):
        example.triplet(torch.zeros(4, 2), torch.zeros(1, 2), torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"\(\), \(\) and \(\)"):
        example.triplet(*torch.zeros(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"margin": 0.0}, "margin .* 0.0"), ({"reduction": "avg"}, "reduction .* 'avg'")],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    with pytest.raises(ValueError, match=message):
        example.triplet(*torch.zeros(3, 2, 2), **options)


def test_an_infinite_margin_is_refused(example):
    with pytest.raises(ValueError, match=r"margin must be .*finite.* got inf"):
        example.triplet(*3 * [torch.ones(2, 2)], margin=math.inf)
