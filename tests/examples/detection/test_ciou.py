"""CIoU against plain arithmetic on one box after the other."""

import math

import pytest
import torch

import ownloss

DOUBLE = torch.float64


def random_pairs(n=30):
    generator = torch.Generator().manual_seed(7)
    corner = 4 * torch.rand(2, n, 2, dtype=DOUBLE, generator=generator)
    size = 0.2 + 3 * torch.rand(2, n, 2, dtype=DOUBLE, generator=generator)
    return [
        rows.clone().requires_grad_() for rows in torch.cat([corner, corner + size], 2)
    ]


def plain(box, target, alpha=None):
    """Value and alpha, which is constant where it is given."""
    ax1, ay1, ax2, ay2 = box
    bx1, by1, bx2, by2 = target
    width = max(0.0, min(ax2, bx2) - max(ax1, bx1))
    height = max(0.0, min(ay2, by2) - max(ay1, by1))
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - width * height
    apart = math.dist(
        ((ax1 + ax2) / 2, (ay1 + ay2) / 2), ((bx1 + bx2) / 2, (by1 + by2) / 2)
    )
    diagonal = math.hypot(max(ax2, bx2) - min(ax1, bx1), max(ay2, by2) - min(ay1, by1))
    iou = width * height / union
    angles = math.atan((bx2 - bx1) / (by2 - by1)), math.atan((ax2 - ax1) / (ay2 - ay1))
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    if alpha is None:
        alpha = v / (1 - iou + v)
    return 1 - iou + (apart / diagonal) ** 2 + alpha * v, alpha


def test_value_and_gradient_are_those_of_plain_arithmetic(example):
    pair = random_pairs()
    loss = example.ciou(*pair)
    lists = [side.tolist() for side in pair]
    expected = [plain(*rows)[0] for rows in zip(*lists, strict=True)]
    assert len({value < 1 for value in expected}) == 2
    torch.testing.assert_close(loss, torch.tensor(expected, dtype=DOUBLE))

    upstream = torch.linspace(-1, 3, 30, dtype=DOUBLE)
    gradients = torch.autograd.grad(loss, pair, upstream)
    for side in range(2):
        for i in range(30):
            for k in range(4):
                values = []
                alpha = plain(lists[0][i], lists[1][i])[1]
                for sign in (1, -1):
                    rows = [list(lists[0][i]), list(lists[1][i])]
                    rows[side][k] += sign * 1e-6
                    values.append(plain(*rows, alpha)[0])
                slope = upstream[i].item() * (values[0] - values[1]) / 2e-6
                assert gradients[side][i, k].item() == pytest.approx(slope, abs=1e-7)


def test_leading_dimensions_and_vmap(example):
    boxes, target = random_pairs()
    loss = example.ciou(boxes, target)
    torch.testing.assert_close(torch.vmap(example.ciou)(boxes, target), loss)
    shaped = example.ciou(boxes.reshape(5, 6, 4), target.reshape(5, 6, 4))
    torch.testing.assert_close(shaped, loss.reshape(5, 6))


def test_equal_boxes_cost_nothing(example):
    boxes, _ = random_pairs()
    loss = example.ciou(boxes, boxes.detach().clone())
    loss.sum().backward()
    assert loss.abs().max() < 1e-12
    assert boxes.grad.abs().max() < 1e-12


@pytest.mark.parametrize("other", [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 4.0, 4.0]])
def test_an_empty_box_is_finite(example, other):
    boxes = torch.ones(1, 4, requires_grad=True)
    loss = example.ciou(boxes, torch.tensor([other]))
    loss.sum().backward()
    assert 1 <= loss.item() <= 2.5
    assert boxes.grad.isfinite().all()


def test_pixels_in_half_precision_do_not_overflow(example):
    boxes = torch.tensor([[0.0, 0.0, 900.0, 800.0]]).half().requires_grad_()
    loss = example.ciou(boxes, boxes.detach() + 100)
    loss.sum().backward()
    assert loss.dtype == torch.float16
    assert 0 < loss.item() < 1
    assert boxes.grad.isfinite().all()


def test_no_boxes_no_losses(example):
    assert example.ciou(torch.zeros(0, 4), torch.zeros(0, 4)).shape == (0,)


def test_the_checker_agrees(example):
    report = ownloss.check(example.ciou, *random_pairs(7))
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(1, 4), (4,), (3, 1)])
def test_shapes_that_would_broadcast_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.ciou(torch.zeros(3, 4), torch.zeros(other))
    assert f"must have the same shape (N, 4), got (3, 4) and {other}" in str(
        error.value
    )
