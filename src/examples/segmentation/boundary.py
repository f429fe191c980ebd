r"""
Boundary
========

A false alarm has a gradient in proportion to how far from the object it lies.

Each pixel has a weight :math:`\varphi`, its distance in pixels to the border of the
mask: positive outside, negative inside. With :math:`\sigma(z)`, the probability,

.. math::

   \ell = \frac{1}{|\Omega|} \sum_{i \in \Omega} \varphi_i \, \sigma(z_i)
   \qquad
   \varphi_i = \begin{cases}
   d(i, \text{object}) & \text{outside} \\
   1 - d(i, \text{background}) & \text{inside}
   \end{cases}
   \qquad
   \frac{\partial \ell}{\partial \sigma_i} = \frac{\varphi_i}{|\Omega|}

SciPy computes the distances on NumPy arrays; the Function is there for
:func:`torch.vmap`, which no NumPy code understands.

Source: H. Kervadec, J. Bouchtiba, C. Desrosiers, E. Granger, J. Dolz and I. Ben Ayed,
*Boundary Loss for Highly Unbalanced Segmentation*, MIDL 2019.
"""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor


class SignedDistance(torch.autograd.Function):
    """SciPy's distances to the border of every image, as a constant for autograd."""

    @staticmethod
    def forward(target: Tensor) -> Tensor:
        objects = (target > 0.5).numpy(force=True)
        distance = np.zeros(objects.shape)
        for image in np.ndindex(objects.shape[:-2]):
            inside = objects[image]
            if inside.any() and not inside.all():
                within, beyond = map(distance_transform_edt, (inside, ~inside))
                distance[image] = np.where(inside, 1 - within, beyond)
        return torch.from_numpy(distance).to(target.device)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info, in_dims: tuple[int], target: Tensor) -> tuple[Tensor, int]:
        return SignedDistance.apply(target.movedim(in_dims[0], 0)), 0


def boundary(
    logits: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Probability times signed distance to the object's border, the mean over pixels.

    Args:
        logits: Tensor of shape (N, 1, H, W), not normalised.
        target: The masks, 1.0 in the object and 0.0 outside, of the same shape. SciPy
            works on the CPU: a mask on another device is copied there and back.
        mask: Tensor of the same shape, True or 1 where a pixel counts; all, if None.
            For the distances, the rest is background.
        reduction: ``"mean"`` over the pixels that count, ``"sum"`` or ``"none"``.

    Returns:
        A scalar in pixels, or shape (N, 1, H, W) with ``"none"``: negative where most
        is right, 0 where no pixel counts. An image without an object, or without a
        background, has no border and is 0.

    Raises:
        ValueError: The shapes differ or are not (N, 1, H, W), or ``reduction`` is not
            one of these.

    >>> logits = torch.zeros(1, 1, 1, 4, requires_grad=True)  # p = 1/2 everywhere
    >>> target = torch.tensor([[[[0.0, 1.0, 1.0, 1.0]]]])
    >>> loss = boundary(logits, target)
    >>> loss.item()  # (1 + 0 - 1 - 2) / 2 / 4
    -0.25
    >>> loss.backward()
    >>> logits.grad * 16  # the slope of the sigmoid is 1/4, and there are 4 pixels
    tensor([[[[ 1.,  0., -1., -2.]]]])

    >>> x = torch.tensor([[[[-1.0, 0.0, 2.0, 0.5]]]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(boundary, (x.requires_grad_(), target))
    True
    """
    shapes = [tuple(x.shape) for x in (logits, target, mask) if x is not None]
    if len(set(shapes)) > 1 or logits.ndim != 4 or logits.shape[1] != 1:
        raise ValueError(
            f"logits, target and mask must have the same shape (N, 1, H, W), got "
            f"{' and '.join(map(str, shapes))}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    missing = torch.zeros_like(target, dtype=torch.bool) if mask is None else mask == 0
    logits = logits.masked_fill(missing, -torch.inf)  # no probability there
    target = target.masked_fill(missing, 0)
    wide = torch.promote_types(logits.dtype, torch.float32)  # float16 ends at 65,504
    loss = SignedDistance.apply(target).to(wide) * logits.to(wide).sigmoid()
    if reduction == "mean":
        loss = loss.sum() / (~missing).sum().clamp(min=1)
    elif reduction == "sum":
        loss = loss.sum()
    return loss.to(logits.dtype)


# %%
# The farther off, the larger the gradient
# ----------------------------------------
# A row of pixels with an object in the middle, and a prediction of 0.5 everywhere.
# The gradient of Dice is the same for every pixel outside.

import matplotlib.pyplot as plt

place = torch.arange(41) - 20
target = (place.abs() <= 5).float().reshape(1, 1, 1, 41)
logits = torch.zeros_like(target, requires_grad=True)
p = logits.sigmoid()
(gradient,) = torch.autograd.grad(boundary(logits, target), logits)
dice = 1 - 2 * (p * target).sum() / (p + target).sum()
(rival,) = torch.autograd.grad(dice, logits)

fig, ax = plt.subplots()
ax.plot(place, gradient.flatten(), "C1-", label="gradient of the boundary loss")
ax.plot(place, rival.flatten(), "C2--", label="gradient of Dice")
ax.set(xlabel="place in pixels; the object reaches from -5 to 5", ylabel="gradient")
ax.set_title("Under the boundary loss the gradient grows with the distance")
ax.legend(loc="upper center")

# %%
# Why is the boundary loss negative?
# ----------------------------------
# It is right: the signed distance is negative inside the object, so a perfect mask sums
# negative values alone. The minimum differs from image to image and is below zero; only
# the gradient matters. A prediction of nothing gives 0, and an image without an object
# has no border and no gradient, so combine it with Dice or cross entropy, and raise its
# weight gradually.

for name, mark in {"perfect": 2 * target - 1, "nothing": 0 * target - 1}.items():
    print(f"{name}: {boundary(1e4 * mark, target):.3f}")
(gradient,) = torch.autograd.grad(boundary(logits, 0 * target), logits)
print(f"no object: largest gradient {gradient.abs().max():.1f}")

# %%
# Use it beside Dice or cross entropy when a far false alarm is worse than a near one;
# rather :doc:`/examples/segmentation/hausdorff_dt` when the prediction's own border
# shall count, :doc:`/examples/segmentation/dice` when overlap is all.

# sphinx_gallery_tags = ["segmentation", "regions", "small objects", "missing labels", "needs SciPy"]
