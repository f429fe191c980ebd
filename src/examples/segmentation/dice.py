r"""
Dice
====

For small objects: each object has a gradient by its overlap, not by its pixels.

With the probabilities :math:`p = \sigma(z)` and the mask :math:`t` of one image,

.. math::

   \ell = 1 - \frac{2 \sum p \, t + s}{\sum p + \sum t + s}
   \qquad
   \frac{\partial \ell}{\partial p_i} = \frac{1 - \ell - 2 \, t_i}{\sum p + \sum t + s}

:math:`s` settles what an image without an object is worth.

Source: M. Drozdzal, E. Vorontsov, G. Chartrand, S. Kadoury and C. Pal, *The Importance
of Skip Connections in Biomedical Image Segmentation*, DLMIA 2016; without the squares
that others have in the denominator.
"""

import torch
from torch import Tensor


def dice(
    logits: Tensor,
    target: Tensor,
    smooth: float = 1e-5,
    mask: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """One minus the Dice overlap of each image.

    Args:
        logits: Tensor of shape (N, 1, H, W), not normalised.
        target: The masks, 1.0 in the object and 0.0 outside, of the same shape.
        smooth: Added to both sides of the fraction, in pixels; 0 or more.
        mask: Tensor of the same shape, True or 1 where a pixel counts; all, if None.
        reduction: ``"mean"`` over the images, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or shape (N,) with ``"none"``: 0 for a perfect overlap and where no
        pixel counts, about 1 for none. The mean is NaN where N is 0.

    Raises:
        ValueError: The shapes differ or are not (N, 1, H, W), or ``reduction`` is not
            one of these.

    >>> logits = torch.zeros(1, 1, 1, 4, requires_grad=True)  # p = 1/2 everywhere
    >>> target = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    >>> loss = dice(logits, target, smooth=1.0)
    >>> loss.item()  # 1 - (2 * 1/2 + 1) / (2 + 1 + 1)
    0.5
    >>> loss.backward()
    >>> logits.grad * 32  # the slope of the sigmoid, 1/4, times (1/2 - 2 t) / 4
    tensor([[[[-3.,  1.,  1.,  1.]]]])

    >>> x = torch.tensor([[[[-1.0, 0.0, 2.0, 0.5]]]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(dice, (x.requires_grad_(), target))
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
    if mask is not None:  # no probability there, and no object
        logits = logits.masked_fill(mask == 0, -torch.inf)
        target = target.masked_fill(mask == 0, 0)
    # float16 ends at 65,504, fewer pixels than an image of 256 by 256 has.
    p = logits.to(torch.promote_types(logits.dtype, torch.float32)).sigmoid()
    overlap = (p * target).sum((1, 2, 3))
    size = p.sum((1, 2, 3)) + target.sum((1, 2, 3), dtype=p.dtype)
    whole = size + smooth
    loss = (size - 2 * overlap) / torch.where(whole > 0, whole, 1)
    loss = loss if reduction == "none" else getattr(loss, reduction)()
    return loss.to(logits.dtype)


# %%
# The object has half of the gradient, however small it is
# --------------------------------------------------------
# That holds for a prediction that knows nothing, 0.5 everywhere. Under binary cross
# entropy the object then has the share of the gradient that it has of the image.

import matplotlib.pyplot as plt

objects = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048])
cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits


def share(loss, size):
    target = (torch.arange(4096) < size).float().reshape(1, 1, 64, 64)
    logits = torch.zeros_like(target, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(logits, target), logits)
    return (gradient * target).abs().sum() / gradient.abs().sum()


fig, ax = plt.subplots()
ax.semilogx(objects, [share(dice, n) for n in objects], label="Dice")
ax.semilogx(objects, [share(cross_entropy, n) for n in objects], label="cross entropy")
ax.set(xlabel="pixels of the object, of 4096", ylabel="its share of the gradient")
ax.set_title("Under Dice even one pixel has half of the gradient")
ax.legend()

# %%
# The loss is 1 for images without an object
# ------------------------------------------
# There the intersection is 0, so without a smooth term in the numerator the loss is 1
# with zero gradient, whatever is marked. With smooth in numerator and denominator,
# (2 I + s) / (P + T + s), the empty prediction scores 0. An epsilon in the denominator
# alone does not help, and a tiny smooth leaves the loss near 1 until the prediction
# sums to about smooth: give it some pixels, or leave empty images out of Dice, by the
# mask, and let cross entropy train them.

nothing = torch.zeros(1, 1, 48, 48)
for smooth in (0.0, 1e-5, 10.0):
    for logit in (0.0, -10.0):
        logits = torch.full_like(nothing, logit, requires_grad=True)
        loss = dice(logits, nothing, smooth)
        (gradient,) = torch.autograd.grad(loss, logits)
        print(f"smooth {smooth:5}, marked {logits.sigmoid().sum():6.1f}: ", end="")
        print(f"loss {loss.item():.4f}, gradient {gradient.sum():.1e}")

# %%
# Each image, or the whole batch?
# -------------------------------
# They are two losses: a ratio of sums is not the mean of ratios. For each image, as
# here, every image counts alike, and small objects dominate. Summing over the batch
# weights images by their foreground and is steady with empty or tiny masks, but depends
# on who is in the batch. For several classes choose the dimensions of the sum
# explicitly: (2, 3) for each image and class, (0, 2, 3) for each class over the batch.

target = (torch.arange(64) < torch.tensor([[2], [32]])).float().reshape(2, 1, 8, 8)
logits = torch.full_like(target, -3).masked_fill(target == 1, 3)
logits[0] = -3  # the small one is missed
as_one = dice(logits.reshape(1, 1, 16, 8), target.reshape(1, 1, 16, 8))
print(f"each image: {dice(logits, target):.2f}, the batch as one: {as_one:.2f}")

# %%
# Use it when objects are small and their overlap is what you are judged by; rather
# :doc:`/examples/segmentation/tversky` when a miss costs more than a false alarm,
# :doc:`/examples/segmentation/jaccard` when IoU is the measure,
# :doc:`/examples/segmentation/generalized_dice` for several classes, and add cross
# entropy when images may be empty or you read the probabilities.

# sphinx_gallery_tags = ["segmentation", "regions", "imbalance", "small objects", "missing labels", "metric"]
