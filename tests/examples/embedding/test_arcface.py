"""ArcFace against the arc cosine itself, in NumPy and under autograd."""

import math

import numpy as np
import pytest
import torch

DOUBLE = torch.float64
TARGET = torch.tensor([0, 3, 1, 1, 2])


def inputs(dtype=DOUBLE):
    generator = torch.Generator().manual_seed(4)
    rows = torch.randn(5, 3, dtype=DOUBLE, generator=generator)
    weight = torch.randn(4, 3, dtype=DOUBLE, generator=generator)
    return rows.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_()


def by_arc_cosine(rows, weight, target, margin, scale):
    cosine = torch.nn.functional.cosine_similarity(rows[:, None], weight[None], dim=2)
    own = torch.nn.functional.one_hot(target, len(weight)).to(rows.dtype)
    logits = scale * torch.cos(cosine.acos() + margin * own)
    return torch.nn.functional.cross_entropy(logits, target)


@pytest.mark.parametrize("margin", [0.0, 0.5, 2.0, math.pi])
def test_value_and_gradient_are_those_of_the_arc_cosine(example, margin):
    rows, weight = inputs()
    ours = example.arcface(rows, weight, TARGET, margin, 5.0)
    theirs = by_arc_cosine(rows, weight, TARGET, margin, 5.0)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    upstream = torch.tensor(2.5, dtype=DOUBLE)
    torch.testing.assert_close(
        torch.autograd.grad(ours, (rows, weight), upstream),
        torch.autograd.grad(theirs, (rows, weight), upstream),
        rtol=1e-8,
        atol=1e-10,
    )


@pytest.mark.parametrize("angle", [0.3, 1.5, 2.7, 3.1])
def test_past_pi_it_is_still_the_plain_cosine(example, angle):
    rows = torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=DOUBLE)
    loss = example.arcface(rows, torch.eye(2, dtype=DOUBLE), torch.tensor([0]))
    logits = 16 * np.array([math.cos(angle + 0.5), math.sin(angle)])
    expected = np.logaddexp.reduce(logits) - logits[0]
    assert loss.item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_on_and_opposite_to_the_class_nothing_is_infinite(example, dtype, sign):
    rows = (sign * 3 * torch.eye(2, dtype=dtype)).requires_grad_()
    weight = torch.eye(2, dtype=dtype, requires_grad=True)
    loss = example.arcface(rows, weight, torch.tensor([0, 1]))
    own = sign * math.cos(0.5)
    assert loss.item() == pytest.approx(np.logaddexp(0, -16 * own), rel=1e-4, abs=1e-6)
    loss.backward()
    assert rows.grad.isfinite().all()
    assert weight.grad.isfinite().all()


def test_right_beside_the_class_the_pull_is_that_of_the_margin(example):
    rows = torch.tensor([[1.0, 1e-6]], dtype=DOUBLE, requires_grad=True)
    weight = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=DOUBLE)
    example.arcface(rows, weight, torch.tensor([0]), 0.5, 2.0).backward()
    wrong = 1 / (1 + math.exp(2 * (math.cos(0.5) + 1)))
    pull = rows.grad[0, 1].item()
    assert pull == pytest.approx(wrong * 2 * math.sin(0.5), rel=1e-5)


def test_second_derivatives_are_right(example):
    def loss(rows, weight):
        return example.arcface(rows, weight, TARGET, 0.5, 3.0)

    assert torch.autograd.gradgradcheck(loss, inputs())


def test_a_row_of_zeros_has_no_nan(example):
    rows, weight = inputs()
    with torch.no_grad():
        rows[1] = 0
    example.arcface(rows, weight, TARGET).backward()
    assert rows.grad.isfinite().all()
    assert rows.grad[1].abs().max() < 1e3


def test_length_does_not_count_in_float32(example):
    rows, weight = inputs(torch.float32)
    loss = example.arcface(rows, weight, TARGET)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(example.arcface(1e4 * rows, weight / 9, TARGET), loss)


