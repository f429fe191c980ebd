r"""
Generalized Dice
================

Each class weighs by one over its squared size, so the background cannot rule the ratio.

With the probabilities :math:`p_{ci}`, softmax over the classes, and the one-hot target
:math:`t_{ci}`, for one image:

.. math::

   \ell = 1 - \frac{2 \sum_c w_c \sum_i p_{ci} \, t_{ci} + s}
   {\sum_c w_c \sum_i (p_{ci} + t_{ci}) + s}
   \qquad
   w_c = \frac{1}{\left( \sum_i t_{ci} \right)^2}

A class that an image lacks would weigh infinitely much. It gets the largest weight of
the others, as in MONAI, so that a false alarm still costs something.

Source: C. H. Sudre, W. Li, T. Vercauteren, S. Ourselin and M. J. Cardoso, *Generalised
Dice Overlap as a Deep Learning Loss Function for Highly Unbalanced Segmentations*,
DLMIA 2017, section 2.1.
"""

import torch
from torch import Tensor


def generalized_dice(logits: Tensor, target: Tensor, smooth: float = 1e-5) -> Tensor:
    """One minus the Dice overlap of all classes, weighted by their squared volumes.

    Args:
        logits: Tensor of shape (N, C, H, W), not normalised.
        target: The true classes, int64 in [0, C), of shape (N, H, W); or each class's
            share of a pixel, one-hot or soft, of the shape of ``logits``.
        smooth: Added to both sides of the fraction; 0 or more.

    Returns:
        A scalar in [0, 1], the mean over images; NaN where N is 0.

    Raises:
        ValueError: The shapes or dtypes do not fit.

    >>> logits = torch.zeros(1, 2, 1, 4, requires_grad=True)  # p = 1/2 everywhere
    >>> target = torch.tensor([[[1, 0, 0, 0]]])
    >>> loss = generalized_dice(logits, target, smooth=0.0)
    >>> loss.item()  # weights 1/9 and 1: 1 - 2 (1.5 / 9 + 0.5) / (5 / 9 + 3) = 5/8
    0.625
    >>> loss.backward()
    >>> logits.grad[0, 1] * 64  # the rare class's pixel has three times the gradient
    tensor([[-7.5000,  2.5000,  2.5000,  2.5000]])

    >>> x = torch.tensor([-1.0, 0.0, 2.0, 0.5, 1.0, -0.5], dtype=torch.float64)
    >>> x = x.reshape(1, 2, 1, 3).requires_grad_()
    >>> torch.autograd.gradcheck(generalized_dice, (x, torch.tensor([[[0, 1, 1]]])))
    True
    """
    classes = logits.shape[:1] + logits.shape[2:]
    if logits.ndim != 4 or target.shape not in (classes, logits.shape):
        raise ValueError(
            f"logits and target must have shapes (N, C, H, W) and (N, H, W), or twice "
            f"(N, C, H, W), got {tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if target.ndim == 3 and target.dtype != torch.int64:
        raise ValueError(f"target of shape (N, H, W) must be int64, got {target.dtype}")
    # In float16 the sums, and one over their squares, are out of range.
    p = logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(1)
    if target.ndim == 3:
        target = torch.zeros_like(p).scatter(1, target.unsqueeze(1), 1.0)
    size = target.sum((2, 3), dtype=p.dtype)
    weight = torch.where(size > 0, size, torch.inf).pow(-2)
    weight = torch.where(size > 0, weight, weight.amax(1, keepdim=True))
    overlap = (weight * (p * target).sum((2, 3))).sum(1)
    total = (weight * (p.sum((2, 3)) + size)).sum(1)
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean().to(logits.dtype)


# %%
# A Dice of 0.98 although no lesion is found
# ------------------------------------------
# That happens where classes are flattened into one vector before the ratio is taken:
# the background decides it. Compute Dice for each class, with sums over batch and space
# alone, and average over the classes, without the background if it is of no interest;
# or weigh the classes before the ratio, as here.

import matplotlib.pyplot as plt

target = torch.zeros(1, 32, 32, dtype=torch.int64)
target[0, 4:8, 4:8], target[0, 20:22, 20:24] = 1, 2
one_hot = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).float()
nothing_found = torch.zeros(1, 3, 32, 32)
nothing_found[:, 0] = 20
p = nothing_found.softmax(1)
by_class = 2 * (p * one_hot).sum((0, 2, 3)) / (p + one_hot).sum((0, 2, 3))
print(f"flattened Dice: {2 * (p * one_hot).sum() / (p + one_hot).sum():.3f}")
print(f"mean over classes: {by_class.mean():.3f}, lesions: {by_class[1:].mean():.3f}")
print(f"generalized Dice: {1 - generalized_dice(nothing_found, target):.3f}")

# %%
# The smaller the object, the larger the gradient of its pixels
# -------------------------------------------------------------
# The gradient of a pixel of the object by that of a pixel of the background, where the
# network says 0.5 everywhere. A pixel that is labelled by mistake has it, too.

sides = torch.arange(1, 17)


def ratio(loss, side):
    target = torch.zeros(1, 32, 32, dtype=torch.int64)
    target[0, :side, :side] = 1
    logits = torch.zeros(1, 2, 32, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(logits, target), logits)
    return (gradient[0, 1, 0, 0] / gradient[0, 1, -1, -1]).abs()


cross_entropy = torch.nn.functional.cross_entropy
fig, ax = plt.subplots()
ax.semilogy(sides**2, [ratio(generalized_dice, n) for n in sides], label="this loss")
ax.semilogy(sides**2, [ratio(cross_entropy, n) for n in sides], label="cross entropy")
ax.set(xlabel="pixels of the object, of 1024", ylabel="gradient, object / background")
ax.set_title("A smaller object has the larger gradient for each of its pixels")
ax.legend()

# %%
# Use it when classes exclude each other and their sizes differ by orders of magnitude;
# rather :doc:`/examples/segmentation/dice` when there is one object, and with
# cross entropy beside it when training jumps.

# sphinx_gallery_tags = ["segmentation", "regions", "imbalance", "small objects", "metric"]
