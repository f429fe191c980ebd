"""GIoU against counted cells of a grid, exact fractions and central differences."""

import itertools
from fractions import Fraction

import pytest
import torch

DOUBLE = torch.float64
EMPTY = [
    [1.0, 1.0, 1.0, 1.0],
    [1.0, 1.0, 3.0, 1.0],
    [3.0, 1.0, 1.0, 2.0],
    [3.0, 3.0, 1.0, 1.0],
]


def cells(box):
    x1, y1, x2, y2 = box
    return set(itertools.product(range(x1, x2), range(y1, y2)))


def counted(box, target):
    """Count unit cells, with no formula for areas."""
    both, either = cells(box) & cells(target), cells(box) | cells(target)
    xs, ys = zip(*either, strict=True)
    hull = cells((min(xs), min(ys), max(xs) + 1, max(ys) + 1))
    score = Fraction(len(both), len(either)) - Fraction(len(hull - either), len(hull))
    return 1 - score


def every_pair():
    boxes = [
        (x, y, x + w, y + h)
        for x, y, w, h in itertools.product((0, 1, 4), (0, 2), (1, 3), (2, 5))
    ]
    return list(itertools.product(boxes, boxes))


def random_pairs(n=40, dtype=DOUBLE):
    generator = torch.Generator().manual_seed(7)
    corner = 4 * torch.rand(2, n, 2, dtype=DOUBLE, generator=generator)
    size = 0.2 + 3 * torch.rand(2, n, 2, dtype=DOUBLE, generator=generator)
    boxes = torch.cat([corner, corner + size], dim=2).to(dtype)
    return [rows.clone().requires_grad_() for rows in boxes]


def test_value_is_that_of_counted_cells(example):
    pairs = every_pair()
    boxes, targets = torch.tensor(pairs, dtype=DOUBLE).unbind(1)
    expected = torch.tensor([float(counted(*pair)) for pair in pairs], dtype=DOUBLE)
    ours = example.giou(boxes, targets, "none")
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    assert example.giou(boxes, targets).item() == pytest.approx(expected.mean().item())
    ours = example.giou(boxes, targets, "sum")
    assert ours.item() == pytest.approx(expected.sum().item())


def plain(box, target):
    ax1, ay1, ax2, ay2 = box
    bx1, by1, bx2, by2 = target
    width = max(0.0, min(ax2, bx2) - max(ax1, bx1))
    height = max(0.0, min(ay2, by2) - max(ay1, by1))
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - width * height
    hull = (max(ax2, bx2) - min(ax1, bx1)) * (max(ay2, by2) - min(ay1, by1))
    return 1 - width * height / union + (hull - union) / hull


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradient_is_that_of_central_differences(example, reduction):
    boxes, target = random_pairs()
    loss = example.giou(boxes, target, reduction)
    upstream = torch.linspace(-1, 3, loss.numel(), dtype=DOUBLE).reshape(loss.shape)
    gradients = torch.autograd.grad(loss, (boxes, target), upstream)
    share = upstream.expand(40) / (40 if reduction == "mean" else 1)
    lists = boxes.tolist(), target.tolist()
    for side, i, k in itertools.product(range(2), range(40), range(4)):
        pair, values = [list(lists[0][i]), list(lists[1][i])], []
        for sign in (1, -1):
            pair[side][k] = lists[side][i][k] + sign * 1e-6
            values.append(plain(*pair))
        slope = share[i].item() * (values[0] - values[1]) / 2e-6
        assert gradients[side][i, k].item() == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_boxes_apart_still_pull(example):
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]], requires_grad=True)
    example.giou(boxes, torch.tensor([[50.0, 0.0, 51.0, 1.0]])).backward()
    assert boxes.grad[0, 2] < 0


def test_equal_boxes_have_neither_loss_nor_gradient(example):
    boxes, _ = random_pairs(dtype=torch.float32)
    loss = example.giou(boxes, boxes.detach().clone())
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(0.0, abs=1e-7)
    assert boxes.grad.abs().max() < 1e-6


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("other", [*EMPTY, [0.0, 0.0, 4.0, 4.0]])
@pytest.mark.parametrize("empty", EMPTY)
def test_empty_boxes_are_finite(example, empty, other, order):
    boxes = torch.tensor([empty], dtype=DOUBLE, requires_grad=True)
    target = torch.tensor([other], dtype=DOUBLE, requires_grad=True)
    loss = example.giou(boxes, target)
    assert 1 <= loss.item() <= 2
    gradients = [loss]
    for _ in range(order):
        total = sum(gradient.sum() for gradient in gradients)
        gradients = torch.autograd.grad(total, (boxes, target), create_graph=True)
        assert all(gradient.isfinite().all() for gradient in gradients)


def test_an_empty_box_is_drawn_to_its_target_from_outside_alone(example):
    boxes = torch.tensor([[1.0, 1.0, 1.0, 3.0], [-1.0, 1.0, -1.0, 3.0]])
    boxes.requires_grad_()
    example.giou(boxes, torch.tensor([[0.0, 0.0, 4.0, 4.0]]).expand(2, 4)).backward()
    assert not boxes.grad[0].any()
    assert boxes.grad[1, 0] < 0


def test_no_boxes_are_0_on_the_graph(example):
    boxes = torch.zeros(0, 4, requires_grad=True)
    for reduction in ("mean", "sum"):
        loss = example.giou(boxes, torch.zeros(0, 4), reduction)
        loss.backward()
        assert loss.item() == 0.0
    assert example.giou(boxes, torch.zeros(0, 4), "none").shape == (0,)


def test_second_derivatives_are_right(example):
    assert torch.autograd.gradcheck(example.giou, random_pairs(6))
    assert torch.autograd.gradgradcheck(example.giou, random_pairs(6))


def test_memory_layout_and_vmap_do_not_matter(example):
    boxes, target = (rows.detach() for rows in random_pairs())
    expected = example.giou(boxes, target, "none")
    turned = example.giou(boxes.T.contiguous().T, target, "none")
    torch.testing.assert_close(turned, expected)
    torch.testing.assert_close(torch.vmap(example.giou)(boxes, target), expected)


@pytest.mark.parametrize("shapes", [((3, 4), (1, 4)), ((3, 5), (3, 5)), ((), ())])
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    message = r" and ".join(rf"\({str(shape)[1:-1]}\)" for shape in shapes)
    with pytest.raises(ValueError, match=message):
        example.giou(*map(torch.zeros, shapes))


def test_a_reduction_that_makes_no_sense_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.giou(torch.zeros(2, 4), torch.zeros(2, 4), "avg")


def test_pixels_do_not_overflow_half_precision(example):
    boxes = torch.tensor([[0.0, 0.0, 640.0, 480.0]])
    target = torch.tensor([[100.0, 50.0, 800.0, 500.0]])
    half = example.giou(boxes.half(), target.half())
    assert half.dtype == torch.float16
    assert half.item() == pytest.approx(example.giou(boxes, target).item(), rel=1e-3)
