r"""
GIoU
====

A box has a gradient towards its target even where the two do not overlap.

With the areas of the intersection :math:`I`, of the union :math:`U`, and of the hull
:math:`C`, the smallest box around both:

.. math::

   \ell = 1 - \text{GIoU}
   \qquad
   \text{GIoU} = \frac{I}{U} - \frac{C - U}{C}

The loss is 0 for equal boxes, 1 for boxes side by side that fill their hull, and nears
2 as boxes move apart.

Source: H. Rezatofighi et al., *Generalized Intersection over Union: A Metric and a Loss
for Bounding Box Regression*, CVPR 2019, algorithm 2.
"""

import torch
from torch import Tensor


def area(x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor) -> Tensor:
    """Compute the area of boxes; 0 where edges are in the wrong order."""
    return torch.relu(x2 - x1) * torch.relu(y2 - y1)


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Divide, with 0 / 0 = 0."""
    return part / torch.where(whole > 0, whole, 1)


def giou(boxes: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Generalized IoU loss of boxes, row by row.

    Args:
        boxes: Tensor of shape (N, 4), or (..., 4): the edges x1, y1, x2, y2 with x1
            below x2 and y1 below y2, in any unit; empty where they are not.
        target: Tensor of the same shape, in the same unit.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) or (...) with ``"none"``. The mean of no box
        is 0. An empty box inside its target has no gradient.

    Raises:
        ValueError: The shapes differ or do not end in 4, or ``reduction`` does not fit.

    >>> boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]], requires_grad=True)
    >>> loss = giou(boxes, torch.tensor([[3.0, 0.0, 4.0, 1.0]]))
    >>> loss.item()  # no intersection; half of the hull is empty: 1 - 0 / 2 + 2 / 4
    1.5
    >>> loss.backward()
    >>> boxes.grad  # of 2 - U / C: x2 changes U alone, x1 both U and C
    tensor([[ 0.1250,  0.0000, -0.2500,  0.0000]])

    >>> x = torch.tensor([[0.0, 0.1, 2.0, 3.0]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 1.0, 3.0, 2.5]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(giou, (x.requires_grad_(), y.requires_grad_()))
    True
    """
    if boxes.shape[-1:] != (4,) or boxes.shape != target.shape:
        raise ValueError(
            f"boxes and target must have the same shape (N, 4), got "
            f"{tuple(boxes.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    wide = torch.promote_types(boxes.dtype, torch.float32)  # areas overflow float16
    ours, theirs = boxes.to(wide).unbind(-1), target.to(wide).unbind(-1)
    larger, smaller = (
        list(map(pick, ours, theirs)) for pick in (torch.maximum, torch.minimum)
    )
    intersection = area(*larger[:2], *smaller[2:])
    hull = area(*smaller[:2], *larger[2:])
    union = area(*ours) + area(*theirs) - intersection
    loss = 1 - ratio(intersection, union) + ratio(hull - union, hull)
    if reduction == "mean":
        loss = loss.sum() / max(loss.numel(), 1)
    elif reduction == "sum":
        loss = loss.sum()
    return loss.to(boxes.dtype)


# %%
# Without overlap 1 - IoU is constant at 1
# ----------------------------------------
# A box of the target's size, 2 by 2, slides away from it. As soon as they part, the
# gradient of 1 - IoU is exactly zero; the hull still grows. 1 - GIoU ranges from 0 to
# 2.

import matplotlib.pyplot as plt

offset = torch.linspace(0, 8, 321, requires_grad=True)
target = torch.tensor([0.0, 0.0, 2.0, 2.0]).expand(321, 4)
boxes = target + offset.unsqueeze(1) * torch.tensor([1.0, 0.0, 1.0, 0.0])
loss = giou(boxes, target, reduction="none")
overlap = 2 * (2 - offset).relu()
(gradient,) = torch.autograd.grad(loss.sum(), offset, retain_graph=True)
(rival,) = torch.autograd.grad((1 - overlap / (8 - overlap)).sum(), offset)

fig, ax = plt.subplots()
ax.plot(offset.detach(), loss.detach(), label="GIoU loss")
ax.plot(offset.detach(), gradient, label="its gradient")
ax.plot(offset.detach(), rival, "--", label="gradient of 1 - IoU")
ax.set(xlabel="offset of the box", ylabel="loss and gradient")
ax.set_title("Past an offset of 2 only the hull has a gradient")
ax.legend(loc="center right")
print(f"gradient at offset 4: GIoU {gradient[160]:.3f}, IoU {rival[160]:.3f}")

# %%
# A box finds its target from afar
# --------------------------------
# It first stretches, since that fills the hull, and once they overlap it shrinks.

target = torch.tensor([[6.0, 3.0, 8.0, 5.0]])
box = torch.tensor([[0.0, 0.0, 2.0, 2.0]], requires_grad=True)
optimizer = torch.optim.Adam([box], lr=0.05)
for step in range(401):
    loss = giou(box, target)
    if step % 100 == 0:
        print(f"step {step:3}: loss {loss:.2f}, area {area(*box[0]):5.2f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
# Use it when boxes are regressed and may start anywhere; rather
# :doc:`/examples/detection/diou` when a box lies inside the other, where the hull is
# the larger one, GIoU is IoU, and it does not matter where inside;
# :doc:`/examples/detection/ciou` when the shape should count, too. An L1 term on the
# edges also has a gradient from afar. Match predictions to targets first, as
# :doc:`/examples/sequence/assignment` does, so that far boxes are not trained by IoU
# alone. Mind the format: boxes given as x, y, width, height are taken for edges.

outer = torch.tensor([0.0, 0.0, 4.0, 4.0])
for inner in ([0.0, 0.0, 1.0, 1.0], [1.5, 1.5, 2.5, 2.5]):
    print(f"{inner} in {outer.tolist()}: {giou(torch.tensor(inner), outer):.4f}")
width_format = torch.tensor([3.0, 3.0, 2.0, 2.0])  # x, y, width, height: no box at all
print(f"a box in the wrong format: {giou(width_format, width_format):.1f} to itself")

# sphinx_gallery_tags = ["detection", "boxes", "metric"]
