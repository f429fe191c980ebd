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
# at 1, and its gradient is exactly zero; the hull of :doc:`/examples/detection/giou`
# gives a gradient there. While the box lies inside its target, both are constant. Only
# the distance of the centres says which way the middle is.

import matplotlib.pyplot as plt

offset = torch.linspace(0, 6, 241, requires_grad=True)
edges = torch.tensor([-0.5, -0.5, 0.5, 0.5])
boxes = edges + offset.unsqueeze(1) * torch.tensor([1.0, 0.0, 1.0, 0.0])
loss = diou(boxes, torch.tensor([-2.0, -2.0, 2.0, 2.0]).expand(241, 4))
overlap = (2 - (offset - 0.5)).clamp(0, 1)  # the part of the box in its target
union, hull = 17 - overlap, 4 * (offset + 2.5).clamp(min=4)
iou, giou = overlap / union, overlap / union - (hull - union) / hull
(gradient,) = torch.autograd.grad(loss.sum(), offset, retain_graph=True)
(none,) = torch.autograd.grad((1 - iou).sum(), offset, retain_graph=True)
(other,) = torch.autograd.grad((1 - giou).sum(), offset)

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
# Units, formats and pictures without a box
# -----------------------------------------
# All terms are ratios: the unit cancels, and so do the image's pixels. Boxes given as
# centre and size, or as corner and size, are taken for edges without an error. The loss
# is one value per box: select the boxes that were matched to a target first, so that
# far boxes are not trained by an IoU at all, and divide by their number; ``.mean()`` of
# no box is NaN, ``.sum() / max(n, 1)`` is 0.

box, target = torch.tensor([[1.0, 2.0, 4.0, 4.0]]), torch.tensor([[2.0, 2.0, 5.0, 5.0]])
print(f"in one unit {diou(box, target)}, in pixels {diou(640 * box, 640 * target)}")
none = diou(box[:0], target[:0])
print(f"no box: mean {none.mean()}, sum / max(n, 1) {none.sum() / max(len(none), 1)}")

# %%
# Use it when boxes may start anywhere, or lie inside each other; rather
# :doc:`/examples/detection/ciou` when the width beside the height matters to you, too.

# sphinx_gallery_tags = ["detection", "boxes", "metric"]
