r"""
CIoU
====

DIoU with a gradient for the shape: width beside height becomes that of the target.

With the intersection over union, the distance :math:`d` between the centres, and the
diagonal :math:`c` of the hull, the smallest box around both:

.. math::

   \ell = 1 - \text{IoU} + \frac{d^2}{c^2} + \alpha v
   \qquad
   v = \frac{4}{\pi^2} \left( \arctan \frac{w_t}{h_t} - \arctan \frac{w}{h} \right)^2
   \qquad
   \alpha = \frac{v}{1 - \text{IoU} + v}

:math:`\alpha` is a weight, and no gradient flows through it, as in the paper,
torchvision and fvcore. So the gradient is not the derivative of the value, on purpose,
and ``gradcheck`` fails where the shapes differ.

Source: Z. Zheng, P. Wang, W. Liu, J. Li, R. Ye and D. Ren, *Distance-IoU Loss: Faster
and Better Learning for Bounding Box Regression*, AAAI 2020, equations 8 to 11.
"""

import math

import torch
from torch import Tensor


def ciou(boxes: Tensor, target: Tensor) -> Tensor:
    """Complete IoU loss of boxes, row by row.

    Args:
        boxes: Tensor of shape (N, 4), or (..., 4): the edges x1, y1, x2, y2 with x1
            below x2 and y1 below y2, in any unit.
        target: Tensor of the same shape, in the same unit.

    Returns:
        Tensor of shape (N,) or (...), a loss per box. Two empty boxes have an IoU of 0.

    Raises:
        ValueError: The shapes differ or do not end in 4.

    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]], requires_grad=True)
    >>> loss = ciou(boxes, torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
    >>> print(f"{loss.item():.4f}")  # both square: 1 - 2 / 6 + 1 / (9 + 4)
    0.7436

    >>> x = torch.tensor([[0.0, 0.1, 2.0, 2.1]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 1.0, 3.0, 2.5]], dtype=torch.float64)
    >>> inputs = x.requires_grad_(), y.requires_grad_()
    >>> torch.autograd.gradcheck(ciou, inputs, raise_exception=False)
    False
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
    # atan2 has a value for a height of 0, too, but no gradient where both are 0.
    angle, target_angle = (
        torch.atan2(each[..., 0], torch.where((each == 0).all(-1), 1, each[..., 1]))
        for each in (size, target_size)
    )
    v = 4 / math.pi**2 * (target_angle - angle).square()
    bound = (1 - iou + v).detach()
    alpha = v.detach() / torch.where(bound > 0, bound, 1)
    away = distance / torch.where(diagonal > 0, diagonal, 1)
    return (1 - iou + away + alpha * v).to(dtype)


# %%
# How much does the term of the shape add? Little
# -----------------------------------------------
# A box around its target's centre, with the target's area, is made wider and less high.
# The centres agree, so :doc:`/examples/detection/diou` is 1 - IoU here. CIoU adds a
# gradient on the ratio of the sides, but v is small for common shapes, and alpha is
# small besides: near the right shape the share of CIoU in the gradient vanishes.

import matplotlib.pyplot as plt

stretch = torch.linspace(-1.2, 1.2, 241, requires_grad=True)
half = torch.stack([stretch.exp(), (-stretch).exp()], -1)
boxes = torch.cat([-half, half], -1)
target = torch.tensor([-1.0, -1.0, 1.0, 1.0]).expand(241, 4)
loss = ciou(boxes, target)
overlap = 4 * torch.exp(-stretch.abs())  # two areas of 4
(gradient,) = torch.autograd.grad(loss.sum(), stretch, retain_graph=True)
(rival,) = torch.autograd.grad((1 - overlap / (8 - overlap)).sum(), stretch)

fig, ax = plt.subplots()
ax.plot(stretch.detach(), loss.detach(), label="CIoU loss")
ax.plot(stretch.detach(), gradient, label="its gradient")
ax.plot(stretch.detach(), rival, "--", label="gradient of DIoU")
ax.set(xlabel="half the logarithm of width / height", ylabel="loss and gradient")
ax.set_title("The gradients of CIoU and DIoU hardly differ")
ax.legend()
more = gradient / rival
print(f"times that of DIoU: {more[130]:.2f} near the shape, {more[240]:.2f} far")

# %%
# Without the detach the gradient is another, and the value the same
# ------------------------------------------------------------------
# Let autograd go through alpha and the last term falls nearly twice as fast: v squared
# over 1 - IoU + v has up to twice the slope of alpha v.

angle = torch.tensor(0.3, requires_grad=True)
v = angle**2
for name, alpha in {"detached": (v / (0.5 + v)).detach(), "not": v / (0.5 + v)}.items():
    (slope,) = torch.autograd.grad(alpha * v, angle, retain_graph=True)
    print(f"alpha {name:8}: value {(alpha * v).item():.4f}, slope {slope:.4f}")

# %%
# Use it when a detector's boxes have to fit in shape, which is the usual choice in
# one-stage detectors; rather :doc:`/examples/detection/diou` when you need a gradient
# that is the derivative of the value, or aspect ratios are noise. Match predictions to
# targets first, so that far boxes are not trained by an IoU alone: their loss goes up
# to 2.5. It is one value per box; take the mean with ``max(n, 1)`` for pictures without
# one.

flat, tall = torch.tensor([[0.0, 0.0, 1e3, 1e-3]]), torch.tensor([[1e6, 0, 1e6, 1e3]])
print(f"a flat box far from a tall one: {ciou(flat, tall).item():.3f}")

# sphinx_gallery_tags = ["detection", "boxes", "metric"]