@pytest.mark.parametrize("target", [[], [-100, -100]])
def test_where_no_row_counts_it_is_0_and_so_is_the_gradient(example, target):
    rows = torch.ones(len(target), 3, requires_grad=True)
    loss = example.arcface(rows, torch.ones(4, 3), torch.tensor(target).long())
    loss.backward()
    assert loss == 0
    assert not rows.grad.any()


@pytest.mark.parametrize("ignored", [-100, 1])
def test_what_is_ignored_counts_nowhere(example, ignored):
    rows, weight = inputs()
    target = torch.tensor([0, ignored, 3, ignored, 2])
    kept = target != ignored
    one_by_one = [
        by_arc_cosine(rows[i : i + 1], weight, target[i : i + 1], 0.5, 16.0)
        for i in (0, 2, 4)
    ]
    expected = torch.stack(one_by_one)
    options = {"ignore_index": ignored}
    each = example.arcface(rows, weight, target, **options, reduction="none")
    torch.testing.assert_close(each[kept], expected)
    assert not each[~kept].any()
    for reduction in ("mean", "sum"):
        ours = example.arcface(rows, weight, target, **options, reduction=reduction)
        theirs = getattr(expected, reduction)()
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(
            torch.autograd.grad(ours, (rows, weight), retain_graph=True),
            torch.autograd.grad(theirs, (rows, weight), retain_graph=True),
        )


def test_memory_layout_and_vmap_do_not_matter(example):
    rows, weight = (tensor.detach() for tensor in inputs())
    turned = rows.T.contiguous().T, weight.T.contiguous().T
    expected = example.arcface(rows, weight, TARGET)
    torch.testing.assert_close(example.arcface(*turned, TARGET), expected)
    one_by_one = torch.vmap(example.arcface, (0, None, 0))
    losses = one_by_one(rows.unsqueeze(1), weight, TARGET.unsqueeze(1))
    torch.testing.assert_close(losses.mean(), expected)


def test_under_autocast_the_margin_stays_exact(example):
    _, weight = inputs(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = example.arcface(3 * weight, weight, torch.arange(4), scale=1.0)
    expected = example.arcface(3 * weight, weight, torch.arange(4), scale=1.0)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=1e-2, atol=0)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 2), (3, 5), (4,)), r"\(4, 2\), \(3, 5\) and \(4,\)"),
        (((4,), (3, 4), (4,)), r"\(4,\), \(3, 4\) and \(4,\)"),
        (((4, 2), (3, 2), (4, 1)), r"\(4, 2\), \(3, 2\) and \(4, 1\)"),
        (((4, 2), (3, 2), (5,)), r"\(4, 2\), \(3, 2\) and \(5,\)"),
        (((4, 2), (3, 2), ()), r"\(4, 2\), \(3, 2\) and \(\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(example, shapes, message):
    rows, weight, target = map(torch.zeros, shapes)
    with pytest.raises(ValueError, match=message):
        example.arcface(rows, weight, target.long())


@pytest.mark.parametrize("label", [-1, 4])
def test_a_class_out_of_range_is_refused(example, label):
    rows, weight = inputs()
    with pytest.raises(RuntimeError, match=f"index {label} is out of bounds"):
        example.arcface(rows, weight, torch.full((5,), label))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": -0.1}, r"margin .* -0\.1"),
        ({"margin": 30.0}, r"margin .* 30\.0"),
    ],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    rows, weight = inputs()
    with pytest.raises(ValueError, match=message):
        example.arcface(rows, weight, TARGET, **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_a_target_that_is_no_int64_is_refused(example, dtype):
    with pytest.raises(ValueError, match=f"target must be int64, got {dtype}"):
        example.arcface(torch.ones(2, 3), torch.ones(4, 3), torch.zeros(2, dtype=dtype))
