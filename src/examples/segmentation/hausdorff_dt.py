r"""
Hausdorff by distance transforms
================================

Weighs each pixel's squared error by its distance from both borders: far mistakes first.

With the probabilities :math:`p`, the mask :math:`t`, and the distance of a pixel to
the border of each, :math:`d_p` and :math:`d_t`, in pixels:

.. math::

   \ell = \frac{1}{|\Omega|} \sum_{i \in \Omega}
   (p_i - t_i)^2 \left( d_{p,i}^\alpha + d_{t,i}^\alpha \right)

:math:`d_p` is that of the decision :math:`p > 1/2`, computed in each step by SciPy, and
a constant for the gradient. The Function is there for :func:`torch.vmap`, which no
NumPy code understands.

Source: D. Karimi and S. E. Salcudean, *Reducing the Hausdorff Distance in Medical Image
Segmentation with Convolutional Neural Networks*, IEEE TMI 2020, equation 8.
"""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor


class BorderDistance(torch.autograd.Function):
    """SciPy's distance to the other side of a mask, 0 if it is empty or full."""

    @staticmethod
    def forward(mask: Tensor) -> Tensor:
        objects = mask.numpy(force=True)
        distance = np.zeros(objects.shape)
        for image in np.ndindex(objects.shape[:-2]):
            inside = objects[image]
            if inside.any() and not inside.all():
                within, beyond = map(distance_transform_edt, (inside, ~inside))
                distance[image] = within + beyond  # one of them is 0
        return torch.from_numpy(distance).to(mask.device)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info, in_dims: tuple[int], mask: Tensor) -> tuple[Tensor, int]:
        return BorderDistance.apply(mask.movedim(in_dims[0], 0)), 0


def hausdorff_dt(logits: Tensor, target: Tensor, alpha: float = 2.0) -> Tensor:
    """Mean squared error over pixels, weighted by distances from the borders.

    Args:
        logits: Tensor of shape (N, 1, H, W), not normalised.
        target: The masks, 1.0 in the object and 0.0 outside, of the same shape. SciPy
            works on the CPU: tensors on another device are copied there and back.
        alpha: The power of the distances; above 0.

    Returns:
        A scalar in pixels to the power alpha, 0 where all is right; NaN where N is 0.
        A mask, or a decision, that is empty or full has no border and the distance 0.

    Raises:
        ValueError: The shapes differ or are not (N, 1, H, W).

    >>> logits = torch.tensor([[[[-1.0, -1.0, 0.0, 1.0]]]], requires_grad=True)
    >>> target = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    >>> loss = hausdorff_dt(logits.detach() * 1e3, target)
    >>> loss.item()  # wrong at the ends: (9 + 1 + 1 + 9) / 4, and 1/4 (1 + 4) / 4 at 0
    5.3125
    >>> hausdorff_dt(logits, target).backward()
    >>> (logits.grad[..., 2] * 16).item()  # 2 * 1/2 * 1/4 * (1 + 4) / 4
    5.0

    >>> x = torch.tensor([[[[-1.0, 0.3, 2.0, 0.5]]]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(hausdorff_dt, (x.requires_grad_(), target))
    True
    """
    if logits.shape != target.shape or logits.ndim != 4 or logits.shape[1] != 1:
        raise ValueError(
            f"logits and target must have the same shape (N, 1, H, W), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    # The square of a distance of 256 pixels is beyond float16.
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    ours, theirs = map(BorderDistance.apply, (logits > 0, target > 0.5))
    weight = (ours**alpha + theirs**alpha).to(wide.dtype)
    return (weight * (wide.sigmoid() - target).square()).mean().to(logits.dtype)


# %%
# A speck far away rules the Hausdorff distance, and this loss
# ------------------------------------------------------------
# The Hausdorff distance is how far the worst mistake lies from the border. A maximum
# has a gradient at one pixel only; this loss replaces it by a weighted sum over all. A
# speck of nine pixels moves away from the object. Dice stays as it is.

import matplotlib.pyplot as plt

target = torch.zeros(1, 1, 24, 64)
target[..., 8:16, 4:12] = 1
away, ours, dice = range(5, 46, 2), [], []
for shift in away:
    mask = target.clone()
    mask[..., 10:13, 12 + shift : 15 + shift] = 1
    logits = 6 * mask - 3
    p = logits.sigmoid()
    ours.append(hausdorff_dt(logits, target) / 10)
    dice.append(1 - 2 * (p * target).sum() / (p + target).sum())

fig, ax = plt.subplots()
ax.plot(away, ours, label="Hausdorff loss / 10")
ax.plot(away, dice, "C2--", label="Dice loss")
ax.set(xlabel="pixels between the object and the speck", ylabel="loss")
ax.set_title("The farther the speck, the larger the loss")
ax.legend()

# %%
# Its weight beside Dice, its size, and empty masks
# -------------------------------------------------
# The value is large and depends on the image's size: it is in pixels to the power
# alpha. The paper sets its weight after each epoch so that it and Dice have the same
# mean. Where nothing is predicted, as early in training, only the target's distances
# are left. In an image without an object there are none while all decisions agree, and
# the loss is 0: train such images by Dice or cross entropy beside.

for alpha in (1.0, 2.0, 3.0):
    print(f"alpha {alpha}: {hausdorff_dt(logits, target, alpha):.2f}")
for name, mask in {"an object": target, "no object": 0 * target}.items():
    value = hausdorff_dt(torch.full_like(target, -0.1), mask)
    print(f"{name}, nothing predicted: {value:.2f}")

# %%
# Use it when the worst mistake counts, as in planning a treatment; rather
# :doc:`/examples/segmentation/boundary` when distances to the target's border alone,
# computed once, are enough. Here each step on a GPU waits for a copy to the CPU and
# back. Distances of voxels that are not cubes need SciPy's ``sampling``.

# sphinx_gallery_tags = ["segmentation", "regions", "metric", "needs SciPy"]
