r"""
DIoU
====

The gradient moves the centre of a box to its target's, whether they overlap or not.

With the intersection over union, the distance :math:`d` between the centres, and the
diagonal :math:`c` of the hull, the smallest box around both:

.. math::

   \ell = 1 - \text{IoU} + \frac{d^2}{c^2}

The loss is 0 for equal boxes and nears 2 as boxes move apart.

Source: Z. Zheng, P. Wang, W. Liu, J. Li, R. Ye and D. Ren, *Distance-IoU Loss: Faster
and Better Learning for Bounding Box Regression*, AAAI 2020, equation 7.
"""

import torch
from torch import Tensor


def diou(boxes: Tensor, target: Tensor) -> Tensor:
    """Distance IoU loss of boxes, row by row.

    Args:
        boxes: Tensor of shape (N, 4), or (..., 4): the edges x1, y1, x2, y2 with x1
            below x2 and y1 below y2, in any unit.
        target: Tensor of the same shape, in the same unit.

    Returns:
        Tensor of shape (N,) or (...), a loss per box. Two empty boxes have an IoU of 0.

    Raises:
        ValueError: The shapes differ or do not end in 4.

    >>> boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]], requires_grad=True)
    >>> loss = diou(boxes, torch.tensor([[2.0, -2.0, 3.0, 3.0]]))
    >>> print(f"{loss.item():.4f}")  # no overlap; centres 2 apart, hull of 3 by 5
    1.1176
    >>> loss.sum().backward()
    >>> boxes.grad  # -2 / 34 for each edge in x; x1 moves the hull: + 4 * 6 / 34 ** 2
    tensor([[-0.0381,  0.0000, -0.0588,  0.0000]])

    >>> x = torch.tensor([[0.0, 0.1, 2.0, 3.0]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 1.0, 3.0, 2.5]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(diou, (x.requires_grad_(), y.requires_grad_()))
    True
    """
    if boxes.shape[-1:] != (4,) or boxes.shape != target.shape:
        raise ValueError(
            f"boxes and target must have the same shape (N, 4), got "
            f"{tuple(boxes.shape)} and {tuple(target.shape)}"
        )
    dtype = torch.result_type(boxes, target)
    wide = torch.promote_types(dtype, torch.float32)  # areas of pixels pass 65,504
    boxes, target = boxes.to(wide), target.to(wide)
    size, target_size = (each[..., 2:] - each[..., :2] for each in (boxes, target))
    larger, smaller = torch.maximum(boxes, target), torch.minimum(boxes, target)
    # The two sides are clamped before they are multiplied: two negative ones of boxes
    # apart would make an overlap.
    overlap = (smaller[..., 2:] - larger[..., :2]).relu().prod(-1)
    union = size.prod(-1) + target_size.prod(-1) - overlap
    diagonal = (larger[..., 2:] - smaller[..., :2]).square().sum(-1)
    edges = boxes - target
    distance = ((edges[..., :2] + edges[..., 2:]) / 2).square().sum(-1)
    iou = overlap / torch.where(union > 0, union, 1)
    loss = 1 - iou + distance / torch.where(diagonal > 0, diagonal, 1)
    return loss.to(dtype)


# %%
# A gradient where IoU and GIoU have none
# ---------------------------------------
# A box of 1 by 1 slides out of a target of 4 by 4. Without overlap 1 - IoU is constant
# at 1, and its gradient is exactly zero; GIoU's hull gives a gradient there. While the
# box lies inside its target, both are constant. Only the distance of the centres says
# which way the middle is.

import matplotlib.pyplot as plt


def giou(boxes, target):
    """Return GIoU loss and IoU."""
    larger, smaller = torch.maximum(boxes, target), torch.minimum(boxes, target)
    hull = (larger[..., 2:] - smaller[..., :2]).prod(-1)
    areas = sum((each[..., 2:] - each[..., :2]).prod(-1) for each in (boxes, target))
    overlap = (smaller[..., 2:] - larger[..., :2]).relu().prod(-1)
    union = areas - overlap
    return 2 - overlap / union - union / hull, overlap / union


offset = torch.linspace(0, 6, 240, requires_grad=True)
target = torch.tensor([-2.0, -2.0, 2.0, 2.0]).expand(240, 4)
boxes = offset.unsqueeze(1) * torch.tensor([1.0, 0.0, 1.0, 0.0])
boxes = boxes + torch.tensor([-0.5, -0.5, 0.5, 0.5])
loss = diou(boxes, target)
(gradient,) = torch.autograd.grad(loss.sum(), offset, retain_graph=True)
rival, iou = giou(boxes, target)
(other,) = torch.autograd.grad(rival.sum(), offset, retain_graph=True)
(none,) = torch.autograd.grad(1 - iou.sum(), offset)

fig, ax = plt.subplots()
ax.plot(offset.detach(), loss.detach(), label="DIoU loss")
ax.plot(offset.detach(), gradient, label="its gradient")
ax.plot(offset.detach(), other, "--", label="gradient of GIoU")
ax.plot(offset.detach(), none, ":", label="gradient of 1 - IoU")
ax.set(xlabel="offset of the centre; the box leaves from 1.5 to 2.5")
ax.set_ylabel("loss and gradient")
ax.set_title("Inside the target and outside, the centre has a gradient")
ax.legend()
for place in (40, 200):
    print(f"offset {offset[place]:.1f}: gradient of DIoU {gradient[place]:.3f}", end="")
    print(f", GIoU {other[place]:.3f}, 1 - IoU {none[place]:.3f}")

# %%
# A far box stretches, as under GIoU
# ----------------------------------
# A larger hull makes the second term smaller, so edges that face away from the target
# may move away from it. An optimizer that takes steps of the same size for each edge,
# as Adam does, makes that visible. It shrinks back once the boxes overlap.

target = torch.tensor([[6.0, 3.0, 8.0, 5.0]])
for name, loss in {"DIoU": diou, "GIoU": lambda *boxes: giou(*boxes)[0]}.items():
    box = torch.tensor([[0.0, 0.0, 2.0, 2.0]], requires_grad=True)
    optimizer = torch.optim.Adam([box], lr=0.05)
    area = []
    for _ in range(400):
        area.append((box[0, 2:] - box[0, :2]).prod().item())
        optimizer.zero_grad()
        loss(box, target).sum().backward()
        optimizer.step()
    overlap = giou(box, target)[1].item()
    print(f"{name}: largest area {max(area):.1f} of a target of 4, IoU {overlap:.2f}")

# %%
# What users ask
# --------------
# Boxes that just touch stand on the kink of the overlap, where ``relu`` has the
# gradient 0. All terms are ratios: the unit cancels, and so do the image's pixels.
# Boxes given as centre and size, or as corner and size, are taken for edges without an
# error. The loss is one value per box: select the boxes that were matched to a target
# first, so that far boxes are not trained by an IoU at all, and divide by their number;
# ``.mean()`` of no box is NaN, ``.sum() / max(n, 1)`` is 0.
#
# Use it when boxes may start anywhere, or lie inside each other; rather
# :doc:`/examples/detection/ciou` when the width beside the height matters to you, too.

box, target = torch.tensor([[1.0, 2.0, 4.0, 4.0]]), torch.tensor([[2.0, 2.0, 5.0, 5.0]])
torch.testing.assert_close(diou(box, target), diou(640 * box, 640 * target))
assert diou(box[:0], target[:0]).sum() / max(len(box[:0]), 1) == 0

# sphinx_gallery_tags = ["detection", "boxes", "metric"]
